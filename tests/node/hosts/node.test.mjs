// Penny in Node: the JavaScript interface on threads of worker_threads.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {kernelModule} from '../support/build.mjs';
import {NAP, penny, program} from './support.mjs';

const {keywords, run, scheduler} = penny;

/** @type {import('../../../web/penny/api/scheduler.js').Scheduler} */
let s;
/** What tasks print. @type {[string, number | null][]} */
const printed = [];
/** What becomes of the workers. @type {[number, string][]} */
const states = [];
let look = () => {};

/** A pool that has nothing to do holds no program: this test does. @param {() => any} holds */
const until = holds =>
  new Promise(resolve => {
    const held = setInterval(() => {}, 1e6);
    look = () => {
      if (!holds()) return;
      clearInterval(held);
      resolve(undefined);
    };
    look();
  });

before(async () => {
  s = await scheduler({
    workers: 2,
    trace: true,
    output(_, text, worker) {
      if (text) printed.push([text.trim(), worker]);
      look();
    },
  });
  s.addEventListener('worker', (/** @type {Event} */ event) => {
    const {worker, state} = /** @type {CustomEvent} */ (event).detail;
    states.push([worker, state]);
    look();
  });
  s.define('where', 'def where():\n    import penny\n    return penny.current_worker()');
  s.define('hold', `${NAP}\ndef hold(*_):\n    print("begun")\n    nap(1e6)`);
});

after(() => s.shutdown({now: true}));

test('results, names, keywords, definitions', async () => {
  assert.equal(await s.submit('operator.add', 40, 2), 42);
  assert.equal(await s.submit('int', '12', keywords({base: 7})), 9);
  assert.equal(s.define('triple', 'lambda x: 3 * x'), 'triple');
  assert.deepEqual(await Promise.all([1, 2, 3].map(n => s.submit('triple', n))), [3, 6, 9]);
  assert([0, 1].includes(await s.submit('where')));
  assert.equal(await s.submit('len', 'ä'.repeat(300_000)), 300_000); // larger than a slot
});

test('tasks run side by side, on both workers', async () => {
  s.define('meet', `
def meet(array):
    import penny
    mine = penny.current_worker()
    array[mine] = 1
    while not (array[0] and array[1]):
        pass
    return mine`);
  const flags = s.array(2, 'int32');
  assert.deepEqual((await Promise.all([s.submit('meet', flags), s.submit('meet', flags)])).sort(), [0, 1]);
  flags.free();
});

test('coroutines, on the worker for those', async () => {
  s.define('later', `
async def later(n):
    import asyncio, penny
    await asyncio.sleep(0.01)
    return n, penny.current_worker()`);
  assert.deepEqual(await Promise.all([s.submit('later', 1), s.submit('later', 2)]), [[1, 64], [2, 64]]);
});

test('errors', async () => {
  await assert.rejects(s.submit('operator.truediv', 1, 0), {name: 'PythonError', message: /division by zero/});
  await assert.rejects(s.submit('no_such.thing'), {name: 'PythonError', message: /no_such/});
});

test('what tasks print says where', async () => {
  printed.length = 0;
  s.define('say', 'def say(what):\n    import penny\n    print(what)\n    return penny.current_worker()');
  const worker = await s.submit('say', 'hällo');
  await until(() => printed.length);
  assert.deepEqual(printed, [['hällo', worker]]);
});

test('arrays', async () => {
  const x = s.array(1000, 'float64');
  x.data.fill(2);
  assert.equal(await s.submit('sum', x), 2000);
  x.free();
});

test('kernels', async () => {
  assert((await s.defineKernels(new Uint8Array(kernelModule('kernels')))).includes('loop'));
  const ran = s.array(10_000, 'int32');
  await s.submit('loop', ran, 16, 0);
  assert.deepEqual(new Set(ran.data), new Set([1]));
  ran.free();
});

test('progress and statistics', async () => {
  /** @type {any[]} */
  const seen = [];
  s.addEventListener('progress', (/** @type {Event} */ event) => seen.push(/** @type {CustomEvent} */ (event).detail));
  await Promise.all(Array.from({length: 100}, (_, i) => s.submit('abs', -i)));
  await new Promise(later => setTimeout(later));
  assert.equal(seen.at(-1).pending, 0);
  const {pending, workers} = s.stats();
  assert.equal(pending, 0);
  assert.equal(workers.length, 2);
});

test('a trace of what workers did', async () => {
  await s.submit('triple', 1);
  const names = s.trace().traceEvents.map((/** @type {any} */ event) => event.name);
  assert(names.some(name => /triple|<lambda>/.test(name)), [...new Set(names)].join());
});

const CALL_OF_C = 'def die():\n    print("begun", flush=True)\n    ';
for (const [way, source] of Object.entries({
  'process.exit()': `${CALL_OF_C}import js\n    js.process.exit(7)`,
  'os._exit': `${CALL_OF_C}import os\n    os._exit(3)`,
  'os.abort': `${CALL_OF_C}import os\n    os.abort()`,
  'a trap': `${CALL_OF_C}import ctypes\n    ctypes.string_at(0xFFFFFFF0, 100)`,
  'the end of the stack': `
def deep(n):
    return sum(map(deep, [n - 1])) if n else 0
def die():
    import sys
    print("begun", flush=True)
    sys.setrecursionlimit(10**6)
    deep(20000)`,
}))
  test(`a worker dies by ${way}: its task is lost, others run on, a successor starts`, async () => {
    printed.length = states.length = 0;
    s.define('die', source);
    const lost = s.submit('die').catch(error => error);
    await until(() => printed.length);
    const [[said, victim]] = printed;
    assert.equal(said, 'begun');
    const others = Array.from({length: 50}, (_, i) => s.submit('abs', -i));
    const error = await lost;
    assert.deepEqual([error.name, error.worker], ['WorkerLost', victim]);
    assert.deepEqual(await Promise.all(others), Array.from({length: 50}, (_, i) => i));
    await until(() => states.some(([worker, state]) => worker === victim && state === 'ready'));
    assert.deepEqual(states, [[victim, 'lost'], [victim, 'starting'], [victim, 'ready']]);
  });

for (const [stage, begin, name] of /** @type {[string, () => Promise<any>, string][]} */ ([
  ['asleep', async () => {
    const lost = s.submit('hold');
    await until(() => printed.length);
    return [lost, printed[0][1]];
  }, 'WorkerLost'],
  ['in an endless loop', async () => {
    s.define('spin', 'def spin():\n    print("begun", flush=True)\n    while True: pass');
    const lost = s.submit('spin');
    await until(() => printed.length);
    return [lost, printed[0][1]];
  }, 'WorkerLost'],
  ['in a kernel', async () => {
    const ran = s.array(1, 'int32');
    const lost = s.submit('loop', ran, 1, 0xffffffff | 0);
    await new Promise(later => setTimeout(later, 50));
    return [lost, 1 - (await s.submit('where'))];
  }, 'WorkerLost'],
  ['idle', async () => [Promise.reject(new Error('nothing')), 0], 'Error'],
]))
  test(`a worker is killed ${stage}`, async () => {
    printed.length = states.length = 0;
    const [lost, victim] = await begin();
    const outcome = lost.catch((/** @type {Error} */ error) => error);
    s.pool.kill(victim);
    assert.equal((await outcome).name, name);
    await until(() => states.some(([worker, state]) => worker === victim && state === 'ready'));
    assert.deepEqual(states.map(([worker]) => worker), [victim, victim, victim]);
    assert.equal(await s.submit('abs', -1), 1);
  });

test('a worker is killed as it starts, and again', async () => {
  states.length = 0;
  s.pool.kill(0);
  await until(() => states.at(-1)?.[1] === 'starting');
  s.pool.kill(0);
  await until(() => states.at(-1)?.[1] === 'ready');
  assert.deepEqual(states.map(([, state]) => state), ['lost', 'starting', 'lost', 'starting', 'ready']);
});

test('what a timer leaves uncaught ends no worker, and is told', async () => {
  printed.length = states.length = 0;
  s.define('fail_later', `
def fail_later():
    import js
    js.eval("setTimeout(() => { throw new RangeError('harmless') })")
    js.eval("Promise.reject(new RangeError('harmless, too'))")
async def nothing():
    pass`);
  s.define('fail_there', `
async def fail_there():
    import asyncio, js
    js.eval("setTimeout(() => { throw new RangeError('harmless') })")
    js.eval("Promise.reject(new RangeError('harmless, too'))")
    await asyncio.sleep(0.02)`);
  await s.submit('fail_there');
  await until(() => printed.some(([text]) => text.includes('harmless')));
  assert.deepEqual(await s.submit('later', 3), [3, 64]);
  assert.deepEqual(states, []);
});

test('no worker can start: everything pending says why', async () => {
  const broken = await scheduler({workers: 1, indexURL: '/nowhere/'});
  await assert.rejects(broken.submit('abs', -1), {name: 'BrokenPool', message: /\/nowhere\/.*ENOENT/});
  await broken.shutdown();
});

// ---- programs -------------------------------------------------------------------------------------

test('a Scheduler that has nothing to do lets the program end', async () => {
  const {status, stdout} = await program(`
    const s = await scheduler({workers: 2});
    console.log(await s.submit('operator.add', 40, 2));
    process.on('exit', () => console.log('ends'));`);
  assert.deepEqual([status, stdout], [0, '42\nends\n']);
});

test('one whose workers still start does, too', async () => {
  const {status, stdout} = await program('await scheduler({workers: 2, trace: true}); console.log("open");');
  assert.deepEqual([status, stdout], [0, 'open\n']);
});

test('one with something to do does not, whoever waits for it', async () => {
  const {status, stdout} = await program(`
    const s = await scheduler({workers: 1});
    s.define('late', 'def late():\\n    import time\\n    time.sleep(1)\\n    return "late"');
    s.submit('late').then(console.log);`);
  assert.deepEqual([status, stdout], [0, 'late\n']);
});

test('after shutdown nothing is left', async () => {
  const {status, stdout} = await program(`
    const s = await scheduler({workers: 2});
    await s.submit('abs', -1);
    await s.shutdown();
    const start = performance.now();
    process.on('exit', () => console.log(performance.now() - start < 1900));`); // the grace period is 2 s
  assert.deepEqual([status, stdout], [0, 'true\n']);
});

test('a Python program, in a worker where it may block', async () => {
  let out = '';
  const status = await run(
    `
import sys, penny
def square(n):
    assert penny.current_worker() in (0, 1)
    return n * n
with penny.Scheduler() as s:
    print(sum(s.map(square, range(10))), s.submit(square, 5).result(), sys.stdin.readline().strip())
sys.exit(3)`,
    {workers: 2, input: () => 'typed\n', output: (_, text) => void (out += text)},
  );
  assert.deepEqual([status, out], [3, '285 25 typed\n']);
});
