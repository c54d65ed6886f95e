/* deque.pml: a worker's deque (Chase and Lev), in a ring that does not grow.
 *
 * Modelled: an owner that pushes (fails when full) and pops at bottom, two thieves that steal at
 *   top. Indices wrap at TURN, and the runs start just before the wrap. -DMORTAL: the owner dies at
 *   any step, and a successor, once it is surely gone, puts the deque in order and goes on with it,
 *   while thieves may still be anywhere in a steal.
 * Abstracted: an entry is a hint (slots.pml), here a number, written and read in one step. Hints
 *   that a death loses are injected again by the keeper (death.pml). No thief sleeps through so
 *   many operations that top comes round: TURN is 2^32 in the core.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Putting the deque in order: the dead owner may have been in pop, with bottom lowered to top (the
 *   last entry, its compare-and-swap of top still to come) or to top - 1 (empty). So, if
 *   bottom <= top, the successor does that compare-and-swap and sets bottom to what top now is.
 *   Index top is spent then, whoever won it, and a thief that still holds it comes too late.
 *
 * Properties
 *   once      no entry is taken twice; thieves take the oldest first (assertions)
 *   kept      every entry is taken, in the end; of the dead owner's, one may be missing (assertion)
 *   bounds    never more than SIZE entries inside; none is read that was never written (assertions)
 *   ends      nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   NO_SWAP_FOR_LAST      the owner takes the last entry without a compare-and-swap
 *   READ_AFTER_SWAP       a thief reads the entry after its swap: the owner has overwritten it
 *   TOP_BEFORE_BOTTOM     pop reads top, then lowers bottom
 *   UNSIGNED_COMPARE      indices compared as they are, not by their difference: fails at the wrap
 *   FULL_LATE             push lets SIZE + 1 entries in
 *   NO_ORDER              the successor takes the deque as it is: its first push at top - 1 is lost
 *                         (-DMORTAL)
 *   BOTTOM_ONLY           the successor only sets bottom = top where bottom < top. That is how it
 *                         was first drafted. The owner died with bottom = top, before its
 *                         compare-and-swap; a thief holds that index with the old entry; the
 *                         successor pushes there; the thief's swap succeeds: the new entry is
 *                         never seen again (-DMORTAL)
 */

#define SIZE 2
#define TURN 8
#define START 7                         /* one operation before the wrap */
#define NOBODY 7
#define NOTHING 15
#ifdef MORTAL
#ifndef OPERATIONS
#define OPERATIONS 3                    /* of each owner: pushes and pops, in any order */
#endif
#define OWNERS 2
#else
#define OPERATIONS 7
#define OWNERS 1
#endif
#define ENTRIES (OWNERS * OPERATIONS)

#define PLUS(p, n) (((p) + (n)) % TURN)
#ifdef MUTANT_UNSIGNED_COMPARE
#define DISTANCE(b, t) ((b) - (t))
#else                                   /* b - t as a signed number */
#define DISTANCE(b, t) ((((b) - (t) + TURN + TURN / 2) % TURN) - TURN / 2)
#endif

byte ring[SIZE] = NOTHING;
byte top = START, bottom = START;

bit inside[ENTRIES];                    /* ghosts: pushed and not yet taken; */
byte not_stolen;                        /* thieves have taken only entries below this; */
bit over;                               /* no owner will come any more; */
bit doomed;                             /* the first owner died; */
byte through;                           /* thieves that are */

inline taken(entry) {
    assert(entry != NOTHING);
    assert(inside[entry]);
    inside[entry] = 0
}

inline push() {
    atomic {
        t = top;
        if
#ifdef MUTANT_FULL_LATE
        :: DISTANCE(b, t) <= SIZE
#else
        :: DISTANCE(b, t) < SIZE
#endif
        :: else -> t = 0; goto next     /* full: it goes to the injector */
        fi;
        t = 0
    }
    atomic { ring[b % SIZE] = entry; inside[entry] = 1 }
    atomic {
        b = PLUS(b, 1);
        bottom = b;
        entry++;
        assert(DISTANCE(bottom, top) <= SIZE)
    }
}

inline pop() {
#ifdef MUTANT_TOP_BEFORE_BOTTOM
    t = top;
    atomic { b = PLUS(b, TURN - 1); bottom = b }
#else
    atomic { b = PLUS(b, TURN - 1); bottom = b }
    t = top;
#endif
    if
    :: DISTANCE(b, t) > 0 ->
        atomic { taken(ring[b % SIZE]); t = 0 }
    :: DISTANCE(b, t) == 0 ->           /* the last one: a thief may be at it too */
        atomic {                        /* compare-and-swap */
            if
#ifdef MUTANT_NO_SWAP_FOR_LAST
            :: top = PLUS(t, 1); taken(ring[b % SIZE])
#else
            :: top == t -> top = PLUS(t, 1); taken(ring[b % SIZE])
            :: else
#endif
            fi
        }
        atomic { b = PLUS(b, 1); bottom = b; t = 0 }
    :: DISTANCE(b, t) < 0 ->            /* it was empty */
        atomic { b = PLUS(b, 1); bottom = b; t = 0 }
    fi
}

inline put_in_order() {
#ifdef MUTANT_NO_ORDER
    b = bottom;
#else
    t = top;
    b = bottom;                         /* only an owner writes it, and the last one is dead */
#ifdef MUTANT_BOTTOM_ONLY
    if
    :: DISTANCE(b, t) < 0 -> atomic { b = t; bottom = b }
    :: else
    fi;
#else
    if
    :: DISTANCE(b, t) <= 0 ->
        atomic {                        /* compare-and-swap: won here or by a thief */
            if
            :: top == t -> top = PLUS(t, 1)
            :: else
            fi
        }
        atomic { b = PLUS(t, 1); bottom = b }
    :: else
    fi;
#endif
    t = 0
#endif
}

proctype Owner(byte me) {
    byte b, t, entry, operations;

    {
        if
        :: me == 0 -> b = START
        :: me == 1 -> doomed; entry = OPERATIONS; put_in_order()
        fi;
        do
        :: operations < OPERATIONS ->
            operations++;
            if
            :: push()
            :: pop()
            fi;
next:       skip
        :: else -> break
        od;
        if
        :: me == OWNERS - 1 -> over = 1
        :: else
        fi
    } unless {
        me == 0 && doomed
    }
}

proctype Thief() {
    byte t, b, entry;

    /* An attempt that finds the deque empty changes nothing, so it is left out: a thief reads top
       at any time, and bottom when that shows an entry or when top has moved on. */
steal:
    t = top;
    atomic {
        if
        :: DISTANCE(bottom, t) > 0
        :: top != t -> goto steal
        :: over && top == t && DISTANCE(bottom, t) <= 0 -> goto finished
        fi
    }
#ifndef MUTANT_READ_AFTER_SWAP
    entry = ring[t % SIZE];
#endif
    atomic {                            /* compare-and-swap */
        if
        :: top == t -> top = PLUS(t, 1)
        :: else -> entry = 0; goto steal
        fi
#ifndef MUTANT_READ_AFTER_SWAP
        ;
#else
    }
    atomic {
        entry = ring[t % SIZE];
#endif
        taken(entry);
#ifndef MUTANT_READ_AFTER_SWAP          /* or it would be rejected for its bookkeeping */
        assert(entry >= not_stolen);
#endif
        not_stolen = entry + 1;
        entry = 0;
        goto steal
    }
finished:
    atomic {
        through++;
        if
        :: through == 2 ->              /* the ring is empty: what is missing? */
            t = 0;
            b = 0;
            do
            :: t < ENTRIES ->
                b = b + inside[t];
                assert(t < OPERATIONS || !inside[t]);
                t++
            :: else -> break
            od;
            assert(b <= doomed)
        :: else
        fi
    }
}

#ifdef MORTAL
proctype Death() {
    doomed = 1                          /* at any moment */
}
#endif

init {
    atomic {
        run Owner(0);
#ifdef MORTAL
        run Owner(1); run Death();
#endif
        run Thief(); run Thief()
    }
}
