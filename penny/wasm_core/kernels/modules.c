/* Kernel modules: wasm modules that any participant adds while the pool runs, and each worker loads before it
 * runs anything of a kernel. A worker hears no messages after its start, so all that it needs lies in shared
 * memory: the bytes, and where static data and functions have their place, the same in every worker.
 *
 *   1. Who adds a module takes an entry (NO_MODULE -> ADDING), copies the bytes into the heap, gets zeroed room for its
 *      static data, and places in the function table.
 *   2. It instantiates the module, which writes the static data: the linker guards that by a word of the data,
 *      which no other instance finds at 0.
 *   3. It makes the entry READY, then bumps `kernels_added`.
 *
 * A function's place goes to another worker in a task only, so after 3: who has claimed one and then loads what is READY
 * has it. Modules stay until the scheduler closes. Who dies in 1 or 2 leaves an entry that the keeper frees.
 */
#include "kernels/kernels.h"

#include "memory/memory.h"

static struct kernel_module *module_of(u32 number) { return &shared->kernel_module[number - 1]; }

static u32 adding(u32 participant) { return participant << 8 | ADDING; }

static void drop(struct kernel_module *module, u32 participant) {
  u32 blocks[] = {module->data, module->block};
  module->data = module->block = 0;
  for (int i = 0; i < 2; i++)
    if (blocks[i]) {
      heap_take_over(participant, blocks[i]);
      heap_free(participant, blocks[i]);
    }
  store(&module->state, NO_MODULE);
}

/* Step 1. Returns the module's number; 0: no entry is free, or the heap has no room. */
EXPORT(kernel_module_new)
u32 kernel_module_new(u32 participant, u32 size, u32 data_size, u32 functions) {
  for (u32 number = 1; number <= KERNEL_MODULES; number++) {
    struct kernel_module *module = module_of(number);
    if (!compare_exchange(&module->state, NO_MODULE, adding(participant))) continue;
    module->size = size;
    module->block = heap_allocate(participant, size);
    module->data = data_size ? heap_allocate(participant, data_size) : 0;
    if (!module->block || (data_size && !module->data)) {
      drop(module, participant);
      return 0;
    }
    if (data_size) __builtin_memset((void *)module->data, 0, data_size);
    module->table = fetch_add(&shared->kernels_table, functions);
    return number;
  }
  return 0;
}

/* Instead of step 3. */
EXPORT(kernel_module_drop) void kernel_module_drop(u32 number, u32 participant) {
  drop(module_of(number), participant);
}

/* Step 3. */
EXPORT(kernel_module_share) void kernel_module_share(u32 number) {
  struct kernel_module *module = module_of(number);
  heap_take_over(KERNELS, module->block);
  if (module->data) heap_take_over(KERNELS, module->data);
  store(&module->state, READY);
  fetch_add(&shared->kernels_added, 1);
}

/* How many have been added. */
EXPORT(kernels_added) u32 kernels_added(void) { return load(&shared->kernels_added); }

EXPORT(kernel_module_ready) int kernel_module_ready(u32 number) {
  return number - 1 < KERNEL_MODULES && load(&module_of(number)->state) == READY;
}
EXPORT(kernel_module_block) u32 kernel_module_block(u32 number) { return module_of(number)->block; }
EXPORT(kernel_module_size) u32 kernel_module_size(u32 number) { return module_of(number)->size; }
EXPORT(kernel_module_data) u32 kernel_module_data(u32 number) { return module_of(number)->data; }
EXPORT(kernel_module_table) u32 kernel_module_table(u32 number) { return module_of(number)->table; }

/* The keeper, for a dead participant. Before heap_sweep(). */
void kernels_recover(u32 dead) {
  for (u32 number = 1; number <= KERNEL_MODULES; number++) {
    struct kernel_module *module = module_of(number);
    if (load(&module->state) == adding(dead)) drop(module, KEEPER);
  }
}
