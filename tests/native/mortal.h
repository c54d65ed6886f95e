/* Workers that die, and the keeper, who recovers them: for scenarios that choose themselves who dies where. */
#ifndef PENNY_MORTAL_H
#define PENNY_MORTAL_H

#include "tally.h"

static struct mortal {
  u32 dead[WORKERS_MAX]; /* 1: died, and not recovered yet */
  u32 graves;            /* counts what the keeper has to look at */
  u32 living;
  u32 recovering; /* 1: the keeper is at work */
  u32 recovered;  /* how often it has been */
} mortal;

static inline void mortal_begin(u32 workers) { mortal = (struct mortal){.living = workers}; }

static inline void call_keeper(void) {
  __atomic_add_fetch(&mortal.graves, 1, __ATOMIC_SEQ_CST);
  notify(&mortal.graves, 1);
}

/* A worker's lives, until one of them returns. */
static inline void mortal_body(u32 me, void (*life)(u32 me)) {
  act_as(me);
  while (dies(0, life, me)) {
    set_flag(&mortal.dead[me], 1);
    call_keeper();
    while (flag(&mortal.dead[me])) wait32(&mortal.dead[me], 1, -1);
  }
  __atomic_sub_fetch(&mortal.living, 1, __ATOMIC_SEQ_CST);
  call_keeper();
}

/* `check`, if any, is called after a worker's recovery, before its successor begins. */
static inline void keeper_body(u32 workers, void (*check)(u32 dead)) {
  act_as(KEEPER);
  for (;;) {
    u32 seen = flag(&mortal.graves);
    for (u32 worker = 0; worker < workers; worker++) {
      if (!flag(&mortal.dead[worker])) continue;
      set_flag(&mortal.recovering, 1);
      recover(worker);
      CHECK(!reinject(), "the injector is full");
      set_flag(&mortal.recovering, 0);
      if (check) check(worker);
      __atomic_add_fetch(&mortal.recovered, 1, __ATOMIC_SEQ_CST);
      set_flag(&mortal.dead[worker], 0);
      notify(&mortal.dead[worker], 1);
    }
    if (!flag(&mortal.living)) return;
    wait32(&mortal.graves, seen, -1);
  }
}

#endif
