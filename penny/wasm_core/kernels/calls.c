/* What surrounds each call of a kernel: JavaScript enters and leaves it, and unwinds what an exception has left behind. */
#include "kernels/kernels.h"

#include "jobs/jobs.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "tasks/tasks.h"

/* Before JavaScript calls a kernel, with the stack pointer at `entry`. Returns the entry for its calls; 0: too many
 * kernels are stacked. */
EXPORT(kernel_enter) struct penny_call *kernel_enter(u32 me, u32 entry) {
  struct kernel_context *context = context_of_worker(me);
  struct lane *lane = open_lane(context);
  if (!lane) return 0;
  if (!context->entry) context->asked = 0;
  lane->outer_entry = context->entry;
  lane->outer_root = context->root;
  lane->task = shared->worker[me].innermost;
  context->entry = entry;
  context->root = lane;
  return lane->call;
}

static struct penny_job *newest_below(struct penny_job *list, u32 entry) {
  return list && (u32)list < entry ? list : 0;
}

/* After the call. Returns 0 if jobs were left that nobody joined: then kernel_unwind() first. */
EXPORT(kernel_leave) int kernel_leave(u32 me) {
  struct kernel_context *context = context_of_worker(me);
  u32 entry = context->entry;
  struct lane *root = context->root;
  if (newest_below(context->job.newest, entry) || newest_below(context->promoted, entry) ||
      context->lane != root || root->bottom != root->call)
    return 0;
  context->entry = root->outer_entry;
  context->root = root->outer_root;
  close_lane(context);
  if (!context->entry && context->asked && clock_ms() < context->asked + BEAT) context->small = 1;
  /* Python's handler may have been called, masked, by what ran on top of a kernel, and have left all to us. */
  if (!context->entry) {
    u32 due = context->due;
    context->due = 0;
    ring_python(me, due);
  }
  return 1;
}

/* Sleeps until a promoted job has ended; takes no other task. */
static void await_end(struct kernel_context *context, u32 me, u32 hint) {
  while (worker_join(me, hint, NO_HELP, 0, -1) != ENDED) take_reasons(context, me);
}

/* A promoted job or call whose joiner is no more. */
static void abandon(struct kernel_context *context, u32 me, u32 hint) {
  if (take_back(hint, me)) return;
  await_end(context, me, hint);
  u32 index = hint_index(hint);
  int lost = state_of(load(&shared->task[index].state)) == LOST;
  u32 serial = payload_of(&shared->task[index])->serial;
  task_release(index, me);
  if (lost) await_orphans(me, serial);
}

/* After an exception in the call: its jobs end, or are withdrawn. The frames that they use are still there, though
 * nobody runs in them any more. */
EXPORT(kernel_unwind) void kernel_unwind(u32 me) {
  struct kernel_context *context = context_of_worker(me);
  u32 entry = context->entry;
  struct penny_job *job;
  while ((job = newest_below(context->job.newest, entry))) context->job.newest = job->older;
  for (job = context->promoted; newest_below(job, entry); job = job->older) job_ask_cancel(job->hint);
  for (struct lane *lane = context->root; lane <= context->lane; lane++)
    for (struct penny_call *call = lane->call; call < lane->bottom; call++) job_ask_cancel(call->hint);
  while ((job = newest_below(context->promoted, entry))) {
    context->promoted = job->older;
    abandon(context, me, job->hint);
  }
  for (;;) {
    struct lane *lane = context->lane;
    while (lane->bottom > lane->call) abandon(context, me, (--lane->bottom)->hint);
    if (lane == context->root) break;
    close_lane(context);
  }
}

/* JavaScript is about to run the job of a task that this worker has claimed. Returns what to give kernel_end(). */
EXPORT(kernel_begin) u32 kernel_begin(u32 me, u32 index) {
  u32 *innermost = &shared->worker[me].innermost;
  u32 outer = *innermost;
  *innermost = hint_of(index, generation_of(load(&shared->task[index].state))) + 1;
  return outer;
}

EXPORT(kernel_end) void kernel_end(u32 me, u32 outer) { shared->worker[me].innermost = outer; }
