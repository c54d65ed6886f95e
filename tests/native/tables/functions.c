/* The function table: who holds a reference finds the function that it was told of, and none is left. */
#include "tally.h"

enum { ACTORS = 4, BOARD = 4, TURNS = 150, FREE_ENTRIES = 4 };

/* What the actors know of: function number and serial, maybe of one that has gone since. */
static struct {
  u32 number, serial;
} board[BOARD];
static u32 board_lock[BOARD];

static void lock(u32 i) {
  while (__atomic_exchange_n(&board_lock[i], 1, __ATOMIC_ACQUIRE)) give_way();
}
static void unlock(u32 i) { __atomic_store_n(&board_lock[i], 0, __ATOMIC_RELEASE); }

/* Makes a function, tells of it, and drops it some time later. */
static void make(u32 me) {
  u32 size = 4 + below(3000);
  u32 number = function_new(me, size);
  if (!number) return; /* all entries are in use */
  u32 serial = function_serial(number);
  *(u32 *)at(function_block(number)) = serial;
  u32 i = below(BOARD);
  lock(i);
  board[i].number = number;
  board[i].serial = serial;
  unlock(i);
  for (u32 n = below(4); n; n--) give_way();
  function_drop(me, number);
}

/* Takes a reference to what somebody once told of, looks at it, and gives it back. */
static void use(u32 me) {
  u32 i = below(BOARD);
  lock(i);
  u32 number = board[i].number, serial = board[i].serial;
  unlock(i);
  if (!number || !function_retain(number, serial)) return;
  for (u32 n = 1 + below(3); n; n--) {
    CHECK(function_serial(number) == serial, "function %u is %u, not %u", number, function_serial(number),
          serial);
    u32 found = *(u32 *)at(function_block(number));
    CHECK(found == serial, "the block of function %u holds %u, not %u", number, found, serial);
    give_way();
  }
  function_release(me, number);
}

static void body(u32 me) {
  for (u32 n = 0; n < TURNS; n++) {
    if (one_in(3))
      make(me);
    else
      use(me);
  }
}

static void references(void) {
  new_memory(ACTORS, 4 << 20, 0);
  memset(board, 0, sizeof board);
  memset(board_lock, 0, sizeof board_lock);
  /* Few entries, so that they are soon used again. */
  for (u32 f = FREE_ENTRIES; f < FUNCTIONS; f++) shared->function[f].life = 1;
  run(ACTORS, body);
  for (u32 f = FREE_ENTRIES; f < FUNCTIONS; f++) shared->function[f].life = 0;
  check_nothing_left();
  count(ACTORS * TURNS);
}

const struct scenario functions_scenarios[] = {
    {"functions", references, 20},
    END_OF_SCENARIOS,
};
