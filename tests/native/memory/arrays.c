/* Shared arrays: who holds one, or has a slot that carries it, finds in it what its maker wrote; and when nobody does it
 * is gone.
 *
 * They travel in the slots of a pool's tasks (pool.c), with deaths and cancels, and here from hand to hand, by few
 * participants with few arrays, so that who lets go meets who hands on.
 */
#include "arrays.h"

#include "tally.h"

enum { HELD_MAX = 6, NAMES = 4, HANDS = 4, PLACES = 3, TURNS = 150 };

static u32 often; /* one in so many payloads carries arrays */

/* ---- what JavaScript has of each participant -------------------------------------------------------- */

struct held {
  u32 number, serial, holders;
};
static struct hands {
  struct held held[HELD_MAX];
  u32 count;
} hands[PARTICIPANTS_MAX];

/* What anybody may remember of an array, maybe of one that has gone since. */
static u64 names[NAMES];

static u32 mark_of(u32 number, u32 serial) { return serial * 0x9e3779b9u ^ number; }

static void check_whole(u32 number, u32 serial) {
  u32 block = array_block(number), size = array_size(number);
  CHECK(array_serial(number) == serial, "array %u is %u, not %u", number, array_serial(number), serial);
  for (u32 i = 0; i < size / 4; i += i + 65 < size / 4 ? 64 : 1) {
    u32 found = ((u32 *)at(block))[i];
    CHECK(found == mark_of(number, serial), "word %u of array %u is %x, not %x", i, number, found,
          mark_of(number, serial));
  }
  count(1);
}

static struct held *find(struct hands *mine, u32 number) {
  for (u32 i = 0; i < mine->count; i++)
    if (mine->held[i].number == number) return &mine->held[i];
  return 0;
}

static void drop(u32 participant, u32 i) {
  struct hands *mine = &hands[participant];
  struct held held = mine->held[i];
  check_whole(held.number, held.serial);
  if (held.holders > 1) {
    mine->held[i].holders--;
    return;
  }
  mine->held[i] = mine->held[--mine->count];
  array_drop(participant, held.number);
}

static void make_room(u32 participant) {
  while (hands[participant].count == HELD_MAX) drop(participant, below(HELD_MAX));
}

/* Returns 0 if it has been freed. */
static int take_hold(u32 participant, u32 number, u32 serial) {
  struct hands *mine = &hands[participant];
  struct held *held = find(mine, number);
  if (held) {
    if (held->serial != serial) return 0;
    held->holders++;
    return 1;
  }
  make_room(participant);
  if (!array_hold(participant, number, serial)) return 0;
  mine->held[mine->count++] = (struct held){number, serial, 1};
  return 1;
}

/* Returns 0 if there is no room. */
static int make(u32 participant) {
  make_room(participant);
  u32 size = one_in(8) ? 33000 + below(60000) : 4 + below(1500);
  u32 number = array_new(participant, size);
  if (!number) return 0;
  u32 serial = array_serial(number), block = array_block(number);
  CHECK(!find(&hands[participant], number), "array %u was held already", number);
  for (u32 i = 0; i < size / 4; i++) {
    CHECK(!((u32 *)at(block))[i], "word %u of a new array is not 0", i);
    ((u32 *)at(block))[i] = mark_of(number, serial);
  }
  hands[participant].held[hands[participant].count++] = (struct held){number, serial, 1};
  __atomic_store_n(&names[below(NAMES)], (u64)serial << 32 | number, __ATOMIC_SEQ_CST);
  return 1;
}

void arrays_begin_round(u32 one_in_payloads) {
  often = one_in_payloads;
  memset(hands, 0, sizeof hands);
  memset(names, 0, sizeof names);
}

void arrays_start(u32 participant) { hands[participant].count = 0; }

/* ---- in slots ----------------------------------------------------------------------------------------- */

void arrays_send(u32 participant, u32 index) {
  struct hands *mine = &hands[participant];
  if (!often || !one_in(often)) return;
  if (one_in(2) || !mine->count) make(participant);
  u32 n = 0, numbers[HELD_MAX];
  for (u32 i = 0; i < mine->count; i++)
    if (one_in(2)) numbers[n++] = mine->held[i].number;
  u32 address = n ? list_new(participant, n) : 0;
  if (!address) return;
  struct list *list = at(address);
  /* Whoever looks through the slots may still read the list that was here before. */
  for (u32 i = 0; i < n; i++) __atomic_store_n(&list->number[i], numbers[i], __ATOMIC_RELAXED);
  task_carry(index, address);
}

void arrays_receive(u32 participant, u32 index) {
  u32 address = load(&shared->carried[index]);
  if (!address) return;
  struct list *list = at(address);
  for (u32 i = 0; i < list->count; i++) {
    u32 serial = array_serial(list->number[i]);
    check_whole(list->number[i], serial);
    CHECK(take_hold(participant, list->number[i], serial), "array %u is gone, and slot %u carries it", list->number[i],
          index);
  }
}

void arrays_forget(u32 participant, u32 index) { task_uncarry(index, participant); }

void arrays_play(u32 participant) {
  struct hands *mine = &hands[participant];
  while (mine->count && one_in(2)) drop(participant, below(mine->count));
  u64 name = __atomic_load_n(&names[below(NAMES)], __ATOMIC_SEQ_CST);
  if (often && name && one_in(2) && take_hold(participant, (u32)name, (u32)(name >> 32)))
    check_whole((u32)name, (u32)(name >> 32));
}

void arrays_end(u32 participant) {
  while (hands[participant].count) drop(participant, 0);
}

/* ---- from hand to hand ---------------------------------------------------------------------------------- */

static u32 places[PLACES]; /* slot + 1 that lies there, for anybody; 0: none */

static void exchange_slots(u32 me) {
  u32 mine = 0;
  u32 index = task_acquire(me);
  if (index != NONE) {
    arrays_send(me, index);
    mine = index + 1;
  }
  if (one_in(2)) arrays_play(me); /* it may have been the last that held them */
  u32 theirs = __atomic_exchange_n(&places[below(PLACES)], mine, __ATOMIC_SEQ_CST);
  if (!theirs) return;
  arrays_receive(me, theirs - 1);
  task_release(theirs - 1, me);
}

static void hands_body(u32 me) {
  for (u32 turn = 0; turn < TURNS; turn++) {
    if (one_in(2))
      exchange_slots(me);
    else
      arrays_play(me);
  }
  arrays_end(me);
}

static void handed_on(void) {
  new_memory(HANDS, 8 << 20, 0);
  shared->array_serials = one_in(2) ? 1 : 0u - below(20); /* they wrap */
  arrays_begin_round(1);
  memset(places, 0, sizeof places);
  run(HANDS, hands_body);
  for (u32 i = 0; i < PLACES; i++)
    if (places[i]) task_release(places[i] - 1, 0);
  check_nothing_left();
}

const struct scenario arrays_scenarios[] = {
    {"arrays-handed-on", handed_on, 20},
    END_OF_SCENARIOS,
};
