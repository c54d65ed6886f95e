// Threads of recovery.test.mjs.
import {Player} from '../support/player.mjs';
import {endTask} from '../support/pool.threads.mjs';
import {generator} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

/** Signal: the worker whose recovery the keeper shall begin, + 1. */
export const DEAD = 0;
/** Signal: the host submits no more. */
export const OVER = 1;

/** The keeper in a thread of its own, as it is for a client that is a host worker. @type {Body} */
export function keeper({exports}, _, {note, signals}) {
  Atomics.wait(signals, DEAD, 0);
  note('recovers');
  return exports.recover(Atomics.load(signals, DEAD) - 1);
}

/** A client that gives back a slot. @type {Body} */
export function freer({exports}, {slot, client}) {
  exports.task_free(slot, client);
}

/** A worker that ends the task that it has run. @type {Body} */
export function ender(core, {slot, id, size}) {
  return endTask(core, slot, id, size);
}

/** A host worker that keeps some tasks pending until it is over. Returns how they ended. @type {Body} */
export function host(core, {client: number, sizes}, {note, signals}) {
  const random = generator(number);
  const player = new Player(core, number);
  const {client, outcomes} = player;
  const size = () => sizes[random() % sizes.length];
  for (;;) {
    while (!Atomics.load(signals, OVER) && client.pending < 100)
      player.submit({size: size(), returns: size(), turns: random() % 2000});
    if (!client.pending) break;
    note(`submitted ${outcomes.length}, waits for ${client.pending}`);
    client.wait(-1);
    player.collect();
  }
  client.close();
  player.assertOver();
  return outcomes.flat();
}
