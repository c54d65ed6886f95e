// Programs end when nothing is left that they wait for, as Node's do; pages don't. What of Penny's is waited for.

/**
 * Something for which no program goes on.
 * @template T
 * @param {T} handle a timer, or a port that hears
 * @returns {T}
 */
export function unheld(handle) {
  /** @type {any} */ (handle).unref?.(); // a browser has none, and its timers are numbers
  return handle;
}

/** A program goes on for this again. @param {object} handle */
export function held(handle) {
  /** @type {any} */ (handle).ref?.();
}
