/* keeping.pml: what is forgotten ends, and not before it has done what was asked of it.
 *
 * Modelled: a user, who submits SUBMISSIONS tasks and then forgets the Scheduler; the Scheduler, its engine,
 *   and the client below it; `kept`, which holds the engine; `listening`, which holds the client; the pool's
 *   workers, which run until they are told to end; the event loop, which delivers, and whose callbacks
 *   submit AGAIN tasks more; the collector, which takes whatever nobody holds, at any time.
 *   A client that was collected leaves its pool to a registry, which closes it.
 * Variant JS: there is no Scheduler.__del__, and no engine: the user has the client.
 * Abstracted: futures that the user holds, which hold the engine as the Scheduler does; shutdown by hand,
 *   which is what __del__ does; several pools.
 * One step is what nobody can come into: a finalizer runs between any two.
 *
 * Properties
 *   done      what was submitted is delivered (no invalid end state)
 *   ends      then workers have ended, and nothing of it is left (no invalid end state)
 *   alive     nothing is collected while something of it is pending (assertion)
 *
 * Mutants, each of which must be rejected
 *   NOT_KEPT           an engine with something pending, or to come, is not in `kept`
 *   NOT_LISTENING      nobody listens for a client with something pending
 *   LET_GO_LATE        it is looked whether anything is pending, and then, a call later, let go
 *   KEEP_LATE          it is looked whether the end is to come, and then, a call later, kept
 *   NEVER_LET_GO       it stays in `kept`
 *   DEL_ENDS_AT_ONCE   __del__ closes the pool although something is pending
 *   POOL_KEEPS         what the pool calls leads back to the client
 *   LISTENS_ON         it is listened for a client with nothing pending
 */

#ifndef SUBMISSIONS
#define SUBMISSIONS 2
#endif
#ifndef AGAIN
#define AGAIN 1
#endif

bit user = 1;                           /* the user has the Scheduler */
bit scheduler = 1;                      /* these have not been collected */
bit engine = 1;
bit client = 1;
bit kept;
bit listening;
bit stopped;                            /* the engine was asked to end */
bit closing;                            /* the pool was */
bit closed;                             /* and the engine has heard that it has */
bit workers = 1;
byte pending;                           /* submitted, and not delivered */
byte runs;                              /* in the pool */
byte ended;                             /* outcomes that wait */
byte again = AGAIN;
byte held;                              /* deliveries that run: the stack has all of it */

inline submit() {                       /* atomic */
    assert(client);
    pending++;
#ifndef MUTANT_NOT_KEPT
    kept = 1;
#endif
#ifndef MUTANT_NOT_LISTENING
    listening = 1;
#endif
    runs++
}

inline close_if_idle() {
    atomic {
        if
        :: stopped && pending == 0 -> closing = 1
        :: else
        fi
    }
}

inline let_go() {
#ifdef MUTANT_LET_GO_LATE
    if
    :: pending == 0 && (!stopped || closed) -> goes = 1
    :: else -> goes = 0
    fi;
    if
    :: goes -> kept = 0
    :: else
    fi
#elif defined(MUTANT_NEVER_LET_GO)
    skip
#else
    atomic {
        if
        :: pending == 0 && (!stopped || closed) -> kept = 0
        :: else
        fi
    }
#endif
}

active proctype User() {
    byte n;
    do
    :: atomic { n < SUBMISSIONS -> submit(); n++ }
    :: user = 0; break                  /* any time: it may submit nothing */
    od
}

active [2] proctype Worker() {
    do
    :: atomic { runs > 0 -> runs--; ended++ }
    :: atomic { closing && workers -> workers = 0; runs = 0 }
    :: atomic { !workers -> break }
    od
}

/* The event loop; twice, since a finalizer delivers, too. */
active [2] proctype Loop() {
    bit goes;
end:
    do
    :: atomic {
            listening && ended > 0;
            held++;
            ended--;
            pending--
        };
        if                              /* a callback */
        :: atomic { again > 0 && !stopped -> again--; submit() }  /* else it is refused */
        :: skip
        fi;
        let_go();
        close_if_idle();
        atomic {
#ifndef MUTANT_LISTENS_ON
            listening = pending > 0;
#endif
            held--
        }
#ifndef VARIANT_JS
    :: atomic { engine && !workers && closing && !closed -> closed = 1 }; let_go()
#endif
    od
}

#ifndef VARIANT_JS
/* A finalizer: Scheduler.__del__, which holds the engine until it has ended. */
active proctype Finalizer() {
    bit goes;
    !user;
    stopped = 1;
#ifdef MUTANT_KEEP_LATE
    goes = pending > 0 || !closed;
    close_if_idle();
    if
    :: goes -> kept = 1
    :: else
    fi;
#elif !defined(MUTANT_NOT_KEPT)
    atomic {
        if
        :: pending > 0 || !closed -> kept = 1
        :: else
        fi
    };
#endif
#ifdef MUTANT_DEL_ENDS_AT_ONCE
    closing = 1;
#endif
    close_if_idle();
    scheduler = 0
}
#endif

active proctype Collector() {
#ifdef VARIANT_JS
    atomic { !user -> scheduler = 0; engine = 0 };
#else
    atomic { !scheduler && !kept && !held -> engine = 0; assert(pending == 0) };
#endif
#ifdef MUTANT_POOL_KEEPS
    closing && !closing;                /* never */
#endif
    atomic { !listening && !held -> client = 0; assert(pending == 0) };
    closing = 1;                        /* the registry */
    !workers && pending == 0
}
