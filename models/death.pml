/* death.pml: a worker dies, the keeper recovers, the owner finds what the dead left.
 *
 * Modelled: two workers that take a hint, claim, run, write the result, return and push on the
 *   owner's completion list; DEATHS deaths, of either worker at any step; the keeper, which
 *   scans the slots of the dead; a new worker of the same number; an owner that submits, drains its
 *   list and collects what is adrift. A slot is used again once it is free.
 * Abstracted: deques and injector (a bag of hints; what a thief has taken out dies with it), cancel
 *   (slots.pml), sleeping (completions.pml, parking.pml: after its scan the keeper bumps everybody,
 *   so here the owner just sees the list and `deaths`). Task t lives in slot t % SLOTS, and stands
 *   for its generation. The dead worker's number is free again only after the recovery.
 *   The first two tasks are there at the start, a third (TASKS=3) comes when its slot is free.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * The keeper, certain that w is gone: for every slot, RUNNING(w) to LOST ADRIFT and RETURNED(w) to
 *   RETURNED ADRIFT by compare-and-swap; QUEUED: push its hint again. Then deaths++.
 * The owner, when deaths has changed: (1) gather the words of its slots that are ADRIFT; (2) drain
 *   the list and collect all that is in it; (3) collect the gathered slots whose word is still the
 *   same. What is seen ADRIFT in (1) was pushed before, or will never be, so (2) finds it if it is
 *   in the list; and what is marked after (1) belongs to a recovery that has yet to bump deaths.
 *
 * Properties
 *   once        a task is run at most once, and settled exactly once (assertions)
 *   lost        LOST only where a worker died, at most one task a death (assertions)
 *   result      a returned task's result is its own, and complete (assertion)
 *   list        no slot is pushed that is on the list already, nor freed while it is (assertions)
 *   forgotten   nothing is: all tasks settle (no invalid end state)
 *   ends        nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   DRAIN_FIRST        drain, gather, then collect if deaths is still the same. That is how it was
 *                      first drafted. Between drain and gather another worker returns, pushes and
 *                      dies, and its slot is marked, but deaths not yet bumped: the slot is
 *                      collected, and freed, while it is on the list. Needs two deaths
 *   COLLECT_GATHERED   (3) does not compare: collected twice
 *   NO_ADRIFT          (1) gathers every RETURNED(w), the new worker's too, which has yet to push
 *   UNMARKED           the keeper leaves RETURNED(w) as it is: forgotten
 *   NO_REINJECTION     hints that died in a thief's hand are not pushed again: forgotten
 *   MARK_BY_STORE      RETURNED ADRIFT stored: the owner had collected the slot meanwhile
 *   DEATHS_FIRST       deaths bumped before the scan: the owner looks too early, and never again
 *   SUCCESSOR_EARLY    the new worker starts during the scan: its tasks are marked
 *   RESULT_LATE        RETURNED before the result is written
 * Variant, which must hold
 *   LOST_BY_STORE      a store will do for RUNNING(w): nobody else touches what the dead ran
 */

#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef TASKS
#define TASKS 3
#endif
#define SLOTS 2
#define WORKERS 2
#define EMPTY 7
#define NOTHING 7

#define FREE 0
#define QUEUED 1
#define RUNNING 2
#define RETURNED 3
#define LOST 4
#define ADRIFT 8

#define WORD(task, worker, state) ((task) * 32 + (worker) * 16 + (state))
#define TASK(word) ((word) / 32)
#define WORKER(word) (((word) / 16) % 2)
#define STATE(word) ((word) % 8)
#define IS_ADRIFT(word) ((word) & ADRIFT)

byte word[SLOTS] = FREE;
byte result[SLOTS] = NOTHING;

byte head = EMPTY;                      /* the owner's completion list */
byte next[SLOTS] = EMPTY;

byte hints[TASKS];                      /* copies in the bag */
byte deaths;
#ifdef MUTANT_NO_ADRIFT
byte last_dead = NOTHING;
#endif

bit dead[WORKERS];                      /* ghosts: w takes no step any more; */
bit holds[WORKERS];                     /* w holds a hint or a task */
bit gone[WORKERS];                      /* and the keeper may know it; */
byte died;                              /* how many have; */
bit ran[TASKS], settled[TASKS];
byte lost;
bit listed[SLOTS];                      /* pushed and not yet taken off by the owner */

#define TAKE(t) hints[t] > 0 -> hints[t]--; task = t

proctype Worker(byte me) {
    byte task, seen;

start:
    {
        skip;
end_idle:
        do
        :: atomic {
            if                          /* take a hint */
            :: TAKE(0)
            :: TAKE(1)
#if TASKS > 2
            :: TAKE(2)
#endif
            fi;
            holds[me] = 1
           }
           atomic {                     /* claim: compare-and-swap */
            if
            :: word[task % SLOTS] == WORD(task, 0, QUEUED) ->
                word[task % SLOTS] = WORD(task, me, RUNNING);
                assert(!ran[task]);
                ran[task] = 1
            :: else -> task = 0; holds[me] = 0; goto next_hint
            fi
           }
#ifndef MUTANT_RESULT_LATE
           result[task % SLOTS] = task;
#endif
           atomic {                     /* compare-and-swap */
               assert(word[task % SLOTS] == WORD(task, me, RUNNING));
               word[task % SLOTS] = WORD(task, me, RETURNED)
           }
#ifdef MUTANT_RESULT_LATE
           result[task % SLOTS] = task;
#endif
push:      atomic {                     /* nobody reads the link before the slot is listed */
               seen = head;
               next[task % SLOTS] = seen
           }
           atomic {                     /* compare-and-swap */
               if
               :: head == seen ->
                   head = task % SLOTS;
                   assert(!listed[task % SLOTS]);
                   listed[task % SLOTS] = 1
               :: else -> goto push
               fi;
               task = 0;
               seen = 0;
               holds[me] = 0
           }
next_hint: skip
        od
    } unless {
        atomic { dead[me]; task = 0; seen = 0; holds[me] = 0; gone[me] = 1 }
    }
    !gone[me];                          /* a new worker takes the number */
    goto start
}

proctype Death() {
    /* At any moment; who holds nothing leaves nothing. First worker 0: both are alike. */
end_spared:
    atomic {
        if
        :: died < DEATHS && holds[0] && !dead[0] -> dead[0] = 1
        :: died < DEATHS && holds[1] && !dead[1] && died > 0 -> dead[1] = 1
        fi;
        died++;
        goto end_spared
    }
}

proctype Keeper() {
    byte w, slot, seen;

end_watch:
    atomic {
        if
        :: gone[0] -> w = 0
        :: gone[1] -> w = 1
        fi
    }
#ifdef MUTANT_SUCCESSOR_EARLY
    atomic { dead[w] = 0; gone[w] = 0 }
#endif
#ifdef MUTANT_DEATHS_FIRST
    deaths++;
#endif
    do
    :: slot < SLOTS ->
        seen = word[slot];
        if
        :: STATE(seen) == RUNNING && WORKER(seen) == w ->
#ifdef VARIANT_LOST_BY_STORE
            word[slot] = WORD(TASK(seen), w, LOST + ADRIFT)
#else
            atomic {                    /* compare-and-swap */
                if
                :: word[slot] == seen -> word[slot] = WORD(TASK(seen), w, LOST + ADRIFT)
                :: else
                fi
            }
#endif
#ifndef MUTANT_UNMARKED
        :: STATE(seen) == RETURNED && WORKER(seen) == w && !IS_ADRIFT(seen) ->
#ifdef MUTANT_MARK_BY_STORE
            word[slot] = seen + ADRIFT
#else
            atomic {                    /* compare-and-swap */
                if
                :: word[slot] == seen -> word[slot] = seen + ADRIFT
                :: else                 /* the owner has just collected it */
                fi
            }
#endif
#endif
#ifndef MUTANT_NO_REINJECTION
        :: STATE(seen) == QUEUED -> hints[TASK(seen)]++
#endif
        :: else
        fi;
        atomic { slot++; seen = 0 }
    :: else -> break
    od;
#ifdef MUTANT_NO_ADRIFT
    last_dead = w;
#endif
#ifndef MUTANT_DEATHS_FIRST
    deaths++;
#endif
#ifndef MUTANT_SUCCESSOR_EARLY
    atomic { dead[w] = 0; gone[w] = 0 }
#endif
    atomic { slot = 0; w = 0; goto end_watch }
}

inline collect(s) {                     /* read word and result, then free the slot */
    atomic {
        assert(!listed[s]);
        assert(!settled[TASK(word[s])]);
        settled[TASK(word[s])] = 1;
        count++;
        if
        :: STATE(word[s]) == RETURNED -> assert(result[s] == TASK(word[s]))
        :: STATE(word[s]) == LOST -> lost++; assert(lost <= died)
        :: else -> assert(false)
        fi
    }
    word[s] = FREE
}

inline drain() {
    atomic { slot = head; head = EMPTY }                /* exchange */
    do
    :: slot != EMPTY ->
        atomic { following = next[slot]; assert(listed[slot]); listed[slot] = 0 }
        collect(slot);
        atomic { slot = following; following = 0 }
    :: else -> break
    od;
    slot = 0
}

#ifdef MUTANT_NO_ADRIFT
#define IS_LEFT(word) (STATE(word) == LOST ||                                   \
                       STATE(word) == RETURNED && WORKER(word) == last_dead)
#else
#define IS_LEFT(word) IS_ADRIFT(word)
#endif

inline gather(s) {
    atomic {
        if
        :: IS_LEFT(word[s]) -> gathered[s] = word[s]
        :: else -> gathered[s] = 0
        fi
    }
}

#ifdef MUTANT_COLLECT_GATHERED
#define UNCHANGED(s) (gathered[s])
#else
#define UNCHANGED(s) (gathered[s] && gathered[s] == word[s])
#endif

inline collect_gathered(s) {
    if
    :: UNCHANGED(s) -> collect(s)
    :: else
    fi;
    gathered[s] = 0
}

proctype Owner() {
    byte submitted = SLOTS, count, slot, following, seen_deaths;
    byte gathered[SLOTS];

    do
    :: submitted < TASKS && word[submitted % SLOTS] == FREE ->
        word[submitted % SLOTS] = WORD(submitted, 0, QUEUED);
        atomic { hints[submitted]++; submitted++ }

    :: head != EMPTY -> drain()

    :: deaths != seen_deaths ->
#ifdef MUTANT_DRAIN_FIRST
        do
        :: seen_deaths = deaths;
            drain();
            gather(0);
            gather(1);
            if
            :: deaths == seen_deaths -> break
            :: else
            fi
        od;
#else
        seen_deaths = deaths;
        gather(0);
        gather(1);
        drain();
#endif
        collect_gathered(0);
        collect_gathered(1)

    :: count == TASKS -> break
    od
}

init {
    atomic {
        word[0] = WORD(0, 0, QUEUED);
        hints[0] = 1;
        word[1] = WORD(1, 0, QUEUED);
        hints[1] = 1;
        run Worker(0); run Worker(1); run Keeper(); run Owner(); run Death()
    }
}
