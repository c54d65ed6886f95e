/* Numbers that cross a language, each defined here and nowhere else: layout.c exports them by sets, and
 * scripts/layout.mjs writes the sets down for JavaScript (web/penny/core/layout.js: `Outcome.RETURNED`) and for Python
 * (penny/bridge/numbers.py: likewise). In C all names are in one scope, so a word has one number whatever set it is in.
 *
 * Some of these the core itself never looks at: they are what JavaScript and Python tell each other.
 */
#ifndef PENNY_NUMBERS_H
#define PENNY_NUMBERS_H

#include "platform.h"

/* State of a task's slot: see state_word() in shared.h. */
enum task_state {
  FREE = 0,      /* nobody's; whoever wins FREE -> FILLING has it */
  FILLING = 1,   /* participant is writing function and arguments */
  QUEUED = 2,    /* may be claimed; hints to it lie in deques or the injector */
  RUNNING = 3,   /* participant (a worker) has it on its stack */
  RETURNED = 4,  /* payload is the pickled result */
  RAISED = 5,    /* payload is the pickled exception */
  CANCELLED = 6, /* withdrawn by its owner; on the way to FREE */
  LOST = 7,      /* its worker died while running it; no payload */
};

/* How a call ended, as a client hears of it: RETURNED, RAISED, LOST; CANCELLED and TIMED_OUT, if its worker was killed because
 * the task had been asked to end and did not; NO_ROOM, if the arguments find none although nothing else is under way; or */
enum outcome {
  TIMED_OUT = 8,
  BROKEN = 9,     /* no worker can start; payload is the reason, UTF-8 */
  CORRUPTED = 10, /* nobody can say: the shared memory was overwritten */
};

/* Why a running task was asked to end (cancellation.c): one of these, or TIMED_OUT. */
enum cancel_reason { NOT_ASKED = 0, ASKED = 1 };

/* Instead of a handle, a place or a number, which are 0 or more. */
enum refusal {
  NO_ROOM = -1,    /* for the job, function, bundle or module of kernels */
  ENTRY_GONE = -2, /* promote(): the function has left the table */
};

/* What a worker's waits give instead of a task's slot (stealing.c, joining.c). */
enum wait {
  STOPPED = -1,     /* the scheduler has */
  NOTHING = -2,     /* there was none within the time */
  ENDED = -3,       /* worker_join(): the outcome may be read */
  INTERRUPTED = -4, /* worker_join(): there is a reason to look at */
};

/* What became of a job that a worker's Python joins: RETURNED, RAISED, LOST, INTERRUPTED, NOTHING. Each is less than IS_TASK,
 * so it is no task's code. */

/* What task_finish() says. */
enum finish {
  NOT_OURS = 0,     /* the task is no longer this worker's: the keeper took it for dead */
  FINISHED = 1,
  WOKE_CLIENT = 2,  /* and its client slept */
};

/* What a worker may run while it waits in a join: nothing, since its stack is too deep; what belongs to who waits; in need
 * anything, where an outcome of its own finds no room before others have begun. */
enum help { NO_HELP = 0, BELONGING = 1, ANYTHING = 2 };

/* Flags of a task. The first two are the two languages'. */
enum task_flag {
  HAS_KWARGS = 1, /* its arguments have keywords */
  COROUTINE = 2,  /* its function gives a coroutine: to the core the queue says so */
  KERNEL = 0x100, /* a kernel's job (kernels/): no function of the table. The payload is a struct
                     kernel_payload */
};

/* A task's code, by which a worker's port tells Python of it: the serial of its function << CODE_SHIFT, HAS_KWARGS, and */
enum code {
  IS_LARGE = 2,       /* its arguments find no room in the inbox */
  HUNGRY = 4,         /* a worker is hungry for its jobs */
  IS_INTERACTIVE = 8,
  IS_TASK = 16,       /* of each: what is less is no code */
  CODE_SHIFT = 5,
};

/* Where an entry of the function table is found: serial << ENTRY_BITS | number of the entry. */
enum { ENTRY_BITS = 16 };

/* Where a task waits for a worker: urgent things first. */
enum queue {
  INTERACTIVE = 0,
  BATCH = 1,
  COROUTINES = 2, /* of the async worker alone */
  QUEUES = 3,
};

/* Why a worker's doorbell was rung: bits (doorbell.c). */
enum reason {
  STEAL = 1,  /* a worker is hungry: promote a private job */
  URGENT = 2, /* an interactive task waits, and nobody is idle */
  CANCEL = 4, /* a task on its stack has been asked to end */
};
enum { SIGUSR1 = 10 }; /* what Python takes the ring for */

/* Why a kernel was left by an exception (web/penny/kernels/calls.js). */
enum failure {
  TRAPPED = 0,   /* message: the engine's */
  CANCEL_DUE = 1,
  WORKER_LOST = 2,
  OVERFLOW = 3,  /* the kernel stack is used up */
  MISUSED = 4,   /* a job was joined that is not spawned */
  JOB_FAILED = 5, /* the joined one: its own failure lies in its slot */
};

/* Types of a shared array's elements. */
enum element {
  BOOL = 0,
  INT8 = 1,
  INT16 = 2,
  INT32 = 3,
  INT64 = 4,
  UINT8 = 5,
  UINT16 = 6,
  UINT32 = 7,
  UINT64 = 8,
  FLOAT32 = 9,
  FLOAT64 = 10,
};

/* ---- records, little-endian, without gaps ---------------------------------------------------------- */

/* A shared array in a pickle. After it `axes` extents of 32 bits; and, if STRIDED, as many strides of 64 bits. */
struct handle {
  u32 identity; /* of the memory */
  u16 number;   /* of the array */
  u32 serial;   /* likewise */
  u8 type;      /* enum element */
  u8 axes;      /* how many, and STRIDED */
  u32 offset;   /* of the first element, bytes */
} __attribute__((packed));
enum { STRIDED = 0x80 };

/* Of each outcome in a client's inbox. After it the payload, up to a multiple of 4 bytes. */
struct arrival {
  u64 ticket;
  i16 outcome; /* enum outcome */
  u16 worker;
  u32 size;  /* bytes of the payload */
  u32 large; /* names the payload, if it does not follow; else 0 */
} __attribute__((packed));

#endif
