/* What JavaScript and Python may know of the layout, and the numbers that they share with the core or with each other. The
 * build calls each of these functions once, in a module that is this file alone, and writes the answers to
 * web/penny/core/layout.js and penny/bridge/numbers.py: scripts/layout.mjs. So the layout is described in shared.h alone, and each
 * number in numbers.h.
 */
#include "shared.h"

#define CONSTANT(name, value) \
  EXPORT(layout_##name) u32 layout_##name(void) { return (u32)(value); }
#define WORD(name, type, field) CONSTANT(name, offsetof(struct type, field) / 4)

CONSTANT(WORKERS_MAX, WORKERS_MAX)
CONSTANT(ASYNC_WORKER, ASYNC_WORKER)
CONSTANT(FIRST_CLIENT, FIRST_CLIENT)
CONSTANT(ASYNC_CLIENT, ASYNC_CLIENT)
CONSTANT(NONE, NONE)
CONSTANT(GRANULE_BYTES, GRANULE_BYTES)
CONSTANT(ARENA_BYTES, ARENA_BYTES)
CONSTANT(SMALL_BYTES, SMALL_BYTES)
CONSTANT(SMALL_MAX, SMALL_MAX)
CONSTANT(KERNEL_MODULES, KERNEL_MODULES)
CONSTANT(KERNEL_STACK_BYTES, PENNY_STACK_BYTES)
CONSTANT(KERNEL_STACK_LOW, STACK_LOW)
WORD(KERNEL_ADDRESS_WORD, kernel_payload, address)
WORD(KERNEL_FUNCTION_WORD, kernel_payload, function)
CONSTANT(KERNEL_FAILURE, offsetof(struct kernel_payload, failure))
WORD(JOB_FUNCTION_WORD, penny_job, function)
WORD(JOB_ARGUMENT_WORD, penny_job, argument)
CONSTANT(HEAP_ADDRESS, HEAP_ADDRESS)

CONSTANT(STACK_ADDRESS, SHARED_ADDRESS + offsetof(struct shared_memory, stack))
CONSTANT(STACK_BYTES, STACK_BYTES)

#define HEADER(name, field) \
  CONSTANT(name, (SHARED_ADDRESS + offsetof(struct shared_memory, field)) / 4)
HEADER(WORKERS_WORD, workers)
HEADER(BROKEN_WORD, broken)
HEADER(BROKEN_SIZE_WORD, broken_size)
HEADER(CLOSED_WORD, closed)
HEADER(IDENTITY_WORD, identity)

CONSTANT(TASKS, TASKS)
CONSTANT(TASK_ADDRESS, SHARED_ADDRESS + offsetof(struct shared_memory, task))
CONSTANT(TASK_BYTES, TASK_BYTES)
WORD(TASK_STATE_WORD, task, state)
WORD(TASK_NEXT_WORD, task, next)
WORD(TASK_FUNCTION_WORD, task, function)
WORD(TASK_FLAGS_WORD, task, flags)
WORD(TASK_SIZE_WORD, task, size)
WORD(TASK_BLOCK_WORD, task, block)
CONSTANT(TASK_PAYLOAD, offsetof(struct task, inline_payload))
CONSTANT(TASK_PAYLOAD_BYTES, sizeof(((struct task *)0)->inline_payload))

CONSTANT(INDEX_MASK, TASKS - 1)
CONSTANT(INDEX_BITS, TASK_BITS)
WORD(TASK_QUEUE_WORD, task, queue)
WORD(TASK_OWNER_WORD, task, owner)

CONSTANT(INTERACTIVE, INTERACTIVE)
CONSTANT(BATCH, BATCH)
CONSTANT(COROUTINES, COROUTINES)

CONSTANT(STATE_MASK, STATE_MASK)
CONSTANT(STATE_ADRIFT, ADRIFT)
CONSTANT(PARTICIPANT_SHIFT, PARTICIPANT_SHIFT)
CONSTANT(PARTICIPANT_MASK, PARTICIPANT_MASK)
CONSTANT(GENERATION_SHIFT, GENERATION_SHIFT)

CONSTANT(ARRAYS, ARRAYS)
CONSTANT(CARRIED_WORD, (SHARED_ADDRESS + offsetof(struct shared_memory, carried)) / 4)

CONSTANT(CLIENT_ADDRESS, SHARED_ADDRESS + offsetof(struct shared_memory, clients))
CONSTANT(CLIENT_BYTES, sizeof(struct client))
WORD(CLIENT_COMPLETED_WORD, client, completed)
WORD(CLIENT_EVENTS_WORD, client, events)

CONSTANT(WORKER_ADDRESS, SHARED_ADDRESS + offsetof(struct shared_memory, worker))
CONSTANT(WORKER_BYTES, sizeof(struct worker))
WORD(WORKER_EVENT_WORD, worker, event)
WORD(WORKER_REASONS_WORD, worker, reasons)
WORD(WORKER_INNERMOST_WORD, worker, innermost)
WORD(WORKER_PROMOTED_WORD, worker, promoted)
WORD(WORKER_DEATHS_WORD, worker, deaths)
WORD(WORKER_RUN_WORD, worker, run)
WORD(WORKER_STOLEN_WORD, worker, stolen)
WORD(WORKER_INJECTED_WORD, worker, injected)
WORD(WORKER_WAKEUPS_WORD, worker, wakeups)
CONSTANT(WORKER_STARTED, offsetof(struct worker, started))
CONSTANT(WORKER_IDLE, offsetof(struct worker, idle))
CONSTANT(WORKER_IDLE_SINCE, offsetof(struct worker, idle_since))

CONSTANT(CLIENTS_MAX, CLIENTS_MAX)
HEADER(TRACE_WORD, trace)
CONSTANT(TRACE_BYTES, sizeof(struct trace))
CONSTANT(TRACE_EPOCH, offsetof(struct trace, epoch))
WORD(TRACE_NAMES_WORD, trace, names)
WORD(TRACE_LOGGED_WORD, trace, logged)
CONSTANT(TRACE_NAME, offsetof(struct trace, name))
CONSTANT(TRACE_NAMES, FUNCTION_NAMES)
CONSTANT(NAME_ENTRY_BYTES, sizeof(struct trace_name))
WORD(NAME_SERIAL_WORD, trace_name, serial)
WORD(NAME_SIZE_WORD, trace_name, size)
CONSTANT(NAME_TEXT, offsetof(struct trace_name, name))
CONSTANT(NAME_BYTES, sizeof(((struct trace_name *)0)->name))
CONSTANT(NAME_IS_PLACE, IS_PLACE)
CONSTANT(TRACE_LOG, offsetof(struct trace, log))
CONSTANT(LOG_EVENTS, LOG_EVENTS)
CONSTANT(EVENT_BYTES, sizeof(struct trace_event))
CONSTANT(RING_BYTES, sizeof(struct ring))
CONSTANT(RING_EVENTS, RING_EVENTS)
CONSTANT(RING_COPY, offsetof(struct ring, copy))
WORD(RING_FIRST_WORD, ring, first)
WORD(RING_COPIED_WORD, ring, copied)

CONSTANT(EVENT_TIME_SHIFT, EVENT_TIME_SHIFT)
CONSTANT(EVENT_KIND_SHIFT, EVENT_KIND_SHIFT)
CONSTANT(EVENT_KIND_MASK, EVENT_KIND_MASK)
CONSTANT(EVENT_HOW_SHIFT, EVENT_HOW_SHIFT)
CONSTANT(EVENT_HOW_MASK, EVENT_HOW_MASK)
CONSTANT(EVENT_WHO_MASK, EVENT_WHO_MASK)
CONSTANT(NOBODY, NOBODY)

#define KIND(name) CONSTANT(TRACE_##name, TRACE_##name)
KIND(STARTED)
KIND(STOPPED)
KIND(SUBMITTED)
KIND(BEGAN)
KIND(ENDED)
KIND(ASIDE)
KIND(JOINS)
KIND(JOINED)
KIND(SPINS)
KIND(SPUN)
KIND(PARKS)
KIND(UNPARKED)
KIND(PROMOTED)
KIND(RANG)
KIND(HEARD)
KIND(WOKE)
KIND(LOST)
CONSTANT(ORIGIN_MASK, ORIGIN_MASK)
CONSTANT(ORIGIN_OWN, ORIGIN_OWN)
CONSTANT(ORIGIN_STOLEN, ORIGIN_STOLEN)
CONSTANT(ORIGIN_INJECTED, ORIGIN_INJECTED)
CONSTANT(ORIGIN_URGENTLY, ORIGIN_URGENTLY)
CONSTANT(ORIGIN_COROUTINE, ORIGIN_COROUTINE)
CONSTANT(IS_URGENT, IS_URGENT)
CONSTANT(IS_KERNEL, IS_KERNEL)

/* ---- sets of numbers ------------------------------------------------------------------------------- */

#define NUMBER_AS(set, name, value) \
  EXPORT(number_##set##_##name) i32 number_##set##_##name(void) { return (i32)(value); }
#define NUMBER(set, name) NUMBER_AS(set, name, name)

NUMBER(State, FREE)
NUMBER(State, FILLING)
NUMBER(State, QUEUED)
NUMBER(State, RUNNING)
NUMBER(State, RETURNED)
NUMBER(State, RAISED)
NUMBER(State, CANCELLED)
NUMBER(State, LOST)

NUMBER(Outcome, RETURNED)
NUMBER(Outcome, RAISED)
NUMBER(Outcome, LOST)
NUMBER(Outcome, CANCELLED)
NUMBER(Outcome, TIMED_OUT)
NUMBER(Outcome, BROKEN)
NUMBER(Outcome, CORRUPTED)
NUMBER(Outcome, NO_ROOM)

NUMBER(CancelReason, NOT_ASKED)
NUMBER(CancelReason, ASKED)
NUMBER(CancelReason, TIMED_OUT)

NUMBER(Refusal, NO_ROOM)
NUMBER(Refusal, ENTRY_GONE)

NUMBER(Wait, STOPPED)
NUMBER(Wait, NOTHING)
NUMBER(Wait, ENDED)
NUMBER(Wait, INTERRUPTED)

NUMBER(Joined, RETURNED)
NUMBER(Joined, RAISED)
NUMBER(Joined, LOST)
NUMBER(Joined, INTERRUPTED)
NUMBER(Joined, NOTHING)

NUMBER(Finish, NOT_OURS)
NUMBER(Finish, FINISHED)
NUMBER(Finish, WOKE_CLIENT)

NUMBER(Help, NO_HELP)
NUMBER(Help, BELONGING)
NUMBER(Help, ANYTHING)

NUMBER(Flag, HAS_KWARGS)
NUMBER(Flag, COROUTINE)
NUMBER(Flag, KERNEL)

NUMBER(Code, HAS_KWARGS)
NUMBER(Code, IS_LARGE)
NUMBER(Code, HUNGRY)
NUMBER(Code, IS_INTERACTIVE)
NUMBER(Code, IS_TASK)
NUMBER_AS(Code, SHIFT, CODE_SHIFT)

NUMBER_AS(Place, BITS, ENTRY_BITS)

NUMBER(Reason, STEAL)
NUMBER(Reason, URGENT)
NUMBER(Reason, CANCEL)

CONSTANT(SIGUSR1, SIGUSR1)

NUMBER(Latch, UNSET)
NUMBER(Latch, SLEEPY)
NUMBER(Latch, SLEEPING)
NUMBER(Latch, ABANDONED)
NUMBER(Latch, SET)

NUMBER(Failure, TRAPPED)
NUMBER(Failure, CANCEL_DUE)
NUMBER(Failure, WORKER_LOST)
NUMBER(Failure, OVERFLOW)
NUMBER(Failure, MISUSED)
NUMBER(Failure, JOB_FAILED)

NUMBER(Element, BOOL)
NUMBER(Element, INT8)
NUMBER(Element, INT16)
NUMBER(Element, INT32)
NUMBER(Element, INT64)
NUMBER(Element, UINT8)
NUMBER(Element, UINT16)
NUMBER(Element, UINT32)
NUMBER(Element, UINT64)
NUMBER(Element, FLOAT32)
NUMBER(Element, FLOAT64)

/* ---- records --------------------------------------------------------------------------------------- */

/* Offset << 8 | whether it is signed << 7 | bytes. */
#define FIELD(record, type, field) \
  EXPORT(field_##record##_##field) u32 field_##record##_##field(void) { \
    __typeof__(((struct type *)0)->field) least = (__typeof__(least))-1; \
    return offsetof(struct type, field) << 8 | (u32)(least < 0) << 7 | sizeof least; \
  }

FIELD(Handle, handle, identity)
FIELD(Handle, handle, number)
FIELD(Handle, handle, serial)
FIELD(Handle, handle, type)
FIELD(Handle, handle, axes)
FIELD(Handle, handle, offset)
NUMBER(Handle, STRIDED)

FIELD(Arrival, arrival, ticket)
FIELD(Arrival, arrival, outcome)
FIELD(Arrival, arrival, worker)
FIELD(Arrival, arrival, size)
FIELD(Arrival, arrival, large)
