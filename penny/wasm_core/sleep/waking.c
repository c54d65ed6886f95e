/* Sleeping on a word, and waking whoever does: steps c and d of parking.c. */
#include "sleep/sleep.h"

#include "tables/tables.h"
#include "trace/trace.h"

/* Sleeps while *p == expected, for at most `nanoseconds` (negative: for ever). Traps on a page's main
 * thread: no function that a page calls may reach it. A function of its own, since V8's baseline
 * compiler (seen in 11.3) loses a local variable that is live across a wait in a branch. */
__attribute__((noinline)) void wait_on(u32 *p, u32 expected, i64 nanoseconds) {
  wait32(p, expected, nanoseconds);
}

void wake_worker(u32 worker) {
  fetch_add(&shared->worker[worker].event, 1);
  notify(&shared->worker[worker].event, 1);
  if (tracing()) trace(TRACE_WOKE, 0, worker, NONE, 0);
}

/* Wakes one parked worker, if there is one and nobody spins. Call it after the work is visible. Returns 0
 * if all are busy. */
int wake_one(void) {
  if (load(&shared->spinner)) return 1;
  u64 idle;
  while ((idle = load(&shared->idle))) {
    u32 worker = (u32)__builtin_ctzll(idle);
    if (!unannounce(worker)) continue; /* somebody else wakes this one; look for the next */
    wake_worker(worker);
    return 1;
  }
  return 0;
}

/* Wakes one worker that waits in a join that a task belongs to. Returns 0 if there is none. */
int wake_waiter(u32 hint) {
  if (!load(&shared->parent[hint_index(hint)])) return 0;
  u32 workers = plain_load(&shared->workers);
  for (u32 w = 0; w < workers; w++) {
    u32 waits_for = load(&shared->waits_for[w]);
    if (!waits_for || !belongs(hint, waits_for - 1)) continue;
    if (!compare_exchange(&shared->waits_for[w], waits_for, 0)) continue; /* another wakes it, or it is awake */
    wake_worker(w);
    return 1;
  }
  return 0;
}
