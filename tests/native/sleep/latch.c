/* Latches of which either side dies: an owner, who promotes, joins and frees the same slot again and again; a worker that
 * ends its jobs; the keeper. Both like to wait until a recovery has begun. So the keeper, who looks at a word of the
 * slot and then acts, often comes too late: the job was claimed meanwhile, or the slot is in its next use. */
#include "mortal.h"

enum { OWNER, FINISHER, WORKERS, JOBS = 60 };

static u32 jobs; /* that have been made */
static u32 over;

static u32 *payload(u32 index) { return (u32 *)shared->task[index].inline_payload; }

/* Until the keeper is at work, or for some turns; and then some more. */
static void wait_for_keeper(void) {
  if (one_in(2)) return;
  for (u32 turns = below(100); turns && !flag(&mortal.recovering); turns--) give_way();
  for (u32 turns = below(8); turns; turns--) give_way();
}

static void own(u32 me) {
  worker_start(me);
  while (jobs < JOBS) {
    u32 id = ++jobs, index = promotion_slot(me);
    CHECK(index != NONE, "no slot is free");
    u32 generation = generation_of(load(&shared->task[index].state)), hint = hint_of(index, generation);
    *payload(index) = id;
    task_fill(index, 0, BATCH, 0, sizeof id, 0);
    if (one_in(8)) die_within(1 + below(16));
    CHECK(publish(index, me, BATCH), "no room for a hint");
    if (one_in(4) && take_back(hint, me)) continue;
    wait_for_keeper();
    i32 result = worker_join(me, hint, NO_HELP, 0, -1);
    CHECK(result == ENDED, "a join gives %d", result);
    wait_for_keeper();
    u32 word = load(&shared->task[index].state);
    CHECK(generation_of(word) == generation, "the slot is used again before its job was joined");
    CHECK(state_of(word) == RETURNED || state_of(word) == LOST, "the latch is set, the job is in state %u", state_of(word));
    CHECK(state_of(word) == LOST || *payload(index) == ~id, "an outcome is not whole");
    job_free(hint, me);
  }
}

static void finish(u32 me) {
  worker_start(me);
  for (;;) {
    u32 hint = deque_steal(&shared->worker[OWNER].deque);
    if (hint == NONE) hint = injector_take(BATCH);
    if (hint == NONE) {
      if (flag(&over)) return;
      give_way();
      continue;
    }
    wait_for_keeper();
    if (one_in(8)) die_within(1 + below(16));
    if (!claim(hint, me)) continue;
    u32 index = hint_index(hint);
    *payload(index) = ~*payload(index);
    CHECK(task_finish(index, me, RETURNED, sizeof(u32), 0), "a job is not its worker's any more");
  }
}

/* What is left of the dead: jobs that run, or are just being ended, by who will free their slots. */
static void check_left(u32 dead) {
  hold();
  for (u32 t = 0; t < TASKS; t++) {
    struct task *task = &shared->task[t];
    u32 word = load(&task->state), latch = load(&task->latch), state = state_of(word);
    if (state == FREE) continue;
    int owned = plain_load(&task->owner) == dead;
    if (load(&task->state) != word) continue;
    CHECK((state != FILLING && state != CANCELLED && state != RUNNING) || participant_of(word) != dead,
          "slot %u is in state %x after %u's recovery", t, word, dead);
    CHECK(!owned || state != QUEUED, "slot %u waits for nobody", t);
    CHECK(!owned || ((latch & ABANDONED) && latch >> 16 == generation_of(word)),
          "slot %u, in state %x with latch %x, is nobody's to free", t, word, latch);
  }
  release_hold();
}

static void body(u32 actor) {
  if (actor == WORKERS) {
    keeper_body(WORKERS, check_left);
    return;
  }
  mortal_body(actor, actor == OWNER ? own : finish);
  if (actor == OWNER) set_flag(&over, 1);
}

static void latches(void) {
  new_memory(WORKERS, 0, some_first_position());
  mortal_begin(WORKERS);
  jobs = over = 0;
  run(WORKERS + 1, body);
  check_nothing_left();
  count(jobs);
}

const struct scenario latch_scenarios[] = {
    {"latch-mortal", latches, 12},
    END_OF_SCENARIOS,
};
