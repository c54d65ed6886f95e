// A worker that starts Pyodide plainly, with packages if it is told to; or, told to, from Penny's shared parts, to run Python by itself:
// unconnected, no scheduler.
/** @type {any} */
let pyodide;

/** @param {MessageEvent} event */
self.onmessage = async ({data}) => {
  if (data.wheels) {
    const indexURL = new URL('./penny/pyodide/', location.href).href;
    const {loadPyodide} = await import(indexURL + 'pyodide.mjs');
    pyodide = await loadPyodide({indexURL});
    await pyodide.loadPackage(data.wheels, {messageCallback() {}});
    pyodide.runPython(data.code);
    postMessage('ready');
  } else if (data.parts) {
    const {bootPyodide} = await import('./penny/boot/pyodide.js');
    pyodide = await bootPyodide(data.parts);
    pyodide.runPython(data.setup);
    postMessage('ready');
  } else {
    const result = pyodide.globals.get('run')(data.argument);
    postMessage(result);
  }
};

if (!location.hash) {
  const indexURL = new URL('./penny/pyodide/', location.href).href;
  const {loadPyodide} = await import(indexURL + 'pyodide.mjs');
  await loadPyodide({indexURL});
  postMessage('ready');
}

export {};
