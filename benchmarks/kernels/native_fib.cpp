// fib with a spawn at every call in native libraries. Prints ns as JSON, of the best of some runs each: the plain
// function, fib on one thread, and on two, of which one calls.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#ifdef WITH_TBB
#include <tbb/global_control.h>
#include <tbb/task_group.h>
#endif

static const int N = 30;
static const int RESULT = 832040;

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
    if (f() != RESULT) std::abort();
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    if (took.count() < least) least = took.count();
  }
  return least;
}

static double on_threads(int threads, int n) {
#ifdef WITH_TBB
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  return best([&] { return fib(n); });
#else
  double spawned = 0;
#pragma omp parallel num_threads(threads)
#pragma omp single
  spawned = best([&] { return fib(n); });
  return spawned;
#endif
}

int main() {
  volatile int n = N;
  double plain = best([&] { return serial(n); });
  double one = on_threads(1, n);
  double two = on_threads(2, n);
  std::printf("{\"plain\": %f, \"one\": %f, \"two\": %f}\n", plain, one, two);
}
