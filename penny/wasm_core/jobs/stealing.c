/* A worker's loop: where its next task comes from. Urgent ones first; then the own newest; then the oldest of
 * a random victim; then a small batch from the injector, the rest of which lies in the own deque, where
 * others steal it; then it asks busy workers to promote something, and sleeps. There is no scheduler thread.
 */
#include "jobs/jobs.h"

#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tasks/tasks.h"
#include "trace/trace.h"

/* So many tasks a worker takes from the injector at once: eight cost one look at all queues. More would lie in the deque of
 * one worker, where others have to steal them one by one. */
enum { BATCH_MAX = 8 };

/* A worker takes its number, at first or after the death of its predecessor. */
EXPORT(worker_start) void worker_start(u32 number) {
  struct worker *worker = &shared->worker[number];
  deque_adopt(&worker->deque);
  worker->random = number * 0x9e3779b9u + 0x7f4a7c15u + worker->deaths;
  worker->spin = 0;
  worker->quick = 0;
  worker->doubt = 1;
  worker->idle = 0;
  worker->idle_since = 0;
  worker->innermost = 0;
  worker->started = clock_ms();
  if (tracing()) trace_at(worker->started, TRACE_STARTED, 0, NOBODY, NONE, worker->deaths);
}

/* G. Marsaglia, "Xorshift RNGs", 2003. Enough to spread thieves over victims. */
static u32 next_random(struct worker *worker) {
  u32 x = worker->random;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return worker->random = x;
}

/* The oldest task of a queue that is not shared out in batches, or NONE. */
static u32 take_one(u32 queue, u32 me) {
  for (u32 hint; (hint = injector_take(queue)) != NONE;)
    if (claim(hint, me)) return hint_index(hint);
  return NONE;
}

static u32 pop_own(u32 me) {
  for (u32 hint; (hint = deque_pop(&shared->worker[me].deque)) != NONE;)
    if (claim(hint, me)) return hint_index(hint);
  return NONE;
}

static u32 steal(u32 me, u32 *origin) {
  u32 workers = plain_load(&shared->workers);
  u32 first = next_random(&shared->worker[me]) % workers;
  for (u32 i = 0; i < workers; i++) {
    u32 victim = first + i < workers ? first + i : first + i - workers;
    if (victim == me) continue;
    struct deque *deque = &shared->worker[victim].deque;
    while (!deque_looks_empty(deque)) { /* NONE from a deque that is not empty: lost a race, again */
      u32 hint = deque_steal(deque);
      if (hint == NONE || !claim(hint, me)) continue;
      shared->worker[me].stolen++;
      *origin = ORIGIN_STOLEN | victim << 8;
      return hint_index(hint);
    }
  }
  return NONE;
}

/* Takes a fair share of the injector, at most BATCH_MAX: claims the oldest and puts the others into
 * the own deque, in such an order that they are popped oldest first. */
static u32 take_batch(u32 me) {
  u32 share = injector_length(BATCH) / plain_load(&shared->workers);
  u32 wanted = share < 1 ? 1 : share > BATCH_MAX ? BATCH_MAX : share;
  u32 batch[BATCH_MAX];
  u32 taken = 0;
  u32 task = NONE;
  while (taken < wanted) {
    u32 hint = injector_take(BATCH);
    if (hint == NONE) break;
    if (task != NONE)
      batch[taken++] = hint;
    else if (claim(hint, me)) {
      task = hint_index(hint);
      taken++; /* counts as batch[0], which stays unused */
    }
  }
  if (task != NONE) shared->worker[me].injected++;
  for (u32 i = taken; i > 1; i--) push_or_spill(me, batch[i - 1]);
  /* Between take and push nobody saw them: one may have parked beside them, who passes it on. */
  if (taken > 1) wake_one();
  return task;
}

/* Says as well where it was from: enum origin, and the victim << 8. */
u32 find_task(u32 me, u32 *origin) {
  *origin = ORIGIN_URGENTLY;
  u32 task = take_one(INTERACTIVE, me);
  if (task == NONE) *origin = ORIGIN_OWN, task = pop_own(me);
  if (task == NONE) task = steal(me, origin);
  if (task == NONE) *origin = ORIGIN_INJECTED, task = take_batch(me);
  if (task != NONE) shared->worker[me].run++;
  return task;
}

/* The next task for this worker, now RUNNING: its slot's index; STOPPED when the scheduler stops;
 * NOTHING when there was none for `milliseconds` (negative: no bound). Blocks; workers only. */
EXPORT(worker_next) i32 worker_next(u32 me, double milliseconds) {
  struct worker *worker = &shared->worker[me];
  int spun = 0;
  int passes_on = 0;
  double deadline = milliseconds < 0 ? 0 : clock_ms() + milliseconds;
  for (;;) {
    if (load(&shared->stop)) {
      if (tracing()) trace(TRACE_STOPPED, 0, NOBODY, NONE, 0);
      return STOPPED;
    }
    u32 origin;
    u32 task = find_task(me, &origin);
    if (task != NONE) {
      if (passes_on) pass_on();
      double now = end_idle(worker);
      /* If it was not idle, it has ended another just now: the clock need not be asked again. */
      if (tracing()) trace_began(now ? now : trace_last(), task, origin);
      return (i32)task;
    }
    double now = clock_ms();
    begin_idle(worker, now);
    if (milliseconds >= 0 && now >= deadline) return NOTHING;
    if (!spun) {
      spun = 1;
      passes_on = spin(me);
      continue;
    }
    if (park(me, NONE, 1, nanoseconds_of(milliseconds < 0 ? -1 : deadline - now)) & SLEPT) worker->wakeups++;
    passes_on = 1; /* even if it did not sleep: a waker may have taken its bit for another's work */
  }
}

/* An interactive task, now RUNNING, to be run on top of another; or NONE. Does not wait. */
EXPORT(urgent_next) u32 urgent_next(u32 me) {
  u32 task = take_one(INTERACTIVE, me);
  if (task == NONE) return NONE;
  shared->worker[me].run++;
  if (tracing()) trace_began(clock_ms(), task, ORIGIN_URGENTLY);
  return task;
}

/* A coroutine task for the async worker, now RUNNING; or NOTHING, or STOPPED. Does not wait: that worker
 * sleeps by Atomics.waitAsync on its event counter, which whoever publishes one bumps afterwards. */
EXPORT(coroutine_next) i32 coroutine_next(void) {
  if (load(&shared->stop)) {
    if (tracing()) trace(TRACE_STOPPED, 0, NOBODY, NONE, 0);
    return STOPPED;
  }
  u32 task = take_one(COROUTINES, ASYNC_WORKER);
  if (task == NONE) return NOTHING;
  shared->worker[ASYNC_WORKER].run++;
  if (tracing()) trace_began(clock_ms(), task, ORIGIN_COROUTINE);
  return (i32)task;
}

/* No more tasks: workers leave their loop at the next look. */
EXPORT(stop) void stop(void) {
  store(&shared->stop, 1);
  for (u32 w = 0; w < plain_load(&shared->workers); w++) wake_worker(w);
  wake_worker(ASYNC_WORKER);
}
