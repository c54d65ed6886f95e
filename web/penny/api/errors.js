// What becomes of a task otherwise than by its function, for JavaScript.

/** The worker died while it ran the task. The task is not tried again: it may have had effects. */
export class WorkerLost extends Error {
  /** @param {number} worker */
  constructor(worker) {
    super(`worker ${worker} died while it ran this task; the other tasks go on`);
    this.name = 'WorkerLost';
    this.worker = worker;
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
