// Measuring in one page: alternated runs, medians.

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Milliseconds that `run` takes.
 * @param {() => Promise<unknown>} run
 */
export async function time(run) {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/**
 * Runs several things in turn, A B C A B C …, after warm-up rounds that do not count.
 * @param {Record<string, () => Promise<number | void>>} runs each may return its own time in ms
 * @param {{rounds?: number, warmup?: number}} [options]
 * @returns {Promise<Record<string, number[]>>} milliseconds of each counted run
 */
export async function alternate(runs, {rounds = 7, warmup = 2} = {}) {
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(Object.keys(runs).map(name => [name, []]));
  for (let round = 0; round < warmup + rounds; round++)
    for (const [name, run] of Object.entries(runs)) {
      let own;
      const whole = await time(async () => {
        own = await run();
      });
      if (round >= warmup) times[name].push(own ?? whole);
    }
  return times;
}
