/* What the core needs of its platform: atomics, waiting, waking, growing. The core is freestanding:
 * no libc, no JavaScript runtime. In WebAssembly it imports the shared memory, one clock, and two functions
 * for kernels; natively, for the tests, what tests/native/native.h declares. No other file of the core knows
 * where it runs.
 *
 * Every atomic access in WebAssembly is sequentially consistent: LLVM lowers relaxed and
 * acquire/release orders to the same instructions. So the core asks for seq_cst everywhere and
 * argues with interleavings only; the models in models/ do the same.
 *
 * There are no static variables: all instances share one memory, so a static would be shared too.
 */
#ifndef PENNY_PLATFORM_H
#define PENNY_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

#ifdef __wasm__

/* Addresses are those of the shared memory, from 0 on. */
#define MEMORY_ADDRESS 0u

#define EXPORT(name) __attribute__((export_name(#name)))

/* Of a function that may read what has become another's meanwhile, whose caller then finds out. */
#define LOOKS_BACK

/* Natively, where the tests let another thread go first; see below. */
#define interleave() ((void)0)

/* Plain accesses to words that other threads may access at the same moment. Where a line uses one,
 * it says why that is enough. `volatile` keeps the compiler from inventing or dropping accesses. */
#define plain_load(p) (*(volatile __typeof__(*(p)) *)(p))
#define plain_store(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))

static inline void wait32(u32 *p, u32 expected, i64 nanoseconds) {
  __builtin_wasm_memory_atomic_wait32((int *)p, (int)expected, nanoseconds);
}

static inline void notify(u32 *p, u32 sleepers) {
  __builtin_wasm_memory_atomic_notify((int *)p, sleepers);
}

/* WebAssembly pages of 64 KiB. */
static inline u32 memory_pages(void) { return (u32)__builtin_wasm_memory_size(0); }
static inline int memory_grow(u32 pages) { return (int)__builtin_wasm_memory_grow(0, pages) != -1; }

/* Milliseconds since some fixed moment of this thread; imported from JavaScript. */
__attribute__((import_module("env"), import_name("clock"))) double clock_ms(void);

/* The lowest address of this instance's stack that is in use, plus one at least: it says whose instance this is. */
static inline u32 stack_top(void) { return (u32)__builtin_frame_address(0); }

/* Of web/penny/kernels/calls.js. Only JavaScript catches a trap, so it runs each task that a kernel's join found, to its
 * end; and only JavaScript throws. */
__attribute__((import_module("env"), import_name("kernel_task"))) void kernel_task(u32 task);
__attribute__((import_module("env"), import_name("kernel_throw"), noreturn)) void kernel_throw(u32 failure,
                                                                                          u32 task);

#else /* native: a 64-bit process with the memory at a fixed place below 4 GiB, so that its addresses
         are numbers of 32 bits as well; tests/native/native.c reserves it */

#define MEMORY_ADDRESS 0x10000000u

#define EXPORT(name)
#define LOOKS_BACK __attribute__((no_sanitize("thread")))

/* Comes before each access of shared memory: another thread may get its turn there, or this one die. */
void interleave(void);

/* Relaxed atomics instead, so that ThreadSanitizer knows the race for a wanted one. */
#define plain_load(p) (interleave(), __atomic_load_n((p), __ATOMIC_RELAXED))
#define plain_store(p, v) (interleave(), __atomic_store_n((p), (v), __ATOMIC_RELAXED))

void wait32(u32 *p, u32 expected, i64 nanoseconds);
void notify(u32 *p, u32 sleepers);

/* As if the memory began at address 0. */
u32 memory_pages(void);
int memory_grow(u32 pages);

double clock_ms(void);
u32 stack_top(void); /* as if the thread's stack were that of the participant that it acts as */

/* Of tests/native/kernels/kernels.c. */
void kernel_task(u32 task);
__attribute__((noreturn)) void kernel_throw(u32 failure, u32 task);

#endif

#define load(p) (interleave(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define store(p, v) (interleave(), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
#define exchange(p, v) (interleave(), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define fetch_add(p, v) (interleave(), __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define fetch_or(p, v) (interleave(), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define fetch_and(p, v) (interleave(), __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))

static inline int compare_exchange(u32 *p, u32 expected, u32 desired) {
  interleave();
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline int compare_exchange64(u64 *p, u64 expected, u64 desired) {
  interleave();
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#endif
