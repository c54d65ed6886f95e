/* Promotion of kernels' jobs: what a spawn or a fork does that finds the worker's attention up.
 *
 * A kernel's jobs are private, in a list threaded through its stack, until then; the oldest one becomes a task like any
 * other: its slot holds the job's address, and who claims it calls the job's function in place. The whole protocol, and why a
 * plain load is enough for the attention: kernels/README.md. Model: models/kernels.pml.
 */
#include "kernels/kernels.h"

#include "jobs/jobs.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "tasks/tasks.h"

/* The task, a hint + 1, of the call of a kernel that a job on this stack belongs to. */
static u32 task_of(const struct kernel_context *context, const struct penny_job *job) {
  const struct lane *root = context->root;
  for (u32 entry = context->entry; (u32)job >= entry; root = root->outer_root) entry = root->outer_entry;
  return root->task;
}

/* Makes a task of a job or a call of the task `parent`, a hint + 1. Returns 0 if there is no room. `*noted` is its hint before
 * anybody can see the task. */
static int promote_one(u32 me, u32 parent, u32 address, uintptr_t function, u32 *noted) {
  u32 index = task_acquire(me);
  if (index == NONE) return 0;
  plain_store(&shared->parent[index], parent);
  *noted = hint_of(index, generation_of(load(&shared->task[index].state)));
  task_fill(index, 0, BATCH, KERNEL, sizeof(struct kernel_payload), 0);
  struct kernel_payload *payload = payload_of(&shared->task[index]);
  plain_store(&payload->address, address); /* plain, this and the serial: of the slot's last use, is_orphan() may read now */
  plain_store(&payload->serial, fetch_add(&shared->kernel_serials, 1) + 1);
  payload->function = function;
  if (publish(index, me, BATCH)) return 1;
  task_release(index, me);
  return 0;
}

/* Of the jobs, whatever call they belong to: kernel_join() relies on the order. Returns 0 if nothing is private, or there
 * is no room. */
int promote_oldest(struct kernel_context *context, u32 me) {
  struct penny_job **link = &context->job.newest;
  if (!*link) return 0;
  while ((*link)->older) link = &(*link)->older;
  struct penny_job *job = *link;
  u32 parent = task_of(context, job);
  *link = 0;
  job->older = context->promoted;
  context->promoted = job;
  if (promote_one(me, parent, (u32)job, 0, &job->hint)) return 1;
  context->promoted = job->older;
  job->older = 0;
  *link = job;
  return 0;
}

/* Of the calls of one lane, up to the newest. Likewise. */
static int promote_oldest_call(const struct kernel_context *context, u32 me, const struct penny_call *newest) {
  struct penny_call **bottom = &lane_of(newest)->bottom;
  struct penny_call *call = *bottom;
  if (call > newest) return 0;
  uintptr_t function = (uintptr_t)call->function;
  call->function = 0;
  *bottom = call + 1;
  if (promote_one(me, context->root->task, (u32)call, function, &call->hint)) return 1;
  call->function = (penny_call_function)function;
  *bottom = call;
  return 0;
}

/* Of what would be promoted next, a hint. */
static u32 next_parent(const struct kernel_context *context, const struct penny_call *newest) {
  const struct penny_job *job = context->job.newest;
  if (newest || !job) return context->root->task - 1;
  while (job->older) job = job->older;
  return task_of(context, job) - 1;
}

/* Promotes while workers are hungry: calls, up to the newest, if that is not 0; else jobs. When nothing is private
 * any more, the attention stays up. It declines only once it has found nobody hungry: until then somebody may sleep who
 * would not ask again. */
static void feed(struct kernel_context *context, u32 me, const struct penny_call *newest) {
  lower_attention(context); /* first this, then the look: whoever comes after the look raises it again */
  if (hungry(next_parent(context, newest))) {
    double now = clock_ms();
    if (!context->asked) {
      context->asked = now;
      if (context->small) context->beat = now + BEAT; /* later than it is, since the beat before began earlier */
    } else if (now >= context->asked + BEAT) {
      context->small = 0;
    }
    if (now < context->beat && !context->eager) return;
    do {
      raise_attention(context);
      if (!(newest ? promote_oldest_call(context, me, newest) : promote_oldest(context, me))) return;
      lower_attention(context);
      context->beat = now + BEAT;
    } while (hungry(next_parent(context, newest)));
  }
  context->eager = 0;
}

/* ---- cancelling --------------------------------------------------------------------------------- */

/* A kernel takes the reasons away, or its joins would never sleep; Python gets them back when the last kernel on
 * this stack has ended. */
void take_reasons(struct kernel_context *context, u32 me) {
  context->due |= doorbell_reasons(me);
}

/* Throws if the innermost task has been asked to end: others stay due. */
void check_cancelled(struct kernel_context *context, u32 me) {
  if (!(context->due & CANCEL)) return;
  u32 innermost = shared->worker[me].innermost;
  if (innermost && cancel_asked(innermost - 1)) kernel_throw(CANCEL_DUE, NONE);
}

EXPORT(kernel_cancelled) int kernel_cancelled(u32 me) {
  u32 innermost = shared->worker[me].innermost;
  return innermost && cancel_asked(innermost - 1) != NOT_ASKED;
}

/* ---- tasks on top of a kernel -------------------------------------------------------------------- */

/* Whether there is too little left, of the stack or of the lanes, for another task on top. */
int is_deep(const struct kernel_context *context) {
  return context->entry < (u32)context + PENNY_STACK_BYTES * 3 / 4 ||
         context->lane >= (const struct lane *)context + LANES - 2;
}

/* Runs a task, of whatever kind, on top of a kernel. */
void run_above(u32 me, u32 task) {
  u32 *innermost = &shared->worker[me].innermost;
  u32 below = *innermost;
  kernel_task(task);
  *innermost = below;
}

/* Interactive tasks on top of a batch one: one level, as in Python. Others find the reason, or Python does, when the
 * kernel has ended. */
int may_run_urgent(const struct kernel_context *context, u32 me) {
  u32 innermost = shared->worker[me].innermost;
  if (context->urgent || is_deep(context)) return 0;
  return !innermost || shared->task[hint_index(innermost - 1)].queue != INTERACTIVE;
}

void run_urgent(struct kernel_context *context, u32 me) {
  if (!may_run_urgent(context, me)) return;
  fetch_and(&shared->worker[me].reasons, ~(u32)URGENT);
  context->due &= ~(u32)URGENT;
  context->urgent = 1;
  for (u32 task; (task = urgent_next(me)) != NONE;) run_above(me, task);
  context->urgent = 0;
}

/* ---- the slow paths ------------------------------------------------------------------------------- */

static void attend(struct kernel_context *context, u32 me, const struct penny_call *newest) {
  u32 reasons = load(&shared->worker[me].reasons);
  if (reasons & CANCEL) take_reasons(context, me);
  if ((reasons | context->due) & URGENT) run_urgent(context, me);
  feed(context, me, newest);
  check_cancelled(context, me);
}

/* A spawn that found the attention up, or less stack than a job needs. */
EXPORT(kernel_spawn) void kernel_spawn(struct penny_job *job) {
  struct kernel_context *context = context_of(job);
  u32 me = context->job.worker;
  if ((u32)job < (u32)context + RESERVE) {
    context->job.newest = job->older;
    kernel_throw(OVERFLOW, NONE);
  }
  attend(context, me, 0);
}

/* A fork that found the attention up, or its lane full. Returns the next entry: the same one if the lane is full, since
 * then this call is not stealable and its entry is not looked at. */
EXPORT(kernel_fork) struct penny_call *kernel_fork(struct penny_call *call) {
  struct kernel_context *context = context_of(call);
  int full = (u32)call >= room_in(lane_of(call));
  attend(context, context->job.worker, full ? call - 1 : call);
  return full ? call : call + 1;
}
