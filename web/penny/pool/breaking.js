// A pool whose workers can't be started.
import {KEEPER} from '../core/core.js';
import {HEAP_ADDRESS} from '../core/layout.js';

/**
 * Says to all clients of a pool that it has no workers.
 * @param {import('../core/core.js').Core} core its keeper's
 * @param {string} reason
 */
export function breakPool(core, reason) {
  const text = new TextEncoder().encode(reason);
  const block = core.exports.heap_allocate(KEEPER, text.length) >>> 0;
  if (block) {
    core.reach(block + text.length);
    core.bytes.set(text, block);
    core.exports.break_pool(block, text.length);
  } else {
    // No room for the reason: it is on the console, and in the last 'lost' event.
    console.error(`Penny: the workers could not be started: ${reason}`);
    core.exports.break_pool(HEAP_ADDRESS, 0);
  }
}
