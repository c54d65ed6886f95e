/* heritage.pml: a client dies, and every slot that it owned comes free once, by its successor.
 *
 * Modelled: two slots of the client, each with a task that a worker of its own runs: it writes that it pushes, ends the task, pushes
 *   it on the completion list, takes that back, and looks whether the client has died meanwhile: then it marks the slot
 *   itself. The client takes its list and frees what was on it, and dies at any
 *   step; the keeper, which counts the death, then marks what nobody will push any more; the successor, which does as any client does after a
 *   death (steps a to d of recovery.c), and may die as well, DEATHS in all.
 * Abstracted: generations (a slot is marked by compare-and-swap of its word); deaths of workers (death.pml; what such a one had ended is ADRIFT from its own recovery on); sleeping: a
 *   client looks until there is nothing left (completions.pml, client.js: inherit).
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Properties
 *   once    a slot is freed once, and not while it lies on the list or will be pushed (assertions)
 *   freed   all slots come free, however often the client dies (no invalid end state)
 *   ends    nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   UNMARKED       what the dead client had taken from its list is left alone. That is how it was first: slots leaked
 *   MARKS_ALL      all that has ended is marked, also what will be pushed
 *   SAYS_LATE      a worker says that it pushes when it has ended the task already
 *   TAKEN_BACK     and no longer says so just before it pushes
 *   NO_LOOK_BACK   a worker does not look whether the client has died. That is how it was second: it had pushed and not yet
 *                  taken that back, the client had taken the slot, and died; the keeper left it alone
 *   LOOKS_EARLY    it looks before it takes that back
 *   COUNTS_LATE    the keeper counts the death after it has looked who pushes
 *   READ_FIRST     the keeper looks who pushes, then whether the task has ended
 *   DRAIN_FIRST    the successor takes its list, then notes what is marked
 */

#ifndef DEATHS
#define DEATHS 2
#endif
#define SLOTS 2
#define EMPTY 7

#define FREE 0
#define RUNNING 1
#define ENDED 2
#define ADRIFT 3                        /* ENDED, and marked */

byte state[SLOTS] = RUNNING;
bit pushes[SLOTS];                      /* of the slot's worker */
byte head = EMPTY;
byte next[SLOTS] = EMPTY;

byte recoveries;                        /* deaths of the client, as the keeper has counted them */
byte deaths;                            /* tells the client to look for what is marked */

bit dead;                               /* ghosts: the client takes no step any more; */
byte died;
bit listed[SLOTS];                      /* on the list, or about to be pushed on it */

#define OVER (state[0] == FREE && state[1] == FREE)

proctype Worker(byte me) {              /* runs the task of slot `me` */
    byte seen, before;

    before = recoveries;
#ifndef MUTANT_SAYS_LATE
    pushes[me] = 1;
#endif
    atomic { state[me] = ENDED; listed[me] = 1 }
#ifdef MUTANT_SAYS_LATE
    pushes[me] = 1;
#endif
#ifdef MUTANT_TAKEN_BACK
    pushes[me] = 0;
#endif
push:
    atomic { seen = head; next[me] = seen }
    atomic {                            /* compare-and-swap */
        if
        :: head == seen -> head = me
        :: else -> goto push
        fi;
        seen = 0
    }
#ifdef MUTANT_LOOKS_EARLY
    seen = recoveries;
    pushes[me] = 0;
#else
    pushes[me] = 0;
    seen = recoveries;
#endif
#ifndef MUTANT_NO_LOOK_BACK
    if
    :: seen != before ->
        atomic {                        /* compare-and-swap */
            if
            :: state[me] == ENDED -> state[me] = ADRIFT
            :: else
            fi
        }
        deaths++
    :: else
    fi;
#endif
    skip
}

inline collect(s) {
    atomic {
        assert(!listed[s]);
        assert(state[s] != FREE);
        state[s] = FREE
    }
}

inline take() {
    atomic {                            /* exchange; nobody else reads the links of what was taken */
        slot = head;
        head = EMPTY;
        if
        :: slot != EMPTY ->
            listed[slot] = 0;
            following = next[slot];
            if
            :: following != EMPTY -> listed[following] = 0
            :: else
            fi
        :: else -> following = EMPTY
        fi
    }
    if
    :: slot != EMPTY -> collect(slot)
    :: else
    fi;
    if
    :: following != EMPTY -> collect(following)
    :: else
    fi;
    atomic { slot = 0; following = 0 }
}

inline note() {
    noted[0] = (state[0] == ADRIFT);
    noted[1] = (state[1] == ADRIFT)
}

inline collect_noted(s) {
    if
    :: noted[s] && state[s] == ADRIFT -> collect(s)
    :: else
    fi;
    noted[s] = 0
}

proctype Client() {
    byte slot, following, seen;
    bit noted[SLOTS];

start:
    {
        do
        :: OVER -> break
        :: head != EMPTY -> take()
        :: deaths != seen ->
            seen = deaths;
#ifdef MUTANT_DRAIN_FIRST
            take();
            note();
#else
            note();
            take();
#endif
            collect_noted(0);
            collect_noted(1)
        od
    } unless {
        atomic { dead; slot = 0; following = 0; noted[0] = 0; noted[1] = 0 }
        goto recovery
    }
    goto end;
recovery:                               /* the keeper's */
#ifndef MUTANT_COUNTS_LATE
    recoveries++;
#endif
    do
    :: slot < SLOTS ->
#ifdef MUTANT_READ_FIRST
        noted[0] = pushes[slot];
        if
        :: state[slot] == ENDED && !noted[0] -> state[slot] = ADRIFT
        :: else
        fi;
        noted[0] = 0;
#elif !defined(MUTANT_UNMARKED)
        if
        :: state[slot] == ENDED ->
            if
#ifdef MUTANT_MARKS_ALL
            :: skip -> state[slot] = ADRIFT
#else
            :: !pushes[slot] -> state[slot] = ADRIFT
            :: else
#endif
            fi
        :: else
        fi;
#endif
        slot++
    :: else -> break
    od;
#ifdef MUTANT_COUNTS_LATE
    recoveries++;
#endif
    deaths++;
    atomic { slot = 0; seen = 0; dead = 0; goto start }
end:
    skip
}

proctype Death() {
end_spared:
    atomic { died < DEATHS && !dead && !OVER -> dead = 1; died++; goto end_spared }
}

init {
    atomic { run Worker(0); run Worker(1); run Client(); run Death() }
}
