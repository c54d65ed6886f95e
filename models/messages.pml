/* Groups of calls, deaths and cancelling where no memory is shared (web/penny/messages/pool.js, member.js, tasks.js):
 * web/penny/messages/README.md.
 *
 * The Pool gives calls to a Worker, by its channel, in groups; it may have a second group before it has told of the first. A
 * Worker runs a group in order, and tells the outcomes in one message. It may die in a call, with a last word, or vanish at
 * any step: by itself, or since the Pool ends it. Then it has a successor. Messages are on their way for as long as they
 * like; then they wait at the pool's end of the channel, which hands over one a turn of the event loop. That a worker is
 * gone is heard by another way. The pool's turns are events in the order in which they came up: HEAR (a message of the
 * worker's), GONE, LATE (some time after GONE), SELF (the pool's message to itself).
 * Assumed: what a worker had posted has reached the channel by the time of LATE; a last word is posted before GONE is heard of.
 *
 * -DDEATHS: how many, by themselves. -DPRINTS: how many messages beside outcomes. -DASKS: how many calls somebody may ask to end.
 * -DHANGS: the call 1 does not end by itself, and is asked to.
 * Left out: coroutines, limits of time, starts that fail, more workers than one at a time, how long functions take.
 *
 * Properties: once   no call begins twice
 *             only   a call is lost only if its worker was at it, or, without a last word, if it was at its group; and if nobody
 *                    has asked one of that group to end, nor one that had ended just then, only if the worker died by itself
 *             asked  what was withdrawn, or was asked to end before it had begun and its worker died, never begins
 *             all    every call is over in the end, once
 *
 * Mutants:
 *   LATE_ONLY        when some time has passed, what has not been heard is not waited for
 *   ONE_TURN         the pool sends one message to itself, and does not look whether something was heard meanwhile
 *   TRIED_AGAIN      all that it had goes back
 *   WORD_UNHEARD     what the last word says is not looked at
 *   NEXT_LOST        what it had not begun is lost with it
 *   FIRST_BACK       with a last word, nothing is lost
 *   NOT_BACK         what it had not begun is left
 *   ASKED_BACK       also what was asked to end goes back
 *   WITHDRAWN_SENT   a call is withdrawn though it was sent
 *   ENDS_BEHIND      who asks a call that waits behind another ends the worker at once
 *   BEHIND_UNASKED   when its turn comes nobody remembers that it was asked
 */

#define CALLS 3
#define ALL 7                           /* a bit for each */
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef ASKS
#define ASKS 0
#endif
#ifndef PRINTS
#define PRINTS 0
#endif
#ifdef HANGS
#define HANGING 1
#else
#define HANGING NONE
#endif
#define WORKERS (1 + DEATHS + ASKS)     /* one after the other */
#define NONE 9

mtype = { HEAR, GONE, LATE, SELF, ENDS, DIES, PRINTED };

chan groups[WORKERS] = [2] of { byte };                     /* to each worker: calls, as bits; */
chan wire[WORKERS] = [3 + PRINTS] of { mtype, byte, byte }; /* from it: what has ended, and at which call it died: on the way, */
chan port[WORKERS] = [3 + PRINTS] of { mtype, byte, byte }; /* and at the pool's end; */
chan loop = [12] of { mtype, byte };                     /* what the pool's event loop has to do, and for which worker */
bit hears[WORKERS];                                     /* HEAR is in it; */
bit gone[WORKERS];                                      /* its thread is; */
bit killed[WORKERS]                                     /* by the pool */

byte queue = ALL;                       /* the pool: what waits, */
byte first; byte second;                /* the groups of its worker, */
byte now;                               /* which that is, */
bit ready = 1;                          /* and takes calls; */
bit word; byte at = NONE;               /* its last word; */
byte asked;                             /* who was asked to end */
byte over;                              /* and whose future is completed */

byte begun;                             /* ghosts: calls that have begun; */
byte its[WORKERS];                      /* the group that a worker is at; */
byte barred;                            /* calls that may not begin; */
bit alone[WORKERS];                     /* it died by itself; */
byte deaths = DEATHS; byte asks = ASKS; byte prints = PRINTS

#define BIT(c) (1 << (c))

/* -- The worker ----------------------------------------------------------------------------------- */

inline vanish() { gone[me] = 1; goto dead }

/* It may be gone from here on, because the pool has ended it, or for no reason that anybody knows. */
inline may_vanish() {
    if
    :: killed[me] -> vanish()
    :: deaths && !killed[me] -> deaths--; alone[me] = 1; vanish()
    :: true
    fi
}

proctype Worker(byte me) {
    byte calls; byte ended; byte c;
end:
    do
    :: killed[me] -> atomic { vanish() }
    :: deaths && !killed[me] && len(groups[me]) -> atomic { deaths--; alone[me] = 1; vanish() }
    :: atomic { groups[me]?calls -> its[me] = calls; c = 0; ended = 0 };
        do
        :: c == CALLS -> break
        :: c < CALLS && !(calls & BIT(c)) -> c++
        :: c < CALLS && (calls & BIT(c)) ->
            atomic {
                may_vanish();
                assert(!(begun & BIT(c)));              /* once */
                assert(!(barred & BIT(c)));              /* asked */
                begun = begun | BIT(c)
            };
            atomic {
                if
                :: deaths && !killed[me] ->             /* in the call; its JavaScript has a word */
                    deaths--; alone[me] = 1;
                    wire[me]!DIES(ended, c);
                    vanish()
                :: killed[me] -> vanish()
                :: prints -> prints--; wire[me]!PRINTED(0, NONE); goto goes_on
                :: c != HANGING -> goes_on: ended = ended | BIT(c); c++
                fi
            }
        od;
        atomic { may_vanish(); wire[me]!ENDS(ended, NONE); its[me] = 0; calls = 0; ended = 0; c = 0 }
    od;
dead:
    skip
}

/* -- What is between them ------------------------------------------------------------------------- */

proctype Way(byte me) {
    mtype what; byte ended; byte c;
end:
    do
    :: atomic {
        wire[me]?what(ended, c) -> port[me]!what(ended, c);
        if
        :: !hears[me] -> hears[me] = 1; loop!HEAR(me)
        :: else
        fi;
        what = 0; ended = 0; c = 0
    }
    od
}

proctype Lock(byte me) {                /* the pool gets it when its worker is gone */
end:
    atomic { gone[me] -> loop!GONE(me) }
}

proctype Timer(byte me) {
    atomic { empty(wire[me]) -> loop!LATE(me) }
}

/* -- The pool ------------------------------------------------------------------------------------- */

inline settle(calls) {
    assert(!(over & (calls)));                          /* all: once */
    over = over | (calls)
}

inline kill() { killed[now] = 1; ready = 0 }

/* The first group of the worker is what it is at. */
inline begins() {
#ifndef MUTANT_BEHIND_UNASKED
    if
    :: ready && (first & asked) -> kill()
    :: else
    fi
#else
    skip
#endif
}

inline send(calls) {
    queue = queue & ~(calls);
    if
    :: !first -> first = calls
    :: else -> second = calls
    fi;
    groups[now]!calls;
    begins()
}

/* What is known of the calls of a worker that is gone. */
inline bury() {
#ifdef MUTANT_WORD_UNHEARD
    lost = first;
#else
    lost = (word -> (at == NONE -> 0 : BIT(at)) : first);
#endif
#ifdef MUTANT_FIRST_BACK
    if
    :: word -> lost = 0
    :: else
    fi;
#endif
#ifdef MUTANT_NEXT_LOST
    lost = first | second;
#endif
    back = (first | second) & ~lost;
#ifdef MUTANT_TRIED_AGAIN
    back = first | second; lost = 0;
#endif
    if
    :: lost && word -> assert(!(lost & ~begun))                                 /* only */
    :: lost && !word && its[now] -> assert(!(lost & ~its[now]))                 /* only */
    :: lost && !word && !its[now] -> assert(!(lost & begun))                    /* only: it did not take its group */
    :: !lost
    fi;
    assert(!lost || alone[now] || (lost & asked) || (over & asked));            /* only */
    settle(lost);
#ifdef MUTANT_ASKED_BACK
    queue = queue | back;
    barred = barred | (back & asked);
#else
    settle(back & asked);
    barred = barred | (back & asked);
#ifndef MUTANT_NOT_BACK
    queue = queue | (back & ~asked);
#endif
#endif
    first = 0; second = 0; word = 0; at = NONE; lost = 0; back = 0;
    now++;
    ready = 1;
    run Worker(now); run Way(now); run Lock(now)
}

inline take(which) {
    port[which]?what(ended, c);
    heard = 1;
    hears[which] = 0;
    if
    :: nempty(port[which]) -> hears[which] = 1; loop!HEAR(which)
    :: empty(port[which])
    fi;
    settle(ended);
    first = first & ~ended;
    second = second & ~ended;
    if
    :: what == PRINTED
    :: what == DIES -> ready = 0; word = 1; at = c
    :: what == ENDS ->
        if
        :: !first -> first = second; second = 0
        :: else
        fi;
        begins()
    fi;
    what = 0; ended = 0; c = 0
}

active proctype Pool() {
    mtype what; byte ended; byte c; byte who; byte lost; byte back;
    bit heard;
    atomic { run Worker(0); run Way(0); run Lock(0) };
    do
    :: atomic { ready && queue && !second ->            /* the first of them, two, or all */
        who = queue & -queue;
        if
        :: send(who)
        :: (queue & ~who) -> who = who | ((queue & ~who) & -(queue & ~who)); send(who)
        fi;
        who = 0
    }
    :: atomic { asks && over != ALL ->
        asks--;
        if
        :: HANGING != NONE -> c = HANGING
        :: HANGING == NONE -> c = 0
        :: HANGING == NONE -> c = 1
        :: HANGING == NONE -> c = 2
        fi;
        if
        :: over & BIT(c)
#ifdef MUTANT_WITHDRAWN_SENT
        :: !(over & BIT(c)) -> queue = queue & ~BIT(c); barred = barred | BIT(c); settle(BIT(c))
#else
        :: queue & BIT(c) -> queue = queue & ~BIT(c); barred = barred | BIT(c); settle(BIT(c))
        :: (first | second) & BIT(c) ->
            asked = asked | BIT(c);
#ifdef MUTANT_ENDS_BEHIND
            if
            :: ready -> kill()
            :: else
            fi
#else
            if
            :: ready && (first & BIT(c)) -> kill()
            :: else
            fi
#endif
#endif
        fi;
        c = 0
    }
    :: atomic { loop?what(who) ->
        if
        :: what == HEAR && who == now -> take(who)
        :: what == HEAR && who != now                   /* its channel is closed */
        :: what == GONE ->
            ready = 0;
            if
            :: word -> bury()
            :: else -> run Timer(now)
            fi
        :: what == LATE ->
            heard = 0;
#ifdef MUTANT_LATE_ONLY
            bury()
#else
            if
            :: word -> bury()
            :: else -> loop!SELF(now)
            fi
#endif
        :: what == SELF ->
#ifdef MUTANT_ONE_TURN
            bury()
#else
            if
            :: word || !heard -> bury()
            :: else -> heard = 0; loop!SELF(now)
            fi
#endif
        fi;
        what = 0; who = 0
    }
    :: atomic { over == ALL -> break }
    od
}
