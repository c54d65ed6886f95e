/* latch.pml: a worker sleeps until the task it joins has ended; whoever dies, the slot comes free.
 *
 * Modelled: one slot. Its first task belongs to worker 0, which publishes it, and joins it: takes it
 *   back, or sleeps on the latch. Worker 1 claims it, runs it, sets the latch, and wakes. Then a third
 *   party uses the slot again, and withdraws its task untouched. DEATHS deaths, of either worker or its
 *   successor at any step; the keeper, which recovers what the dead owned and what it ran. The owner may
 *   be woken for something else.
 * Abstracted: queues, idle bits (promotion.pml), a worker with a hint goes on looking. What remains to
 *   do for a successor is to claim the task, if it is still queued, and to die.
 *   Of an event counter: whether it has moved since it was read, as in parking.pml.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * The latch word has a generation and bits: of UNSET, SLEEPY, SLEEPING one, by the joiner's
 *   compare-and-swaps; ABANDONED, by the keeper; SET. A finisher's last access to the slot is
 *   `old = fetch_or(latch, SET)`: with SLEEPING in it, it bumps the owner's event; with ABANDONED, the
 *   slot is its own, to free. Only SET allows the joiner to read the outcome and to free the slot.
 *
 * Properties
 *   awake       the joiner does not sleep for ever (no invalid end state)
 *   freed       the slot comes free (no invalid end state), once a generation (assertions)
 *   foreign     nobody writes into a later generation (assertions)
 *   outcome     is read when complete (assertion)
 *   ends        nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   STATE_IS_DONE         the joiner takes RETURNED for done, though the latch is not set: the finisher
 *                         sets it in a later generation
 *   OUTCOME_LATE          the latch set before the outcome is written
 *   UNSET_LATE            published before the latch is unset
 *   EVENT_LATE            event read when the latch says SLEEPING already
 *   BUMP_FIRST            event bumped, then the latch set
 *   NOTIFY_SLEEPY         the finisher wakes who is SLEEPY, not who is SLEEPING
 *   SLEEPING_BY_STORE     over SET
 *   UNSET_BY_STORE        after a sleep, over SET
 *   NO_WAKE_ALL           a finisher died between latch and bump, and the keeper wakes nobody
 *   EXCHANGE              the finisher's SET wipes out ABANDONED; that is how it was first drafted. If it
 *                         dies before it frees the slot, nobody does; if the owner's successor dies, too,
 *                         the keeper frees it as well
 *   ABANDONED_UNSEEN      the finisher does not look for ABANDONED: never freed
 *   ABANDONED_FREED       the keeper abandons the slot and frees it: freed twice
 *   KEEPER_STORES         the keeper stores SET, whatever the latch was: the slot may be another's by now
 *   KEEPER_TRIES_ONCE     its compare-and-swap failed as the joiner fell asleep
 *   NO_GENERATION         it compares only the bits
 *   RETURNED_LEFT         the keeper leaves alone what had RETURNED: the latch was not set yet
 *   ORPHAN_LEFT           it does not look for ABANDONED where a finisher died
 *   CANCELLED_LEFT        the owner died between taking its task back and freeing the slot
 *   CLAIM_UNSEEN          the keeper's QUEUED -> CANCELLED failed by a claim: it goes on
 *   OWNER_FIRST           owner read before the state word: they are of two generations
 *   FILLING_BY_OWNER      a slot is being filled: its field still names the owner before
 * Variant, which must hold
 *   DIRECT                from UNSET to SLEEPING: SLEEPY only spares a wake-up
 *   STORED_WHERE_UNSET    where the keeper has seen the latch unset, of the right generation, a store will
 *                         do: the finisher is dead, nobody else sets it, and who sleeps will be woken
 */

#ifndef DEATHS
#define DEATHS 2
#endif
#define OWNER 0
#define FINISHER 1
#define THIRD 2
#define KEEPER 3

#define FREE 0
#define FILLING 1
#define QUEUED 2
#define RUNNING 3
#define RETURNED 4
#define LOST 5
#define CANCELLED 6

#define WORD(generation, who, state) ((generation) * 32 + (who) * 8 + (state))
#define GENERATION(word) ((word) / 32)
#define WHO(word) (((word) / 8) % 4)
#define STATE(word) ((word) % 8)

#define UNSET 0
#define SLEEPY 1
#define SLEEPING 2
#define ABANDONED 4
#define SET 8
#define LATCH(generation, bits) ((generation) * 16 + (bits))
#define LATCH_GENERATION(word) ((word) / 16)
#define HAS(bit, word) ((word) & (bit))
#ifdef MUTANT_NO_GENERATION
#define SAME(one, other) 1
#else
#define SAME(one, other) (LATCH_GENERATION(one) == LATCH_GENERATION(other))
#endif

byte word = WORD(1, OWNER, FILLING);
byte owner = THIRD;                     /* of the generation before */
byte latch = LATCH(0, SET);
bit outcome;                            /* is complete */

bit moved = 1;                          /* the owner's event, since it read it */

bit dead[2];                            /* ghosts: it takes no step any more; */
bit gone[2];                            /* and the keeper may know it; */
byte died;                              /* how many have; */
bit freed[3];                           /* by generation */

inline release(g) {
    atomic {
        assert(GENERATION(word) == g && STATE(word) != FREE && !freed[g]);
        freed[g] = 1;
        word = WORD(g, 0, FREE)
    }
}

/* ---- the joiner ------------------------------------------------------------------------------------- */

inline swap_latch(old, new) {           /* compare-and-swap; if it fails, the latch is SET */
    atomic {
        if
        :: latch == old -> latch = new; swapped = 1
        :: else -> swapped = 0
        fi
    }
}

inline join() {
    do
#ifdef MUTANT_STATE_IS_DONE
    :: STATE(word) == RETURNED || STATE(word) == LOST -> break
#else
    :: HAS(SET, latch) -> break
#endif
    :: else ->
#ifndef MUTANT_EVENT_LATE
        moved = 0;                      /* read event */
#endif
#ifdef VARIANT_DIRECT
        swap_latch(LATCH(1, UNSET), LATCH(1, SLEEPING));
#else
        swap_latch(LATCH(1, UNSET), LATCH(1, SLEEPY));
        if
        :: swapped                      /* and no work to be seen */
        :: swapped && !helped ->
            helped = 1;
            swap_latch(LATCH(1, SLEEPY), LATCH(1, UNSET));
            goto again
        :: !swapped -> goto again
        fi;
#ifdef MUTANT_SLEEPING_BY_STORE
        latch = LATCH(1, SLEEPING);
#else
        swap_latch(LATCH(1, SLEEPY), LATCH(1, SLEEPING));
#endif
#endif
#ifdef MUTANT_EVENT_LATE
        moved = 0;
#endif
        if
        :: swapped ->
            moved;                      /* wait32 */
#ifdef MUTANT_UNSET_BY_STORE
            latch = LATCH(1, UNSET)
#else
            swap_latch(LATCH(1, SLEEPING), LATCH(1, UNSET))
#endif
        :: else
        fi;
again:  atomic { moved = 1; swapped = 0 }
    od
}

proctype Owner() {
    bit swapped, helped, succeeded;

start:
    {
        skip;
        if
        :: succeeded
        :: !succeeded ->
#ifdef MUTANT_UNSET_LATE
            owner = OWNER;
            word = WORD(1, 0, QUEUED);
            latch = LATCH(1, UNSET);
#else
            latch = LATCH(1, UNSET);
            owner = OWNER;
            word = WORD(1, 0, QUEUED);
#endif
            if
            :: atomic { word == WORD(1, 0, QUEUED) -> word = WORD(1, OWNER, CANCELLED) }
            :: skip;                    /* or, not taken back: */
                join();
                assert(GENERATION(word) == 1);
                if
                :: STATE(word) == RETURNED -> assert(outcome)
                :: STATE(word) == LOST -> assert(died)
                fi
            fi;
            release(1)
        fi;
end_joined:
        false
    } unless {
        atomic { dead[OWNER]; swapped = 0; helped = 0; succeeded = 1; gone[OWNER] = 1 }
    }
    !gone[OWNER];                       /* a new worker takes the number */
    goto start
}

/* ---- the finisher ----------------------------------------------------------------------------------- */

inline wake_owner() {
    moved = 1                           /* event++, notify */
}

inline set_latch() {
#ifdef MUTANT_BUMP_FIRST
    atomic { old = latch; old = old & SLEEPING };
    if
    :: old -> wake_owner()
    :: else
    fi;
#endif
    atomic {
        assert(GENERATION(word) == 1 && LATCH_GENERATION(latch) == 1);
        old = latch % 16;
#ifdef MUTANT_EXCHANGE
        latch = LATCH(1, SET)
#else
        latch = latch | SET             /* fetch_or */
#endif
    }
    if
#ifndef MUTANT_ABANDONED_UNSEEN
    :: HAS(ABANDONED, old) -> release(1)
#endif
#ifdef MUTANT_NOTIFY_SLEEPY
    :: !HAS(ABANDONED, old) && HAS(SLEEPY, old) -> wake_owner()
#elif !defined(MUTANT_BUMP_FIRST)
    :: !HAS(ABANDONED, old) && HAS(SLEEPING, old) -> wake_owner()
#endif
    :: else
    fi;
    old = 0
}

proctype Finisher() {
    byte old;

start:
    {
        skip;
end_idle:
        atomic { word == WORD(1, 0, QUEUED) -> word = WORD(1, FINISHER, RUNNING) }      /* claimed */
#ifdef MUTANT_OUTCOME_LATE
        word = WORD(1, FINISHER, RETURNED);
        set_latch();
        outcome = 1;
#else
        outcome = 1;
        word = WORD(1, FINISHER, RETURNED);
        set_latch();
#endif
end_done:
        false
    } unless {
        atomic { dead[FINISHER]; old = 0; gone[FINISHER] = 1 }
    }
    !gone[FINISHER];
    goto start
}

/* ---- who uses the slot again ------------------------------------------------------------------------ */

proctype Third() {
    atomic { word == WORD(1, 0, FREE) -> word = WORD(2, THIRD, FILLING) }
    latch = LATCH(2, UNSET);
    owner = THIRD;
    word = WORD(2, 0, QUEUED);
    atomic { assert(word == WORD(2, 0, QUEUED)); word = WORD(2, THIRD, CANCELLED) }
    assert(latch == LATCH(2, UNSET));
    release(2)
}

/* ---- death and recovery ----------------------------------------------------------------------------- */

proctype Death() {
end_spared:
    atomic {                            /* at any moment */
        if
        :: died < DEATHS && !dead[OWNER] -> dead[OWNER] = 1
        :: died < DEATHS && !dead[FINISHER] -> dead[FINISHER] = 1
        fi;
        died++;
        goto end_spared
    }
}

inline recover_run() {                  /* what the dead ran */
    seen = word;
#ifdef MUTANT_RETURNED_LEFT
    if
    :: STATE(seen) == RUNNING && WHO(seen) == d ->
#else
    if
    :: (STATE(seen) == RUNNING || STATE(seen) == RETURNED) && WHO(seen) == d ->
#endif
        if
        :: STATE(seen) == RUNNING -> word = WORD(GENERATION(seen), d, LOST)
        :: else
        fi;
#ifdef MUTANT_KEEPER_STORES
        bits = latch;
        if
        :: HAS(ABANDONED, bits) -> release(GENERATION(seen))
        :: else -> latch = LATCH(GENERATION(seen), SET)
        fi
#else
        do
        :: bits = latch;
           if
           :: !SAME(bits, LATCH(GENERATION(seen), 0)) -> break      /* the joiner freed it */
#ifndef MUTANT_ORPHAN_LEFT
           :: SAME(bits, LATCH(GENERATION(seen), 0)) && HAS(ABANDONED, bits) ->
              release(GENERATION(seen));
              break
#endif
           :: else ->
              if
              :: HAS(SET, bits) -> break
              :: else
              fi;
#ifdef VARIANT_STORED_WHERE_UNSET
              latch = LATCH(GENERATION(seen), SET);
              break
#else
              atomic {                  /* compare-and-swap */
                  if
                  :: latch % 16 == bits % 16 && SAME(latch, bits) ->
                      assert(LATCH_GENERATION(latch) == GENERATION(seen));
                      latch = latch | SET;
                      break
#ifdef MUTANT_KEEPER_TRIES_ONCE
                  :: else -> break
#else
                  :: else
#endif
                  fi
              }
#endif
           fi
        od
#endif
    :: else
    fi;
    atomic { seen = 0; bits = 0 }
}

#ifdef MUTANT_FILLING_BY_OWNER
#define FILLED_BY whose
#else
#define FILLED_BY WHO(seen)
#endif

inline recover_owned() {
    do
    ::
#ifdef MUTANT_OWNER_FIRST
        whose = owner;
        seen = word;
#else
        seen = word;
        whose = owner;                  /* the state was first: it vouches for it */
#endif
        if
        :: STATE(seen) == FILLING && FILLED_BY == d -> release(GENERATION(seen)); break
#ifndef MUTANT_CANCELLED_LEFT
        :: STATE(seen) == CANCELLED && WHO(seen) == d -> release(GENERATION(seen)); break
#endif
        :: STATE(seen) == QUEUED && whose == d ->
            atomic {                    /* compare-and-swap */
                if
                :: word == seen -> word = WORD(GENERATION(seen), KEEPER, CANCELLED)
#ifdef MUTANT_CLAIM_UNSEEN
                :: else -> break
#else
                :: else -> goto look_again
#endif
                fi
            }
            release(GENERATION(seen));
            break
        :: (STATE(seen) == RUNNING || STATE(seen) == RETURNED || STATE(seen) == LOST) && whose == d ->
            bits = latch;
            if
            :: !SAME(bits, LATCH(GENERATION(seen), 0)) -> break     /* its finisher freed it */
            :: SAME(bits, LATCH(GENERATION(seen), 0)) && HAS(ABANDONED, bits) -> break
            :: else ->                  /* (abandoned: at an earlier death, its finisher will free it) */
                if
                :: HAS(SET, bits) -> release(GENERATION(seen)); break
                :: else
                fi
            fi;
            atomic {                    /* compare-and-swap */
                if
                :: latch % 16 == bits % 16 && SAME(latch, bits) -> latch = latch | ABANDONED
                :: else -> goto look_again
                fi
            }
#ifdef MUTANT_ABANDONED_FREED
            release(GENERATION(seen));
#endif
            break
        :: else -> break
        fi;
look_again:
        skip
    od;
    atomic { seen = 0; whose = 0; bits = 0 }
}

proctype Keeper() {
    byte d, seen, whose, bits;

end_watch:
    atomic {
        if
        :: gone[OWNER] -> d = OWNER
        :: gone[FINISHER] -> d = FINISHER
        fi
    }
    recover_run();
    recover_owned();
#ifndef MUTANT_NO_WAKE_ALL
    moved = 1;
#endif
    atomic { dead[d] = 0; gone[d] = 0; d = 0; goto end_watch }
}

proctype Waker() {                      /* for something else */
    moved = 1
}

init {
    atomic {
        run Owner(); run Finisher(); run Third(); run Death(); run Keeper(); run Waker()
    }
}
