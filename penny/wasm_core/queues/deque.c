/* Chase-Lev work-stealing deque: the owner pushes and pops at the bottom, thieves steal at the top.
 *
 * David Chase and Yossi Lev, "Dynamic Circular Work-Stealing Deque", SPAA 2005; checked against
 * N. M. Lê et al., "Correct and Efficient Work-Stealing for Weak Memory Models", PPoPP 2013. With
 * sequentially consistent accesses no fences are needed. The ring is fixed: a full deque refuses,
 * and its owner spills to the injector. Model: models/deque.pml.
 *
 * Positions count up and wrap at 2^32; only differences are compared, as signed numbers, and
 * DEQUE_ENTRIES divides 2^32, so entries keep their places across the wrap.
 */
#include "queues/queues.h"

static inline u32 *entry(struct deque *deque, u32 position) {
  return &deque->entries[position & (DEQUE_ENTRIES - 1)];
}

/* Owner only. Returns 0 if the deque is full. */
int deque_push(struct deque *deque, u32 hint) {
  u32 bottom = plain_load(&deque->bottom); /* plain: the owner alone writes it */
  if (bottom - load(&deque->top) >= DEQUE_ENTRIES) return 0;
  /* Plain: no thief reads this entry as valid before bottom is stored, atomically, below; one that
   * reads it for an older position fails its compare-and-swap, since top has moved past it. */
  plain_store(entry(deque, bottom), hint);
  store(&deque->bottom, bottom + 1);
  return 1;
}

/* Owner only. The newest hint, or NONE. */
u32 deque_pop(struct deque *deque) {
  u32 bottom = plain_load(&deque->bottom) - 1;
  /* Take the entry first, look for thieves second: a thief that looks after this store leaves it. */
  store(&deque->bottom, bottom);
  u32 top = load(&deque->top);
  if (bottom - top >= DEQUE_ENTRIES) { /* it was empty: bottom is one below top */
    if (bottom - top != -1u) __builtin_trap(); /* somebody has written into the deque */
    store(&deque->bottom, bottom + 1);
    return NONE;
  }
  u32 hint = plain_load(entry(deque, bottom));
  if (bottom != top) return hint;
  /* The last entry: the owner competes for it like a thief. */
  int won = compare_exchange(&deque->top, top, top + 1);
  store(&deque->bottom, bottom + 1);
  return won ? hint : NONE;
}

/* Owner only. The hint that deque_pop() would return if no thief is faster, or NONE. */
u32 deque_newest(struct deque *deque) {
  if (deque_looks_empty(deque)) return NONE;
  return plain_load(entry(deque, plain_load(&deque->bottom) - 1)); /* plain: the owner alone writes them */
}

/* Any thief. The oldest hint, or NONE if the deque looked empty or another thief was faster. */
u32 deque_steal(struct deque *deque) {
  u32 top = load(&deque->top);
  u32 bottom = load(&deque->bottom);
  if ((i32)(bottom - top) <= 0) return NONE;
  /* More entries than there are: top has moved since, or somebody has written into the deque. */
  if (bottom - top > DEQUE_ENTRIES && load(&deque->top) == top) __builtin_trap();
  /* Read before the compare-and-swap: after it the owner may overwrite the entry. */
  u32 hint = plain_load(entry(deque, top));
  return compare_exchange(&deque->top, top, top + 1) ? hint : NONE;
}

/* Any thief. What deque_steal() would return, and its position; NONE if the deque looked empty. */
u32 deque_oldest(struct deque *deque, u32 *position) {
  u32 top = *position = load(&deque->top);
  u32 bottom = load(&deque->bottom);
  return (i32)(bottom - top) > 0 ? plain_load(entry(deque, top)) : NONE;
}

/* Takes it, if it is still the oldest; see deque_steal(). */
int deque_steal_at(struct deque *deque, u32 position) {
  return compare_exchange(&deque->top, position, position + 1);
}

/* A worker that takes a dead one's number goes on with its deque. If the dead one was inside
 * deque_pop, bottom may be at top or one below, and a thief may be about to win the entry at top, read
 * while bottom was still above it. So nothing may be pushed at that position any more: move past it. (If the dead one
 * died because somebody has written into its deque, it is empty from now on; the keeper has injected again what was queued.) */
void deque_adopt(struct deque *deque) {
  u32 top = load(&deque->top);
  if (load(&deque->bottom) - top - 1 < DEQUE_ENTRIES) return;
  compare_exchange(&deque->top, top, top + 1); /* lost to that thief: then top is there already */
  store(&deque->bottom, top + 1);
}

int deque_looks_empty(struct deque *deque) {
  u32 top = load(&deque->top);
  return (i32)(load(&deque->bottom) - top) <= 0;
}
