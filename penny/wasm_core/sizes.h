/* How many there are of everything, and how large. The native build makes some of these small, by their text: see the
 * Makefile and tests/native/native.h. Of a lane's entries: PENNY_LANE in include/penny.h.
 */
#ifndef PENNY_SIZES_H
#define PENNY_SIZES_H

enum {
  WORKERS_MAX = 64,           /* workers that compute: numbers 0 to 63 */
  ASYNC_WORKER = WORKERS_MAX, /* the number of the one that runs coroutines, which are for waiting: it
                                 has an event loop, steals nothing and is never in `idle` */
  CLIENTS_MAX = 4,            /* 0 the page, 1 a host worker, 2 the coroutines of the async worker */
  FIRST_CLIENT = ASYNC_WORKER + 1, /* a participant is a worker, by its number, or FIRST_CLIENT + a
                                      client's number */
  PARTICIPANTS_MAX = FIRST_CLIENT + CLIENTS_MAX,
  KERNELS = PARTICIPANTS_MAX, /* nobody: owner, in the heap's map, of what is the kernels' and outlives
                                 any worker */

  TASKS = 16384,          /* task slots; a power of two */
  TASK_BYTES = 256,       /* one slot with its inline payload */
  TASK_BITS = 14,         /* log2(TASKS) */
  DEQUE_ENTRIES = 4096,   /* per worker; a power of two */
  FUNCTIONS = 8192,       /* entries of the function table; a power of two */
  ARRAYS = 8192,          /* entries of the array table; a power of two */
  INJECTOR_CELLS = 32768, /* twice the slots: hints may be there twice (recovery, overflow) */
  RECENT = 64,            /* remembered free slots per participant */
  STACK_BYTES = 16384,    /* C stack of each participant's instance */
  KERNEL_MODULES = 64,    /* that can be added to a scheduler */

  RING_EVENTS = 32768,  /* that each participant's ring of a trace keeps; a power of two */
  LOG_EVENTS = 1048576, /* that the keeper keeps of all rings */
  COPY_EVENTS = 256,    /* that a reader gets of a ring at a time */
  FUNCTION_NAMES = 4096, /* of functions that a trace knows */

  GRANULE_BYTES = 65536, /* of the heap; one WebAssembly page */
  GRANULES_MAX = 65536,  /* 4 GiB */
  ARENA_GRANULES = 16,   /* an arena holds small blocks: 1 MiB, aligned to its size */
  ARENAS_MAX = GRANULES_MAX / ARENA_GRANULES,
  SMALL_BYTES = 512,     /* granule of an arena, so what each block is aligned to */
  SMALL_MAX = 32768,     /* larger blocks take granules of the heap */
};

#define ARENA_BYTES (ARENA_GRANULES * GRANULE_BYTES)

#endif
