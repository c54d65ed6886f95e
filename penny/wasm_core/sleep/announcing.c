/* How others hear of work that somebody has put into a queue, or leaves there. */
#include "sleep/sleep.h"

#include "queues/queues.h"

/* Sees to it that somebody looks at a queue into which something has been put: who is idle, since that one may take anything;
 * else who waits for what the task belongs to. */
void announce_work(u32 queue, u32 hint) {
  if (queue == COROUTINES) {
    wake_worker(ASYNC_WORKER);
  } else if (!wake_one()) {
    wake_waiter(hint);
    if (queue == INTERACTIVE) ring_busy(NONE, URGENT);
  }
}

/* Whoever was woken for something that it leaves where it is. */
void offer_to_waiters(void) {
  u64 cell;
  for (u32 queue = INTERACTIVE; queue <= BATCH; queue++) {
    u32 hint = injector_oldest(queue, &cell);
    if (hint != NONE && wake_waiter(hint)) return;
  }
  u32 workers = plain_load(&shared->workers);
  for (u32 w = 0; w < workers; w++) {
    u32 position, hint = deque_oldest(&shared->worker[w].deque, &position);
    if (hint != NONE && wake_waiter(hint)) return;
  }
}

/* Whoever was woken, or announced that it sleeps and may be taken for woken, or spun on account of those who
 * were not, wakes another if there is more to do. */
void pass_on(void) {
  if (!work_is_visible() || wake_one()) return;
  offer_to_waiters();
  if (injector_length(INTERACTIVE)) ring_busy(NONE, URGENT);
}
