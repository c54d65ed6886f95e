/* What JavaScript may know of the layout: the build calls each of these once and writes the answers
 * to web/penny/layout.js. So the layout is described in shared.h alone. */
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
CONSTANT(KERNEL_MODULES, KERNEL_MODULES)
CONSTANT(KERNEL, KERNEL)
CONSTANT(KERNEL_FAILURE, sizeof(struct kernel_payload))
CONSTANT(HEAP_ADDRESS, HEAP_ADDRESS)

CONSTANT(STACK_ADDRESS, SHARED_ADDRESS + offsetof(struct shared_memory, stack))
CONSTANT(STACK_BYTES, STACK_BYTES)

#define HEADER(name, field) \
  CONSTANT(name, (SHARED_ADDRESS + offsetof(struct shared_memory, field)) / 4)
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
CONSTANT(STATE_QUEUED, QUEUED)
CONSTANT(STATE_RUNNING, RUNNING)
CONSTANT(STATE_RETURNED, RETURNED)
CONSTANT(STATE_RAISED, RAISED)
CONSTANT(STATE_LOST, LOST)

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
