/* Traces: what each participant did and when, in a ring of its own. The rings are flight recorders: they are
 * overwritten, oldest first, and whoever reads one sees what it missed. What becomes of it: web/penny/trace/rings.js.
 *
 *   The participant                           A reader, which wants the events from `from` on
 *     a. writes the event at head               1. reads head
 *     b. moves head on                          2. copies the events before it, RING_EVENTS at most
 *                                               3. reads head again: what lies RING_EVENTS or more before it is
 *                                                  thrown away
 *
 * The whole walk, and what could go wrong: trace/README.md.
 */
#include "trace/trace.h"

#include "memory/memory.h"
#include "tables/tables.h"

static struct trace *the_trace(void) { return (struct trace *)shared->trace; }

/* Whose instance of the core this is: each has its own stack. So a ring has one writer whatever calls what. */
static u32 participant_here(void) {
  return (stack_top() - 1 - (u32)shared->stack) / STACK_BYTES;
}

static struct ring *own_ring(void) {
  u32 me = participant_here();
  return &the_trace()->ring[me < WORKERS_MAX ? me : shared->workers + me - ASYNC_WORKER];
}

/* Begins a trace, on new memory. Returns 0 if there is no room for it. */
EXPORT(trace_start) int trace_start(u32 first_position) {
  u32 bytes = (u32)sizeof(struct trace) + ring_count() * (u32)sizeof(struct ring);
  u32 address = heap_allocate(KEEPER, (bytes + ARENA_BYTES - 1) / ARENA_BYTES * ARENA_BYTES);
  if (!address) return 0;
  heap_take_over(KERNELS, address); /* nobody's: it stays, whoever dies */
  struct trace *trace = (struct trace *)address;
  trace->epoch = clock_ms();
  for (u32 r = 0; r < ring_count(); r++) trace->ring[r].head = trace->ring[r].first = first_position;
  shared->trace = address;
  return 1;
}

/* Records an event of this participant's, of the time `now` (clock_ms()). */
void trace_at(double now, u32 kind, u32 how, u32 who, u32 task, u32 function) {
  struct ring *ring = own_ring();
  /* A predecessor's clock may have been ahead a little: within a ring time does not go back. */
  if (now < ring->last) now = ring->last;
  ring->last = now;
  double since = now - the_trace()->epoch;
  u64 time = since > 0 ? (u64)(since * 1e4) : 0;
  u32 head = plain_load(&ring->head); /* plain: no other thread writes it */
  struct trace_event *event = &ring->event[head & (RING_EVENTS - 1)];
  store(&event->when, time << EVENT_TIME_SHIFT | kind << EVENT_KIND_SHIFT | how << EVENT_HOW_SHIFT | who);
  store(&event->what, (u64)function << 32 | task);
  store(&ring->head, head + 1);
}

/* Records an event of this participant's, of now. */
void trace(u32 kind, u32 how, u32 who, u32 task, u32 function) {
  trace_at(clock_ms(), kind, how, who, task, function);
}

/* Time of this participant's newest event: what follows at once need not ask the clock. */
double trace_last(void) { return own_ring()->last; }

/* This worker has claimed a task. origin: enum origin, and the victim << 8. */
void trace_began(double now, u32 index, u32 origin) {
  struct task *task = &shared->task[index];
  u32 kernel = task->flags & KERNEL;
  u32 urgent = plain_load(&task->queue) == INTERACTIVE;
  u32 how = (origin & ORIGIN_MASK) | (urgent ? IS_URGENT : 0) | (kernel ? IS_KERNEL : 0);
  u32 who = (origin & ORIGIN_MASK) == ORIGIN_STOLEN ? origin >> 8 : NOBODY;
  u32 hint = hint_of(index, generation_of(load(&task->state)));
  trace_at(now, TRACE_BEGAN, how, who, hint, trace_function(index));
}

/* What names the function that a task, filled in, is to run: its serial; of a kernel's job its place in the workers'
 * function tables. */
u32 trace_function(u32 index) {
  struct task *task = &shared->task[index];
  if (!(task->flags & KERNEL)) return function_serial(task->function);
  struct kernel_payload *payload = payload_of(task);
  return payload->function ? (u32)payload->function : *(u32 *)payload->address;
}

/* The worker runs a task no more, although its outcome finds no room. */
EXPORT(trace_aside) void trace_aside(u32 index) {
  trace(TRACE_ASIDE, 0, NOBODY, hint_of(index, generation_of(load(&shared->task[index].state))), 0);
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Copies events of a ring from position *from on, `room` at most: steps 1 to 3. Returns how many; *from is where they
 * begin, later than before if what was there has been overwritten. */
static u32 copy(struct ring *ring, u32 *from, u32 room, struct trace_event *to) {
  u32 head = load(&ring->head);
  if (head - *from > RING_EVENTS) *from = head - RING_EVENTS;
  u32 count = head - *from < room ? head - *from : room;
  for (u32 i = 0; i < count; i++) {
    struct trace_event *event = &ring->event[(*from + i) & (RING_EVENTS - 1)];
    to[i].when = load(&event->when);
    to[i].what = load(&event->what);
  }
  /* The event at `head` may be half written by now, in the place of the one RING_EVENTS before it. */
  u32 ahead = load(&ring->head) - *from;
  u32 gone = ahead < RING_EVENTS ? 0 : ahead - RING_EVENTS + 1;
  if (gone > count) gone = count;
  if (gone) __builtin_memmove(to, to + gone, (count - gone) * sizeof *to);
  *from += gone;
  return count - gone;
}

/* Where the next event of a ring will be. */
EXPORT(trace_head) u32 trace_head(u32 ring) { return load(&the_trace()->ring[ring].head); }

/* Reads a ring from a position on, into the caller's own `copy`. Returns how many events that are, `copied` says from
 * where on. */
EXPORT(trace_read) u32 trace_read(u32 ring, u32 from) {
  struct ring *own = own_ring();
  u32 count = copy(&the_trace()->ring[ring], &from, COPY_EVENTS, own->copy);
  own->copied = from;
  return count;
}

/* The keeper copies a ring from a position on into the log. Returns where to go on the next time; and `from` if nothing
 * is new, or the log is full. */
EXPORT(trace_log) u32 trace_log(u32 ring, u32 from) {
  struct trace *trace = the_trace();
  u32 logged = plain_load(&trace->logged); /* plain: no other thread writes it */
  if (logged + 1 >= LOG_EVENTS) return from;
  struct trace_event *run = &trace->log[logged];
  u32 first = from;
  u32 count = copy(&trace->ring[ring], &first, LOG_EVENTS - logged - 1, run + 1);
  if (!count) return from;
  *run = (struct trace_event){(u64)count << 32 | ring, first};
  store(&trace->logged, logged + 1 + count);
  return first + count;
}

/* ---- names ---------------------------------------------------------------------------------------- */

/* Takes an entry for the name of a function; 0 if all are taken. The caller writes it. */
EXPORT(trace_name) u32 trace_name(void) {
  struct trace *trace = the_trace();
  if (load(&trace->names) >= FUNCTION_NAMES) return 0;
  u32 entry = fetch_add(&trace->names, 1);
  return entry < FUNCTION_NAMES ? (u32)&trace->name[entry] : 0;
}

