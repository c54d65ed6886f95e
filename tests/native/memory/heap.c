/* The heap: no two blocks overlap, each lies in memory, and all are free at the end. */
#include "tally.h"

enum {
  ACTORS = 3,
  KEEPING = ACTORS, /* the number of the actor that recovers */
  HELD = 12,        /* blocks at a time, each */
  GRAIN = 512,      /* bytes of the smallest granule */
  HEAP_BYTES = 6 << 20,
  GRAINS = HEAP_BYTES / GRAIN,
  ARENA_MAP_BYTES = ARENA_BYTES / GRAIN * 4,
};

/* Whose each grain of the heap is: participant + 1, or 0. */
static u32 owner_of[GRAINS];

struct block {
  u32 address, size;
};
static struct block held[ACTORS][HELD];
/* Blocks that change hands. */
static struct block mail[4];
static u32 mail_full[4]; /* 0 empty, 1 full, 2 somebody is at it */

static void mark(struct block block, u32 from, u32 to) {
  u32 first = (block.address - HEAP_ADDRESS) / GRAIN;
  u32 n = (block.size + GRAIN - 1) / GRAIN;
  CHECK(block.address % GRAIN == 0 && block.address >= HEAP_ADDRESS, "a block at %x", block.address);
  CHECK(block.address + block.size <= (u64)memory_pages() * GRANULE_BYTES, "%x is beyond the memory",
        block.address);
  for (u32 i = first; i < first + n; i++) {
    u32 found = __atomic_exchange_n(&owner_of[i], to, __ATOMIC_RELAXED);
    CHECK(found == from, "grain %u of a block of %u bytes is %u's, not %u's", i, block.size, found, from);
  }
}

static u32 some_size(void) {
  switch (below(12)) {
    case 0: return 30000 + below(6000);           /* around the largest small one */
    case 1: return 33000 + below(200000);         /* some granules */
    case 2: return 1000000 + below(120000);       /* around an arena */
    case 3: return below(3) ? GRAIN : 0;
    default: return 1 + below(6000);
  }
}

static void allocate(u32 me, struct block *block) {
  u32 size = some_size();
  u32 address = heap_allocate(me, size);
  hold();
  if (address) {
    *block = (struct block){address, size ? size : 1};
    mark(*block, 0, me + 1);
    *(u32 *)at(address) = address; /* somebody else's map there, or nothing: AddressSanitizer's affair */
  }
  release_hold();
}

static void give_back(u32 me, struct block *block, u32 from) {
  hold();
  struct block was = *block;
  block->address = 0;
  CHECK(*(u32 *)at(was.address) == was.address, "the block at %x was written to", was.address);
  mark(was, from, 0);
  release_hold();
  heap_free(me, was.address);
}

/* Gives a block to whoever looks, or takes one, which then is freed by another than its maker. */
static void swap_mail(u32 me, struct block *block) {
  u32 i = below(4), empty = 0, full = 1;
  if (block->address) {
    if (!__atomic_compare_exchange_n(&mail_full[i], &empty, 2, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    mark(*block, me + 1, 99);
    mail[i] = *block;
    block->address = 0;
    set_flag(&mail_full[i], 1);
  } else {
    if (!__atomic_compare_exchange_n(&mail_full[i], &full, 2, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    struct block got = mail[i];
    set_flag(&mail_full[i], 0);
    give_back(me, &got, 99);
  }
}

static void fresh(void) {
  new_memory(ACTORS, HEAP_BYTES - (one_in(2) ? 0 : 1 << 20), 0);
  memset(owner_of, 0, sizeof owner_of);
  memset(held, 0, sizeof held);
  memset(mail_full, 0, sizeof mail_full);
}

enum { CHURNS = 400 };

static void churn_body(u32 me) {
  for (u32 n = 0; n < CHURNS; n++) {
    struct block *block = &held[me][below(HELD)];
    if (one_in(5))
      swap_mail(me, block);
    else if (block->address)
      give_back(me, block, me + 1);
    else
      allocate(me, block);
  }
  for (u32 i = 0; i < HELD; i++)
    if (held[me][i].address) give_back(me, &held[me][i], me + 1);
}

static void churn(void) {
  fresh();
  run(ACTORS, churn_body);
  for (u32 i = 0; i < 4; i++)
    if (mail_full[i]) give_back(0, &mail[i], 99);
  check_nothing_left();
  count(ACTORS * CHURNS);
}

/* Small blocks only, in an arena that comes and goes, while large ones need its place. */
static void arenas_body(u32 me) {
  for (u32 n = 0; n < CHURNS; n++) {
    struct block *block = &held[me][0];
    if (block->address) {
      give_back(me, block, me + 1);
      continue;
    }
    u32 size = me == 0 ? 2 << 20 : GRAIN * (1 + below(3));
    u32 address = heap_allocate(me, size);
    if (!address) continue;
    *block = (struct block){address, size};
    mark(*block, 0, me + 1);
    /* Zeros where an arena's map was: free, for who goes on with that arena. */
    if (me == 0) memset(at(address), 0, ARENA_MAP_BYTES);
    *(u32 *)at(address) = address;
    /* Now and then for long, so that somebody may wake up late. */
    if (me == 0 && one_in(8)) linger();
    for (u32 i = 4; me == 0 && i < ARENA_MAP_BYTES; i += 4)
      CHECK(!*(u32 *)at(address + i), "byte %u of the large block was written to", i);
  }
  if (held[me][0].address) give_back(me, &held[me][0], me + 1);
}

static void arenas(void) {
  new_memory(ACTORS, 2 << 20, 0); /* the large block takes all of it */
  memset(owner_of, 0, sizeof owner_of);
  memset(held, 0, sizeof held);
  run(2 + below(2), arenas_body);
  check_nothing_left();
  count(ACTORS * CHURNS);
}

/* ---- death ----------------------------------------------------------------------------------------- */

static u32 dead[ACTORS];
static u32 living;
static int few; /* each has one block only, so that arenas come and go */

static void mortal_life(u32 me) {
  for (u32 n = 0; n < CHURNS / 4; n++) {
    struct block *block = &held[me][below(few ? 1 : HELD)];
    if (block->address)
      give_back(me, block, me + 1);
    else
      allocate(me, block);
  }
  for (u32 i = 0; i < HELD; i++)
    if (held[me][i].address) give_back(me, &held[me][i], me + 1);
}

static void mortal_body(u32 me) {
  if (me != KEEPING) {
    u32 deaths_left = 10;
    while (dies(deaths_left ? 1 + below(10000) : 0, mortal_life, me)) {
      deaths_left--;
      set_flag(&dead[me], 1);
      while (flag(&dead[me])) give_way();
    }
    __atomic_sub_fetch(&living, 1, __ATOMIC_SEQ_CST);
    return;
  }
  while (flag(&living)) {
    give_way();
    for (u32 a = 0; a < ACTORS; a++) {
      if (!flag(&dead[a])) continue;
      for (u32 i = 0; i < HELD; i++) {
        if (held[a][i].address) mark(held[a][i], a + 1, 0);
        held[a][i].address = 0;
      }
      heap_sweep(a, KEEPER);
      set_flag(&dead[a], 0);
    }
  }
}

static void mortal(void) {
  fresh();
  few = one_in(2);
  if (few) shared->granules_max = 2 * ARENA_GRANULES;
  memset(dead, 0, sizeof dead);
  living = ACTORS;
  run(ACTORS + 1, mortal_body);
  check_nothing_left();
  count(ACTORS * CHURNS / 4);
}

const struct scenario heap_scenarios[] = {
    {"heap-churn", churn, 20},
    {"heap-arenas", arenas, 20},
    {"heap-mortal", mortal, 20},
    END_OF_SCENARIOS,
};
