/* The shared memory of one scheduler, described once. JavaScript gets its offsets from here (see
 * layout.c), Python never sees them.
 *
 *   0        nothing: address 0 stays an invalid pointer
 *   1024     struct shared_memory: header, workers, clients, injector, tasks, heap map, stacks
 *   HEAP     heap of payloads, in granules of 64 KiB; grows up to the scheduler's limit
 *
 * Each shared word has beside it: its meaning; who writes it (W:) and who reads it (R:); and why
 * the order of accesses is enough, where that is not obvious. "owner" of a word or a deque is the
 * one participant that writes it.
 */
#ifndef PENNY_SHARED_H
#define PENNY_SHARED_H

#include "platform.h"

enum {
  WORKERS_MAX = 64,
  CLIENTS_MAX = 4,
  PARTICIPANTS_MAX = WORKERS_MAX + CLIENTS_MAX, /* a worker's number, or WORKERS_MAX + a client's */

  TASKS = 16384,          /* task slots; a power of two */
  TASK_BYTES = 256,       /* one slot with its inline payload */
  TASK_BITS = 14,         /* log2(TASKS) */
  DEQUE_ENTRIES = 4096,   /* per worker; a power of two */
  INJECTOR_CELLS = 32768, /* twice the slots: hints may be there twice (recovery, overflow) */
  RECENT = 64,            /* remembered free slots per participant */
  STACK_BYTES = 16384,    /* C stack of each participant's instance */

  GRANULE_BYTES = 65536, /* of the heap; one WebAssembly page */
  GRANULES_MAX = 65536,  /* 4 GiB */
  ARENA_GRANULES = 16,   /* an arena holds small blocks: 1 MiB, aligned to its size */
  ARENAS_MAX = GRANULES_MAX / ARENA_GRANULES,
};

/* ---- tasks (tasks.c) -------------------------------------------------------------------------- */

/* A slot's state word decides alone who owns the task:
 *   bits 0-7 state | bits 8-15 participant | bits 16-31 generation
 * The generation counts the slot's uses, so that a hint or handle of an earlier use is recognised. */
enum task_state {
  FREE = 0,      /* nobody's; whoever wins FREE -> FILLING has it */
  FILLING = 1,   /* participant is writing function and arguments */
  QUEUED = 2,    /* may be claimed; hints to it lie in deques or the injector */
  RUNNING = 3,   /* participant (a worker) has it on its stack */
  RETURNED = 4,  /* payload is the pickled result */
  RAISED = 5,    /* payload is the pickled exception */
  CANCELLED = 6, /* withdrawn by its client; on the way to FREE */
  LOST = 7,      /* its worker died while running it; no payload */
};
enum {
  STATE_MASK = 0x7,
  ADRIFT = 0x8, /* flag on RETURNED, RAISED, LOST: its worker is dead and may not have pushed it on
                   the completion list (see recovery.c) */
};

static inline u32 state_word(u32 generation, u32 participant, u32 state) {
  return generation << 16 | participant << 8 | state;
}
static inline u32 state_of(u32 word) { return word & STATE_MASK; }
static inline u32 participant_of(u32 word) { return word >> 8 & 0xff; }
static inline u32 generation_of(u32 word) { return word >> 16; }

struct task {
  u32 state;    /* see above. W: claimants, by compare-and-swap; R: all */
  u32 client;   /* number of the client that gets the outcome. W: submitter while FILLING */
  u32 next;     /* link of the completion list: slot index, or NONE. W: the finishing worker before
                   its push; R: the client after its take */
  u32 function; /* struct function *; the slot holds one reference. W: submitter while FILLING */
  u32 flags;    /* of the arguments, for the two languages. W: submitter while FILLING */
  u32 size;     /* payload's bytes. The payload is first the pickled arguments, then the outcome.
                   W: submitter while FILLING, then the worker while RUNNING */
  u32 block;    /* heap block with the payload, or 0: it is inline. Always cleared before the block
                   is freed, so that death between the two leaks a block that recovery finds */
  u32 reserved;
  unsigned char inline_payload[TASK_BYTES - 32];
};
_Static_assert(sizeof(struct task) == TASK_BYTES, "a slot's size is a power of two");

#define NONE 0xffffffffu

/* A hint says where a task may be found: slot index and generation. Deques and the injector hold
 * hints; a stale one loses the claim. */
static inline u32 hint_of(u32 index, u32 generation) { return generation << TASK_BITS | index; }
static inline u32 hint_index(u32 hint) { return hint & (TASKS - 1); }
static inline u32 hint_generation(u32 hint) { return hint >> TASK_BITS; }

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
  u32 deaths;  /* how often a worker of this number died. W: keeper; R: statistics */
  u32 random;  /* state of the victim choice. W, R: this worker */
  u32 wants_room; /* 1: it holds a result for which the heap has no room; clients feed no new large
                     arguments meanwhile. W: this worker, keeper after its death; R: clients */
  u32 run, stolen, injected, wakeups; /* statistics. W: this worker, plainly; R: anybody, any time:
                                         a value may be old by a moment, never torn (32 bits) */
  double spin;       /* how long it will spin next, ms. W, R: this worker */
  double started;    /* clock of this worker at its start, ms. W: this worker */
  double idle;       /* ms spent looking for work or asleep. W: this worker; R: statistics */
  double idle_since; /* clock when it began to be idle, 0 when it is not. W: this worker */
  char line[64];
  struct deque deque;
};

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

struct function { /* a row of the function table: a heap block */
  u32 references; /* one for the registering client, one for each slot. W: all, by fetch_add */
  u32 serial;     /* its name in the workers' caches; never used again. W: maker */
  u32 size;       /* bytes of the pickled function, which follow */
  u32 reserved;
};

/* ---- everything -------------------------------------------------------------------------------- */

struct shared_memory {
  u32 stop;    /* 1: workers leave their loop. W: client or keeper; R: workers */
  u32 workers; /* how many. W: initialise() */
  u32 granules_max; /* limit of the heap. W: initialise() */
  u32 deaths;  /* workers recovered so far. W: keeper; R: clients (completions.c) */
  u32 serials; /* function serials given out. W: clients, by fetch_add */
  u32 broken;  /* heap block with the reason (UTF-8) why no worker can start, or 0. W: keeper, once;
                  R: clients, who then fail whatever they wait for */
  u32 broken_size; /* bytes of it. W: keeper, before broken */
  u32 spinner; /* number + 1 of the worker that spins before it parks, or 0: publishers leave the
                  work to it and wake nobody (parking.c). W: a worker takes and gives it back, by CAS
                  and store; keeper for a dead one; R: publishers */
  u32 closed;  /* 1: all workers have ended. W: keeper; R: clients in shutdown */
  char line0[28];

  u64 idle; /* bit set of parked workers. W: a worker sets its own bit; clearing a bit by CAS claims
               the wake-up (parking.c) */
  char line1[56];

  u32 injector_head; /* next position to take (injector.c). W: all, by CAS */
  char line2[60];
  u32 injector_tail; /* next position to put. W: all, by CAS */
  char line3[60];
  u64 injector[INJECTOR_CELLS]; /* position tag, full flag, hint. W: all, by CAS */

  struct client clients[CLIENTS_MAX];
  struct worker worker[WORKERS_MAX];
  struct task task[TASKS];

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

#define SHARED_ADDRESS 1024u
#define shared ((struct shared_memory *)SHARED_ADDRESS)
#define ARENA_BYTES (ARENA_GRANULES * GRANULE_BYTES)
#define HEAP_ADDRESS \
  ((SHARED_ADDRESS + (u32)sizeof(struct shared_memory) + ARENA_BYTES - 1) & ~(u32)(ARENA_BYTES - 1))

static inline u32 client_participant(u32 client) { return WORKERS_MAX + client; }

/* The page is client 0 of every scheduler, also of one whose tasks a host worker submits. */
#define KEEPER client_participant(0)

/* ---- one line for each function that another file uses ------------------------------------------ */

int deque_push(struct deque *deque, u32 hint);
int push_or_spill(u32 worker, u32 hint);
u32 deque_pop(struct deque *deque);
u32 deque_steal(struct deque *deque);
void deque_adopt(struct deque *deque);
int deque_looks_empty(struct deque *deque);

int injector_put(u32 hint);
u32 injector_take(void);
u32 injector_length(void);

void wait_on(u32 *p, u32 expected, i64 nanoseconds);
void wake_one(void);
void wake_worker(u32 worker);
int spin(u32 worker);
int park(u32 worker, i64 nanoseconds);
int work_is_visible(void);

int claim(u32 hint, u32 worker);
void task_release(u32 index, u32 participant);

int completion_push(u32 index);
void client_wake(u32 client);

u32 heap_allocate(u32 participant, u32 size);
void heap_free(u32 participant, u32 address);
void heap_take_over(u32 participant, u32 address);
void heap_sweep(u32 participant, u32 keeper);

void function_release(u32 participant, u32 function);

#endif
