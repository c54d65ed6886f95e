/* The kernels that benchmarks/kernels.py measures, and their serial twins: the same work, written without Penny.
 *
 * prepare() makes the data, once; each kernel returns something to check. */
#include "penny.h"

#define NOINLINE __attribute__((noinline))

/* ---- fib: nothing but spawns -------------------------------------------------------------------- */

static int fib_of(struct penny_call *call, int n);
static void fib_call(struct penny_call *call, struct penny_call *next) { call->i32[0] = fib_of(next, call->i32[0]); }
/* The compiler makes a loop of the serial function's last call; here that takes a few words. */
static int fib_of(struct penny_call *call, int n) {
  int sum = 0;
  for (; n >= 2; n--) {
    call->i32[0] = n - 1;
    sum += fib_of(penny_fork(call, fib_call), n - 2);
    if (!penny_kept(call)) return sum + call->i32[0];
  }
  return sum + n;
}
PENNY_KERNEL(fib, "i32 n")
int fib(int n) {
  int result = fib_of(penny_open(), n);
  penny_close();
  return result;
}

/* The same by jobs that lie in frames. */
struct fib {
  struct penny_job job;
  int n, result;
};
static NOINLINE int fib_node(int n);
static inline int fib_in_frames(int n) { return n < 2 ? n : fib_node(n); } /* leaves take no frame in memory */
static void fib_job(void *p) {
  struct fib *fib = p;
  fib->result = fib_in_frames(fib->n);
}
static NOINLINE int fib_node(int n) {
  struct fib left; /* not initialised: that would clear the job, too */
  left.n = n - 1;
  penny_spawn(&left.job, fib_job, &left);
  int right = fib_in_frames(n - 2);
  penny_join_call(&left.job, fib_job, &left);
  return left.result + right;
}
PENNY_KERNEL(fib_jobs, "i32 n")
int fib_jobs(int n) { return fib_in_frames(n); }

PENNY_KERNEL(fib_serial, "i32 n")
int fib_serial(int n) { return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2); }

/* ---- tree sum ----------------------------------------------------------------------------------- */

struct tree {
  struct tree *left, *right;
  int64_t value;
};

static struct tree *plant(struct tree **room, int64_t *value, int height) {
  if (!height) return 0;
  struct tree *tree = (*room)++;
  tree->value = (*value)++;
  tree->left = plant(room, value, height - 1);
  tree->right = plant(room, value, height - 1);
  return tree;
}

static int64_t sum_of(struct penny_call *call, const struct tree *tree);
static void sum_call(struct penny_call *call, struct penny_call *next) {
  call->i64[0] = sum_of(next, call->pointer[0]);
}
/* As the serial one after the engine has inlined a level of it: leaves take no call. */
static inline int64_t left_of(struct penny_call *call, const struct tree *tree) {
  const struct tree *left = tree->left;
  if (!left) return 0;
  return left->left || left->right ? sum_of(call, left) : left->value;
}
static int64_t sum_of(struct penny_call *call, const struct tree *tree) {
  int64_t sum = 0;
  for (;; tree = tree->right) {
    sum += tree->value;
    if (!tree->right) return sum + left_of(call, tree);
    call->pointer[0] = tree->right;
    sum += left_of(penny_fork(call, sum_call), tree);
    if (!penny_kept(call)) return sum + call->i64[0];
  }
}
static int64_t sum_serial(const struct tree *tree) {
  int64_t sum = tree->value;
  if (tree->left) sum += sum_serial(tree->left);
  if (tree->right) sum += sum_serial(tree->right);
  return sum;
}

PENNY_KERNEL(plant_tree, "i32 height")
const struct tree *plant_tree(int height) {
  struct tree *room = penny_alloc(sizeof(struct tree) << height);
  int64_t value = 0;
  return room ? plant(&room, &value, height) : 0;
}
PENNY_KERNEL(tree, "i32 tree")
double tree(const struct tree *tree) {
  int64_t sum = sum_of(penny_open(), tree);
  penny_close();
  return (double)sum;
}
PENNY_KERNEL(tree_serial, "i32 tree")
double tree_serial(const struct tree *tree) { return (double)sum_serial(tree); }

/* ---- matrix product ----------------------------------------------------------------------------- */

enum { SIDE = 768, ROWS = 4 };
static float *a, *b, *c;

/* c = a b, ROWS rows at a time, so that each row of b is read once for all of them. */
static void product_rows(int32_t from, int32_t to, void *unused) {
  (void)unused;
  for (int32_t block = from; block < to; block++) {
    float *rows = c + block * ROWS * SIDE;
    __builtin_memset(rows, 0, ROWS * SIDE * sizeof *rows);
    for (int k = 0; k < SIDE; k++)
      for (int r = 0; r < ROWS; r++) {
        float factor = a[(block * ROWS + r) * SIDE + k];
        float *restrict row = rows + r * SIDE;
        const float *restrict other = b + k * SIDE;
        for (int j = 0; j < SIDE; j++) row[j] += factor * other[j];
      }
  }
}
PENNY_KERNEL(matmul, "")
double matmul(void) {
  penny_for(0, SIDE / ROWS, 1, product_rows, 0);
  return c[SIDE * SIDE / 2 + 5];
}

/* ---- Mandelbrot --------------------------------------------------------------------------------- */

enum { WIDTH = 640, HEIGHT = 480, ITERATIONS = 400 };
static uint32_t *image;

static void mandelbrot_rows(int32_t from, int32_t to, void *unused) {
  (void)unused;
  for (int32_t y = from; y < to; y++)
    for (int32_t x = 0; x < WIDTH; x++) {
      double re = 3.0 * x / WIDTH - 2.2, im = 2.4 * y / HEIGHT - 1.2, zr = 0, zi = 0;
      uint32_t i = 0;
      for (; i < ITERATIONS && zr * zr + zi * zi < 4; i++) {
        double next = zr * zr - zi * zi + re;
        zi = 2 * zr * zi + im;
        zr = next;
      }
      image[y * WIDTH + x] = i;
    }
}
PENNY_KERNEL(mandelbrot, "")
double mandelbrot(void) {
  penny_for(0, HEIGHT, 1, mandelbrot_rows, 0);
  return image[HEIGHT / 2 * WIDTH + WIDTH / 3];
}

/* ---- n-body ------------------------------------------------------------------------------------- */

enum { BODIES = 2048, STEPS = 10, GRAIN = 32 };
struct bodies {
  double x[BODIES], y[BODIES], z[BODIES], vx[BODIES], vy[BODIES], vz[BODIES];
};
static struct bodies *bodies;

static void accelerate(int32_t from, int32_t to, void *unused) {
  (void)unused;
  for (int32_t i = from; i < to; i++) {
    double ax = 0, ay = 0, az = 0;
    for (int32_t j = 0; j < BODIES; j++) {
      double dx = bodies->x[j] - bodies->x[i], dy = bodies->y[j] - bodies->y[i], dz = bodies->z[j] - bodies->z[i];
      double square = dx * dx + dy * dy + dz * dz + 1e-3;
      double pull = 1 / (square * __builtin_sqrt(square));
      ax += dx * pull;
      ay += dy * pull;
      az += dz * pull;
    }
    bodies->vx[i] += ax * 1e-6;
    bodies->vy[i] += ay * 1e-6;
    bodies->vz[i] += az * 1e-6;
  }
}
PENNY_KERNEL(nbody, "")
double nbody(void) {
  for (int step = 0; step < STEPS; step++) {
    penny_for(0, BODIES, GRAIN, accelerate, 0);
    for (int i = 0; i < BODIES; i++) {
      bodies->x[i] += bodies->vx[i] * 1e-6;
      bodies->y[i] += bodies->vy[i] * 1e-6;
      bodies->z[i] += bodies->vz[i] * 1e-6;
    }
  }
  return bodies->x[7] == bodies->x[7]; /* not NaN */
}

/* ---- merge sort --------------------------------------------------------------------------------- */

enum { ITEMS = 1 << 21, SMALL = 24, SERIAL_MERGE = 8192 };
static double *items, *other, *unsorted;

static void insertion_sort(double *item, int n) {
  for (int i = 1; i < n; i++) {
    double x = item[i];
    int j = i;
    for (; j > 0 && item[j - 1] > x; j--) item[j] = item[j - 1];
    item[j] = x;
  }
}

struct merge {
  struct penny_job job;
  const double *left, *right;
  int n, m;
  double *to;
};

/* The greatest n items of both, from the back. */
static void merge_upper(void *p) {
  struct merge *merge = p;
  int i = merge->n - 1, j = merge->m - 1, from = (merge->n + merge->m) / 2;
  for (int k = merge->n + merge->m - 1; k >= from; k--)
    merge->to[k] = j < 0 || (i >= 0 && merge->left[i] > merge->right[j]) ? merge->left[i--] : merge->right[j--];
}

/* From both ends to the middle: two halves that need not know of each other. */
static void merge(const double *left, int n, const double *right, int m, double *to) {
  struct merge upper = {.left = left, .right = right, .n = n, .m = m, .to = to};
  int both = n + m > SERIAL_MERGE;
  if (both) penny_spawn(&upper.job, merge_upper, &upper);
  int end = both ? (n + m) / 2 : n + m;
  for (int i = 0, j = 0, k = 0; k < end; k++)
    to[k] = j >= m || (i < n && left[i] <= right[j]) ? left[i++] : right[j++];
  if (both) penny_join(&upper.job);
}

struct sort {
  struct penny_job job;
  double *item, *room;
  int n, to_room;
};

/* Sorts the items, into themselves or into the room beside them. */
static void sort(void *p) {
  struct sort *s = p;
  if (s->n <= SMALL) {
    insertion_sort(s->item, s->n);
    if (s->to_room) __builtin_memcpy(s->room, s->item, s->n * sizeof *s->item);
    return;
  }
  int half = s->n / 2;
  struct sort left = {.item = s->item, .room = s->room, .n = half, .to_room = !s->to_room};
  struct sort right = {.item = s->item + half, .room = s->room + half, .n = s->n - half, .to_room = !s->to_room};
  penny_spawn(&left.job, sort, &left);
  sort(&right);
  penny_join_call(&left.job, sort, &left);
  if (s->to_room)
    merge(s->item, half, s->item + half, s->n - half, s->room);
  else
    merge(s->room, half, s->room + half, s->n - half, s->item);
}
PENNY_KERNEL(mergesort, "")
double mergesort(void) {
  __builtin_memcpy(items, unsorted, ITEMS * sizeof *items);
  struct sort all = {.item = items, .room = other, .n = ITEMS};
  sort(&all);
  for (int i = 1; i < ITEMS; i++)
    if (items[i - 1] > items[i]) return 0;
  return 1;
}

/* ---- data --------------------------------------------------------------------------------------- */

static double next_random(uint32_t *x) {
  *x ^= *x << 13;
  *x ^= *x >> 17;
  *x ^= *x << 5;
  return *x / 4294967296.0;
}

PENNY_KERNEL(prepare, "")
int prepare(void) {
  uint32_t x = 1;
  a = penny_alloc(SIDE * SIDE * sizeof *a);
  b = penny_alloc(SIDE * SIDE * sizeof *b);
  c = penny_alloc(SIDE * SIDE * sizeof *c);
  image = penny_alloc(WIDTH * HEIGHT * sizeof *image);
  bodies = penny_alloc(sizeof *bodies);
  items = penny_alloc(ITEMS * sizeof *items);
  other = penny_alloc(ITEMS * sizeof *other);
  unsorted = penny_alloc(ITEMS * sizeof *unsorted);
  if (!a || !b || !c || !image || !bodies || !items || !other || !unsorted) return 0;
  for (int i = 0; i < SIDE * SIDE; i++) {
    a[i] = (float)next_random(&x);
    b[i] = (float)next_random(&x);
  }
  double *coordinates = bodies->x;
  for (int i = 0; i < 3 * BODIES; i++) coordinates[i] = next_random(&x);
  for (int i = 0; i < 3 * BODIES; i++) coordinates[3 * BODIES + i] = 0;
  for (int i = 0; i < ITEMS; i++) unsorted[i] = next_random(&x);
  return 1;
}
