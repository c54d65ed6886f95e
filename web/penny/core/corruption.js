// What is noticed of a shared memory that was overwritten.

/** The shared memory holds what Penny has not written there: a kernel may have run wild. */
export class CorruptionError extends Error {
  /** @param {string} what is wrong */
  constructor(what) {
    super(`the shared memory is corrupted: ${what}`);
    this.name = 'CorruptionError';
  }
}
