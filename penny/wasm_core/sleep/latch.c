/* Latches: how a worker waits for a task of its own that another worker runs.
 *
 *   UNSET ──► SLEEPY ──► SLEEPING      the owner, by compare-and-swap: it announces that it will sleep,
 *     ▲  ◄──────┴───────────┘          looks once more, sleeps; back to UNSET when it wakes up
 *     └────────────┬─────────────► + SET   the worker that ended the task, by fetch-and-or: its last access of
 *                                      the slot. If it finds SLEEPING it wakes the owner; SLEEPY will look again
 *
 * After rayon-core's latch. The owner reads the outcome and frees the slot only when the latch is SET: the
 * state word turns RETURNED a moment earlier, while the other worker still has the latch to set.
 *
 * The word holds the slot's generation, so that the keeper, who acts for the dead, can never set the latch
 * of the slot's next use. If the owner died, the latch is ABANDONED, and whoever sets it frees the slot; SET is
 * a bit of its own so that this stays to be seen, should that one die in between. Model: models/latch.pml.
 */
#include "sleep/sleep.h"

#include "tables/tables.h"

static inline u32 latch_word(u32 generation, u32 latch_state) {
  return generation << 16 | latch_state;
}

static u32 *latch_of(u32 hint) { return &shared->task[hint_index(hint)].latch; }

static int move(u32 hint, u32 from, u32 to) {
  u32 generation = hint_generation(hint);
  return compare_exchange(latch_of(hint), latch_word(generation, from), latch_word(generation, to));
}

/* Owner only: whether the task has ended, and its slot is the owner's alone. */
int latch_is_set(u32 hint) {
  u32 word = load(latch_of(hint));
  return word >> 16 == hint_generation(hint) && (word & SET);
}

/* Owner only. 0 if the latch is set. */
int latch_get_sleepy(u32 hint) { return move(hint, UNSET, SLEEPY); }

/* Owner only, after its last look. 0 if the latch is set. */
int latch_fall_asleep(u32 hint) { return move(hint, SLEEPY, SLEEPING); }

/* Owner only, whether it slept or not. */
void latch_wake_up(u32 hint) {
  if (!move(hint, SLEEPING, UNSET)) move(hint, SLEEPY, UNSET);
}

/* What follows from having set the latch, as the first. */
static void after_set(u32 index, u32 before, u32 owner, u32 participant) {
  if (before & SLEEPING) wake_worker(owner);
  if (before & ABANDONED) task_release(index, participant);
}

/* The worker that ended the task. `owner` was read before the task's state said that it has ended. */
void latch_set(u32 index, u32 owner, u32 worker) {
  u32 before = fetch_or(&shared->task[index].latch, SET);
  after_set(index, before, owner, worker);
}

/* The keeper, for a worker that died before it set the latch, or after, or before it freed the slot. */
void latch_set_for_dead(u32 index, u32 generation, u32 owner) {
  u32 *latch = &shared->task[index].latch;
  for (;;) { /* against the owner, which changes its own state meanwhile */
    u32 before = load(latch);
    if (before >> 16 != generation) return; /* the owner has read it, and freed the slot */
    if ((before & SET) && !(before & ABANDONED)) return;
    if (!compare_exchange(latch, before, before | SET)) continue;
    after_set(index, before, owner, KEEPER);
    return;
  }
}

/* The keeper, for an owner that died: frees the slot if the task has ended. */
void latch_abandon(u32 index, u32 generation) {
  u32 *latch = &shared->task[index].latch;
  for (;;) {
    u32 before = load(latch);
    if (before >> 16 != generation || (before & ABANDONED)) return; /* a predecessor's of the same number */
    if (before & SET) {
      task_release(index, KEEPER);
      return;
    }
    if (compare_exchange(latch, before, latch_word(generation, ABANDONED))) return;
  }
}
