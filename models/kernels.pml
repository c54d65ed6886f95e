/* kernels.pml: kernels hear the hungry, by a plain word; and nobody uses a frame again while an orphan may write
 * to it.
 *
 * Modelled, without -DORPHANS: a worker that may sleep, wake up and then run a kernel which spawns until
 *   somebody has taken a job of it; calls that it takes for small, after one whose promotion was in vain; a thief that finds nothing, announces itself, asks, and sleeps: for a nap where
 *   the other one is awake, else without end; the attention word; the heartbeat, which the clock lets pass at any
 *   moment. -DPLAIN: without heartbeat and naps, so that nothing else makes up for a lost request. With -DORPHANS: a worker V that joins a job run by T, of which U runs a part, of which W runs a
 *   part; T dies, and then U may; the keeper's recovery; V's search for orphans.
 * Abstracted: a second thief (tests/native has it); the queues (a promoted job is taken at once by a thief that is awake), parking.pml has them; how tasks are
 *   claimed (slots.pml); latches (latch.pml). A spawn that finds the attention down does nothing that
 *   matters here, so the kernel waits for it to be up.
 * One step is one access of shared memory.
 *
 * Properties
 *   fed     a kernel that spawns feeds a hungry worker (no invalid end state)
 *   frames  V goes on after its join only when nothing of the lost job runs any more (assertion)
 *   ends    and it does go on (no invalid end state)
 *
 * Mutants, each of which must be rejected
 *   LOWER_LAST      the attention is lowered after the look at demand: who asked in between sleeps on (-DPLAIN)
 *   ASK_FIRST       the thief asks before it has announced itself: the look at demand finds nobody (-DPLAIN)
 *   AWAKE_UNSEEN    a worker that wakes up does not raise its attention: who fell asleep beside it did not ask it
 *   NOT_EAGER       it does, and may decline at once: the sleeper has no nap
 *   NO_NAP          the thief sleeps without end beside a kernel that has declined
 *   GOES_ON         V goes on when its job is LOST (-DORPHANS)
 *   BURIED_LATE     the dead one's stack is marked after its tasks are settled (-DORPHANS)
 *   SEARCHED_ONCE   a death during the search is not noticed (-DORPHANS)
 *   ELDERS_AWAITED  V waits for all orphans, also for the one whose part it is (-DORPHANS)
 */

#ifndef ORPHANS

bit attention, idle_thief, idle_victim, thief_asleep, nap, beat, fed, over;

proctype Clock() {                      /* the heartbeat passes when it likes */
end: do
    :: beat -> beat = 0
    od
}

proctype Thief() {
    do
    :: fed -> break
    :: else ->
#ifdef MUTANT_ASK_FIRST
        if
        :: !idle_victim -> attention = 1
        :: else
        fi;
        idle_thief = 1;
#else
        idle_thief = 1;                 /* announces itself */
        if                              /* asks whoever is awake */
        :: !idle_victim -> attention = 1
        :: else
        fi;
#endif
        nap = 0;
#if !defined(MUTANT_NO_NAP) && !defined(PLAIN)
        if                              /* how long it may sleep */
        :: !idle_victim -> nap = 1
        :: else
        fi;
#endif
        thief_asleep = idle_thief;      /* unless it was woken by now */
        do
        :: !idle_thief -> break         /* woken */
        :: idle_thief && nap ->         /* the nap is over: asks again */
            if
            :: !idle_victim -> attention = 1
            :: else
            fi;
            nap = 0;
            if
            :: !idle_victim -> nap = 1
            :: else
            fi
        od;
        thief_asleep = 0
    od
}

inline look() {                         /* the slow path of a spawn */
#ifndef MUTANT_LOWER_LAST
    attention = 0;
#endif
    hungry = idle_thief;
#ifdef MUTANT_LOWER_LAST
    if
    :: !hungry -> attention = 0
    :: else
    fi;
#endif
#ifndef PLAIN
    if
    :: hungry && small && !asked -> beat = 1
    :: else
    fi;
    asked = asked || hungry;
#endif
    if
    :: hungry && (!beat || eager) ->    /* promotes, and wakes it */
        eager = 0;                      /* nobody else is hungry */
        attention = 0;
#ifndef PLAIN
        beat = 1;
#endif
        promotions++;
        fed = (promotions == 2);        /* the first is taken back before the thief is there */
        idle_thief = 0
    :: !hungry -> eager = 0
    :: else
    fi
}

proctype Victim() {
    bit hungry, small, asked, eager = 1; /* its stack is new */
    byte promotions, sleeps;
    attention = 1;                      /* likewise */
    do
    :: fed -> break
    :: !fed && attention -> look()
#ifndef PLAIN
    :: !fed && asked && !small -> small = 1; asked = 0 /* the call has ended soon; the next one begins */
#endif
    :: !fed && sleeps < 1 ->            /* the kernel has ended; it sleeps, and is woken for the next */
        sleeps++;
        idle_victim = 1;
        idle_victim = 0;
#ifndef MUTANT_AWAKE_UNSEEN
#ifndef MUTANT_NOT_EAGER
        eager = 1;
#endif
        attention = 1
#endif
    od;
    over = 1
}

init { atomic { run Clock(); run Thief(); run Victim() } }

#else

/* Tasks: 0 is V's job, run by T; 1 is T's, run by U; 2 is U's, run by W. */
mtype = {RUNNING, ENDED, LOST};
mtype state[3] = RUNNING;
bit asked[3];
bit dead[2];                            /* the stacks of T and of U */
bit alive[2] = 1;
byte burials;

/* Task t, which lies in the stack of worker t - 1, ends only after what it has promoted, if its worker lives. */
proctype W() { do :: state[2] == RUNNING -> state[2] = ENDED; break od }

proctype U() {
    do
    :: atomic { !alive[1] -> break }
    :: atomic { alive[1] && state[2] != RUNNING -> state[1] = (state[1] == RUNNING -> ENDED : state[1]); break }
    od
}

inline recover(w) {                     /* the death of worker w (T is 0, U is 1), who runs task w */
#ifndef MUTANT_BURIED_LATE
    dead[w] = 1;
    burials++;
#endif
    atomic { if :: state[w] == RUNNING -> state[w] = LOST :: else fi };
    asked[w + 1] = 1;
#ifdef MUTANT_BURIED_LATE
    dead[w] = 1;
    burials++
#endif
}

proctype Keeper() {
    alive[0] = 0;
    recover(0);
    if
    :: atomic { alive[1] && state[1] == RUNNING -> alive[1] = 0 }; recover(1)
    :: skip
    fi
}

/* An older orphan, of which V's own job is a part. */
bit elder = 1, done;
proctype Elder() { done; elder = 0 }

proctype V() {
    byte seen;
    bit orphans;
    state[0] == LOST;                   /* the latch is set */
#ifdef MUTANT_ELDERS_AWAITED
    !elder;
#endif
#ifndef MUTANT_GOES_ON
    do
    :: seen = burials;
        orphans = 0;
        /* Slots in the order in which a death in between does harm. */
        if :: atomic { state[2] == RUNNING && dead[1] -> orphans = 1 } :: else fi;
        if :: atomic { state[1] == RUNNING && dead[0] -> orphans = 1 } :: else fi;
#ifndef MUTANT_SEARCHED_ONCE
        if :: seen != burials -> orphans = 1 :: else fi;
#endif
        if
        :: !orphans -> break
        :: else
        fi
    od;
#endif
    assert(state[1] != RUNNING && state[2] != RUNNING);
    done = 1
}

init { atomic { run W(); run U(); run Keeper(); run V(); run Elder() } }

#endif
