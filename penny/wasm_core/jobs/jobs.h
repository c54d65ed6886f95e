/* A worker's next task, its jobs that others may steal, and its joins: what others call of them. */
#ifndef PENNY_JOBS_H
#define PENNY_JOBS_H

#include "shared.h"

/* stealing.c */
u32 find_task(u32 me, u32 *origin);
u32 urgent_next(u32 me);

static inline void begin_idle(struct worker *worker, double now) {
  if (!worker->idle_since) worker->idle_since = now;
}

/* Returns the time; 0 if it was not idle. */
static inline double end_idle(struct worker *worker) {
  if (!worker->idle_since) return 0;
  double now = clock_ms();
  worker->idle += now - worker->idle_since;
  worker->idle_since = 0;
  return now;
}

/* joining.c */
i32 worker_join(u32 me, u32 joined, int help, u32 hears, double milliseconds);
int take_back(u32 hint, u32 worker);

/* promotion.c */
int publish(u32 index, u32 worker, u32 queue);

#endif
