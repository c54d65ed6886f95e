/* What lies in all queues together. */
#include "queues/queues.h"

/* Whether there is anything that a worker which computes could take. */
int work_is_visible(void) {
  if (injector_length(INTERACTIVE) || injector_length(BATCH)) return 1;
  u32 workers = plain_load(&shared->workers); /* plain: written once, before any worker starts */
  for (u32 w = 0; w < workers; w++)
    if (!deque_looks_empty(&shared->worker[w].deque)) return 1;
  return 0;
}

/* Makes a hint stealable: into this worker's deque or, if that is full, back into the injector.
 * Returns 0 if both are full: then the caller runs the task itself. */
int push_or_spill(u32 worker, u32 hint) {
  return deque_push(&shared->worker[worker].deque, hint) || injector_put(BATCH, hint);
}
