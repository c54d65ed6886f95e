/* joins.pml: workers that wait in joins take what belongs to these, and no announcement is lost in them.
 *
 * Modelled: worker 2, which is idle and takes anything; workers 0 and 1, each in a join that a queued task may belong to; a worker
 *   that publishes strangers and tasks that belong to both joins, in any order; the end of what worker 0 waits for, at any moment.
 *   -DRING: worker 1 hears a reason that it is rung for.
 * Abstracted: which join a task belongs to (tests/native, tests/node/jobs/joining.test.mjs); queues (counters) and claims; the latch, which
 *   is set and wakes its owner in one step (latch.pml); an event counter: whether it has moved since it was read; a bit is found and
 *   cleared in one step (parking.pml); demand and private jobs (promotion.pml: a joiner is counted as an idle worker is there).
 *   The onlooker, who looks for a while, is a joiner that looks once more.
 * A task may last until nobody who could take a queued one is without a task. So if such a one sleeps for ever, somebody is stuck.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Properties
 *   only   no stranger runs on top of a join (assertion)
 *   fed    nobody sleeps for ever beside a task that he may take (no invalid end state)
 *   heard  a joiner wakes up for what it hears (-DRING; no invalid end state)
 *   ends   nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   TAKES_STRANGERS         a joiner takes whatever there is
 *   JOINER_IDLE             a joiner announces itself as idle: a stranger's wake-up is spent on it
 *   JOINER_SPINS            a joiner that looks on is taken for the spinner: publishers leave a stranger to it
 *   LOOK_BEFORE_ANNOUNCING  the second look before waits_for is set
 *   EVENT_AFTER_ANNOUNCING  the event read after that
 *   LEAVES_UNTOLD           a joiner that was woken leaves, and offers the task to nobody
 *   IDLE_UNTOLD             an idle worker that was woken takes another task, and tells no joiner of what it leaves
 *   HEARS_LATE              the reasons looked at, then said what it hears (-DRING)
 *   RINGS_FIRST             the ringer looks who hears, then sets the reason (-DRING)
 */

#ifndef CHILDREN
#define CHILDREN 1
#endif
#define NONE 3
#define BIT(w) (1 << (w))

byte strangers, children;               /* queued */
byte idle;                              /* bit set */
bit waits[2];                           /* waits_for[w] is set */
bit moved[3];                           /* event[w], since w last read it */
bit ended[2];                           /* the latch of what w waits for */
bit reasons, hears, heard;              /* worker 1's; a ghost */
bit spinner;

bit busy[3], gone[2];                   /* ghosts */

#define ABLE(w) (!busy[w] && !gone[w])
#define FED ((!strangers || busy[2]) && (!children || busy[2] && !ABLE(0) && !ABLE(1)))

inline wake(w) {
    atomic {
        if
        :: w != NONE -> moved[w] = 1
        :: else
        fi;
        w = NONE
    }
}

inline wake_waiter() {                  /* for a task that belongs to both joins */
    atomic {
        if
        :: waits[0] -> waits[0] = 0; w = 0
        :: !waits[0] && waits[1] -> waits[1] = 0; w = 1
        :: else
        fi
    }
    wake(w)
}

inline announce(belongs) {
    left_to_spinner = spinner;
    atomic {
        if
        :: left_to_spinner
        :: !left_to_spinner && idle & BIT(0) -> idle = idle & ~BIT(0); w = 0
        :: !left_to_spinner && idle & BIT(1) -> idle = idle & ~BIT(1); w = 1
        :: !left_to_spinner && idle & BIT(2) -> idle = idle & ~BIT(2); w = 2
        :: else
        fi
    }
    if
    :: w != NONE -> wake(w)
    :: w == NONE && belongs && !left_to_spinner -> wake_waiter()
    :: else
    fi
}

proctype Joiner(byte me) {
    bit claimed;
    byte w = NONE;

#if defined(RING) && !defined(MUTANT_HEARS_LATE)
    if
    :: me == 1 -> hears = 1
    :: else
    fi;
#endif
look:
    if
    :: ended[me] -> goto leave
    :: else
    fi;
    if
    :: me == 1 && reasons -> reasons = 0; heard = 1
    :: else
    fi;
    if
    :: atomic { children -> children--; busy[me] = 1; goto work }
#ifdef MUTANT_TAKES_STRANGERS
    :: atomic { strangers -> strangers--; assert(0) }
#endif
    :: else
    fi;
#ifdef MUTANT_JOINER_SPINS
    spinner = 1;
    spinner = 0;
    if
    :: children -> goto look
    :: else
    fi;
#endif
#ifndef MUTANT_EVENT_AFTER_ANNOUNCING
    moved[me] = 0;
#endif
#ifndef MUTANT_LOOK_BEFORE_ANNOUNCING
#ifdef MUTANT_JOINER_IDLE
    idle = idle | BIT(me);
#else
    waits[me] = 1;
#endif
#endif
#ifdef MUTANT_EVENT_AFTER_ANNOUNCING
    moved[me] = 0;
#endif
    if
    :: children || ended[me] || me == 1 && reasons -> goto awake
    :: else
    fi;
#ifdef MUTANT_LOOK_BEFORE_ANNOUNCING
    waits[me] = 1;
#endif
#if defined(RING) && defined(MUTANT_HEARS_LATE)
    if
    :: me == 1 -> hears = 1
    :: else
    fi;
#endif
end_asleep:
    moved[me];                          /* wait32 */
awake:
    atomic {
        idle = idle & ~BIT(me);
        claimed = claimed || !waits[me];
        waits[me] = 0;
        goto look
    }
work:
    if
    :: claimed && children -> wake_waiter()
    :: else
    fi;
    claimed = 0;
    FED;
    atomic { busy[me] = 0; goto look }
leave:
    gone[me] = 1;
#ifndef MUTANT_LEAVES_UNTOLD
    if
    :: claimed && children -> wake_waiter()
    :: else
    fi
#endif
}

proctype Idler() {
    bit passes_on;
    byte w = NONE;

look:
    if
    :: atomic { strangers -> strangers--; busy[2] = 1; goto work }
    :: atomic { children -> children--; busy[2] = 1; goto work }
    :: else
    fi;
    moved[2] = 0;
    idle = idle | BIT(2);
    if
    :: strangers || children -> goto awake
    :: else
    fi;
end_asleep:
    moved[2];
awake:
    atomic { idle = idle & ~BIT(2); passes_on = 1; goto look }
work:
#ifndef MUTANT_IDLE_UNTOLD
    if
    :: passes_on && children -> wake_waiter()
    :: else
    fi;
#endif
    passes_on = 0;
    FED;
    atomic { busy[2] = 0; goto look }
}

proctype Publisher() {
    byte w = NONE, left = CHILDREN;
    bit stranger = 1, left_to_spinner;

    do
    :: stranger -> atomic { strangers++; stranger = 0 }
       announce(0)
    :: left -> atomic { children++; left-- }
       announce(1)
    :: !stranger && !left -> break
    od;
    FED
}

proctype Ender() {                      /* of what worker 0 waits for */
    atomic { ended[0] = 1; moved[0] = 1 }
}

#ifdef RING
proctype Ringer() {
#ifdef MUTANT_RINGS_FIRST
    bit listens;
    listens = hears;
    reasons = 1;
    if
    :: listens -> moved[1] = 1
    :: else
    fi;
#else
    reasons = 1;
    if
    :: hears -> moved[1] = 1
    :: else
    fi;
#endif
    heard
}
#endif

init {
    atomic {
        run Joiner(0); run Joiner(1); run Idler(); run Publisher(); run Ender();
#ifdef RING
        run Ringer();
#endif
    }
}
