/* Penny for C: fork-join in kernels, at a few nanoseconds a spawn.
 *
 *   struct half { struct penny_job job; const struct node *node; double sum; };
 *
 *   static double sum(const struct node *node);
 *   static void sum_half(void *p) { struct half *half = p; half->sum = sum(half->node); }
 *
 *   static double sum(const struct node *node) {
 *     if (!node) return 0;
 *     struct half left = {.node = node->left};
 *     penny_spawn(&left.job, sum_half, &left);     // another worker may run it
 *     double right = sum(node->right);
 *     penny_join_call(&left.job, sum_half, &left); // nobody did: it is run here, by a direct call
 *     return left.sum + right + node->value;
 *   }
 *
 * A job lies in the frame of whoever spawns it, is joined before that frame ends, and writes its result
 * into memory of that frame or of the heap; its arguments are read in place wherever it runs. Jobs are
 * joined best in the reverse order of their spawns: then a job that nobody stole costs no call and no atomic
 * instruction. What becomes of a job: penny/wasm_core/kernels/README.md.
 *
 * Without WebAssembly, or with PENNY_SERIAL defined, the same source is its own serial elision: a spawn
 * notes the call, the join makes it. So kernels can be tested natively, with sanitizers.
 */
#ifndef PENNY_H
#define PENNY_H

#include <stddef.h>
#include <stdint.h>

/* PENNY_CORE: the core itself, which the tests compile natively, too. */
#if !defined(__wasm__) && !defined(PENNY_CORE) && !defined(PENNY_SERIAL)
#define PENNY_SERIAL
#endif

#define PENNY_INLINE static inline __attribute__((always_inline))
#define PENNY_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#ifdef __cplusplus
extern "C" {
#endif

/* Before a function: exports it, and says what it takes in one line "name(type name, …)" of the module's custom
 * section "penny". Types: i32, i64, f32, f64; with [] an array, which the function takes as two parameters,
 * address and length in elements:
 *
 *   PENNY_KERNEL(saxpy, "f32 a, f32[] x, f32[] y")
 *   void saxpy(float a, const float *x, uint32_t nx, float *y, uint32_t ny) { … }
 */
#ifdef __wasm__
#define PENNY_KERNEL(name, signature)                                                             \
  __asm__(".section .custom_section.penny,\"\",@\n\t.ascii \"" #name "(" signature ")\\n\"\n"); \
  __attribute__((export_name(#name)))
#else
#define PENNY_KERNEL(name, signature)
#endif

/* What a job does. */
typedef void (*penny_function)(void *argument);

/* Lies on the spawner's stack; nothing of it is the caller's to read or to set. */
struct penny_job {
  penny_function function;
  void *argument;
  struct penny_job *older; /* the next older job of the list it is on; or enum penny_job_state */
  uint32_t hint;           /* of its task, once it is promoted */
};

/* A spawned call that is noted where whoever is called next is told to note its own: the lane. So neither spawn
 * nor join reads what another has just written, and no frame is needed in memory; see penny_fork(). */
struct penny_call;
typedef void (*penny_call_function)(struct penny_call *call, struct penny_call *next);
struct penny_call {
  penny_call_function function; /* 0: promoted */
  uint32_t hint;                /* then, of its task */
  union {                       /* the call's arguments, and then its results */
    int32_t i32[6];
    uint32_t u32[6];
    int64_t i64[3];
    float f32[6];
    double f64[3];
    void *pointer[3];
  };
} __attribute__((aligned(8 * sizeof(void *)))); /* its size, a power of two: so a lane is aligned to its own */
enum { PENNY_LANE = 512 }; /* entries of a lane; deeper calls are not stealable */

#ifndef PENNY_SERIAL

/* ---- in WebAssembly ------------------------------------------------------------------------------ */

/* Each worker's kernels run on one stack, aligned to its size, with this at its base: so whoever has the
 * address of something on the stack has the context, and nobody keeps a worker's number. Writers and readers
 * of the words: shared.h. */
enum { PENNY_STACK_BYTES = 1 << 20 };
struct penny_context {
  uint32_t limit;           /* below it no job may lie; or PENNY_ATTENTION */
  struct penny_job *newest; /* private jobs, newest first */
  uint32_t worker;          /* whose stack it is just now */
  uint32_t room;            /* the innermost lane's last entry, which is not used; or 0: attention */
};
#define PENNY_ATTENTION 0xffffffffu /* as a limit: the next spawn takes the slow path */

#ifdef __wasm__
#define PENNY_IMPORT(name) __attribute__((import_module("penny"), import_name(#name)))
#else
#define PENNY_IMPORT(name)
#endif

/* Exports of the worker's core. `spawn` sees to the attention; `join` gives a job that the caller has to run,
 * or 0 when the joined one has ended. */
PENNY_IMPORT(spawn) void penny_import_spawn(struct penny_job *job);
PENNY_IMPORT(join) struct penny_job *penny_import_join(struct penny_job *job);
PENNY_IMPORT(ran) void penny_import_ran(struct penny_job *job);
/* Exports for calls: `fork` gives the next entry; `wait` 0 if the caller has to make the call. */
PENNY_IMPORT(fork) struct penny_call *penny_import_fork(struct penny_call *call);
PENNY_IMPORT(wait) int penny_import_wait(struct penny_call *call);
PENNY_IMPORT(open) struct penny_call *penny_import_open(uint32_t worker);
PENNY_IMPORT(close) void penny_import_close(uint32_t worker);
PENNY_IMPORT(allocate) void *penny_import_allocate(uint32_t worker, uint32_t bytes);
PENNY_IMPORT(free) void penny_import_free(uint32_t worker, void *block);
PENNY_IMPORT(cancelled) int penny_import_cancelled(uint32_t worker);

PENNY_INLINE struct penny_context *penny_context_of(const void *on_the_stack) {
  return (struct penny_context *)((uint32_t)on_the_stack & ~(uint32_t)(PENNY_STACK_BYTES - 1));
}

/* Of a word that others write. Plain: see kernels/README.md. */
#ifndef PENNY_CORE
#define penny_load(word) (*(volatile uint32_t *)(word))
#endif

/* Whether somebody wants something of this worker. */
PENNY_INLINE int penny_attention(const void *on_the_stack) {
  return PENNY_UNLIKELY((uint32_t)on_the_stack < penny_load(&penny_context_of(on_the_stack)->limit));
}

/* Makes a call stealable: function(argument), by penny_join(job) at the latest. Traps where the stack is used up. */
PENNY_INLINE void penny_spawn(struct penny_job *job, penny_function function, void *argument) {
  struct penny_context *context = penny_context_of(job);
  job->function = function;
  job->argument = argument;
  job->older = context->newest;
  context->newest = job;
  if (penny_attention(job)) penny_import_spawn(job);
}

/* Takes back the newest job if it is this one. */
PENNY_INLINE int penny_pop(struct penny_job *job) {
  struct penny_context *context = penny_context_of(job);
  if (PENNY_UNLIKELY(context->newest != job)) return 0;
  context->newest = job->older;
  return 1;
}

/* Waits for a job that is not the newest private one. Out of line: it is rare. */
static __attribute__((noinline, unused)) void penny_wait(struct penny_job *job) {
  struct penny_job *run;
  while ((run = penny_import_join(job))) {
    run->function(run->argument);
    if (run == job) return;
    penny_import_ran(run);
  }
}

/* Returns when the spawned call has returned, whoever made it. Traps and cancels of it go on from here. */
PENNY_INLINE void penny_join(struct penny_job *job) {
  if (penny_pop(job))
    job->function(job->argument);
  else
    penny_wait(job);
}

/* penny_join() that is told once more what was spawned, so that the compiler sees a direct call: cheaper by the
 * half. */
PENNY_INLINE void penny_join_call(struct penny_job *job, penny_function function, void *argument) {
  if (penny_pop(job))
    function(argument);
  else
    penny_wait(job);
}

/* Spawning at half the price, for recursion that does little else: each function takes the entry that it may use, and
 * hands on the one that penny_fork() gives.
 *
 *   static int64_t sum(struct penny_call *call, const struct node *node) {
 *     if (!node->left) return node->value;
 *     call->pointer[0] = node->right;                       // the arguments, for a thief
 *     struct penny_call *next = penny_fork(call, sum_right); // another worker may make this call
 *     int64_t left = sum(next, node->left);
 *     int64_t right = penny_kept(call) ? sum(call, node->right) : call->i64[0]; // nobody did: it is made here
 *     return left + right;
 *   }
 *   static void sum_right(struct penny_call *call, struct penny_call *next) {
 *     call->i64[0] = sum(next, call->pointer[0]);
 *   }
 *   … struct penny_call *lane = penny_open(); total = sum(lane, root); penny_close();
 *
 * Calls are joined in the reverse order of their forks. A call that is made here may use its own entry. */
PENNY_INLINE struct penny_call *penny_fork(struct penny_call *call, penny_call_function function) {
  call->function = function;
  if (PENNY_UNLIKELY((uint32_t)call >= penny_load(&penny_context_of(call)->room)))
    return penny_import_fork(call);
  return call + 1;
}

/* Joins a forked call. 1: nobody has made it, the caller has to; 0: another worker has, and its results lie in the
 * entry. */
PENNY_INLINE int penny_kept(struct penny_call *call) {
  return !PENNY_UNLIKELY(!call->function) || !penny_import_wait(call);
}

/* The number of the worker that runs this, from 0. Ask each time: after a spawn or a join it may be another. */
PENNY_INLINE uint32_t penny_worker_id(void) {
  volatile char here;
  return *(volatile uint32_t *)&penny_context_of((const void *)&here)->worker;
}

/* A lane for calls, until penny_close(): lanes are closed in the reverse order. */
PENNY_INLINE struct penny_call *penny_open(void) { return penny_import_open(penny_worker_id()); }
PENNY_INLINE void penny_close(void) { penny_import_close(penny_worker_id()); }

/* Shared memory, at a multiple of 512; 0: there is no room just now. Whoever runs can free it, on any worker, until
 * the scheduler closes; nobody else does. */
PENNY_INLINE void *penny_alloc(size_t bytes) { return penny_import_allocate(penny_worker_id(), bytes); }
PENNY_INLINE void penny_free(void *block) {
  if (block) penny_import_free(penny_worker_id(), block);
}

/* Whether the running task has been asked to end: for kernels that compute long without a spawn, and want to end in
 * order. A spawn or a join of such a task does not return. */
PENNY_INLINE int penny_cancelled(void) { return penny_import_cancelled(penny_worker_id()); }

#else

/* ---- the serial elision -------------------------------------------------------------------------- */

#ifndef __wasm__
#include <stdlib.h>
#endif

PENNY_INLINE int penny_attention(const void *on_the_stack) {
  (void)on_the_stack;
  return 0;
}
PENNY_INLINE void penny_spawn(struct penny_job *job, penny_function function, void *argument) {
  job->function = function;
  job->argument = argument;
}
PENNY_INLINE void penny_join(struct penny_job *job) { job->function(job->argument); }
PENNY_INLINE void penny_join_call(struct penny_job *job, penny_function function, void *argument) {
  (void)job;
  function(argument);
}
PENNY_INLINE struct penny_call *penny_fork(struct penny_call *call, penny_call_function function) {
  call->function = function;
  return call; /* whose arguments nobody reads */
}
PENNY_INLINE int penny_kept(struct penny_call *call) {
  (void)call;
  return 1;
}
PENNY_INLINE struct penny_call *penny_open(void) {
  static struct penny_call call;
  return &call;
}
PENNY_INLINE void penny_close(void) {}
PENNY_INLINE uint32_t penny_worker_id(void) { return 0; }
#ifndef __wasm__
PENNY_INLINE void *penny_alloc(size_t bytes) { return malloc(bytes); }
PENNY_INLINE void penny_free(void *block) { free(block); }
#endif
PENNY_INLINE int penny_cancelled(void) { return 0; }

#endif

/* ---- loops --------------------------------------------------------------------------------------- */

/* Calls body(from, to, argument) for pieces of [low, high), each of `grain` or fewer. */
typedef void (*penny_body)(int32_t from, int32_t to, void *argument);

struct penny_loop {
  struct penny_job job;
  int32_t low, high, grain;
  penny_body body;
  void *argument;
};

static void penny_loop_upper(void *loop);

/* Serial until somebody is hungry; then the upper half of what is left is for others. After A. Tzannes et al., "Lazy
 * Binary-Splitting: A Run-Time Adaptive Work-Stealing Scheduler", PPoPP 2010. */
static inline void penny_for(int32_t low, int32_t high, int32_t grain, penny_body body, void *argument) {
  struct penny_loop upper;
  if (grain < 1) grain = 1;
  while (low < high) {
    int64_t left = (int64_t)high - low;
    if (left > grain && penny_attention(&upper)) {
      int32_t middle = (int32_t)(low + (left + 1) / 2);
      upper.low = middle;
      upper.high = high;
      upper.grain = grain;
      upper.body = body;
      upper.argument = argument;
      penny_spawn(&upper.job, penny_loop_upper, &upper);
      penny_for(low, middle, grain, body, argument);
      penny_join(&upper.job);
      return;
    }
    int32_t to = left > grain ? low + grain : high;
    body(low, to, argument);
    low = to;
  }
}

static __attribute__((unused)) void penny_loop_upper(void *p) {
  struct penny_loop *loop = (struct penny_loop *)p;
  penny_for(loop->low, loop->high, loop->grain, loop->body, loop->argument);
}

#ifdef __cplusplus
}
#endif

#endif
