/* What the tests call of the core beyond its exports, and breakpoints inside of it. The test core is
 * the core with this file; see build.mjs.
 */
#include "shared.h"

/* ---- functions that the core does not export ------------------------------------------------- */

/* Exports test_<name>; JavaScript sees it as TestCore.test.<name>. The core's own functions of these
 * names may be exported, too, for all we know: that is the linker flags' affair. */
#define TEST(result, name, ...) EXPORT(test_##name) result test_##name(__VA_ARGS__)

static struct deque *deque_of(u32 worker) { return &shared->worker[worker].deque; }

TEST(int, deque_push, u32 worker, u32 hint) { return deque_push(deque_of(worker), hint); }
TEST(u32, deque_pop, u32 worker) { return deque_pop(deque_of(worker)); }
TEST(u32, deque_steal, u32 victim) { return deque_steal(deque_of(victim)); }
TEST(int, deque_looks_empty, u32 worker) { return deque_looks_empty(deque_of(worker)); }

TEST(int, injector_put, u32 hint) { return injector_put(hint); }
TEST(u32, injector_take, void) { return injector_take(); }
TEST(u32, injector_length, void) { return injector_length(); }

TEST(int, park, u32 worker, double milliseconds) {
  return park(worker, milliseconds < 0 ? -1 : (i64)(milliseconds * 1e6));
}
TEST(void, wake_one, void) { wake_one(); }

TEST(int, claim, u32 hint, u32 worker) { return claim(hint, worker); }
TEST(void, heap_sweep, u32 participant, u32 keeper) { heap_sweep(participant, keeper); }

/* ---- where things lie ------------------------------------------------------------------------ */

#define ADDRESS(name, ...) TEST(u32, at_##name, __VA_ARGS__)

ADDRESS(deque_top, u32 worker) { return (u32)&deque_of(worker)->top; }
ADDRESS(deque_bottom, u32 worker) { return (u32)&deque_of(worker)->bottom; }
ADDRESS(injector_head, void) { return (u32)&shared->injector_head; }
ADDRESS(injector_tail, void) { return (u32)&shared->injector_tail; }
ADDRESS(idle, void) { return (u32)&shared->idle; } /* 64 bits */
ADDRESS(spinner, void) { return (u32)&shared->spinner; }
ADDRESS(armed, u32 client) { return (u32)&shared->clients[client].armed; }
ADDRESS(granule, u32 granule) { return (u32)&shared->granule[granule]; }
ADDRESS(hazard, u32 participant) { return (u32)&shared->hazard[participant]; }
ADDRESS(arena, u32 arena) { return (u32)&shared->arena[arena]; }

TEST(u32, DEQUE_ENTRIES, void) { return DEQUE_ENTRIES; }
TEST(u32, INJECTOR_CELLS, void) { return INJECTOR_CELLS; }
TEST(u32, HEAD, void) { return HEAD; }

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

BREAKPOINT(0, int, injector_put, (u32 hint), (hint))
BREAKPOINT(1, int, deque_push, (struct deque *deque, u32 hint), (deque, hint))
BREAKPOINT(2, int, claim, (u32 hint, u32 worker), (hint, worker))
BREAKPOINT(3, int, completion_push, (u32 index), (index))
BREAKPOINT(4, void, heap_take_over, (u32 participant, u32 address), (participant, address))
BREAKPOINT(5, void, heap_free, (u32 participant, u32 address), (participant, address))
BREAKPOINT(6, void, heap_sweep, (u32 participant, u32 keeper), (participant, keeper))
