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
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  if (state_of(word) != FREE) return 0;
  /* Shifted out of its 16 bits the generation wraps. */
  u32 filling = state_word(generation_of(word) + 1, participant, FILLING);
  if (!compare_exchange(&task->state, word, filling)) return 0;
  plain_store(&task->owner, participant); /* plain: see settle_owned() in recovery.c */
  task->next = NONE;
  store(&task->latch, generation_of(filling) << 16 | UNSET);
  /* Plain: who asks the slot's last use to end, or watches it, checks the generation afterwards. */
  plain_store(&task->cancel, generation_of(filling) << 16 | NOT_ASKED);
  plain_store(&task->limit, 0);
  plain_store(&task->started, 0);
  int of_worker = participant < WORKERS_MAX;
  plain_store(&shared->parent[index], of_worker ? shared->worker[participant].innermost : 0);
  if (of_worker) plain_store(&shared->born[index], 2 * shared->worker[participant].births++);
  return 1;
}

/* Takes a free slot and is its owner; NONE if all are in use. Slots freed lately come first, since they are in the
 * cache; after them the search goes round. */
u32 task_acquire(u32 participant) {
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
  task_uncarry(index, participant);
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
EXPORT(task_new) u32 task_new(u32 client) { return task_acquire(client_participant(client)); }

/* What a slot says of its task, which has one more reference to the function already. */
void task_fill(u32 index, u32 function, u32 queue, u32 flags, u32 size, u32 block) {
  struct task *task = &shared->task[index];
  task->function = function;
  plain_store(&task->queue, queue); /* plain: see reinject() in recovery.c */
  plain_store(&task->flags, flags); /* plain: see is_orphan() in kernel_jobs.c */
  task->size = size;
  plain_store(&task->block, block); /* plain: a sweep that runs now may see the old one, see keep() in heap.c */
}

/* How long the task may run, ms. Before task_submit(). */
EXPORT(task_limit) void task_limit(u32 index, u32 milliseconds) {
  plain_store(&shared->task[index].limit, milliseconds); /* plain: as in take_slot() */
}

/* Publishes a filled slot. Returns 0, with the slot still the client's (FILLING), if the injector
 * is full. */
EXPORT(task_submit)
int task_submit(u32 index, u32 function, u32 queue, u32 flags, u32 size, u32 block) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  u32 generation = generation_of(word);
  double now = tracing() ? clock_ms() : 0; /* before anybody can run it */
  function_retain(function, function_serial(function)); /* the client holds a reference */
  task_fill(index, function, queue, flags, size, block);
  /* From here on a worker may own it, even before the hint is out: a stale hint may name it. */
  store(&task->state, state_word(generation, 0, QUEUED));
  if (injector_put(queue, hint_of(index, generation))) {
    announce_work(queue, hint_of(index, generation));
    if (tracing())
      trace_at(now, TRACE_SUBMITTED, queue, NOBODY, hint_of(index, generation), function_serial(function));
    return 1;
  }
  /* If that fails it has been claimed already. */
  if (!compare_exchange(&task->state, state_word(generation, 0, QUEUED), word)) return 1;
  store(&task->function, 0);
  function_release(participant_of(word), function);
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

static int a_worker_wants_room(void) {
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (load(&shared->worker[w].wants_room)) return 1;
  return load(&shared->worker[ASYNC_WORKER].wants_room) != 0;
}

/* Whether nobody has anything under way. */
EXPORT(all_quiet) int all_quiet(void) {
  for (u32 t = 0; t < TASKS; t++)
    if (state_of(load(&shared->task[t].state)) != FREE) return 0;
  return !a_worker_wants_room();
}

/* Whether no room will come free by itself. An injector may be full of withdrawn tasks, which a worker that has yet to
 * start takes out. */
EXPORT(quiescent) int quiescent(void) {
  for (u32 queue = 0; queue < QUEUES; queue++)
    if (injector_length(queue)) return 0;
  return all_quiet();
}

/* ---- whose job a task is ------------------------------------------------------------------------- */

/* A slot that is being filled is a job of that task; else of its worker's innermost, or a client's. With `alone`, what is promoted
 * later may have been spawned before. */
EXPORT(task_parent) void task_parent(u32 index, u32 hint, u32 alone) {
  plain_store(&shared->parent[index], hint + 1);
  plain_store(&shared->born[index], plain_load(&shared->born[index]) | (alone ? ALONE : 0));
}

/* Whether the task may be claimed, unless somebody is faster; else its hint is stale. */
int is_queued(u32 hint) {
  return load(&shared->task[hint_index(hint)].state) == state_word(hint_generation(hint), 0, QUEUED);
}

/* Whether a task may be run on top of a join that waits for the promoted job `joined`: whether it is that job, or one that the
 * waiting task has promoted after it, or a job of those, and so on. Where jobs are promoted oldest first, what was promoted later was
 * spawned later; so all that is what the serial program would do before this join is over. Anything else might want what is held
 * meanwhile, a lock say. Outside of any task nobody can say which jobs are the waiter's: then what hangs below `joined` is all.
 *
 * A task's slot is in use as long as a job of it has not ended (unless its worker died: then they are to end, and belong to
 * nobody). So what is read holds if the caller claims the task afterwards, or is just running it. */
int belongs(u32 hint, u32 joined) {
  u32 waiting = load(&shared->parent[hint_index(joined)]);
  for (u32 steps = 0; steps < TASKS; steps++) { /* bounded, should somebody have written into the table */
    u32 index = hint_index(hint);
    u32 parent = load(&shared->parent[index]), born = load(&shared->born[index]);
    /* First these, then the generation: they were this use's. */
    if (generation_of(load(&shared->task[index].state)) != hint_generation(hint)) return 0;
    if (hint == joined) return 1;
    if (!parent) return 0;
    if (parent == waiting) {
      u32 awaited = load(&shared->born[hint_index(joined)]);
      return !(awaited & ALONE) && (i32)((born & ~(u32)ALONE) - awaited) > 0;
    }
    hint = parent - 1;
  }
  return 0;
}

/* ---- workers ------------------------------------------------------------------------------------ */

/* Tries to make the task that `hint` names this worker's. */
int claim(u32 hint, u32 worker) {
  struct task *task = &shared->task[hint_index(hint)];
  u32 generation = hint_generation(hint);
  if (!compare_exchange(&task->state, state_word(generation, 0, QUEUED),
                        state_word(generation, worker, RUNNING)))
    return 0;
  if (task->limit) store(&task->started, (u32)(u64)clock_ms() | 1);
  return 1;
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

/* Heap room for arguments; 0 if there is none just now. Results come first: while a
 * worker holds one that found no room, no new arguments are let in, the queue runs dry, arguments
 * are freed as their tasks start, and the result finds room. So the two cannot block each other. */
EXPORT(arguments_allocate) u32 arguments_allocate(u32 participant, u32 size) {
  return a_worker_wants_room() ? 0 : heap_allocate(participant, size);
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
  u32 generation = generation_of(word);
  if (word != state_word(generation, worker, RUNNING)) return 0;
  u32 owner = task->owner;
  int of_mortal = owner == client_participant(ASYNC_CLIENT);
  u32 deaths_before = of_mortal ? says_that_it_pushes(index, generation, worker) : 0;
  /* Before anybody can know that it has ended. */
  if (tracing()) trace(TRACE_ENDED, state, NOBODY, hint_of(index, generation), 0);
  task->size = size;
  plain_store(&task->block, block); /* plain: as in task_fill() */
  if (!compare_exchange(&task->state, word, state_word(generation, worker, state))) return 0;
  if (is_client(owner)) {
    int woken = completion_push(index);
    if (of_mortal) has_pushed(index, state_word(generation, worker, state), deaths_before);
    return woken ? 2 : 1;
  }
  latch_set(index, owner, worker);
  return 1;
}
