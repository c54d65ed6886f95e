/* Fork-join of kernels: the slow paths of include/penny.h, and what surrounds each call of a kernel.
 *
 * A kernel's jobs are private, in a list threaded through its stack, until the worker's attention is up; then
 * the oldest one becomes a task like any other: its slot holds the job's address, and who claims it calls
 * the job's function in place. The whole protocol, and why a plain load is enough for the attention: kernels.md.
 * Model: models/kernels.pml.
 */
#include "shared.h"

enum {
  HELPS_MAX = 16, /* tasks that joins of kernels may stack */
  RESERVE = LANES_END + 16384, /* below it no job may lie: room for calls that spawn nothing */
};
/* A worker promotes for others so often at most, ms: work that is done sooner is not worth sending away. What a
 * thief missed on that account it asks for again (parking.c). For the same reason a call whose predecessor was over
 * within that time promotes nothing so early: to wake a thief costs more than such a call. */
static const double BEAT = 0.1;

/* `older` of a job that is on no list any more. */
#define RUNS_HERE ((struct penny_job *)1)
#define RAN_HERE ((struct penny_job *)2)

_Static_assert(PENNY_STACK_BYTES == ARENA_BYTES, "a kernel stack is aligned to its size");

static struct kernel_context *context_at(u32 stack) { return (struct kernel_context *)stack; }
static struct kernel_context *context_of(const void *on_the_stack) {
  return context_at((u32)on_the_stack & ~(u32)(PENNY_STACK_BYTES - 1));
}
static struct kernel_context *context_of_worker(u32 worker) {
  return context_at(shared->worker[worker].kernel_stack);
}

static struct lane *lane_of(const struct penny_call *call) {
  return (struct lane *)((u32)call & ~(u32)(sizeof(struct lane) - 1));
}

static struct kernel_payload *payload_of(u32 index) {
  return (struct kernel_payload *)shared->task[index].inline_payload;
}

/* ---- stacks ------------------------------------------------------------------------------------- */

static u32 room_in(struct lane *lane) { return (u32)&lane->call[PENNY_LANE - 2]; }

static void lower_attention(struct kernel_context *context) {
  store(&context->job.limit, (u32)context + RESERVE);
  store(&context->job.room, room_in(context->lane));
}
static void raise_attention(struct kernel_context *context) {
  store(&context->job.limit, PENNY_ATTENTION);
  store(&context->job.room, 0);
}

/* Whoever rings. A stack is never given back to the heap, so the worst that a late store can do is to send some
 * other worker's spawn to its slow path. */
void kernel_attention(u32 worker) {
  u32 stack = load(&shared->worker[worker].kernel_stack);
  if (stack) raise_attention(context_at(stack));
}

/* A worker that has slept: who became hungry meanwhile did not ring it, and may sleep without end. */
void kernel_awake(u32 worker) {
  u32 stack = shared->worker[worker].kernel_stack;
  if (!stack) return; /* it begins with its attention up */
  context_at(stack)->eager = 1;
  raise_attention(context_at(stack));
}

static int may_run_kernels(u32 worker, u32 caller, u64 idle) {
  return worker != caller && !(idle >> worker & 1) && load(&shared->worker[worker].kernel_stack);
}

/* Whether any other worker is awake that has run kernels. */
int kernels_awake(u32 caller) {
  u64 idle = load(&shared->idle);
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (may_run_kernels(w, caller, idle)) return 1;
  return 0;
}

/* Asks them once more, and not their Python. */
void kernels_ask(u32 caller) {
  u64 idle = load(&shared->idle);
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (may_run_kernels(w, caller, idle)) kernel_attention(w);
}

static void reset(u32 stack) {
  struct kernel_context *context = context_at(stack);
  context->job.newest = context->promoted = 0;
  context->entry = context->due = context->helping = context->urgent = context->small = 0;
  context->root = 0;
  context->lane = (struct lane *)stack; /* that is, none */
  context->beat = context->asked = 0;
  context->eager = 1;
  store(&context->dead, 0); /* of a dead one's, whoever looks for orphans may read it now */
  raise_attention(context); /* somebody may be hungry already */
}

/* The worker's kernel stack: its lowest address; 0: the heap has no room. */
EXPORT(kernel_stack) u32 kernel_stack(u32 me) {
  u32 *stack = &shared->worker[me].kernel_stack;
  if (!*stack) {
    u32 address = heap_allocate_arena(me);
    if (!address) return 0;
    reset(address);
    store(stack, address); /* first this: then the keeper knows of it, should we die */
    heap_take_over(KERNELS, address);
  }
  context_at(*stack)->job.worker = me;
  return *stack;
}

/* ---- promotion ---------------------------------------------------------------------------------- */

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
  struct kernel_payload *payload = payload_of(index);
  plain_store(&payload->address, address); /* plain, this and the serial: of the slot's last use, is_orphan() may read now */
  plain_store(&payload->serial, fetch_add(&shared->kernel_serials, 1) + 1);
  payload->function = function;
  if (publish(index, me, BATCH)) return 1;
  task_release(index, me);
  return 0;
}

/* Of the jobs, whatever call they belong to: kernel_join() relies on the order. Returns 0 if nothing is private, or there
 * is no room. */
static int promote_oldest(struct kernel_context *context, u32 me) {
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
static void take_reasons(struct kernel_context *context, u32 me) {
  context->due |= doorbell_reasons(me);
}

/* Throws if the innermost task has been asked to end: others stay due. */
static void check_cancelled(struct kernel_context *context, u32 me) {
  if (!(context->due & CANCEL)) return;
  u32 innermost = shared->worker[me].innermost;
  if (innermost && cancel_asked(innermost - 1)) kernel_throw(CANCEL_DUE, NONE);
}

EXPORT(kernel_cancelled) int kernel_cancelled(u32 me) {
  u32 innermost = shared->worker[me].innermost;
  return innermost && cancel_asked(innermost - 1) != NOT_ASKED;
}

/* ---- spawn and join ------------------------------------------------------------------------------ */

/* Whether there is too little left, of the stack or of the lanes, for another task on top. */
static int is_deep(const struct kernel_context *context) {
  return context->entry < (u32)context + PENNY_STACK_BYTES * 3 / 4 ||
         context->lane >= (const struct lane *)context + LANES - 2;
}

/* Runs a task, of whatever kind, on top of a kernel. */
static void run_above(u32 me, u32 task) {
  u32 *innermost = &shared->worker[me].innermost;
  u32 below = *innermost;
  kernel_task(task);
  *innermost = below;
}

/* Interactive tasks on top of a batch one: one level, as in Python. Others find the reason, or Python does, when the
 * kernel has ended. */
static int may_run_urgent(const struct kernel_context *context, u32 me) {
  u32 innermost = shared->worker[me].innermost;
  if (context->urgent || is_deep(context)) return 0;
  return !innermost || shared->task[hint_index(innermost - 1)].queue != INTERACTIVE;
}

static void run_urgent(struct kernel_context *context, u32 me) {
  if (!may_run_urgent(context, me)) return;
  fetch_and(&shared->worker[me].reasons, ~(u32)URGENT);
  context->due &= ~(u32)URGENT;
  context->urgent = 1;
  for (u32 task; (task = urgent_next(me)) != NONE;) run_above(me, task);
  context->urgent = 0;
}

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

/* Whether a task is an orphan: it still runs, or may, on another worker, and reads or writes a dead one's stack. Only
 * those count that were promoted after `serial`; for the keeper, `me` NONE, all. */
static int is_orphan(u32 index, u32 me, u32 serial) {
  struct task *task = &shared->task[index];
  for (;;) {
    u32 word = load(&task->state);
    int runs = state_of(word) == RUNNING;
    if ((!runs && state_of(word) != QUEUED) || (runs && participant_of(word) == me)) return 0;
    if (!(plain_load(&task->flags) & KERNEL)) return 0;
    u32 stack = (u32)context_of((void *)plain_load(&payload_of(index)->address));
    int later = me == NONE || (i32)(plain_load(&payload_of(index)->serial) - serial) > 0;
    /* The slot may be in its next use by now, and its payload anything; or somebody has just claimed it. */
    if (load(&task->state) == word) return later && load(&context_at(stack)->dead);
  }
}

static int orphans_run(u32 me, u32 serial) {
  u32 burials = load(&shared->kernel_burials);
  for (u32 t = 0; t < TASKS; t++)
    if (is_orphan(t, me, serial)) return 1;
  /* If one of these workers has died meanwhile, what it had promoted may have become an orphan behind our back. */
  return load(&shared->kernel_burials) != burials;
}

/* A job was lost with its worker, and what that one had promoted of it may still run: it has been asked to end. They
 * may write to our frames, so nobody goes on before they have. All of it was promoted after the job. Older orphans are not
 * waited for: one of them may be waiting for us. */
static void await_orphans(u32 me, u32 serial) {
  u32 *event = &shared->worker[me].event;
  while (orphans_run(me, serial)) wait_on(event, load(event), 1000000); /* none of them would wake us */
}

/* Sleeps until a promoted job has ended; takes no other task. */
static void await_end(struct kernel_context *context, u32 me, u32 hint) {
  while (worker_join(me, hint, NO_HELP, 0, -1) != ENDED) take_reasons(context, me);
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
  u32 serial = payload_of(index)->serial;
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

/* A fork that found the attention up, or its lane full. Returns the next entry: the same one if the lane is full, since
 * then this call is not stealable and its entry is not looked at. */
EXPORT(kernel_fork) struct penny_call *kernel_fork(struct penny_call *call) {
  struct kernel_context *context = context_of(call);
  int full = (u32)call >= room_in(lane_of(call));
  attend(context, context->job.worker, full ? call - 1 : call);
  return full ? call : call + 1;
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

static struct lane *open_lane(struct kernel_context *context) {
  struct lane *lane = context->lane + 1;
  if (lane > (struct lane *)context + LANES) return 0;
  lane->bottom = lane->call;
  context->lane = lane;
  store(&context->job.room, room_in(lane));
  /* Had somebody raised it, it would be down now. A ringer that comes later raises it himself. */
  if (load(&context->job.limit) == PENNY_ATTENTION) store(&context->job.room, 0);
  return lane;
}

static void close_lane(struct kernel_context *context) {
  context->lane--;
  store(&context->job.room, room_in(context->lane));
  if (load(&context->job.limit) == PENNY_ATTENTION) store(&context->job.room, 0);
}

EXPORT(kernel_open) struct penny_call *kernel_open(u32 me) {
  struct lane *lane = open_lane(context_of_worker(me));
  if (!lane) kernel_throw(OVERFLOW, NONE);
  return lane->call;
}

EXPORT(kernel_close) void kernel_close(u32 me) {
  struct kernel_context *context = context_of_worker(me);
  if (context->lane == context->root || context->lane->bottom != context->lane->call) kernel_throw(MISUSED, NONE);
  close_lane(context);
}

/* The caller has run another job than the one that it joins. */
EXPORT(kernel_ran) void kernel_ran(struct penny_job *job) { job->older = RAN_HERE; }

/* ---- around a call ------------------------------------------------------------------------------- */

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

/* A promoted job or call whose joiner is no more. */
static void abandon(struct kernel_context *context, u32 me, u32 hint) {
  if (take_back(hint, me)) return;
  await_end(context, me, hint);
  u32 index = hint_index(hint);
  int lost = state_of(load(&shared->task[index].state)) == LOST;
  u32 serial = payload_of(index)->serial;
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

/* ---- memory ------------------------------------------------------------------------------------- */

/* For penny_alloc(): whoever dies, it stays. */
EXPORT(kernel_allocate) u32 kernel_allocate(u32 me, u32 bytes) {
  u32 block = heap_allocate(me, bytes);
  if (block) heap_take_over(KERNELS, block);
  return block;
}

/* ---- recovery (keeper) --------------------------------------------------------------------------- */

/* Before the tasks of `dead` are settled. */
void kernels_bury(u32 dead) {
  u32 *stack = &shared->worker[dead].kernel_stack;
  if (dead >= FIRST_CLIENT || !*stack) return;
  u32 address = *stack;
  heap_take_over(KERNELS, address); /* it may have died before it did */
  store(&context_at(address)->dead, 1);
  context_at(address)->next = shared->kernel_graves;
  shared->kernel_graves = address;
  fetch_add(&shared->kernel_burials, 1);
  store(stack, 0);
}

/* After they are: gives a dead worker's stack, this one's or another's, to the successor, once no task uses any. */
void kernels_exhume(u32 dead) {
  u32 grave = shared->kernel_graves;
  if (!grave || dead >= FIRST_CLIENT || orphans_run(NONE, 0)) return;
  shared->kernel_graves = context_at(grave)->next;
  reset(grave);
  store(&shared->worker[dead].kernel_stack, grave);
}
