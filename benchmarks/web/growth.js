// How cost grows: with tasks, with bytes, with depth, with workers.
import {median, time} from './harness.js';

const ROUNDS = 5;

/**
 * A scheduler whose functions are those of growth_tasks.py.
 * @param {number} workers
 */
async function open(workers) {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await (await fetch('./growth_tasks.py')).text();
  const scheduler = await Penny.scheduler({workers});
  for (const name of ['successor', 'back', 'chains', 'descend']) scheduler.define(name, source);
  return scheduler;
}

/** @param {any} scheduler @param {number} count */
async function bulk(scheduler, count) {
  const results = await Promise.all(Array.from({length: count}, (_, x) => scheduler.submit('successor', x)));
  const sum = results.reduce((sum, result) => sum + result, 0);
  if (sum !== (count * (count + 1)) / 2) throw new Error(`${count} tasks: the sum is ${sum}`);
}

/**
 * How often so many tasks are run one after the other, for a sample that is not too short.
 * @param {number} count
 */
const times = count => Math.max(1, Math.round(5_000 / count));

/**
 * µs a task, by how many are submitted at once, from the page.
 * @param {number} workers
 * @param {number[]} counts
 */
export async function tasksFromPage(workers, counts) {
  const scheduler = await open(workers);
  for (let i = 0; i < 5; i++) await bulk(scheduler, 5_000); // warms up
  /** @type {[number, number[]][]} */
  const samples = [];
  for (const count of counts) {
    const row = [];
    for (let round = 0; round < ROUNDS; round++) {
      const milliseconds = await time(async () => {
        for (let i = 0; i < times(count); i++) await bulk(scheduler, count);
      });
      row.push((milliseconds * 1000) / (count * times(count)));
    }
    samples.push([count, row]);
  }
  await scheduler.shutdown();
  return samples;
}

/**
 * The same from a program in a host worker.
 * @param {number} workers
 * @param {number[]} counts
 */
export async function tasksFromHost(workers, counts) {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await (await fetch('./growth_tasks.py')).text();
  const plan = JSON.stringify(counts.map(count => [count, times(count), ROUNDS]));
  let printed = '';
  const status = await Penny.run(`${source}\nprogram(${workers}, ${plan})\n`, {
    output: (/** @type {string} */ _, /** @type {string} */ text) => (printed += text),
  });
  if (status) throw new Error(printed);
  /** @type {Map<number, number[]>} */
  const samples = new Map(counts.map(count => [count, []]));
  for (const line of printed.trim().split('\n')) {
    const [count, us] = JSON.parse(line);
    samples.get(count)?.push(us);
  }
  return [...samples];
}

/**
 * µs of a call whose argument and result have so many bytes.
 * @param {number[]} sizes
 */
export async function bytesThereAndBack(sizes) {
  const scheduler = await open(1);
  /** @type {[number, number[]][]} */
  const samples = [];
  for (const size of sizes) {
    const bytes = new Uint8Array(size).fill(7);
    const calls = Math.max(1, Math.min(200, Math.round(20_000_000 / size)));
    const row = [];
    for (let round = -2; round < ROUNDS; round++) {
      const milliseconds = await time(async () => {
        for (let i = 0; i < calls; i++) {
          const result = await scheduler.submit('back', bytes);
          if (result.length !== size || result[size - 1] !== 7) throw new Error(`${size} bytes did not come back`);
        }
      });
      if (round >= 0) row.push((milliseconds * 1000) / calls); // the first ones warm up
    }
    samples.push([size, row]);
  }
  await scheduler.shutdown();
  return samples;
}

/**
 * µs a level of a chain of jobs, and how deep the deepest gets.
 * @param {number} workers
 * @param {number[]} depths
 */
export async function spawnDepth(workers, depths) {
  const scheduler = await open(workers);
  for (let i = 0; i < 10; i++) await scheduler.submit('chains', 100, 2_000); // warms up
  /** @type {[number, number[]][]} */
  const samples = depths.map(depth => [depth, []]);
  for (let round = 0; round < ROUNDS; round++)
    for (const [depth, row] of samples)
      row.push(await scheduler.submit('chains', depth, Math.max(1, Math.round(50_000 / depth))));
  const deepest = [];
  for (let i = 0; i < ROUNDS; i++) deepest.push(await scheduler.submit('descend', 0));
  await scheduler.shutdown();
  return {samples, deepest: median(deepest)};
}

/**
 * µs a task and ms of fib(26) by jobs, by the number of workers: each in a pool of its own, one pool at a time.
 * @param {number[]} sizes
 */
export async function workers(sizes) {
  const count = 20_000;
  const source = await (await fetch('./forkjoin_tasks.py')).text();
  /** @type {{tasks: [number, number[]][], fib: [number, number[]][]}} */
  const samples = {tasks: [], fib: []};
  for (const size of sizes) {
    const scheduler = await open(size);
    scheduler.define('fib_spawn', source);
    const fib = async () => {
      const result = await scheduler.submit('fib_spawn', 26);
      if (result !== 121_393) throw new Error(`fib(26) gave ${result}`);
    };
    // The best code of the engine comes after so much running, in each worker.
    for (let i = 0; i < 3 + size; i++) {
      await bulk(scheduler, 5_000);
      await fib();
    }
    /** @type {[number[], number[]]} */
    const [tasks, fibs] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      tasks.push((1000 * (await time(() => bulk(scheduler, count)))) / count);
      fibs.push(await time(fib));
    }
    samples.tasks.push([size, tasks]);
    samples.fib.push([size, fibs]);
    await scheduler.shutdown();
  }
  return samples;
}
