/* Kernel stacks, the lanes at their base, and memory for kernels. */
#include "kernels/kernels.h"

#include "memory/memory.h"
#include "sleep/sleep.h"

_Static_assert(PENNY_STACK_BYTES == ARENA_BYTES, "a kernel stack is aligned to its size");

void reset_stack(u32 stack) {
  struct kernel_context *context = context_at(stack);
  context->job.newest = context->promoted = 0;
  context->entry = context->due = context->helping = context->urgent = context->small = 0;
  context->root = 0;
  context->lane = (struct lane *)stack; /* that is, none */
  context->beat = context->asked = 0;
  context->eager = 1;
  store(&context->dead, 0); /* of a dead one's, whoever looks for orphans may read it now */
  raise_attention(context); /* somebody may be hungry already */
}

/* The worker's kernel stack: its lowest address; 0: the heap has no room. */
EXPORT(kernel_stack) u32 kernel_stack(u32 me) {
  u32 *stack = &shared->worker[me].kernel_stack;
  if (!*stack) {
    u32 address = heap_allocate_arena(me);
    if (!address) return 0;
    reset_stack(address);
    store(stack, address); /* first this: then the keeper knows of it, should we die */
    heap_take_over(KERNELS, address);
  }
  context_at(*stack)->job.worker = me;
  return *stack;
}

struct lane *open_lane(struct kernel_context *context) {
  struct lane *lane = context->lane + 1;
  if (lane > (struct lane *)context + LANES) return 0;
  lane->bottom = lane->call;
  context->lane = lane;
  store(&context->job.room, room_in(lane));
  /* Had somebody raised it, it would be down now. A ringer that comes later raises it himself. */
  if (load(&context->job.limit) == PENNY_ATTENTION) store(&context->job.room, 0);
  return lane;
}

void close_lane(struct kernel_context *context) {
  context->lane--;
  store(&context->job.room, room_in(context->lane));
  if (load(&context->job.limit) == PENNY_ATTENTION) store(&context->job.room, 0);
}

EXPORT(kernel_open) struct penny_call *kernel_open(u32 me) {
  struct lane *lane = open_lane(context_of_worker(me));
  if (!lane) kernel_throw(OVERFLOW, NONE);
  return lane->call;
}

EXPORT(kernel_close) void kernel_close(u32 me) {
  struct kernel_context *context = context_of_worker(me);
  if (context->lane == context->root || context->lane->bottom != context->lane->call) kernel_throw(MISUSED, NONE);
  close_lane(context);
}

/* For penny_alloc(): whoever dies, it stays. */
EXPORT(kernel_allocate) u32 kernel_allocate(u32 me, u32 bytes) {
  u32 block = heap_allocate(me, bytes);
  if (block) heap_take_over(KERNELS, block);
  return block;
}
