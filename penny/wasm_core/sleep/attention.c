/* How a kernel hears that somebody wants something of its worker: the words that its next spawn or fork looks at. Why a
 * plain load is enough there: kernels/README.md.
 */
#include "sleep/sleep.h"

/* Whoever rings. A stack is never given back to the heap, so the worst that a late store can do is to send some
 * other worker's spawn to its slow path. */
void kernel_attention(u32 worker) {
  u32 stack = load(&shared->worker[worker].kernel_stack);
  if (stack) raise_attention(context_at(stack));
}

/* A worker that has slept: who became hungry meanwhile did not ring it, and may sleep without end. */
void kernel_awake(u32 worker) {
  u32 stack = shared->worker[worker].kernel_stack;
  if (!stack) return; /* it begins with its attention up */
  context_at(stack)->eager = 1;
  raise_attention(context_at(stack));
}

static int may_run_kernels(u32 worker, u32 caller, u64 idle) {
  return worker != caller && !(idle >> worker & 1) && load(&shared->worker[worker].kernel_stack);
}

/* Whether any other worker is awake that has run kernels. */
int kernels_awake(u32 caller) {
  u64 idle = load(&shared->idle);
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (may_run_kernels(w, caller, idle)) return 1;
  return 0;
}

/* Asks them once more, and not their Python. */
void kernels_ask(u32 caller) {
  u64 idle = load(&shared->idle);
  for (u32 w = 0; w < plain_load(&shared->workers); w++)
    if (may_run_kernels(w, caller, idle)) kernel_attention(w);
}
