/* The deque: one owner, several thieves; each entry goes to exactly one of them. */
#include "tally.h"

enum { OWNER = 0, THIEVES = 3 };
static struct deque *const deque = &shared->worker[OWNER].deque;
static struct tally got;
static u32 pushed, over, lost;

static void fresh(void) {
  static int mapped;
  if (!mapped) new_memory(THIEVES + 1, 0, 0); /* a scenario of the same process may have left something */
  mapped = 1;
  u32 position = some_first_position();
  shared->worker[OWNER].deque.top = position;
  shared->worker[OWNER].deque.bottom = position;
  tally_clear(&got, TALLY_MAX);
  pushed = over = lost = 0;
}

static void take(u32 hint) {
  if (hint != NONE) CHECK(tally_add(&got, hint) == 1, "hint %u comes twice", hint);
}

static int push(void) {
  if (!deque_push(deque, pushed)) return 0;
  pushed++;
  return 1;
}

static void thief(void) {
  while (!flag(&over) || !deque_looks_empty(deque)) {
    u32 hint = deque_steal(deque);
    take(hint);
    if (hint == NONE) give_way();
  }
}

static void check(u32 entries) {
  CHECK(pushed == entries, "%u pushed", pushed);
  CHECK(deque_looks_empty(deque), "something is left");
  tally_check_each_once(&got, pushed);
}

/* ---- one producer, one consumer ----------------------------------------------------------------- */

enum { SPSC = 3000 };

/* Oldest first, and nothing left out. */
static void spsc_body(u32 number) {
  if (number == OWNER) {
    while (pushed < SPSC)
      if (!push()) give_way();
    return;
  }
  for (u32 next = 0; next < SPSC;) {
    u32 hint = deque_steal(deque);
    if (hint == NONE) {
      give_way();
      continue;
    }
    CHECK(hint == next, "%u comes before %u", hint, next);
    take(hint);
    next++;
  }
}

static void spsc(void) {
  fresh();
  run(2, spsc_body);
  check(SPSC);
}

/* ---- a stampede ---------------------------------------------------------------------------------- */

enum { HERD = DEQUE_ENTRIES < 2000 ? DEQUE_ENTRIES : 2000 };

static void stampede_body(u32 number) {
  if (number == OWNER)
    while (!deque_looks_empty(deque)) take(deque_pop(deque));
  else
    thief();
}

static void stampede(void) {
  fresh();
  while (pushed < HERD) push();
  over = 1;
  run(1 + THIEVES, stampede_body);
  check(HERD);
}

/* ---- the last entry ------------------------------------------------------------------------------ */

enum { LAST = 4000 };

/* The deque holds one or two: nearly every pop competes with thieves. */
static void last_body(u32 number) {
  if (number != OWNER) {
    thief();
    return;
  }
  while (pushed < LAST) {
    for (u32 n = 1 + below(2); n && pushed < LAST; n--) push();
    for (u32 n = 1 + below(3); n; n--) {
      u32 newest = deque_newest(deque);
      u32 hint = deque_pop(deque);
      CHECK(hint == NONE || hint == newest, "%u was the newest, %u was popped", newest, hint);
      take(hint);
    }
  }
  set_flag(&over, 1);
}

static void last(void) {
  fresh();
  run(1 + THIEVES, last_body);
  check(LAST);
}

/* ---- a full ring ---------------------------------------------------------------------------------- */

enum { FULL_RING = 3 * DEQUE_ENTRIES + 3000 };

/* It refuses when all entries are in use, and only then; entries are used again after a lap. */
static void full_body(u32 number) {
  if (number != OWNER) {
    thief();
    return;
  }
  while (pushed < FULL_RING) {
    if (push()) continue;
    u32 used = deque->bottom - load(&deque->top); /* there may be room by now, but not more than all */
    CHECK(used <= DEQUE_ENTRIES, "%u entries in a ring of %u", used, DEQUE_ENTRIES);
    if (one_in(2)) take(deque_pop(deque));
  }
  set_flag(&over, 1);
}

static void full(void) {
  fresh();
  for (u32 i = 0; i < DEQUE_ENTRIES; i++) CHECK(push(), "full after %u", i);
  CHECK(!deque_push(deque, pushed), "an entry too many was taken");
  run(1 + THIEVES, full_body);
  check(FULL_RING);
}

/* ---- an owner that dies, and its successor -------------------------------------------------------- */

enum { INHERITED = 600 };
static u32 popping; /* 1: the owner may have taken an entry, and not told anybody */

static void inherited_life(u32 number) {
  (void)number;
  deque_adopt(deque);
  while (pushed < INHERITED) {
    for (u32 n = 1 + below(2); n && pushed < INHERITED; n--) {
      /* Whether it had been pushed when it died: the successor can't know, and gives it another number. */
      u32 hint = pushed++;
      deque_push(deque, hint);
    }
    for (u32 n = 1 + below(2); n; n--) {
      popping = 1;
      u32 hint = deque_pop(deque);
      hold();
      take(hint);
      popping = 0;
      release_hold();
    }
  }
}

static void inherited_body(u32 number) {
  if (number != OWNER) {
    thief();
    return;
  }
  while (dies(lost < 40 ? 1 + below(200) : 0, inherited_life, OWNER)) lost++;
  set_flag(&over, 1);
}

/* The dead one's last entry may be gone with it. Nothing else is, and nothing comes twice. */
static void inherited(void) {
  fresh();
  run(1 + THIEVES, inherited_body);
  CHECK(deque_looks_empty(deque), "something is left");
  u32 missing = 0;
  for (u32 i = 0; i < pushed; i++) missing += tally_of(&got, i) == 0;
  CHECK(missing <= lost, "%u are missing after %u deaths", missing, lost);
  count(pushed);
}

const struct scenario deque_scenarios[] = {
    {"deque-spsc", spsc, 20},
    {"deque-stampede", stampede, 20},
    {"deque-last", last, 20},
    {"deque-full", full, 4},
    {"deque-inherited", inherited, 40},
    END_OF_SCENARIOS,
};
