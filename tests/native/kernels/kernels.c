/* Kernels: fork-join whose jobs are counted, on a pool's workers (pool.c), and the table of modules.
 *
 * In WebAssembly the frames of a kernel that have an address lie on its kernel stack in the shared memory, and its calls
 * on the engine's. So they do here: frames are pushed on the kernel stack, and nothing of a kernel is found by
 * the address of a local. A trap, or kernel_throw(), is a longjmp to where JavaScript would catch it. Frames that
 * are left are overwritten: who still uses one then is seen by its mark, and by ThreadSanitizer.
 */
#define _GNU_SOURCE
#include "kernels.h"

#include <setjmp.h>

#include "mortal.h"

enum {
  NO_FAILURE = 99,
  IN_USE = 0xa11f, /* marks frames that are */
  LEFT = 0xdd,     /* what others are full of */
  DEEP_FRAME = 64 * 1024,
  DEEP_LEVELS = 20,
};

static struct kernel_settings set;
static struct tally ran;
static u32 ids;

/* ---- what JavaScript has of each worker ---------------------------------------------------------- */

static struct kernels {
  u32 stack, stack_pointer; /* 0: no kernel has run yet */
  jmp_buf *catches;         /* of the innermost call of a kernel */
  u32 thrown;
} kernels[WORKERS_MAX];

__attribute__((noreturn)) static void throw(u32 failure) {
  struct kernels *mine = &kernels[actor()];
  CHECK(mine->catches, "failure %u outside of a kernel", failure);
  mine->thrown = failure;
  _longjmp(*mine->catches, 1);
}

static void prepare(u32 me) {
  struct kernels *mine = &kernels[me];
  if (mine->stack) return;
  mine->stack = kernel_stack(me);
  CHECK(mine->stack && !(mine->stack & (ARENA_BYTES - 1)), "no kernel stack but %x", mine->stack);
  mine->stack_pointer = mine->stack + ARENA_BYTES;
}

/* Room on the kernel stack of whoever runs. */
static void *push(u32 size) {
  struct kernels *mine = &kernels[actor()];
  mine->stack_pointer -= (size + 15) & ~15u;
  CHECK(mine->stack_pointer > mine->stack, "the kernel stack ends");
  return at(mine->stack_pointer);
}

/* Leaves all that was pushed since. */
static void leave_frames(u32 me, u32 stack_pointer) {
  struct kernels *mine = &kernels[me];
  memset(at(mine->stack_pointer), LEFT, stack_pointer - mine->stack_pointer);
  mine->stack_pointer = stack_pointer;
}

/* Calls a kernel, as Kernels.#enter() does. Returns how it failed, or NO_FAILURE. */
static u32 enter(u32 me, void (*call)(struct penny_call *lane, void *argument), void *argument) {
  struct kernels *mine = &kernels[me];
  u32 stack_pointer = mine->stack_pointer;
  struct penny_call *lane = kernel_enter(me, stack_pointer);
  if (!lane) return OVERFLOW;
  jmp_buf here, *outer = mine->catches;
  mine->catches = &here;
  if (!_setjmp(here)) {
    call(lane, argument);
    mine->thrown = MISUSED;
    if (kernel_leave(me)) mine->thrown = NO_FAILURE;
  }
  u32 failure = mine->thrown;
  mine->catches = outer;
  if (failure != NO_FAILURE) {
    kernel_unwind(me);
    leave_frames(me, stack_pointer);
    CHECK(kernel_leave(me), "jobs are left after the end of their kernel");
  }
  mine->stack_pointer = stack_pointer; /* what a forgetful kernel left on it goes when that returns */
  return failure;
}

/* Where a promoted job is joined, what is private is of the same call: all else was promoted before it. */
static void check_order(const struct penny_job *joined) {
  const struct kernel_context *context = at(kernels[actor()].stack);
  const struct penny_job *job = context->promoted;
  while (job && job != joined) job = job->older;
  if (!job) return;
  for (job = context->job.newest; job; job = job->older)
    CHECK((u32)(uintptr_t)job < context->entry, "a job was promoted before one of a call below");
}

/* ---- what a module imports ------------------------------------------------------------------------ */

void penny_import_spawn(struct penny_job *job) { kernel_spawn(job); }
struct penny_job *penny_import_join(struct penny_job *job) {
  check_order(job);
  return kernel_join(job);
}
void penny_import_ran(struct penny_job *job) { kernel_ran(job); }
struct penny_call *penny_import_fork(struct penny_call *call) { return kernel_fork(call); }
int penny_import_wait(struct penny_call *call) { return kernel_wait(call); }

/* ---- a promoted job ------------------------------------------------------------------------------- */

struct promoted {
  struct penny_call *call;
  penny_call_function function;
};

static void call_promoted(struct penny_call *lane, void *p) {
  struct promoted *promoted = p;
  promoted->function(promoted->call, lane);
}

static void run_promoted(struct penny_call *lane, void *p) {
  (void)lane;
  struct penny_job *job = p;
  job->function(job->argument);
}

int is_kernels(u32 index) { return (shared->task[index].flags & KERNEL) != 0; }

/* Kernels.run(). */
void kernels_run(u32 me, u32 index) {
  u32 outer = kernel_begin(me, index);
  prepare(me);
  struct kernel_payload *payload = payload_of(&shared->task[index]);
  struct promoted promoted = {at(payload->address), (penny_call_function)payload->function};
  u32 failure = promoted.function ? enter(me, call_promoted, &promoted) : enter(me, run_promoted, promoted.call);
  u32 state = failure == NO_FAILURE ? RETURNED : RAISED, message = failure == NO_FAILURE ? 0 : 20;
  if (message) {
    payload->failure[0] = (unsigned char)failure;
    memset(&payload->failure[1], 0xee, message - 1);
    interleave();
  }
  CHECK(task_finish(index, me, state, sizeof *payload + message, 0), "a job is not %u's any more", me);
  kernel_end(me, outer);
}

void kernel_task(u32 task) { run_task(actor(), task); }

void kernel_throw(u32 failure, u32 task) {
  if (failure != JOB_FAILED) throw(failure);
  u32 of_job = payload_of(&shared->task[task])->failure[0];
  job_free(hint_of(task, generation_of(load(&shared->task[task].state))), actor());
  throw(of_job);
}

/* ---- trees ---------------------------------------------------------------------------------------- */

enum style { BY_JOBS, BY_LISTS, BY_CALLS, BY_CHAINS, STYLES };

/* Node n has the children 2 n and 2 n + 1; of a chain of calls, which is deeper than a lane, an odd one n + 1, a leaf, and
 * n + 2. It lies in a frame of whoever called the kernel, and all its nodes, on
 * whatever worker, read and write it. */
struct tree {
  u32 alive;
  u32 visited;
  u32 first; /* of its nodes' ids */
  u32 nodes; /* numbers 1 to nodes - 1 */
  u32 trap;  /* the node that traps, or 0 */
  enum style style;
  u32 sum;
};

struct node {
  struct penny_job job;
  struct tree *tree;
  u32 alive, number, sum;
};

static u32 sum_of(struct penny_call *call, struct tree *tree, u32 number);

/* Also what it takes longest to write. */
static void look_at(const struct tree *tree) {
  CHECK(__atomic_load_n(&tree->alive, __ATOMIC_RELAXED) == IN_USE, "a job runs whose kernel has been left");
}

/* Mostly shorter than a heartbeat, and now and then as long as a nap: kernels.h, parking.c. */
static void work(void) {
  static const double lengths[] = {0.01, 0.1, 0.3, 2};
  u32 which = below(32);
  if (which < 8) take_time(lengths[which ? which / 3 : 3]);
}

static void visit(struct tree *tree, u32 number) {
  look_at(tree);
  CHECK(tally_add(&ran, tree->first + number) == 1, "node %u runs twice", number);
  work();
  if (number == tree->trap) throw(TRAPPED);
  look_at(tree);
  __atomic_fetch_add(&tree->visited, 1, __ATOMIC_RELAXED);
}

static void node_job(void *p) {
  struct node *node = p;
  CHECK(node->alive == IN_USE, "a job runs in a frame that has been left");
  node->sum = sum_of(0, node->tree, node->number);
  CHECK(node->alive == IN_USE, "a job's frame was left while it ran");
}

static struct node *spawn(struct tree *tree, struct node *node, u32 number) {
  node->tree = tree;
  node->number = number;
  node->sum = 0;
  node->alive = IN_USE;
  penny_spawn(&node->job, node_job, node);
  return node;
}

static u32 sum_by_jobs(struct tree *tree, u32 number) {
  u32 me = actor(), stack_pointer = kernels[me].stack_pointer;
  struct node *upper = push(sizeof *upper);
  int spawned = 2 * number + 1 < tree->nodes;
  if (spawned) spawn(tree, upper, 2 * number + 1);
  u32 sum = number + sum_of(0, tree, 2 * number);
  if (spawned) {
    penny_join_call(&upper->job, node_job, upper);
    sum += upper->sum;
  }
  leave_frames(me, stack_pointer);
  return sum;
}

/* Both are spawned, and joined in any order; more spawns come in between. */
static u32 sum_by_lists(struct tree *tree, u32 number) {
  u32 me = actor(), stack_pointer = kernels[me].stack_pointer;
  struct node *children = push(2 * sizeof *children);
  u32 n = 0;
  while (n < 2 && 2 * number + n < tree->nodes) {
    spawn(tree, &children[n], 2 * number + n);
    n++;
  }
  u32 turn = below(2), sum = number;
  for (u32 i = 0; i < n; i++) {
    struct node *child = &children[(i + turn) % n];
    penny_join(&child->job);
    sum += child->sum;
  }
  leave_frames(me, stack_pointer);
  return sum;
}

static void upper_call(struct penny_call *call, struct penny_call *next) {
  u32 number = call->u32[0];
  u32 sum = sum_of(next, call->pointer[1], number);
  CHECK(call->u32[0] == number, "a call's entry was used again while it ran");
  call->u32[1] = sum;
}

static u32 sum_by_calls(struct penny_call *call, struct tree *tree, u32 number) {
  int chain = tree->style == BY_CHAINS;
  if (chain && number % 2 == 0) return number;
  u32 upper = chain ? number + 1 : 2 * number + 1, lower = chain ? number + 2 : 2 * number;
  call->u32[0] = upper;
  call->pointer[1] = tree;
  struct penny_call *next = penny_fork(call, upper_call);
  u32 sum = number + sum_of(next, tree, lower);
  return sum + (penny_kept(call) ? sum_of(call, tree, upper) : call->u32[1]);
}

static u32 sum_of(struct penny_call *call, struct tree *tree, u32 number) {
  if (number >= tree->nodes) return 0;
  visit(tree, number);
  return tree->style == BY_JOBS    ? sum_by_jobs(tree, number)
         : tree->style == BY_LISTS ? sum_by_lists(tree, number)
                                   : sum_by_calls(call, tree, number);
}

/* ---- kernels -------------------------------------------------------------------------------------- */

static void tree_kernel(struct penny_call *lane, void *p) {
  struct tree *wanted = p;
  u32 me = actor(), stack_pointer = kernels[me].stack_pointer;
  struct tree *tree = push(sizeof *tree);
  *tree = *wanted;
  tree->alive = IN_USE;
  wanted->sum = sum_of(lane, tree, 1);
  wanted->visited = tree->visited;
  leave_frames(me, stack_pointer);
}

/* A job is spawned at each level, until there is no room for one more. */
static u32 deeper(struct tree *tree, u32 level) {
  if (level == DEEP_LEVELS) return 0;
  u32 me = actor(), stack_pointer = kernels[me].stack_pointer;
  u32 end = kernels[me].stack + LANES_END + 8192, left = stack_pointer - end;
  push(left > DEEP_FRAME ? DEEP_FRAME : left);
  struct node *node = push(sizeof *node);
  spawn(tree, node, tree->nodes - 1 - level);
  u32 sum = deeper(tree, level + 1);
  penny_join(&node->job);
  sum += node->sum;
  leave_frames(me, stack_pointer);
  return sum;
}

static void deep_kernel(struct penny_call *lane, void *p) {
  (void)lane;
  struct tree *wanted = p, *tree = push(sizeof *tree);
  *tree = *wanted;
  tree->alive = IN_USE;
  deeper(tree, 0);
}

/* Returns while its jobs are private, or run elsewhere. */
static void forgetful_kernel(struct penny_call *lane, void *p) {
  struct tree *wanted = p, *tree = push(sizeof *tree);
  *tree = *wanted;
  tree->alive = IN_USE;
  if (tree->style >= BY_CALLS) {
    lane->u32[0] = 2;
    lane->pointer[1] = tree;
    penny_fork(lane, upper_call);
    take_time(0.2);
    if (one_in(2)) throw(TRAPPED);
  } else {
    for (u32 i = 2; i < 4; i++) spawn(tree, push(sizeof(struct node)), i);
    take_time(0.2);
  }
}

enum { GUESTS = 2 };

struct meeting {
  u32 guests, came;
  struct guest {
    struct penny_job job;
    struct meeting *meeting;
    u32 host;
  } guest[GUESTS];
};

/* Stays until all are here, and spawns nothing. */
static void come(void *p) {
  struct guest *guest = p;
  struct meeting *meeting = guest->meeting;
  CHECK(actor() != guest->host, "a host ran its own job, and had not joined it");
  __atomic_add_fetch(&meeting->came, 1, __ATOMIC_SEQ_CST);
  notify(&meeting->came, GUESTS);
  for (u32 came; (came = flag(&meeting->came)) < meeting->guests;) wait32(&meeting->came, came, -1);
}

static void nothing(void *p) { (void)p; }

/* Goes on when other workers have come: whoever is hungry is heard, however it came to sleep. */
static void meeting_kernel(struct penny_call *lane, void *p) {
  struct tree *wanted = p;
  u32 me = actor(), stack_pointer = kernels[me].stack_pointer;
  struct meeting *meeting = push(sizeof *meeting);
  struct penny_job *job = push(sizeof *job);
  (void)lane;
  double step = one_in(2) ? 0.03 : 0.001; /* then it may be over soon, and taken for small */
  if (one_in(2)) take_time(3); /* the others fall asleep */
  meeting->guests = 1 + below(GUESTS);
  meeting->came = 0;
  for (u32 n = 0; n < meeting->guests; n++) {
    struct guest *guest = &meeting->guest[n];
    guest->meeting = meeting;
    guest->host = me;
    penny_spawn(&guest->job, come, guest);
  }
  while (flag(&meeting->came) < meeting->guests) {
    penny_spawn(job, nothing, 0);
    penny_join(job);
    take_time(step);
  }
  for (u32 n = meeting->guests; n; n--) penny_join(&meeting->guest[n - 1].job);
  wanted->sum = 0;
  leave_frames(me, stack_pointer);
}

static int innermost_asked(u32 me) {
  u32 innermost = shared->worker[me].innermost;
  CHECK(innermost, "worker %u runs nothing", me);
  return cancel_asked(innermost - 1) != NOT_ASKED;
}

int kernels_maybe_call(u32 me) {
  if (!set.kernels || !one_in(set.kernels)) return 0;
  prepare(me);
  struct tree tree = {.nodes = 4 + below(set.nodes - 3), .style = below(STYLES)};
  void (*kernel)(struct penny_call *, void *) = set.meets ? meeting_kernel : tree_kernel;
  if (set.failures && one_in(set.failures)) {
    u32 how = below(4);
    if (how == 0) {
      kernel = deep_kernel;
      tree.style = BY_JOBS;
      tree.nodes = 3 * DEEP_LEVELS; /* the jobs have no children */
    } else if (how == 1) {
      kernel = forgetful_kernel;
    } else {
      tree.trap = 1 + below(tree.nodes - 1);
    }
  }
  tree.first = __atomic_fetch_add(&ids, tree.nodes, __ATOMIC_RELAXED);
  u32 failure = enter(me, kernel, &tree);
  switch (failure) {
    case NO_FAILURE:
      CHECK(kernel != deep_kernel && !tree.trap, "a kernel with a failure returned");
      if (kernel != tree_kernel) break;
      CHECK(tree.visited == tree.nodes - 1, "%u of %u nodes ran", tree.visited, tree.nodes - 1);
      CHECK(tree.sum == tree.nodes * (tree.nodes - 1) / 2, "the sum of %u nodes is %u", tree.nodes - 1, tree.sum);
      for (u32 i = 1; i < tree.nodes; i++)
        CHECK(tally_of(&ran, tree.first + i) == 1, "node %u ran %u times", i, tally_of(&ran, tree.first + i));
      break;
    case TRAPPED: CHECK(tree.trap || kernel == forgetful_kernel, "it trapped"); break;
    case CANCEL_DUE: CHECK(set.cancels && innermost_asked(me), "it was cancelled, and nobody asked"); break;
    case WORKER_LOST: CHECK(set.deaths, "a job is lost, and nobody died"); break;
    case OVERFLOW: CHECK(kernel == deep_kernel, "the kernel stack is used up"); break;
    default: CHECK(failure == MISUSED && kernel == forgetful_kernel, "failure %u", failure);
  }
  count(tree.nodes);
  return failure == CANCEL_DUE;
}

/* ---- rounds --------------------------------------------------------------------------------------- */

void kernels_begin_round(struct kernel_settings settings) {
  set = settings;
  if (set.kernels) tally_clear(&ran, TALLY_MAX);
  ids = 0;
  memset(kernels, 0, sizeof kernels);
}

void kernels_start(u32 me) { kernels[me] = (struct kernels){0}; }

void kernels_end_round(void) {
  for (u32 w = 0; w < WORKERS_MAX; w++)
    if (shared->worker[w].kernel_stack) {
      struct kernel_context *context = at(shared->worker[w].kernel_stack);
      CHECK(!context->entry && !context->promoted && !context->job.newest, "worker %u is in a kernel at the end", w);
      heap_free(KEEPER, shared->worker[w].kernel_stack);
    }
  for (u32 grave = shared->kernel_graves; grave;) {
    u32 next = ((struct kernel_context *)at(grave))->next;
    heap_free(KEEPER, grave);
    grave = next;
  }
}

/* ---- orphans -------------------------------------------------------------------------------------- */

/* A chain of jobs, each of which runs on another worker than its spawner, who dies then: all but the first, whose frame they use
 * to the end. It must wait for what is left of them, whoever dies while it looks for that. */
enum { CHAINERS = 4, CHAINS = 8, ROOT = 0, HASTY = 1, LATE = 2 };

struct chain {
  u32 alive;
  u32 links;   /* jobs */
  u32 reached; /* the last one that has begun */
};

struct link {
  struct penny_job job;
  struct chain *chain;
  u32 number;
};

static u32 doomed; /* how many have died in this chain, or will */
static u32 before; /* recoveries before it */
static int hasty;  /* worker HASTY dies while it promotes a job, which worker LATE claims while others look at it already */

static void look_at_chain(const struct chain *chain) {
  CHECK(__atomic_load_n(&chain->alive, __ATOMIC_RELAXED) == IN_USE, "a job runs whose kernel has been left");
}

static void pass_some_time(void) { take_time(one_in(2) ? 0.01 : 0.6); }

static void run_link(void *p);

/* Spawns the chain's next job, and goes on when all have begun, or somebody has died. */
static struct link *extend(struct chain *chain, u32 number) {
  struct link *link = push(sizeof *link);
  struct penny_job *job = push(sizeof *job);
  link->chain = chain;
  link->number = number;
  penny_spawn(&link->job, run_link, link);
  while (flag(&chain->reached) < chain->links && !flag(&doomed)) {
    penny_spawn(job, nothing, 0);
    penny_join(job);
    take_time(0.03);
  }
  return link;
}

/* As promote_one() does, though nobody may be hungry. */
static void promote_and_die(struct chain *chain, u32 number) {
  struct link *link = push(sizeof *link);
  *link = (struct link){.job = {.function = run_link, .argument = link}, .chain = chain, .number = number};
  u32 me = actor(), index = task_acquire(me);
  task_fill(index, 0, BATCH, KERNEL, sizeof(struct kernel_payload), 0);
  struct kernel_payload *payload = payload_of(&shared->task[index]);
  plain_store(&payload->address, (u32)(uintptr_t)&link->job);
  plain_store(&payload->serial, fetch_add(&shared->kernel_serials, 1) + 1);
  payload->function = 0;
  __atomic_add_fetch(&doomed, 1, __ATOMIC_SEQ_CST);
  die_within(1 + below(24));
  publish(index, me, BATCH);
  for (;;) interleave();
}

static void run_link(void *p) {
  struct link *link = p;
  struct chain *chain = link->chain;
  u32 number = link->number;
  look_at_chain(chain);
  set_flag(&chain->reached, number);
  if (number == chain->links) {
    for (u32 turns = below(8); turns || flag(&doomed) + before != flag(&mortal.recovered); turns -= turns != 0) {
      look_at_chain(chain);
      pass_some_time();
    }
    for (u32 turns = below(4); turns; turns--) pass_some_time();
    look_at_chain(chain);
    return;
  }
  if (hasty) promote_and_die(chain, number + 1);
  struct link *next = extend(chain, number + 1);
  look_at_chain(chain);
  for (u32 turns = below(4); turns; turns--) pass_some_time();
  if (actor() != ROOT && !one_in(4)) {
    __atomic_add_fetch(&doomed, 1, __ATOMIC_SEQ_CST);
    die_within(1);
    interleave();
  }
  penny_join(&next->job);
  look_at_chain(chain);
}

static void chain_kernel(struct penny_call *lane, void *p) {
  (void)lane, (void)p;
  u32 me = actor(), stack_pointer = kernels[me].stack_pointer;
  struct chain *chain = push(sizeof *chain);
  *chain = (struct chain){.alive = IN_USE, .links = hasty ? 2 : 2 + below(2)};
  penny_join(&extend(chain, 1)->job);
  leave_frames(me, stack_pointer);
}

static void chainer_life(u32 me) {
  kernels_start(me);
  worker_start(me);
  prepare(me);
  for (u32 n = 0; me == ROOT && n < CHAINS; n++) {
    before = flag(&mortal.recovered);
    set_flag(&doomed, 0);
    u32 failure = enter(me, chain_kernel, 0);
    CHECK(failure == (flag(&doomed) ? WORKER_LOST : NO_FAILURE), "failure %u, and %u died", failure, doomed);
    while (flag(&mortal.recovered) != before + doomed) give_way();
  }
  if (me == ROOT) stop();
  while (hasty && me == LATE && !load(&shared->stop)) {
    give_way();
    if (!flag(&mortal.recovering)) continue;
    for (u32 turns = below(32); turns; turns--) give_way();
    u32 hint = deque_steal(&shared->worker[HASTY].deque);
    if (hint != NONE && claim(hint, me)) kernels_run(me, hint_index(hint));
  }
  for (i32 task; (task = worker_next(me, -1)) >= 0;) kernels_run(me, (u32)task);
}

static void chainer_body(u32 actor) {
  if (actor == shared->workers)
    keeper_body(actor, 0);
  else
    mortal_body(actor, chainer_life);
}

static void play_chains(u32 workers) {
  new_memory(workers, 32 << 20, some_first_position());
  set_tick(0.01);
  mortal_begin(workers);
  kernels_begin_round((struct kernel_settings){.deaths = 1});
  for (u32 w = 0; w < workers; w++) shared->rover[w] = below(TASKS); /* in any order does the root look at the jobs */
  run(workers + 1, chainer_body);
  count(CHAINS);
  kernels_end_round();
  check_nothing_left();
}

static void orphans(void) {
  hasty = 0;
  play_chains(CHAINERS);
}

static void orphans_claimed(void) {
  hasty = 1;
  play_chains(LATE + 1);
}

/* ---- modules --------------------------------------------------------------------------------------- */

enum { ADDERS = 4, ADDED = 8 };

static u32 published[KERNEL_MODULES + 1]; /* what is in its bytes and data */
static struct tally places;               /* of the function tables */
static u32 keeps;                         /* there is one keeper */

static void check_module(u32 number) {
  u32 block = kernel_module_block(number), data = kernel_module_data(number), size = kernel_module_size(number);
  u32 id = *(u32 *)at(block);
  CHECK(id && flag(&published[number]) == id, "module %u holds %u, not %u", number, id, flag(&published[number]));
  for (u32 i = 0; i < size / 4; i++) CHECK(((u32 *)at(block))[i] == id, "module %u has been overwritten", number);
  if (data) CHECK(*(u32 *)at(data) == id, "the data of module %u is %u", number, *(u32 *)at(data));
}

static void add_modules(u32 me) {
  for (u32 n = 0; n < ADDED; n++) {
    u32 size = 4 + below(3000), data_size = one_in(2) ? 4 + below(2000) : 0, functions = below(5);
    u32 number = kernel_module_new(me, size, data_size, functions);
    if (!number) return;
    u32 id = __atomic_add_fetch(&ids, 1, __ATOMIC_RELAXED);
    u32 block = kernel_module_block(number), data = kernel_module_data(number), table = kernel_module_table(number);
    CHECK(kernel_module_size(number) == size && !data == !data_size, "module %u is another's", number);
    CHECK(table || !functions, "a function's place is 0");
    for (u32 i = 0; i < functions; i++)
      CHECK(tally_add(&places, table + i) == 1, "place %u is given out twice", table + i);
    for (u32 i = 0; i < data_size / 4; i++) CHECK(!((u32 *)at(data))[i], "word %u of the data is not 0", i);
    for (u32 i = 0; i < size / 4; i++) ((u32 *)at(block))[i] = id;
    if (data) *(u32 *)at(data) = id;
    interleave();
    CHECK(!kernel_module_ready(number), "module %u is ready before its time", number);
    if (one_in(4)) {
      kernel_module_drop(number, me);
    } else {
      set_flag(&published[number], id);
      kernel_module_share(number);
    }
    u32 added = kernels_added(), ready = 0;
    for (number = 1; number <= KERNEL_MODULES; number++)
      if (kernel_module_ready(number)) {
        check_module(number);
        ready++;
      }
    CHECK(ready >= added, "%u modules of %u are ready", ready, added);
  }
}

static void adder_body(u32 me) {
  for (u32 life = 0; life < 3; life++) {
    if (!dies(one_in(3) ? 0 : 1 + below(600), add_modules, me)) continue;
    while (__atomic_exchange_n(&keeps, 1, __ATOMIC_SEQ_CST)) give_way();
    recover(me);
    set_flag(&keeps, 0);
  }
}

static void modules(void) {
  new_memory(ADDERS, 8 << 20, 0);
  memset(published, 0, sizeof published);
  tally_clear(&places, TALLY_MAX);
  ids = keeps = 0;
  run(ADDERS, adder_body);
  for (u32 number = 1; number <= KERNEL_MODULES; number++) {
    const struct kernel_module *module = &shared->kernel_module[number - 1];
    if (!kernel_module_ready(number)) {
      CHECK(module->state == NO_MODULE && !module->block && !module->data, "module %u is %x", number, module->state);
      continue;
    }
    check_module(number);
    heap_free(KEEPER, module->block);
    if (module->data) heap_free(KEEPER, module->data);
  }
  count(ids);
  check_nothing_left();
}

const struct scenario kernels_scenarios[] = {
    {"kernels-orphans", orphans, 12},
    {"kernels-orphans-claimed", orphans_claimed, 12},
    {"kernels-modules", modules, 8},
    END_OF_SCENARIOS,
};
