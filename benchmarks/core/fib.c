/* Fork-join on the core alone: fib with a spawn at every call, on deque.c's deques, in two threads.
 * No slots and no Python: what a deque entry names here is a job on the spawner's stack, which lies
 * in the shared memory. It measures what stealing itself costs.
 */
#include "queues/queues.h"

struct job {
  u32 n;
  u32 result;
  u32 done; /* 1: result is there. W: whoever ran the job; R: its spawner */
};

static u32 fib(u32 me, u32 n);

static void run(u32 me, struct job *job) {
  job->result = fib(me, job->n);
  store(&job->done, 1);
}

static int steal_and_run(u32 me) {
  u32 workers = shared->workers;
  for (u32 victim = 0; victim < workers; victim++) {
    if (victim == me) continue;
    u32 stolen = deque_steal(&shared->worker[victim].deque);
    if (stolen == NONE) continue;
    run(me, (struct job *)stolen);
    return 1;
  }
  return 0;
}

static u32 fib(u32 me, u32 n) {
  if (n < 2) return n;
  struct job job = {n - 1, 0, 0};
  struct deque *deque = &shared->worker[me].deque;
  deque_push(deque, (u32)&job); /* as deep as n: it never fills */
  u32 here = fib(me, n - 2);
  /* What was spawned later has been joined, so the deque holds this job or, if it was stolen, none. */
  if (deque_pop(deque) == (u32)&job) return here + fib(me, job.n);
  while (!load(&job.done)) steal_and_run(me);
  return here + job.result;
}

EXPORT(fib_run) u32 fib_run(u32 me, u32 n) { return fib(me, n); }

/* A thief, until somebody says stop. */
EXPORT(fib_serve) void fib_serve(u32 me) {
  while (!load(&shared->stop)) steal_and_run(me);
}
