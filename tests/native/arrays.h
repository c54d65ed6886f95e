/* Shared arrays in the pool's tasks: what web/penny/core/holds.js does around the core. */
#ifndef PENNY_NATIVE_ARRAYS_H
#define PENNY_NATIVE_ARRAYS_H

#include "native.h"

/* Before a round. One in so many payloads carries arrays; 0: none does. */
void arrays_begin_round(u32 one_in);

/* A participant starts, maybe as the successor of a dead one: it holds nothing. */
void arrays_start(u32 participant);

/* Has a slot, which is the participant's and carries nothing, carry some arrays, old and new ones; or none. */
void arrays_send(u32 participant, u32 index);

/* Holds what a slot of the participant's carries; and checks what is in it. */
void arrays_receive(u32 participant, u32 index);

/* The slot, which is the participant's, carries nothing any more. */
void arrays_forget(u32 participant, u32 index);

/* Lets some arrays go, takes holds by old names. */
void arrays_play(u32 participant);

/* Lets all go. */
void arrays_end(u32 participant);

#endif
