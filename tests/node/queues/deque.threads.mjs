// Threads of deque.test.mjs. Hints are numbers from 0 on, and `tally` counts how often each was had.
import {NONE, generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

const OVER = 0; // the signal that the owner has pushed all and the deque is empty

/** Pushes all hints; pops now and then, in bursts, and what is left at the end. @type {Body} */
export function owner({participant: me, test}, {tally, popping, seed}, {note, signals}) {
  const random = generator(seed);
  const pop = () => {
    const hint = test.deque_pop(me) >>> 0;
    if (hint === NONE) return false;
    Atomics.add(tally, hint, 1);
    return true;
  };
  for (let hint = 0, rounds = 0; hint < tally.length; rounds++) {
    if (rounds % 1000 === 0) note(`pushed ${hint} of ${tally.length}`);
    for (let burst = random() % 100; burst >= 0 && hint < tally.length; burst--)
      if (test.deque_push(me, hint)) hint++;
    if (popping) for (let burst = random() % 100; burst > 0; burst--) pop();
  }
  note('pops what is left');
  if (popping) while (pop());
  while (!test.deque_looks_empty(me));
  Atomics.store(signals, OVER, 1);
}

/** Pushes one hint and pops at once, so that owner and thieves race for the last entry. @type {Body} */
export function lastPopper({participant: me, test}, {tally}, {note, signals}) {
  let won = 0;
  for (let hint = 0; hint < tally.length; hint++) {
    if (hint % 1000 === 0) note(`pushed ${hint}`);
    if (!test.deque_push(me, hint)) throw new Error('full, with one entry');
    for (let pause = hint % 32; pause > 0; pause--) test.deque_looks_empty(me);
    const popped = test.deque_pop(me) >>> 0;
    if (popped === NONE) continue;
    Atomics.add(tally, popped, 1);
    won++;
  }
  Atomics.store(signals, OVER, 1);
  return won;
}

/** Steals until the owner is done; returns the hints in the order in which it had them. @type {Body} */
export function thief({test}, {tally, victim}, {note, signals}) {
  const stolen = [];
  while (!Atomics.load(signals, OVER)) {
    const hint = test.deque_steal(victim) >>> 0;
    if (hint === NONE) continue;
    Atomics.add(tally, hint, 1);
    if (stolen.push(hint) % 1000 === 0) note(`stole ${stolen.length}`);
  }
  return stolen;
}
