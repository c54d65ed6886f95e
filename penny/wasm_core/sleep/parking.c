/* Parking: how workers sleep without missing work, and how they are woken.
 *
 * A worker that found nothing              Whoever published work
 *   1. reads its event counter               a. makes the hint visible (deque or injector)
 *   2. sets its bit in `idle`                b. reads `idle`
 *   3. looks once more at every queue        c. clears one set bit; only who cleared it goes on
 *   4. rings who is awake (doorbell.c)       d. bumps that worker's counter, wakes it
 *   5. sleeps if the counter has not moved
 *
 * A worker that joins a task of its own sleeps the same way: with 2 it makes the task's latch SLEEPY, in 3 it
 * looks at the latch as well, and before 5 it makes it SLEEPING; who sets the latch then does d.
 * (Before all that, one worker at a time may spin: see spin().)
 *
 * Either the publisher's b comes after 2, then it sees the bit and wakes; or b comes before 2, then
 * the look in 3 comes after a and sees the work. A bump between 1 and 5 makes 5 return at once. A
 * wake-up is never spent on a worker that is awake already, since the bit names who is parked. Whoever
 * has done 2 and finds more than it takes, or leaves because its latch is set, wakes another.
 * A waker that dies between c and d leaves a sleeper without its bit: the keeper's recovery bumps
 * and wakes everybody. Model: models/parking.pml; the whole walk: sleep/README.md.
 */
#include "sleep/sleep.h"

#include "queues/queues.h"
#include "tables/tables.h"
#include "trace/trace.h"

/* How long a worker that has just ended a task looks on before it parks, ms. To be put to sleep and woken
 * takes that long where the machine lets idle processors sleep, too. It is the longest while that pays,
 * and halves each time it was in vain. */
static const double SPIN_MAX = 0.3, SPIN_MIN = 0.01;
/* Within this much a worker that slept must be awake again for spinning to have paid, ms: SPIN_MAX, and as much for being
 * woken. Without the latter one that has spun in vain a few times would sleep for ever, however fast tasks come. */
static const double QUICK = 2 * SPIN_MAX;
/* That alone would be wrong where there is no processor for whoever is to publish, so that it does as soon as the worker
 * sleeps, and only then: each task would take SPIN_MAX longer. So each time that spinning for SPIN_MAX was in vain it takes
 * twice as many quick wake-ups, DOUBT_MAX at most, until it is tried again; and half as many each time that it was not. */
static const u32 DOUBT_MAX = 64;

/* After a spin: how long the next one may be. */
static void learn_from_spin(struct worker *worker, int found) {
  if (found) {
    worker->spin = SPIN_MAX;
    if (worker->doubt > 1) worker->doubt /= 2;
    return;
  }
  if (worker->spin >= SPIN_MAX) {
    if (worker->doubt < DOUBT_MAX) worker->doubt *= 2;
    worker->quick = 0;
  }
  worker->spin = worker->spin > 2 * SPIN_MIN ? worker->spin / 2 : SPIN_MIN;
}

/* After a sleep of so many ms. */
static void learn_from_sleep(struct worker *worker, double slept) {
  if (slept >= QUICK || ++worker->quick < worker->doubt) return;
  worker->quick = 0;
  worker->spin = SPIN_MAX;
}

static void announce_wait(u32 worker, u32 joined) { store(&shared->waits_for[worker], joined + 1); }

/* Returns 0 if a waker had claimed it. */
static int unannounce_wait(u32 worker) { return exchange(&shared->waits_for[worker], 0) != 0; }

/* Whether a worker that waits for `joined` has something else to do than to sleep. */
static int is_called(u32 worker, u32 joined, int help) {
  /* A cancel comes with a bump of the event counter, so it needs no place among the steps; what else it hears, too. */
  u32 reasons = load(&shared->worker[worker].reasons);
  return latch_is_set(joined) || (reasons & (CANCEL | plain_load(&shared->worker[worker].hears))) ||
         (help && is_for_waiter(worker, joined));
}

static void spin_until(u32 worker, u32 joined) {
  ring_busy(worker, STEAL);
  double now = clock_ms();
  if (tracing()) trace_at(now, TRACE_SPINS, 0, NOBODY, joined, 0);
  double end = now + shared->worker[worker].spin, again = now + SPIN_MAX / 2;
  int found = 0;
  do {
    for (int i = 0; i < 32 && !found; i++)
      found = joined == NONE ? work_is_visible() || load(&shared->stop)
                             : is_called(worker, joined, 1) || !load(&shared->waits_for[worker]);
    now = clock_ms();
    if (now >= again) { /* a kernel may have declined, because it had just promoted something */
      kernels_ask(worker);
      again = end;
    }
  } while (!found && now < end);
  learn_from_spin(&shared->worker[worker], found);
  if (tracing()) trace_at(now, TRACE_SPUN, 0, NOBODY, joined, 0);
}

/* Looks for work for a moment, if no other worker does so already. Busy workers are asked to promote what they have.
 * While it spins, publishers wake nobody: it will see the work. So it must look at every queue after it has given
 * `spinner` back, and when it takes something then, wake another if there is more. Returns 1 if it was the spinner.
 * (As the spinning threads of Go's scheduler.) */
int spin(u32 worker) {
  if (load(&shared->spinner) || !compare_exchange(&shared->spinner, 0, worker + 1)) return 0;
  spin_until(worker, NONE);
  store(&shared->spinner, 0);
  return 1;
}

/* Spins in a join, if no other worker does, until `joined` has ended, or there is something for who waits for it. To publishers
 * it is not the spinner, since it may not take whatever comes. Returns 1 if a waker had claimed it. */
int look_on(u32 worker, u32 joined) {
  if (load(&shared->onlooker) || !compare_exchange(&shared->onlooker, 0, worker + 1)) return 0;
  announce_wait(worker, joined);
  spin_until(worker, joined);
  store(&shared->onlooker, 0);
  return !unannounce_wait(worker);
}

/* Whether there is something to do instead of going to sleep: step 3. */
static int is_wanted(u32 worker, u32 joined, int help) {
  if (joined != NONE) return is_called(worker, joined, help);
  return work_is_visible() || load(&shared->stop) != 0;
}

static void announce(u32 worker, u32 joined) {
  if (joined == NONE)
    fetch_or(&shared->idle, 1ull << worker);
  else
    announce_wait(worker, joined);
}

/* While others run kernels a hungry worker sleeps no longer than this at a time, ns, and asks them again: they
 * promote only so often. */
static const i64 NAP = 2000000;

static void sleep_on(u32 worker, u32 seen, int help, i64 nanoseconds) {
  u32 *event = &shared->worker[worker].event;
  while (help && (nanoseconds < 0 || nanoseconds > NAP) && kernels_awake(worker)) {
    wait_on(event, seen, NAP);
    if (load(event) != seen) return;
    kernels_ask(worker);
    if (nanoseconds > 0) nanoseconds -= NAP;
  }
  wait_on(event, seen, nanoseconds);
}

/* Sleeps until somebody wakes this worker, or there is work, or the time is over (negative: no bound). Where it joins a
 * task, `joined` is not NONE: until that has ended, and for no work but what belongs to who waits for it; without `help`
 * for none. Returns SLEPT, if it did; and CLAIMED, if it joins and a waker had claimed it. */
int park(u32 worker, u32 joined, int help, i64 nanoseconds) {
  u32 *event = &shared->worker[worker].event;
  u32 seen = load(event);
  if (joined != NONE && !latch_get_sleepy(joined)) return 0;
  if (help) announce(worker, joined);
  int awake = is_wanted(worker, joined, help);
  if (!awake && help) ring_busy(worker, STEAL);
  if (!awake && joined != NONE) awake = !latch_fall_asleep(joined);
  if (!awake) {
    double asleep = clock_ms();
    if (tracing()) trace_at(asleep, TRACE_PARKS, 0, NOBODY, joined, 0);
    sleep_on(worker, seen, help, nanoseconds);
    double awoken = clock_ms();
    if (tracing()) trace_at(awoken, TRACE_UNPARKED, 0, NOBODY, joined, 0);
    learn_from_sleep(&shared->worker[worker], awoken - asleep);
  }
  /* If a waker was faster, its bump only makes the next sleep return at once: no loss. */
  int claimed = help && !(joined == NONE ? unannounce(worker) : unannounce_wait(worker));
  kernel_awake(worker);
  if (joined != NONE) latch_wake_up(joined);
  return (awake ? 0 : SLEPT) | (claimed && joined != NONE ? CLAIMED : 0);
}
