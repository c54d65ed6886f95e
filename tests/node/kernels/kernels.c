/* The kernels of kernels.test.mjs: fork-join that counts what it does, so that the tests see that each job ran once;
 * and kernels that go wrong in each way. Also compiled natively, by the test of the serial elision.
 */
#include "penny.h"

#define NOINLINE __attribute__((noinline))

/* ---- trees -------------------------------------------------------------------------------------- */

struct fib {
  struct penny_job job;
  int n, result;
};

static NOINLINE int fib_node(int n);
static inline int fib_of(int n) { return n < 2 ? n : fib_node(n); }
static void fib_job(void *p) {
  struct fib *fib = p;
  fib->result = fib_of(fib->n);
}
static NOINLINE int fib_node(int n) {
  struct fib left = {.n = n - 1};
  penny_spawn(&left.job, fib_job, &left);
  int right = fib_of(n - 2);
  penny_join_call(&left.job, fib_job, &left);
  return left.result + right;
}

PENNY_KERNEL(fib, "i32 n")
int fib(int n) { return fib_of(n); }

/* Each node counts itself in `ran`, so that the tests see that each ran once. Node n has the children 2 n and
 * 2 n + 1, up to `nodes`. */
struct node {
  struct penny_job job;
  uint32_t *ran;
  uint32_t nodes, node, turns, trap;
  uint32_t sum;
};

static volatile uint32_t sink;

static void tree_job(void *p) {
  struct node *node = p;
  __atomic_fetch_add(&node->ran[node->node], 1, __ATOMIC_SEQ_CST);
  for (uint32_t i = 0; i < node->turns; i++) sink = i;
  if (node->node == node->trap) __builtin_trap();
  struct node left = *node, right = *node;
  left.node = 2 * node->node;
  right.node = left.node + 1;
  left.sum = right.sum = 0;
  if (left.node < node->nodes) penny_spawn(&left.job, tree_job, &left);
  if (right.node < node->nodes) tree_job(&right);
  if (left.node < node->nodes) penny_join(&left.job);
  node->sum = node->node + left.sum + right.sum;
}

/* The sum of the numbers of all nodes. `trap`: the node that traps. */
PENNY_KERNEL(tree, "i32[] ran, i32 turns, i32 trap")
uint32_t tree(uint32_t *ran, uint32_t nodes, uint32_t turns, uint32_t trap) {
  struct node root = {.ran = ran, .nodes = nodes, .node = 1, .turns = turns, .trap = trap};
  tree_job(&root);
  return root.sum;
}

/* The same tree by calls. */
static uint32_t sum_by_calls(struct penny_call *call, const struct node *tree, uint32_t node);

static void calls_upper(struct penny_call *call, struct penny_call *next) {
  call->u32[1] = sum_by_calls(next, call->pointer[1], call->u32[0]);
}

static uint32_t sum_by_calls(struct penny_call *call, const struct node *tree, uint32_t node) {
  if (node >= tree->nodes) return 0;
  __atomic_fetch_add(&tree->ran[node], 1, __ATOMIC_SEQ_CST);
  for (uint32_t i = 0; i < tree->turns; i++) sink = i;
  if (node == tree->trap) __builtin_trap();
  call->u32[0] = 2 * node + 1;
  call->pointer[1] = (void *)tree;
  struct penny_call *next = penny_fork(call, calls_upper);
  uint32_t sum = node + sum_by_calls(next, tree, 2 * node);
  return sum + (penny_kept(call) ? sum_by_calls(call, tree, 2 * node + 1) : call->u32[1]);
}

PENNY_KERNEL(calls, "i32[] ran, i32 turns, i32 trap")
uint32_t calls(uint32_t *ran, uint32_t nodes, uint32_t turns, uint32_t trap) {
  struct node tree = {.ran = ran, .nodes = nodes, .turns = turns, .trap = trap};
  uint32_t sum = sum_by_calls(penny_open(), &tree, 1);
  penny_close();
  return sum;
}

/* A chain of forks, deeper than a lane. */
static uint32_t chain_of(struct penny_call *call, uint32_t depth);
static void chain_call(struct penny_call *call, struct penny_call *next) { call->u32[0] = chain_of(next, call->u32[0]); }
static NOINLINE uint32_t chain_of(struct penny_call *call, uint32_t depth) {
  if (!depth) return 1;
  call->u32[0] = 0;
  struct penny_call *next = penny_fork(call, chain_call);
  uint32_t length = chain_of(next, depth - 1);
  return length + (penny_kept(call) ? chain_of(call, 0) : call->u32[0]);
}

PENNY_KERNEL(chain, "i32 depth")
uint32_t chain(uint32_t depth) {
  uint32_t length = chain_of(penny_open(), depth);
  penny_close();
  return length;
}

/* ---- lists and loops ---------------------------------------------------------------------------- */

enum { LIST = 64 };
struct item {
  struct penny_job job;
  uint32_t *ran;
  uint32_t turns;
};

static void item_job(void *p) {
  struct item *item = p;
  for (uint32_t i = 0; i < item->turns; i++) sink = i;
  __atomic_fetch_add(item->ran, 1, __ATOMIC_SEQ_CST);
}

/* Spawns LIST jobs, and joins them in the order i * step modulo LIST; `step` is odd. */
PENNY_KERNEL(list, "i32[] ran, i32 turns, i32 step")
void list(uint32_t *ran, uint32_t n, uint32_t turns, uint32_t step) {
  struct item items[LIST];
  (void)n;
  for (uint32_t i = 0; i < LIST; i++) {
    items[i].ran = &ran[i];
    items[i].turns = turns;
    penny_spawn(&items[i].job, item_job, &items[i]);
  }
  for (uint32_t i = 0; i < LIST; i++) penny_join(&items[i * step % LIST].job);
}

struct loop {
  uint32_t *ran;
  uint32_t turns;
};

static void loop_body(int32_t from, int32_t to, void *p) {
  struct loop *loop = p;
  for (int32_t i = from; i < to; i++) {
    for (uint32_t j = 0; j < loop->turns; j++) sink = j;
    __atomic_fetch_add(&loop->ran[i], 1, __ATOMIC_SEQ_CST);
  }
}

PENNY_KERNEL(loop, "i32[] ran, i32 grain, i32 turns")
void loop(uint32_t *ran, uint32_t n, int32_t grain, uint32_t turns) {
  struct loop loop = {ran, turns};
  penny_for(0, (int32_t)n, grain, loop_body, &loop);
}

/* Counts one element: for ranges of calls. */
PENNY_KERNEL(count, "i32 i, i32[] ran")
void count(uint32_t i, uint32_t *ran, uint32_t n) {
  if (i >= n) __builtin_trap();
  __atomic_fetch_add(&ran[i], 1, __ATOMIC_SEQ_CST);
}

/* ---- what goes wrong ---------------------------------------------------------------------------- */

PENNY_KERNEL(divide, "i32 a, i32 b")
int divide(int a, int b) { return a / b; }

PENNY_KERNEL(read_at, "i32 address")
int read_at(uint32_t address) { return *(volatile int *)(uintptr_t)address; }

static void nothing(void *p) { (void)p; }

static NOINLINE uint32_t deeper(uint32_t depth) {
  char frame[4000];
  struct penny_job job;
  __asm__ volatile("" : : "r"(frame) : "memory"); /* or the compiler would do without */
  penny_spawn(&job, nothing, 0);
  uint32_t reached = depth ? deeper(depth - 1) : 0;
  penny_join(&job);
  return reached + 1;
}

/* Recursion with a spawn and 4,000 bytes a level. */
PENNY_KERNEL(deep, "i32 depth")
uint32_t deep(uint32_t depth) { return deeper(depth); }

/* Of each of these the native twin would be undefined. */
#ifdef __wasm__

/* Recursion without a spawn, `bytes` a level, all of which are written. */
static NOINLINE uint32_t reach_down(uint32_t depth, uint32_t bytes) {
  volatile char *frame = __builtin_alloca(bytes);
  for (uint32_t i = 0; i < bytes; i++) frame[i] = (char)depth;
  return depth ? reach_down(depth - 1, bytes) + 1 + (frame[0] != (char)depth) : 1;
}
PENNY_KERNEL(sinks, "i32 depth, i32 bytes")
uint32_t sinks(uint32_t depth, uint32_t bytes) { return reach_down(depth, bytes); }

/* The same of frames whose size the compiler knows: a small one, and one larger than the stack has room for. */
static NOINLINE uint32_t small(uint32_t depth) {
  volatile uint32_t frame[64];
  for (uint32_t i = 0; i < 64; i++) frame[i] = depth;
  return depth ? small(depth - 1) + 1 + (frame[7] != depth) : 1;
}
PENNY_KERNEL(small_frames, "i32 depth")
uint32_t small_frames(uint32_t depth) { return small(depth); }
PENNY_KERNEL(large_frame, "i32 byte")
uint32_t large_frame(uint32_t byte) {
  volatile char frame[900000];
  for (uint32_t i = 0; i < sizeof frame; i++) frame[i] = (char)byte;
  return (uint8_t)frame[byte];
}

/* A job's, whoever runs it. */
static void sinking(void *p) { *(uint32_t *)p = reach_down(100000, 100); }
PENNY_KERNEL(job_sinks, "i32 turns")
uint32_t job_sinks(uint32_t turns) {
  struct penny_job job;
  uint32_t reached;
  penny_spawn(&job, sinking, &reached);
  for (volatile uint32_t turn = 0; turn < turns; turn++) continue;
  penny_join(&job);
  return reached;
}

PENNY_KERNEL(forget, "")
void forget(void) {
  struct item item;
  uint32_t ran = 0;
  item.ran = &ran;
  item.turns = 0;
  penny_spawn(&item.job, item_job, &item);
}

/* Lanes within lanes. */
PENNY_KERNEL(open_lanes, "i32 count")
void open_lanes(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) penny_open();
  for (uint32_t i = 0; i < count; i++) penny_close();
}

PENNY_KERNEL(open_only, "")
void open_only(void) { penny_open(); }

PENNY_KERNEL(close_only, "")
void close_only(void) { penny_close(); }

PENNY_KERNEL(join_twice, "")
void join_twice(void) {
  struct penny_job job;
  penny_spawn(&job, nothing, 0);
  penny_join(&job);
  penny_join(&job);
}

#endif

/* ---- gates: jobs that wait where the test wants them -------------------------------------------- */

#ifdef __wasm__

/* The test's words of a gate. */
enum { ARRIVED = 0, OPEN = 1, PASSED = 2, DEPTH = 3, GATE_WORDS = 4 };

struct gate {
  struct penny_job job;
  uint32_t *words;
  uint32_t nested;
  uint32_t passed;
};

static void wait_at_gate(uint32_t *words) {
  __atomic_fetch_add(&words[ARRIVED], 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&words[OPEN], __ATOMIC_SEQ_CST))
    __builtin_wasm_memory_atomic_wait32((int *)&words[OPEN], 0, -1);
}

/* Spawns, so that what is asked for is promoted, until some worker waits at the gate. */
static void await_arrival(uint32_t *words) {
  while (!__atomic_load_n(&words[ARRIVED], __ATOMIC_SEQ_CST)) {
    struct penny_job job;
    penny_spawn(&job, nothing, 0);
    penny_join(&job);
  }
}

static void gate_job(void *p) {
  struct gate *gate = p;
  if (gate->nested) {
    struct gate inner = {.words = gate->words};
    penny_spawn(&inner.job, gate_job, &inner);
    await_arrival(gate->words);
    __atomic_store_n(&gate->words[DEPTH], penny_worker_id() + 1, __ATOMIC_SEQ_CST);
    penny_join(&inner.job);
  } else {
    wait_at_gate(gate->words);
  }
  gate->passed = 1; /* in the spawner's frame */
  __atomic_fetch_add(&gate->words[PASSED], 1, __ATOMIC_SEQ_CST);
}

/* Has another worker wait at the gate; `nested`: and a third one, for which that one waits. Then it joins, or traps. */
PENNY_KERNEL(gate, "i32[] words, i32 nested, i32 traps")
uint32_t gate(uint32_t *words, uint32_t n, uint32_t nested, uint32_t traps) {
  (void)n;
  struct gate gate = {.words = words, .nested = nested};
  penny_spawn(&gate.job, gate_job, &gate);
  await_arrival(words);
  if (traps) __builtin_trap();
  penny_join(&gate.job);
  return gate.passed;
}

/* Two jobs, one spawned by the other. Each notes which worker runs it, + 1, and its spawner joins it only then. So where there are
 * two workers, the outer job's spawner runs the inner one while it waits for the outer one. */
enum { OUTER = 0, INNER = 1 };
static void note_worker(uint32_t *word) { __atomic_store_n(word, penny_worker_id() + 1, __ATOMIC_SEQ_CST); }
static int is_noted(uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST) != 0; }

static void inner_job(void *words) { note_worker((uint32_t *)words + INNER); }
static void outer_job(void *p) {
  uint32_t *words = p;
  struct penny_job inner;
  note_worker(&words[OUTER]);
  penny_spawn(&inner, inner_job, words);
  await_arrival(&words[INNER]);
  penny_join(&inner);
}
PENNY_KERNEL(nested_jobs, "i32[] words")
void nested_jobs(uint32_t *words, uint32_t n) {
  (void)n;
  struct penny_job outer;
  penny_spawn(&outer, outer_job, words);
  await_arrival(&words[OUTER]);
  penny_join(&outer);
}

/* The same by calls. */
static void no_call(struct penny_call *call, struct penny_call *next) { (void)call, (void)next; }
static void inner_call(struct penny_call *call, struct penny_call *next) {
  (void)next;
  note_worker((uint32_t *)call->pointer[0] + INNER);
}
static void fork_and_await(struct penny_call *call, penny_call_function function, uint32_t *words, int which) {
  call->pointer[0] = words;
  struct penny_call *next = penny_fork(call, function);
  while (!is_noted(&words[which])) {
    penny_fork(next, no_call);
    if (penny_kept(next)) no_call(next, next);
  }
  if (penny_kept(call)) function(call, next);
}
static void outer_call(struct penny_call *call, struct penny_call *next) {
  uint32_t *words = call->pointer[0];
  note_worker(&words[OUTER]);
  fork_and_await(next, inner_call, words, INNER);
}
PENNY_KERNEL(nested_calls, "i32[] words")
void nested_calls(uint32_t *words, uint32_t n) {
  (void)n;
  fork_and_await(penny_open(), outer_call, words, OUTER);
  penny_close();
}

/* Where the stack is. */
PENNY_KERNEL(stack, "")
uint32_t stack(void) {
  volatile char here;
  return (uint32_t)&here & ~(uint32_t)(PENNY_STACK_BYTES - 1);
}

#endif

/* ---- cancelling --------------------------------------------------------------------------------- */

/* Works until it is cancelled; `polite`: asks, and tells; else it spawns, and is thrown out. */
PENNY_KERNEL(endless, "i32[] words, i32 polite")
int endless(uint32_t *words, uint32_t n, int polite) {
  (void)n;
  __atomic_fetch_add(&words[0], 1, __ATOMIC_SEQ_CST);
  for (;;) {
    if (polite) {
      if (penny_cancelled()) return 7;
    } else {
      struct penny_job job;
      penny_spawn(&job, nothing, 0);
      penny_join(&job);
    }
  }
}

/* ---- static data, memory, the worker's number ---------------------------------------------------- */

static int counter = 40;
static int zeros[1000];
static int numbers[3] = {1, 2, 3};
static int *const pointers[2] = {&numbers[1], &counter};
static int twice(int x) { return 2 * x; }
static int thrice(int x) { return 3 * x; }
static int (*functions[2])(int) = {twice, thrice};

PENNY_KERNEL(increment, "")
int increment(void) { return __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST); }

/* Reads through pointers to data and to functions. */
PENNY_KERNEL(data, "i32 i")
int data(int i) { return *pointers[i & 1] + functions[i & 1](10) + zeros[i]; }

PENNY_KERNEL(allocate, "i32 bytes")
void *allocate(uint32_t bytes) { return penny_alloc(bytes); }

PENNY_KERNEL(release, "i32 block")
void release(void *block) { penny_free(block); }

PENNY_KERNEL(worker_id, "")
uint32_t worker_id(void) { return penny_worker_id(); }

/* Eight floats at a time, where there is SIMD. */
PENNY_KERNEL(saxpy, "f32 a, f32[] x, f32[] y")
void saxpy(float a, const float *x, uint32_t n, float *y, uint32_t m) {
  for (uint32_t i = 0; i < n && i < m; i++) y[i] += a * x[i];
}

#ifdef __wasm__
double sin(double);
PENNY_KERNEL(sine, "f64 x")
double sine(double x) { return sin(x); }
#endif
