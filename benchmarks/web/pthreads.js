// Emscripten's pthreads in a page: the program that benchmarks/kernels/pthreads_fib.c is.

/** Runs the program, in an iframe of its own: its script defines globals. Resolves to what it prints, ns. */
export const fib = () =>
  new Promise((resolve, reject) => {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    const inside = /** @type {any} */ (frame.contentWindow);
    const end = (/** @type {() => void} */ settle) => {
      settle();
      frame.remove();
    };
    inside.Module = {
      print: (/** @type {string} */ line) => end(() => resolve(JSON.parse(line))),
      onAbort: (/** @type {unknown} */ reason) => end(() => reject(new Error(`pthreads_fib: ${reason}`))),
      locateFile: (/** @type {string} */ name) => new URL(name, import.meta.url).href,
    };
    const script = inside.document.createElement('script');
    script.src = new URL('pthreads_fib.js', import.meta.url).href;
    script.onerror = () => end(() => reject(new Error('pthreads_fib.js did not load')));
    inside.document.head.append(script);
  });

