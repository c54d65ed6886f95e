/* What the tests call of the core beyond its exports, and breakpoints inside of it. The test core is
 * the core with this file; see build.mjs.
 */
#include "jobs/jobs.h"
#include "memory/memory.h"
#include "queues/queues.h"
#include "sleep/sleep.h"
#include "tables/tables.h"
#include "tasks/tasks.h"
#include "trace/trace.h"

/* ---- functions that the core does not export ------------------------------------------------- */

/* Exports test_<name>; JavaScript sees it as TestCore.test.<name>. The core's own functions of these
 * names may be exported, too, for all we know: that is the linker flags' affair. */
#define TEST(result, name, ...) EXPORT(test_##name) result test_##name(__VA_ARGS__)

static struct deque *deque_of(u32 worker) { return &shared->worker[worker].deque; }

TEST(int, deque_push, u32 worker, u32 hint) { return deque_push(deque_of(worker), hint); }
TEST(u32, deque_pop, u32 worker) { return deque_pop(deque_of(worker)); }
TEST(u32, deque_steal, u32 victim) { return deque_steal(deque_of(victim)); }
TEST(int, deque_looks_empty, u32 worker) { return deque_looks_empty(deque_of(worker)); }

TEST(int, push_or_spill, u32 worker, u32 hint) { return push_or_spill(worker, hint); }

TEST(int, injector_put, u32 queue, u32 hint) { return injector_put(queue, hint); }
TEST(u32, injector_take, u32 queue) { return injector_take(queue); }
TEST(u32, injector_length, u32 queue) { return injector_length(queue); }

/* `joined` and `help`: see parking.c; NONE and 1 of a worker that just looks for work. */
TEST(int, park, u32 worker, u32 joined, int help, double milliseconds) {
  return park(worker, joined, help, nanoseconds_of(milliseconds));
}
TEST(int, spin, u32 worker, u32 joined) { return joined == NONE ? spin(worker) : look_on(worker, joined); }
TEST(int, wake_one, void) { return wake_one(); }
TEST(void, wake_worker, u32 worker) { wake_worker(worker); }

TEST(void, ring, u32 worker, u32 reason) { ring(worker, reason); }
TEST(void, ring_busy, u32 caller, u32 reason) { ring_busy(caller, reason); }

TEST(int, latch_is_set, u32 hint) { return latch_is_set(hint); }
TEST(int, latch_get_sleepy, u32 hint) { return latch_get_sleepy(hint); }
TEST(int, latch_fall_asleep, u32 hint) { return latch_fall_asleep(hint); }
TEST(void, latch_wake_up, u32 hint) { latch_wake_up(hint); }
TEST(void, latch_set, u32 index, u32 owner, u32 worker) { latch_set(index, owner, worker); }
TEST(void, latch_set_for_dead, u32 index, u32 generation, u32 owner) {
  latch_set_for_dead(index, generation, owner);
}
TEST(void, latch_abandon, u32 index, u32 generation) { latch_abandon(index, generation); }

TEST(int, function_retain, u32 number, u32 serial) { return function_retain(number, serial); }
TEST(void, function_release, u32 participant, u32 number) { function_release(participant, number); }

TEST(void, array_look, u32 participant, u32 number) { array_look(participant, number); }
TEST(int, array_claim, u32 participant, u32 number, u64 life) {
  return array_claim(participant, number, life);
}

TEST(int, claim, u32 hint, u32 worker) { return claim(hint, worker); }
TEST(void, heap_sweep, u32 participant, u32 keeper) { heap_sweep(participant, keeper); }

TEST(void, trace, u32 kind, u32 how, u32 who, u32 task, u32 function) {
  trace(kind, how, who, task, function);
}

/* ---- where things lie ------------------------------------------------------------------------ */

#define ADDRESS(name, ...) TEST(u32, at_##name, __VA_ARGS__)

ADDRESS(deque_top, u32 worker) { return (u32)&deque_of(worker)->top; }
ADDRESS(deque_bottom, u32 worker) { return (u32)&deque_of(worker)->bottom; }
ADDRESS(injector_head, u32 queue) { return (u32)&shared->injector[queue].head; }
ADDRESS(injector_tail, u32 queue) { return (u32)&shared->injector[queue].tail; }
ADDRESS(idle, void) { return (u32)&shared->idle; } /* 64 bits */
ADDRESS(onlooker, void) { return (u32)&shared->onlooker; }
ADDRESS(waits_for, u32 worker) { return (u32)&shared->waits_for[worker]; }
ADDRESS(hears, u32 worker) { return (u32)&shared->worker[worker].hears; }
ADDRESS(parent, u32 index) { return (u32)&shared->parent[index]; }
ADDRESS(spinner, void) { return (u32)&shared->spinner; }
ADDRESS(armed, u32 client) { return (u32)&shared->clients[client].armed; }
ADDRESS(reasons, u32 worker) { return (u32)&shared->worker[worker].reasons; }
ADDRESS(interrupt, u32 worker) { return (u32)&shared->worker[worker].interrupt; }
ADDRESS(kernel_stack, u32 worker) { return (u32)&shared->worker[worker].kernel_stack; }
ADDRESS(latch, u32 index) { return (u32)&shared->task[index].latch; }
ADDRESS(limit, u32 index) { return (u32)&shared->task[index].limit; }
ADDRESS(started, u32 index) { return (u32)&shared->task[index].started; }
ADDRESS(life, u32 function) { return (u32)&shared->function[function - 1].life; } /* 64 bits */
ADDRESS(function_block, u32 function) { return (u32)&shared->function[function - 1].block; }
ADDRESS(array_life, u32 array) { return (u32)&shared->array[array - 1].life; } /* 64 bits */
ADDRESS(array_holders, u32 array) { return (u32)&shared->array[array - 1].holders; }
ADDRESS(array_block, u32 array) { return (u32)&shared->array[array - 1].block; }
ADDRESS(carried, u32 index) { return (u32)&shared->carried[index]; }
ADDRESS(kernel_module, u32 number) { return (u32)&shared->kernel_module[number - 1]; }
ADDRESS(granule, u32 granule) { return (u32)&shared->granule[granule]; }
ADDRESS(hazard, u32 participant) { return (u32)&shared->hazard[participant]; }
ADDRESS(arena, u32 arena) { return (u32)&shared->arena[arena]; }

TEST(u32, DEQUE_ENTRIES, void) { return DEQUE_ENTRIES; }
TEST(u32, INJECTOR_CELLS, void) { return INJECTOR_CELLS; }
TEST(u32, HEAD, void) { return HEAD; }
TEST(u32, FUNCTIONS, void) { return FUNCTIONS; }

/* ---- breakpoints ----------------------------------------------------------------------------- */

/* A breakpoint is a word that every call of one function from another file passes first. Whoever finds
 * it set takes it (so only one does) and stops there or dies there, as a terminated thread would.
 * The words lie below SHARED_ADDRESS, where the core has nothing. */
enum { PASS = 0, PAUSE = 1, DIE = 2, PAUSED = 3 };
enum { BREAKPOINTS_ADDRESS = 512 };

/* Not inlined: V8 of Node 20, before it optimises a function, may lose a local of it across a wait that
 * lies in a branch. */
static __attribute__((noinline)) void wait_while_paused(u32 *breakpoint) {
  wait_on(breakpoint, PAUSED, -1); /* only resume() wakes */
}

static __attribute__((noinline)) void pass(u32 *breakpoint) {
  if (compare_exchange(breakpoint, DIE, PASS)) __builtin_trap();
  if (!compare_exchange(breakpoint, PAUSE, PAUSED)) return;
  notify(breakpoint, 1); /* who waits for the arrival */
  wait_while_paused(breakpoint);
}

/* The linker sends calls of `function` to __wrap_function (--wrap, see build.mjs). */
#define BREAKPOINT(number, result, function, parameters, arguments) \
  ADDRESS(breakpoint_##function, void) { return BREAKPOINTS_ADDRESS + 4 * number; } \
  result __real_##function parameters; \
  result __wrap_##function parameters; \
  result __wrap_##function parameters { \
    pass((u32 *)(BREAKPOINTS_ADDRESS + 4 * number)); \
    return __real_##function arguments; \
  }

BREAKPOINT(0, int, injector_put, (u32 queue, u32 hint), (queue, hint))
BREAKPOINT(1, int, deque_push, (struct deque *deque, u32 hint), (deque, hint))
BREAKPOINT(2, int, claim, (u32 hint, u32 worker), (hint, worker))
BREAKPOINT(3, int, completion_push, (u32 index), (index))
BREAKPOINT(4, void, heap_take_over, (u32 participant, u32 address), (participant, address))
BREAKPOINT(5, void, heap_free, (u32 participant, u32 address), (participant, address))
BREAKPOINT(6, void, heap_sweep, (u32 participant, u32 keeper), (participant, keeper))
BREAKPOINT(7, u32, heap_allocate, (u32 participant, u32 size), (participant, size))
BREAKPOINT(8, void, latch_set, (u32 index, u32 owner, u32 worker), (index, owner, worker))
BREAKPOINT(9, int, latch_get_sleepy, (u32 hint), (hint))
BREAKPOINT(10, int, latch_fall_asleep, (u32 hint), (hint))
BREAKPOINT(11, void, latch_wake_up, (u32 hint), (hint))
BREAKPOINT(12, void, wake_worker, (u32 worker), (worker))
BREAKPOINT(13, void, ring, (u32 worker, u32 reason), (worker, reason))
BREAKPOINT(14, void, ring_busy, (u32 caller, u32 reason), (caller, reason))
BREAKPOINT(15, void, announce_work, (u32 queue, u32 hint), (queue, hint))
BREAKPOINT(16, void, task_release, (u32 index, u32 participant), (index, participant))
BREAKPOINT(17, int, function_retain, (u32 number, u32 serial), (number, serial))
BREAKPOINT(18, u32, deque_newest, (struct deque *deque), (deque))
BREAKPOINT(19, int, ask_cancel, (u32 index, u32 generation, u32 why), (index, generation, why))
BREAKPOINT(20, int, park, (u32 worker, u32 joined, int help, i64 nanoseconds),
           (worker, joined, help, nanoseconds))
BREAKPOINT(21, void, has_pushed, (u32 index, u32 ended, u32 deaths_before), (index, ended, deaths_before))
