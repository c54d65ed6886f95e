// What goes wrong in a worker, for JavaScript.
import {decode} from './wire.js';

/**
 * An error in words: what it says, and where. V8's stacks begin with the former, others' have only the latter.
 * @param {unknown} reason
 */
export function inWords(reason) {
  if (!(reason instanceof Error)) return String(reason);
  const said = String(reason);
  const {stack} = reason;
  if (!stack) return said;
  return stack.includes(reason.message) ? stack : `${said}\n${stack}`;
}

/** A Python exception raised by a task. */
export class PythonError extends Error {
  /**
   * @param {string} type the exception's class, with its module
   * @param {string} message str() of the exception
   * @param {string} traceback the worker's
   * @param {number | null} worker
   */
  constructor(type, message, traceback, worker) {
    super(`${type}: ${message}\n\n${traceback}`);
    this.name = 'PythonError';
    this.type = type;
    this.pythonMessage = message;
    this.traceback = traceback;
    this.worker = worker;
  }
}

/** The worker died while it ran the task. The task is not tried again: it may have had effects. */
export class WorkerLost extends Error {
  /** @param {number} worker */
  constructor(worker) {
    super(`worker ${worker} died while it ran this task; the other tasks go on`);
    this.name = 'WorkerLost';
    this.worker = worker;
  }
}

/** The shared memory holds what Penny has not written there: a kernel may have run wild. */
export class CorruptionError extends Error {
  /** @param {string} what is wrong */
  constructor(what) {
    super(`the shared memory is corrupted: ${what}`);
    this.name = 'CorruptionError';
  }
}

/** No worker could be started. */
export class BrokenPool extends Error {
  /** @param {string} reason */
  constructor(reason) {
    super(`the workers could not be started: ${reason}`);
    this.name = 'BrokenPool';
  }
}

/**
 * The form of penny/raised.py's dumps_exception: worker, traceback, records; the first record is the
 * exception itself: its pickle, type, message, …
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {number} size
 */
export function decodeException(bytes, offset, size) {
  const [worker, traceback, records] = /** @type {[number | null, string, any[][]]} */ (
    decode(bytes, offset, size)
  );
  const [, type, message] = records[0];
  return new PythonError(type, message, traceback, worker);
}
