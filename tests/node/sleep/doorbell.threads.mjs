// Threads of doorbell.test.mjs.

/** @typedef {import('../support/threads.mjs').Body} Body */

/** Signals: how often each ringer was heard, from HEARD on; and the ringers that are done. */
const HEARD = 1;
const OVER = 0;

/**
 * A worker that hears its doorbell as Python does: the byte, then the reasons. Returns how often it heard each
 * ringer.
 * @type {Body}
 */
export function listener({exports, participant}, {ringers}, {note, signals}) {
  while (Atomics.load(signals, OVER) < ringers) {
    if (!exports.doorbell_take(participant)) continue;
    const reasons = exports.doorbell_reasons(participant);
    for (let number = 0; number < ringers; number++)
      if (reasons & (1 << number)) {
        Atomics.add(signals, HEARD + number, 1);
        Atomics.notify(signals, HEARD + number);
      }
    note(`heard ${signals.slice(HEARD, HEARD + ringers)}`);
  }
  return [...signals.slice(HEARD, HEARD + ringers)];
}

/** Rings for a reason of its own; each time again when it has been heard. @type {Body} */
export function ringer({test}, {victim, number, rounds}, {note, signals}) {
  for (let round = 1; round <= rounds; round++) {
    note(`rings for the time ${round}`);
    test.ring(victim, 1 << number);
    while (Atomics.load(signals, HEARD + number) < round)
      Atomics.wait(signals, HEARD + number, round - 1);
  }
  Atomics.add(signals, OVER, 1);
}
