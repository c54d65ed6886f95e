/* A whole pool: a client submits tasks, workers run them, promote jobs of theirs and join them; some are
 * cancelled, some workers die. Each task is counted exactly once, and nothing is left at the end.
 *
 * What JavaScript and Python do around the core (tasks/, jobs/ and ports/ of web/penny, job.py) is
 * here as short as it can be; what it does for arrays and kernels is in arrays.c and kernels.c. A task's arguments are
 * its id, how many bytes it returns, how deep it spawns; its result is the complement of its id. Both are written all
 * over their payload.
 */
#include "arrays.h"
#include "kernels.h"
#include "tally.h"

enum {
  WORKERS = 3,
  CLIENT_ACTOR = WORKERS,
  KEEPER_ACTOR,
  ASYNC_ACTOR,
  POOL_ACTORS,

  HOST = 1, /* the client's number */
  DEEP = 6, /* a worker with so many tasks on its stack helps no more */
  PENDING_MAX = 64,
};

struct settings {
  u32 tasks;     /* that the client submits */
  u32 pending;   /* of these at a time, at most */
  u32 depth;     /* of the trees of jobs that tasks spawn */
  u32 deaths;    /* of workers, at most */
  u32 cancels;   /* one in so many turns of the client cancels something; 0: none */
  u32 large;     /* one in so many payloads is larger than its slot; 0: none */
  u32 heap;      /* bytes */
  u32 together;  /* so many tasks at a time wait for each other: each needs a worker; 0: none do */
  u32 first;     /* only the first so many do, and workers start when all are submitted; 0: all do */
  u32 kernels;   /* one in so many tasks calls a kernel; 0: none do */
  u32 arrays;    /* one in so many payloads carries arrays; 0: none does */
  u32 failures;  /* one in so many of these goes wrong; 0: none do */
  int late;      /* a successor starts only when all tasks have ended: those who live must do without */
  int meets;     /* each kernel waits until a job of its own runs elsewhere */
  int coroutines; /* whether some tasks are coroutines, and the async worker runs */
};
static struct settings set;

static struct tally ran, ended;
static u32 ids;
static u32 function;
static u32 deaths_left;
static u32 meeting; /* how many tasks have come to meet; or, too, MEETING_OVER: there are not enough left, since some were lost */
enum { MEETING_OVER = 1u << 31 };

/* ---- payloads ---------------------------------------------------------------------------------------- */

struct arguments {
  u32 id, returns, depth;
};

enum { STRIDE = 1024 }; /* of the words of a large payload that are written and checked */

static u32 some_payload_size(void) {
  if (!set.large || !one_in(set.large)) return sizeof(struct arguments) + below(180);
  return one_in(set.large == 1 ? 2 : 6) ? 33000 + below(100000) : 300 + below(4000);
}

/* Who looks for orphans may read a slot's words where there was a kernel's job before (orphans.c). */
static void put(u32 address, u32 word) { __atomic_store_n((u32 *)at(address), word, __ATOMIC_RELAXED); }

static void fill(u32 address, u32 size, u32 word) {
  for (u32 i = 0; i + 4 <= size; i += i + 4 + STRIDE <= size ? STRIDE : 4) put(address + i, word);
}

static void check_filled(u32 address, u32 from, u32 size, u32 word) {
  for (u32 i = 0; i + 4 <= size; i += i + 4 + STRIDE <= size ? STRIDE : 4) {
    u32 found;
    memcpy(&found, at(address + i), 4);
    if (i >= from) CHECK(found == word, "byte %u of %u of a payload is %x, not %x", i, size, found, word);
  }
}

static u32 payload(u32 index) {
  struct task *task = &shared->task[index];
  return task->block ? task->block : (u32)(uintptr_t)task->inline_payload;
}

static void write_arguments(u32 address, u32 size, struct arguments arguments) {
  fill(address, size, arguments.id);
  put(address, arguments.id);
  put(address + 4, arguments.returns);
  put(address + 8, arguments.depth);
}

/* ---- a worker ---------------------------------------------------------------------------------------- */

/* Results that found no room, with their tasks. */
struct aside {
  u32 count;
  struct {
    u32 index, id, size;
    int raised;
  } result[64];
};

struct worker_state {
  u32 tasks[64]; /* hints of what is on its stack */
  u32 ids[64];
  u32 depth;
  u32 urgent; /* interactive tasks on top of batch ones */
  struct aside aside;
};
static struct worker_state states[WORKERS + 1]; /* the last is the async worker's */

static struct worker_state *state_of_worker(u32 me) { return &states[me == ASYNC_WORKER ? WORKERS : me]; }

static int try_to_finish(u32 me, u32 index, u32 id, u32 size, int raised) {
  u32 block = 0;
  if (size > sizeof shared->task[index].inline_payload) {
    block = heap_allocate(me, size);
    if (!block) return 0;
  }
  fill(block ? block : (u32)(uintptr_t)shared->task[index].inline_payload, size, ~id);
  arrays_forget(me, index);
  if (!raised) arrays_send(me, index);
  CHECK(task_finish(index, me, raised ? RAISED : RETURNED, size, block), "task %u is not %u's any more", id, me);
  return 1;
}

static void flush_aside(u32 me) {
  struct aside *aside = &state_of_worker(me)->aside;
  if (!aside->count) return;
  while (aside->count) {
    u32 last = aside->count - 1;
    if (!try_to_finish(me, aside->result[last].index, aside->result[last].id, aside->result[last].size,
                       aside->result[last].raised))
      return;
    aside->count--;
  }
  worker_wants_room(me, 0);
}

static void finish(u32 me, u32 index, u32 id, u32 size, int raised) {
  struct aside *aside = &state_of_worker(me)->aside;
  flush_aside(me);
  if (try_to_finish(me, index, id, size, raised)) return;
  CHECK(aside->count < 64, "too many results without room");
  aside->result[aside->count].index = index;
  aside->result[aside->count].id = id;
  aside->result[aside->count].size = size;
  aside->result[aside->count++].raised = raised;
  worker_wants_room(me, 1);
}

/* ---- its jobs ---------------------------------------------------------------------------------------- */

struct job {
  u32 id, depth;
  i32 hint;
};

static int spawn_and_join(u32 me, u32 depth);

/* Of each task and job by its id: the id + 1 of the task whose job it is, or 0. */
static u32 parent_of[TALLY_MAX];

static u32 new_job(u32 me) {
  struct worker_state *state = state_of_worker(me);
  u32 id = __atomic_fetch_add(&ids, 1, __ATOMIC_RELAXED);
  CHECK(id < TALLY_MAX, "too many jobs");
  __atomic_store_n(&parent_of[id], state->depth ? state->ids[state->depth - 1] + 1 : 0, __ATOMIC_RELAXED);
  return id;
}

/* A join has found a task, to be run on top of who waits: it has to belong to what is waited for, or to what was spawned
 * later. */
static void check_belongs(u32 me, u32 index, u32 awaited) {
  struct worker_state *state = state_of_worker(me);
  if (is_kernels(index)) return; /* kernels.c checks those */
  u32 first = *(u32 *)at(payload(index)), waiter = state->ids[state->depth - 1];
  if (first == awaited) return;
  for (u32 id = first, parent; (parent = __atomic_load_n(&parent_of[id], __ATOMIC_RELAXED)); id = parent - 1)
    if (parent - 1 == waiter && id >= awaited) return;
  CHECK(0, "task %u runs on top of %u, which waits for %u", first, waiter, awaited);
}

static void begin(u32 id) {
  hold();
  CHECK(tally_add(&ran, id) == 1, "task %u runs twice", id);
  release_hold();
}

static void run_inline(u32 me, struct job job) {
  begin(job.id);
  spawn_and_join(me, job.depth);
}

/* Makes a job stealable, as WorkerPort.promote() does; or negative. */
static i32 promote_job(u32 me, struct job job) {
  u32 index = promotion_slot(me);
  if (index == NONE) return NO_ROOM;
  u32 size = some_payload_size(), block = 0;
  if (size > sizeof shared->task[index].inline_payload) {
    block = arguments_allocate(me, size);
    if (!block) {
      promotion_withdraw(index, me);
      return NO_ROOM;
    }
  }
  write_arguments(block ? block : (u32)(uintptr_t)shared->task[index].inline_payload, size,
                  (struct arguments){job.id, some_payload_size(), job.depth});
  u32 queue = one_in(8) ? INTERACTIVE : BATCH;
  arrays_send(me, index);
  i32 hint = promote(index, me, function, function_serial(function), queue, 0, size, block);
  if (hint < 0) promotion_withdraw(index, me);
  return hint;
}

/* Whether the innermost task was asked to end. */
static int innermost_asked(u32 me) {
  struct worker_state *state = state_of_worker(me);
  return state->depth && cancel_asked(state->tasks[state->depth - 1]);
}

static int may_run_urgent(u32 me) {
  struct worker_state *state = state_of_worker(me);
  if (me == ASYNC_WORKER || state->urgent || state->depth >= DEEP) return 0;
  return shared->task[hint_index(state->tasks[state->depth - 1])].queue != INTERACTIVE;
}

static void run_urgent(u32 me) {
  struct worker_state *state = state_of_worker(me);
  state->urgent++;
  for (u32 urgent; (urgent = urgent_next(me)) != NONE;) run_task(me, urgent);
  state->urgent--;
}

static void join(u32 me, struct job job) {
  if (one_in(2) && take_back((u32)job.hint, me)) {
    run_inline(me, job);
    return;
  }
  struct worker_state *state = state_of_worker(me);
  for (int asked = 0;;) {
    if (!asked && innermost_asked(me)) { /* as a scope does that was cancelled */
      if (take_back((u32)job.hint, me)) return;
      job_ask_cancel((u32)job.hint);
      asked = 1;
    }
    int help = state->depth >= DEEP ? NO_HELP : state->aside.count ? ANYTHING : BELONGING;
    int urgent = may_run_urgent(me);
    i32 result = worker_join(me, (u32)job.hint, help, urgent ? URGENT : 0, state->aside.count ? 1 : -1);
    if (result >= 0 && help != ANYTHING) check_belongs(me, (u32)result, job.id);
    flush_aside(me);
    if (result >= 0) {
      run_task(me, (u32)result);
    } else if (result == INTERRUPTED) {
      if ((doorbell_reasons(me) & URGENT) && urgent) run_urgent(me);
    } else if (result == ENDED) {
      break;
    }
  }
  CHECK(job_ended((u32)job.hint), "a join came back early");
  u32 latch = load(&shared->task[hint_index((u32)job.hint)].latch);
  CHECK((latch & SET) && latch >> 16 == (hint_generation((u32)job.hint) & 0xffff), "its latch is %x", latch);
  u32 index = hint_index((u32)job.hint);
  u32 word = load(&shared->task[index].state); /* whoever has a stale hint may try to claim it */
  CHECK(generation_of(word) == (hint_generation((u32)job.hint) & 0xffff), "the slot is used again");
  if (state_of(word) != LOST) {
    u32 size = shared->task[index].size;
    CHECK(tally_of(&ran, job.id) == 1, "job %u has ended, and ran %u times", job.id, tally_of(&ran, job.id));
    check_filled(payload(index), 0, size, ~job.id);
    arrays_receive(me, index);
  } else {
    CHECK(set.deaths, "a job is lost, and nobody died");
  }
  job_free((u32)job.hint, me);
}

/* Returns 1 if the task was asked to end. */
static int spawn_and_join(u32 me, u32 depth) {
  if (!depth || me == ASYNC_WORKER) return 0;
  struct job jobs[4];
  u32 n = below(4);
  for (u32 i = 0; i < n; i++) {
    jobs[i].id = new_job(me);
    jobs[i].depth = below(depth);
    jobs[i].hint = one_in(4) ? NO_ROOM : promote_job(me, jobs[i]);
  }
  u32 turn = one_in(3) ? below(n + 1) : 0; /* newest first, mostly */
  for (u32 i = n; i > 0; i--) {
    struct job job = jobs[(i - 1 + turn) % n];
    if (job.hint < 0)
      run_inline(me, job);
    else
      join(me, job);
  }
  return innermost_asked(me);
}

/* ---- its tasks --------------------------------------------------------------------------------------- */

/* Goes on when so many tasks are here: all of them run at once, or nobody does. */
static void meet(void) {
  u32 place = __atomic_fetch_add(&meeting, 1, __ATOMIC_SEQ_CST) & ~MEETING_OVER;
  notify(&meeting, WORKERS);
  for (u32 seen; !((seen = flag(&meeting)) & MEETING_OVER) && seen / set.together == place / set.together;)
    wait32(&meeting, seen, -1);
}

/* A task and jobs of its own wait for each other: promoted jobs are stolen while their owner is busy. */
static void meet_own_jobs(u32 me) {
  struct job jobs[WORKERS];
  u32 n = set.together - 1;
  for (u32 i = 0; i < n; i++) {
    jobs[i] = (struct job){.id = new_job(me)};
    jobs[i].hint = promote_job(me, jobs[i]);
    CHECK(jobs[i].hint >= 0, "no room for a job");
  }
  meet();
  for (u32 i = 0; i < n; i++) join(me, jobs[i]);
}

void run_task(u32 me, u32 index) {
  if (is_kernels(index)) {
    kernels_run(me, index);
    return;
  }
  struct worker_state *state = state_of_worker(me);
  struct task *task = &shared->task[index];
  CHECK(state_of(load(&task->state)) == RUNNING && participant_of(load(&task->state)) == me,
        "slot %u is not %u's", index, me);
  CHECK(state->depth < 64, "too deep");
  struct arguments arguments;
  memcpy(&arguments, at(payload(index)), sizeof arguments);
  check_filled(payload(index), sizeof arguments, task->size, arguments.id);
  CHECK(task->function == function, "function %u", task->function);
  CHECK(function_serial(function) && *(u32 *)at(function_block(function)) == 0xf00d, "the function is gone");
  begin(arguments.id);
  u32 hint = hint_of(index, generation_of(load(&task->state))), outer = shared->worker[me].innermost;
  state->ids[state->depth] = arguments.id;
  state->tasks[state->depth++] = hint;
  shared->worker[me].innermost = hint + 1;
  task_arguments_read(index, me);
  arrays_receive(me, index);
  int asked = 0;
  if (set.together && arguments.depth)
    meet_own_jobs(me);
  else if (set.together && (!set.first || arguments.id < set.first))
    meet();
  else
    asked = spawn_and_join(me, arguments.depth);
  if (me != ASYNC_WORKER) asked |= kernels_maybe_call(me);
  if (!set.together && one_in(16)) { /* an urgent one on top, as the doorbell's handler runs it */
    if (may_run_urgent(me)) run_urgent(me);
  }
  if (doorbell_take(me)) doorbell_reasons(me);
  asked |= cancel_asked(state->tasks[--state->depth]);
  finish(me, index, arguments.id, arguments.returns, asked);
  shared->worker[me].innermost = outer;
  arrays_play(me);
}

static void worker_life(u32 me) {
  struct worker_state *state = state_of_worker(me);
  state->depth = state->urgent = state->aside.count = 0;
  arrays_start(me);
  if (me != ASYNC_WORKER) {
    kernels_start(me);
    worker_start(me);
  }
  for (;;) {
    flush_aside(me);
    i32 task;
    if (me == ASYNC_WORKER) {
      u32 seen = load(&shared->worker[me].event);
      task = coroutine_next();
      if (task == NOTHING) wait32(&shared->worker[me].event, seen, state->aside.count ? 1000000 : -1);
    } else {
      task = worker_next(me, state->aside.count ? 1 : -1);
    }
    if (task == STOPPED && !state->aside.count) {
      arrays_end(me);
      return;
    }
    if (task >= 0) run_task(me, (u32)task);
  }
}

/* ---- the keeper -------------------------------------------------------------------------------------- */

static u32 dead[ASYNC_WORKER + 1]; /* 1: died, and not recovered yet */
static u32 graves;                 /* counts what the keeper has to look at */
static u32 living;
static u32 all_submitted;
static u32 all_ended; /* the client has every outcome */

static void call_keeper(void) {
  __atomic_add_fetch(&graves, 1, __ATOMIC_SEQ_CST);
  notify(&graves, 1);
}

/* Whether the next life ends early. Where successors are late, not more often than was said: somebody has to live. */
static int is_mortal(void) {
  for (;;) {
    u32 left = flag(&deaths_left);
    if (!left || (!set.late && one_in(2))) return left != 0;
    if (__atomic_compare_exchange_n(&deaths_left, &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 1;
  }
}

static void worker_body(u32 me) {
  while (set.first && !flag(&all_submitted)) give_way();
  while (dies(is_mortal() ? 1 + below(one_in(2) ? 300 : 6000) : 0, worker_life, me)) {
    set_flag(&dead[me], 1);
    call_keeper();
    while (flag(&dead[me])) wait32(&dead[me], 1, -1);
    while (set.late && !flag(&all_ended)) wait32(&all_ended, 0, -1);
  }
  __atomic_sub_fetch(&living, 1, __ATOMIC_SEQ_CST);
  call_keeper();
}

static void keeper_body(void) {
  int again = 0; /* the injector had no room for all that is queued */
  for (;;) {
    u32 seen = flag(&graves);
    if (again) again = reinject() != 0;
    for (u32 worker = 0; worker <= ASYNC_WORKER; worker++) {
      if (!flag(&dead[worker])) continue;
      recover(worker);
      again = reinject() != 0;
      set_flag(&dead[worker], 0);
      notify(&dead[worker], 1);
    }
    if (!flag(&living)) return;
    wait32(&graves, seen, again ? 1000000 : -1);
  }
}

/* ---- the client -------------------------------------------------------------------------------------- */

static u32 slots[PENDING_MAX], pending; /* of its pending tasks */
static u32 id_of[TASKS];
static u32 submitted, deaths_seen;
static u32 outcomes[8];

static void forget(u32 i) { slots[i] = slots[--pending]; }

static void outcome(u32 index) {
  u32 i = 0;
  while (i < pending && slots[i] != index) i++;
  CHECK(i < pending, "slot %u ends, which is not pending", index);
  forget(i);
  u32 id = id_of[index];
  u32 state = state_of(load(&shared->task[index].state));
  CHECK(tally_add(&ended, id) == 1, "task %u ends twice", id);
  outcomes[state]++;
  if (state == LOST) {
    CHECK(set.deaths, "task %u is lost, and nobody died", id);
  } else {
    CHECK(state == RETURNED || state == RAISED, "task %u ends in state %u", id, state);
    CHECK(state == RETURNED || task_was_asked(index), "task %u raises, and was not asked", id);
    CHECK(tally_of(&ran, id) == 1, "task %u has ended, and ran %u times", id, tally_of(&ran, id));
    check_filled(payload(index), 0, shared->task[index].size, ~id);
    arrays_receive(client_participant(HOST), index);
  }
  task_free(index, HOST);
  arrays_play(client_participant(HOST));
}

/* Steps a to d of recovery.c. */
static u32 collect(void) {
  static struct {
    u32 index, word;
  } noted[TASKS];
  u32 n = 0;
  for (;;) {
    u32 so_far = deaths(), count = 0;
    if (so_far != deaths_seen)
      for (u32 t = 0; (t = adrift_next(HOST, t)) != NONE; t++) {
        noted[count].index = t;
        noted[count++].word = load(&shared->task[t].state);
      }
    for (u32 index = completions_take(HOST); index != NONE; n++) {
      u32 next = load(&shared->task[index].next);
      outcome(index);
      index = next;
    }
    for (u32 i = 0; i < count; i++)
      if (load(&shared->task[noted[i].index].state) == noted[i].word) {
        outcome(noted[i].index);
        n++;
      }
    if (so_far == deaths_seen) return n;
    deaths_seen = so_far;
  }
}

static int submit(void) {
  u32 index = task_new(HOST);
  if (index == NONE) return 0;
  u32 size = some_payload_size(), block = 0;
  if (size > sizeof shared->task[index].inline_payload) {
    block = arguments_allocate(client_participant(HOST), size);
    if (!block) {
      task_free(index, HOST);
      return 0;
    }
  }
  u32 id = __atomic_fetch_add(&ids, 1, __ATOMIC_RELAXED);
  u32 queue = one_in(6) ? INTERACTIVE : set.coroutines && one_in(4) ? COROUTINES : BATCH;
  write_arguments(block ? block : (u32)(uintptr_t)shared->task[index].inline_payload, size,
                  (struct arguments){id, some_payload_size(), set.together ? set.depth : below(set.depth + 1)});
  arrays_send(client_participant(HOST), index);
  if (set.cancels && one_in(20)) task_limit(index, 1);
  id_of[index] = id;
  slots[pending++] = index;
  submitted++;
  if (task_submit(index, function, queue, 0, size, block)) return 1;
  /* The injector is full, of stale hints as well. */
  pending--;
  submitted--;
  tally_add(&ran, id);
  task_free(index, HOST);
  return 0;
}

static void cancel_some(void) {
  u32 i = below(pending), index = slots[i], id = id_of[index];
  if (task_cancel(index, HOST)) {
    forget(i);
    CHECK(tally_add(&ended, id) == 1, "task %u ends twice", id);
    CHECK(!tally_of(&ran, id), "task %u was cancelled, and ran", id);
    outcomes[CANCELLED]++;
  } else if (one_in(2)) {
    task_ask_cancel(index);
  }
}

/* As the page looks at tasks with limits. */
static void watch(void) {
  for (u32 t = 0; (t = watch_next(t)) != NONE; t++) continue;
}

static void client_body(void) {
  while (submitted < set.tasks || pending) {
    u32 seen = load(&shared->clients[HOST].events);
    u32 got = collect();
    int room = 1;
    while (room && submitted < set.tasks && pending < set.pending && !one_in(4)) room = submit();
    if (submitted == set.tasks) set_flag(&all_submitted, 1);
    if (set.cancels && pending && one_in(set.cancels)) cancel_some();
    if (set.cancels && one_in(100)) watch();
    if (set.together && submitted == set.tasks && pending < set.together) {
      __atomic_or_fetch(&meeting, MEETING_OVER, __ATOMIC_SEQ_CST);
      notify(&meeting, WORKERS);
    }
    if (got) continue;
    if (pending && (!room || submitted == set.tasks || pending == set.pending))
      completions_wait(HOST, seen, -1);
    else if (!pending && !room)
      give_way(); /* others have the room, and will be done with it */
  }
  arrays_end(client_participant(HOST));
  set_flag(&all_ended, 1);
  notify(&all_ended, WORKERS);
  stop();
}

/* ---- a round ----------------------------------------------------------------------------------------- */

/* Each ring says what its participant did, unless it was overwritten. */
static void check_trace(void) {
  const struct trace *trace = at(shared->trace);
  for (u32 w = 0; w < WORKERS; w++) {
    const struct ring *ring = &trace->ring[w];
    if (ring->head - ring->first > RING_EVENTS) continue;
    u32 kinds[32] = {0}, stolen = 0, promoted = 0;
    for (u32 p = ring->first; p != ring->head; p++) {
      u64 when = ring->event[p & (RING_EVENTS - 1)].when;
      u32 kind = (u32)when >> EVENT_KIND_SHIFT & EVENT_KIND_MASK, how = (u32)when >> EVENT_HOW_SHIFT & EVENT_HOW_MASK;
      kinds[kind]++;
      stolen += kind == TRACE_BEGAN && (how & ORIGIN_MASK) == ORIGIN_STOLEN;
      promoted += kind == TRACE_PROMOTED && how == BATCH;
    }
    const struct worker *worker = &shared->worker[w];
    CHECK(kinds[TRACE_BEGAN] == worker->run && kinds[TRACE_ENDED] == worker->run && stolen == worker->stolen &&
              promoted == worker->promoted,
          "worker %u has run %u, stolen %u, promoted %u; in its trace %u began, %u ended, %u stolen, %u promoted", w,
          worker->run, worker->stolen, worker->promoted, kinds[TRACE_BEGAN], kinds[TRACE_ENDED], stolen, promoted);
  }
}

static void body(u32 actor) {
  act_as(actor < WORKERS          ? actor
         : actor == CLIENT_ACTOR ? client_participant(HOST)
         : actor == KEEPER_ACTOR ? KEEPER
                                 : ASYNC_WORKER);
  if (actor == CLIENT_ACTOR)
    client_body();
  else if (actor == KEEPER_ACTOR)
    keeper_body();
  else
    worker_body(actor == ASYNC_ACTOR ? ASYNC_WORKER : actor);
}

static void play(struct settings settings) {
  set = settings;
  u32 first_position = some_first_position();
  new_memory(WORKERS, set.heap, first_position);
  if (one_in(4)) trace_memory(first_position);
  tally_clear(&ran, TALLY_MAX);
  tally_clear(&ended, TALLY_MAX);
  memset(parent_of, 0, sizeof parent_of);
  memset(dead, 0, sizeof dead);
  memset(outcomes, 0, sizeof outcomes);
  ids = graves = pending = submitted = deaths_seen = meeting = all_submitted = all_ended = 0;
  deaths_left = set.deaths;
  arrays_begin_round(set.arrays);
  kernels_begin_round((struct kernel_settings){.kernels = set.kernels,
                                               .nodes = 60,
                                               .failures = set.failures,
                                               .meets = set.meets,
                                               .cancels = set.cancels != 0,
                                               .deaths = set.deaths != 0});
  living = WORKERS + (set.coroutines ? 1 : 0);
  function = function_new(client_participant(HOST), 2000);
  *(u32 *)at(function_block(function)) = 0xf00d;

  run(set.coroutines ? POOL_ACTORS : ASYNC_ACTOR, body);

  CHECK(!shared->idle && !shared->spinner, "somebody is parked or spins at the end");
  CHECK(!shared->onlooker, "somebody spins in a join at the end");
  for (u32 w = 0; w < WORKERS; w++)
    CHECK(!shared->waits_for[w] && !shared->worker[w].hears, "worker %u waits in a join at the end", w);
  if (shared->trace && !set.deaths) check_trace();
  u32 in_all = outcomes[RETURNED] + outcomes[RAISED] + outcomes[LOST] + outcomes[CANCELLED];
  CHECK(in_all == set.tasks, "%u outcomes of %u tasks", in_all, set.tasks);
  if (!set.deaths && !set.cancels)
    for (u32 id = 0; id < ids; id++) CHECK(tally_of(&ran, id) == 1, "task %u ran %u times", id, tally_of(&ran, id));
  count(ids);
  if (set.deaths && (shared->function[function - 1].life & 0xffffff) != 1) {
    /* Accepted, see functions.c: a reference may be lost with who died while he took it. */
    u32 block = function_block(function);
    shared->function[function - 1].life = 0;
    heap_free(KEEPER, block);
  } else {
    function_drop(client_participant(HOST), function);
  }
  kernels_end_round();
  check_nothing_left();
}

#define MIB << 20

/* Now and then one task, while the workers start, park, wake, stop. */
static void parking(void) { play((struct settings){.tasks = 60, .pending = 1 + below(3), .heap = 4 MIB}); }

/* Tasks that wait for each other: no worker may sleep beside one that nobody runs. */
static void rendezvous(void) {
  u32 together = 2 + below(WORKERS - 1);
  u32 pending = one_in(2) ? together : 12; /* 12: workers take several at a time from the injector */
  play((struct settings){.tasks = 24 * together, .pending = pending, .together = together, .heap = 4 MIB});
}

/* Hardly more than a worker takes at a time, when it starts. Nobody comes later who would be told of what lies in its deque. */
static void batches(void) {
  play((struct settings){.tasks = 6 + 2 * below(2), .pending = 12, .together = 2, .first = 2, .heap = 4 MIB});
}

static void tasks(void) {
  play((struct settings){
      .tasks = 300, .pending = 40, .cancels = 3, .large = 4, .heap = 8 MIB, .coroutines = 1});
}

static void completions(void) { play((struct settings){.tasks = 400, .pending = 3, .heap = 4 MIB}); }

static void promotion(void) {
  play((struct settings){.tasks = 40, .pending = 4, .depth = 5, .large = 8, .heap = 16 MIB});
}

static void promotion_meets(void) {
  play((struct settings){
      .tasks = 20, .pending = 1, .depth = 1, .together = 2 + below(WORKERS - 1), .heap = 4 MIB});
}

static void cancellation(void) {
  play((struct settings){.tasks = 60, .pending = 8, .depth = 4, .cancels = 2, .heap = 8 MIB});
}

/* Hardly any room: payloads wait for each other's. */
static void room(void) {
  play((struct settings){.tasks = 60, .pending = 16, .depth = 2, .large = 1, .heap = 3 MIB});
}

static void recovery(void) {
  play((struct settings){.tasks = 60, .pending = 8, .deaths = 8, .large = 4, .heap = 8 MIB, .coroutines = 1});
}

static void recovery_of_jobs(void) {
  play((struct settings){.tasks = 30, .pending = 4, .depth = 4, .deaths = 8, .cancels = 6, .large = 4,
                         .heap = 8 MIB});
}

static void recovery_without_successors(void) {
  play((struct settings){
      .tasks = 12, .pending = 1 + below(3), .depth = below(3), .deaths = WORKERS - 1, .late = 1, .heap = 4 MIB});
}

static void recovery_in_little_room(void) {
  play((struct settings){.tasks = 60, .pending = 32, .deaths = 8, .large = 1, .heap = 3 MIB});
}

static void recovery_meets(void) {
  u32 together = 2 + below(WORKERS - 1);
  play((struct settings){.tasks = 60, .pending = 12, .together = together, .deaths = 8, .heap = 4 MIB});
}

static void arrays(void) {
  play((struct settings){
      .tasks = 60, .pending = 8, .depth = 3, .cancels = 8, .arrays = 2, .large = 8, .heap = 16 MIB, .coroutines = 1});
}

static void recovery_of_arrays(void) {
  play((struct settings){
      .tasks = 40, .pending = 6, .depth = 3, .deaths = 8, .cancels = 8, .arrays = 2, .heap = 16 MIB, .coroutines = 1});
}

static void kernels(void) {
  play((struct settings){.tasks = 30, .pending = 1 + below(3), .depth = below(2), .kernels = 1, .heap = 16 MIB});
}

static void kernels_meet(void) {
  play((struct settings){.tasks = 20, .pending = 1, .kernels = 1, .meets = 1, .heap = 16 MIB});
}

static void kernels_failing(void) {
  play((struct settings){
      .tasks = 40, .pending = 1 + below(3), .depth = below(3), .cancels = 6, .kernels = 1, .failures = 3, .heap = 16 MIB});
}

static void recovery_of_kernels(void) {
  play((struct settings){.tasks = 30,
                         .pending = 1 + below(3),
                         .depth = below(3),
                         .deaths = 8,
                         .cancels = 12,
                         .kernels = 1,
                         .failures = 6,
                         .heap = 32 MIB});
}

const struct scenario pool_scenarios[] = {
    {"pool-parking", parking, 40},
    {"pool-rendezvous", rendezvous, 40},
    {"pool-batches", batches, 60},
    {"pool-completions", completions, 10},
    {"pool-tasks", tasks, 10},
    {"pool-promotion", promotion, 20},
    {"pool-promotion-meets", promotion_meets, 20},
    {"pool-cancellation", cancellation, 20},
    {"pool-room", room, 20},
    {"pool-recovery", recovery, 30},
    {"pool-recovery-of-jobs", recovery_of_jobs, 30},
    {"pool-recovery-late", recovery_without_successors, 30},
    {"pool-recovery-meets", recovery_meets, 20},
    {"pool-little-room", recovery_in_little_room, 20},
    {"pool-arrays", arrays, 20},
    {"pool-recovery-of-arrays", recovery_of_arrays, 30},
    {"pool-kernels", kernels, 20},
    {"pool-kernels-meet", kernels_meet, 20},
    {"pool-kernels-failing", kernels_failing, 20},
    {"pool-recovery-of-kernels", recovery_of_kernels, 30},
    END_OF_SCENARIOS,
};
