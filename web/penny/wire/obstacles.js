// What cannot be written, and where in the arguments it is.
import { PickleError } from "./errors.js";

/**
 * How many containers may lie within each other in a value to be sent. It bounds the JavaScript
 * stack, and it is how cycles are noticed: the values of the hot path pay nothing for that.
 */
export const MAX_DEPTH = 500;

export const TOO_DEEP = Symbol("nested too deep, or cyclic");
export const TOO_LARGE = "4 GiB and more cannot be sent to a worker (or is there a cycle?)";

/**
 * Thrown where a value cannot be written. On its way out every container adds itself, so the path
 * costs nothing until it is needed.
 */
export class Obstacle {
  /** @param {string | typeof TOO_DEEP} reason */
  constructor(reason) {
    this.reason = reason;
    /** @type {{container: object, segment: string}[]} innermost first */
    this.trail = [];
  }

  /**
   * @param {unknown} thrown
   * @param {object} container
   * @param {string} segment the way from the container to the obstacle, in JavaScript
   * @returns {unknown} what was thrown; errors of the user's own, from a getter, stay as they are
   */
  static within(thrown, container, segment) {
    if (thrown instanceof Obstacle) thrown.trail.push({ container, segment });
    return thrown;
  }

  /**
   * @param {string} root the name of the outermost value
   * @returns {PickleError}
   */
  toError(root) {
    const trail = this.trail.reverse();
    if (typeof this.reason === "string") {
      return new PickleError(root + trail.map((step) => step.segment).join(""), this.reason);
    }
    /** @type {Map<object, string>} */
    const paths = new Map();
    let path = root;
    for (const { container, segment } of trail) {
      const first = paths.get(container);
      if (first !== undefined) {
        return new PickleError(path, `a cycle (this is ${first}) cannot be sent to a worker`);
      }
      paths.set(container, path);
      path += segment;
    }
    return new PickleError(
      root + trail[0].segment,
      `a value nested more than ${MAX_DEPTH} levels deep cannot be sent to a worker`,
    );
  }
}

/**
 * Whether an object is a literal, `Object.create(null)`, or a literal of another frame.
 *
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isPlain(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return (
    prototype === Object.prototype ||
    prototype === null ||
    Object.getPrototypeOf(prototype) === null
  );
}

/**
 * A value's kind, with an article, for messages.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function describe(value) {
  if (isPyProxy(value)) return "a PyProxy";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (value === null) return "null";
  if (Array.isArray(value)) return "an Array";
  if (isPlain(value)) return "an object";
  return `an instance of ${value.constructor?.name || "an unnamed class"}`;
}

/**
 * What to do instead, for messages.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function advice(value) {
  if (isPyProxy(value)) return ": submit Python objects from Python, or convert them with toJs()";
  if (value instanceof Date) return ": send its getTime() or toISOString()";
  if (ArrayBuffer.isView(value)) return ": send an Array of its numbers, or a Uint8Array";
  return "";
}

/**
 * Whether the value is a Python object in Pyodide. Only the tag says so, and says it of a
 * destroyed one too.
 *
 * @param {unknown} value
 */
function isPyProxy(value) {
  return Object.prototype.toString.call(value) === "[object PyProxy]";
}
