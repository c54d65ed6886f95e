/* Task slots: who may fill one, and when it is free again. The state word alone decides who owns a slot; every
 * transition of it is one compare-and-swap. Model: models/slots.pml.
 *
 *   FREE -> FILLING -> QUEUED -> RUNNING -> RETURNED | RAISED -> FREE
 *                        |          +-----> LOST (recovery.c)  -> FREE
 *                        +-> CANCELLED -> FREE
 */
#include "tables/tables.h"

#include "memory/memory.h"

static int take_slot(u32 index, u32 participant) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  if (state_of(word) != FREE) return 0;
  /* Shifted out of its 16 bits the generation wraps. */
  u32 filling = state_word(generation_of(word) + 1, participant, FILLING);
  if (!compare_exchange(&task->state, word, filling)) return 0;
  plain_store(&task->owner, participant); /* plain: see settle_owned() in recovery.c */
  task->next = NONE;
  store(&task->latch, generation_of(filling) << 16 | UNSET);
  /* Plain: who asks the slot's last use to end, or watches it, checks the generation afterwards. */
  plain_store(&task->cancel, generation_of(filling) << 16 | NOT_ASKED);
  plain_store(&task->limit, 0);
  plain_store(&task->started, 0);
  int of_worker = participant < WORKERS_MAX;
  plain_store(&shared->parent[index], of_worker ? shared->worker[participant].innermost : 0);
  if (of_worker) plain_store(&shared->born[index], 2 * shared->worker[participant].births++);
  return 1;
}

/* Takes a free slot and is its owner; NONE if all are in use. Slots freed lately come first, since they are in the
 * cache; after them the search goes round. */
u32 task_acquire(u32 participant) {
  u32 *count = &shared->recent_count[participant];
  while (*count) {
    u32 index = shared->recent[participant][--*count];
    if (take_slot(index, participant)) return index;
  }
  u32 rover = shared->rover[participant];
  for (u32 i = 0; i < TASKS; i++) {
    u32 index = (rover + i) & (TASKS - 1);
    if (take_slot(index, participant)) {
      shared->rover[participant] = index + 1;
      return index;
    }
  }
  return NONE;
}

/* What a slot says of its task, which has one more reference to the function already. */
void task_fill(u32 index, u32 function, u32 queue, u32 flags, u32 size, u32 block) {
  struct task *task = &shared->task[index];
  task->function = function;
  plain_store(&task->queue, queue); /* plain: see reinject() in recovery.c */
  plain_store(&task->flags, flags); /* plain: see is_orphan() in orphans.c */
  task->size = size;
  plain_store(&task->block, block); /* plain: a sweep that runs now may see the old one, see keep() in heap.c */
}

/* Gives back a slot that the caller owns, with what it refers to. */
void task_release(u32 index, u32 participant) {
  struct task *task = &shared->task[index];
  task_uncarry(index, participant);
  if (task->block) {
    u32 block = task->block;
    heap_take_over(participant, block); /* or a sweep for its owner, now dead, would free it too */
    store(&task->block, 0);
    heap_free(participant, block);
  }
  if (task->function) {
    u32 function = task->function;
    store(&task->function, 0);
    function_release(participant, function);
  }
  u32 word = load(&task->state);
  store(&task->state, state_word(generation_of(word), 0, FREE));
  u32 *count = &shared->recent_count[participant];
  if (*count < RECENT) shared->recent[participant][(*count)++] = index;
}
