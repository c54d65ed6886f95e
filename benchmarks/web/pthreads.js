// Emscripten's pthreads in a page: the program that benchmarks/kernels/pthreads_fib.c is.

/** Milliseconds that a run may take; it needs one second, and no figure is worth a page that hangs. */
const PATIENCE = 60_000;

/** Runs the program, in a worker of its own, which may block. Resolves to what it prints, ns. */
export const fib = () =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('pthreads_worker.js', import.meta.url));
    const end = (/** @type {() => void} */ settle) => {
      clearTimeout(patience);
      worker.terminate();
      settle();
    };
    const fail = (/** @type {string} */ reason) => end(() => reject(new Error(`pthreads_fib: ${reason}`)));
    const patience = setTimeout(() => fail(`no result in ${PATIENCE / 1000} s`), PATIENCE);
    worker.onmessage = ({data}) => end(() => resolve(JSON.parse(data)));
    worker.onerror = event => fail(event.message);
  });
