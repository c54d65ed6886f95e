// A trace for Python, which gets JSON.
import {chromeTrace, jsonPieces} from '../chrome_trace.js';
import {readTrace} from '../trace.js';

/**
 * A trace as JSON; empty: nothing was recorded.
 * @param {import('../core.js').Core} core
 */
export function traceAsJson(core) {
  if (!core.traced) return '';
  return [...jsonPieces(chromeTrace([readTrace(core)]))].join('');
}
