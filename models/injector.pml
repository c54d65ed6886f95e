/* injector.pml: the injector, a bounded queue of many producers and many consumers.
 *
 * Modelled: a ring of N cells, each one word (full?, position, value), and the positions head and
 *   tail. An operation takes effect by one compare-and-swap of a cell; head and tail only follow,
 *   and whoever finds them behind helps. Two producers, two consumers; -DMORTAL: one of them dies
 *   at any step. Positions wrap at TURN, and the runs start just before the wrap.
 * Abstracted: the values, and what a consumer does that found the ring empty, or a producer that
 *   found it full: it waits (sees a ghost) until that has changed. Nobody sleeps between a load and
 *   its compare-and-swap through so many operations that the positions come round: TURN is a
 *   multiple of N, at least 4 N here, 2^32 there.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * Cells: EMPTY(p) waits for the value of position p, FULL(p, v) holds it. A cell goes EMPTY(p),
 *   FULL(p), EMPTY(p + N), FULL(p + N) and so on, and never back.
 *
 * Properties, against a ghost: a plain bounded queue that changes in the same step as a cell
 *   once      every value that went in comes out once; first in, first out; never more than N in
 *             (assertions). A dead producer's last value is in or not; a dead consumer takes at
 *             most one with it
 *   honest    "full" and "empty" were true at some moment of the call (assertions)
 *   free      nobody waits for anybody: wherever one stops, the others finish (no cycle, no invalid
 *             end state)
 *
 * Mutants, each of which must be rejected
 *   TICKET            tail taken by fetch-and-add: who dies with a ticket blocks the ring
 *   NO_TAG            a cell's compare-and-swap compares all but the position: one of an old lap
 *                     hits a new one
 *   NO_HELP           nobody but its owner moves head or tail on
 *   HELP_THIS_LAP     only what this lap can show is helped: a consumer helps head on when it sees
 *                     EMPTY(h + N), but retries at FULL(h + N), a producer at FULL(t) but not at
 *                     EMPTY(t + N). That is how it was first drafted; a death, then one more
 *                     operation of the other kind, and all the survivors turn in circles
 *   TAIL_FIRST        tail moved before the cell is written
 *   FULL_ASKS_HEAD    "full" only when head agrees, else retry: producers turn in circles while a
 *                     consumer rests between its two steps. The cell alone proves it
 *   FULL_BY_POSITIONS "full" concluded from tail and head, though head may lag
 */

#define N 2
#define TURN 8
#define START 6                         /* two operations before the wrap */
#ifndef VALUES
#define VALUES 4                        /* producer 0 has two of them */
#endif
#define COUNT(producer) (producer == 0 -> 2 : VALUES - 2)
#define NOBODY 7

#define PLUS(p, n) (((p) + (n)) % TURN)
#define EMPTY(p) ((p) * 16)
#define FULL(p, v) ((p) * 16 + 8 + (v))
#define POSITION(cell) ((cell) / 16)
#define IS_FULL(cell) ((cell) & 8)
#define VALUE(cell) ((cell) & 7)

byte cell[N];
byte head = START, tail = START;

chan queue = [N] of { byte };           /* ghosts: what is inside, in order; */
bit saw_full[2], saw_empty[2];          /* was it full, empty, since this call began? */
byte through;                           /* producers that are; */
byte doomed = NOBODY;                   /* who died: a producer, or 2 + consumer */

#ifdef MUTANT_NO_TAG
#define SAME(a, b) ((a) % 16 == (b) % 16)
#else
#define SAME(a, b) ((a) == (b))
#endif

inline advance(end, p) {                /* compare-and-swap, by the owner or a helper */
    atomic {
        if
        :: end == p -> end = PLUS(p, 1)
        :: else
        fi
    }
}

inline went_in(v) {
    assert(len(queue) < N);
    queue!v;
    saw_full[0] = saw_full[0] | (len(queue) == N);
    saw_full[1] = saw_full[1] | (len(queue) == N)
}

inline came_out(v) {
    assert(len(queue) > 0);
    queue?expected;
    assert(expected == v);
    expected = 0;
    saw_empty[0] = saw_empty[0] | (len(queue) == 0);
    saw_empty[1] = saw_empty[1] | (len(queue) == 0)
}

proctype Producer(byte me) {
    byte t, c, put;

    {
        skip;
enqueue:
        atomic {
            if
            :: put == COUNT(me) -> goto finished
            :: else -> saw_full[me] = (len(queue) == N)
            fi
        }
#ifdef MUTANT_TICKET
        atomic { t = tail; tail = PLUS(t, 1) }
        do
        :: cell[t % N] == EMPTY(t) -> break
        :: else
        od;
        atomic { cell[t % N] = FULL(t, me * 2 + put); went_in(me * 2 + put); put++; t = 0 }
        goto enqueue;
#else
retry:  t = tail;
#ifdef MUTANT_FULL_BY_POSITIONS
        if
        :: head == PLUS(t, TURN - N) -> goto found_full
        :: else
        fi;
#endif
        atomic {
            c = cell[t % N];
            if
            :: c == EMPTY(t) -> c = 0
            :: IS_FULL(c) && POSITION(c) == t -> c = 0; goto help
#ifndef MUTANT_HELP_THIS_LAP
            :: c == EMPTY(PLUS(t, N)) -> c = 0; goto help
#endif
            :: IS_FULL(c) && POSITION(c) == PLUS(t, TURN - N) -> c = 0; goto found_full
            :: else -> c = 0; goto retry                /* tail has moved since we read it */
            fi
        }
#ifdef MUTANT_TAIL_FIRST
        atomic {
            if
            :: tail == t -> tail = PLUS(t, 1)
            :: else -> goto retry
            fi
        }
        atomic { cell[t % N] = FULL(t, me * 2 + put); went_in(me * 2 + put); put++; t = 0 }
        goto enqueue;
#else
        atomic {                        /* compare-and-swap: this puts it in */
            if
            :: SAME(cell[t % N], EMPTY(t)) ->
                cell[t % N] = FULL(t, me * 2 + put);
                went_in(me * 2 + put);
                put++
            :: else -> goto retry
            fi
        }
        advance(tail, t);
        t = 0;
        goto enqueue;
#endif
help:
#ifndef MUTANT_NO_HELP
        advance(tail, t);
#endif
        goto retry;
found_full:
#ifdef MUTANT_FULL_ASKS_HEAD
        if
        :: head == PLUS(t, TURN - N)
        :: else -> goto retry
        fi;
#endif
        atomic { assert(saw_full[me]); t = 0 }
        len(queue) < N;                   /* the caller does something else, then tries again */
        goto enqueue;
#endif
finished:
        through++
    } unless {
        atomic { doomed == me; through++ }
    }
}

proctype Consumer(byte me) {
    byte h, c, expected;

    {
        skip;
dequeue:
        saw_empty[me] = (len(queue) == 0);
retry:  h = head;
        atomic {
            c = cell[h % N];
            if
            :: IS_FULL(c) && POSITION(c) == h
            :: c == EMPTY(PLUS(h, N)) -> c = 0; goto help
#ifndef MUTANT_HELP_THIS_LAP
            :: IS_FULL(c) && POSITION(c) == PLUS(h, N) -> c = 0; goto help
#endif
            :: c == EMPTY(h) -> c = 0; goto found_empty
            :: else -> c = 0; goto retry                /* head has moved since we read it */
            fi
        }
        atomic {                        /* compare-and-swap: this takes it out */
            if
            :: SAME(cell[h % N], c) ->
                cell[h % N] = EMPTY(PLUS(h, N));
                came_out(VALUE(c));
                c = 0
            :: else -> c = 0; goto retry
            fi
        }
        advance(head, h);
        h = 0;
        goto dequeue;
help:
#ifndef MUTANT_NO_HELP
        advance(head, h);
#endif
        goto retry;
found_empty:
        atomic { assert(saw_empty[me]); h = 0 }
        if                              /* the caller parks */
        :: len(queue) > 0 -> goto dequeue
        :: (len(queue) == 0) && through == 2
        fi
    } unless {
        doomed == 2 + me
    }
}

#ifdef MORTAL
proctype Death() {                      /* at any moment; the others are alike */
    if
    :: doomed = 0
    :: doomed = 2
    fi
}
#endif

init {
    atomic {
        cell[START % N] = EMPTY(START);
        cell[(START + 1) % N] = EMPTY(START + 1);
        run Producer(0); run Producer(1); run Consumer(0); run Consumer(1);
#ifdef MORTAL
        run Death()
#endif
    }
}
