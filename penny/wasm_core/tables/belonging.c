/* Whose job a task is, and what a worker that waits for one may run meanwhile: what belongs to the waiting task, and was
 * promoted after that job. After D. B. Wagner and B. G. Calder, "Leapfrogging: a portable technique for implementing
 * efficient futures", PPoPP 1993.
 */
#include "tables/tables.h"

#include "queues/queues.h"

/* A slot that is being filled is a job of that task; else of its worker's innermost, or a client's. With `alone`, what is promoted
 * later may have been spawned before. */
EXPORT(task_parent) void task_parent(u32 index, u32 hint, u32 alone) {
  plain_store(&shared->parent[index], hint + 1);
  plain_store(&shared->born[index], plain_load(&shared->born[index]) | (alone ? ALONE : 0));
}

/* Whether a task may be run on top of a join that waits for the promoted job `joined`: whether it is that job, or one that the
 * waiting task has promoted after it, or a job of those, and so on. Where jobs are promoted oldest first, what was promoted later was
 * spawned later; so all that is what the serial program would do before this join is over. Anything else might want what is held
 * meanwhile, a lock say. Outside of any task nobody can say which jobs are the waiter's: then what hangs below `joined` is all.
 *
 * A task's slot is in use as long as a job of it has not ended (unless its worker died: then they are to end, and belong to
 * nobody). So what is read holds if the caller claims the task afterwards, or is just running it. */
int belongs(u32 hint, u32 joined) {
  u32 waiting = load(&shared->parent[hint_index(joined)]);
  for (u32 steps = 0; steps < TASKS; steps++) { /* bounded, should somebody have written into the table */
    u32 index = hint_index(hint);
    u32 parent = load(&shared->parent[index]), born = load(&shared->born[index]);
    /* First these, then the generation: they were this use's. */
    if (generation_of(load(&shared->task[index].state)) != hint_generation(hint)) return 0;
    if (hint == joined) return 1;
    if (!parent) return 0;
    if (parent == waiting) {
      u32 awaited = load(&shared->born[hint_index(joined)]);
      return !(awaited & ALONE) && (i32)((born & ~(u32)ALONE) - awaited) > 0;
    }
    hint = parent - 1;
  }
  return 0;
}

/* Whether who waits for `joined` takes a hint out of its queue: what may be run on top of the join; and what is stale, since it
 * may hide others. */
int is_taken_away(u32 hint, u32 joined) { return !is_queued(hint) || belongs(hint, joined); }

/* What a coroutine has submitted lies in an injector, maybe behind tasks that nobody takes before it has ended. Its hint
 * there becomes stale. Returns a hint, or NONE. */
u32 submitted_below(u32 joined) {
  for (u32 t = 0; t < TASKS; t++) {
    if (!load(&shared->parent[t])) continue;
    u32 word = load(&shared->task[t].state);
    if (state_of(word) != QUEUED || plain_load(&shared->task[t].queue) == COROUTINES) continue;
    u32 hint = hint_of(t, generation_of(word));
    if (belongs(hint, joined)) return hint;
  }
  return NONE;
}

/* Whether a worker that waits for `joined` would find something to run (find_belonging() in joining.c), or to take away. */
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
