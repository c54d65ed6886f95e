/* Task slots: taking one, submitting, claiming, finishing, collecting.
 *
 * The state word alone decides who owns a task; every transition is one compare-and-swap of it.
 * Deques and the injector hold hints. Model: models/slots.pml.
 *
 *   FREE -> FILLING -> QUEUED -> RUNNING -> RETURNED | RAISED -> FREE
 *                        |          +-----> LOST (recovery.c)  -> FREE
 *                        +-> CANCELLED -> FREE
 */
#include "shared.h"

/* ---- a participant's free slots ---------------------------------------------------------------- */

static int take_slot(u32 index, u32 participant) {
  u32 *state = &shared->task[index].state;
  u32 word = load(state);
  return state_of(word) == FREE &&
         compare_exchange(state, word, state_word(generation_of(word) + 1, participant, FILLING));
}

/* Takes a free slot; NONE if all are in use. Slots freed lately come first, since they are in the
 * cache; after them the search goes round. */
static u32 task_acquire(u32 participant) {
  u32 *count = &shared->recent_count[participant];
  while (*count) {
    u32 index = shared->recent[participant][--*count];
    if (take_slot(index, participant)) return index;
  }
  u32 rover = shared->rover[participant];
  for (u32 i = 0; i < TASKS; i++) {
    u32 index = (rover + i) & (TASKS - 1);
    if (take_slot(index, participant)) {
      shared->rover[participant] = index + 1;
      return index;
    }
  }
  return NONE;
}

/* Gives back a slot that the caller owns, with what it refers to. */
void task_release(u32 index, u32 participant) {
  struct task *task = &shared->task[index];
  if (task->block) {
    u32 block = task->block;
    heap_take_over(participant, block); /* or a sweep for its owner, now dead, would free it too */
    store(&task->block, 0);
    heap_free(participant, block);
  }
  if (task->function) {
    u32 function = task->function;
    store(&task->function, 0);
    function_release(participant, function);
  }
  u32 word = load(&task->state);
  store(&task->state, state_word(generation_of(word), 0, FREE));
  u32 *count = &shared->recent_count[participant];
  if (*count < RECENT) shared->recent[participant][(*count)++] = index;
}

/* ---- clients ------------------------------------------------------------------------------------ */

/* A slot to fill in, or NONE. */
EXPORT(task_new) u32 task_new(u32 client) {
  u32 index = task_acquire(client_participant(client));
  if (index == NONE) return NONE;
  struct task *task = &shared->task[index];
  task->client = client;
  task->next = NONE;
  return index;
}

/* Publishes a filled slot. Returns 0, with the slot still the client's (FILLING), if the injector
 * is full. */
EXPORT(task_submit) int task_submit(u32 index, u32 function, u32 flags, u32 size, u32 block) {
  struct task *task = &shared->task[index];
  u32 generation = generation_of(load(&task->state));
  task->flags = flags;
  task->size = size;
  task->block = block;
  task->function = function;
  fetch_add(&((struct function *)function)->references, 1);
  u32 participant = participant_of(load(&task->state));
  /* From here on a worker may own it, even before the hint is out: a stale hint may name it. */
  store(&task->state, state_word(generation, 0, QUEUED));
  if (injector_put(hint_of(index, generation))) {
    wake_one();
    return 1;
  }
  if (!compare_exchange(&task->state, state_word(generation, 0, QUEUED),
                        state_word(generation, participant, FILLING)))
    return 1; /* claimed already */
  fetch_add(&((struct function *)function)->references, (u32)-1); /* the client holds another one */
  task->function = 0;
  return 0;
}

/* Withdraws a queued task and frees its slot; returns 0 if a worker was faster. */
EXPORT(task_cancel) int task_cancel(u32 index, u32 client) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  if (state_of(word) != QUEUED) return 0;
  if (!compare_exchange(&task->state, word,
                        state_word(generation_of(word), client_participant(client), CANCELLED)))
    return 0;
  task_release(index, client_participant(client));
  return 1;
}

/* Frees a slot whose outcome the client has read, or that it never submitted. */
EXPORT(task_free) void task_free(u32 index, u32 client) {
  task_release(index, client_participant(client));
}

/* Whether nobody has anything under way: then no room will come free by itself. */
EXPORT(all_quiet) int all_quiet(void) {
  for (u32 t = 0; t < TASKS; t++)
    if (state_of(load(&shared->task[t].state)) != FREE) return 0;
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (load(&shared->worker[w].wants_room)) return 0;
  return 1;
}

/* ---- workers ------------------------------------------------------------------------------------ */

/* Tries to make the task that `hint` names this worker's. */
int claim(u32 hint, u32 worker) {
  u32 generation = hint_generation(hint);
  return compare_exchange(&shared->task[hint_index(hint)].state, state_word(generation, 0, QUEUED),
                          state_word(generation, worker, RUNNING));
}

/* The worker has copied the arguments out: their block, if any, is free for others. */
EXPORT(task_arguments_read) void task_arguments_read(u32 index, u32 worker) {
  struct task *task = &shared->task[index];
  u32 block = task->block;
  if (!block) return;
  heap_take_over(worker, block); /* so that the sweep finds it if we die after the next line */
  store(&task->block, 0);
  heap_free(worker, block);
}

/* Heap room for a client's arguments; 0 if there is none just now. Results come first: while a
 * worker holds one that found no room, no new arguments are let in, the queue runs dry, arguments
 * are freed as their tasks start, and the result finds room. So the two cannot block each other. */
EXPORT(arguments_allocate) u32 arguments_allocate(u32 client, u32 size) {
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (load(&shared->worker[w].wants_room)) return 0;
  return heap_allocate(client_participant(client), size);
}

EXPORT(worker_wants_room) void worker_wants_room(u32 worker, u32 wants) {
  store(&shared->worker[worker].wants_room, wants);
}

/* Ends a task: `state` is RETURNED or RAISED, the payload is in place. Returns 0 if the task is no
 * longer this worker's, which happens only if the keeper took the worker for dead; 2 if its client
 * slept and was woken, otherwise 1. */
EXPORT(task_finish) int task_finish(u32 index, u32 worker, u32 state, u32 size, u32 block) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  if (word != state_word(generation_of(word), worker, RUNNING)) return 0;
  task->size = size;
  task->block = block;
  if (!compare_exchange(&task->state, word, state_word(generation_of(word), worker, state)))
    return 0;
  return completion_push(index) ? 2 : 1;
}
