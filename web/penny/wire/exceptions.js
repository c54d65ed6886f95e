// Exceptions of Python's in JavaScript, from the records that penny/wire/exceptions.py makes of them.
import {UnpicklingError} from './errors.js';
import {decode} from './read.js';

/**
 * What a Python exception is made of.
 * @typedef {{args: any[], attributes: {[name: string]: any}}} State
 *   args: what has no form in JavaScript as a text; attributes: also those that are fields of built-in bases, such
 *   as errno; only what has a form in JavaScript
 */

/** A Python exception raised by a task. */
export class PythonError extends Error {
  /**
   * @param {string} type the exception's class, with its module
   * @param {string} message str() of the exception
   * @param {string} traceback the worker's
   * @param {number | null} worker
   * @param {State} [state]
   */
  constructor(type, message, traceback, worker, {args, attributes} = {args: [], attributes: {}}) {
    super(`${type}: ${message}\n\n${traceback}`);
    this.name = 'PythonError';
    this.type = type;
    this.pythonMessage = message;
    this.traceback = traceback;
    this.worker = worker;
    this.args = args;
    this.attributes = attributes;
  }
}

/**
 * The form of penny/wire/exceptions.py's dumps_exception: worker, traceback, records; the first record is the
 * exception itself, see `_Record` there.
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {number} size
 */
export function decodeException(bytes, offset, size) {
  const [worker, traceback, records] = /** @type {[number | null, string, any[][]]} */ (
    decode(bytes, offset, size)
  );
  const [, type, message] = records[0];
  return new PythonError(type, message, traceback, worker, stateOf(records[0]));
}

/**
 * @param {any[]} record
 * @returns {State}
 */
function stateOf(record) {
  const whole = record[8] && decoded(record[8]);
  /** @type {[string, any][]} */
  const found = [];
  const args = whole?.[0] ?? [];
  if (whole) {
    const [, fields, attributes] = whole;
    // A dict whose keys are tuples: place and name.
    if (fields instanceof Map) for (const [[, name], value] of fields) found.push([name, value]);
    found.push(...(attributes instanceof Map ? attributes : Object.entries(attributes)));
  } else {
    for (const [group, key, form, shown] of record[9] ?? []) {
      const value = form ? decoded(form) : undefined;
      if (group === 'args') args.push(value === undefined ? shown : value);
      else if (value !== undefined) found.push([group === 'fields' ? key[1] : key, value]);
    }
  }
  return {args, attributes: Object.fromEntries(found)};
}

/**
 * The value of a pickle; undefined: it has no form in JavaScript.
 * @param {Uint8Array} form
 */
function decoded(form) {
  try {
    return decode(form);
  } catch (error) {
    if (error instanceof UnpicklingError) return undefined;
    throw error;
  }
}
