/* slots.pml: the slot's state word alone decides who runs a task.
 *
 * Modelled: two clients that allocate, fill, publish, cancel and collect; two workers that take
 *   hints, claim, run and return. A slot is one word (generation, worker, state); here is one slot,
 *   which three tasks use in turn. Hints (slot, generation) lie in a bag: in any order, client 0's
 *   twice (as after a recovery), perhaps stale (the task was cancelled, or its twin was quicker).
 * Abstracted: deques and injector (the bag; deque.pml, injector.pml), the completion lists (a
 *   flag each; completions.pml), sleeping (parking.pml), death (death.pml). A client waits for a
 *   free slot where the real one queues locally and goes on. Payload and result are one word each.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Properties
 *   once      each task is run exactly once or cancelled, never both (assertions)
 *   result    what the owner reads is that very task's result (assertion)
 *   ends      every task settles; no client waits for ever (no invalid end state, no cycle)
 *
 * Mutants, each of which must be rejected
 *   CLAIM_BY_STORE     load, compare, store: two holders of two hints both run the task
 *   CANCEL_BY_STORE    the same on the client's side: run and cancelled
 *   ALLOCATE_BY_STORE  the same between two clients: one slot for two tasks
 *   PUBLISH_EARLY      QUEUED before the payload is there
 *   RESULT_LATE        the result written when the owner may already read it
 *   FREE_EARLY         the slot given back before its result is read
 * Variant, which must hold
 *   NO_GENERATION      claims ignore the hint's generation. A stale hint then claims the slot's
 *                      present task, which is harmless: so the generation may wrap.
 */

#define CLIENTS 2
#define TASKS 3                         /* client 0 has two, client 1 has one */
#define FIRST(client) (2 * (client))
#define COUNT(client) (2 - (client))
#define NOBODY 3
#define NOTHING 15                      /* a payload or result that is no task's */

#define FREE 0
#define FILLING 1
#define QUEUED 2
#define RUNNING 3
#define RETURNED 4
#define CANCELLED 5

#define WORD(generation, worker, state) ((generation) * 32 + (worker) * 8 + (state))
#define GENERATION(word) ((word) / 32)
#define STATE(word) ((word) % 8)

short word = WORD(0, NOBODY, FREE);     /* one slot: that is where reuse is tightest */
byte payload = NOTHING;
byte result = NOTHING;

byte hints[TASKS];                      /* how many hints of each task lie in the bag ... */
byte hint_generation[TASKS];            /* ... and what they say */

bit completed[CLIENTS];                 /* the slot is on this client's completion list */

bit ran[TASKS], cancelled[TASKS];       /* ghosts */

inline compare_and_swap(cell, old, new, swapped) {
    d_step {
        swapped = (cell == old);
        if
        :: swapped -> cell = new
        :: else
        fi
    }
}

#define TAKE(t) hints[t] > 0 -> hints[t]--; generation = hint_generation[t]

proctype Worker(byte me) {
    byte generation, task;
    short seen;
    bit claimed;

end_idle:
    atomic {                            /* take any hint */
        if
        :: TAKE(0)
        :: TAKE(1)
        :: TAKE(2)
        fi
    }
    atomic {
        seen = word;
        if
#ifdef VARIANT_NO_GENERATION
        :: STATE(seen) == QUEUED -> generation = GENERATION(seen)
#else
        :: seen == WORD(generation, NOBODY, QUEUED)
#endif
        :: else -> goto drop            /* stale, or somebody was quicker */
        fi
    }
#ifdef MUTANT_CLAIM_BY_STORE
    atomic { word = WORD(generation, me, RUNNING); claimed = 1 }
#else
    compare_and_swap(word, seen, WORD(generation, me, RUNNING), claimed);
#endif
    if
    :: !claimed -> goto drop
    :: else
    fi;

    d_step {                            /* run */
        task = payload;
        assert(task != NOTHING);
        assert(!ran[task] && !cancelled[task]);
        ran[task] = 1
    }
#ifndef MUTANT_RESULT_LATE
    result = task;
#endif
    d_step {                            /* a compare-and-swap that nobody else can spoil */
        assert(word == WORD(generation, me, RUNNING));
        word = WORD(generation, me, RETURNED)
    }
    completed[task / 2] = 1;
#ifdef MUTANT_RESULT_LATE
    result = task;
#endif
drop:
    atomic { task = 0; generation = 0; seen = 0; claimed = 0; goto end_idle }
}

proctype Client(byte me) {
    byte submitted, settled, generation, task;
    short seen;
    bit swapped;
    bit pending[2], cancellable[2];

    do
    :: atomic {                         /* submit: a load that finds a free slot ... */
        submitted < COUNT(me) && STATE(word) == FREE ->
        seen = word;
        generation = GENERATION(seen) + 1;
        task = FIRST(me) + submitted
       }
                                        /* ... allocate it ... */
#ifdef MUTANT_ALLOCATE_BY_STORE
       atomic { word = WORD(generation, NOBODY, FILLING); swapped = 1 }
#else
       compare_and_swap(word, seen, WORD(generation, NOBODY, FILLING), swapped);
#endif
       if
       :: swapped ->                    /* ... fill, publish, and push the hint */
#ifdef MUTANT_PUBLISH_EARLY
           word = WORD(generation, NOBODY, QUEUED);
           d_step { hint_generation[task] = generation; hints[task] = 1 }
           payload = task;
#else
           payload = task;
           word = WORD(generation, NOBODY, QUEUED);
           d_step { hint_generation[task] = generation; hints[task] = 2 - me }
#endif
           d_step { pending[submitted] = 1; cancellable[submitted] = 1; submitted++ }
       :: else                          /* another client was quicker */
       fi;
       d_step { generation = 0; task = 0; seen = 0; swapped = 0 }

    :: atomic {                         /* cancel, tried once per task */
        if
        :: cancellable[0] -> task = 0
        :: cancellable[1] -> task = 1
        fi;
        cancellable[task] = 0;
        generation = hint_generation[FIRST(me) + task]  /* the client's own note */
       }
#ifdef MUTANT_CANCEL_BY_STORE
       swapped = (word == WORD(generation, NOBODY, QUEUED));
       if
       :: swapped -> word = WORD(generation, NOBODY, CANCELLED)
       :: else
       fi;
#else
       compare_and_swap(word, WORD(generation, NOBODY, QUEUED),
                        WORD(generation, NOBODY, CANCELLED), swapped);
#endif
       if
       :: swapped ->
           d_step {
               assert(!ran[FIRST(me) + task]);
               cancelled[FIRST(me) + task] = 1;
               pending[task] = 0;
               settled++
           }
           word = WORD(generation, NOBODY, FREE)        /* the hint stays in the bag, stale */
       :: else                          /* too late: it comes back on the completion list */
       fi;
       d_step { generation = 0; task = 0; swapped = 0 }

    :: d_step {                         /* collect */
        completed[me] ->
        completed[me] = 0;
        assert(STATE(word) == RETURNED);
        generation = GENERATION(word)
       }
#ifdef MUTANT_FREE_EARLY
       word = WORD(generation, NOBODY, FREE);
#endif
       d_step {
           task = result;
           assert(task != NOTHING && task / 2 == me);
           assert(hint_generation[task] == generation);
           assert(ran[task] && !cancelled[task]);
           assert(pending[task % 2]);
           pending[task % 2] = 0;
           cancellable[task % 2] = 0;
           settled++
       }
#ifndef MUTANT_FREE_EARLY
       word = WORD(generation, NOBODY, FREE);
#endif
       d_step { generation = 0; task = 0 }

    :: settled == COUNT(me) -> break
    od
}

init {
    atomic {
        run Worker(0); run Worker(1);
        run Client(0); run Client(1)
    }
}
