// Trees of jobs on real threads: promotion, taking back, helping and joining all at once, also while threads are
// terminated.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {PAGE} from '../../../web/penny/core/core.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {argumentsOf, checkResult} from '../support/pool.threads.mjs';
import {assertEachOnce, generator, scene, sharedWords} from '../support/threads.mjs';
import {TREE, sizesOf} from './forkjoin.threads.mjs';

/** @typedef {ReturnType<typeof import('./forkjoin.threads.mjs').worker>} Counts */

const BODIES = new URL('forkjoin.threads.mjs', import.meta.url);

/** The page, which submits trees and counts how they end. */
class Forest {
  /** How often each job ran; node 0 of a tree is none. */
  ran = sharedWords(1000 * TREE);
  /** How each tree ended, by its number. @type {(number | undefined)[]} */
  outcomes = [];
  /** @type {Map<number, number>} */
  #trees = new Map();

  /**
   * @param {import('node:test').TestContext} t
   * @param {{workers: number, eager: number}} options
   */
  constructor(t, {workers, eager}) {
    const {core, crew} = scene(t, {workers});
    this.core = core;
    this.crew = crew;
    this.eager = eager;
    this.client = new Client(core, PAGE);
    t.after(() => this.client.close());
    this.table = this.client.addFunction(new Uint8Array(10));
    this.client.oncompletions = () => this.#collect();
    this.submit(); // the function gets its entry
    this.fn = this.table.entry;
    this.threads = Array.from({length: workers}, (_, number) => this.start(number));
  }

  /** @param {number} number */
  start(number) {
    const {fn, ran, eager} = this;
    return this.crew.start(BODIES, 'worker', number, {fn, ran, eager});
  }

  submit() {
    const tree = this.outcomes.push(undefined) - 1;
    const id = tree * TREE + 1;
    this.#trees.set(this.client.submit(this.table, PLAIN, argumentsOf(id, sizesOf(id))), tree);
  }

  #collect() {
    this.client.collect((ticket, outcome, address, size) => {
      const tree = /** @type {number} */ (this.#trees.get(ticket));
      if (outcome === Outcome.RETURNED) checkResult(this.core, address, size, tree * TREE + 1);
      this.outcomes[tree] = outcome;
      return this.#trees.delete(ticket);
    });
  }

  /** How often each job of a tree ran. @param {number} tree */
  runs(tree) {
    return this.ran.subarray(tree * TREE + 1, (tree + 1) * TREE);
  }

  /** When all trees have ended. Returns what the workers did. */
  async finish() {
    const {core, crew, client} = this;
    await crew.until(() => !client.pending, 'the end of all trees');
    await crew.until(() => core.exports.all_quiet(), 'the end of what nobody needs any more');
    core.exports.stop();
    /** @type {Record<string, number>} */
    const sum = {};
    for (const thread of this.threads)
      for (const [name, count] of Object.entries(await crew.result(thread)))
        sum[name] = (sum[name] ?? 0) + count;
    assert.deepEqual(core.parked, []);
    assert.equal(core.references(this.fn), 1);
    client.dropFunction(this.table);
    assert.equal(core.exports.heap_used(), 0);
    return sum;
  }
}

for (const [workers, eager, most] of [[1, 4, 10], [2, 1000, 1], [3, 10, 1], [3, 1, 2], [4, 3, 10]]) {
  const what = eager === 1 ? 'every job' : eager < 100 ? `one job of ${eager}` : 'what is asked for';
  test(`${workers} workers, ${most} trees at a time, promoted: ${what}`, async t => {
    const forest = new Forest(t, {workers, eager});
    const trees = 60;
    const {client, crew} = forest;
    await crew.go();
    while (forest.outcomes.length < trees) {
      if (client.pending < most) forest.submit();
      else await crew.until(() => client.pending < most, 'the end of a tree');
    }
    const counts = await forest.finish();
    for (let tree = 0; tree < trees; tree++) assertEachOnce(forest.runs(tree), `job of tree ${tree}`);
    assert.deepEqual(new Set(forest.outcomes), new Set([Outcome.RETURNED]));
    assert.equal(counts.promoted, counts.takenBack + counts.joined);
    assert.equal(counts.lost, 0);
    t.diagnostic(JSON.stringify(counts));
  });
}

test('threads terminated at random: no job runs twice, and nothing is left', async t => {
  const forest = new Forest(t, {workers: 3, eager: 3});
  const {core, crew, client, threads} = forest;
  const random = generator(23);
  const deaths = 15;
  await crew.go();
  for (let death = 0; death < deaths; death++) {
    while (client.pending < 2) forest.submit();
    const number = random() % threads.length;
    await crew.patiently(threads[number].ready, 'a thread ready');
    await new Promise(resolve => setTimeout(resolve, random() % 15));
    await threads[number].terminate();
    core.exports.recover(number);
    assert.equal(core.exports.reinject(), 0);
    threads[number] = forest.start(number);
  }
  while (client.pending < 2) forest.submit();
  const counts = await forest.finish();
  const {RETURNED, LOST} = Outcome;
  const lost = forest.outcomes.filter(outcome => outcome === LOST).length;
  forest.outcomes.forEach((outcome, tree) => {
    assert.ok(outcome === RETURNED || outcome === LOST);
    const most = Math.max(...forest.runs(tree));
    assert.ok(most <= 1, `a job of tree ${tree} ran ${most} times`);
  });
  t.diagnostic(`${forest.outcomes.length} trees, ${lost} lost in ${deaths} deaths; ${JSON.stringify(counts)}`);
});
