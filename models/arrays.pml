/* arrays.pml: a shared array is freed once, when nobody holds it and no slot carries it, whoever dies.
 *
 * Modelled: one array and two slots. The page makes the array, has slot 0 carry it, and lets go. The worker
 *   takes a hold while slot 0 carries it, uses it, lets slot 0 go, has slot 1 carry it, lets go itself. Another
 *   takes a hold while slot 1 carries it, uses it, and so on to the end. The worker may die at any step (DEATHS 1);
 *   then the keeper settles its slots, clears its bit, and looks.
 *   ASKED: at any time the page asks for the array by its name, as one does that kept a pickle of it, and uses it
 *   if it gets it. AGAIN: page and worker do
 *   no more than that, and the number is used again, for a second array.
 * Abstracted: what says whose a slot is, and that it has something (slots.pml): `sent`. Lists: a slot
 *   carries the array or not. `moves` does not wrap.
 * One step is one atomic access of shared memory; in WebAssembly all are sequentially consistent.
 *
 * The steps of holding, carrying and letting go are those in the header of arrays.c.
 *
 * Properties
 *   kept        who holds the array, or takes it from a slot, finds it alive (assertions)
 *   freed       it is freed in the end (no invalid end state), once (assertion)
 *   ends        nobody retries for ever (no cycle)
 *
 * Mutants, each of which must be rejected
 *   CARRY_UNMOVED         no move when a slot is made to carry it
 *   MOVE_FIRST            the move before the slot's list
 *   HOLD_UNMOVED          who takes a hold looks whether it is alive, and does not move it
 *   HOLD_LATE             who takes it from a slot lets the slot go first
 *   DROPS_EARLY           who has a slot carry it lets go before that
 *   CLAIM_BY_STORE        not by compare-and-swap
 *   FAILED_UNSEEN         who got no hold clears its bit and does not look: the bit was in the way
 *   UNCARRY_UNSEEN        who lets a slot go does not look
 *   KEEPER_UNSEEN         the keeper does not look: the dead one had let go, and not looked
 *   BIT_LEFT              it leaves the dead one's bit
 *   FREEING_LEFT          the dead one was freeing it
 *   SLOT_LEFT             it leaves what the dead one's slot carried
 * Variants, which must hold
 *   HOLDERS_FIRST         who lets go looks at the holders, and at the slots after that: both ways are moves
 *   NO_RETRY              if the claim fails, somebody has moved it, and will look in his turn
 */

#ifndef DEATHS
#define DEATHS 1
#endif

#define PAGE 0
#define WORKER 1
#define OTHER 2
#define KEEPER 3

#define NOBODY 9

#define NO_ARRAY 0
#define ALIVE 1
#define FREEING 2

byte state = ALIVE;             /* state, serial and moves are one word, life */
byte serial = 1;
byte moves;
byte who;                       /* frees it */
bit block = 1;
bit holder[3];
bit carried[2];
bit sent[2];                    /* the slot is the next one's */
byte freed;                     /* how many arrays */
byte running;                   /* who has not come to an end */
bit dead, ended, recovered;     /* the worker; it is one or the other */

/* The block is another's from here on. */
inline free() {
    d_step {
        assert(freed + 1 == serial);
        block = 0;
        freed++
    }
    state = NO_ARRAY
}

/* Steps 2 to 5 of letting go. */
inline look(me) {
    do
    ::  d_step { l_state = state; l_serial = serial; l_moves = moves }
        if :: l_state != ALIVE -> break :: else fi;
#ifdef VARIANT_HOLDERS_FIRST
        if :: holder[PAGE] -> break :: else fi;
        if :: holder[WORKER] -> break :: else fi;
        if :: holder[OTHER] -> break :: else fi;
#endif
        if :: carried[0] -> break :: else fi;
        if :: carried[1] -> break :: else fi;
#ifndef VARIANT_HOLDERS_FIRST
        if :: holder[PAGE] -> break :: else fi;
        if :: holder[WORKER] -> break :: else fi;
        if :: holder[OTHER] -> break :: else fi;
#endif
        l_free = 0;
#ifdef MUTANT_CLAIM_BY_STORE
        d_step { state = FREEING; who = me; l_free = 1 }
#else
        d_step {                /* compare-and-swap */
            if
            :: state == l_state && serial == l_serial && moves == l_moves ->
                state = FREEING; who = me; l_free = 1
            :: else
            fi
        }
#endif
        if
        :: l_free ->
            free();
            break
#ifdef VARIANT_NO_RETRY
        :: else -> break
#else
        :: else                 /* it has moved since */
#endif
        fi
    od;
    atomic { l_state = 0; l_serial = 0; l_moves = 0; l_free = 0 }
}

/* Sets `got`. */
inline hold(me, wanted) {
    holder[me] = 1;
#ifdef MUTANT_HOLD_UNMOVED
    got = state == ALIVE && serial == wanted;
#else
    d_step {
        got = state == ALIVE && serial == wanted;
        if :: got -> moves++ :: else fi
    }
#endif
}

inline carry(slot) {
#ifdef MUTANT_MOVE_FIRST
    moves++;
    carried[slot] = 1
#else
    carried[slot] = 1;
#ifndef MUTANT_CARRY_UNMOVED
    moves++
#endif
#endif
}

/* The array of this serial is there, and stays. */
inline use(wanted) {
    assert(state == ALIVE && serial == wanted)
}

proctype Page() {
    byte l_state, l_serial, l_moves;
    bit got, l_free;

#ifndef AGAIN
    carry(0);
#endif
    holder[PAGE] = 0;
    sent[0] = 1;
    look(PAGE);
    running--
}

/* By the name of the first array, once. */
proctype Asker() {
    byte l_state, l_serial, l_moves;
    bit got, l_free;

    !holder[PAGE];              /* else it need not ask */
    hold(PAGE, 1);
    if
    :: got -> use(1)
    :: else
    fi;
    holder[PAGE] = 0;
#ifdef MUTANT_FAILED_UNSEEN
    if :: got -> look(PAGE) :: else fi;
#else
    look(PAGE);
#endif
    atomic { got = 0; running-- }
}

#ifdef AGAIN
/* Somebody makes another array, under the number of the first. */
proctype Maker() {
    byte l_state, l_serial, l_moves;
    bit l_free;

    state == NO_ARRAY;
    atomic { state == NO_ARRAY -> state = NOBODY; serial++ }    /* MAKING */
    block = 1;
    holder[OTHER] = 1;
    state = ALIVE;
    use(2);
    holder[OTHER] = 0;
    look(OTHER);
    running--
}
#endif

/* Takes the array from a slot, and goes on with it. */
proctype Worker() {
    byte l_state, l_serial, l_moves;
    bit got, l_free;

    {
        sent[0];
#ifdef MUTANT_HOLD_LATE
        carried[0] = 0;
        look(WORKER);
        hold(WORKER, 1);
        assert(got);
#else
        hold(WORKER, 1);
        assert(got);
#endif
        use(1);
        carried[0] = 0;
        look(WORKER);
#ifdef MUTANT_DROPS_EARLY
        holder[WORKER] = 0;
        carry(1);
#else
        carry(1);
        holder[WORKER] = 0;
#endif
        sent[1] = 1;
        look(WORKER);
        atomic { running--; ended = 1; recovered = 1 }  /* it dies no more */
    } unless {
        dead
    }
}

proctype Keeper() {
    byte l_state, l_serial, l_moves;
    bit l_free;

    if
#if DEATHS
    :: d_step { !ended -> dead = 1 }                    /* at any moment */
#endif
    :: ended -> goto over
    fi;
    /* What the dead one was running, and what it had not sent yet. */
#ifndef MUTANT_SLOT_LEFT
    sent[0];                    /* else another worker would have the task */
    if
    :: carried[0] -> carried[0] = 0; look(KEEPER)
    :: else
    fi;
    if
    :: !sent[1] && carried[1] -> carried[1] = 0; look(KEEPER)
    :: else
    fi;
#endif
#ifndef MUTANT_BIT_LEFT
    holder[WORKER] = 0;
#endif
#ifndef MUTANT_KEEPER_UNSEEN
    look(KEEPER);
#endif
#ifndef MUTANT_FREEING_LEFT
    if
    :: d_step { state == FREEING && who == WORKER -> who = KEEPER };
        if
        :: block -> free()
        :: else -> state = NO_ARRAY
        fi
    :: else
    fi;
#endif
    atomic { recovered = 1; running-- };
over:
    skip
}

proctype Other() {
    byte l_state, l_serial, l_moves;
    bit got, l_free;

    if
    :: sent[1] ->
        hold(OTHER, 1);
        assert(got);
        use(1);
        holder[OTHER] = 0;      /* and its task goes on without */
        look(OTHER);
        carried[1] = 0;
#ifndef MUTANT_UNCARRY_UNSEEN
        look(OTHER)
#endif
    :: recovered && !sent[1]
    fi;
    running--
}

/* The end: whatever was made is free. */
proctype End() {
    running == 0 && recovered;
    freed == serial && state == NO_ARRAY
}

init {
    atomic {
        holder[PAGE] = 1;
        run Page(); run End();
        running = 1;
#ifdef ASKED
        running++; run Asker();
#endif
#ifdef AGAIN
        running++; run Maker();
        recovered = 1           /* nobody else is there */
#else
        running = running + 2;
        run Worker(); run Keeper(); run Other()
#endif
    }
}
