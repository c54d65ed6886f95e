/* fib with a spawn at every call, as one writes it for Emscripten's pthreads: a pool of threads, and a queue of jobs
 * under a mutex. A join takes its job back and runs it, or sleeps until the thread that has taken it is done. (If it ran
 * other jobs meanwhile, they would pile up on its stack, which has an end.) Jobs lie on their spawner's stack, so
 * nothing is allocated; idle threads take the oldest.
 * Prints what native_fib.cpp prints. */
#include <emscripten.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

enum { N = 30, RESULT = 832040, RUNS = 5, ROOM = 1024 };

struct job {
  int n, result;
  int done; /* only of a job that another thread has taken */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
/* All of these are under the mutex. The queue is a ring: from oldest on, up to newest. */
static struct job *queue[ROOM];
static unsigned oldest, newest;
static int idle, stop;

static int fib(int n);

static void spawn(struct job *job) {
  pthread_mutex_lock(&mutex);
  if (newest - oldest == ROOM) abort();
  queue[newest++ % ROOM] = job;
  int wanted = idle;
  pthread_mutex_unlock(&mutex);
  if (wanted) pthread_cond_signal(&queued);
}

/* Takes the job off the queue. Returns 0 if it is not there any more. Call it with the mutex held. */
static int take_back(struct job *job) {
  unsigned at = newest;
  while (at != oldest && queue[(at - 1) % ROOM] != job) at--;
  if (at == oldest) return 0;
  for (; at != newest; at++) queue[(at - 1) % ROOM] = queue[at % ROOM]; /* nearly always it is the newest */
  newest--;
  return 1;
}

static void join(struct job *job) {
  pthread_mutex_lock(&mutex);
  int mine = take_back(job);
  while (!mine && !job->done) pthread_cond_wait(&done, &mutex);
  pthread_mutex_unlock(&mutex);
  if (mine) job->result = fib(job->n);
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
  pthread_mutex_lock(&mutex);
  while (!stop) {
    if (newest == oldest) {
      idle++;
      pthread_cond_wait(&queued, &mutex);
      idle--;
      continue;
    }
    struct job *job = queue[oldest++ % ROOM];
    pthread_mutex_unlock(&mutex);
    int result = fib(job->n);
    pthread_mutex_lock(&mutex);
    job->result = result;
    job->done = 1;
    pthread_cond_broadcast(&done);
  }
  pthread_mutex_unlock(&mutex);
  return unused;
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
