/* The injector: several producers, several consumers; each hint comes out once, in order of each producer. */
#include "tally.h"

enum { PRODUCERS = 2, CONSUMERS = 2, EACH = 3000, ALL = PRODUCERS * EACH };
static struct tally got;
static u32 taken, refused;

static void fresh(void) {
  new_memory(2, 0, some_first_position());
  tally_clear(&got, TALLY_MAX);
  taken = refused = 0;
}

static void take_until(u32 end) {
  u32 last[PRODUCERS] = {0};
  while (flag(&taken) < end) {
    u32 hint = injector_take(BATCH);
    if (hint == NONE) {
      give_way();
      continue;
    }
    u32 producer = hint / EACH, n = hint % EACH + 1;
    if (hint < ALL) {
      CHECK(n > last[producer], "%u of producer %u comes after %u", n, producer, last[producer]);
      last[producer] = n;
    }
    CHECK(tally_add(&got, hint) == 1, "hint %u comes twice", hint);
    __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
  }
}

static void mpmc_body(u32 number) {
  if (number < PRODUCERS) {
    for (u32 i = 0; i < EACH; i++)
      while (!injector_put(BATCH, number * EACH + i)) give_way();
    return;
  }
  take_until(ALL);
}

static void mpmc(void) {
  fresh();
  run(PRODUCERS + CONSUMERS, mpmc_body);
  CHECK(!injector_length(BATCH), "something is left");
  tally_check_each_once(&got, ALL);
}

/* Nearly full: it refuses when all cells are in use, and only then. */
enum { AT_HAND = ALL };

static void full_body(u32 number) {
  if (number < PRODUCERS) {
    for (u32 i = 0; i < EACH;)
      if (injector_put(BATCH, number * EACH + i))
        i++;
      else {
        __atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
        give_way();
      }
    return;
  }
  take_until(INJECTOR_CELLS + ALL);
}

static void full(void) {
  fresh();
  for (u32 i = 0; i < INJECTOR_CELLS; i++) CHECK(injector_put(BATCH, AT_HAND + i), "full after %u", i);
  CHECK(!injector_put(BATCH, 0), "a hint too many was taken");
  CHECK(injector_length(BATCH) == INJECTOR_CELLS, "its length is %u", injector_length(BATCH));
  run(PRODUCERS + CONSUMERS, full_body);
  CHECK(!injector_length(BATCH), "something is left");
  tally_check_each_once(&got, AT_HAND + INJECTOR_CELLS);
}

/* Whoever dies in it holds nobody up; only what it had in its hands may be lost. */
static u32 died[PRODUCERS + CONSUMERS], next[PRODUCERS];
static u32 done;

static void mortal_life(u32 number) {
  if (number < PRODUCERS) {
    while (next[number] < EACH) {
      u32 hint = number * EACH + next[number]++;
      while (!injector_put(BATCH, hint)) give_way();
    }
    return;
  }
  while (flag(&done) < PRODUCERS || injector_length(BATCH)) {
    u32 hint = injector_take(BATCH);
    if (hint == NONE) give_way();
    hold();
    if (hint != NONE) CHECK(tally_add(&got, hint) == 1, "hint %u comes twice", hint);
    release_hold();
  }
}

static void mortal_body(u32 number) {
  /* Few enough: a death must not be what frees who is stuck. */
  while (dies(died[number] < 20 ? 1 + below(500) : 0, mortal_life, number)) died[number]++;
  if (number < PRODUCERS) __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

static void mortal(void) {
  fresh();
  memset(died, 0, sizeof died);
  memset(next, 0, sizeof next);
  done = 0;
  run(PRODUCERS + CONSUMERS, mortal_body);
  u32 deaths_in_all = 0, missing = 0;
  for (u32 i = 0; i < PRODUCERS + CONSUMERS; i++) deaths_in_all += died[i];
  for (u32 i = 0; i < ALL; i++) missing += tally_of(&got, i) == 0;
  CHECK(missing <= deaths_in_all, "%u are missing after %u deaths", missing, deaths_in_all);
  count(ALL);
}

/* ---- a deque that spills --------------------------------------------------------------------------- */

/* A worker with a full deque spills into the injector; thieves and takers get each hint once. */
enum { SPILLED = DEQUE_ENTRIES + 3000 };
static u32 spilling;

static void spill_body(u32 number) {
  if (number == 0) {
    for (u32 hint = 0; hint < SPILLED; hint++)
      while (!push_or_spill(0, hint)) give_way();
    set_flag(&spilling, 0);
    return;
  }
  while (flag(&spilling) || injector_length(BATCH) || !deque_looks_empty(&shared->worker[0].deque)) {
    u32 hint = one_in(2) ? injector_take(BATCH) : deque_steal(&shared->worker[0].deque);
    if (hint == NONE)
      give_way();
    else
      CHECK(tally_add(&got, hint) == 1, "hint %u comes twice", hint);
  }
}

static void spill(void) {
  fresh();
  spilling = 1;
  /* Full from the beginning. */
  for (u32 i = 0; i < DEQUE_ENTRIES; i++) deque_push(&shared->worker[0].deque, (u32)TALLY_MAX - 1 - i);
  run(3, spill_body);
  for (u32 i = 0; i < SPILLED; i++) CHECK(tally_of(&got, i) == 1, "hint %u comes %u times", i, tally_of(&got, i));
  for (u32 i = 0; i < DEQUE_ENTRIES; i++) CHECK(tally_of(&got, TALLY_MAX - 1 - i) == 1, "hint %u is gone", i);
  count(SPILLED + DEQUE_ENTRIES);
}

const struct scenario injector_scenarios[] = {
    {"injector-mpmc", mpmc, 15},
    {"injector-full", full, 5},
    {"injector-mortal", mortal, 15},
    {"injector-spill", spill, 5},
    END_OF_SCENARIOS,
};
