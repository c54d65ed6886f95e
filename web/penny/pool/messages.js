// Every message between the page and its workers. Tasks and outcomes are not among them: they go
// through shared memory, and a busy worker gets no messages anyway.

/**
 * @typedef {import('../boot/extras.js').Extras} Extras
 *
 * A program.
 * @typedef {{source: string, filename: string, argv: string[], dedent: boolean,
 *            environment: Record<string, string>}} Script
 *   argv: sys.argv; dedent: the source may be indented as a whole; environment: set in os.environ
 *
 * Page to any worker.
 * @typedef {'pool' | 'coroutines' | 'messages' | 'messages-coroutines'} PoolRole
 * @typedef {{type: 'prepare', indexURL: string, role: PoolRole | 'host'}} Prepare
 *   sent at once, so that scripts load while the page still fetches the parts: Pyodide's, and Penny's of that role
 * @typedef {{type: 'snapshot', parts: import('../boot/site.js').Parts}} MakeSnapshot
 *   start plainly, make a memory snapshot, post it
 *
 * Page to a worker that installs packages.
 * @typedef {{type: 'install', parts: import('../boot/site.js').Parts, installed?: import('../boot/installed.js').Installed,
 *            libraries: import('../boot/installed.js').Library[], packages: string[]}} InstallPackages
 *   packages: names, requirements, URLs of wheels, to be installed beside what the submitter has, and posted with that
 * @typedef {{type: 'pack', parts: import('../boot/site.js').Parts, installed: import('../boot/installed.js').Installed,
 *            libraries: import('../boot/installed.js').Library[], modules: string[]}} PackPackages
 *   modules: to be imported, and the libraries that they load; what comes of it is posted as a memory snapshot
 *
 * Page to a pool worker.
 * @typedef {{type: 'pool', role: PoolRole, parts: import('../boot/site.js').SharedParts, packed?: import('../boot/pyodide.js').Packed,
 *            clock: import('../core/clock.js').Clock, memory: WebAssembly.Memory,
 *            worker: number, workers: number, check: boolean, life: string,
 *            counts?: Int32Array, gate?: Int32Array, announce: boolean, python?: import('../boot/versions.js').PythonVersion}} StartPool
 *   packed: a snapshot with the packages that it is to have; clock: the page's, which the worker follows; life: what it holds on to while it lives (hosts/host.js); counts: of
 *   outputs, of a program's (InOrder in stdio/output.js); gate: where it sleeps, once it is ready, until all workers are (Pool); announce: tell clients of completions by message, since the
 *   page lacks Atomics.waitAsync; python: of the client, to be the same as the worker's
 *
 * @typedef {{type: 'extras', extras: Extras}} GiveExtras
 *   what it has beside its Python, after which the worker reads no more messages
 *
 * Page to a worker of the engine `messages`, which shares no memory with it.
 * @typedef {Omit<StartPool, 'memory' | 'counts' | 'parts'> & {parts: import('../boot/site.js').Parts, channel: MessagePort}} StartMessages
 *   channel: by which tasks come, and their outcomes go (messages/protocol.js)
 *
 * Page to a host worker.
 * @typedef {{type: 'host', parts: import('../boot/site.js').Parts, clock: import('../core/clock.js').Clock,
 *            extras: Extras & {packages: string[]}, workers: number | null, trace: boolean, waitAsync: boolean, life: string,
 *            counts?: Int32Array, input: {buffer: SharedArrayBuffer, terminal: boolean} | null,
 *            interrupts: SharedArrayBuffer | null}} StartHost
 *   extras: with packages, which it installs by itself; life, counts: as a pool worker's, where there is shared memory; input: where the page puts what the script reads from stdin (stdio/input.js),
 *   and whether that is a terminal; interrupts: by which the page interrupts it (boot/interrupts.js)
 * @typedef {{type: 'run'} & Script} RunScript
 * @typedef {{type: 'interrupt'}} Interrupt
 *   Ctrl-C, if its event loop is free to hear of it
 *
 * Who blocks to its keeper: a worker that starts and keeps the workers of its pools.
 * @typedef {{type: 'keep', clock: import('../core/clock.js').Clock, core: WebAssembly.Module, python: Uint8Array,
 *            origin: Omit<import('../boot/pyodide.js').Origin, 'lock'> & {lock: string},
 *            version: import('../boot/versions.js').PythonVersion, files: ArrayBuffer[], runs: Int32Array}} StartKeeper
 *   python: zip with the packages penny and cloudpickle; origin: of Pyodide; version: of the client's Python; files: as of
 *   Extras; runs: 1 once the keeper can start workers while the client sleeps
 *
 * @typedef {{type: 'completed', pool: number}} Announce
 *   relayed from a pool worker: that pool has completions
 * @typedef {{type: 'closed', pool: number}} Closed
 *
 * @typedef {Prepare | MakeSnapshot | InstallPackages | PackPackages | StartPool | GiveExtras | StartMessages | StartHost | RunScript | Interrupt | StartKeeper | Open | WatchPool | StartPoolCoroutines | Close | Announce | Closed} ToWorker
 *
 * Any worker to the page.
 * @typedef {{type: 'output', stream: import('../stdio/output.js').Stream, bytes: Uint8Array<ArrayBuffer>,
 *            after?: Int32Array, worker?: number}} Output
 *   what was printed, as it was flushed; after: see InOrder in stdio/output.js; worker: by a task there, whose worker the host
 *   worker has started
 * @typedef {{type: 'printed', stream: import('../stdio/output.js').Stream, text: string, worker: number | null,
 *            bytes: Uint8Array}} Printed
 *   of a keeper to its client: what a task has printed
 * @typedef {{type: 'keeping'}} Keeping
 *   of a keeper to its client: it can start workers from now on, whether the client sleeps or not
 * @typedef {{type: 'failed', error: string}} Failed
 *   could not start, or broke down
 * @typedef {{type: 'died'} & import('../boot/pyodide.js').Death} Died
 *   its Python is dead; the last message
 * @typedef {{type: 'snapshot', snapshot: Uint8Array}} SnapshotMade
 * @typedef {{type: 'installed', installed: import('../boot/installed.js').Installed | undefined}} PackagesInstalled
 * @typedef {{type: 'packed', packed: import('../boot/pyodide.js').Packed}} PackagesPacked
 * @typedef {{type: 'imports', imports: import('../boot/with_packages.js').Imports}} Imported
 *   by a pool worker that ends: what it has imported of packages
 * @typedef {{type: 'plain', reason: string}} StartedPlainly
 *   of a pool worker that could not start from the snapshot with packages
 * @typedef {{type: 'written', files: import('../boot/written.js').Written[]}} FilesWritten
 *   by it, before its last message; only of a program whose files have a place (boot/place.js)
 *
 * Pool worker or host worker to the page.
 * @typedef {{type: 'held'}} Held
 *   holds on to its life: from now on the page can tell when it is gone
 *
 * Pool worker to the page.
 * @typedef {{type: 'ready'}} Ready
 * @typedef {{type: 'completed'}} Completed
 * @typedef {{type: 'watch'}} WatchTasks
 *   it has asked a task to end, or submitted one with a time limit
 * @typedef {{type: 'coroutine'}} StartCoroutines
 *   it has submitted a coroutine: the worker for those has to run
 * @typedef {{type: 'ended'}} Ended
 *   the scheduler has stopped, and all that was printed has been sent
 *
 * Host worker to the page.
 * @typedef {{type: 'open', pool: number, memory: WebAssembly.Memory, workers: number,
 *            packages: string[], installed?: import('../boot/installed.js').Installed, environment?: Record<string, string>, check: boolean}} Open
 *   start that many workers on this memory; installed: what they shall have of the host's; environment: its variables
 * @typedef {{type: 'close', pool: number}} Close
 * @typedef {{type: 'input', size: number}} ReadInput
 *   it sleeps until at most so many bytes of stdin are in its buffer, or the end
 * @typedef {{type: 'watch', pool: number}} WatchPool
 * @typedef {{type: 'coroutine', pool: number}} StartPoolCoroutines
 * @typedef {{type: 'exit', status: number}} Exit
 *   the script has ended
 * @typedef {{type: 'thread', name: string, channel: MessagePort}} StartThread
 *   start a worker for it, which it has by that channel (host_threads.js):
 * @typedef {{type: 'post', message: any, transfer: any[]} | {type: 'terminate'} | {type: 'watch'}} ToThread
 *   post: the page adds to a message that starts it what only the page has; watch: say when it is gone
 * @typedef {{type: 'said', message: any} | {type: 'error', error: import('../hosts/host.js').WorkerError} | {type: 'gone'}} FromThread
 *
 * @typedef {Output | Printed | Keeping | Failed | Died | SnapshotMade | PackagesInstalled | PackagesPacked | Imported | StartedPlainly | FilesWritten | Held | Ready | Completed | WatchTasks | StartCoroutines | Ended |
 *           Open | Close | ReadInput | WatchPool | StartPoolCoroutines | Exit | StartThread} ToPage
 */

export {};
