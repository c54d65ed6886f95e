/* The shared memory of one scheduler, described once: all its structs, and what their words mean. JavaScript gets its
 * offsets from here (see layout.c), Python never sees them. Numbers that both languages know: numbers.h; how many there are
 * of everything: sizes.h. What the core does with it all lies in rooms, a folder each with one header; a room calls only
 * what lies below it (scripts/core_floors.py): pool, kernels, jobs, tasks, sleep, trace, tables, then memory and queues.
 *
 *   0        nothing: address 0 stays an invalid pointer
 *   1024     struct shared_memory: header, workers, clients, injector, tasks, arrays, heap map, stacks
 *   HEAP     heap of payloads, in granules of 64 KiB; grows up to the scheduler's limit. A scheduler that is
 *            traced has its struct trace at the start of it, beyond that limit
 *
 * Each shared word has beside it: its meaning; who writes it (W:) and who reads it (R:); and why
 * the order of accesses is enough, where that is not obvious. "owner" of a word or a deque is the
 * one participant that writes it.
 */
#ifndef PENNY_SHARED_H
#define PENNY_SHARED_H

#include "numbers.h"
#include "platform.h"
#include "sizes.h"

#define PENNY_CORE
#define penny_load(word) plain_load(word) /* natively another one, see platform.h */
#include "include/penny.h"

/* ---- tasks (slots.c, tasks.c) -------------------------------------------------------------------------- */

/* A slot's state word decides alone who owns the task:
 *   bits 0-7 state | bits 8-15 participant | bits 16-31 generation
 * The generation counts the slot's uses, so that a hint or handle of an earlier use is recognised. The state is one of
 * enum task_state. */
enum {
  PARTICIPANT_SHIFT = 8,
  PARTICIPANT_MASK = 0xff,
  GENERATION_SHIFT = 16,
  STATE_MASK = 0x7,
  ADRIFT = 0x8, /* flag on RETURNED, RAISED, LOST: its worker is dead and may not have told its owner
                   (see recovery.c) */
};

/* Latch of a task whose owner is a worker (latch.c): generation << 16 | what the owner does | SET. */
enum latch_state {
  UNSET = 0,
  SLEEPY = 1,    /* the owner is about to sleep, and will look once more */
  SLEEPING = 2,  /* the owner sleeps: whoever sets the latch wakes it */
  ABANDONED = 4, /* the owner is dead: whoever sets the latch frees the slot */
  SET = 8,       /* a bit of its own, beside the owner's state: the task has ended, and nobody but the
                    owner touches the slot any more */
};

static inline u32 state_word(u32 generation, u32 participant, u32 state) {
  return generation << GENERATION_SHIFT | participant << PARTICIPANT_SHIFT | state;
}
static inline u32 state_of(u32 word) { return word & STATE_MASK; }
static inline u32 participant_of(u32 word) { return word >> PARTICIPANT_SHIFT & PARTICIPANT_MASK; }
static inline u32 generation_of(u32 word) { return word >> GENERATION_SHIFT; }

enum { TASK_HEADER = 48 };
struct task {
  u32 state;    /* see above. W: claimants, by compare-and-swap; R: all */
  u32 owner;    /* participant that gets the outcome: a client by its completion list, a worker by the
                   latch. W: owner while FILLING */
  u32 next;     /* link of the completion list: slot index, or NONE. W: the finishing worker before
                   its push; R: the client after its take */
  u32 function; /* number of the function's entry in the table, or 0: none. The slot holds one
                   reference. W: owner while FILLING */
  u32 queue;    /* enum queue. W: owner while FILLING */
  u32 flags;    /* enum task_flag. W: owner while FILLING */
  u32 size;     /* payload's bytes. The payload is first the pickled arguments, then the outcome.
                   W: owner while FILLING, then the worker while RUNNING */
  u32 block;    /* heap block with the payload, or 0: it is inline. Always cleared before the block
                   is freed, so that death between the two leaks a block that recovery finds */
  u32 latch;    /* see above. W: owner, finishing worker, keeper (latch.c) */
  u32 cancel;   /* generation << 16 | enum cancel_reason. W: owner while FILLING; then who asks, by CAS; R: the running worker,
                   keeper. Of an older generation: nobody asked */
  u32 limit;    /* ms that it may run, 0: no limit. W: owner while FILLING; R: worker, keeper */
  u32 started;  /* ms of the worker's clock when it began to run, never 0; 0: not yet. Only where there
                   is a limit. W: owner while FILLING, worker once; R: keeper */
  unsigned char inline_payload[TASK_BYTES - TASK_HEADER];
};
_Static_assert(sizeof(struct task) == TASK_BYTES, "a slot's size is a power of two");

#define NONE 0xffffffffu

/* A hint says where a task may be found: slot index and generation. Deques and the injector hold
 * hints; a stale one loses the claim. */
static inline u32 hint_of(u32 index, u32 generation) { return generation << TASK_BITS | index; }
static inline u32 hint_index(u32 hint) { return hint & (TASKS - 1); }
static inline u32 hint_generation(u32 hint) { return hint >> TASK_BITS; }

/* Flag of `born`: what is promoted later may have been spawned before. */
enum { ALONE = 1 };

/* ---- workers ---------------------------------------------------------------------------------- */

/* Chase-Lev deque (deque.c). Positions count up for ever and wrap at 2^32. */
struct deque {
  u32 top; /* next position to steal. W: thieves and, for the last entry, the owner, by CAS */
  char line0[60];
  u32 bottom; /* next position to push. W: owner; R: thieves */
  char line1[60];
  u32 entries[DEQUE_ENTRIES]; /* hints. W: owner; R: thieves, who validate by their CAS of top */
};

struct worker {
  u32 event;   /* counts wake-ups aimed at this worker; it sleeps on this word (parking.c).
                  W: wakers; R: this worker */
  u32 deaths;  /* how often a worker of this number died. W: keeper; R: statistics, and of the async worker all who
                  end tasks of its client (recovery.c) */
  u32 random;  /* state of the victim choice. W, R: this worker */
  u32 wants_room; /* 1: it holds a result for which the heap has no room; clients feed no new large
                     arguments meanwhile. W: this worker, keeper after its death; R: clients */
  u32 interrupt; /* SIGUSR1: the doorbell was rung; Python looks at it between bytecodes and clears it, by
                    exchange (doorbell.c). W: ringers, by store; this worker by exchange */
  u32 reasons;   /* bits of enum reason: why it was rung. W: ringers, by fetch_or, before they ring;
                    this worker drains them by exchange */
  u32 innermost; /* hint + 1 of the task that runs, or ran last, on top of its stack; 0: none yet. W: this
                    worker; R: keeper, for tasks that run: a value old by a moment is good enough */
  u32 run, stolen, injected, wakeups, promoted; /* statistics. W: this worker, plainly; R: anybody, any
                                         time: a value may be old by a moment, never torn (32 bits) */
  u32 kernel_stack; /* the stack of its kernels (struct kernel_context lies at its base), or 0: none yet. Never
                       given back to the heap. W: this worker, once; keeper after its death; R: ringers */
  u32 hears; /* bits of enum reason that wake it while it waits in a join; 0: it does not, or none does (CANCEL always
                does). W: this worker, keeper after its death; R: ringers, after they have set the reason */
  u32 births; /* slots that it has filled; they wrap. W, R: this worker */
  u32 quick, doubt;  /* how often it was woken soon since it spun at length, and how often it takes until it
                        does again (parking.c). W, R: this worker */
  double spin;       /* how long it will spin next, ms. W, R: this worker */
  double started;    /* clock of this worker at its start, ms. W: this worker */
  double idle;       /* ms spent looking for work or asleep. W: this worker; R: statistics */
  double idle_since; /* clock when it began to be idle, 0 when it is not. W: this worker */
  u32 pushes;        /* hint + 1 of a task of the async worker's client, from before it has ended until it is on that one's
                        completion list (recovery.c); else 0. W: this worker, keeper after its death; R: keeper */
  char line[20];
  struct deque deque;
};
_Static_assert(offsetof(struct worker, deque) % 64 == 0, "top and bottom have cache lines of their own");

/* ---- clients ---------------------------------------------------------------------------------- */

struct client {
  u32 completed; /* head of the completion list, slot index or NONE (completions.c).
                    W: workers push, the client takes all, both by CAS or exchange */
  u32 events;    /* counts wake-ups of the client, which sleeps on it. W: workers, keeper */
  u32 armed;     /* 1: the client sleeps or is about to. W: client sets, whoever clears it wakes */
  char line[52];
};

/* ---- heap (heap.c) ---------------------------------------------------------------------------- */

/* One word a granule: 0 free; HEAD | owner+1 for a block's first granule; owner+1 for the others.
 * Every run of granules starts with a HEAD, so a block's extent ends at the next HEAD or free one. */
enum { HEAD = 0x100, MARK = 0x200, OWNER_MASK = 0xff };

/* ---- functions (functions.c) ------------------------------------------------------------------ */

struct function { /* an entry of the function table; its number is its index + 1 */
  u64 life;  /* serial (32 bits) | maker + 1 (8) | references (24). W: all, by CAS.
                Serial: the function's name in the workers' caches, never used again. Maker: the
                participant whose reference is among those counted, 0 once it has dropped it.
                References: the maker's, and one for each slot. 0: the entry is free; or, with a maker, that
                participant is about to free the block */
  u32 block; /* heap block with the pickled function. W: maker before it tells anybody the number */
  u32 size;  /* bytes of it. W: likewise */
};

/* ---- kernels (kernels/) ------------------------------------------------------------------------ */

enum module_state { NO_MODULE = 0, ADDING = 1, READY = 2 };
struct kernel_module { /* a wasm module of kernels; its number is its index + 1 */
  u32 state; /* participant that adds it << 8 | enum module_state. W: who adds it, by CAS, then by store; keeper
                if that one dies first; R: workers. All else is written before it is READY, and then only read */
  u32 block; /* heap block with its bytes */
  u32 size;  /* bytes of it */
  u32 data;  /* heap block of its static data, or 0: it has none */
  u32 table; /* its first place in the workers' function tables */
};

/* Calls that were forked with penny_fork(), oldest first: those before `bottom` are promoted and not joined yet, those from
 * it on are private. Where the private ones end only the code that runs knows. W, R: its worker */
struct lane {
  union {
    struct {
      struct penny_call *bottom;
      struct lane *outer_root; /* of a lane that was opened with a call of a kernel: what was before */
      u32 outer_entry;         /* likewise */
      u32 task;                /* of such a lane: hint + 1 of the task that the call belongs to */
    };
    struct penny_call in_place_of; /* an entry, so that the lane is aligned to its size */
  };
  struct penny_call call[PENNY_LANE - 1];
};
_Static_assert(sizeof(struct lane) == PENNY_LANE * sizeof(struct penny_call), "a lane is aligned to its size");
enum {
  LANES = 24, /* of a worker: one for each call of a kernel that is stacked (their joins stack HELPS_MAX tasks), and those
                 that they open */
  LANES_END = (LANES + 1) * sizeof(struct lane), /* the first has the context in its place */
  RESERVE = LANES_END + 16384, /* below it no job may lie: room for calls that spawn nothing */
  STACK_LOW = LANES_END + 256, /* lowest offset of the stack pointer; a function that calls none writes up to 128 bytes
                                  further down (LLVM's red zone). See web/penny/kernels/stack_check.js */
};

static inline struct lane *lane_of(const struct penny_call *call) {
  return (struct lane *)((u32)call & ~(u32)(sizeof(struct lane) - 1));
}

/* At the base of a kernel stack. "Its worker": the one whose kernel_stack it is. */
struct kernel_context {
  struct penny_context job;  /* limit, room: W: its worker, ringers (attention; limit first), by store; R: its
                                worker, plainly. newest, worker: W, R: its worker, plainly */
  struct penny_job *promoted; /* its promoted jobs that have not been joined, newest first. W, R: its worker */
  u32 entry;   /* stack pointer of the innermost call of a kernel: jobs below it belong to that call; 0: none. W, R:
                  its worker */
  struct lane *root; /* the lane that was opened with that call; those above belong to it, too. W, R: its worker */
  struct lane *lane; /* the innermost lane. W, R: its worker */
  u32 due;     /* reasons that a kernel has taken and that are Python's to answer. W, R: its worker */
  double beat; /* clock, ms, before which it promotes nothing: a heartbeat after the last promotion. W, R: its
                  worker */
  double asked; /* clock, ms, when the call of a kernel below all others first found somebody hungry; 0: not yet. W,
                   R: its worker */
  u32 small;   /* 1: such a call was over within a heartbeat of that; so will the next be, it takes it. W, R: its
                  worker */
  u32 eager;   /* 1: since it slept last, or began, no look has found nobody hungry. W, R: its worker */
  u32 helping; /* how many tasks its joins have stacked. W, R: its worker */
  u32 urgent;  /* 1: it runs interactive tasks on top of a kernel. W, R: its worker */
  u32 dead;    /* 1: its worker died; tasks that still use it are orphans. W: keeper; R: joiners */
  u32 next;    /* of the keeper's list of dead ones. W, R: keeper */
};

static inline struct kernel_context *context_at(u32 stack) { return (struct kernel_context *)stack; }
static inline struct kernel_context *context_of(const void *on_the_stack) {
  return context_at((u32)on_the_stack & ~(u32)(PENNY_STACK_BYTES - 1));
}

struct kernel_payload { /* of a task */
  u32 address; /* of the struct penny_job; or of the struct penny_call. W: who promotes it; R: the thief; who looks for
                  orphans, as long as the task is QUEUED or RUNNING: so nothing is written over it */
  uintptr_t function; /* that one's function; 0: it is a job. W: who promotes it; R: the thief */
  u32 serial;  /* of the promotion: what a job spawns has a later one. W, R: as the address */
  unsigned char failure[]; /* if it ended RAISED: a byte of enum failure, then a message in UTF-8. W: the thief, while
                              RUNNING; R: the joiner */
};

static inline struct kernel_payload *payload_of(struct task *task) {
  return (struct kernel_payload *)task->inline_payload;
}

/* ---- arrays (arrays.c, memory/README.md) ------------------------------------------------------------ */

/* An entry of the array table; its number is its index + 1. */
enum array_state {
  NO_ARRAY = 0,
  MAKING = 1,  /* `who` is filling the entry in */
  ALIVE = 2,   /* somebody holds it, or a slot carries it, or somebody is about to look at that */
  FREEING = 3, /* nobody does; `who` frees the block */
};
enum { HOLDER_WORDS = (PARTICIPANTS_MAX + 31) / 32 };
struct array {
  u64 life; /* moves (23 bits) | serial (32) | who (7) | enum array_state (2). W: all, by CAS and fetch_add.
               Serial: names it, with its number, for ever. Moves: counts the holds that were taken and
               the slots that were made to carry it. Who: participant that makes or frees it, else 0 */
  u32 holders[HOLDER_WORDS]; /* bit set of the participants that hold it. W: each its own bit, the keeper
                                those of the dead, by fetch_or and fetch_and; R: whoever lets go of it */
  u32 block; /* heap block with its elements. W: maker while MAKING, `who` while FREEING */
  u32 size;  /* bytes of it. W: maker while MAKING */
  u32 line;
};

/* What a slot carries: a heap block with `count` numbers of arrays, each once. */
struct list {
  u32 count; /* W: who makes it, before a slot names it */
  u32 number[];
};

/* ---- traces (trace.c, trace/README.md) ------------------------------------------------------------------ */

/* What an event says. Beside each: what else is in it; `how`, `who`, `task` (a hint) and `function` are nothing
 * otherwise. */
enum trace_kind {
  TRACE_STARTED = 1,   /* the worker takes its number. function: how many workers of the number died before */
  TRACE_STOPPED = 2,   /* it leaves its loop */
  TRACE_SUBMITTED = 3, /* a client has submitted task. how: enum queue; function: serial */
  TRACE_BEGAN = 4,     /* it has claimed task. how: enum origin, and flags; who: the victim, if it was stolen; function:
                          serial; of a kernel's job its place in the workers' function tables */
  TRACE_ENDED = 5,     /* it has run task. how: enum task_state */
  TRACE_ASIDE = 6,     /* it has run task, whose outcome finds no room; TRACE_ENDED comes when it does */
  TRACE_JOINS = 7,     /* it waits for task, a promoted job of its own, and helps meanwhile */
  TRACE_JOINED = 8,    /* it goes on: that has ended, or another was found, or it is to look at its reasons */
  TRACE_SPINS = 9,
  TRACE_SPUN = 10,
  TRACE_PARKS = 11,    /* it falls asleep. task: that it joins, or NONE */
  TRACE_UNPARKED = 12,
  TRACE_PROMOTED = 13, /* its job is task now. how: enum queue; function: as TRACE_BEGAN's */
  TRACE_RANG = 14,     /* it has rung the doorbell of who. how: enum reason */
  TRACE_HEARD = 15,    /* its own doorbell had been rung. how: bits of enum reason */
  TRACE_WOKE = 16,     /* it has bumped the event counter of who */
  TRACE_LOST = 17,     /* the keeper has found that who died */
};

/* Where a worker had its task from. */
enum origin {
  ORIGIN_OWN = 0,
  ORIGIN_STOLEN = 1,
  ORIGIN_INJECTED = 2,
  ORIGIN_URGENTLY = 3,
  ORIGIN_COROUTINE = 4,
};
enum { ORIGIN_MASK = 7, IS_URGENT = 8, IS_KERNEL = 16 };
enum { NOBODY = 0xff };
enum {
  EVENT_WHO_MASK = 0xff,
  EVENT_HOW_SHIFT = 8,
  EVENT_HOW_MASK = 0x7f,
  EVENT_KIND_SHIFT = 15,
  EVENT_KIND_MASK = 0x1f,
  EVENT_TIME_SHIFT = 20,
};

struct trace_event {
  u64 when; /* time << EVENT_TIME_SHIFT | enum trace_kind << EVENT_KIND_SHIFT | how << EVENT_HOW_SHIFT | who. Time: 0.1 µs
               since the trace's epoch */
  u64 what; /* function << 32 | task */
};

struct ring {
  u32 head;    /* position of the next event; counts up for ever and wraps at 2^32. Those before are whole, of which
                  the ring keeps the last RING_EVENTS. W: its participant, after the event; R: readers, before and
                  after they read events */
  u32 first;   /* where head began. W: trace_start() */
  double last; /* clock of the newest event, ms. W, R: its participant */
  u32 copied;  /* position of the first event of `copy`. W, R: its participant */
  char line[44];
  struct trace_event copy[COPY_EVENTS]; /* what its participant has read of a ring. W, R: it alone */
  struct trace_event event[RING_EVENTS]; /* at position modulo RING_EVENTS. W: its participant; R: readers, who
                                            then look whether it has been overwritten meanwhile */
};

struct trace_name {
  u32 serial; /* of the function; or IS_PLACE | a place in the workers' function tables; 0: the name is not yet
                 written, or its writer has died. W: who took the entry, after the name; R: readers */
  u32 size;   /* bytes of the name. W: likewise, before */
  char name[120]; /* UTF-8. W: likewise */
};
enum { IS_PLACE = 0x80000000 };

struct trace {
  double epoch; /* clock at time 0, ms. W: trace_start() */
  u32 names;    /* entries of `name` that are taken; may count beyond them. W: workers, by fetch_add; R: readers */
  u32 logged;   /* entries of `log` that are whole. W: keeper, after them; R: readers */
  char line[48];
  struct trace_name name[FUNCTION_NAMES];
  struct trace_event log[LOG_EVENTS]; /* what the keeper has copied of the rings, in runs: `when` of the first entry
                                         says how many events follow, << 32 | of which ring, `what` the position
                                         of the first of them. W: keeper; R: readers */
  struct ring ring[]; /* of the workers, the async worker, the clients */
};

/* ---- injectors (injector.c) -------------------------------------------------------------------- */

struct injector {
  u32 head; /* next position to take. W: all, by CAS */
  char line0[60];
  u32 tail; /* next position to put. W: all, by CAS */
  char line1[60];
  u64 cells[INJECTOR_CELLS]; /* position tag, full flag, hint. W: all, by CAS */
};

/* ---- everything -------------------------------------------------------------------------------- */

struct shared_memory {
  u32 stop;    /* 1: workers leave their loop. W: client or keeper; R: workers */
  u32 workers; /* how many. W: initialise() */
  u32 granules_max; /* limit of the heap. W: initialise() */
  u32 deaths;  /* changes whenever slots may be adrift that were not: workers recovered so far, and more. W: keeper, and
                  workers (recovery.c), by fetch_add; R: clients (completions.c) */
  u32 serials; /* function serials given out. W: clients, by fetch_add */
  u32 broken;  /* heap block with the reason (UTF-8) why no worker can start, or 0. W: keeper, once;
                  R: clients, who then fail whatever they wait for */
  u32 broken_size; /* bytes of it. W: keeper, before broken */
  u32 spinner; /* number + 1 of the worker that spins before it parks, or 0: publishers leave the
                  work to it and wake nobody (parking.c). W: a worker takes and gives it back, by CAS
                  and store; keeper for a dead one; R: publishers */
  u32 onlooker; /* number + 1 of the worker that spins in a join, or 0. Publishers do not look at it: it may take
                   only what belongs to it. W: a worker takes and gives it back, by CAS and store; keeper for a dead one */
  u32 closed;  /* 1: all workers have ended. W: keeper; R: clients in shutdown */
  u32 kernels_added; /* modules that are READY. W: who adds one, by fetch_add, afterwards; R: workers */
  u32 kernels_table; /* places of the workers' function tables that are given out. W: who adds a module, by
                        fetch_add */
  u32 kernel_graves; /* stacks of dead workers, a list, or 0. W, R: keeper */
  u32 kernel_serials; /* of promotions of kernels' jobs: the last one given out; they wrap. W: who promotes one, by fetch_add */
  u32 kernel_burials; /* how many have become such. W: keeper, before it settles the dead one's tasks; R: joiners */
  u32 array_serials; /* array serials given out. W: all, by fetch_add */
  u32 identity; /* random: names this memory in the handles of its arrays. W: who made
                   it, before anybody else is there */

  u32 trace; /* address of the struct trace, or 0: nothing is traced. W: trace_start(), before anybody else is there */
  char line0[60];

  u32 waits_for[WORKERS_MAX]; /* hint + 1 of the job that a worker waits for in a join, hungry for what belongs to that
                                 join; else 0. W: that worker; clearing it by CAS claims the wake-up (parking.c); keeper for
                                 a dead one; R: publishers and whoever might promote */

  u64 idle; /* bit set of parked workers. W: a worker sets its own bit; clearing a bit by CAS claims
               the wake-up (parking.c) */
  char line1[56];

  struct injector injector[QUEUES];

  struct client clients[CLIENTS_MAX];
  struct worker worker[WORKERS_MAX + 1]; /* the last is the async worker */
  struct task task[TASKS];
  struct function function[FUNCTIONS];
  struct kernel_module kernel_module[KERNEL_MODULES];
  struct array array[ARRAYS];

  u32 parent[TASKS];  /* of each slot: hint + 1 of the task whose job it is, or 0: a client's. Of an older use of that
                         slot: it has ended. W: owner while FILLING; R: all; what is read holds if the task is claimed, or
                         promoted, afterwards. Apart from the slots, so that looking through all is fast */
  u32 born[TASKS];    /* of each slot that a worker fills: 2 * which of its slots it is, in the order in which it promotes,
                         | ALONE; they wrap. W, R: as parent */
  u32 carried[TASKS]; /* of each slot: its struct list, or 0. W: whoever owns the slot; R: whoever lets
                         go of an array. Apart from the slots, so that looking through all is fast */
  u32 recent[PARTICIPANTS_MAX][RECENT]; /* slots this participant freed lately. W, R: it alone;
                                           only hints, the state word decides */
  u32 recent_count[PARTICIPANTS_MAX];
  u32 rover[PARTICIPANTS_MAX]; /* where its next search for a free slot begins. W, R: it alone */
  u32 hazard[PARTICIPANTS_MAX]; /* arena number + 1 that it searches just now, or 0. W: it (and the
                                   keeper for a dead one); R: who retires an arena */
  u32 arena_of[PARTICIPANTS_MAX]; /* arena number + 1 where it last found room. W, R: it alone */
  u32 arena[ARENAS_MAX];     /* 1: this MiB of the heap is an arena; 2 + owner: which that
                                participant is retiring. W: makers, retirers, the keeper for a dead one */
  u32 granule[GRANULES_MAX]; /* the heap's map. W: all, by CAS and store */

  char stack[PARTICIPANTS_MAX][STACK_BYTES]; /* C stacks: no two instances share one */
};

#define SHARED_ADDRESS (MEMORY_ADDRESS + 1024u)
#define shared ((struct shared_memory *)SHARED_ADDRESS)
#define HEAP_ADDRESS \
  ((SHARED_ADDRESS + (u32)sizeof(struct shared_memory) + ARENA_BYTES - 1) & ~(u32)(ARENA_BYTES - 1))

static inline u32 ring_count(void) { return shared->workers + 1 + CLIENTS_MAX; }

/* Of the struct trace, whole arenas, so that what comes after it in the heap is as it would be without; 0: there is
 * none. */
static inline u32 trace_granules(void) {
  u32 bytes = (u32)sizeof(struct trace) + ring_count() * (u32)sizeof(struct ring);
  return shared->trace ? (bytes + ARENA_BYTES - 1) / ARENA_BYTES * ARENA_GRANULES : 0;
}

/* Whether events are to be recorded: a load and a branch, which is all that a scheduler without a trace pays. */
static inline int tracing(void) { return __builtin_expect(shared->trace != 0, 0); }

static inline u32 client_participant(u32 client) { return FIRST_CLIENT + client; }
static inline int is_client(u32 participant) { return participant >= FIRST_CLIENT; }

/* What the async worker's coroutines submit. */
enum { ASYNC_CLIENT = 2 };

/* The page is client 0 of every scheduler, also of one whose tasks a host worker submits. */
#define KEEPER client_participant(0)

#endif
