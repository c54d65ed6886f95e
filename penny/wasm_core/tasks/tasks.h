/* Tasks from their submission to their end: what others call of them. */
#ifndef PENNY_TASKS_H
#define PENNY_TASKS_H

#include "shared.h"

/* tasks.c */
int claim(u32 hint, u32 worker);

/* completions.c */
int completion_push(u32 index);
u32 says_that_it_pushes(u32 index, u32 generation, u32 worker);
void has_pushed(u32 index, u32 ended, u32 deaths_before);
void client_wake(u32 client);

/* cancellation.c */
int ask_cancel(u32 index, u32 generation, u32 why);
int cancel_asked(u32 hint);
int job_ask_cancel(u32 hint);

#endif
