/* The death of a worker. The keeper (the page) calls recover() once it is certain that the worker's
 * thread is gone, and starts a successor of the same number only afterwards.
 *
 *   1. What the dead one was RUNNING becomes LOST. What it had ended may be in no completion list,
 *      if it died just before the push, or its latch not set. Both are marked ADRIFT; for owners that are workers
 *      the latch is set. A slot that it was filling or withdrawing is freed. And what it owned itself (promoted
 *      jobs): not begun, it is cancelled; running, it is asked to end, and its latch is ABANDONED, so that
 *      whoever ends it frees the slot; ended, it is freed.
 *   2. A QUEUED task may have lost its only hint, if the dead one had taken that from a queue and
 *      not yet claimed: every queued task's hint is put into the injector again. Duplicates lose
 *      the claim.
 *   3. Arrays that it held, it holds no more; those that nobody holds and no slot carries are freed
 *      (arrays.c). Heap blocks of the dead one that nothing refers to are freed.
 *   4. `deaths` is bumped and everybody woken: sleepers whose waker died, and the clients, who collect
 *      what is adrift:
 *
 *   A client: a. reads `deaths`; if it has changed: b. notes the state words of its own slots that are
 *   ADRIFT; c. takes its completion list and collects that; d. collects each slot noted in b whose word
 *   is still the same. Whatever the dead pushed is seen in c, and then the word is another one in d; what
 *   is left was never pushed and never will be. What is marked after b belongs to a recovery that has yet
 *   to bump `deaths`. (Noting after c is wrong: with two deaths, a slot could be collected while it lies
 *   in the list.) Model: models/death.pml.
 *
 * A client may die, too: the async worker's, whose tasks others run. Those that have ended are on its list, or it had
 * taken them from there and not freed them yet, or they are about to be pushed. What nobody will push any more is marked
 * ADRIFT, so that the successor's steps a to d find it, and free it, as nobody's:
 *
 *   a worker that ends such a task                  the keeper, when the client is dead
 *     1. notes how often the async worker has died    1. counts the death
 *     2. says that it pushes that task                2. each slot that has ended, and whose worker does not say
 *     3. ends it                                         that it pushes it: ADRIFT
 *     4. pushes it                                    3. bumps `deaths`
 *     5. no longer says so
 *     6. if the count has moved since 1, and the word is still that of 3: ADRIFT, bumps `deaths`, wakes the client
 *
 * If the keeper sees it ended and then not named, its push is over. If it sees it named, either it is pushed after
 * that death, and the successor finds it on its list; or it was pushed before, and the dead one may have taken it: then the
 * count has moved when the worker comes to 6. A worker that dies in between leaves it to its own recovery, which marks
 * what it has ended. To mark what the successor has taken meanwhile does no harm: it is freed as it is. Model:
 * models/heritage.pml.
 */
#include "kernels/kernels.h"
#include "memory/memory.h"
#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "tasks/tasks.h"
#include "trace/trace.h"

static int is_ended(u32 state) { return state == RETURNED || state == RAISED || state == LOST; }

/* Returns how many queued tasks found no room in the injector: call reinject() again later. */
EXPORT(reinject) u32 reinject(void) {
  u32 left = 0;
  for (u32 t = 0; t < TASKS; t++) {
    u32 word = load(&shared->task[t].state);
    if (state_of(word) != QUEUED) continue;
    /* Plain: of another use of the slot if that is claimed and used again just now; then this hint is
     * stale, and the new use has a hint of its own. */
    u32 queue = plain_load(&shared->task[t].queue);
    if (left || !injector_put(queue, hint_of(t, generation_of(word))))
      left++;
    else
      announce_work(queue, hint_of(t, generation_of(word)));
  }
  return left;
}

/* What `dead` was doing with a slot. Returns 1 if it was running its task. */
static int settle_run(u32 index, u32 dead) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  u32 state = state_of(word);
  u32 generation = generation_of(word);
  if (participant_of(word) != dead || (word & ADRIFT)) return 0;
  u32 owner = plain_load(&task->owner); /* plain: it holds if a swap of the word succeeds below */
  if (state == FILLING || state == CANCELLED) { /* promoting or taking back a job */
    task_release(index, KEEPER);
  } else if (state == RUNNING) {
    u32 block = task->block; /* arguments not yet read, or an outcome not yet told */
    task->size = 0;
    store(&task->block, 0);
    if (block) heap_free(KEEPER, block);
    task_uncarry(index, KEEPER);
    compare_exchange(&task->state, word, state_word(generation, dead, LOST | ADRIFT));
    if (!is_client(owner)) latch_set_for_dead(index, generation, owner);
  } else if (state == RETURNED || state == RAISED) {
    /* The owner may collect it at this moment: then the swap fails, and rightly so. */
    if (compare_exchange(&task->state, word, word | ADRIFT) && !is_client(owner))
      latch_set_for_dead(index, generation, owner);
  }
  return state == RUNNING;
}

/* A task whose owner is dead. */
static void settle_owned(u32 index, u32 dead) {
  struct task *task = &shared->task[index];
  for (;;) {
    /* First the word, then the owner, which holds for this generation if a swap of the word succeeds. */
    u32 word = load(&task->state);
    u32 state = state_of(word);
    u32 generation = generation_of(word);
    if (state == FREE || state == FILLING || state == CANCELLED || plain_load(&task->owner) != dead)
      return;
    if (state == QUEUED) {
      if (!compare_exchange(&task->state, word, state_word(generation, KEEPER, CANCELLED)))
        continue; /* claimed just now: look at it again */
      task_release(index, KEEPER);
    } else if (!is_client(dead)) {
      latch_abandon(index, generation);
      ask_cancel(index, generation, ASKED);
    } else if (is_ended(state) && !(word & ADRIFT) &&
               load(&shared->worker[participant_of(word)].pushes) != hint_of(index, generation) + 1) {
      /* Its successor finds it, on the list or adrift, and throws it away. */
      if (!compare_exchange(&task->state, word, word | ADRIFT)) continue;
    }
    return;
  }
}

/* Returns how many tasks were lost. Call reinject() next. */
EXPORT(recover) u32 recover(u32 dead) {
  u32 lost = 0;
  fetch_add(&shared->worker[dead].deaths, 1); /* before it is looked who pushes what */
  if (tracing()) trace(TRACE_LOST, 0, dead, NONE, 0);
  kernels_bury(dead); /* before anybody can see that a task is lost: who joins it looks for orphans */
  for (u32 t = 0; t < TASKS; t++) {
    lost += (u32)settle_run(t, dead);
    settle_owned(t, dead);
    /* What its coroutines had submitted. */
    if (dead == ASYNC_WORKER) {
      settle_run(t, client_participant(ASYNC_CLIENT));
      settle_owned(t, client_participant(ASYNC_CLIENT));
    }
  }
  functions_recover(dead, KEEPER);
  kernels_recover(dead);
  kernels_exhume(dead);
  arrays_recover(dead, KEEPER);
  heap_sweep(dead, KEEPER);
  if (dead == ASYNC_WORKER) {
    functions_recover(client_participant(ASYNC_CLIENT), KEEPER);
    arrays_recover(client_participant(ASYNC_CLIENT), KEEPER);
    heap_sweep(client_participant(ASYNC_CLIENT), KEEPER);
  }
  struct worker *worker = &shared->worker[dead];
  store(&worker->wants_room, 0);
  if (dead < WORKERS_MAX) fetch_and(&shared->idle, ~(1ull << dead));
  compare_exchange(&shared->spinner, dead + 1, 0);
  compare_exchange(&shared->onlooker, dead + 1, 0);
  if (dead < WORKERS_MAX) store(&shared->waits_for[dead], 0);
  store(&worker->pushes, 0); /* what it names is adrift by now */
  store(&worker->hears, 0);
  store(&worker->reasons, 0);
  store(&worker->interrupt, 0);
  fetch_add(&shared->deaths, 1);
  for (u32 w = 0; w <= ASYNC_WORKER; w++) {
    store(&shared->worker[w].interrupt, SIGUSR1); /* if the dead one had set a reason, and not rung yet */
    wake_worker(w);
  }
  for (u32 c = 0; c < CLIENTS_MAX; c++) client_wake(c);
  return lost;
}

/* Step b: the first slot of `client` from `from` on that is ended and adrift, or NONE. */
EXPORT(adrift_next) u32 adrift_next(u32 client, u32 from) {
  for (u32 t = from; t < TASKS; t++) {
    struct task *task = &shared->task[t];
    u32 word = load(&task->state);
    if ((word & ADRIFT) && is_ended(state_of(word)) && plain_load(&task->owner) == client_participant(client))
      return t;
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
