/* What the native tests share: the core's memory, actors that run on it at the same time, and chance.
 *
 * An actor is what a thread is in the browser: a worker, a client, the keeper. There are two ways to run
 * the same actors:
 *
 *   threads     each is a thread. For ThreadSanitizer, AddressSanitizer and UBSan. Before an access of shared
 *               memory it may yield the processor, or sleep for a moment.
 *   interleave  one thread switches between them, before accesses that chance picks. As every access in
 *               WebAssembly is sequentially consistent, a run there is such an interleaving and nothing
 *               else. A round's seed reproduces it; that nobody can go on is seen at once, without a clock
 *               (that shows lost wake-ups).
 *
 * A test file has scenarios. A scenario plays one round: it sets up the memory, runs actors, and checks.
 */
#ifndef PENNY_NATIVE_H
#define PENNY_NATIVE_H

#include <stdio.h>
#include <string.h>

#include "jobs/jobs.h"
#include "memory/memory.h"
#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "tasks/tasks.h"
#include "trace/trace.h"

#ifdef SMALL
/* The Makefile shrinks the tables by their text in sizes.h. */
_Static_assert(TASKS == 64 && TASK_BITS == 6 && FUNCTIONS == 16 && INJECTOR_CELLS == 128 && DEQUE_ENTRIES == 64 &&
                   ARRAYS == 32 && PENNY_LANE == 16 && RING_EVENTS == 16 && LOG_EVENTS == 1024 &&
                   FUNCTION_NAMES == 8 && COPY_EVENTS == 12,
               "a header has changed: adapt NATIVE_SMALL in the Makefile");
#endif

/* ---- rounds ------------------------------------------------------------------------------------ */

/* What scenarios count: how many operations they have checked. */
void count(u64 operations);

/* Ends the process with the message and what reproduces the round. */
__attribute__((noreturn, format(printf, 2, 3))) void failed(const char *where, const char *format, ...);
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define CHECK(condition, ...) \
  do { \
    if (!(condition)) failed(__FILE__ ":" TEXT(__LINE__) ": " #condition, __VA_ARGS__); \
  } while (0)

struct scenario {
  const char *name;
  void (*play)(void);
  u32 rounds; /* with --times or --part so many times as many, or a part of them */
};

/* The end of a test file's list of scenarios. */
#define END_OF_SCENARIOS {0, 0, 0}

/* ---- actors ------------------------------------------------------------------------------------ */

enum { ACTORS_MAX = 16 };

/* Runs body(0) … body(actors - 1) at the same time and returns when all have ended. */
void run(u32 actors, void (*body)(u32 number));

/* Lets others go first: where an actor waits for something by looking. */
void give_way(void);

/* Lets others go first for long. */
void linger(void);

/* Computes for so long, while others do what they like. */
void take_time(double milliseconds);

/* For this round: so much later is it, where actors take turns, at each look at the clock. The more, the fewer looks do
 * spinners take. */
void set_tick(double milliseconds);

/* The number of the actor that asks. */
u32 actor(void);

/* Calls life(number), which may end at any of its accesses of shared memory, as a terminated thread does; after
 * `steps` of them. Returns 1 if it did. */
int dies(u32 steps, void (*life)(u32 number), u32 number);

/* Within its life: it ends after so many accesses more. */
void die_within(u32 steps);

/* From now on the actor is this participant, as far as the core asks: in its traces. */
void act_as(u32 participant);

/* Nothing in between dies or lets others go first: for what a test does in the place of JavaScript. */
void hold(void);
void release_hold(void);

/* ---- chance ------------------------------------------------------------------------------------ */

/* This actor's, or the round's where no actors run. All follow from the round's seed. */
u32 below(u32 n);
static inline int one_in(u32 n) { return below(n) == 0; }

/* ---- memory ------------------------------------------------------------------------------------ */

/* New memory, all zeros, with heap for `heap_bytes` at most, and the core initialised on it. */
void new_memory(u32 workers, u32 heap_bytes, u32 first_position);

/* From now on all that happens on the new memory is recorded, in room beyond its heap. */
void trace_memory(u32 first_position);

/* Where positions start: 0, or a little before they wrap. */
u32 some_first_position(void);

/* Every slot is FREE, no function, no array and nothing in the heap is left. */
void check_nothing_left(void);

static inline void *at(u32 address) { return (void *)(uintptr_t)address; }

/* ---- what JavaScript calls of the core, and the headers of the rooms do not declare --------------------------- */

void initialise(u32 workers, u32 granules_max, u32 first_position);
u32 task_new(u32 client);
void task_limit(u32 index, u32 milliseconds);
int task_submit(u32 index, u32 function, u32 queue, u32 flags, u32 size, u32 block);
int task_cancel(u32 index, u32 client);
void task_free(u32 index, u32 client);
int all_quiet(void);
void task_arguments_read(u32 index, u32 worker);
u32 arguments_allocate(u32 participant, u32 size);
void worker_wants_room(u32 worker, u32 wants);
int task_finish(u32 index, u32 worker, u32 state, u32 size, u32 block);
int task_ask_cancel(u32 index);
int job_ask_cancel(u32 hint);
int cancel_asked(u32 hint);
int task_was_asked(u32 index);
u32 watch_next(u32 from);
u32 completions_take(u32 number);
int completions_arm(u32 number);
void completions_disarm(u32 number);
void completions_wait(u32 number, u32 seen, double milliseconds);
void worker_start(u32 number);
i32 worker_next(u32 me, double milliseconds);
i32 worker_join(u32 me, u32 joined, int help, u32 hears, double milliseconds);
u32 urgent_next(u32 me);
i32 coroutine_next(void);
void stop(void);
u32 promotion_slot(u32 worker);
void promotion_withdraw(u32 index, u32 worker);
i32 promote(u32 index, u32 worker, u32 function, u32 serial, u32 queue, u32 flags, u32 size, u32 block);
int take_back(u32 hint, u32 worker);
int job_ended(u32 hint);
void job_free(u32 hint, u32 worker);
u32 hungry(u32 task);
u32 doorbell_take(u32 worker);
u32 doorbell_reasons(u32 worker);
u32 recover(u32 dead);
u32 reinject(void);
u32 adrift_next(u32 client, u32 from);
u32 list_new(u32 participant, u32 count);
u32 array_new(u32 participant, u32 size);
int array_hold(u32 participant, u32 number, u32 serial);
void array_drop(u32 participant, u32 number);
u32 array_block(u32 number);
u32 array_size(u32 number);
u32 array_serial(u32 number);
u32 kernel_stack(u32 me);
void kernel_spawn(struct penny_job *job);
struct penny_job *kernel_join(struct penny_job *job);
void kernel_ran(struct penny_job *job);
struct penny_call *kernel_fork(struct penny_call *call);
int kernel_wait(struct penny_call *call);
struct penny_call *kernel_enter(u32 me, u32 entry);
int kernel_leave(u32 me);
void kernel_unwind(u32 me);
u32 kernel_begin(u32 me, u32 index);
void kernel_end(u32 me, u32 outer);
u32 kernel_module_new(u32 participant, u32 size, u32 data_size, u32 functions);
void kernel_module_drop(u32 number, u32 participant);
void kernel_module_share(u32 number);
u32 kernels_added(void);
int kernel_module_ready(u32 number);
u32 kernel_module_block(u32 number);
u32 kernel_module_size(u32 number);
u32 kernel_module_data(u32 number);
u32 kernel_module_table(u32 number);
u32 deaths(void);
double heap_used(void);
u32 function_new(u32 participant, u32 size);
void function_drop(u32 participant, u32 number);
int trace_start(u32 first_position);
u32 trace_name(void);
void trace_aside(u32 index);
u32 trace_head(u32 ring);
u32 trace_read(u32 ring, u32 from);
u32 trace_log(u32 ring, u32 from);
u32 function_block(u32 number);
u32 function_size(u32 number);

#endif
