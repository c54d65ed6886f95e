/* Kernels in the pool's tasks: what web/penny/kernels/calls.js does around the core, and kernels whose jobs are counted. */
#ifndef PENNY_NATIVE_KERNELS_H
#define PENNY_NATIVE_KERNELS_H

#include "native.h"

/* What may go wrong in a round. */
struct kernel_settings {
  u32 kernels;  /* one in so many tasks calls a kernel; 0: none does */
  u32 nodes;    /* of a kernel's tree, at most */
  u32 failures; /* one in so many kernels traps somewhere, overflows its stack or forgets its jobs; 0: none does */
  int meets;    /* each waits until a job of its own runs on another worker */
  int cancels;  /* whether tasks are asked to end */
  int deaths;   /* whether workers die */
};

/* Before a round, and after it: checks that each job ran once, and frees the stacks. */
void kernels_begin_round(struct kernel_settings settings);
void kernels_end_round(void);

/* A worker starts, maybe as the successor of a dead one. */
void kernels_start(u32 me);

/* One task may call a kernel. Returns 1 if that was left since the task has been asked to end. */
int kernels_maybe_call(u32 me);

/* Whether a task is a kernel's job; runs it, to its end. */
int is_kernels(u32 index);
void kernels_run(u32 me, u32 index);

/* Of the pool: runs a task, now RUNNING, of whatever kind. */
void run_task(u32 me, u32 index);

#endif
