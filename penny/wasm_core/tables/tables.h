/* Slots, whose job the task in one is, and functions: what others call of the tables. */
#ifndef PENNY_TABLES_H
#define PENNY_TABLES_H

#include "shared.h"

/* slots.c */
u32 task_acquire(u32 participant);
void task_fill(u32 index, u32 function, u32 queue, u32 flags, u32 size, u32 block);
void task_release(u32 index, u32 participant);

/* Whether the task may be claimed, unless somebody is faster; else its hint is stale. */
static inline int is_queued(u32 hint) {
  return load(&shared->task[hint_index(hint)].state) == state_word(hint_generation(hint), 0, QUEUED);
}

/* belonging.c */
int belongs(u32 hint, u32 joined);
int is_taken_away(u32 hint, u32 joined);
int is_for_waiter(u32 waiter, u32 joined);
u32 submitted_below(u32 joined);

static inline int is_coroutine(u32 joined) { return shared->task[hint_index(joined)].queue == COROUTINES; }

/* functions.c */
int function_retain(u32 number, u32 serial);
u32 function_serial(u32 number);
void function_release(u32 participant, u32 number);
void functions_recover(u32 dead, u32 keeper);

#endif
