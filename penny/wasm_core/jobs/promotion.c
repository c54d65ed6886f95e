/* Promotion: a worker's private job becomes a task that others can steal. What the worker
 * does about it when it joins the job: joining.c. The whole protocol, with Python's half: jobs/README.md.
 */
#include "jobs/jobs.h"

#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "trace/trace.h"

/* A slot for a promoted job, or NONE: then the job stays private. */
EXPORT(promotion_slot) u32 promotion_slot(u32 worker) { return task_acquire(worker); }

/* Gives the slot back unused. */
EXPORT(promotion_withdraw) void promotion_withdraw(u32 index, u32 worker) {
  task_release(index, worker);
}

/* Queues a filled slot. Returns 0, with the slot still the worker's, if there is no room. */
int publish(u32 index, u32 worker, u32 queue) {
  struct task *task = &shared->task[index];
  u32 generation = generation_of(load(&task->state));
  u32 hint = hint_of(index, generation);
  /* Before anybody can claim it, and free it. */
  u32 function = tracing() ? trace_function(index) : 0;
  double now = tracing() ? clock_ms() : 0;
  store(&task->state, state_word(generation, 0, QUEUED));
  /* Urgent jobs go where every worker looks first. */
  int pushed = queue == BATCH ? push_or_spill(worker, hint) : injector_put(queue, hint);
  if (!pushed && compare_exchange(&task->state, state_word(generation, 0, QUEUED),
                                  state_word(generation, worker, FILLING)))
    return 0;
  if (tracing()) trace_at(now, TRACE_PROMOTED, queue, NOBODY, hint, function);
  announce_work(queue, hint);
  if (queue == BATCH) shared->worker[worker].promoted++;
  return 1;
}

/* Makes a filled slot stealable. `function` is its number, `serial` what it is remembered by. Returns the
 * task's hint; or, with the slot still the worker's, NO_ROOM, or ENTRY_GONE if the function has left the table. */
EXPORT(promote)
i32 promote(u32 index, u32 worker, u32 function, u32 serial, u32 queue, u32 flags, u32 size,
            u32 block) {
  struct task *task = &shared->task[index];
  u32 generation = generation_of(load(&task->state));
  u32 hint = hint_of(index, generation);
  task_fill(index, 0, queue, flags, size, block);
  if (!function_retain(function, serial)) return ENTRY_GONE;
  task->function = function;
  return publish(index, worker, queue) ? (i32)hint : NO_ROOM;
}
