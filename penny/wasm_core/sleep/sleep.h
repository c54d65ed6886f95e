/* Sleeping and waking, bells and latches: what others call of them. */
#ifndef PENNY_SLEEP_H
#define PENNY_SLEEP_H

#include "shared.h"

/* parking.c */
enum { SLEPT = 1, CLAIMED = 2 }; /* what park() returns */
int spin(u32 worker);
int look_on(u32 worker, u32 joined);
int park(u32 worker, u32 joined, int help, i64 nanoseconds);

/* waking.c */
void wait_on(u32 *p, u32 expected, i64 nanoseconds);
void wake_worker(u32 worker);
int wake_one(void);
int wake_waiter(u32 hint);

/* Of what JavaScript asks for; negative: no bound. */
static inline i64 nanoseconds_of(double milliseconds) { return milliseconds < 0 ? -1 : (i64)(milliseconds * 1e6); }

/* Takes worker's bit off `idle`. Returns 0 if a waker had taken it already. */
static inline int unannounce(u32 worker) {
  u64 bit = 1ull << worker;
  return (fetch_and(&shared->idle, ~bit) & bit) != 0;
}

/* announcing.c */
void announce_work(u32 queue, u32 hint);
void offer_to_waiters(void);
void pass_on(void);

/* latch.c */
int latch_is_set(u32 hint);
int latch_get_sleepy(u32 hint);
int latch_fall_asleep(u32 hint);
void latch_wake_up(u32 hint);
void latch_set(u32 index, u32 owner, u32 worker);
void latch_set_for_dead(u32 index, u32 generation, u32 owner);
void latch_abandon(u32 index, u32 generation);

/* doorbell.c */
void ring(u32 worker, u32 reason);
void ring_python(u32 worker, u32 due);
void ring_busy(u32 caller, u32 reason);
u32 doorbell_reasons(u32 worker);
u32 hungry(u32 task);

/* attention.c */
void kernel_attention(u32 worker);
void kernel_awake(u32 worker);
int kernels_awake(u32 caller);
void kernels_ask(u32 caller);

static inline u32 room_in(struct lane *lane) { return (u32)&lane->call[PENNY_LANE - 2]; }

static inline void lower_attention(struct kernel_context *context) {
  store(&context->job.limit, (u32)context + RESERVE);
  store(&context->job.room, room_in(context->lane));
}
static inline void raise_attention(struct kernel_context *context) {
  store(&context->job.limit, PENNY_ATTENTION);
  store(&context->job.room, 0);
}

#endif
