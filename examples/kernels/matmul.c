/* C = A B of float32 matrices in row-major order, four floats at a time.
 *
 *   penny kernel build matmul.c -msimd128
 */
#include <penny.h>

/* Clang and GCC make SIMD of it where there is some. Elements may lie anywhere. */
typedef float floats __attribute__((vector_size(16), aligned(4), may_alias));

/* A tile of C that stays in registers: rows, and columns in vectors. */
enum { ROWS = 4, VECTORS = 2, COLUMNS = 4 * VECTORS };

/* So many rows of B at a time: a strip of them, COLUMNS wide, stays in the first cache. */
enum { DEPTH = 256 };

struct product {
  const float *a, *b;
  float *c;
  int32_t rows, inner, columns;
};

/* Adds to a full tile of C, from row i and column j on, what the inner indices [low, high) contribute. */
static inline void add_tile(const struct product *p, int32_t i, int32_t j, int32_t low, int32_t high) {
  floats sum[ROWS][VECTORS];
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < VECTORS; v++) sum[r][v] = *(const floats *)&p->c[(i + r) * p->columns + j + 4 * v];
  for (int32_t k = low; k < high; k++) {
    const float *b = &p->b[k * p->columns + j];
    for (int r = 0; r < ROWS; r++) {
      float a = p->a[(i + r) * p->inner + k];
      for (int v = 0; v < VECTORS; v++) sum[r][v] += a * *(const floats *)&b[4 * v];
    }
  }
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < VECTORS; v++) *(floats *)&p->c[(i + r) * p->columns + j + 4 * v] = sum[r][v];
}

/* The same for what is left at the edges. */
static void add_rest(const struct product *p, int32_t i, int32_t rows, int32_t j, int32_t columns, int32_t low,
                     int32_t high) {
  for (int32_t r = i; r < i + rows; r++)
    for (int32_t k = low; k < high; k++) {
      float a = p->a[r * p->inner + k];
      for (int32_t s = j; s < j + columns; s++) p->c[r * p->columns + s] += a * p->b[k * p->columns + s];
    }
}

/* Bands [from, to) of ROWS rows each. */
static void bands(int32_t from, int32_t to, void *argument) {
  const struct product *p = argument;
  int32_t first = from * ROWS, last = to * ROWS < p->rows ? to * ROWS : p->rows;
  for (int32_t i = first * p->columns; i < last * p->columns; i++) p->c[i] = 0;
  for (int32_t low = 0; low < p->inner; low += DEPTH) {
    int32_t high = low + DEPTH < p->inner ? low + DEPTH : p->inner;
    for (int32_t j = 0; j < p->columns; j += COLUMNS) {
      int32_t columns = p->columns - j < COLUMNS ? p->columns - j : COLUMNS;
      for (int32_t i = first; i < last; i += ROWS)
        if (columns == COLUMNS && last - i >= ROWS)
          add_tile(p, i, j, low, high);
        else
          add_rest(p, i, last - i < ROWS ? last - i : ROWS, j, columns, low, high);
    }
  }
}

/* A has `rows` x `inner` elements, B `inner` x `columns`. */
PENNY_KERNEL(matmul, "f32[] a, f32[] b, f32[] c, i32 rows, i32 inner, i32 columns")
void matmul(const float *a, uint32_t na, const float *b, uint32_t nb, float *c, uint32_t nc, int32_t rows,
            int32_t inner, int32_t columns) {
  if (rows < 0 || inner < 0 || columns < 0) __builtin_trap();
  if ((int64_t)rows * inner > na || (int64_t)inner * columns > nb || (int64_t)rows * columns > nc) __builtin_trap();
  struct product product = {a, b, c, rows, inner, columns};
  penny_for(0, (rows + ROWS - 1) / ROWS, 8, bands, &product);
}
