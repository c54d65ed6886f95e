/* The shared heap: payloads too large for their slot, pickled functions, arrays. Lock-free: the page may
 * allocate and free without ever waiting, and a participant that dies holds nothing.
 *
 * It is a map of granules, one word each: 0 is free, anything else names the owner (who allocated
 * it, or is freeing it) and whether the granule is a block's first. To allocate, find a run of free
 * words and claim them one by one, first to last, each by compare-and-swap; on conflict give them
 * back, last to first. To free, clear them last to first.
 *
 * Invariant: at every moment each run of one owner's words begins with a HEAD, so the block that a
 * HEAD starts extends up to the next HEAD or free word, also when its owner died half-way.
 *
 * Two sizes of granule, the same code: 64 KiB for the heap itself (the map lies in struct shared_memory,
 * memory grows at its end), and 512 bytes within arenas of 1 MiB, each with its map at its start.
 * Arenas that are empty go back when room is short.
 */
#include "memory/memory.h"

enum {
  ARENA_WORDS = ARENA_BYTES / SMALL_BYTES,
  ARENA_MAP_GRANULES = ARENA_WORDS * 4 / SMALL_BYTES, /* the map's own granules: never given out */
  RETIRING = 2,                                       /* + owner: state of an arena */
};

/* ---- a map of granules --------------------------------------------------------------------------- */

struct map {
  u32 *word;
  u32 count;
};

/* Claims [first, first + n). Returns n, or how many it had claimed (and gave back) before one that
 * was taken. */
static u32 map_claim(struct map map, u32 first, u32 n, u32 owner) {
  for (u32 i = 0; i < n; i++) {
    if (compare_exchange(&map.word[first + i], 0, (owner + 1) | (i ? 0 : HEAD))) continue;
    for (u32 j = i; j > 0; j--) store(&map.word[first + j - 1], 0);
    return i;
  }
  return n;
}

/* First fit of n granules, at a multiple of `align`, searching from `from` round to it. NONE if
 * there is none. */
static u32 map_find(struct map map, u32 n, u32 align, u32 from, u32 lowest, u32 owner) {
  if (map.count < lowest + n) return NONE;
  u32 start = (from + align - 1) / align * align;
  for (int round = 0; round < 2; round++) {
    u32 end = round ? (start + n < map.count ? start + n : map.count) : map.count;
    for (u32 first = round ? lowest : start; first + n <= end;) {
      u32 run = 0;
      while (run < n && !load(&map.word[first + run])) run++;
      if (run == n && (run = map_claim(map, first, n, owner)) == n) return first;
      first = (first + run + align) / align * align; /* past the granule that was taken */
    }
  }
  return NONE;
}

static u32 map_extent(struct map map, u32 first) {
  u32 n = 1;
  while (first + n < map.count) {
    u32 word = load(&map.word[first + n]);
    if (!word || (word & HEAD)) break;
    n++;
  }
  return n;
}

static void map_free(struct map map, u32 first, u32 freer) {
  u32 n = map_extent(map, first);
  /* First make it ours: if we die below, the sweep for us finds what is left of it. */
  store(&map.word[first], HEAD | (freer + 1));
  for (u32 i = n; i > 0; i--) store(&map.word[first + i - 1], 0);
}

/* ---- granules of 64 KiB --------------------------------------------------------------------------- */

/* The part of the heap that memory reaches by now. */
static struct map heap_map(void) {
  u32 granules = memory_pages() - HEAP_ADDRESS / GRANULE_BYTES;
  u32 limit = plain_load(&shared->granules_max); /* plain: written once, by initialise() */
  return (struct map){shared->granule, granules < limit ? granules : limit};
}

static u32 granule_address(u32 granule) { return HEAP_ADDRESS + granule * GRANULE_BYTES; }
static u32 granule_of(u32 address) { return (address - HEAP_ADDRESS) / GRANULE_BYTES; }

static u32 allocate_granules(u32 n, u32 align, u32 owner) {
  for (;;) {
    struct map map = heap_map();
    u32 first = map_find(map, n, align, 0, 0, owner);
    if (first != NONE) return granule_address(first);
    u32 room = plain_load(&shared->granules_max) - map.count;
    u32 wanted = n > ARENA_GRANULES ? n : ARENA_GRANULES;
    /* Others may grow it at the same moment: then it grows more than needed, within the limit. */
    if (room && memory_grow(wanted < room ? wanted : room)) continue;
    if (heap_map().count == map.count) return 0;
  }
}

static void heap_map_take_over(u32 granule, u32 owner) {
  store(&shared->granule[granule], HEAD | (owner + 1));
}

/* ---- arenas --------------------------------------------------------------------------------------- */

static struct map arena_map(u32 arena) {
  return (struct map){(u32 *)granule_address(arena * ARENA_GRANULES), ARENA_WORDS};
}

/* An arena may be retired while others search it. Who searches names it in its hazard word first and
 * then looks whether it is still an arena; who retires claims all of it, takes it off, and then
 * looks at the hazard words (M. Michael, "Hazard Pointers", 2004). */
static u32 allocate_in_arena(u32 arena, u32 n, u32 owner) {
  u32 *hazard = &shared->hazard[owner];
  store(hazard, arena + 1);
  u32 address = 0;
  if (load(&shared->arena[arena]) == 1) {
    struct map map = arena_map(arena);
    u32 first = map_find(map, n, 1, ARENA_MAP_GRANULES, ARENA_MAP_GRANULES, owner);
    if (first != NONE) address = granule_address(arena * ARENA_GRANULES) + first * SMALL_BYTES;
  }
  store(hazard, 0);
  return address;
}

static u32 new_arena(u32 owner) {
  u32 address = allocate_granules(ARENA_GRANULES, ARENA_GRANULES, owner);
  if (!address) return NONE;
  u32 arena = granule_of(address) / ARENA_GRANULES;
  for (u32 i = 0; i < ARENA_WORDS; i++) arena_map(arena).word[i] = 0;
  store(&shared->arena[arena], 1);
  return arena;
}

static int retire_arena(u32 arena, u32 owner) {
  struct map map = arena_map(arena);
  u32 all = ARENA_WORDS - ARENA_MAP_GRANULES;
  if (map_claim(map, ARENA_MAP_GRANULES, all, owner) != all) return 0;
  /* From here to the end the sweep for us, if we die, finds whose work this is. */
  heap_map_take_over(arena * ARENA_GRANULES, owner);
  store(&shared->arena[arena], RETIRING + owner);
  for (u32 p = 0; p < PARTICIPANTS_MAX; p++)
    if (p != owner && load(&shared->hazard[p]) == arena + 1) {
      store(&shared->arena[arena], 1);
      map_free(map, ARENA_MAP_GRANULES, owner);
      return 0;
    }
  store(&shared->arena[arena], 0);
  map_free(heap_map(), arena * ARENA_GRANULES, owner);
  return 1;
}

static int retire_empty_arenas(u32 owner) {
  int retired = 0;
  for (u32 arena = 0; arena < heap_map().count / ARENA_GRANULES; arena++) {
    u32 *hazard = &shared->hazard[owner];
    store(hazard, arena + 1);
    if (load(&shared->arena[arena]) == 1) retired += retire_arena(arena, owner);
    store(hazard, 0);
  }
  return retired;
}

static u32 allocate_small(u32 n, u32 owner) {
  u32 last = shared->arena_of[owner];
  if (last) {
    u32 address = allocate_in_arena(last - 1, n, owner);
    if (address) return address;
  }
  u32 arenas = heap_map().count / ARENA_GRANULES;
  for (u32 arena = 0; arena <= arenas; arena++) {
    if (arena == arenas) arena = new_arena(owner); /* none had room */
    if (arena == NONE) return 0;
    u32 address = allocate_in_arena(arena, n, owner);
    if (!address) continue;
    shared->arena_of[owner] = arena + 1;
    return address;
  }
  return 0;
}

/* ---- blocks --------------------------------------------------------------------------------------- */

/* Allocates `size` bytes for `participant`. Returns the address, or 0 if there is no room just now.
 * Never blocks. */
EXPORT(heap_allocate) u32 heap_allocate(u32 participant, u32 size) {
  for (;;) {
    u32 address = size <= SMALL_MAX
                      ? allocate_small(size ? (size - 1) / SMALL_BYTES + 1 : 1, participant)
                      : allocate_granules((size - 1) / GRANULE_BYTES + 1, 1, participant);
    if (address || !retire_empty_arenas(participant)) return address;
  }
}

/* Allocates ARENA_BYTES, aligned to that. Returns the address, or 0. */
u32 heap_allocate_arena(u32 participant) {
  for (;;) {
    u32 address = allocate_granules(ARENA_GRANULES, ARENA_GRANULES, participant);
    if (address || !retire_empty_arenas(participant)) return address;
  }
}

/* The map and the word of the block at `address`; *first is NONE if it is none: no block begins there. Addresses come
 * from slots and the function table, and a wrong one must not lead to a wild write: who frees it frees nothing. */
static struct map map_of(u32 address, u32 *first) {
  u32 arena = granule_of(address) / ARENA_GRANULES;
  if (address < HEAP_ADDRESS || address % SMALL_BYTES || granule_of(address) >= heap_map().count) {
    *first = NONE;
    return (struct map){0, 0};
  }
  if (!load(&shared->arena[arena])) {
    struct map map = heap_map();
    *first = granule_of(address);
    if (address % GRANULE_BYTES || !(load(&map.word[*first]) & HEAD)) *first = NONE;
    return map;
  }
  struct map map = arena_map(arena);
  *first = (address - granule_address(arena * ARENA_GRANULES)) / SMALL_BYTES;
  if (*first < ARENA_MAP_GRANULES || !(load(&map.word[*first]) & HEAD)) *first = NONE;
  return map;
}

EXPORT(heap_free) void heap_free(u32 participant, u32 address) {
  u32 first;
  struct map map = map_of(address, &first);
  if (first != NONE) map_free(map, first, participant);
}

/* Makes `participant` the block's owner: if it dies, the sweep for it frees the block. */
void heap_take_over(u32 participant, u32 address) {
  u32 first;
  struct map map = map_of(address, &first);
  if (first != NONE) store(&map.word[first], HEAD | (participant + 1));
}

/* ---- recovery ------------------------------------------------------------------------------------- */

/* Keeps the block at `address` from the sweep, if it is the dead participant's. The address may be
 * old by a moment: the hazard word keeps its arena from being retired, and if the block is freed,
 * its word is not the dead one's any more. */
static void keep(u32 address, u32 participant, u32 keeper) {
  if (address < HEAP_ADDRESS) return; /* no block's */
  store(&shared->hazard[keeper], granule_of(address) / ARENA_GRANULES + 1);
  u32 first;
  struct map map = map_of(address, &first);
  u32 word = HEAD | (participant + 1);
  if (first != NONE) compare_exchange(&map.word[first], word, word | MARK);
  store(&shared->hazard[keeper], 0);
}

static void sweep_map(struct map map, u32 lowest, u32 participant, int arenas) {
  for (u32 i = lowest; i < map.count; i++) {
    /* First this, then the word: who retires an arena makes the word its own before it takes it off. */
    if (arenas && i % ARENA_GRANULES == 0 && load(&shared->arena[i / ARENA_GRANULES])) continue;
    u32 word = load(&map.word[i]);
    if (!(word & HEAD) || (word & OWNER_MASK) != participant + 1) continue;
    if (word & MARK)
      compare_exchange(&map.word[i], word, word & ~(u32)MARK);
    else
      map_free(map, i, participant);
  }
}

/* Frees every block of a dead participant that no slot, function or array refers to. Keeper only. */
void heap_sweep(u32 participant, u32 keeper) {
  store(&shared->hazard[participant], 0);
  for (u32 t = 0; t < TASKS; t++) {
    u32 block = load(&shared->task[t].block);
    if (block) keep(block, participant, keeper);
  }
  for (u32 f = 0; f < FUNCTIONS; f++) {
    u32 block = load(&shared->function[f].block);
    if (block) keep(block, participant, keeper);
  }
  for (u32 a = 0; a < ARRAYS; a++) {
    u32 block = load(&shared->array[a].block);
    if (block) keep(block, participant, keeper);
  }
  for (u32 t = 0; t < TASKS; t++) {
    u32 block = load(&shared->carried[t]);
    if (block) keep(block, participant, keeper);
  }
  struct map heap = heap_map();
  for (u32 arena = 0; arena < heap.count / ARENA_GRANULES; arena++) {
    store(&shared->hazard[keeper], arena + 1);
    if (load(&shared->arena[arena]) == RETIRING + participant) store(&shared->arena[arena], 1);
    if (load(&shared->arena[arena])) sweep_map(arena_map(arena), ARENA_MAP_GRANULES, participant, 0);
  }
  store(&shared->hazard[keeper], 0);
  sweep_map(heap, 0, participant, 1);
}

/* ---- statistics ----------------------------------------------------------------------------------- */

/* Bytes in use, whole granules; a moment's view while others allocate. A trace is not counted, neither as used nor
 * as room. */
EXPORT(heap_used) double heap_used(void) {
  struct map heap = heap_map();
  u32 granules = 0, small = 0;
  for (u32 i = 0; i < heap.count; i++) {
    if (load(&shared->arena[i / ARENA_GRANULES])) {
      struct map arena = arena_map(i / ARENA_GRANULES);
      for (u32 j = ARENA_MAP_GRANULES; j < arena.count; j++) small += load(&arena.word[j]) != 0;
      i += ARENA_GRANULES - 1;
    } else {
      granules += load(&heap.word[i]) != 0;
    }
  }
  return (double)(granules - trace_granules()) * GRANULE_BYTES + (double)small * SMALL_BYTES;
}

/* Bytes of memory behind the heap, and how many one block may have. */
EXPORT(heap_size) double heap_size(void) {
  return (double)(heap_map().count - trace_granules()) * GRANULE_BYTES;
}
/* One arena is always needed, for functions. */
EXPORT(heap_limit) double heap_limit(void) {
  return (double)(plain_load(&shared->granules_max) - trace_granules() - ARENA_GRANULES) * GRANULE_BYTES;
}
