/* The doorbell: how a worker that computes is asked for something, between two bytecodes of whatever
 * Python it runs.
 *
 * To ring: set the reason's bit in `reasons`, then store SIGUSR1 into `interrupt`. Pyodide looks at
 * that word between bytecodes; the buffer it was given reads it by an exchange with 0, so no ring is
 * lost between a look and the clearing. Python then runs the signal handler, which drains `reasons` by an
 * exchange with 0 and sees to what it found. It rings also where the bit is set already: the handler may
 * have had no stack left to drain it.
 *
 * A kernel hears it by its context's limit instead, at the next spawn: attention.c.
 *
 * What the handler does: jobs/README.md. Model: models/promotion.pml.
 */
#include "sleep/sleep.h"

#include "queues/queues.h"
#include "tables/tables.h"
#include "trace/trace.h"

void ring(u32 worker, u32 reason) {
  fetch_or(&shared->worker[worker].reasons, reason);
  store(&shared->worker[worker].interrupt, SIGUSR1);
  kernel_attention(worker);
  if (load(&shared->worker[worker].hears) & reason) wake_worker(worker);
  if (tracing()) trace(TRACE_RANG, reason, worker, NONE, 0);
}

/* A worker whose kernels have ended, for what they left to Python: `due`, and whatever else it was rung for. Its next
 * kernel need not look for the hungry on that account: they ask kernels themselves. */
void ring_python(u32 worker, u32 due) {
  u32 reasons = load(&shared->worker[worker].reasons) | due;
  if (reasons & ~(u32)STEAL)
    ring(worker, due);
  else if (reasons)
    store(&shared->worker[worker].interrupt, SIGUSR1);
}

/* Rings every worker that is awake, but for the caller. Those asleep look at the queues, and at who is
 * hungry, before they run anything. */
void ring_busy(u32 caller, u32 reason) {
  u64 idle = load(&shared->idle);
  u32 workers = plain_load(&shared->workers);
  for (u32 w = 0; w < workers; w++)
    if (w != caller && !(idle >> w & 1)) ring(w, reason);
}

/* What Python reads instead of the interrupt word. */
EXPORT(doorbell_take) u32 doorbell_take(u32 worker) {
  u32 *interrupt = &shared->worker[worker].interrupt;
  /* Asked every few bytecodes: a load is cheaper than an exchange. A ring that comes just then is seen
   * the next time. */
  return load(interrupt) ? exchange(interrupt, 0) : 0;
}

static u32 drain(u32 worker) {
  return exchange(&shared->worker[worker].reasons, 0);
}

/* The reasons so far; from now on others count. */
EXPORT(doorbell_reasons) u32 doorbell_reasons(u32 worker) {
  u32 reasons = drain(worker);
  if (reasons && tracing()) trace(TRACE_HEARD, reasons, NOBODY, NONE, 0);
  return reasons;
}

/* How many workers are hungry for a job of `task` (a hint): they look for work in vain, spinning or parked, or wait in a join
 * that it belongs to. What a busy worker that has private jobs promotes for. A spinner that has only to
 * open its eyes is not counted: else its victim, should it be off the processor just now, would promote everything it has.
 * (Who waits is not counted any more once it is told of something.) */
EXPORT(hungry) u32 hungry(u32 task) {
  u32 count = (u32)__builtin_popcountll(load(&shared->idle)) + (load(&shared->spinner) && !work_is_visible());
  u32 workers = plain_load(&shared->workers);
  for (u32 w = 0; w < workers; w++) {
    u32 waits_for = load(&shared->waits_for[w]);
    if (waits_for && belongs(task, waits_for - 1)) count++;
  }
  return count;
}
