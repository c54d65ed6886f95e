/* cancelling.pml: a task that is cancelled ends, also while others run on top of it and on top of what it waits for.
 *
 * Modelled: a task that spawns a job, which spawns a job, and so on, JOBS in all, the last of which, or any that does not spawn,
 *   ends only if it is cancelled; a task of somebody else's, which ends when it likes; workers that take what is queued, also on
 *   top of a task that waits; a client that cancels the first task at any moment; the doorbell and its handler.
 * Abstracted: queues and sleep (parking.pml, latch.pml): who waits for something goes on when it is there; masks and notes
 *   (promotion.pml): the handler runs between any two steps of its worker's tasks.
 *   The core's joins take only what belongs to them (promotion.md, "Waiting"; joins.pml). Here they take somebody else's task, too:
 *   this model is what runs under that rule and more, as it is where an interactive task, or one taken since an outcome finds
 *   no room, lies on top of others. Nor does the rule leave anything stuck that ends here: all jobs below the
 *   cancelled task belong to its join, and somebody else's waits for a worker that is free, which it has when these have ended.
 * One step is one access of shared memory, or one of a worker's own.
 *
 * Properties
 *   ends  the cancelled task ends (no invalid end state)
 *   only  nothing is cancelled but what it had spawned (assertion)
 *
 * Mutants, each of which must be rejected
 *   NOT_PASSED_ON   a cancelled task that is not innermost is only noted, for when it will be
 *   ASKS_INNERMOST  whoever lies on top is asked instead of what the cancelled task waits for
 *   RING_FIRST      the bell is rung before it is written who is asked to end
 *   QUEUED_LEFT     a job that nobody has claimed yet is neither taken back nor asked
 *   HELPS_FIRST     a join that was told to end takes one more task before it tells what it waits for
 *   START_UNSEEN    a task that was asked between its claim and its start does not look
 */

#ifndef JOBS
#define JOBS 3                          /* or 4 */
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#define TASKS (JOBS + 1)
#define OTHER JOBS                      /* somebody else's task */
#define NONE 15

mtype = { unborn, queued, running, ended };
mtype state[TASKS] = unborn;
byte runs_on[TASKS] = NONE;
bit asked[TASKS];
bit rung[WORKERS];

#if JOBS == 3
#define SOMETHING_QUEUED (state[0] == queued || state[1] == queued || state[2] == queued || state[OTHER] == queued)
#else
#define SOMETHING_QUEUED (state[0] == queued || state[1] == queued || state[2] == queued || state[3] == queued || \
                          state[OTHER] == queued)
#endif

#ifdef MUTANT_HELPS_FIRST
#define MAY_HELP 1
#else
#define MAY_HELP !due[top]              /* else it answers first */
#endif

inline ask(t) {                         /* t has been claimed */
#ifdef MUTANT_RING_FIRST
    rung[runs_on[t]] = 1;
    asked[t] = 1
#else
    asked[t] = 1;
    rung[runs_on[t]] = 1
#endif
}

inline cancel(t) {                      /* a job */
    if
#ifdef MUTANT_QUEUED_LEFT
    :: atomic { state[t] == queued || state[t] == unborn }
#else
    :: atomic { state[t] == queued -> state[t] = ended }
#endif
    :: atomic { state[t] == running }
       ask(t)
    :: atomic { state[t] == ended }
    fi
}

inline answer() {                       /* the handler */
    rung[me] = 0;
    t = top;
    do
    :: t == NONE -> break
    :: else ->
        if
        :: !asked[t] || told[t]
        :: else ->
            if
            :: t == top -> due[t] = 1
#ifndef MUTANT_NOT_PASSED_ON
            :: t != top && waits[t] ->
                told[t] = 1;
#ifdef MUTANT_ASKS_INNERMOST
                asked[top] = 1; due[top] = 1
#else
                cancel(t + 1)
#endif
#endif
            :: else
            fi
        fi;
        t = below[t]
    od;
    t = NONE
}

proctype Worker(byte me) {
    byte below[TASKS] = NONE;           /* its stack */
    byte top = NONE, t = NONE, taken = NONE;
    bit waits[TASKS], due[TASKS], told[TASKS];

    do
    :: rung[me] -> answer()

    /* ---- takes a task, also on top of one that waits ---- */
    :: atomic { (top == NONE || waits[top] && MAY_HELP) && SOMETHING_QUEUED ->
        if
        :: state[0] == queued -> taken = 0
        :: state[1] == queued -> taken = 1
        :: state[2] == queued -> taken = 2
#if JOBS > 3
        :: state[3] == queued -> taken = 3
#endif
        :: state[OTHER] == queued -> taken = OTHER
        fi;
        state[taken] = running;
        runs_on[taken] = me
       }
       if
       :: top == NONE && rung[me] -> answer()   /* a join is masked here */
       :: skip
       fi;
       atomic { below[taken] = top; top = taken; taken = NONE }
#ifndef MUTANT_START_UNSEEN
       due[top] = asked[top]
#endif

    /* ---- runs the innermost ---- */
    :: atomic { top != NONE && top + 1 < JOBS && !waits[top] && !due[top] ->     /* spawns */
        waits[top] = 1;
        state[top + 1] = queued
       }
    :: atomic { top != NONE && due[top] && waits[top] && !told[top] -> told[top] = 1 }
       cancel(top + 1)
    :: atomic { top != NONE && top != OTHER && (due[top] && !waits[top] || waits[top] && state[top + 1] == ended) ->
        state[top] = ended;
        top = below[top];
        if :: top != NONE -> due[top] = asked[top] :: else fi
       }
    :: atomic { top == OTHER ->
        assert(!asked[OTHER]);
        state[OTHER] = ended;
        top = below[OTHER];
        if :: top != NONE -> due[top] = asked[top] :: else fi
       }
    :: state[0] == ended && state[OTHER] == ended && top == NONE -> break
    od
}

init {
    atomic {
        state[0] = queued;
        state[OTHER] = queued;
        byte w;
        for (w : 0 .. WORKERS - 1) { run Worker(w) }
    }
    if                                  /* the client */
    :: atomic { state[0] == queued -> state[0] = ended }
    :: state[0] == running -> ask(0)
    fi
}
