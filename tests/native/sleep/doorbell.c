/* The doorbell: whoever sets a reason and rings is answered, whatever others do at the same moment. */
#include "tally.h"

enum { OWNER = 0, RINGERS = 3, RINGS = 400 };

static u32 answered[RINGERS]; /* how often the owner has seen this ringer's reason */
static u32 ringing;

static void body(u32 me) {
  if (me != OWNER) {
    u32 ringer = me - 1;
    for (u32 n = 0; n < RINGS; n++) {
      u32 before = flag(&answered[ringer]);
      ring(OWNER, 1u << ringer);
      while (flag(&answered[ringer]) == before) give_way();
      count(1);
    }
    __atomic_sub_fetch(&ringing, 1, __ATOMIC_SEQ_CST);
    return;
  }
  while (flag(&ringing)) { /* as Python looks between two bytecodes */
    u32 signal = doorbell_take(OWNER);
    if (!signal) {
      give_way();
      continue;
    }
    CHECK(signal == SIGUSR1, "signal %u", signal);
    u32 reasons = doorbell_reasons(OWNER);
    for (u32 r = 0; r < RINGERS; r++)
      if (reasons >> r & 1) __atomic_add_fetch(&answered[r], 1, __ATOMIC_SEQ_CST);
  }
}

static void rings(void) {
  new_memory(1, 0, 0);
  memset(answered, 0, sizeof answered);
  ringing = RINGERS;
  run(1 + RINGERS, body);
}

const struct scenario doorbell_scenarios[] = {
    {"doorbell", rings, 10},
    END_OF_SCENARIOS,
};
