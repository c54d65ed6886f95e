/* completions.pml: the owner's completion list, and the owner's sleep.
 *
 * Modelled: the intrusive stack of finished slots (Treiber: read head, link, compare-and-swap; the
 *   consumer takes all of it by one exchange), and the two words of the consumer's sleep: `events`
 *   counts, `armed` says that the next producer has to notify. Slots are pushed again once
 *   collected. -DMORTAL: one producer may die at any step; the keeper then bumps and notifies.
 * Abstracted: the slot's state word (slots.pml), results, what the keeper does besides (death.pml).
 *   Of `events` the protocol sees only whether it has moved since the consumer read it, so that is
 *   what `moved` holds (no wrap). waitAsync compares and starts to wait in one step, as its
 *   specification has it.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Properties
 *   awake    no lost wake-up: the consumer never sleeps on beside a completion (no invalid end
 *            state: it may stop only when all that was pushed is collected)
 *   once     every completion is collected exactly once, however often its slot comes (assertions)
 *   ends     neither side retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   NO_SECOND_LOOK       armed, then asleep, without looking at the list again
 *   ARM_AFTER_LOOK       the second look before armed is set
 *   EVENTS_AFTER_LOOK    events read after the second look: the bump is already in it
 *   EVENTS_AFTER_ARMING  events read between arming and look. Fails too: a late producer of
 *                        something collected long ago disarms us, and its bump is in what we read
 *   NOTIFY_FIRST         armed asked before the push
 *   NO_BUMP              notify without events++: missed by who is about to sleep
 *   LINK_LATE            next written after the compare-and-swap
 *   PUSH_BY_STORE        head stored, not swapped
 *   TAKE_BY_STORE        the list taken by load and store, not exchange
 *   FREE_BEFORE_NEXT     the slot given back before its link is read
 *   NO_BUMP_AT_DEATH     the keeper does not wake the owner for a producer that died before it did
 *                        (with -DMORTAL)
 */

#define PRODUCERS 2
#define ROUNDS 2                        /* completions per producer */
#define EMPTY 7
#define NOBODY 7

byte head = EMPTY;
byte next[PRODUCERS] = EMPTY;           /* producer p pushes slot p, again and again */
bit moved;                              /* events, since the consumer last read it */
bit armed;

bit waiting;                            /* the consumer is in waitAsync */

bit busy[PRODUCERS];                    /* ghosts: the slot is finished and not yet collected; */
byte listed;                            /* completions pushed and not yet collected; */
bit done[PRODUCERS];
byte doomed = NOBODY;                   /* the producer that died; */
bit recovered;                          /* the keeper's work is over */

#define OVER(p) (done[p] || doomed == p)

inline bump() {
#ifdef MUTANT_NO_BUMP
    skip
#else
    moved = 1
#endif
}

inline notify() {
    waiting = 0
}

proctype Producer(byte me) {
    byte seen, round;
#ifdef MUTANT_NOTIFY_FIRST
    bit must_notify;
#endif

    {
        do
        :: d_step { round < ROUNDS && !busy[me] -> busy[me] = 1; round++ }
#ifdef MUTANT_NOTIFY_FIRST
           d_step { must_notify = armed; armed = 0 }
#endif
push:      seen = head;
#ifndef MUTANT_LINK_LATE
           next[me] = seen;
#endif
#ifdef MUTANT_PUSH_BY_STORE
           d_step { head = me; listed++ }
#else
           atomic {                     /* compare-and-swap */
               if
               :: head == seen -> head = me; seen = 0; listed++
               :: else -> goto push
               fi
           }
#endif
#ifdef MUTANT_LINK_LATE
           next[me] = seen;
#endif
#ifdef MUTANT_NOTIFY_FIRST
           if
           :: must_notify -> bump(); notify()
           :: else
           fi
#else
           if                           /* exchange */
           :: atomic { armed -> armed = 0 }; bump(); notify()
           :: atomic { !armed -> armed = 0 }
           fi
#endif
        :: atomic { round == ROUNDS -> done[me] = 1; break }
        od
    } unless {
        doomed == me
    }
}

proctype Keeper() {
    if
#ifdef MORTAL
    :: d_step { !done[0] -> doomed = 0 }                /* at any moment */
    :: d_step { !done[1] -> doomed = 1 }
#endif
    :: done[0] && done[1] -> goto over
    fi;
#ifndef MUTANT_NO_BUMP_AT_DEATH
    bump();
    notify();
#endif
over:
    recovered = 1
}

proctype Consumer() {
    byte slot, following;

drain:
#ifdef MUTANT_TAKE_BY_STORE
    slot = head;
    head = EMPTY;
#else
    atomic { slot = head; head = EMPTY }                /* exchange */
#endif
    if
    :: slot == EMPTY -> goto sleep
    :: else
    fi;
collect:
#ifdef MUTANT_FREE_BEFORE_NEXT
    atomic { assert(busy[slot]); busy[slot] = 0; listed-- }
    atomic { following = next[slot]; slot = following; following = 0 }
#else
    following = next[slot];
    atomic { assert(busy[slot]); busy[slot] = 0; listed--; slot = following; following = 0 }
#endif
    if
    :: slot == EMPTY -> goto drain
    :: else -> goto collect
    fi;

sleep:
#if !defined(MUTANT_EVENTS_AFTER_ARMING) && !defined(MUTANT_EVENTS_AFTER_LOOK)
    moved = 0;                          /* read events */
#endif
#ifndef MUTANT_ARM_AFTER_LOOK
    armed = 1;
#endif
#ifdef MUTANT_EVENTS_AFTER_ARMING
    moved = 0;                          /* read events */
#endif
#ifndef MUTANT_NO_SECOND_LOOK
    if
    :: head != EMPTY -> armed = 0; goto drain
    :: head == EMPTY
    fi;
#endif
#ifdef MUTANT_ARM_AFTER_LOOK
    armed = 1;
#endif
#ifdef MUTANT_EVENTS_AFTER_LOOK
    moved = 0;                          /* read events */
#endif
    atomic { waiting = !moved; slot = 0 }   /* waitAsync */
    if
    :: !waiting -> goto drain
    :: OVER(0) && OVER(1) && recovered && listed == 0   /* nothing will come: may sleep on */
    fi
}

init {
    atomic { run Consumer(); run Keeper(); run Producer(0); run Producer(1) }
}
