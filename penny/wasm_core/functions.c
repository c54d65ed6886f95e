/* The function table's rows. A row is a heap block with a pickled function, written once and then
 * only read. Workers cache the unpickled function under the row's serial, which is never used
 * again; so a changed function is a new row, and a task runs the function it was submitted with.
 */
#include "shared.h"

/* Makes a row for `size` bytes, which the caller writes behind the header, with one reference, the
 * caller's. 0 if the heap has no room. */
EXPORT(function_new) u32 function_new(u32 participant, u32 size) {
  u32 address = heap_allocate(participant, (u32)sizeof(struct function) + size);
  if (!address) return 0;
  struct function *function = (struct function *)address;
  function->serial = fetch_add(&shared->serials, 1);
  function->size = size;
  store(&function->references, 1);
  return address;
}

/* Drops a reference; the last one frees the row. */
EXPORT(function_release) void function_release(u32 participant, u32 address) {
  struct function *function = (struct function *)address;
  if (fetch_add(&function->references, (u32)-1) == 1) heap_free(participant, address);
}
