/* interrupts.pml: Ctrl-C reaches a program once, whatever it does, and nothing else gets it.
 *
 * Modelled: one Ctrl-C; the page, which asks, forces, and wakes whoever sleeps; the worker, whose
 *   program begins, does ACTIVITIES things and then one for ever: computes in frames of its own,
 *   computes in frames in which Ctrl-C is held off, sleeps on the word, reads or waits for a result,
 *   or is suspended, so that its event loop hears messages.
 * Abstracted: PATIENCE, which may be any time at all; the program that goes on afterwards. Whoever
 *   computes in frames where it is held off does so for a while only. The page's timer has a step only
 *   while somebody sleeps whom it would wake.
 * One step is one atomic access of shared memory, or one of the worker between two of them.
 *
 * Properties
 *   reached     who runs gets it (no invalid end state), and is not woken for ever in vain (no cycle)
 *   once        at most once (assertion)
 *   right       not where it is held off, nor when there is nobody yet whom it could end (assertion)
 *
 * Mutants, each of which must be rejected
 *   STORES_BACK        the look reads the word and then stores: what came in between is gone
 *   MESSAGE_ASKED      the message takes ASKED only: FORCED, and then suspended, it is never looked at
 *   TWO_WORDS          the page says FORCED, and only then signals: a message in between finds nothing
 *   WAKES_ONCE         who sleeps a moment later is not woken
 *   ASKED_BY_STORE     before the program begins, which then stores RUNS
 *   FORCED_BY_STORE    over TAKEN
 *   HELD_TAKES         the look does not ask where it is
 *   BEGINS_EARLY       RUNS before the program's run is entered
 *   READ_HOLDS         a read that was ended for it begins anew where it is held off
 */

#ifndef ACTIVITIES
#define ACTIVITIES 3
#endif

mtype = { NOT_BEGUN, RUNS, ASKED, FORCED, TAKEN };
mtype = { AWAKE, ON_WORD, ELSEWHERE };

mtype word = NOT_BEGUN;
mtype sleeps = AWAKE;
bit posted;                             /* the message is in the worker's queue */
bit entered;                            /* ghosts: the program's run is; */
byte got;                               /* how often it has come; */
bit ended;                              /* the page has ended the worker */
#ifdef MUTANT_TWO_WORDS
bit signalled;
#define TO_TAKE (word == FORCED && signalled)
#else
#define TO_TAKE (word == FORCED)
#endif

inline comes() {
    got++;
    assert(got == 1 && entered)
}

/* ---- the worker ------------------------------------------------------------------------------------- */

inline take_forced() {                  /* compare-and-swap */
    atomic {
        if
        :: TO_TAKE -> word = TAKEN; comes()
        :: else
        fi
    }
}

inline look(held) {                     /* between two bytecodes */
#ifdef MUTANT_STORES_BACK
    atomic {
        seen = word;
        if
        :: seen == FORCED && !held -> seen = TAKEN; comes()
        :: else
        fi
    }
    word = seen;
#elif defined(MUTANT_HELD_TAKES)
    atomic {
        if
        :: TO_TAKE -> word = TAKEN; comes(); assert(!held)
        :: else
        fi
    }
#else
    if
    :: held
    :: !held -> take_forced()
    fi
#endif
}

inline hear() {                         /* the event loop has the message */
    atomic {
        posted -> posted = 0;
        if
        :: word == ASKED -> word = TAKEN; comes()
#ifndef MUTANT_MESSAGE_ASKED
        :: TO_TAKE -> word = TAKEN; comes()
#endif
        :: else
        fi
    }
}

proctype Worker() {
    mtype seen;
    byte left = ACTIVITIES;

    {
#ifdef MUTANT_BEGINS_EARLY
        word = RUNS;
        if                              /* a turn of its event loop */
        :: hear()
        :: skip
        fi;
        entered = 1;
#else
        atomic { entered = 1; word = RUNS }
#endif
again:  if
        :: got -> goto end_got
        :: !got && left ->
            left--;
            if
            :: skip; look(0)
            :: skip; look(1)            /* held off */
            :: goto on_word
            :: goto elsewhere
            :: posted -> hear()
            fi;
            goto again
        :: !got && !left ->             /* one thing for ever: */
            if
            :: goto computes
            :: goto on_word
            :: goto elsewhere
            :: hear();                  /* it is suspended */
               got;                     /* or nothing comes any more */
               goto end_got
            fi
        fi;
computes:
        word == FORCED;                 /* it looks all the time */
        look(0);
        goto again;
on_word:
        take_forced();
        seen = word;
        atomic {                        /* Atomics.wait compares, and sleeps */
            if
            :: word == seen && word != FORCED && !got -> sleeps = ON_WORD
            :: else
            fi
        }
        sleeps == AWAKE;
        take_forced();
        goto again;
elsewhere:
        if
        :: !got -> sleeps = ELSEWHERE
        :: got
        fi;
        sleeps == AWAKE;
#ifdef MUTANT_READ_HOLDS
        if
        :: goto elsewhere               /* it is held off */
        :: take_forced()
        fi;
#else
        take_forced();
#endif
        if
        :: got -> goto again
        :: else -> goto elsewhere       /* its read, or wait, begins anew */
        fi;
end_got:
        do                              /* it goes on */
        :: TO_TAKE -> take_forced()
        :: posted -> hear()
        od
    } unless {
        ended
    }
}

/* ---- the page --------------------------------------------------------------------------------------- */

proctype Page() {
    bit begun;
#ifdef MUTANT_WAKES_ONCE
    bit woke;
#endif

#ifdef MUTANT_ASKED_BY_STORE
    begun = 1;
    word = ASKED;
#else
    atomic {                            /* compare-and-swap */
        if
        :: word == RUNS -> word = ASKED; begun = 1
        :: word == NOT_BEGUN -> ended = 1
        fi
    }
#endif
    if
    :: !begun
    :: begun ->
        posted = 1;
#ifdef MUTANT_FORCED_BY_STORE
        if
        :: word == ASKED -> word = FORCED
        :: word != ASKED
        fi;
#else
        atomic {                        /* compare-and-swap, after PATIENCE */
            if
            :: word == ASKED -> word = FORCED
            :: else
            fi
        }
#endif
#ifdef MUTANT_TWO_WORDS
        signalled = 1;
#endif
#ifdef MUTANT_WAKES_ONCE
        sleeps = AWAKE
#else
end_wakes:
        do
        :: atomic { word == FORCED && sleeps != AWAKE -> sleeps = AWAKE }
        :: word == TAKEN -> break
        od
#endif
    fi
}

init {
    atomic { run Worker(); run Page() }
}
