/* Asking a running task to end: the first steps of the cancellation ladder.
 *
 *   1. The task's `cancel` word says why, with the generation; its worker's doorbell is rung, and the worker
 *      woken in case it sleeps in a join.
 *   2. The worker raises penny.Cancelled in the task as soon as it is the innermost one and nothing is masked.
 *   3. The keeper watches: who was asked, is innermost and has not ended after the grace period has its
 *      worker killed (web/penny/pool/watch.js).
 * A time limit counts from the task's start; the keeper asks when it is over.
 */
#include "tasks/tasks.h"

#include "sleep/sleep.h"

static int asked(const struct task *task, u32 generation) {
  u32 cancel = load(&task->cancel);
  return cancel >> 16 == generation ? (int)(cancel & 0xffff) : NOT_ASKED;
}

/* Returns 0 if the task does not run (any more). Asking twice changes nothing. */
int ask_cancel(u32 index, u32 generation, u32 why) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  if (generation_of(word) != generation || state_of(word) != RUNNING) return 0;
  /* Fails if it was asked already, or has ended just now and its slot is used again. */
  compare_exchange(&task->cancel, generation << 16 | NOT_ASKED, generation << 16 | why);
  u32 worker = participant_of(word);
  ring(worker, CANCEL);
  wake_worker(worker);
  return 1;
}

/* A client, for a task of its own; returns 0 if it does not run. */
EXPORT(task_ask_cancel) int task_ask_cancel(u32 index) {
  return ask_cancel(index, generation_of(load(&shared->task[index].state)), ASKED);
}

/* A worker, for a promoted job of its own. */
EXPORT(job_ask_cancel) int job_ask_cancel(u32 hint) {
  return ask_cancel(hint_index(hint), hint_generation(hint), ASKED);
}

/* A worker, of a task that it runs: enum cancel_reason. */
EXPORT(cancel_asked) int cancel_asked(u32 hint) {
  return asked(&shared->task[hint_index(hint)], hint_generation(hint));
}

/* An owner, of a task that has ended: why it had been asked to end, if it had. */
EXPORT(task_was_asked) int task_was_asked(u32 index) {
  struct task *task = &shared->task[index];
  return asked(task, generation_of(load(&task->state)));
}

/* The keeper's look at the tasks with limits. Asks those whose time is over, and returns the first slot from
 * `from` on that runs and was asked to end, or NONE. */
EXPORT(watch_next) u32 watch_next(u32 from) {
  u32 now = (u32)(u64)clock_ms();
  for (u32 t = from; t < TASKS; t++) {
    struct task *task = &shared->task[t];
    u32 word = load(&task->state);
    if (state_of(word) != RUNNING) continue;
    u32 generation = generation_of(word);
    u32 limit = plain_load(&task->limit); /* plain: written before it was QUEUED */
    u32 started = load(&task->started);
    if (limit && started && (i32)(now - started) >= (i32)limit && !asked(task, generation))
      ask_cancel(t, generation, TIMED_OUT);
    if (asked(task, generation)) return t;
  }
  return NONE;
}

/* Whether any task has to be watched. */
EXPORT(watch_needed) int watch_needed(void) {
  for (u32 t = 0; t < TASKS; t++) {
    struct task *task = &shared->task[t];
    u32 word = load(&task->state);
    if (state_of(word) != QUEUED && state_of(word) != RUNNING) continue;
    if (plain_load(&task->limit) || asked(task, generation_of(word))) return 1;
  }
  return 0;
}
