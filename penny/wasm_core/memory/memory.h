/* The heap, and the arrays in it: what others call of them. */
#ifndef PENNY_MEMORY_H
#define PENNY_MEMORY_H

#include "shared.h"

/* heap.c */
u32 heap_allocate(u32 participant, u32 size);
u32 heap_allocate_arena(u32 participant);
void heap_free(u32 participant, u32 address);
void heap_take_over(u32 participant, u32 address);
void heap_sweep(u32 participant, u32 keeper);

/* arrays.c */
void array_look(u32 participant, u32 number);
int array_claim(u32 participant, u32 number, u64 life);
void task_carry(u32 index, u32 list);
void task_uncarry(u32 index, u32 participant);
void arrays_recover(u32 dead, u32 keeper);

#endif
