/* The first instance prepares the memory, before any other exists. */
#include "shared.h"

/* `first_position`: where deques and injector start counting. 0 in use; near 2^32 in the tests of
 * wrap-around. Memory is all zeros before. */
EXPORT(initialise) void initialise(u32 workers, u32 granules_max, u32 first_position) {
  shared->workers = workers;
  shared->granules_max = granules_max;
  shared->serials = 1;
  shared->kernels_table = 1; /* a function's address is not 0 */
  shared->array_serials = 1;
  for (u32 c = 0; c < CLIENTS_MAX; c++) shared->clients[c].completed = NONE;
  for (u32 w = 0; w <= ASYNC_WORKER; w++) {
    shared->worker[w].deque.top = first_position;
    shared->worker[w].deque.bottom = first_position;
  }
  for (u32 p = 0; p < PARTICIPANTS_MAX; p++) shared->rover[p] = p * (TASKS / PARTICIPANTS_MAX);
  for (u32 q = 0; q < QUEUES; q++) {
    struct injector *injector = &shared->injector[q];
    for (u32 i = 0; i < INJECTOR_CELLS; i++) {
      u32 position = first_position + i;
      injector->cells[position & (INJECTOR_CELLS - 1)] = (u64)position << 32; /* EMPTY(position) */
    }
    injector->head = first_position;
    store(&injector->tail, first_position);
  }
}
