// Writes web/penny/layout.js: the constants of the shared memory's layout, read out of the compiled
// core. Usage: node scripts/layout.mjs core.wasm layout.js
import {readFileSync, writeFileSync} from 'node:fs';

const [wasm, target] = process.argv.slice(2);
const memory = new WebAssembly.Memory({initial: 256, maximum: 65536, shared: true});
const {exports} = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)), {
  env: {memory, clock: () => 0, kernel_task: () => {}, kernel_throw: () => {}},
});
const constants = Object.entries(/** @type {Record<string, () => number>} */ (exports))
  .filter(([name]) => name.startsWith('layout_'))
  .map(([name, value]) => `export const ${name.slice('layout_'.length)} = ${value() >>> 0};\n`);
if (!constants.length) throw new Error(`${wasm} exports no layout`);
writeFileSync(
  target,
  `// Generated from penny/wasm_core/shared.h by scripts/layout.mjs.\n${constants.join('')}`,
);
