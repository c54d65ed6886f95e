/* Fork-join of kernels: what its files, and the keeper, call of each other. The protocol: kernels/README.md. */
#ifndef PENNY_KERNELS_H
#define PENNY_KERNELS_H

#include "shared.h"

/* A worker promotes for others so often at most, ms: work that is done sooner is not worth sending away. What a
 * thief missed on that account it asks for again (parking.c). For the same reason a call whose predecessor was over
 * within that time promotes nothing so early: to wake a thief costs more than such a call. */
static const double BEAT = 0.1;

static inline struct kernel_context *context_of_worker(u32 worker) {
  return context_at(shared->worker[worker].kernel_stack);
}

/* promotion.c */
int promote_oldest(struct kernel_context *context, u32 me);
void take_reasons(struct kernel_context *context, u32 me);
void check_cancelled(struct kernel_context *context, u32 me);
int is_deep(const struct kernel_context *context);
void run_above(u32 me, u32 task);
int may_run_urgent(const struct kernel_context *context, u32 me);
void run_urgent(struct kernel_context *context, u32 me);

/* stacks.c */
void reset_stack(u32 stack);
struct lane *open_lane(struct kernel_context *context);
void close_lane(struct kernel_context *context);

/* orphans.c */
void await_orphans(u32 me, u32 serial);
void kernels_bury(u32 dead);
void kernels_exhume(u32 dead);

/* modules.c */
void kernels_recover(u32 dead);

#endif
