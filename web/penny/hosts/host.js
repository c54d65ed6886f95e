// What Penny asks of the surroundings that JavaScript runs in. Which they are, the entries (page.js, worker.js) say,
// and hand them in: nothing else knows what a page is.

/**
 * Where workers are started from.
 * @typedef {object} Host
 * @property {string} base what relative URLs of users are relative to
 * @property {() => void} requireSharedMemory throws an error that says what to do, where there is no shared memory
 * @property {() => boolean} sharesMemory whether there is shared memory
 * @property {() => number} processors how many there are
 * @property {() => boolean} sleeps whether code may sleep here, which stops the event loop: in a worker
 * @property {(url: string) => Promise<Response>} load rejected with an Error that says what could not be loaded
 * @property {(bytes: Uint8Array) => Promise<string>} digest names bytes by their content
 * @property {(name: string) => Promise<Uint8Array | null>} kept what was kept under this name, maybe long ago; null:
 *     nothing, or not all of it
 * @property {(name: string, bytes: Uint8Array) => Promise<void>} keep keeps it, maybe instead of what was kept under
 *     other names; does nothing where there is no room
 * @property {() => boolean} takesSnapshots whether a memory snapshot of another engine's may be used here
 * @property {(name: string, hear: Hearing) => Thread} startWorker throws an Error that says why there is none
 * @property {(thread: Thread, then: () => void) => void} whenGone calls `then` once nothing of a worker runs any more,
 *     however it ended; to be asked when the worker has said that it holds on to its life
 *
 * A worker, for whoever has started it.
 * @typedef {object} Thread
 * @property {string} life names its life: what the worker gives to Self.live()
 * @property {(message: any, transfer?: any[]) => void} post
 * @property {() => void} terminate ends it at once; it says nothing any more
 * @property {() => void} hold until it is gone the program does not end by itself, where programs do
 *
 * What is heard of a worker.
 * @typedef {object} Hearing
 * @property {(message: any) => void} message it has sent one
 * @property {(error: WorkerError) => void} error nobody has caught an error in it, or it could not be loaded
 * @typedef {{said: string, notStarted: string}} WorkerError
 *     said: what was not caught; notStarted: why there is no worker, if that is what it means
 *
 * A worker, for itself.
 * @typedef {object} Self
 * @property {() => number} processors
 * @property {(message: any, transfer?: any[]) => void} post to whoever has started it
 * @property {(message: (message: any) => void, unreadable: () => void) => void} hear what it is sent; or that that
 *     could not be read
 * @property {(life: string) => Promise<boolean>} live holds on to its life, for as long as it runs; false: it can't here, where
 *     it has no memory to share
 * @property {() => void} close ends it: nothing that still waits in it goes on
 * @property {() => Promise<Host>} host by which it starts workers of its own
 */

export {};
