// Shared arrays: copies in and out of Python.

const SIZE = 64 * 2 ** 20;
const MEMORY = 512 * 2 ** 20;

/** A scheduler of so many workers whose functions are those of arrays_tasks.py. @param {number} workers */
async function open(workers) {
  const {Penny} = /** @type {any} */ (globalThis);
  const source = await (await fetch('./arrays_tasks.py')).text();
  const scheduler = await Penny.scheduler({workers, memory: MEMORY});
  for (const name of ['block_and_copy', 'through_a_task']) scheduler.define(name, source);
  return scheduler;
}

/** ms of 64 MB into and out of a Python task by `block`, and of one memcpy each way. */
export async function blockTimes() {
  const scheduler = await open(1);
  const array = scheduler.array(SIZE, 'uint8');
  await scheduler.submit('block_and_copy', array, 3); // warms up
  const times = await scheduler.submit('block_and_copy', array, 15);
  await scheduler.shutdown();
  return times;
}

/** ms of bytes of several sizes into a task and back, and of one memcpy, by size. */
export async function payloadTimes() {
  const scheduler = await open(2);
  const sizes = [2 ** 10, 2 ** 12, 2 ** 14, 2 ** 15, 2 ** 16, 2 ** 17, 2 ** 20, 2 ** 24, 100 * 2 ** 20];
  await scheduler.submit('through_a_task', sizes.slice(0, -1), 3); // warms up
  const times = await scheduler.submit('through_a_task', sizes, 9);
  await scheduler.shutdown();
  return times;
}
