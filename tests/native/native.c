/* The platform of the native core, and how actors and rounds run. See native.h. */
#define _GNU_SOURCE
#include "native.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* ---- rounds ------------------------------------------------------------------------------------ */

static int interleaving; /* the mode: one thread, many actors */
static const char *scenario_name = "";
static u64 round_seed;
static u64 operations;

void count(u64 n) { __atomic_fetch_add(&operations, n, __ATOMIC_RELAXED); }

static void say_how_to_repeat(void) {
  fprintf(stderr, "again by:  %s --seed %llu --rounds 1 %s\n", interleaving ? "interleave" : "threads",
          (unsigned long long)round_seed, scenario_name);
}

void failed(const char *where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "\n%s: FAILED: %s\n", scenario_name, where);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  say_how_to_repeat();
  fflush(stderr);
  _exit(1);
}

/* A round that is not done by then never will be, seconds. For threads only; an interleaving knows. A thread counts them,
 * a nap each: a machine that stands still, however long, is one nap. (A signal would wake sleepers, and hide that
 * nobody else does.) */
enum { PATIENCE = 50 };
static u32 naps;

static void *lose_patience(void *unused) {
  (void)unused;
  for (;;) {
    nanosleep(&(struct timespec){.tv_sec = 1}, 0);
    if (__atomic_add_fetch(&naps, 1, __ATOMIC_RELAXED) > PATIENCE)
      failed("nobody goes on", "a thread is stuck or goes round in circles");
  }
}

/* ---- chance ------------------------------------------------------------------------------------ */

/* S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static u64 next_random(u64 *state) {
  u64 x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dull;
}

static u64 seeded(u64 value) {
  u64 x = value * 0x9e3779b97f4a7c15ull + 0x7f4a7c15u;
  x ^= x >> 31;
  return x ? x : 1;
}

/* ---- actors ------------------------------------------------------------------------------------ */

struct actor {
  u32 number;
  u32 participant; /* that it acts as */
  u64 random;
  u32 held;      /* depth of hold() */
  u32 steps;     /* accesses until it dies, 0: it lives on */
  jmp_buf *grave;
  void (*body)(u32 number);
  /* interleaving */
  jmp_buf at;
  ucontext_t context; /* for its first turn */
  char *stack;
  int begun, over;
  u32 *sleeps_on;     /* 0: awake */
  double until;       /* when it wakes up by itself, or 0 */
  u64 dozes_until;    /* it gets no turn before this step, if anybody else can go on */
  /* threads */
  pthread_t thread;
};

static struct actor actors[ACTORS_MAX];
static u32 actor_count;
static u64 round_random;
static __thread struct actor *self; /* interleaving: whose turn it is */

u32 below(u32 n) { return (u32)(next_random(self ? &self->random : &round_random) >> 32) % n; }

void hold(void) {
  if (self) self->held++;
}
void release_hold(void) {
  if (self) self->held--;
}

int dies(u32 steps, void (*life)(u32 number), u32 number) {
  jmp_buf grave;
  self->grave = &grave;
  if (_setjmp(grave)) {
    self->steps = 0;
    self->held = 0;
    return 1;
  }
  self->steps = steps;
  life(number);
  self->steps = 0;
  return 0;
}

void die_within(u32 steps) { self->steps = steps; }

static void maybe_die(void) {
  if (self->steps && !--self->steps) _longjmp(*self->grave, 1);
}

/* ---- actors that take turns --------------------------------------------------------------------- */

enum { STACK = 256 * 1024 };
static const u64 STEPS_MAX = 30 * 1000 * 1000; /* of a round; it takes some thousands, 2 million with deaths */

static jmp_buf scheduler;
static u64 steps;    /* so many could have been; dozes end by them */
static u64 taken;    /* so many were */
static u64 switches; /* one in so many steps switches, a power of two less 1 */
static u64 dozing;   /* one in so many switches dozes off, a power of two less 1; 0: nobody does */
static double now;   /* ms */
static double tick;  /* so much later it is at each look at the clock */

static void begin_actor(void) {
  self->body(self->number);
  self->over = 1;
  _longjmp(scheduler, 1);
}

static void next_turn(void) {
  if (!_setjmp(self->at)) _longjmp(scheduler, 1);
}

static int can_go_on(const struct actor *actor) {
  return actor->begun && !actor->over && !actor->sleeps_on && actor->dozes_until <= steps;
}

/* Chooses who gets the next turn; 0 if all are over. */
static struct actor *choose(void) {
  for (;;) {
    u32 ready[ACTORS_MAX], n = 0, left = 0;
    u64 first_doze = ~0ull;
    double first_timeout = 0;
    for (u32 i = 0; i < actor_count; i++) {
      struct actor *actor = &actors[i];
      if (actor->over) continue;
      left++;
      if (actor->sleeps_on && actor->until && actor->until <= now) actor->sleeps_on = 0;
      if (can_go_on(actor))
        ready[n++] = i;
      else if (actor->sleeps_on && actor->until)
        first_timeout = !first_timeout || actor->until < first_timeout ? actor->until : first_timeout;
      else if (!actor->sleeps_on && actor->dozes_until < first_doze)
        first_doze = actor->dozes_until;
    }
    if (n) return &actors[ready[(u32)(next_random(&round_random) >> 32) % n]];
    if (!left) return 0;
    if (first_doze != ~0ull) {
      steps = first_doze;
    } else if (first_timeout) { /* nobody has anything to do, so time passes */
      now = first_timeout > now ? first_timeout : now;
      for (u32 i = 0; i < actor_count; i++)
        if (actors[i].sleeps_on && actors[i].until && actors[i].until <= now) actors[i].sleeps_on = 0;
    } else {
      for (u32 i = 0; i < actor_count; i++)
        if (!actors[i].over)
          fprintf(stderr, "actor %u sleeps on %p, which is %u\n", i, (void *)actors[i].sleeps_on,
                  *actors[i].sleeps_on);
      failed("a lost wake-up", "all who are left sleep");
    }
  }
}

static void take_turns(u32 n, void (*body)(u32 number)) {
  /* Volatile: _longjmp comes back to here. */
  steps = taken = 0;
  now = 1;
  static const u64 rates[] = {1, 3, 7, 15, 63};
  switches = rates[(u32)(next_random(&round_random) >> 32) % 5];
  static const u64 naps[] = {0, 255, 31};
  dozing = naps[(u32)(next_random(&round_random) >> 32) % 3];
  for (u32 i = 0; i < n; i++) {
    struct actor *actor = &actors[i];
    if (!actor->stack) actor->stack = malloc(STACK);
    getcontext(&actor->context);
    actor->context.uc_stack.ss_sp = actor->stack;
    actor->context.uc_stack.ss_size = STACK;
    actor->context.uc_link = 0;
    makecontext(&actor->context, begin_actor, 0);
    actor->body = body;
    actor->begun = 1;
    actor->over = 0;
    actor->sleeps_on = 0;
    actor->dozes_until = 0;
  }
  static int fresh[ACTORS_MAX];
  for (u32 i = 0; i < n; i++) fresh[i] = 1;
  _setjmp(scheduler);
  self = choose();
  if (!self) return;
  if (fresh[self->number]) {
    fresh[self->number] = 0;
    setcontext(&self->context);
  }
  _longjmp(self->at, 1);
}

static void step(void) {
  steps++;
  if (++taken > STEPS_MAX) failed("no end", "they go round in circles");
}

static void interleave_turn(void) {
  step();
  u64 chance = next_random(&round_random) >> 32;
  if (chance & switches) return;
  if (dozing && (chance >> 8 & dozing) == 0) /* for some steps, or for many thousands */
    self->dozes_until = steps + (1ull << (chance >> 16 & 15));
  next_turn();
}

/* ---- actors that are threads ---------------------------------------------------------------------- */

static pthread_barrier_t gate;

static void *thread_body(void *argument) {
  self = argument;
  pthread_barrier_wait(&gate);
  self->body(self->number);
  return 0;
}

static void run_threads(u32 n, void (*body)(u32 number)) {
  pthread_barrier_init(&gate, 0, n);
  for (u32 i = 0; i < n; i++) {
    actors[i].body = body;
    if (pthread_create(&actors[i].thread, 0, thread_body, &actors[i])) failed("pthread_create", "no thread");
  }
  for (u32 i = 0; i < n; i++) pthread_join(actors[i].thread, 0);
  pthread_barrier_destroy(&gate);
}

static void interleave_threads(void) {
  u32 chance = (u32)(next_random(&self->random) >> 32);
  if (!(chance & 63)) sched_yield();
  if (!(chance & 0xffff)) usleep(100);
}

/* ---- both ----------------------------------------------------------------------------------------- */

void interleave(void) {
  if (!self || self->held) return;
  maybe_die();
  if (interleaving)
    interleave_turn();
  else
    interleave_threads();
}

void give_way(void) {
  if (!interleaving) {
    sched_yield();
    return;
  }
  step();
  now += 0.001;
  next_turn();
}

void linger(void) {
  if (!interleaving) usleep(200);
  for (u32 i = 0; interleaving && i < 4000; i++) give_way();
}

void take_time(double milliseconds) {
  if (!interleaving) usleep((unsigned)(milliseconds * 1000));
  if (interleaving) {
    now += milliseconds;
    give_way();
  }
}

u32 actor(void) { return self->number; }

void run(u32 n, void (*body)(u32 number)) {
  actor_count = n;
  for (u32 i = 0; i < n; i++) {
    actors[i].number = i;
    actors[i].participant = KEEPER;
    actors[i].held = 0;
    actors[i].steps = 0;
    actors[i].random = seeded(next_random(&round_random));
  }
  if (interleaving)
    take_turns(n, body);
  else
    run_threads(n, body);
  self = 0;
}

/* ---- the platform: time, sleep ------------------------------------------------------------------ */

void set_tick(double milliseconds) { tick = milliseconds; }

double clock_ms(void) {
  if (interleaving) return now += tick;
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void sleep_interleaving(u32 *p, u32 expected, i64 nanoseconds) {
  if (__atomic_load_n(p, __ATOMIC_SEQ_CST) != expected) return;
  self->until = nanoseconds < 0 ? 0 : now + (double)nanoseconds * 1e-6;
  self->sleeps_on = p;
  next_turn();
}

#ifdef __linux__

static void sleep_thread(u32 *p, u32 expected, i64 nanoseconds) {
  struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, expected, nanoseconds < 0 ? 0 : &time, 0, 0);
  /* ThreadSanitizer sees no order in a futex; the core needs none, it looks at the words again. */
}
static void wake_threads(u32 *p, u32 sleepers) {
  syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, sleepers > INT_MAX ? INT_MAX : sleepers, 0, 0, 0);
}

#else /* one queue for all sleepers: everybody looks when anybody is woken */

static pthread_mutex_t sleepers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleepers_wake = PTHREAD_COND_INITIALIZER;

static void sleep_thread(u32 *p, u32 expected, i64 nanoseconds) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  i64 end = time.tv_nsec + nanoseconds;
  time.tv_sec += end / 1000000000;
  time.tv_nsec = end % 1000000000;
  pthread_mutex_lock(&sleepers_lock);
  if (__atomic_load_n(p, __ATOMIC_SEQ_CST) == expected) {
    if (nanoseconds < 0)
      pthread_cond_wait(&sleepers_wake, &sleepers_lock);
    else
      pthread_cond_timedwait(&sleepers_wake, &sleepers_lock, &time);
  }
  pthread_mutex_unlock(&sleepers_lock);
}
static void wake_threads(u32 *p, u32 sleepers) {
  (void)p, (void)sleepers;
  pthread_mutex_lock(&sleepers_lock);
  pthread_cond_broadcast(&sleepers_wake);
  pthread_mutex_unlock(&sleepers_lock);
}

#endif

void wait32(u32 *p, u32 expected, i64 nanoseconds) {
  interleave();
  if (interleaving)
    sleep_interleaving(p, expected, nanoseconds);
  else
    sleep_thread(p, expected, nanoseconds);
}

void notify(u32 *p, u32 sleepers) {
  interleave();
  if (!interleaving) {
    wake_threads(p, sleepers);
    return;
  }
  for (u32 i = 0; i < actor_count && sleepers; i++) {
    if (actors[i].sleeps_on != p || actors[i].over) continue;
    actors[i].sleeps_on = 0;
    sleepers--;
  }
}

void act_as(u32 participant) { self->participant = participant; }
/* What no actor does the keeper does. */
u32 stack_top(void) {
  u32 participant = self ? self->participant : KEEPER;
  return (u32)(uintptr_t)shared->stack[participant] + 1;
}

/* ---- the platform: memory ------------------------------------------------------------------------ */

enum { PAGE = 65536 };
static const size_t RESERVED = 768 << 20;
static u32 pages; /* from address 0 on, as in WebAssembly */
static u32 pages_max;

u32 memory_pages(void) { return __atomic_load_n(&pages, __ATOMIC_SEQ_CST); }

int memory_grow(u32 more) {
  for (;;) {
    u32 before = __atomic_load_n(&pages, __ATOMIC_SEQ_CST);
    if (before + more > pages_max) return 0;
    if (__atomic_compare_exchange_n(&pages, &before, before + more, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return 1;
  }
}

static void reserve_memory(void) {
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0
#endif
  void *wanted = at(MEMORY_ADDRESS);
  void *got = mmap(wanted, RESERVED, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == wanted) return;
  fprintf(stderr, "no memory at %p: %s\n", wanted, strerror(errno));
  exit(2);
}

void new_memory(u32 workers, u32 heap_bytes, u32 first_position) {
  size_t header = HEAP_ADDRESS - MEMORY_ADDRESS;
  memset(at(MEMORY_ADDRESS), 0, header);
  size_t heap = (size_t)pages * PAGE > HEAP_ADDRESS ? (size_t)pages * PAGE - HEAP_ADDRESS : 0;
  if (heap) madvise(at(HEAP_ADDRESS), heap, MADV_DONTNEED);
  pages = HEAP_ADDRESS / PAGE;
  pages_max = pages + heap_bytes / PAGE;
  CHECK((size_t)pages_max * PAGE <= MEMORY_ADDRESS + RESERVED, "the heap is too large for these tests");
  initialise(workers, heap_bytes / PAGE, first_position);
}

void trace_memory(u32 first_position) {
  u32 bytes = (u32)sizeof(struct trace) + ring_count() * (u32)sizeof(struct ring);
  u32 granules = (bytes + ARENA_BYTES - 1) / ARENA_BYTES * ARENA_GRANULES;
  pages_max += granules;
  shared->granules_max += granules;
  CHECK(trace_start(first_position), "no room for a trace");
}

u32 some_first_position(void) { return one_in(2) ? 0u : 0u - below(64); }

void check_nothing_left(void) {
  for (u32 t = 0; t < TASKS; t++)
    CHECK(state_of(shared->task[t].state) == FREE, "slot %u is in state %x", t, shared->task[t].state);
  for (u32 f = 0; f < FUNCTIONS; f++)
    CHECK(!(u32)shared->function[f].life, "function %u is %llx", f + 1,
          (unsigned long long)shared->function[f].life);
  for (u32 a = 0; a < ARRAYS; a++) {
    const struct array *array = &shared->array[a];
    CHECK(!(array->life & 3), "array %u is %llx", a + 1, (unsigned long long)array->life);
    for (u32 i = 0; i < HOLDER_WORDS; i++) CHECK(!array->holders[i], "array %u is held: %x", a + 1, array->holders[i]);
  }
  CHECK(heap_used() == 0, "%g bytes of the heap are in use", heap_used());
  /* And all of it can be had in one piece, that of arenas as well. */
  u32 whole = (shared->granules_max - trace_granules()) * GRANULE_BYTES;
  if (!whole) return;
  u32 block = heap_allocate(KEEPER, whole);
  CHECK(block, "a part of the heap's %u bytes is out of reach", whole);
  heap_free(KEEPER, block);
}

/* ---- main ----------------------------------------------------------------------------------------- */

extern const struct scenario deque_scenarios[], injector_scenarios[], heap_scenarios[], functions_scenarios[],
    doorbell_scenarios[], slots_scenarios[], latch_scenarios[], trace_scenarios[], arrays_scenarios[],
    kernels_scenarios[], pool_scenarios[];
static const struct scenario *const files[] = {
    deque_scenarios, injector_scenarios, heap_scenarios,   functions_scenarios, doorbell_scenarios, slots_scenarios,
    latch_scenarios, trace_scenarios,    arrays_scenarios, kernels_scenarios,   pool_scenarios};

static u64 play_rounds(const struct scenario *scenario, u64 seed, u64 rounds) {
  scenario_name = scenario->name;
  operations = 0;
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (u64 round = 0; round < rounds; round++) {
    round_seed = seed + round;
    round_random = seeded(round_seed);
    tick = 0.0001;
    __atomic_store_n(&naps, 0, __ATOMIC_RELAXED);
    scenario->play();
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
  printf("%-10s %-20s %7llu rounds %11llu operations %6.1f s\n", interleaving ? "interleave" : "threads",
         scenario->name, (unsigned long long)rounds, (unsigned long long)operations, seconds);
  return operations;
}

static void usage(const char *program) {
  fprintf(stderr, "usage: %s threads|interleave [--seed N] [--times N] [--part N] [--rounds N] [scenario…]\n", program);
  exit(2);
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IOLBF, 0);
  if (argc < 2) usage(argv[0]);
  if (!strcmp(argv[1], "interleave"))
    interleaving = 1;
  else if (strcmp(argv[1], "threads"))
    usage(argv[0]);
  u64 seed = 1, times = 1, part = 1, rounds = 0;
  int named = argc;
  for (int i = 2; i < argc; i++) {
    if (argv[i][0] != '-') {
      named = i;
      break;
    }
    if (i + 1 == argc) usage(argv[0]);
    u64 value = strtoull(argv[i + 1], 0, 0);
    if (!strcmp(argv[i], "--seed"))
      seed = value;
    else if (!strcmp(argv[i], "--times"))
      times = value;
    else if (!strcmp(argv[i], "--part"))
      part = value ? value : 1;
    else if (!strcmp(argv[i], "--rounds"))
      rounds = value;
    else
      usage(argv[0]);
    i++;
  }
  reserve_memory();
  pthread_t watch;
  if (!interleaving && pthread_create(&watch, 0, lose_patience, 0)) failed("no thread", "to watch the others");
  u64 total = 0;
  for (size_t file = 0; file < sizeof files / sizeof *files; file++)
    for (const struct scenario *scenario = files[file]; scenario->name; scenario++) {
      int wanted = named == argc;
      for (int i = named; i < argc; i++) wanted |= !strcmp(argv[i], scenario->name);
      if (wanted) total += play_rounds(scenario, seed, rounds ? rounds : scenario->rounds * times / part);
    }
  if (!total) usage(argv[0]);
  return 0;
}
