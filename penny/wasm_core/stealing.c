/* A worker's loop: where its next task comes from. Urgent ones first; then the own newest; then the oldest of
 * a random victim; then a small batch from the injector, the rest of which lies in the own deque, where
 * others steal it; then it asks busy workers to promote something, and sleeps. There is no scheduler thread.
 */
#include "shared.h"

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

/* Makes a hint stealable: into this worker's deque or, if that is full, back into the injector.
 * Returns 0 if both are full: then the caller runs the task itself. */
int push_or_spill(u32 worker, u32 hint) {
  return deque_push(&shared->worker[worker].deque, hint) || injector_put(BATCH, hint);
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
static u32 find_task(u32 me, u32 *origin) {
  *origin = ORIGIN_URGENTLY;
  u32 task = take_one(INTERACTIVE, me);
  if (task == NONE) *origin = ORIGIN_OWN, task = pop_own(me);
  if (task == NONE) task = steal(me, origin);
  if (task == NONE) *origin = ORIGIN_INJECTED, task = take_batch(me);
  if (task != NONE) shared->worker[me].run++;
  return task;
}

static void begin_idle(struct worker *worker, double now) {
  if (!worker->idle_since) worker->idle_since = now;
}

/* Returns the time; 0 if it was not idle. */
static double end_idle(struct worker *worker) {
  if (!worker->idle_since) return 0;
  double now = clock_ms();
  worker->idle += now - worker->idle_since;
  worker->idle_since = 0;
  return now;
}

/* Whoever was woken, or announced that it sleeps and may be taken for woken, or spun on account of those who
 * were not, wakes another if there is more to do. */
static void pass_on(void) {
  if (!work_is_visible() || wake_one()) return;
  offer_to_waiters();
  if (injector_length(INTERACTIVE)) ring_busy(NONE, URGENT);
}

static i64 nanoseconds(double milliseconds) {
  return milliseconds < 0 ? -1 : (i64)(milliseconds * 1e6);
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
    if (park(me, NONE, 1, nanoseconds(milliseconds < 0 ? -1 : deadline - now)) & SLEPT) worker->wakeups++;
    passes_on = 1; /* even if it did not sleep: a waker may have taken its bit for another's work */
  }
}

/* ---- joins (promotion.md) ------------------------------------------------------------------------- */

/* What may be run on top of a join: belongs() in tasks.c. After D. B. Wagner and B. G. Calder, "Leapfrogging: a portable technique for
 * implementing efficient futures", PPoPP 1993. A stale hint has to be taken away, since it may hide others. */
static int is_taken_away(u32 hint, u32 joined) { return !is_queued(hint) || belongs(hint, joined); }

static u32 pop_belonging(u32 me, u32 joined) {
  struct deque *deque = &shared->worker[me].deque;
  for (u32 hint; (hint = deque_newest(deque)) != NONE && is_taken_away(hint, joined);)
    if ((hint = deque_pop(deque)) != NONE && claim(hint, me)) return hint_index(hint);
  return NONE;
}

static u32 take_belonging(u32 queue, u32 me, u32 joined) {
  u64 cell;
  for (u32 hint; (hint = injector_oldest(queue, &cell)) != NONE && is_taken_away(hint, joined);)
    if (injector_take_cell(queue, cell) && claim(hint, me)) return hint_index(hint);
  return NONE;
}

/* From the thief of `joined` first, but not from that one alone: what it has lost in turn may be anywhere. */
static u32 steal_belonging(u32 me, u32 joined, u32 *origin) {
  u32 workers = plain_load(&shared->workers);
  u32 first = participant_of(load(&shared->task[hint_index(joined)].state));
  if (first >= workers) first = 0;
  for (u32 i = 0; i < workers; i++) {
    u32 victim = first + i < workers ? first + i : first + i - workers;
    if (victim == me) continue;
    struct deque *deque = &shared->worker[victim].deque;
    u32 position;
    for (u32 hint; (hint = deque_oldest(deque, &position)) != NONE && is_taken_away(hint, joined);) {
      if (!deque_steal_at(deque, position) || !claim(hint, me)) continue;
      shared->worker[me].stolen++;
      *origin = ORIGIN_STOLEN | victim << 8;
      return hint_index(hint);
    }
  }
  return NONE;
}

static int is_coroutine(u32 joined) { return shared->task[hint_index(joined)].queue == COROUTINES; }

/* What a coroutine has submitted lies in an injector, maybe behind tasks that nobody takes before it has ended. Its hint
 * there becomes stale. Returns a hint, or NONE. */
static u32 submitted_below(u32 joined) {
  for (u32 t = 0; t < TASKS; t++) {
    if (!load(&shared->parent[t])) continue;
    u32 word = load(&shared->task[t].state);
    if (state_of(word) != QUEUED || plain_load(&shared->task[t].queue) == COROUTINES) continue;
    u32 hint = hint_of(t, generation_of(word));
    if (belongs(hint, joined)) return hint;
  }
  return NONE;
}

/* A task for a worker that waits for `joined`: the very job, if nobody has begun it, or what belongs to it otherwise. */
static u32 find_belonging(u32 me, u32 joined, u32 *origin) {
  *origin = ORIGIN_OWN;
  u32 task = is_queued(joined) && !is_coroutine(joined) && claim(joined, me) ? hint_index(joined) : NONE;
  if (task == NONE) task = pop_belonging(me, joined);
  if (task == NONE) task = steal_belonging(me, joined, origin);
  if (task == NONE) *origin = ORIGIN_URGENTLY, task = take_belonging(INTERACTIVE, me, joined);
  if (task == NONE) *origin = ORIGIN_INJECTED, task = take_belonging(BATCH, me, joined);
  if (task == NONE && is_coroutine(joined))
    for (u32 hint; task == NONE && (hint = submitted_below(joined)) != NONE;)
      if (claim(hint, me)) task = hint_index(hint);
  if (task != NONE) shared->worker[me].run++;
  return task;
}

/* Whether that would find something, or something to take away. */
int is_for_waiter(u32 me, u32 joined) {
  u64 cell;
  u32 position;
  for (u32 queue = INTERACTIVE; queue <= BATCH; queue++) {
    u32 hint = injector_oldest(queue, &cell);
    if (hint != NONE && is_taken_away(hint, joined)) return 1;
  }
  u32 workers = plain_load(&shared->workers);
  for (u32 w = 0; w < workers; w++) {
    struct deque *deque = &shared->worker[w].deque;
    u32 hint = w == me ? deque_newest(deque) : deque_oldest(deque, &position);
    if (hint != NONE && is_taken_away(hint, joined)) return 1;
  }
  return is_coroutine(joined) ? submitted_below(joined) != NONE : is_queued(joined);
}

/* Waits for the promoted job `joined` (a hint) of this worker: ENDED when its outcome may be read; another task's
 * slot, now RUNNING, to be run before the next call; INTERRUPTED when a task on its stack was asked to end, or it was rung for
 * what it `hears` (bits of enum reason); NOTHING when the time is over (milliseconds; negative: no bound). `help`: enum help.
 * Nothing private may be left that it does not hear of. */
EXPORT(worker_join) i32 worker_join(u32 me, u32 joined, int help, u32 hears, double milliseconds) {
  struct worker *worker = &shared->worker[me];
  int spun = !help;
  int claimed = 0; /* somebody may have left work to us */
  double deadline = milliseconds < 0 ? 0 : clock_ms() + milliseconds;
  u32 origin = 0;
  int traced = tracing() && !latch_is_set(joined);
  if (traced) trace(TRACE_JOINS, 0, NOBODY, joined, 0);
  store(&worker->hears, hears); /* before the look at the reasons */
  i32 result;
  for (;;) {
    result = ENDED;
    if (latch_is_set(joined)) break;
    result = INTERRUPTED;
    if (load(&worker->reasons) & (CANCEL | hears)) break;
    u32 task = help ? find_belonging(me, joined, &origin) : NONE;
    if (task == NONE && help == ANYTHING) task = find_task(me, &origin);
    result = (i32)task;
    if (task != NONE) break;
    double now = clock_ms();
    begin_idle(worker, now);
    result = NOTHING;
    if (milliseconds >= 0 && now >= deadline) break;
    if (!spun) {
      spun = 1;
      claimed |= look_on(me, joined);
      continue;
    }
    int slept = park(me, joined, help, nanoseconds(milliseconds < 0 ? -1 : deadline - now));
    if (slept & SLEPT) worker->wakeups++;
    claimed |= slept & CLAIMED;
  }
  store(&worker->hears, 0);
  if (claimed) offer_to_waiters();
  double now = end_idle(worker);
  if (tracing()) {
    if (!now) now = clock_ms();
    if (traced) trace_at(now, TRACE_JOINED, 0, NOBODY, joined, 0);
    if (result >= 0) trace_began(now, (u32)result, origin);
  }
  return result;
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
