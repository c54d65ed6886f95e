/* Completion lists: how outcomes get back to the client that submitted the task.
 *
 * A list is an intrusive stack (R. K. Treiber, 1986) of slots. Workers push; the client takes the
 * whole list with one exchange, so there is no ABA. One wake-up serves a batch:
 *
 *   a worker                                  the client
 *     a. pushes the slot                        1. reads its event counter
 *     b. if exchange(armed, 0) was 1:           2. takes and handles until the list is empty
 *          bumps the event counter, wakes       3. sets armed
 *                                               4. looks once more; if not empty, back to 1
 *                                               5. sleeps if the counter has not moved since 1
 *
 * What else a client waits for (a death, a broken or closed pool) is set before the counter is bumped
 * and looked at in 2, so it needs no second look. The page sleeps with Atomics.waitAsync on `events`, a
 * host worker with wait32. A worker that dies between a and the end of b is covered by recovery, which
 * wakes every client. Model: models/completions.pml.
 */
#include "tasks/tasks.h"

#include "sleep/sleep.h"

/* Everybody who sleeps for this client: a host worker may have an Atomics.waitAsync outstanding when
 * it blocks, so there may be two. */
EXPORT(client_wake) void client_wake(u32 number) {
  struct client *client = &shared->clients[number];
  fetch_add(&client->events, 1);
  notify(&client->events, 2);
}

/* Returns 1 if it found the client asleep and woke it. */
int completion_push(u32 index) {
  struct task *task = &shared->task[index];
  struct client *client = &shared->clients[task->owner - FIRST_CLIENT];
  u32 head;
  do {
    head = load(&client->completed);
    store(&task->next, head);
  } while (!compare_exchange(&client->completed, head, index));
  if (!load(&client->armed) || !exchange(&client->armed, 0)) return 0;
  client_wake((u32)(client - shared->clients));
  return 1;
}

/* Of a worker that ends a task of the async worker's client, which may die: steps 1 and 2, and 5 and 6, in recovery.c. `ended`:
 * the task's word then. */
u32 says_that_it_pushes(u32 index, u32 generation, u32 worker) {
  u32 deaths = load(&shared->worker[ASYNC_WORKER].deaths);
  store(&shared->worker[worker].pushes, hint_of(index, generation) + 1);
  return deaths;
}

void has_pushed(u32 index, u32 ended, u32 deaths_before) {
  store(&shared->worker[participant_of(ended)].pushes, 0);
  if (load(&shared->worker[ASYNC_WORKER].deaths) == deaths_before) return;
  if (!compare_exchange(&shared->task[index].state, ended, ended | ADRIFT)) return; /* it is free already */
  fetch_add(&shared->deaths, 1);
  client_wake(ASYNC_CLIENT);
}

/* Client only. Takes all completed tasks; returns the first (oldest) slot, the others follow by
 * `next`, or NONE. TASKS, no slot: somebody has written into the list, and it is lost. */
EXPORT(completions_take) u32 completions_take(u32 number) {
  u32 newest = exchange(&shared->clients[number].completed, NONE);
  u32 oldest = NONE;
  for (u32 length = 0; newest != NONE; length++) { /* the stack gives newest first: turn it round */
    if (newest >= TASKS || length == TASKS) return TASKS; /* the latter: in a circle */
    u32 next = load(&shared->task[newest].next);
    store(&shared->task[newest].next, oldest);
    oldest = newest;
    newest = next;
  }
  return oldest;
}

/* Client only. Announces that it will sleep on `events`. Returns 0 if there are completions to take
 * instead. */
EXPORT(completions_arm) int completions_arm(u32 number) {
  struct client *client = &shared->clients[number];
  store(&client->armed, 1);
  if (load(&client->completed) == NONE) return 1;
  store(&client->armed, 0);
  return 0;
}

EXPORT(completions_disarm) void completions_disarm(u32 number) {
  store(&shared->clients[number].armed, 0);
}

/* Host worker only (it blocks). Sleeps until there are completions, or a wake-up since the counter was
 * `seen`, or the time is over (milliseconds; negative: no bound). */
EXPORT(completions_wait) void completions_wait(u32 number, u32 seen, double milliseconds) {
  if (!completions_arm(number)) return;
  wait_on(&shared->clients[number].events, seen, nanoseconds_of(milliseconds));
  completions_disarm(number);
}
