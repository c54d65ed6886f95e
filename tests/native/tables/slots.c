/* Task slots: each has one holder at a time, also where all search at the same place, or there are hardly any. */
#include "tally.h"

enum { BORROWERS = 4, BORROWED = 4, TURNS = 300, FEW = 6 };

static u32 holder[TASKS]; /* participant + 1, or 0 */
static u32 generations[TASKS];

static void body(u32 me) {
  u32 slots[BORROWED], n = 0;
  for (u32 turn = 0; turn < TURNS; turn++) {
    if (n < BORROWED && one_in(2)) {
      u32 index = task_acquire(me);
      if (index == NONE) continue;
      u32 before = __atomic_exchange_n(&holder[index], me + 1, __ATOMIC_SEQ_CST);
      CHECK(!before, "slot %u is %u's and %u's", index, before - 1, me);
      u32 word = load(&shared->task[index].state);
      CHECK(state_of(word) == FILLING && participant_of(word) == me, "slot %u is in state %x", index, word);
      CHECK(generation_of(word) == (++generations[index] & 0xffff), "generation %u of slot %u comes twice",
            generation_of(word), index);
      slots[n++] = index;
    } else if (n) {
      u32 index = slots[--n];
      u32 before = __atomic_exchange_n(&holder[index], 0, __ATOMIC_SEQ_CST);
      CHECK(before == me + 1, "slot %u is %u's, not %u's", index, before - 1, me);
      task_release(index, me);
    }
  }
  while (n) {
    holder[slots[--n]] = 0;
    task_release(slots[n], me);
  }
}

static void play(u32 free_slots) {
  new_memory(BORROWERS, 0, 0);
  memset(holder, 0, sizeof holder);
  memset(generations, 0, sizeof generations);
  for (u32 p = 0; p < BORROWERS; p++) shared->rover[p] = TASKS - free_slots;
  u32 nobody = BORROWERS;
  for (u32 t = 0; t < TASKS - free_slots; t++) shared->task[t].state = state_word(0, nobody, FILLING);
  run(BORROWERS, body);
  for (u32 t = 0; t < TASKS - free_slots; t++) {
    CHECK(shared->task[t].state == state_word(0, nobody, FILLING), "slot %u was free for somebody", t);
    shared->task[t].state = 0;
  }
  check_nothing_left();
  count(BORROWERS * TURNS);
}

static void crowded(void) { play(TASKS / 2 < 100 ? TASKS / 2 : 100); }
static void few(void) { play(FEW); }

const struct scenario slots_scenarios[] = {
    {"slots-crowded", crowded, 20},
    {"slots-few", few, 4},
    END_OF_SCENARIOS,
};
