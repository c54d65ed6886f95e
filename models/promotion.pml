/* promotion.pml: a busy worker's private jobs reach the hungry ones.
 *
 * Modelled: worker 0, the victim, with its private jobs: it spawns, joins in any order, is interrupted
 *   between any two steps, masks and notes, promotes, takes back, helps, parks; two thieves that spin,
 *   announce, look again, ring and sleep; the doorbell (reasons and the interrupt byte); demand (a bit in
 *   idle, or a spinner while no task is visible), and the victim's flag for it. -DCANCEL: the page rings
 *   with another reason. -DMORTAL: thief 1 dies at any step, and the keeper recovers.
 *   Bounds: THIEVES; SPINNERS, of them, may spin; JOBS; -DONCE: a thief runs one task and ends; -DLIFO: the
 *   victim joins its newest job first, always.
 * Abstracted: queues (one bag of hints) and slots: a hint is taken and its task claimed in one step
 *   (slots.pml, deque.pml); the latch: a thief sets it and wakes the victim in one step (latch.pml); a
 *   worker reads its event and sets its bit in one step, a waker bumps and notifies in one, and an
 *   idle bit is found and cleared in one (parking.pml).
 *   A victim that waits in a join takes any of its jobs, and is counted in idle. The core's takes what belongs to the join, of
 *   these what was spawned later than the awaited one (promotion.md, "Waiting"), and says that it is hungry in waits_for. So every
 *   order in which the core runs jobs is one of this model, and what is asserted holds there. That nobody is left hungry
 *   under the stricter rule does not follow from here: joins.pml.
 *   A thief's task spawns nothing: whoever has private jobs is a victim like this one. In the handler,
 *   rings are answered afterwards (it runs masked and looks at what was noted when it ends).
 *   Of an event counter: whether it has moved since it was read, as in parking.pml.
 * A task may last until no thief starves, that is, until both are busy or there is neither a private
 *   job nor a queued task. So if one sleeps beside a private job for ever, somebody is stuck.
 * One step is one atomic access of shared memory, or one step of the victim's interpreter: the handler
 *   may run before each, in its own time. The victim starts parked, with its bit set.
 *
 * Properties
 *   once        each job runs exactly once, privately or as a task, and is joined after that (assertions)
 *   fed         no thief sleeps for ever beside a private job of a worker that goes on, or a queued
 *               task; and the victim ends (no invalid end state)
 *   heard       whatever was rung for is seen (-DCANCEL; no invalid end state)
 *   ends        nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   CHECK_THEN_POP        the fast join looks whether the newest job is its own, then pops: the handler
 *                         promotes it in between
 *   TAKE_BACK_BY_STORE    a thief had claimed it meanwhile
 *   FLAG_THEN_APPEND      spawn looks at the flag, then appends: the handler, in between, sees nothing
 *                         private, and raises the flag for nobody
 *   PUT_BACK_UNSEEN       what a fast join popped and puts back: just the same
 *   PROMOTES_ONE          demand not read again after a promotion
 *   FLAG_ONLY             demand read again, but only the next spawn promotes: none comes
 *   ONE_SHOT              demand is a flag that thieves raise and a promotion lowers: two raised it
 *   ONLY_SPINNER          demand is the spinner alone: who sleeps is not counted
 *   SPINNER_RINGS         only the spinner rings: who came while there was one never does
 *   RING_FIRST            the ring before the bit: the victim sees no demand
 *   SEEN_EARLIER          rung is who was not parked before the bit was set: meanwhile it got up
 *   NO_SECOND_LOOK        announced, rung, asleep
 *   BYTE_FIRST            the byte before the reason: the handler finds none
 *   CLEARED_LAST          the byte cleared when the reasons are drained
 *   SKIP_BY_BYTE          no ring at all where the byte is still set: not this reason (-DCANCEL)
 *   DRAINED_BY_STORE      reasons read, then cleared (-DCANCEL)
 *   NOT_NOTED             a ring while masked is dropped
 *   NOTED_THEN_UNMASKED   the note is looked at before the mask is off
 *   FLAG_BARE             the flag set from a demand read with the mask off: the handler's is overwritten
 *   START_UNSEEN          demand not read when a task starts
 *   READ_BEFORE_CLEARING  or read while the own bit is set, so that nobody rings
 *   RETURN_UNSEEN         or not read when a join returns from its park
 *   PARKS_PRIVATE         asleep with private jobs: no handler runs
 *   DEEP_ANNOUNCES        too deep to help, it parks with its bit set: a wake-up is spent on it
 *   RING_DIED             who sees the reason set rings no more, nor does the keeper: the dead thief had
 *                         set the reason, not the byte (-DMORTAL)
 * Variants, which must hold
 *   SKIPS                 no ring where the reason is set: somebody rings for it, or the keeper will
 *   CLEARED_APART         the byte read, then cleared, before the handler runs: a ring lost in between
 *                         has set its reason already
 */

#ifndef JOBS
#define JOBS 2
#endif
#ifndef THIEVES
#define THIEVES 2
#endif
#ifndef SPINNERS
#define SPINNERS 1                      /* thieves that may spin */
#endif
#define NONE 7
#define BIT(n) (1 << (n))
#define JOINABLE(n) (place[n] != UNBORN && place[n] != JOINED)
#ifdef LIFO
#define ANY(n) (n >= JOBS || !JOINABLE(n))
#else
#define ANY(n) 1
#endif

#define STEAL 1
#define CANCELLED 2

/* A job's place */
#define UNBORN 0
#define PRIVATE 1
#define HELD 2                          /* in somebody's hand: popped, or about to be promoted */
#define QUEUED 3                        /* a task */
#define CLAIMED 4                       /* by a thief, or by the victim that helps */
#define ENDED 5                         /* with its latch set, if it had one */
#define JOINED 6

byte place[JOBS];
byte private;                           /* the victim's deque: bit set; the lowest is the oldest */
byte hints;                             /* bit set of tasks, some of which were taken back */

byte idle = BIT(0);                     /* bit set of parked workers */
byte spinner = NONE;
bit moved[3] = 1;                       /* event[w], since w last read it; 1 where it is of no account */
byte sleeps_on = NONE;                  /* the job on whose latch the victim sleeps */

byte reasons;                           /* the victim's doorbell */
bit interrupt;
#if defined(VARIANT_CLEARED_APART)
bit tripped;                            /* CPython has seen the byte: the handler is to run */
#define RUNG tripped
#define CLEAR tripped = 0
#elif defined(MUTANT_CLEARED_LAST)
#define RUNG interrupt
#define CLEAR skip
#else
#define RUNG interrupt
#define CLEAR interrupt = 0             /* exchange */
#endif

bit masked = 1, noted, flag;            /* the victim's own */
bit interrupted;                        /* the handler runs */
mtype = { nothing, to_answer, to_serve, to_promote };   /* or the victim calls it */
mtype called = nothing;

byte busy;                              /* ghosts: thieves that run a task; */
byte queued;                            /* tasks that are QUEUED; */
#ifdef CANCEL
bit heard;
#endif
byte doomed = NONE;                     /* the thief that dies; */
bit gone;
byte spent;                             /* thieves that have ended (-DONCE) */
byte lost = NONE;                       /* what it was running; */

#ifdef MUTANT_ONE_SHOT
bit raised;
#endif

#define FED (busy + gone + spent == THIEVES || !private && !queued)

inline lowest(set, n) {                 /* within atomic; set is not empty */
    n = 0;
    do
    :: !(set & BIT(n)) -> n++
    :: else -> break
    od
}

inline highest(set, n) {
    n = JOBS - 1;
    do
    :: !(set & BIT(n)) -> n--
    :: else -> break
    od
}

inline wake_one() {                     /* who cleared a bit may die before it bumps */
    if
    :: spinner != NONE
    :: else ->
        atomic {                        /* choose a set bit and clear it */
            if
            :: idle -> lowest(idle, w); idle = idle & ~BIT(w)
            :: else -> w = NONE
            fi
        }
        atomic {                        /* bump and notify */
            if
            :: w != NONE -> moved[w] = 1
            :: else
            fi;
            w = 0
        }
    fi
}

inline go_on() {                        /* bytecodes, for a while of any length */
    if
    :: skip; FED
    :: skip
    fi
}

/* ---- the victim's handler: also what it calls itself ---------------------------------------------- */

inline promote() {
    atomic {                            /* popleft */
        lowest(private, j);
        private = private & ~BIT(j);
        assert(place[j] == PRIVATE);
        place[j] = HELD
    }
    atomic {                            /* QUEUED, and its hint is out */
        place[j] = QUEUED;
        queued++;
        hints = hints | BIT(j);
        j = 0
    }
#ifdef MUTANT_ONE_SHOT
    raised = 0;
#endif
    wake_one()
}

inline read_demand(into) {
#ifdef MUTANT_ONE_SHOT
    into = raised
#elif defined(MUTANT_ONLY_SPINNER)
    into = (spinner != NONE)
#else
    if
    :: atomic { idle -> into = 1 }
    :: atomic { else -> into = 0 }
       if
       :: spinner == NONE
       :: else -> into = !hints         /* it has only to look */
       fi
    fi
#endif
}

inline serve_demand() {
    do
    :: read_demand(hungry);
       atomic {
        if
        :: hungry && private
        :: else -> flag = hungry; break
        fi
       }
       promote();
#ifdef MUTANT_PROMOTES_ONE
       flag = 0; break
#elif defined(MUTANT_FLAG_ONLY)
       read_demand(flag); break
#endif
    od;
    hungry = 0
}

inline answer() {
#ifdef MUTANT_DRAINED_BY_STORE
    drained = reasons;
    reasons = 0;
#else
    atomic { drained = reasons; reasons = 0 }       /* exchange */
#endif
#ifdef CANCEL
    atomic { if :: drained & CANCELLED -> heard = 1 :: else fi };
#endif
    if
    :: drained & STEAL -> serve_demand()
    :: else
    fi
}

proctype Handler() {
    byte j, w, drained;
    bit hungry;

end_quiet:
    if
#ifdef VARIANT_CLEARED_APART
    :: atomic { interrupt && !tripped -> tripped = 1 }
       atomic { interrupt = 0; goto end_quiet }
#endif
    :: atomic { RUNG && masked ->
        CLEAR;
#ifdef MUTANT_CLEARED_LAST
        interrupt = 0;
#endif
#ifndef MUTANT_NOT_NOTED
        noted = 1;
#endif
        goto end_quiet
       }
    :: atomic { RUNG && !masked -> CLEAR; interrupted = 1 }
       answer();
#ifdef MUTANT_CLEARED_LAST
       interrupt = 0;
#endif
    :: called == to_answer -> answer()
    :: called == to_serve -> serve_demand()
    :: called == to_promote ->
       do
       :: private -> promote()
       :: else -> break
       od
    fi;
    atomic { drained = 0; called = nothing; interrupted = 0; goto end_quiet }
}

/* ---- the victim ------------------------------------------------------------------------------------ */

inline call(what) {                     /* masked */
    called = what;
    called == nothing
}

inline unmask() {
    do
#ifdef MUTANT_NOTED_THEN_UNMASKED
    :: if
       :: noted -> noted = 0; call(to_answer)
       :: !noted && flag && private -> call(to_serve)
       :: else -> masked = 0; break
       fi
#else
    :: masked = 0;
       if
       :: atomic { noted -> noted = 0; masked = 1 }
          call(to_answer)
#ifndef MUTANT_PUT_BACK_UNSEEN
       :: atomic { !noted && flag && private -> masked = 1 }
          call(to_serve)
#endif
       :: else -> break
       fi
#endif
    od
}

inline pop(n) {                         /* the newest, or NONE */
    atomic {
        if
        :: private ->
            highest(private, n);
            private = private & ~BIT(n);
            assert(place[n] == PRIVATE);
            place[n] = HELD
        :: else -> n = NONE
        fi
    }
}

inline append() {
    atomic { place[born] = PRIVATE; private = private | BIT(born); born++ }
}

inline run_here(n) {                    /* masked; n is in the victim's hand, or claimed */
    atomic { assert(place[n] == HELD); place[n] = CLAIMED }
    unmask();
    go_on();
    atomic { masked = 1; place[n] = ENDED }
}

inline clear_own_bit() {                /* masked; and whoever saw it set did not ring */
#ifdef MUTANT_READ_BEFORE_CLEARING
    flag = ((idle & ~BIT(0)) || spinner != NONE);
#endif
    idle = idle & ~BIT(0)
}

inline help() {                         /* takes a hint, claims its task */
    atomic {
        if
        :: hints ->
            lowest(hints, k);
            hints = hints & ~BIT(k);
            if
            :: place[k] == QUEUED -> place[k] = HELD; queued--
            :: else -> k = NONE
            fi
        :: else
        fi
    }
    if
    :: k != NONE -> run_here(k); k = NONE
    :: else
    fi
}

inline sleep() {
    if
    :: place[j] == ENDED
    :: else -> moved[0]
    fi
}

inline park() {
    atomic { moved[0] = 0; sleeps_on = j; idle = idle | BIT(0) }
    if
    :: hints
    :: else -> sleep()
    fi;
    clear_own_bit();
    atomic { sleeps_on = NONE; moved[0] = 1 }
#if !defined(MUTANT_READ_BEFORE_CLEARING) && !defined(MUTANT_RETURN_UNSEEN)
    read_demand(flag)
#endif
}

inline park_deep() {
    atomic { moved[0] = 0; sleeps_on = j }
#ifdef MUTANT_DEEP_ANNOUNCES
    idle = idle | BIT(0);
    sleep();
    idle = idle & ~BIT(0);
#else
    sleep();
#endif
    atomic { sleeps_on = NONE; moved[0] = 1 }
}

inline join_slowly() {                  /* masked */
    do
    :: place[j] == PRIVATE ->
        atomic { private = private & ~BIT(j); place[j] = HELD }
        run_here(j)
#ifdef MUTANT_TAKE_BACK_BY_STORE
    :: place[j] == QUEUED ->
        atomic { place[j] = HELD; queued = queued - (queued > 0) }
        run_here(j)
#else
    :: atomic { place[j] == QUEUED -> place[j] = HELD; queued-- }   /* compare-and-swap */
        if
        :: hints = hints & ~BIT(j)      /* if its hint is the deque's newest */
        :: skip
        fi;
        run_here(j)
#endif
    :: place[j] == ENDED -> break
#ifdef MUTANT_PARKS_PRIVATE
    :: place[j] == CLAIMED -> park_deep()
#else
    :: place[j] == CLAIMED && private -> pop(k); run_here(k); k = NONE
    :: place[j] == CLAIMED && private -> call(to_promote)           /* too deep to help */
    :: place[j] == CLAIMED && !private -> park_deep()
#endif
    :: place[j] == CLAIMED && !private && hints -> help()
    :: place[j] == CLAIMED && !private && !hints -> park()
    od
}

proctype Victim() provided (!interrupted) {
    byte born, joined, j, k = NONE;
#ifdef MUTANT_FLAG_BARE
    bit hungry;
#endif

    clear_own_bit();                    /* woken, it starts a task */
#ifdef MUTANT_FLAG_BARE
    unmask();
    read_demand(hungry);
    atomic { flag = hungry; hungry = 0 }
#else
#if !defined(MUTANT_READ_BEFORE_CLEARING) && !defined(MUTANT_START_UNSEEN)
    read_demand(flag);
#endif
    unmask();
#endif
    do
    :: born < JOBS ->                   /* spawn */
#ifdef MUTANT_FLAG_THEN_APPEND
        if
        :: flag -> masked = 1; append(); call(to_serve); unmask()
        :: else -> append()
        fi;
#else
        append();
        if
        :: flag -> masked = 1; call(to_serve); unmask()
        :: else
        fi;
#endif
        go_on()
    :: atomic { joined < born ->        /* join any */
        if
#if JOBS > 2
        :: JOINABLE(2) -> j = 2
#endif
        :: JOINABLE(1) && ANY(2) -> j = 1
        :: JOINABLE(0) && ANY(1) && ANY(2) -> j = 0
        fi
       }
#ifdef MUTANT_CHECK_THEN_POP
       bit looked;
       looked = ((private >> j) == 1);
       pop(k);
       assert(!looked || k == j);
#else
       pop(k);                          /* then see what came */
#endif
       if
       :: atomic { k == j -> place[k] = CLAIMED; k = NONE }
          go_on();
          place[j] = ENDED
       :: else ->
          masked = 1;
          if
          :: atomic { k != NONE -> private = private | BIT(k); place[k] = PRIVATE; k = NONE }
          :: else
          fi;
          join_slowly();
          unmask()
       fi;
       atomic { assert(place[j] == ENDED); place[j] = JOINED; j = 0; joined++ }
       go_on()
    :: joined == JOBS -> break
    od;
#ifdef CANCEL
    heard;
#endif
    skip
}

/* ---- thieves --------------------------------------------------------------------------------------- */

inline ring(reason) {
#ifdef MUTANT_BYTE_FIRST
    interrupt = 1;
    reasons = reasons | reason
#else
#ifdef MUTANT_SKIP_BY_BYTE
    if
    :: interrupt
    :: else ->
#endif
#if defined(MUTANT_RING_DIED) || defined(VARIANT_SKIPS)
    if
    :: atomic { !(reasons & reason) -> reasons = reasons | reason }     /* fetch_or */
       interrupt = 1
    :: atomic { else }                  /* somebody rings for it */
    fi
#else
    reasons = reasons | reason;
    interrupt = 1
#endif
#ifdef MUTANT_SKIP_BY_BYTE
    fi
#endif
#endif
}

inline ring_if_awake() {
#ifdef MUTANT_SEEN_EARLIER
    if
    :: saw_awake -> ring(STEAL)
    :: else
    fi
#else
    if
    :: idle & BIT(0)
    :: else -> ring(STEAL)
    fi
#endif
}

inline announce() {
    atomic {                            /* event read, bit set */
        moved[me] = 0;
        idle = idle | BIT(me);
#ifdef MUTANT_ONE_SHOT
        raised = 1
#endif
    }
}

proctype Thief(byte me) {
    byte j = NONE, w;
    bit spun, passes_on;
#ifdef MUTANT_SEEN_EARLIER
    bit saw_awake;
#endif

    {
        skip;
look:   if
        :: atomic { hints ->            /* take one, claim its task */
            lowest(hints, j);
            hints = hints & ~BIT(j);
            if
            :: place[j] == QUEUED ->
                place[j] = CLAIMED; queued--; busy++;
                goto work
            :: else -> j = NONE; goto look
            fi
           }
        :: else
        fi;

        if
        :: atomic { !spun && me <= SPINNERS && spinner == NONE ->
            spun = 1;
            spinner = me;
            passes_on = 1;
#ifdef MUTANT_ONE_SHOT
            raised = 1
#endif
           }
           ring_if_awake();
           spinner = NONE;              /* after it has looked, and looked, … */
           goto look
        :: else
        fi;

#ifdef MUTANT_SEEN_EARLIER
        saw_awake = !(idle & BIT(0));
#endif
#ifdef MUTANT_RING_FIRST
        ring_if_awake();
#endif
        announce();
#ifndef MUTANT_NO_SECOND_LOOK
        if
        :: hints -> goto awake
        :: else
        fi;
#endif
#if !defined(MUTANT_RING_FIRST) && !defined(MUTANT_SPINNER_RINGS)
        ring_if_awake();
#endif
end_asleep:
        moved[me];                      /* wait32 */
        passes_on = 1;
awake:  atomic { idle = idle & ~BIT(me); moved[me] = 1; goto look }

work:   if
        :: passes_on && hints -> wake_one()
        :: else
        fi;
        go_on();
        atomic {                        /* sets the latch, wakes who sleeps on it */
            assert(place[j] == CLAIMED);
            place[j] = ENDED;
            if
            :: sleeps_on == j -> moved[0] = 1
            :: else
            fi;
            busy--; j = NONE; spun = 0; passes_on = 0;
#ifdef ONCE
            spent++
#else
            goto look
#endif
        }
    } unless {
        atomic { doomed == me;
            lost = j;
            if
            :: j != NONE -> busy--
            :: else
            fi;
            j = NONE; w = 0; spun = 0; passes_on = 0; gone = 1
        }
    }
}

#ifdef MORTAL
proctype Keeper() {                     /* of thief 1 */
    doomed = 1;                         /* at any moment */
end_spared:
    gone;                               /* it may have ended before (-DONCE) */
    if
    :: lost != NONE -> place[lost] = ENDED
    :: else
    fi;
    idle = idle & ~BIT(1);
    atomic { if :: spinner == 1 -> spinner = NONE :: else fi };
    moved[0] = 1;
    moved[2] = 1;
#ifndef MUTANT_RING_DIED
    interrupt = 1
#endif
}
#endif

#ifdef CANCEL
proctype Page() {
    ring(CANCELLED)
}
#endif

init {
    atomic {
        run Thief(1);
#if THIEVES == 2
        run Thief(2);
#endif
        run Handler(); run Victim();
#ifdef MORTAL
        run Keeper();
#endif
#ifdef CANCEL
        run Page();
#endif
    }
}
