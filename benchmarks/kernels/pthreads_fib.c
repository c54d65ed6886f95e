/* fib with a spawn at every call, as one writes it for Emscripten's pthreads: a pool of threads, and a queue of jobs
 * under a mutex. A join runs queued jobs until its own is done. Jobs lie on their spawner's stack, so nothing is
 * allocated; joins take the newest job, idle threads the oldest: the queue stays as short as the recursion is deep.
 * Prints what native_fib.cpp prints. */
#include <emscripten.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

enum { N = 30, RESULT = 832040, RUNS = 5, ROOM = 1024 };

struct job {
  int n, result;
  atomic_int done;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
/* All of these are under the mutex. The queue is a ring: from oldest on, up to newest. */
static struct job *queue[ROOM];
static unsigned oldest, newest;
static int idle, stop;

static int fib(int n);

static void run(struct job *job) {
  job->result = fib(job->n);
  atomic_store(&job->done, 1);
}

static void spawn(struct job *job) {
  pthread_mutex_lock(&mutex);
  if (newest - oldest == ROOM) abort();
  queue[newest++ % ROOM] = job;
  int wanted = idle;
  pthread_mutex_unlock(&mutex);
  if (wanted) pthread_cond_signal(&queued);
}

static void join(struct job *job) {
  while (!atomic_load(&job->done)) {
    pthread_mutex_lock(&mutex);
    struct job *other = newest == oldest ? NULL : queue[--newest % ROOM];
    pthread_mutex_unlock(&mutex);
    if (other) run(other);
  }
}

static NOINLINE int fib(int n) {
  if (n < 2) return n;
  struct job left = {.n = n - 1};
  spawn(&left);
  int right = fib(n - 2);
  join(&left);
  return left.result + right;
}

static NOINLINE int serial(int n) { return n < 2 ? n : serial(n - 1) + serial(n - 2); }

static void *serve(void *unused) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (newest == oldest && !stop) {
      idle++;
      pthread_cond_wait(&queued, &mutex);
      idle--;
    }
    struct job *job = stop ? NULL : queue[oldest++ % ROOM];
    pthread_mutex_unlock(&mutex);
    if (!job) return unused;
    run(job);
  }
}

static double best(int (*f)(int)) {
  volatile int n = N;
  double least = 1e300;
  for (int round = 0; round < RUNS; round++) {
    double began = emscripten_get_now();
    if (f(n) != RESULT) abort();
    double ns = (emscripten_get_now() - began) * 1e6;
    if (ns < least) least = ns;
  }
  return least;
}

int main(void) {
  double plain = best(serial);
  double one = best(fib);
  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, NULL)) abort();
  double two = best(fib);
  pthread_mutex_lock(&mutex);
  stop = 1;
  pthread_mutex_unlock(&mutex);
  pthread_cond_signal(&queued);
  pthread_join(thread, NULL);
  printf("{\"plain\": %f, \"one\": %f, \"two\": %f}\n", plain, one, two);
  return 0;
}
