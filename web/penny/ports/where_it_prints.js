// What tasks print goes where a Pyodide prints.
import {onDeath} from '../boot/pyodide.js';

/**
 * @typedef {import('../boot/pyodide.js').Pyodide} Pyodide
 * @typedef {import('../stdio/output.js').Output} Output
 */

/** `show` of penny.stdio.output in each. @type {WeakMap<Pyodide, (stream: string, text: string) => void>} */
const shows = new WeakMap();

/**
 * An output to what sys.stdout and sys.stderr are then: in a notebook, to the cell that runs.
 * @param {Pyodide} pyodide
 * @returns {Output}
 */
export function whereItPrints(pyodide) {
  const state = {dead: false};
  onDeath(pyodide, {ends: () => (state.dead = true)});
  return outputOf(new WeakRef(pyodide), state);
}

/**
 * A pool, which its workers keep, does not keep the Pyodide by it.
 * @param {WeakRef<Pyodide>} reference
 * @param {{dead: boolean}} state
 * @returns {Output}
 */
const outputOf = (reference, state) => (stream, text) => {
  const pyodide = reference.deref();
  if (!text || !pyodide || state.dead) return;
  const show = shows.get(pyodide) ?? pyodide.pyimport('penny.stdio.output').show;
  shows.set(pyodide, show);
  show(stream, text);
};
