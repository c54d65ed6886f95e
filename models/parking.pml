/* parking.pml: workers park, publishers wake them.
 *
 * Modelled: the bit set `idle` of parked workers, an event counter per worker, a queue, publishers,
 *   stop; one worker at a time that spins before it parks, for as long as it likes, while publishers
 *   wake nobody; that whoever was woken or spun wakes another if there is more. -DMORTAL: a publisher or a worker dies at any step (a worker with its bit set, a waker
 *   between clearing a bit and bumping); the keeper then clears the dead worker's bit, and bumps
 *   and notifies everybody. -DEARLY: stop comes at any moment, else when all is done.
 * Abstracted: the queues (one counter; with several, each is looked at after the announcement just
 *   the same), claims (slots.pml), the task a dead worker was running (death.pml). No new worker
 *   comes for a dead one: the others must do. The code lets also those who announced themselves and did
 *   not sleep wake another; two workers do without, three do not (sleep/README.md). Of an event counter the protocol sees only whether it
 *   has moved since its worker read it, so that is what `moved` holds (no wrap).
 *   wait32 compares and starts to wait in one step, as its specification has it.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Properties
 *   awake     no task stays queued while everyone sleeps (no invalid end state)
 *   parallel  nor while one sleeps and the others are busy: the last two tasks wait for each other
 *             inside, so that both workers must come (no invalid end state; not with -DMORTAL or
 *             -DEARLY)
 *   stops     after stop every worker ends, whenever stop comes (no invalid end state)
 *   ends      nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   NO_SECOND_LOOK          announced, then asleep
 *   LOOK_BEFORE_ANNOUNCING  the second look before the bit is set
 *   EVENT_AFTER_ANNOUNCING  event read when the bit may be claimed already and the bump be in it:
 *                           asleep with no bit set, never called again (parallel)
 *   NO_BUMP                 notify without event++: missed by who is about to sleep
 *   WAKE_FIRST              the wake-up before the task is there
 *   WAKE_UNCLAIMED          the waker goes on although another cleared the bit: two wake-ups for
 *                           one worker (parallel)
 *   SPINNER_KEPT            the spinner parks and gives `spinner` back after its second look: what came
 *                           in between wakes nobody
 *   SPINS_ALONE             who spun takes a task and wakes nobody, though publishers left it to it
 *                           (parallel)
 *   DEAD_SPINS              a dead spinner's word stays: nobody is ever woken again (-DMORTAL)
 *   TAKE_BEFORE_CLEARING    a worker takes the work it found with its bit still set: a wake-up is
 *                           spent on it while it is busy (parallel)
 *   STOP_UNSEEN             stop looked at only before event is read
 *   NO_WAKE_ALL             no bump of everybody after a death (-DMORTAL)
 *   DEAD_STAYS_IDLE         the dead worker's bit stays: wake-ups are spent on it (-DMORTAL)
 *   CLEAR_AFTER_WAKE_ALL    or is cleared too late (-DMORTAL)
 */

#define WORKERS 2
#define PUBLISHERS 2
#ifndef TASKS
#define TASKS 3                         /* publisher 0 has all but one */
#endif
#define COUNT(publisher) (publisher == 0 -> TASKS - 1 : 1)
#define NOBODY 7

byte queue;                             /* tasks in it */
byte idle;                              /* bit set of parked workers */
bit moved[WORKERS];                     /* event[w], since w last read it */
bit stop;
byte spinner = NOBODY;                  /* the worker that spins */

bit waiting[WORKERS];                   /* in wait32 */

byte started, running;                  /* ghosts: tasks; */
byte through;                           /* publishers that are; */
bit gone[WORKERS];                      /* workers that ended; */
byte doomed = NOBODY;                   /* who died: a worker, or WORKERS + publisher; */
bit recovered;                          /* the keeper's work is over */

#define BIT(w) (1 << (w))
#ifdef BOTH_SPIN
#define MAY_SPIN 1
#else
#define MAY_SPIN (me == 0)              /* who may also die */
#endif

inline bump(w) {
#ifdef MUTANT_NO_BUMP
    skip
#else
    moved[w] = 1
#endif
}

inline wake_all() {                     /* bump and notify; only the order of workers is fixed */
    atomic { bump(0); waiting[0] = 0 }
    atomic { bump(1); waiting[1] = 0 }
}

inline take() {
    atomic {
        if
        :: queue -> queue--; busy = 1; running++; started++;
            last = (started >= TASKS - 1);
            goto work
        :: else
        fi
    }
}

inline wake_one() {
    if
    :: spinner != NOBODY -> goto woken
    :: else
    fi;
choose: atomic {                        /* read idle, choose a bit of it */
        if
        :: idle & BIT(0) -> w = 0
        :: idle & BIT(1) -> w = 1
        :: idle == 0 -> goto woken
        fi
    }
    atomic {                            /* atomic and: who really cleared the bit goes on */
        if
        :: idle & BIT(w) -> idle = idle & ~BIT(w)
#ifndef MUTANT_WAKE_UNCLAIMED
        :: else -> goto choose
#else
        :: else
#endif
        fi
    }
    bump(w);
    waiting[w] = 0;                     /* notify */
woken: w = 0
}

proctype Worker(byte me) {
    bit busy, last, announced, spun, passes_on;
    byte w;

    {
        skip;
look:   if
        :: stop -> goto quit
        :: else
        fi;
        take();

        if
        :: spun || !MAY_SPIN
        :: !spun && MAY_SPIN ->
            spun = 1;
            if
            :: atomic { spinner == NOBODY -> spinner = me }
#ifndef MUTANT_SPINS_ALONE
                passes_on = 1;
#endif
                skip;                   /* looks, and looks, … */
#ifdef MUTANT_SPINNER_KEPT
                goto park;
#endif
                spinner = NOBODY
            :: spinner != NOBODY
            fi;
            goto look
        fi;
park:
#ifndef MUTANT_EVENT_AFTER_ANNOUNCING
        moved[me] = 0;                  /* read event */
#endif
#ifndef MUTANT_LOOK_BEFORE_ANNOUNCING
        atomic { idle = idle | BIT(me); announced = 1 }
#endif
#ifdef MUTANT_EVENT_AFTER_ANNOUNCING
        moved[me] = 0;
#endif
#ifndef MUTANT_NO_SECOND_LOOK
#ifndef MUTANT_STOP_UNSEEN
        if
        :: stop -> goto awake
        :: else
        fi;
#endif
#ifdef MUTANT_TAKE_BEFORE_CLEARING
        take();
#else
        if
        :: queue -> goto awake
        :: else
        fi;
#endif
#endif
#ifdef MUTANT_LOOK_BEFORE_ANNOUNCING
        idle = idle | BIT(me);
#endif
#ifdef MUTANT_SPINNER_KEPT
        atomic { if :: spinner == me -> spinner = NOBODY :: else fi }
#endif
        waiting[me] = !moved[me];       /* wait32 */
        !waiting[me];
        passes_on = 1;
awake:  atomic { idle = idle & ~BIT(me); announced = 0 }
        goto look;                      /* perhaps a waker had cleared our bit already: fine */

work:
        if
        :: passes_on && queue -> wake_one()
        :: else
        fi;
        spun = 0; passes_on = 0;
#ifdef MUTANT_TAKE_BEFORE_CLEARING
        if
        :: announced -> atomic { idle = idle & ~BIT(me); announced = 0 }
        :: else
        fi;
#endif
        atomic {
#if !defined(MORTAL) && !defined(EARLY)
            !last || started == TASKS;
#endif
            running--; busy = 0; last = 0; goto look
        }

quit:   atomic { spun = 0; passes_on = 0; gone[me] = 1 }
    } unless {
        atomic { doomed == me; running = running - busy }
    }
}

proctype Publisher(byte me) {
    byte w, put;

    {
        do
        :: put < COUNT(me) ->
#ifndef MUTANT_WAKE_FIRST
            atomic { queue++; put++ }
#endif
            wake_one();
#ifdef MUTANT_WAKE_FIRST
            atomic { queue++; put++ }
#endif
        :: else -> break
        od;
        through++
    } unless {
        atomic { doomed == WORKERS + me; through++ }
    }
}

proctype Keeper() {
#ifdef MORTAL
    if                                  /* at any moment; the others are alike */
    :: atomic { !gone[0] -> doomed = 0 }
    :: doomed = WORKERS
    fi;
#if !defined(MUTANT_DEAD_STAYS_IDLE) && !defined(MUTANT_CLEAR_AFTER_WAKE_ALL)
    if
    :: doomed < WORKERS -> idle = idle & ~BIT(doomed)
    :: else
    fi;
#endif
#ifndef MUTANT_DEAD_SPINS
    atomic { if :: spinner == doomed -> spinner = NOBODY :: else fi };
#endif
#ifndef MUTANT_NO_WAKE_ALL
    wake_all();
#endif
#ifdef MUTANT_CLEAR_AFTER_WAKE_ALL
    if
    :: doomed < WORKERS -> idle = idle & ~BIT(doomed)
    :: else
    fi;
#endif
#endif
    recovered = 1
}

proctype Stopper() {
#ifndef EARLY
    through == PUBLISHERS && recovered && queue == 0 && running == 0;
#endif
    stop = 1;
    wake_all()
}

init {
    atomic {
        run Worker(0); run Worker(1);
        run Publisher(0); run Publisher(1);
        run Keeper(); run Stopper()
    }
}
