/* How often each of a number of things has happened. */
#ifndef PENNY_TALLY_H
#define PENNY_TALLY_H

#include "native.h"

enum { TALLY_MAX = 1 << 17 };

struct tally {
  u32 times[TALLY_MAX];
};

static inline void tally_clear(struct tally *tally, u32 n) { memset(tally->times, 0, n * sizeof(u32)); }
static inline u32 tally_add(struct tally *tally, u32 thing) {
  CHECK(thing < TALLY_MAX, "there is no thing %u", thing);
  return __atomic_add_fetch(&tally->times[thing], 1, __ATOMIC_RELAXED);
}
static inline u32 tally_of(const struct tally *tally, u32 thing) {
  return __atomic_load_n(&tally->times[thing], __ATOMIC_RELAXED);
}
static inline void tally_check_each_once(const struct tally *tally, u32 n) {
  for (u32 i = 0; i < n; i++) CHECK(tally_of(tally, i) == 1, "%u: %u times, not once", i, tally_of(tally, i));
  count(n);
}

/* A flag between actors that is none of the core's. */
static inline u32 flag(const u32 *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void set_flag(u32 *p, u32 value) { __atomic_store_n(p, value, __ATOMIC_SEQ_CST); }

#endif
