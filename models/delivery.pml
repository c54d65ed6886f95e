/* A client's half of a call, from its submission to its future (web/penny/tasks/client.js, ports/client_port.js,
 * penny/engines/ported/delivery.py): web/penny/tasks/README.md.
 *
 * One interpreter, but several activities in it. A Frame submits and waits; another one only looks (a finalizer, which
 * runs whenever garbage is collected, or another stack of a page that can be suspended); the Loop delivers for the
 * event loop. Each may take over between any two steps of another: more than nesting allows, and all that
 * suspension does. Whoever completes a future runs its callback, which submits, waits for another call, cancels one,
 * raises, or does nothing. A call of the port is one step, since JavaScript calls nobody meanwhile.
 *
 * -DTHIRD: with the one that only looks. -DACTS: how much callbacks do, in all.
 * Left out: calls that wait for room, limits of time, a broken pool, sizes. A slot is used again at once.
 *
 * Properties: own    an outcome completes the future of its own call
 *             once   a future is completed once
 *             whole  what is taken for a batch is that batch
 *             all    every call that was submitted is over in the end, and whoever waits goes on
 *
 * Mutants:
 *   TICKET_IS_SLOT   a ticket is used again with its slot
 *   RECORDS_IN_FRAME what has arrived is kept by the delivery that took it
 *   KNOWN_LATE       the call is entered among the pending ones after it was submitted
 *   NOT_OFFERED      a batch is out of the port once it is in the inbox, not once it is taken
 *   CLAIMED_LATE     that the batch is taken is noted after its records have been, so that a note goes back
 *   TAKEN_UNSEEN     whether somebody has taken the batch meanwhile is not looked at after it was copied
 *   RAISES_AT_ONCE   what a callback raises ends the delivery
 *   LOOK_THEN_ASK    whether a future was completed is looked at before the promise is asked for
 *   TOLD_BY_LOOP     the promise resolves when the event loop has delivered, not when a future is completed
 *   TOLD_BY_COLLECT  the promise resolves when a batch is collected, by anybody
 *   CANCEL_UNTOLD    the promise does not resolve when somebody cancels
 *   LISTENS_NO_MORE  after a callback that raised nobody listens
 */

#define CALLS 3
#define SLOTS 2
#ifndef ACTS
#define ACTS 1                          /* how much callbacks do, in all */
#endif
#define NONE 9
#define LOOP 2                          /* frames 0 and 1, and the event loop */

byte owner[SLOTS] = NONE;               /* the port: ticket of each slot, */
byte running[SLOTS] = NONE;             /* the call in it, */
bit ended[SLOTS];                       /* whether it is over; */
byte inbox_ticket[SLOTS];               /* the batch in the inbox, its length and its number; */
byte inbox_call[SLOTS];
byte used;
byte batches;
bit told[2];                            /* the promises are resolved; */
bit listening = 1;                      /* the client has the event loop look */

byte pending[CALLS] = NONE;             /* the engine: call by ticket, */
byte taken;                             /* batches taken, */
bit moved[2];                           /* futures were completed since frame 0 or 1 last read their number; */
#ifdef MUTANT_RECORDS_IN_FRAME
chan arrived[9] = [4] of { byte, byte };
#define ARRIVED (me * 3 + depth)
#else
chan arrived[1] = [8] of { byte, byte };
#define ARRIVED 0
#endif

byte next_call;                         /* ghosts: calls submitted, */
bit done[CALLS];                        /* futures completed, */
byte acts = ACTS;                        /* and how often callbacks may do something more */

#define OVER(c) (c >= next_call || done[c])
#define ALL_OVER (OVER(0) && OVER(1) && OVER(2))
#define ENDED (ended[0] || ended[1])

inline tell() { told[0] = 1; told[1] = 1 }
inline move() { moved[0] = 1; moved[1] = 1 }

/* The port's part of a submission. */
inline port_submit() {
    if
    :: owner[0] == NONE -> s = 0
    :: owner[0] != NONE -> s = 1; assert(owner[1] == NONE)
    fi;
#ifdef MUTANT_TICKET_IS_SLOT
    ticket = s;
    pending[ticket] = call;
#endif
    owner[s] = ticket;
    running[s] = call;
    s = 0
}

inline submit() {
    atomic {
        call = next_call; ticket = call; next_call++
#if !defined(MUTANT_KNOWN_LATE) && !defined(MUTANT_TICKET_IS_SLOT)
        ; pending[ticket] = call;
#endif
        port_submit()
    }
#ifdef MUTANT_KNOWN_LATE
    pending[ticket] = call;
#endif
    call = 0; ticket = 0
}

/* Withdraws call c, unless it is over. */
inline cancel(c) {
    d_step {
        if
        :: running[0] == c && !ended[0] -> s = 0
        :: running[1] == c && !ended[1] -> s = 1
        :: else -> s = NONE
        fi;
        if
        :: s != NONE ->
            pending[owner[s]] = NONE;
            owner[s] = NONE; running[s] = NONE;
            done[c] = 1; move();
#ifndef MUTANT_CANCEL_UNTOLD
            tell()
#endif
        :: else
        fi;
        s = 0
    }
}

/* Takes the next batch, or the last one again. Its size; 0: there is none. */
inline collect() {
    d_step {
        batch = taken; size = 0;
        if
#ifndef MUTANT_NOT_OFFERED
        :: batch != batches -> size = used
#endif
        :: else ->
            used = 0;
            do
            :: s < SLOTS ->
                if
                :: ended[s] ->
                    inbox_ticket[used] = owner[s]; inbox_call[used] = running[s]; used++;
                    owner[s] = NONE; running[s] = NONE; ended[s] = 0
                :: else
                fi;
                s++
            :: else -> break
            od;
            s = 0; size = used;
            if
            :: used -> batches++;
#ifdef MUTANT_TOLD_BY_COLLECT
                tell()
#endif
            :: else
            fi
        fi
    }
}

proctype Frame(byte me) {
    byte call, ticket, s, batch, size, depth;
    byte copy_ticket[SLOTS], copy_call[SLOTS], copied;
    byte want[2] = NONE;                /* what is waited for, by a frame and by its callbacks; NONE: just a look */
    bit delivered, raised;

    if
    :: me == 0 -> submit(); submit();
        if
        :: want[0] = 1
        :: goto quit                    /* awaits them, say */
        fi
    :: me == 1
    :: me == LOOP -> goto rest
    fi;

wait:
    atomic {
        delivered = 0;
        if
        :: me != LOOP -> moved[me] = 0
        :: else
        fi
    }
    if
    :: atomic { want[depth] != NONE && done[want[depth]] -> goto over }
    :: atomic { else -> skip }
    fi;

deliver:
    if
    :: atomic { nempty(arrived[ARRIVED]) -> goto settle }
    :: atomic { empty(arrived[ARRIVED]) -> skip }
    fi;
    atomic {
        collect();
        if
        :: size == 0 -> batch = 0; goto settle
        :: else
        fi
    }
    d_step {                            /* a copy of the inbox */
        copy_ticket[0] = inbox_ticket[0]; copy_call[0] = inbox_call[0];
        copy_ticket[1] = inbox_ticket[1]; copy_call[1] = inbox_call[1];
        copied = batches
    }
#ifdef MUTANT_CLAIMED_LATE
    if
    :: taken != batch -> goto forget
    :: else
    fi;
    assert(copied == batch + 1);
    atomic {
        arrived[ARRIVED]!copy_ticket[0],copy_call[0];
        if
        :: size == 2 -> arrived[ARRIVED]!copy_ticket[1],copy_call[1]
        :: else
        fi
    }
    taken = batch + 1;
#else
    atomic {                            /* no call in between: nobody can interrupt */
#if !defined(MUTANT_TAKEN_UNSEEN) && !defined(MUTANT_NOT_OFFERED)
        if
        :: taken != batch -> goto forget
        :: else
        fi;
#endif
        assert(copied == batch + 1);
        taken = batch + 1;
        arrived[ARRIVED]!copy_ticket[0],copy_call[0];
        if
        :: size == 2 -> arrived[ARRIVED]!copy_ticket[1],copy_call[1]
        :: else
        fi
    }
#endif
forget:
    atomic { copy_ticket[0] = 0; copy_ticket[1] = 0; copy_call[0] = 0; copy_call[1] = 0; copied = 0; size = 0; batch = 0 }

settle:
    do
    :: atomic {
            nempty(arrived[ARRIVED]) -> arrived[ARRIVED]?ticket,call;
            if
            :: pending[ticket] == NONE -> call = 0; ticket = 0; goto settle     /* nobody knows it */
            :: else ->
                assert(pending[ticket] == call);
                pending[ticket] = NONE; ticket = 0
            fi
        }
        d_step {
            assert(!done[call]); done[call] = 1; move(); delivered = 1;
#if !defined(MUTANT_TOLD_BY_LOOP) && !defined(MUTANT_TOLD_BY_COLLECT)
            tell()
#endif
        }
        /* Its callback. */
        if
        :: call = 0
        :: atomic { acts && next_call == 2 && (owner[0] == NONE || owner[1] == NONE) -> acts--; submit() }
        :: atomic { acts -> acts--; call = 0; cancel(0) }
        :: atomic { acts -> acts--; call = 0; cancel(1) }
        :: atomic { acts && me != LOOP && depth < 1 && next_call == CALLS ->
                    acts--; depth++; want[depth] = 2; call = 0; goto wait }
        :: atomic { acts && me != LOOP && depth < 1 && call != 1 ->
                    acts--; depth++; want[depth] = 1; call = 0; goto wait }
        :: atomic { acts -> acts--; call = 0; raised = 1
#ifdef MUTANT_RAISES_AT_ONCE
            ; goto broken
#endif
           }
        fi
    :: empty(arrived[ARRIVED]) -> break
    od;
broken:
    atomic {
        call = 0; ticket = 0;
        if
        :: me == LOOP ->
            tell();
#ifdef MUTANT_LISTENS_NO_MORE
            listening = !raised;
#else
            listening = 1;
#endif
            raised = 0; delivered = 0;
            goto rest
        :: else -> raised = 0
        fi;
        if
        :: want[depth] == NONE -> goto over
        :: delivered -> delivered = 0; goto wait
        :: else
        fi
    }
#ifdef MUTANT_LOOK_THEN_ASK
    if
    :: atomic { moved[me] -> goto wait }
    :: atomic { else -> skip }
    fi;
    told[me] = 0;
#else
    told[me] = 0;                       /* the promise is asked for */
    if
    :: atomic { moved[me] -> goto wait }
    :: atomic { else -> skip }
    fi;
#endif
    atomic { told[me] -> goto wait }    /* suspended */

over:
    atomic {
        want[depth] = NONE; delivered = 0;
        if
        :: depth ->
            depth--;                    /* a callback's: on with the delivery that called it */
            delivered = 1;
            goto settle
        :: else -> goto quit
        fi
    }

rest:
end:
    atomic { listening && ENDED -> listening = 0; goto deliver }

quit:
    skip
}

active proctype Workers() {
end:
    do
    :: atomic { running[0] != NONE && !ended[0] -> ended[0] = 1 }
    :: atomic { running[1] != NONE && !ended[1] -> ended[1] = 1 }
    od
}

/* Nobody is stuck while a call is not over. */
active proctype Keeper() {
    next_call >= 2;
    ALL_OVER
}

init {
    atomic {
        run Frame(0); run Frame(LOOP);
#ifdef THIRD
        run Frame(1)
#endif
    }
}
