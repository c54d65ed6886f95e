/* The death of a worker. The keeper (the page) calls recover() once it is certain that the worker's
 * thread is gone, and starts a successor of the same number only afterwards.
 *
 *   1. What the dead one was RUNNING becomes LOST. What it had ended may be in no completion list,
 *      if it died just before the push. Both are marked ADRIFT.
 *   2. A QUEUED task may have lost its only hint, if the dead one had taken that from a queue and
 *      not yet claimed: every queued task's hint is put into the injector again. Duplicates lose
 *      the claim.
 *   3. Heap blocks of the dead one that no slot refers to are freed.
 *   4. `deaths` is bumped and everybody woken: sleepers whose waker died, and the clients, who collect
 *      what is adrift:
 *
 *   A client: a. reads `deaths`; if it has changed: b. notes the state words of its own slots that are
 *   ADRIFT; c. takes its completion list and collects that; d. collects each slot noted in b whose word
 *   is still the same. Whatever the dead pushed is seen in c, and then the word is another one in d; what
 *   is left was never pushed and never will be. What is marked after b belongs to a recovery that has yet
 *   to bump `deaths`. (Noting after c is wrong: with two deaths, a slot could be collected while it lies
 *   in the list.) Model: models/death.pml.
 */
#include "shared.h"

static int is_ended(u32 state) { return state == RETURNED || state == RAISED || state == LOST; }

/* Returns how many queued tasks found no room in the injector: call reinject() again later. */
EXPORT(reinject) u32 reinject(void) {
  u32 left = 0;
  for (u32 t = 0; t < TASKS; t++) {
    u32 word = load(&shared->task[t].state);
    if (state_of(word) != QUEUED) continue;
    if (left || !injector_put(hint_of(t, generation_of(word))))
      left++;
    else
      wake_one();
  }
  return left;
}

/* Returns how many tasks were lost. Call reinject() next. */
EXPORT(recover) u32 recover(u32 dead) {
  u32 lost = 0;
  for (u32 t = 0; t < TASKS; t++) {
    struct task *task = &shared->task[t];
    u32 word = load(&task->state);
    u32 state = state_of(word);
    if (participant_of(word) != dead || (word & ADRIFT)) continue;
    if (state == RUNNING) {
      u32 block = task->block; /* arguments not yet read, or an outcome not yet told */
      task->size = 0;
      store(&task->block, 0);
      if (block) heap_free(KEEPER, block);
      compare_exchange(&task->state, word, state_word(generation_of(word), dead, LOST | ADRIFT));
      lost++;
    } else if (state == RETURNED || state == RAISED) {
      /* The client may collect it at this moment: then the swap fails, and rightly so. */
      compare_exchange(&task->state, word, word | ADRIFT);
    }
  }
  heap_sweep(dead, KEEPER);
  store(&shared->worker[dead].wants_room, 0);
  fetch_and(&shared->idle, ~(1ull << dead));
  compare_exchange(&shared->spinner, dead + 1, 0);
  shared->worker[dead].deaths++;
  fetch_add(&shared->deaths, 1);
  for (u32 w = 0; w < plain_load(&shared->workers); w++) wake_worker(w);
  for (u32 c = 0; c < CLIENTS_MAX; c++) client_wake(c);
  return lost;
}

/* Step b: the first slot of `client` from `from` on that is ended and adrift, or NONE. */
EXPORT(adrift_next) u32 adrift_next(u32 client, u32 from) {
  for (u32 t = from; t < TASKS; t++) {
    struct task *task = &shared->task[t];
    u32 word = load(&task->state);
    if ((word & ADRIFT) && is_ended(state_of(word)) && task->client == client) return t;
  }
  return NONE;
}

/* Tells all clients that no worker can start; the reason lies in a heap block. */
EXPORT(break_pool) void break_pool(u32 block, u32 size) {
  store(&shared->broken_size, size);
  store(&shared->broken, block);
  for (u32 c = 0; c < CLIENTS_MAX; c++) client_wake(c);
}

/* Tells all clients that every worker has ended. */
EXPORT(close_pool) void close_pool(void) {
  store(&shared->closed, 1);
  for (u32 c = 0; c < CLIENTS_MAX; c++) client_wake(c);
}

EXPORT(deaths) u32 deaths(void) { return load(&shared->deaths); }
