/* Joining: how a worker waits for a job that it has promoted, and what it runs meanwhile. The whole protocol, with Python's
 * half: jobs/README.md. What may be run on top of a join: belonging.c.
 */
#include "jobs/jobs.h"

#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "tasks/tasks.h"
#include "trace/trace.h"

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
    int slept = park(me, joined, help, nanoseconds_of(milliseconds < 0 ? -1 : deadline - now));
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

/* Takes a promoted job back that nobody has claimed: its slot is free, and the worker runs the job itself.
 * Returns 0 if somebody was faster. */
EXPORT(take_back) int take_back(u32 hint, u32 worker) {
  u32 index = hint_index(hint);
  u32 generation = hint_generation(hint);
  if (!compare_exchange(&shared->task[index].state, state_word(generation, 0, QUEUED),
                        state_word(generation, worker, CANCELLED)))
    return 0;
  /* Its entry is stale from now on. Often it is the deque's newest: then it goes. Another would not be
   * popped and pushed again: who looks for work meanwhile goes to sleep beside it. */
  struct deque *deque = &shared->worker[worker].deque;
  if (deque_newest(deque) == hint) deque_pop(deque);
  task_release(index, worker);
  return 1;
}

/* Whether a promoted job has ended, and its outcome may be read. */
EXPORT(job_ended) int job_ended(u32 hint) { return latch_is_set(hint); }

/* Frees the slot of a promoted job that has ended and whose outcome was read. */
EXPORT(job_free) void job_free(u32 hint, u32 worker) { task_release(hint_index(hint), worker); }
