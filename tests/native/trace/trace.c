/* A ring of a trace: one writer that overwrites, readers that see whole events or none, and know what they missed. */
#include "tally.h"

enum { WRITER = 0, READERS = 2, WRITTEN = RING_EVENTS > 1000 ? 2 * RING_EVENTS : 2100 };
static u32 first, over, dead_at;

static u32 task_said(u32 i) { return i * 0x9e3779b1u; }
static u32 function_said(u32 i) { return ~(i * 0x85ebca6bu); }

/* As position p's event says it. */
static void check_event(const struct trace_event *event, u32 position) {
  u32 i = position - first;
  u32 when = (u32)event->when;
  u32 kind = when >> EVENT_KIND_SHIFT & EVENT_KIND_MASK, how = when >> EVENT_HOW_SHIFT & EVENT_HOW_MASK;
  u32 who = when & EVENT_WHO_MASK;
  CHECK(kind == TRACE_PROMOTED && how == (i & 0x7f) && who == (i & 0xff) &&
            event->what == ((u64)function_said(i) << 32 | task_said(i)),
        "event %u is no whole one: %llx %llx", i, (unsigned long long)event->when, (unsigned long long)event->what);
}

static struct trace *the_trace(void) { return (struct trace *)(uintptr_t)shared->trace; }

static void write_on(u32 number) {
  (void)number;
  act_as(WRITER);
  while (the_trace()->ring[WRITER].head - first < WRITTEN) {
    u32 i = the_trace()->ring[WRITER].head - first;
    trace(TRACE_PROMOTED, i & 0x7f, i & 0xff, task_said(i), function_said(i));
  }
}

static void writer(void) {
  /* Who dies in the middle of an event has not written it: the successor does. */
  while (dies(dead_at ? 1 + below(dead_at) : 0, write_on, WRITER))
    if (one_in(8)) dead_at = 0;
  set_flag(&over, 1);
}

/* A client, by its own ring. */
static void reader(u32 number) {
  u32 participant = client_participant(number);
  act_as(participant);
  struct ring *own = &the_trace()->ring[shared->workers + participant - ASYNC_WORKER];
  u32 next = first;
  for (;;) {
    u32 ended = flag(&over);
    u32 head = trace_head(WRITER);
    u32 count = trace_read(WRITER, next);
    CHECK(own->copied - next <= WRITTEN, "it goes back");
    for (u32 i = 0; i < count; i++) check_event(&own->copy[i], own->copied + i);
    next = own->copied + count;
    if (!count && ended && next == head) break;
    if (!count) give_way();
    if (one_in(50)) linger();
  }
  CHECK(next - first == WRITTEN, "it has read up to %u of %u", next - first, (u32)WRITTEN);
}

static void keeper(void) {
  act_as(KEEPER);
  for (u32 next = first;;) {
    u32 ended = flag(&over);
    u32 then = trace_log(WRITER, next);
    if (then == next && ended) return;
    if (then == next) give_way();
    next = then;
    if (one_in(20)) linger();
  }
}

static void body(u32 number) {
  if (number == WRITER)
    writer();
  else if (number <= READERS)
    reader(number);
  else
    keeper();
}

static void play(u32 deaths) {
  new_memory(1, 2 << 20, 0);
  first = some_first_position();
  trace_memory(first);
  over = 0;
  dead_at = deaths;
  run(1 + READERS + 1, body);
  u32 end = first;
  struct trace *trace = the_trace();
  for (u32 at = 0; at < trace->logged;) {
    struct trace_event *run = &trace->log[at];
    u32 count = (u32)(run->when >> 32), from = (u32)run->what;
    CHECK((u32)run->when == WRITER && from - end <= WRITTEN, "a run of ring %u from %u", (u32)run->when, from - first);
    for (u32 i = 0; i < count; i++) check_event(run + 1 + i, from + i);
    end = from + count;
    at += 1 + count;
  }
  count(WRITTEN);
}

static void overwritten(void) { play(0); }
static void mortal(void) { play(2000); }

const struct scenario trace_scenarios[] = {
    {"trace-overwritten", overwritten, 8},
    {"trace-mortal", mortal, 8},
    END_OF_SCENARIOS,
};
