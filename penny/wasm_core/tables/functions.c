/* The function table. An entry is a pickled function, written once and then only read. Workers cache the
 * unpickled function under the entry's serial, which is never used again; so a changed function is a new
 * entry, and a task runs the function it was submitted with.
 *
 * An entry lives while it has references. Who remembers one from before (a worker that has the function
 * in its cache) asks function_retain(), which looks at the serial: entries stay where they are, so that an old
 * number is never a wild address.
 *
 * Accepted: who dies between taking a reference for a slot and noting it there, or between clearing the slot's
 * note and giving the reference back, leaves an entry that is never freed.
 */
#include "tables/tables.h"

#include "memory/memory.h"

static inline u64 life_of(u32 serial, u32 maker, u32 references) {
  return (u64)serial << 32 | maker << 24 | references;
}
static inline u32 serial_of(u64 life) { return (u32)(life >> 32); }
static inline u32 maker_of(u64 life) { return (u32)life >> 24; } /* participant + 1 */
static inline u32 references_of(u64 life) { return (u32)life & 0xffffff; }

_Static_assert(FUNCTIONS < 1 << ENTRY_BITS, "an entry's number is a part of its place");

/* Numbers come from slots: one that is none would lead anywhere. */
static int is_entry(u32 number) { return number - 1 < FUNCTIONS; }
static struct function *entry(u32 number) { return &shared->function[number - 1]; }

/* Makes an entry for `size` bytes, which the caller writes into its block, with one reference, the
 * caller's. Returns its number; 0 if the heap or the table has no room. */
EXPORT(function_new) u32 function_new(u32 participant, u32 size) {
  u32 block = heap_allocate(participant, size);
  if (!block) return 0;
  u32 serial = fetch_add(&shared->serials, 1);
  for (u32 i = 0; i < FUNCTIONS; i++) {
    u32 index = (serial + i) & (FUNCTIONS - 1);
    struct function *function = &shared->function[index];
    u64 life = load(&function->life);
    if ((u32)life) continue; /* used, or being freed */
    if (!compare_exchange64(&function->life, life, life_of(serial, participant + 1, 1))) continue;
    function->size = size;
    store(&function->block, block);
    return index + 1;
  }
  heap_free(participant, block);
  return 0;
}

/* One more reference, for a slot; 0 if the entry has been freed, and maybe used again. */
int function_retain(u32 number, u32 serial) {
  if (!is_entry(number)) return 0;
  u64 *life = &entry(number)->life;
  for (;;) {
    u64 before = load(life);
    if (serial_of(before) != serial || !references_of(before)) return 0;
    if (compare_exchange64(life, before, before + 1)) return 1;
  }
}

/* Frees the block of an entry whose last reference `participant` has taken away. */
static void free_entry(struct function *function, u32 participant) {
  u32 block = load(&function->block);
  if (block) { /* unless its maker died before it was noted */
    heap_take_over(participant, block); /* so that the sweep finds it if we die after the next line */
    store(&function->block, 0);
    heap_free(participant, block);
  }
  store(&function->life, life_of(serial_of(load(&function->life)), 0, 0));
}

static void release(u32 participant, u32 number, int made) {
  if (!is_entry(number)) return;
  struct function *function = entry(number);
  for (;;) {
    u64 before = load(&function->life);
    if (!references_of(before)) return; /* not its reference */
    u32 left = references_of(before) - 1;
    u32 maker = made ? 0 : maker_of(before);
    /* The last one leaves its number, so that its death right here is noticed. */
    if (!left) maker = participant + 1;
    if (!compare_exchange64(&function->life, before, life_of(serial_of(before), maker, left))) continue;
    if (!left) free_entry(function, participant);
    return;
  }
}

/* Drops a slot's reference; the last one frees the entry. */
void function_release(u32 participant, u32 number) { release(participant, number, 0); }

/* Drops the maker's reference. */
EXPORT(function_drop) void function_drop(u32 participant, u32 number) { release(participant, number, 1); }

EXPORT(function_serial) u32 function_serial(u32 number) {
  return is_entry(number) ? serial_of(load(&entry(number)->life)) : 0;
}
EXPORT(function_block) u32 function_block(u32 number) { return is_entry(number) ? entry(number)->block : 0; }
EXPORT(function_size) u32 function_size(u32 number) { return is_entry(number) ? entry(number)->size : 0; }

/* What a dead participant held of the table. Before heap_sweep(). */
void functions_recover(u32 dead, u32 keeper) {
  for (u32 number = 1; number <= FUNCTIONS; number++) {
    struct function *function = entry(number);
    u64 life = load(&function->life);
    if (maker_of(life) != dead + 1) continue;
    if (references_of(life)) {
      release(keeper, number, 1);
    } else { /* it died in free_entry() */
      free_entry(function, keeper);
    }
  }
}
