// Why a value does not cross between JavaScript and Python.

/** A value that cannot be sent to a worker. The message starts with its path. */
export class PickleError extends TypeError {
  /**
   * @param {string} path where in the arguments the value is, e.g. `args[1].lock`
   * @param {string} reason
   */
  constructor(path, reason) {
    super(`${path}: ${reason}`);
    this.name = "PickleError";
    this.path = path;
  }
}

/** A pickle with no JavaScript form, or one that is malformed or cut short. */
export class UnpicklingError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "UnpicklingError";
  }
}
