// Kernels on real threads: each job runs once wherever it runs; what goes wrong is an exception in the caller, and the
// worker goes on.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import * as L from '../../../web/penny/core/layout.js';
import {Outcome} from '../../../web/penny/core/layout.js';
import {signaturesOf} from '../../../web/penny/kernels/binary.js';
import {KernelModules} from '../../../web/penny/kernels/modules.js';
import {hasNativeCompiler, kernelModule, runNatively} from '../support/build.mjs';
import {State, assertEachOnce, generator, scene} from '../support/threads.mjs';
import {KernelPage} from './kernels.threads.mjs';

const MODULE = kernelModule('kernels');

/**
 * A page and its workers, which run, with the test's kernels as module 1.
 * @param {import('node:test').TestContext} t
 * @param {{workers?: number, heap?: number}} [options]
 */
async function open(t, {workers = 2, heap} = {}) {
  const page = new KernelPage(scene(t, {workers, heap}), t, workers);
  assert.equal(page.modules.add(MODULE), 1);
  await page.crew.go();
  return page;
}

/** The numbers of a tree's nodes, added up. @param {number} nodes one more than its nodes */
const treeSum = nodes => (nodes * (nodes - 1)) / 2;

for (const [kernel, workers, turns] of /** @type {[string, number, number][]} */ ([
  ['tree', 1, 0],
  ['tree', 2, 300],
  ['tree', 4, 100],
  ['calls', 1, 0],
  ['calls', 2, 0],
  ['calls', 2, 300],
  ['calls', 4, 100],
])) {
  test(`${kernel} on ${workers} workers, ${turns} turns a node: each job once`, async t => {
    const page = await open(t, {workers});
    const nodes = 20_000;
    for (let tree = 0; tree < 10; tree++) {
      const ran = page.words(nodes);
      const {value} = await page.call(1, kernel, [ran, nodes, turns, 0]);
      assert.equal(value, treeSum(nodes));
      assertEachOnce(page.view(ran, nodes).subarray(1), 'node');
    }
    const counts = await page.finish();
    if (workers === 1) assert.equal(counts.jobs, 0);
    t.diagnostic(JSON.stringify(counts));
  });
}

test('jobs joined in any order run once each', async t => {
  const page = await open(t);
  for (const step of [1, 63, 7, 33])
    for (const turns of [0, 3000]) {
      const ran = page.words(64);
      assert.deepEqual((await page.call(1, 'list', [ran, 64, turns, step])).error, undefined);
      assertEachOnce(page.view(ran, 64), 'job');
    }
  await page.finish();
});

test('a chain of calls longer than a lane', async t => {
  const page = await open(t);
  for (const depth of [510, 511, 512, 3000]) assert.equal((await page.call(1, 'chain', [depth])).value, depth + 1);
  assert.equal((await page.call(1, 'open_lanes', [20])).error, undefined);
  await page.finish();
});

test('a loop is split where somebody is hungry, and runs each index once', async t => {
  const page = await open(t, {workers: 3});
  /** @param {number} n @param {number} grain @param {number} turns */
  const loop = async (n, grain, turns) => {
    const ran = page.words(n + 1);
    assert.equal((await page.call(1, 'loop', [ran, n, grain, turns])).error, undefined);
    assertEachOnce(page.view(ran, n), 'index');
  };
  for (const [n, grain] of [[0, 1], [1, 1], [1000, 7], [50, 0], [50, 1000]]) await loop(n, grain, 1000);
  const stolen = () => page.core.workerStatistics(3).reduce((sum, worker) => sum + worker.promoted, 0);
  for (const deadline = Date.now() + 20_000; !stolen(); await loop(1000, 1, 9000))
    assert.ok(Date.now() < deadline, 'nobody gets anything of a loop');
  await page.finish();
});

test('small calls in a row wake nobody; a large one after them is shared', async t => {
  const page = await open(t);
  const promoted = () => page.core.workerStatistics(2).reduce((sum, worker) => sum + worker.promoted, 0);
  const times = 100_000;
  const {value} = await page.call(1, 'fib', [8], null, null, [[10], times]);
  assert.equal(value, 21);
  // Each lasts a microsecond; a heartbeat alone would let hundreds through.
  assert.ok(promoted() < times / 1000, `${promoted()} promoted`);
  const before = promoted();
  for (const deadline = Date.now() + 20_000; promoted() === before; ) {
    assert.ok(Date.now() < deadline, 'nobody gets anything of a large call after small ones');
    assert.equal((await page.call(1, 'fib', [30], null, null, [[10], 1000])).value, 832040);
  }
  await page.finish();
});

test('a range of calls', async t => {
  const page = await open(t, {workers: 1});
  const ran = page.words(100);
  assert.equal((await page.call(1, 'count', [ran, 100], 5, 100)).error, undefined);
  assert.deepEqual([...page.view(ran, 100)], [...Array(5).fill(0), ...Array(95).fill(1)]);
  const {error, message} = await page.call(1, 'count', [ran, 100], 90, 101);
  assert.equal(error, 'KernelTrap');
  assert.match(String(message), /unreachable/);
  await page.finish();
});

test('what goes wrong in a kernel is an exception in the caller, and the worker goes on', async t => {
  const page = await open(t, {workers: 1});
  const stack = (await page.call(1, 'stack', [])).value;
  for (const [name, args, error, message] of /** @type {[string, number[], string, RegExp][]} */ ([
    ['divide', [1, 0], 'KernelTrap', /divide by zero/],
    ['read_at', [0xfffffff0], 'KernelTrap', /out of bounds/],
    ['deep', [1000], 'KernelTrap', /kernel stack is used up/],
    ['forget', [], 'KernelMisuse', /before it had joined/],
    ['join_twice', [], 'KernelMisuse', /joined before/],
    ['open_only', [], 'KernelMisuse', /before it had joined/],
    ['close_only', [], 'KernelMisuse', /close/],
    ['open_lanes', [24], 'KernelTrap', /fewer lanes/],
    ['none', [], 'RangeError', /no kernel none/],
  ])) {
    const end = await page.call(1, name, args);
    assert.equal(end.error, error, name);
    assert.match(String(end.message), message);
    assert.equal((await page.call(1, 'divide', [42, 6])).value, 7);
    assert.equal((await page.call(1, 'deep', [100])).value, 101);
    assert.equal((await page.call(1, 'stack', [])).value, stack);
  }
  assert.match(String((await page.call(2, 'fib', [1])).message), /module 2/);
  await page.finish();
});

test('a trap anywhere in a tree: nothing of it runs any more when the caller hears of it', async t => {
  const page = await open(t, {workers: 3});
  const nodes = 4000;
  for (let round = 1; round <= 30; round++) {
    const ran = page.words(nodes);
    const kernel = round % 2 ? 'tree' : 'calls';
    const {error} = await page.call(1, kernel, [ran, nodes, 200, (round * 131) % nodes]);
    const before = [...page.view(ran, nodes)];
    assert.equal(error, 'KernelTrap');
    assert.ok(Math.max(...before) <= 1, 'a job ran twice');
    assert.equal((await page.call(1, 'fib', [15])).value, 610);
    assert.deepEqual([...page.view(ran, nodes)], before);
  }
  t.diagnostic(JSON.stringify(await page.finish()));
});

// ---- promoted jobs, one by one ----------------------------------------------------------------------

/** Words of a gate, as in kernels.c. */
const Gate = {ARRIVED: 0, OPEN: 1, PASSED: 2, DEPTH: 3};
const GATE_WORDS = 4;

/** @param {KernelPage} page @param {number} gate @param {number} word */
const gateWord = (page, gate, word) => page.core.word(gate + 4 * word);

/** @param {KernelPage} page @param {number} gate */
function openGate(page, gate) {
  page.core.poke(gate + 4 * Gate.OPEN, 1);
  Atomics.notify(page.core.words, (gate >> 2) + Gate.OPEN);
}

/** The tasks of kernels' jobs that run. @param {KernelPage} page @returns {{index: number, participant: number}[]} */
const runningJobs = ({core}) =>
  Array.from({length: L.TASKS}, (_, index) => index)
    .filter(index => core.state(index).state === State.RUNNING && core.taskWord(index, L.TASK_FLAGS_WORD) & L.Flag.KERNEL)
    .map(index => ({index, participant: core.state(index).participant}));

/** Takes a worker away. @param {KernelPage} page @param {number} number @param {boolean} [replace] */
async function kill(page, number, replace = true) {
  const {exports} = page.core;
  await page.threads[number].terminate();
  exports.recover(number);
  assert.equal(exports.reinject(), 0);
  if (!replace) return;
  page.threads[number] = page.start(number);
  await page.crew.patiently(page.threads[number].ready, 'a successor');
}

test('a kernel that traps waits for the job that another worker runs', async t => {
  const page = await open(t);
  const gate = page.words(GATE_WORDS);
  const {end} = page.submit(1, 'gate', [gate, GATE_WORDS, 0, 1]);
  let ended = false;
  end.then(() => (ended = true));
  await page.crew.until(() => gateWord(page, gate, Gate.ARRIVED), 'a thief');
  const [job] = runningJobs(page);
  await page.crew.until(() => page.core.exports.task_was_asked(job.index), 'the job being asked to end');
  assert.equal(ended, false);
  openGate(page, gate);
  assert.equal((await page.crew.patiently(end, 'the end')).error, 'KernelTrap');
  assert.equal(gateWord(page, gate, Gate.PASSED), 1, 'the caller went on before the job had ended');
  await page.finish();
});

test('the thief dies: its job is lost, the joiner says so and goes on', async t => {
  const page = await open(t);
  const gate = page.words(GATE_WORDS);
  const {end} = page.submit(1, 'gate', [gate, GATE_WORDS, 0, 0]);
  await page.crew.until(() => gateWord(page, gate, Gate.ARRIVED), 'a thief');
  await kill(page, runningJobs(page)[0].participant);
  const {error, message} = await page.crew.patiently(end, 'the end');
  assert.equal(error, 'KernelLost');
  assert.match(String(message), /a worker died/);
  assert.equal((await page.call(1, 'fib', [20])).value, 6765);
  await page.finish();
});

test('the thief dies while a third worker runs what it had promoted: the joiner waits for that, too', async t => {
  const page = await open(t, {workers: 3});
  const gate = page.words(GATE_WORDS);
  const {end} = page.submit(1, 'gate', [gate, GATE_WORDS, 1, 0]);
  let ended = false;
  end.then(() => (ended = true));
  await page.crew.until(() => gateWord(page, gate, Gate.DEPTH), 'a thief’s thief');
  const thief = gateWord(page, gate, Gate.DEPTH) - 1;
  const jobs = runningJobs(page);
  assert.equal(jobs.length, 2);
  const inner = /** @type {{index: number}} */ (jobs.find(job => job.participant !== thief));
  await kill(page, thief);
  assert.ok(page.core.exports.task_was_asked(inner.index));
  await page.call(1, 'fib', [15]); // time in which a joiner that does not wait would be done
  assert.equal(ended, false, 'the joiner’s frame may still be written to');
  openGate(page, gate);
  assert.equal((await page.crew.patiently(end, 'the end')).error, 'KernelLost');
  assert.equal(gateWord(page, gate, Gate.PASSED), 1);
  await page.finish();
});

test('the victim dies: its stack is not used again before its jobs have ended', async t => {
  const page = await open(t);
  const gate = page.words(GATE_WORDS);
  const {end} = page.submit(1, 'gate', [gate, GATE_WORDS, 0, 0]);
  await page.crew.until(() => gateWord(page, gate, Gate.ARRIVED), 'a thief');
  const thief = runningJobs(page)[0].participant;
  const victim = 1 - thief;
  const {core} = page;
  const stack = core.word(core.test.at_kernel_stack(victim));
  await kill(page, victim);
  assert.equal((await page.crew.patiently(end, 'the end')).outcome, Outcome.LOST);
  const second = (await page.call(1, 'stack', [])).value >>> 0; // the thief is at the gate
  assert.notEqual(second, stack);
  openGate(page, gate);
  await page.crew.until(() => core.exports.all_quiet(), 'the end of the orphan');
  assert.equal(gateWord(page, gate, Gate.PASSED), 1);
  await kill(page, victim);
  assert.equal(core.word(core.test.at_kernel_stack(victim)), second, 'a dead worker’s stack is used again');
  await kill(page, victim);
  assert.ok([stack, second].includes(core.word(core.test.at_kernel_stack(victim))));
  await page.finish();
});

test('threads terminated at random: no job runs twice, and workers go on', async t => {
  const workers = 3;
  const page = await open(t, {workers});
  const random = generator(5);
  const nodes = 3000;
  /** @type {{end: Promise<import('./kernels.threads.mjs').End>, ran: number}[]} */
  const trees = [];
  let pending = 0;
  const feed = () => {
    while (pending < 2) {
      const ran = page.words(nodes);
      const {end} = page.submit(1, trees.length % 2 ? 'tree' : 'calls', [ran, nodes, 300, 0]);
      pending++;
      end.then(() => pending--);
      trees.push({end, ran});
    }
  };
  for (let death = 0; death < 12; death++) {
    feed();
    await new Promise(resolve => setTimeout(resolve, random() % 15));
    await kill(page, random() % workers);
  }
  feed();
  let returned = 0;
  for (const {end, ran} of trees) {
    const {value, error, outcome} = await page.crew.patiently(end, 'the end of a tree');
    const runs = page.view(ran, nodes);
    assert.ok(Math.max(...runs) <= 1, 'a job ran twice');
    if (outcome === Outcome.LOST) continue;
    if (error) assert.equal(error, 'KernelLost');
    else assert.equal((returned++, value), treeSum(nodes));
  }
  assert.ok(returned > 0);
  t.diagnostic(`${trees.length} trees, ${returned} returned; ${JSON.stringify(await page.finish())}`);
});

// ---- cancelling -------------------------------------------------------------------------------------

for (const polite of [0, 1]) {
  test(`a kernel that is cancelled ${polite ? 'sees it where it asks' : 'is left at a spawn'}`, async t => {
    const page = await open(t);
    const words = page.words(1);
    const {ticket, end} = page.submit(1, 'endless', [words, 1, polite]);
    await page.crew.until(() => page.core.word(words), 'the kernel running');
    assert.ok(page.client.askCancel(ticket));
    const {value, error} = await page.crew.patiently(end, 'its end');
    if (polite) assert.equal(value, 7);
    else assert.equal(error, 'KernelCancelled');
    assert.equal((await page.call(1, 'fib', [15])).value, 610);
    await page.finish();
  });
}

test('an interactive task runs on top of a kernel that spawns', async t => {
  const page = await open(t, {workers: 1});
  const words = page.words(1);
  const {ticket, end} = page.submit(1, 'endless', [words, 1, 0]);
  await page.crew.until(() => page.core.word(words), 'the kernel running');
  for (let i = 0; i < 3; i++) {
    const urgent = page.submitUrgent(1, 'calls', [page.words(1000), 1000, 0, 0]);
    assert.equal((await page.crew.patiently(urgent.end, 'the urgent one')).value, treeSum(1000));
  }
  // Also where the cancel is for what lies below.
  const other = page.submitUrgent(1, 'endless', [words, 1, 0]);
  await page.crew.until(() => page.core.word(words) === 2, 'the urgent kernel running');
  assert.ok(page.client.askCancel(ticket));
  assert.ok(page.client.askCancel(other.ticket));
  assert.equal((await page.crew.patiently(other.end, 'its end')).error, 'KernelCancelled');
  assert.equal((await page.crew.patiently(end, 'the end of the one below')).error, 'KernelCancelled');
  assert.equal((await page.finish()).helped, 4);
});

// ---- modules ----------------------------------------------------------------------------------------

/** The module with a custom section more: other bytes, and another module. @param {number} mark */
const variant = mark => new Uint8Array([...MODULE, 0, 3, 1, 0x78, mark]);

test('static data is initialised once, and shared by all workers', async t => {
  const page = await open(t, {workers: 3});
  const calls = Array.from({length: 60}, () => page.submit(1, 'increment', []).end);
  const values = (await Promise.all(calls)).map(({value}) => value);
  assert.deepEqual(values.sort((a, b) => a - b), Array.from({length: 60}, (_, i) => 41 + i));
  assert.equal((await page.call(1, 'data', [0])).value, 22);
  assert.equal((await page.call(1, 'data', [1])).value, 130);
  await page.finish();
});

test('modules added while the pool runs do not overlap; an equal one is the same', async t => {
  const page = await open(t);
  for (let i = 0; i < 5; i++) await page.call(1, 'increment', []);
  assert.equal(page.modules.add(variant(1)), 2);
  assert.equal(page.modules.add(variant(1)), 2);
  assert.equal(page.modules.add(MODULE), 1);
  assert.equal((await page.call(2, 'increment', [])).value, 41);
  assert.equal((await page.call(1, 'increment', [])).value, 46);
  assert.equal((await page.call(2, 'data', [1])).value, 71);
  const nodes = 5000;
  for (const module of [1, 2]) {
    const ran = page.words(nodes);
    assert.equal((await page.call(module, 'tree', [ran, nodes, 300, 0])).value, treeSum(nodes));
    assertEachOnce(page.view(ran, nodes).subarray(1), 'node');
  }
  assert.match(signaturesOf(new WebAssembly.Module(variant(1))), /^saxpy\(f32 a, f32\[\] x, f32\[\] y\)$/m);
  await page.finish();
});

test('no more modules than there are entries; one that was refused leaves nothing', async t => {
  const {core} = scene(t, {workers: 1});
  const modules = new KernelModules(core);
  for (let i = 0; i < L.KERNEL_MODULES; i++) assert.equal(modules.add(variant(i)), i + 1);
  const used = core.exports.heap_used();
  assert.equal(modules.add(variant(L.KERNEL_MODULES)), 0);
  assert.equal(core.exports.heap_used(), used);
});

test('what is no module of kernels is refused, with the reason', t => {
  const {core} = scene(t, {workers: 1});
  const modules = new KernelModules(core);
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const text = (/** @type {string} */ s) => [s.length, ...Buffer.from(s)];
  const section = (/** @type {number} */ id, /** @type {number[]} */ bytes) => [id, bytes.length, ...bytes];
  const dylink = section(0, text('dylink.0'));
  const memory = [...text('env'), ...text('memory'), 2, 3, 0, 0x80, 0x80, 4];
  for (const [bytes, message] of /** @type {[number[], RegExp][]} */ ([
    [[1, 2, 3], /no WebAssembly module/],
    [header, /no position-independent side module/],
    [[...header, ...dylink], /does not import a memory/],
    [
      [...header, ...dylink, ...section(1, [1, 0x60, 0, 0]), ...section(2, [1, ...text('env'), ...text('printf'), 0, 0])],
      /imports env\.printf: .*no other library/,
    ],
    [
      [...header, ...dylink, ...section(2, [1, ...text('GOT.mem'), ...text('x'), 3, 0x7f, 1])],
      /imports GOT\.mem\.x: compile with -fvisibility=hidden/,
    ],
    [
      [...header, ...dylink, ...section(2, [1, ...memory]), ...section(11, [1, 0, 0x41, 0, 0x0b, 1, 7])],
      /overwrite the module’s static data/,
    ],
    [
      [...header, ...dylink, ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 0])],
      /cannot be instantiated/,
    ],
  ])) {
    assert.throws(() => modules.add(new Uint8Array(bytes)), {name: 'TypeError', message});
  }
  assert.equal(core.exports.heap_used(), 0);
  assert.equal(core.exports.kernels_added(), 0);
});

test('the adder dies before it has published the module: the entry is free again', t => {
  const {core} = scene(t, {workers: 1});
  const dead = core.as(0);
  const number = dead.exports.kernel_module_new(0, 5000, 70_000, 3);
  assert.equal(number, 1);
  core.exports.recover(0);
  assert.equal(core.exports.heap_used(), 0);
  assert.equal(new KernelModules(core).add(MODULE), 1);
});

test('a stack that is used up without a spawn is an error, and nothing below it is overwritten', async t => {
  const page = await open(t, {workers: 1});
  const stack = (await page.call(1, 'stack', [])).value;
  // The lanes, but for those in use, and what the heap has below the stack.
  const below = page.view(stack, L.KERNEL_STACK_LOW / 4).subarray(3 * 512 * 8, L.KERNEL_STACK_LOW / 4 - 64);
  const neighbour = page.view(stack - 65536, 65536 / 4);
  below.fill(0x12345678);
  const kept = neighbour.slice();
  const room = L.KERNEL_STACK_BYTES - L.KERNEL_STACK_LOW;
  for (const [kernel, ...args] of /** @type {[string, ...number[]][]} */ ([
    ['sinks', 1_000_000, 100],
    ['sinks', 2, room - 1000], // the second one is in the stack below
    ['sinks', 0, 2 ** 20], // as much as there is in all
    ['sinks', 0, 2 ** 31],
    ['sinks', 0, 2 ** 32 - 2 ** 21], // round to the other end of the memory
    ['small_frames', 1_000_000],
    ['large_frame', 7],
    ['job_sinks', 0],
  ])) {
    const {error, message} = await page.call(1, kernel, args);
    assert.equal(error, 'KernelTrap', `${kernel}(${args})`);
    assert.match(String(message), /kernel stack is used up/);
  }
  assert.ok(below.every(word => word === 0x12345678), 'the lanes were overwritten');
  assert.deepEqual(neighbour, kept);
  // What there is room for goes on as before.
  assert.equal((await page.call(1, 'sinks', [100, 4000])).value, 101);
  assert.equal((await page.call(1, 'sinks', [0, room - 1000])).value, 1);
  assert.equal((await page.call(1, 'small_frames', [1500])).value, 1501);
  await page.finish();
});

test('a thief’s stack is used up: its joiner fails', async t => {
  const page = await open(t);
  for (const turns of [0, 1000, 3_000_000]) {
    const {message} = await page.call(1, 'job_sinks', [turns]);
    assert.match(String(message), /kernel stack is used up/);
  }
  await page.finish();
});

// ---- memory, and the rest ---------------------------------------------------------------------------

test('memory that a kernel allocates outlives the worker, until it is freed', async t => {
  const page = await open(t, {workers: 1});
  const used = () => page.core.exports.heap_used();
  await page.call(1, 'stack', []);
  const before = used();
  const block = (await page.call(1, 'allocate', [100_000])).value;
  assert.ok(used() >= before + 100_000);
  await kill(page, 0);
  assert.ok(used() >= before + 100_000);
  await page.call(1, 'release', [block]);
  assert.equal(used(), before);
  assert.equal((await page.call(1, 'allocate', [2 ** 31])).value, 0);
  assert.equal((await page.call(1, 'worker_id', [])).value, 0);
  assert.equal((await page.call(1, 'sine', [1])).value, Math.sin(1));
  await page.finish();
});

for (const kernel of ['nested_jobs', 'nested_calls'])
  test(`a kernel that waits for a job runs what that one has spawned: ${kernel}`, async t => {
    const page = await open(t);
    for (let i = 0; i < 5; i++) {
      const words = page.words(2);
      const {worker, error} = await page.call(1, kernel, [words, 2]);
      assert.equal(error, undefined);
      assert.deepEqual([...page.view(words, 2)], [2 - worker, 1 + worker], 'which worker, + 1, ran the outer and the inner one');
    }
    await page.finish();
  });

test('a kernel that waits runs interactive tasks on top, and no other strangers', async t => {
  const page = await open(t);
  const gate = page.words(GATE_WORDS);
  const {end} = page.submit(1, 'gate', [gate, GATE_WORDS, 0, 0]);
  await page.crew.until(() => gateWord(page, gate, Gate.ARRIVED), 'a thief');
  // One worker is at the gate, the other waits for it.
  const batch = page.submit(1, 'fib', [15]);
  for (let i = 0; i < 5; i++) {
    const urgent = page.submitUrgent(1, 'fib', [15]);
    assert.equal((await page.crew.patiently(urgent.end, 'the urgent one')).value, 610);
  }
  assert.ok(!page.client.running(batch.ticket));
  openGate(page, gate);
  assert.equal((await page.crew.patiently(end, 'the end')).value, 1);
  assert.equal((await page.crew.patiently(batch.end, 'the other')).value, 610);
  assert.equal((await page.finish()).helped, 5);
});

test('the same source runs natively, under sanitizers', {skip: !hasNativeCompiler()}, () => {
  assert.equal(runNatively('kernels'), 'ok\n');
});
