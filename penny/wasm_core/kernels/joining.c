/* Joining of kernels' jobs: those that are not the newest private one, and calls that were promoted. */
#include "kernels/kernels.h"

#include "jobs/jobs.h"
#include "sleep/sleep.h"
#include "tables/tables.h"

/* Tasks that joins of kernels may stack: each takes a lane, of LANES, and frames on the core's own stack, of STACK_BYTES. */
enum { HELPS_MAX = 16 };

/* `older` of a job that is on no list any more. */
#define RUNS_HERE ((struct penny_job *)1)
#define RAN_HERE ((struct penny_job *)2)

/* Takes a job off a list. Returns 0 if it is not on it. */
static int take_off(struct penny_job **link, const struct penny_job *job) {
  while (*link && *link != job) link = &(*link)->older;
  if (!*link) return 0;
  *link = job->older;
  return 1;
}

static int is_on(const struct penny_job *list, const struct penny_job *job) {
  while (list && list != job) list = list->older;
  return list != 0;
}

/* Runs what belongs to who waits, urgent tasks, and sleeps, until a promoted job has ended, or the innermost task is to end. */
static void help(struct kernel_context *context, u32 me, u32 hint) {
  int deep = is_deep(context);
  while (!latch_is_set(hint)) {
    int help = !deep && context->helping < HELPS_MAX ? BELONGING : NO_HELP;
    i32 task = worker_join(me, hint, help, may_run_urgent(context, me) ? URGENT : 0, -1);
    if (task == ENDED) break;
    if (task == INTERRUPTED) {
      take_reasons(context, me);
      if (context->due & URGENT) run_urgent(context, me);
    } else {
      context->helping++;
      run_above(me, (u32)task);
      context->helping--;
    }
    check_cancelled(context, me);
  }
}

/* The end of a join that another worker's run has settled. */
static void collect(u32 me, u32 hint) {
  u32 index = hint_index(hint);
  u32 state = state_of(load(&shared->task[index].state));
  u32 serial = payload_of(&shared->task[index])->serial;
  if (state == RAISED) kernel_throw(JOB_FAILED, index); /* frees the slot, too */
  task_release(index, me);
  if (state != LOST) return;
  await_orphans(me, serial);
  kernel_throw(WORKER_LOST, NONE);
}

/* A join whose job is not the newest private one. Returns a job that the caller has to run: this one, or another of
 * its own, and then call again; 0 when it has ended. */
EXPORT(kernel_join) struct penny_job *kernel_join(struct penny_job *job) {
  struct kernel_context *context = context_of(job);
  u32 me = context->job.worker;
  if (take_off(&context->job.newest, job)) return job;
  if (!is_on(context->promoted, job)) {
    if (job->older == RAN_HERE) return 0;
    kernel_throw(MISUSED, NONE);
  }
  u32 hint = job->hint;
  if (take_back(hint, me)) {
    take_off(&context->promoted, job);
    return job;
  }
  if (!latch_is_set(hint)) {
    /* Of this call, too, and not of one below: those are older than this job, so they were promoted before it. */
    struct penny_job *other = context->job.newest;
    if (other) {
      context->job.newest = other->older;
      other->older = RUNS_HERE;
      return other;
    }
    help(context, me, hint);
  }
  take_off(&context->promoted, job);
  collect(me, hint);
  return 0;
}

/* The join of a call that was promoted. Returns 0 if the caller has to make it: nobody has begun it. */
EXPORT(kernel_wait) int kernel_wait(struct penny_call *call) {
  struct kernel_context *context = context_of(call);
  u32 me = context->job.worker;
  u32 hint = call->hint;
  if (!take_back(hint, me)) {
    while (promote_oldest(context, me)) continue; /* whosever they are. A sleeper hears no doorbell */
    help(context, me, hint);
    lane_of(call)->bottom = call;
    collect(me, hint);
    return 1;
  }
  lane_of(call)->bottom = call;
  return 0;
}

/* The caller has run another job than the one that it joins. */
EXPORT(kernel_ran) void kernel_ran(struct penny_job *job) { job->older = RAN_HERE; }
