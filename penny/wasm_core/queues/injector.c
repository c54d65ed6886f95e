/* Injectors: bounded queues of hints, many producers, many consumers, first in, first out.
 * Clients put; workers take, and put when their deque is full. There is one for each kind of task (enum
 * queue).
 *
 * A cell is one 64-bit word: position (32 bits), full flag, hint (30 bits). Whoever changes a cell
 * has done the operation; moving head or tail afterwards is bookkeeping that anybody may do for
 * it. So a participant that dies anywhere in here holds nothing up, which ticket queues (fetch_add
 * on the tail) cannot give. After P. Tsigas and Y. Zhang, "A Simple, Fast and Scalable
 * Non-Blocking Concurrent FIFO Queue", SPAA 2001, with position tags against ABA.
 * Model: models/injector.pml.
 *
 * Invariant: the cell of position p is EMPTY(p) before the put of p, FULL(p, hint) between put and
 * take, EMPTY(p + INJECTOR_CELLS) after. Memory starts as zeros, so positions would have to start
 * at 0; initialise() writes the tags for any start.
 */
#include "queues/queues.h"

#define FULL 0x80000000u
static inline u64 empty_cell(u32 position) { return (u64)position << 32; }
static inline u64 full_cell(u32 position, u32 hint) { return (u64)position << 32 | FULL | hint; }
static inline u32 cell_position(u64 cell) { return (u32)(cell >> 32); }
static inline u64 *cell_at(struct injector *injector, u32 position) {
  return &injector->cells[position & (INJECTOR_CELLS - 1)];
}

/* Returns 0 if the injector is full. */
int injector_put(u32 queue, u32 hint) {
  struct injector *injector = &shared->injector[queue];
  for (;;) {
    u32 tail = load(&injector->tail);
    u64 cell = load(cell_at(injector, tail));
    if (cell == empty_cell(tail)) {
      if (compare_exchange64(cell_at(injector, tail), cell, full_cell(tail, hint))) {
        compare_exchange(&injector->tail, tail, tail + 1);
        return 1;
      }
    } else if (cell_position(cell) == tail || cell_position(cell) == tail + INJECTOR_CELLS) {
      /* Put there, maybe taken again already, but tail not yet moved: help. */
      compare_exchange(&injector->tail, tail, tail + 1);
    } else if (cell_position(cell) == tail - INJECTOR_CELLS) {
      return 0; /* what was put there a lap ago has not been taken */
    } else if (tail == load(&injector->tail)) {
      __builtin_trap(); /* against the invariant: somebody has written into the queue */
    }
  }
}

/* The oldest hint, and the cell that it lies in; NONE if the injector was empty. */
u32 injector_oldest(u32 queue, u64 *found) {
  struct injector *injector = &shared->injector[queue];
  for (;;) {
    u32 head = load(&injector->head);
    u64 cell = *found = load(cell_at(injector, head));
    if (cell_position(cell) == head) {
      if ((u32)cell & FULL) return (u32)cell & ~FULL;
      /* EMPTY(head): nothing was put at head when we read the cell. */
      if (head == load(&injector->head)) return NONE;
    } else if (cell_position(cell) == head + INJECTOR_CELLS) { /* taken, head not yet moved: help */
      compare_exchange(&injector->head, head, head + 1);
    } else if (head == load(&injector->head)) {
      __builtin_trap(); /* as above */
    }
  }
}

/* Takes what injector_oldest() has found, unless somebody was faster. */
int injector_take_cell(u32 queue, u64 cell) {
  struct injector *injector = &shared->injector[queue];
  u32 head = cell_position(cell);
  if (!compare_exchange64(cell_at(injector, head), cell, empty_cell(head + INJECTOR_CELLS))) return 0;
  compare_exchange(&injector->head, head, head + 1);
  return 1;
}

/* The oldest hint, or NONE if the injector was empty. */
u32 injector_take(u32 queue) {
  u64 cell;
  u32 hint;
  do hint = injector_oldest(queue, &cell);
  while (hint != NONE && !injector_take_cell(queue, cell));
  return hint;
}

/* How many hints lie in it, about. */
u32 injector_length(u32 queue) {
  struct injector *injector = &shared->injector[queue];
  u32 head = load(&injector->head);
  i32 length = (i32)(load(&injector->tail) - head);
  /* A put whose tail has not been moved yet counts: a sleeper's second look must see it. */
  if (length <= 0) return ((u32)load(cell_at(injector, head)) & FULL) != 0;
  return (u32)length;
}
