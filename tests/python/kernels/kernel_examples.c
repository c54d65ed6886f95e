/* The kernels of examples/kernels as plain C, for sanitizers: each on sizes that leave remainders, each result
 * computed another way. Exits with the number of the check that failed. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void row(int32_t y, uint8_t *pixels, uint32_t bytes, int32_t width, double left, double top, double step,
         int32_t limit);
void matmul(const float *a, uint32_t na, const float *b, uint32_t nb, float *c, uint32_t nc, int32_t rows,
            int32_t inner, int32_t columns);
void mergesort(double *x, uint32_t n, double *scratch, uint32_t room);
void advance(double *positions, uint32_t np, double *velocities, uint32_t nv, const double *masses, uint32_t count,
             int32_t steps, double dt);
double energy(const double *positions, uint32_t np, const double *velocities, uint32_t nv, const double *masses,
              uint32_t count);
void along_rows(int32_t y, const uint8_t *image, uint32_t n, float *blurred, uint32_t nb, int32_t width,
                const float *weights, uint32_t reach);
void along_columns(int32_t y, const float *blurred, uint32_t n, uint8_t *image, uint32_t ni, int32_t width,
                   const float *weights, uint32_t reach);

static uint64_t state = 88172645463325252u;
static double random_number(void) { /* of -1 to 1: xorshift */
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) / (double)(1ull << 52) - 1;
}

/* Of the very size, so that the sanitizer sees an access beyond. */
static void *room(size_t bytes) {
  void *block = malloc(bytes ? bytes : 1);
  if (!block) exit(99);
  return block;
}

static int in_order(const void *p, const void *q) {
  double a = *(const double *)p, b = *(const double *)q;
  return (a > b) - (a < b);
}

static void check_mergesort(uint32_t n) {
  double *x = room(n * sizeof *x), *y = room(n * sizeof *y), *scratch = room(n * sizeof *scratch);
  for (uint32_t i = 0; i < n; i++) y[i] = x[i] = floor(random_number() * n); /* with equal ones */
  mergesort(x, n, scratch, n);
  qsort(y, n, sizeof *y, in_order);
  for (uint32_t i = 0; i < n; i++)
    if (x[i] != y[i]) exit(1);
  free(x), free(y), free(scratch);
}

static void check_matmul(int32_t rows, int32_t inner, int32_t columns) {
  uint32_t na = rows * inner, nb = inner * columns, nc = rows * columns;
  float *a = room(na * sizeof *a), *b = room(nb * sizeof *b), *c = room(nc * sizeof *c);
  for (uint32_t i = 0; i < na; i++) a[i] = (float)random_number();
  for (uint32_t i = 0; i < nb; i++) b[i] = (float)random_number();
  memset(c, 1, nc * sizeof *c);
  matmul(a, na, b, nb, c, nc, rows, inner, columns);
  for (int32_t i = 0; i < rows; i++)
    for (int32_t j = 0; j < columns; j++) {
      double sum = 0;
      for (int32_t k = 0; k < inner; k++) sum += (double)a[i * inner + k] * b[k * columns + j];
      if (fabs(sum - c[i * columns + j]) > 1e-6 * (inner + 1)) exit(2);
    }
  free(a), free(b), free(c);
}

/* Velocities change by the slope of the energy, which is the potential's, and momentum stays. */
static void check_nbody(uint32_t count) {
  uint32_t n = 3 * count;
  double *p = room(n * sizeof *p), *v = room(n * sizeof *v), *slope = room(n * sizeof *slope);
  double *before = room(n * sizeof *before), *m = room(count * sizeof *m), dt = 1e-3, h = 1e-5, momentum = 0;
  for (uint32_t i = 0; i < n; i++) p[i] = random_number(), before[i] = v[i] = random_number() / 10;
  for (uint32_t i = 0; i < count; i++) m[i] = (1 + random_number() / 2) / count;
  for (uint32_t i = 0; i < n; i++) {
    double here = p[i];
    p[i] = here + h;
    slope[i] = energy(p, n, v, n, m, count);
    p[i] = here - h;
    slope[i] = (slope[i] - energy(p, n, v, n, m, count)) / (2 * h);
    p[i] = here;
  }
  double place = p[0];
  advance(p, n, v, n, m, count, 1, dt);
  for (uint32_t i = 0; i < n; i++) {
    double change = m[i / 3] * (v[i] - before[i]);
    if (fabs(change + dt * slope[i]) > 1e-4 * dt * (fabs(slope[i]) + 1e-3)) exit(3);
    if (i % 3 == 0) momentum += change;
  }
  if (fabs(momentum) > 1e-12 || fabs(p[0] - place - dt * v[0]) > 1e-12) exit(4);
  free(p), free(v), free(slope), free(before), free(m);
}

/* The blur of a single bright pixel is the product of the weights; that of an even ground is the ground. */
static void check_blur(int32_t width, int32_t height) {
  enum { REACH = 5 };
  float weights[REACH] = {0.28f, 0.18f, 0.1f, 0.06f, 0.02f}, sum = 0;
  for (int d = 1; d < REACH; d++) sum += weights[d];
  weights[0] = 1 - 2 * sum;
  uint32_t n = 4 * width * height;
  uint8_t *image = room(n);
  float *blurred = room(n * sizeof *blurred);
  int32_t x0 = width / 2, y0 = height / 2;
  for (int bright = 0; bright < 2; bright++) {
    memset(image, bright ? 0 : 77, n);
    if (bright) image[4 * (y0 * width + x0) + 1] = 255;
    for (int32_t y = 0; y < height; y++) along_rows(y, image, n, blurred, n, width, weights, REACH);
    for (int32_t y = 0; y < height; y++) along_columns(y, blurred, n, image, n, width, weights, REACH);
    if (!bright)
      for (uint32_t i = 0; i < n; i++)
        if (image[i] != 77) exit(5);
  }
  if (width >= 2 * REACH && height >= 2 * REACH)
    for (int32_t y = 0; y < height; y++)
      for (int32_t x = 0; x < width; x++) {
        int dx = abs(x - x0), dy = abs(y - y0);
        float expected = dx < REACH && dy < REACH ? 255 * weights[dx] * weights[dy] : 0;
        if (fabsf(expected - image[4 * (y * width + x) + 1]) > 0.51f) exit(6);
      }
  free(image), free(blurred);
}

/* Where the set is known: inside the main cardioid and the disc of period 2, and outside of |c| = 2. */
static void check_mandelbrot(int32_t width, int32_t height) {
  uint32_t n = 4 * width * height;
  uint8_t *pixels = room(n);
  double left = -2.1, top = -1.3, step = 2.6 / height;
  for (int32_t y = 0; y < height; y++) row(y, pixels, n, width, left, top, step, 300);
  for (int32_t y = 0; y < height; y++)
    for (int32_t x = 0; x < width; x++) {
      double a = left + x * step, b = top + y * step, q = (a - 0.25) * (a - 0.25) + b * b;
      int inside = q * (q + a - 0.25) < 0.25 * b * b || (a + 1) * (a + 1) + b * b < 1.0 / 16;
      const uint8_t *pixel = &pixels[4 * (y * width + x)];
      int black = !pixel[0] && !pixel[1] && !pixel[2];
      if (pixel[3] != 255 || (inside && !black) || (a * a + b * b > 4 && black)) exit(7);
    }
  free(pixels);
}

int main(void) {
  static const uint32_t counts[] = {0, 1, 2, 24, 25, 1000, 9999};
  for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) check_mergesort(counts[i]);
  static const int32_t shapes[][3] = {{0, 3, 2}, {1, 1, 1}, {4, 0, 8}, {4, 8, 8}, {7, 300, 19}, {33, 5, 64}};
  for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) check_matmul(shapes[i][0], shapes[i][1], shapes[i][2]);
  check_nbody(1);
  check_nbody(50);
  check_blur(1, 1);
  check_blur(3, 40);
  check_blur(23, 17);
  check_mandelbrot(61, 47);
  return 0;
}
