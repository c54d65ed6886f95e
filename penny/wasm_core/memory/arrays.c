/* Shared arrays: blocks of elements that all participants see, and when they are freed. The protocol, and
 * what could go wrong: memory/README.md. Model: models/arrays.pml.
 *
 * An array lives while a participant holds it or a slot carries it. Nothing is counted: the participants' bits
 * and the slots' lists are all there is, so whoever dies leaves nothing half counted. Whoever lets go of an array
 * looks whether it was the last:
 *
 *   takes a hold                  has a slot carry it             lets go
 *     1. sets its bit               1. holds it                     1. clears its bit, or the slot's list
 *     2. moves++, if ALIVE and      2. writes the slot's list       2. reads `life`
 *        of this serial             3. moves++                      3. looks through the slots' lists
 *     3. else clears its bit,       4. may let go                   4. then at the holders' bits
 *        and looks as on the right                                  5. if there was none: CAS of `life`, ALIVE
 *                                                                      to FREEING; that fails if any `moves`
 *                                                                      happened since 2: then 2 again
 *
 * Why that is enough: an array goes from slot to holder, and from holder to slot, and is with both for a moment.
 * So who looks at one after the other misses it only if it went on in the meantime, which is a move: the one
 * that it is with has moved it between 2 and 5, or had it before 2 and still had it when he was looked at.
 */
#include "memory/memory.h"

enum { WHO_SHIFT = 2, SERIAL_SHIFT = 9, MOVES_SHIFT = 41 };
#define MOVE ((u64)1 << MOVES_SHIFT)
#define STATE_BITS (((u64)1 << SERIAL_SHIFT) - 1)

static inline u32 array_state_of(u64 life) { return (u32)life & 3; }
static inline u32 who_of(u64 life) { return (u32)life >> WHO_SHIFT & 0x7f; }
static inline u32 serial_of(u64 life) { return (u32)(life >> SERIAL_SHIFT); }
/* `life` with another owner and state, its serial and its moves as they are. */
static inline u64 life_as(u64 life, u32 who, u32 state) {
  return (life & ~STATE_BITS) | who << WHO_SHIFT | state;
}

static struct array *entry(u32 number) { return &shared->array[number - 1]; }

/* ---- holders ------------------------------------------------------------------------------------ */

static void set_bit(struct array *array, u32 participant) {
  fetch_or(&array->holders[participant / 32], (u32)1 << participant % 32);
}

static void clear_bit(struct array *array, u32 participant) {
  fetch_and(&array->holders[participant / 32], ~((u32)1 << participant % 32));
}

static int is_held(struct array *array) {
  u32 any = 0;
  for (u32 i = 0; i < HOLDER_WORDS; i++) any |= load(&array->holders[i]);
  return any != 0;
}

/* ---- what slots carry --------------------------------------------------------------------------- */

enum answer { NO, YES, CHANGED };

/* How many numbers a list has. It may be freed and its block be another's meanwhile, or a slot's word be
 * overwritten: then `count` may be anything, and what can't be a list has none. */
LOOKS_BACK static u32 count_of(u32 address) {
  u64 end = (u64)memory_pages() * GRANULE_BYTES;
  if (address < HEAP_ADDRESS || address % 4 || (u64)address + 4 > end) return 0;
  u32 count = load(&((struct list *)address)->count);
  return count <= ARRAYS && (u64)address + 4 * (count + 1) <= end ? count : 0;
}

/* Whether a list has the number. If it is freed meanwhile, the caller finds that the slot has changed. */
LOOKS_BACK static int lists(u32 address, u32 number) {
  struct list *list = (struct list *)address;
  u32 count = count_of(address);
  for (u32 i = 0; i < count; i++)
    if (load(&list->number[i]) == number) return 1;
  return 0;
}

/* Whether any slot carries the array. */
static enum answer is_carried(u32 number) {
  for (u32 t = 0; t < TASKS; t++) {
    u32 list = load(&shared->carried[t]);
    if (!list) continue;
    int listed = lists(list, number);
    if (load(&shared->carried[t]) != list) return CHANGED;
    if (listed) return YES;
  }
  return NO;
}

/* A list of `count` arrays, whose numbers the caller writes into it; 0 if there is no room. */
EXPORT(list_new) u32 list_new(u32 participant, u32 count) {
  u32 address = heap_allocate(participant, 4 * (count + 1));
  if (address) store(&((struct list *)address)->count, count);
  return address;
}

/* Has a slot that the caller owns, and that carries nothing, carry a list of arrays that the caller holds, until
 * task_uncarry() or the slot's release. */
EXPORT(task_carry) void task_carry(u32 index, u32 address) {
  struct list *list = (struct list *)address;
  store(&shared->carried[index], address);
  /* Only now: who looked at this slot before is to fail. The list stays, as the slot is the caller's. */
  u32 count = count_of(address);
  for (u32 i = 0; i < count; i++)
    if (list->number[i] - 1 < ARRAYS) fetch_add(&entry(list->number[i])->life, MOVE);
}

/* The slot, which the caller owns, carries nothing any more. */
EXPORT(task_uncarry) void task_uncarry(u32 index, u32 participant) {
  u32 address = load(&shared->carried[index]);
  if (!address) return;
  struct list *list = (struct list *)address;
  heap_take_over(participant, address); /* so that the sweep finds it if we die after the next line */
  store(&shared->carried[index], 0);
  u32 count = count_of(address);
  for (u32 i = 0; i < count; i++)
    if (list->number[i] - 1 < ARRAYS) array_look(participant, list->number[i]);
  heap_free(participant, address);
}

/* ---- life --------------------------------------------------------------------------------------- */

/* Frees the block of an entry that is FREEING. */
static void free_entry(struct array *array, u32 participant) {
  u32 block = load(&array->block);
  if (block) { /* unless one that died in here had got to it */
    heap_take_over(participant, block); /* so that the sweep finds it if we die after the next line */
    store(&array->block, 0);
    heap_free(participant, block);
  }
  store(&array->life, life_as(load(&array->life), 0, NO_ARRAY));
}

/* Step 5: the array is `participant`'s to free, unless it has moved since `life` was read. */
int array_claim(u32 participant, u32 number, u64 life) {
  return compare_exchange64(&entry(number)->life, life, life_as(life, participant, FREEING));
}

/* Steps 2 to 5 of letting go: frees the array if nobody holds it and no slot carries it. */
void array_look(u32 participant, u32 number) {
  struct array *array = entry(number);
  for (;;) {
    u64 life = load(&array->life);
    if (array_state_of(life) != ALIVE) return;
    if (is_held(array)) return; /* whoever does looks later; this is only to save the next line */
    enum answer carried = is_carried(number);
    if (carried == YES) return; /* likewise whoever clears that list */
    if (carried == CHANGED) continue;
    if (is_held(array)) return;
    if (!array_claim(participant, number, life)) continue;
    free_entry(array, participant);
    return;
  }
}

/* Makes an array of `size` bytes, all zeros, which `participant` holds. Returns its number; 0 if the heap or the
 * table has no room. */
EXPORT(array_new) u32 array_new(u32 participant, u32 size) {
  u32 block = heap_allocate(participant, size);
  if (!block) return 0;
  u32 serial = fetch_add(&shared->array_serials, 1);
  for (u32 i = 0; i < ARRAYS; i++) {
    u32 index = (serial + i) & (ARRAYS - 1);
    struct array *array = &shared->array[index];
    u64 life = load(&array->life);
    if (array_state_of(life) != NO_ARRAY) continue;
    u64 made = (life & ~(((u64)1 << MOVES_SHIFT) - 1)) | (u64)serial << SERIAL_SHIFT;
    if (!compare_exchange64(&array->life, life, life_as(made, participant, MAKING))) continue;
    array->size = size;
    store(&array->block, block);
    __builtin_memset((void *)block, 0, size);
    set_bit(array, participant);
    /* An addition: what somebody else adds to `moves` at this moment stays. */
    fetch_add(&array->life, (u64)ALIVE - (participant << WHO_SHIFT | MAKING));
    return index + 1;
  }
  heap_free(participant, block);
  return 0;
}

/* Takes a hold on the array that number and serial name, for a participant that holds it not yet; 0 if it has
 * been freed. */
EXPORT(array_hold) int array_hold(u32 participant, u32 number, u32 serial) {
  if (number - 1 >= ARRAYS) return 0;
  struct array *array = entry(number);
  set_bit(array, participant);
  for (;;) {
    u64 life = load(&array->life);
    if (array_state_of(life) != ALIVE || serial_of(life) != serial) break;
    if (compare_exchange64(&array->life, life, life + MOVE)) return 1;
  }
  clear_bit(array, participant);
  array_look(participant, number); /* it may be another by now, and our bit was in the way of who let go of that */
  return 0;
}

/* Lets go of an array. */
EXPORT(array_drop) void array_drop(u32 participant, u32 number) {
  clear_bit(entry(number), participant);
  array_look(participant, number);
}

/* Of an array that the caller holds, or a slot of the caller's carries. */
EXPORT(array_block) u32 array_block(u32 number) { return entry(number)->block; }
EXPORT(array_size) u32 array_size(u32 number) { return entry(number)->size; }
EXPORT(array_serial) u32 array_serial(u32 number) { return serial_of(load(&entry(number)->life)); }

/* What a dead participant held of the table. After its slots have been settled, before heap_sweep(). */
void arrays_recover(u32 dead, u32 keeper) {
  for (u32 number = 1; number <= ARRAYS; number++) {
    struct array *array = entry(number);
    u64 life = load(&array->life);
    u32 state = array_state_of(life);
    clear_bit(array, dead);
    if (state == ALIVE) {
      array_look(keeper, number); /* it may have let go and not looked */
    } else if (state == MAKING && who_of(life) == dead) {
      store(&array->block, 0); /* the sweep frees it */
      store(&array->life, life_as(load(&array->life), 0, NO_ARRAY));
    } else if (state == FREEING && who_of(life) == dead) {
      free_entry(array, keeper);
    }
  }
}
