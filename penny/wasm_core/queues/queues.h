/* Where hints to tasks lie: what others call of the queues. */
#ifndef PENNY_QUEUES_H
#define PENNY_QUEUES_H

#include "shared.h"

/* deque.c */
int deque_push(struct deque *deque, u32 hint);
u32 deque_pop(struct deque *deque);
u32 deque_newest(struct deque *deque);
u32 deque_steal(struct deque *deque);
void deque_adopt(struct deque *deque);
int deque_looks_empty(struct deque *deque);
u32 deque_oldest(struct deque *deque, u32 *position);
int deque_steal_at(struct deque *deque, u32 position);

/* injector.c */
int injector_put(u32 queue, u32 hint);
u32 injector_take(u32 queue);
u32 injector_length(u32 queue);
u32 injector_oldest(u32 queue, u64 *cell);
int injector_take_cell(u32 queue, u64 cell);

/* work.c */
int work_is_visible(void);
int push_or_spill(u32 worker, u32 hint);

#endif
