/* Tasks: submitting, claiming, running, finishing, collecting. Which state follows which: slots.c. */
#include "tasks/tasks.h"

#include "memory/memory.h"
#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "trace/trace.h"

/* ---- clients ------------------------------------------------------------------------------------ */

/* A slot to fill in, or NONE. */
EXPORT(task_new) u32 task_new(u32 client) { return task_acquire(client_participant(client)); }

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

/* Ends a task: `state` is RETURNED or RAISED, the payload is in place. Returns enum finish. */
EXPORT(task_finish) int task_finish(u32 index, u32 worker, u32 state, u32 size, u32 block) {
  struct task *task = &shared->task[index];
  u32 word = load(&task->state);
  u32 generation = generation_of(word);
  if (word != state_word(generation, worker, RUNNING)) return NOT_OURS;
  u32 owner = task->owner;
  int of_mortal = owner == client_participant(ASYNC_CLIENT);
  u32 deaths_before = of_mortal ? says_that_it_pushes(index, generation, worker) : 0;
  /* Before anybody can know that it has ended. */
  if (tracing()) trace(TRACE_ENDED, state, NOBODY, hint_of(index, generation), 0);
  task->size = size;
  plain_store(&task->block, block); /* plain: as in task_fill() */
  if (!compare_exchange(&task->state, word, state_word(generation, worker, state))) return NOT_OURS;
  if (is_client(owner)) {
    int woken = completion_push(index);
    if (of_mortal) has_pushed(index, state_word(generation, worker, state), deaths_before);
    return woken ? WOKE_CLIENT : FINISHED;
  }
  latch_set(index, owner, worker);
  return FINISHED;
}
