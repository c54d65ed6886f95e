/* The kernels of test_kernel_calls.py: arguments of each type, what goes wrong, loops, recursion. */
#include <math.h>
#include <penny.h>

/* ---- arguments and results ------------------------------------------------------------------------ */

PENNY_KERNEL(saxpy, "f32 a, f32[] x, f32[] y")
void saxpy(float a, const float *x, uint32_t nx, float *y, uint32_t ny) {
  for (uint32_t i = 0; i < nx && i < ny; i++) y[i] += a * x[i];
}

PENNY_KERNEL(total, "f64[] x -> f64")
double total(const double *x, uint32_t n) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += x[i];
  return sum;
}

PENNY_KERNEL(negated, "i32 n -> i32")
int32_t negated(int32_t n) { return -n; }
PENNY_KERNEL(inverted, "u32 n -> u32")
uint32_t inverted(uint32_t n) { return ~n; }
PENNY_KERNEL(negated_wide, "i64 n -> i64")
int64_t negated_wide(int64_t n) { return -n; }
PENNY_KERNEL(inverted_wide, "u64 n -> u64")
uint64_t inverted_wide(uint64_t n) { return ~n; }
PENNY_KERNEL(third, "f32 x -> f32")
float third(float x) { return x / 3; }
PENNY_KERNEL(sine, "f64 x -> f64")
double sine(double x) { return sin(x); }
PENNY_KERNEL(not, "bool b -> bool")
int not(int b) { return !b; }

/* ---- loops ----------------------------------------------------------------------------------------- */

/* Marks place i with the worker's number + 1, and takes its time. */
PENNY_KERNEL(mark, "i32 i, u8[] marks, i32 turns")
void mark(int32_t i, uint8_t *marks, uint32_t n, int32_t turns) {
  if ((uint32_t)i >= n || marks[i]) __builtin_trap();
  marks[i] = (uint8_t)(penny_worker_id() + 1);
  for (volatile int32_t turn = 0; turn < turns; turn++) continue;
}

PENNY_KERNEL(tick, "i32 i, i32[] ticks")
void tick(int32_t i, int32_t *ticks, uint32_t n) {
  (void)i, (void)n;
  __atomic_fetch_add(&ticks[0], 1, __ATOMIC_SEQ_CST);
}

static uint32_t counter = 100;

PENNY_KERNEL(count, "u64 i")
void count(uint64_t i) { __atomic_fetch_add(&counter, (uint32_t)i, __ATOMIC_SEQ_CST); }
PENNY_KERNEL(counted, "-> u32")
uint32_t counted(void) { return __atomic_load_n(&counter, __ATOMIC_SEQ_CST); }

/* ---- several at a time ------------------------------------------------------------------------------ */

/* Returns when so many of it run: each on a worker of its own. */
PENNY_KERNEL(meet, "i32[] count, i32 all")
void meet(int32_t *count, uint32_t n, int32_t all) {
  (void)n;
  __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < all) continue;
}

/* ---- recursion ------------------------------------------------------------------------------------- */

struct fib {
  struct penny_job job;
  int32_t n, result;
};
static __attribute__((noinline)) int32_t fib_of(int32_t n);
static void fib_job(void *p) {
  struct fib *fib = p;
  fib->result = fib_of(fib->n);
}
static int32_t fib_of(int32_t n) {
  if (n < 2) return n;
  struct fib left;
  left.n = n - 1;
  penny_spawn(&left.job, fib_job, &left);
  int32_t right = fib_of(n - 2);
  penny_join_call(&left.job, fib_job, &left);
  return left.result + right;
}
PENNY_KERNEL(fib, "i32 n -> i32")
int32_t fib(int32_t n) { return fib_of(n); }

/* ---- what goes wrong ------------------------------------------------------------------------------- */

PENNY_KERNEL(divide, "i32 a, i32 b -> i32")
int32_t divide(int32_t a, int32_t b) { return a / b; }
PENNY_KERNEL(read_at, "u32 address -> i32")
int32_t read_at(uint32_t address) { return *(volatile int32_t *)address; }
PENNY_KERNEL(unreachable, "")
void unreachable(void) { __builtin_trap(); }

static void nothing(void *p) { (void)p; }
PENNY_KERNEL(forget, "")
void forget(void) {
  struct penny_job job;
  penny_spawn(&job, nothing, 0);
}
PENNY_KERNEL(deep, "i32 depth -> i32")
int32_t deep(int32_t depth) {
  struct penny_job job;
  volatile char frame[2000];
  frame[depth % 2000] = 0; /* so that the compiler keeps all of it */
  penny_spawn(&job, nothing, 0);
  int32_t reached = depth ? deep(depth - 1) : 0;
  penny_join(&job);
  return reached + 1 + frame[depth % 2000];
}

/* Recursion that spawns nothing, half a kilobyte a level. */
PENNY_KERNEL(sink, "i32 depth -> i32")
int32_t sink(int32_t depth) {
  volatile int32_t frame[128];
  for (int32_t i = 0; i < 128; i++) frame[i] = depth;
  return depth ? sink(depth - 1) + 1 + (frame[depth % 128] != depth) : 1;
}

/* ---- cancelling ------------------------------------------------------------------------------------ */

/* Says that it runs, in started[0], and goes on for ever; `asks`: until penny_cancelled(), then says so. */
PENNY_KERNEL(endless, "i32[] started, bool asks")
void endless(int32_t *started, uint32_t n, int32_t asks) {
  (void)n;
  __atomic_store_n(&started[0], 1, __ATOMIC_SEQ_CST);
  for (;;) {
    if (asks) {
      if (!penny_cancelled()) continue;
      __atomic_store_n(&started[0], 2, __ATOMIC_SEQ_CST);
      return;
    }
    struct penny_job job;
    penny_spawn(&job, nothing, 0);
    penny_join(&job);
  }
}

/* Says that it runs, in started[0], and does nothing else for ever. */
PENNY_KERNEL(stuck, "i32[] started")
void stuck(int32_t *started, uint32_t n) {
  (void)n;
  __atomic_store_n(&started[0], 1, __ATOMIC_SEQ_CST);
  for (volatile int32_t turn = 0;; turn++) continue;
}
