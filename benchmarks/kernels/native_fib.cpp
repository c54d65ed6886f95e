// fib with a spawn at every call in native libraries. Prints nanoseconds per spawn: what is left of the best of some
// runs without the plain function. Two threads, of which one calls, as that is how they would be used.
#include <chrono>
#include <cstdio>

#ifdef WITH_TBB
#include <tbb/global_control.h>
#include <tbb/task_group.h>
#endif

static const int N = 30;
static const int RESULT = 832040;
static const double SPAWNS = 1346268;

__attribute__((noinline)) static int serial(int n) { return n < 2 ? n : serial(n - 1) + serial(n - 2); }

static int fib(int n) {
  if (n < 2) return n;
  int left, right;
#ifdef WITH_TBB
  tbb::task_group group;
  group.run([&] { left = fib(n - 1); });
  right = fib(n - 2);
  group.wait();
#else
#pragma omp task shared(left)
  left = fib(n - 1);
  right = fib(n - 2);
#pragma omp taskwait
#endif
  return left + right;
}

template <typename F> static double best(F f) {
  double least = 1e300;
  for (int round = 0; round < 5; round++) {
    auto began = std::chrono::steady_clock::now();
    if (f() != RESULT) return -1;
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    if (took.count() < least) least = took.count();
  }
  return least;
}

int main() {
  volatile int n = N;
  double plain = best([&] { return serial(n); });
#ifdef WITH_TBB
  tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
  double spawned = best([&] { return fib(n); });
#else
  double spawned = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
  spawned = best([&] { return fib(n); });
#endif
  // On two threads the work was shared: what one thread spent is up to twice that.
  std::printf("%f\n", (spawned - plain) / SPAWNS);
}
