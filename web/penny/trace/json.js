// A trace for Python, which gets JSON.
import {chromeTrace, jsonPieces} from './chrome.js';
import {readTrace} from './rings.js';

/**
 * A trace as JSON; empty: nothing was recorded.
 * @param {import('../core/core.js').Core} core
 */
export function traceAsJson(core) {
  if (!core.traced) return '';
  return [...jsonPieces(chromeTrace([readTrace(core)]))].join('');
}
