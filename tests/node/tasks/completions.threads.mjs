// Threads of completions.test.mjs.
import * as L from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, checkResult, endTask, eventsOf, runTask, takeCompletions} from '../support/pool.threads.mjs';
import {hintOf} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').Body} Body */

const DONE = 0; // signal: workers that have ended all their tasks

/**
 * Claims the tasks in `slots`, all of generation 1, and ends them in this order; the result's size is the
 * position in this order.
 * @type {Body}
 */
export function finisher({exports, test, participant}, {slots, pauses}, {note, signals}) {
  let woken = 0;
  for (let i = 0; i < slots.length; i++) {
    if (i % 100 === 0) note(`ended ${i}`);
    if (!test.claim(hintOf(slots[i], 1), participant)) throw new Error(`slot ${slots[i]} is not queued`);
    if (exports.task_finish(slots[i], participant, L.State.RETURNED, i, 0) === 2) woken++;
    for (let pause = pauses * (i % 50); pause > 0; pause--) test.injector_length(L.BATCH);
  }
  Atomics.add(signals, DONE, 1);
  return woken;
}

/**
 * A client that sleeps until it has had `count` completions. Returns for each worker the results' sizes in
 * order.
 * @type {Body}
 */
export function collector(core, {client, count, workers}, {note}) {
  /** @type {number[][]} */
  const sizes = Array.from({length: workers}, () => []);
  for (let pending = count, seen; ; core.exports.completions_wait(client, seen, -1)) {
    seen = eventsOf(core, client);
    let batch;
    while (
      (batch = takeCompletions(core, client, slot =>
        sizes[core.state(slot).participant].push(core.taskWord(slot, L.TASK_SIZE_WORD)),
      ))
    )
      pending -= batch;
    note(`waits for ${pending} of ${count}`);
    if (!pending) return sizes;
  }
}

/** Waits until something wakes it. Returns how far the event counter has moved. @type {Body} */
export function sleeper(core, {client, milliseconds, seen = eventsOf(core, client)}, {note}) {
  note('waits');
  core.exports.completions_wait(client, seen, milliseconds);
  return eventsOf(core, client) - seen;
}

/** A worker that tells a client by message when it has woken it. @type {Body} */
export function announcer(core, {port, count}, {note}) {
  const {exports, participant} = core;
  exports.worker_start(participant);
  for (let i = 0; i < count; i++) {
    note(`waits for task ${i}`);
    const task = exports.worker_next(participant, -1);
    const {id, returns} = runTask(core, task);
    if (endTask(core, task, id, returns) === 2) port.postMessage('completed');
  }
}

/** A host worker: submits and blocks for the outcomes, some at a time. @type {Body} */
export function host(core, {client: number, count}, {note}) {
  const client = new Client(core, number);
  const fn = client.addFunction(new Uint8Array(10));
  /** Id of the task of each ticket. @type {Map<number, number>} */
  const ids = new Map();
  for (let id = 0; id < count || ids.size; ) {
    for (let burst = (id % 7) + 1; burst > 0 && id < count; burst--, id++)
      ids.set(client.submit(fn, PLAIN, argumentsOf(id)), id);
    note(`submitted ${id} of ${count}, waits for ${ids.size}`);
    client.wait(-1);
    client.collect((ticket, outcome, address, size) => {
      checkResult(core, address, size, /** @type {number} */ (ids.get(ticket)));
      return ids.delete(ticket);
    });
  }
  client.close();
  return client.pending;
}

/**
 * A host that collects nothing, lets something happen, and then blocks until there is an outcome. Returns the
 * outcomes.
 * @type {Body}
 */
export function hostAt(core, {client: number}, {note, signals}) {
  const client = new Client(core, number);
  client.submit(client.addFunction(new Uint8Array(10)), PLAIN, argumentsOf(1));
  /** @type {number[]} */
  const outcomes = [];
  const collect = () => client.collect((_, outcome) => outcomes.push(outcome) > 0);
  collect();
  Atomics.store(signals, 1, 1);
  Atomics.wait(signals, 2, 0);
  while (!outcomes.length) {
    note('blocks');
    client.wait(-1);
    collect();
  }
  client.close();
  return outcomes;
}
