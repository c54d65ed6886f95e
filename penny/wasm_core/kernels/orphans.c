/* Orphans: tasks that still run, and read or write the kernel stack of a worker that has died. Nobody whose frames they
 * may write to goes on before they have ended, and no successor gets such a stack: kernels/README.md.
 */
#include "kernels/kernels.h"

#include "memory/memory.h"
#include "sleep/sleep.h"

/* Whether a task is an orphan: it still runs, or may, on another worker, and reads or writes a dead one's stack. Only
 * those count that were promoted after `serial`; for the keeper, `me` NONE, all. */
static int is_orphan(u32 index, u32 me, u32 serial) {
  struct task *task = &shared->task[index];
  for (;;) {
    u32 word = load(&task->state);
    int runs = state_of(word) == RUNNING;
    if ((!runs && state_of(word) != QUEUED) || (runs && participant_of(word) == me)) return 0;
    if (!(plain_load(&task->flags) & KERNEL)) return 0;
    u32 stack = (u32)context_of((void *)plain_load(&payload_of(task)->address));
    int later = me == NONE || (i32)(plain_load(&payload_of(task)->serial) - serial) > 0;
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
void await_orphans(u32 me, u32 serial) {
  u32 *event = &shared->worker[me].event;
  while (orphans_run(me, serial)) wait_on(event, load(event), 1000000); /* none of them would wake us */
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
  reset_stack(grave);
  store(&shared->worker[dead].kernel_stack, grave);
}
