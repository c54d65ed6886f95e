// joblib, multiprocessing and install() on Penny's workers: a program in a host worker measures.

/**
 * What the program has printed, as JSON.
 * @param {string[]} paths of joblib's wheel
 * @param {string} suite a function of adapters_program.py
 */
export async function measured(paths, suite) {
  const {Penny} = /** @type {any} */ (globalThis);
  const wheels = paths.map(path => new URL(path, location.href).href);
  const source = await (await fetch(new URL('./adapters_program.py', import.meta.url))).text();
  let printed = '';
  const load = `import pyodide_js\nawait pyodide_js.loadPackage(${JSON.stringify(wheels)}, messageCallback=lambda _: None)\n`;
  const status = await Penny.run(`${load}${source}\nrun(${JSON.stringify(suite)})\n`, {
    workers: 2,
    output: (/** @type {string} */ _, /** @type {string} */ text) => (printed += text),
  });
  if (status) throw new Error(printed);
  return JSON.parse(printed);
}
