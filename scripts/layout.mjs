// Writes what JavaScript and Python know of penny/wasm_core: web/penny/core/layout.js has the layout of the shared memory and all
// numbers that cross a language, penny/bridge/numbers.py the latter, which are in sets. Both are asked of layout.c,
// compiled to a module of its own.
// Usage: node scripts/layout.mjs layout.wasm layout.js numbers.py
import {readFileSync, writeFileSync} from 'node:fs';

const [wasm, script, python] = process.argv.slice(2);
const memory = new WebAssembly.Memory({initial: 256, maximum: 65536, shared: true});
const {exports} = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)), {env: {memory}});

/** Words of the layout. @type {string[]} */
const layout = [];
/** The numbers of each set. @type {Map<string, Map<string, number>>} */
const sets = new Map();
/** The fields of each record. @type {Map<string, {offset: number, signed: boolean, bytes: number}[]>} */
const records = new Map();

for (const [name, value] of Object.entries(/** @type {Record<string, () => number>} */ (exports))) {
  if (name.startsWith('__')) continue; // the linker's
  if (name.startsWith('layout_')) {
    layout.push(`export const ${name.slice('layout_'.length)} = ${value() >>> 0};\n`);
    continue;
  }
  const [kind, set, ...words] = name.split('_');
  const item = words.join('_');
  const numbers = sets.get(set) ?? new Map();
  sets.set(set, numbers);
  if (kind === 'number') {
    numbers.set(item, value());
  } else {
    const field = {offset: value() >>> 8, signed: (value() & 0x80) !== 0, bytes: value() & 0x7f};
    numbers.set(item, field.offset);
    records.set(set, [...(records.get(set) ?? []), field]);
  }
}
if (!layout.length || !sets.size) throw new Error(`${wasm} exports no layout`);

/** A record's form as Python's `struct` has it. @type {Map<string, string>} */
const formats = new Map();
for (const [set, fields] of records) {
  let end = 0;
  let format = '<';
  for (const {offset, signed, bytes} of fields.sort((a, b) => a.offset - b.offset)) {
    if (offset !== end) throw new Error(`${set} has a gap`);
    const character = {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[bytes] ?? '';
    format += signed ? character.toLowerCase() : character;
    end += bytes;
  }
  sets.get(set)?.set('BYTES', end);
  formats.set(set, format);
}

const inScript = [...sets].map(
  ([set, numbers]) =>
    `export const ${set} = {\n${[...numbers].map(([name, value]) => `  ${name}: ${value},\n`).join('')}};\n`,
);
const inPython = [...sets].map(([set, numbers]) => {
  const format = formats.get(set);
  const lines = [...numbers].filter(([name]) => !format || name === name.toUpperCase());
  return [
    `\n\nclass ${set}:\n`,
    ...(format ? [`    FORMAT: Final = "${format}"\n`] : []),
    ...lines.map(([name, value]) => `    ${name}: Final = ${value}\n`),
  ].join('');
});
const origin = 'Generated from penny/wasm_core/layout.c by scripts/layout.mjs.';
writeFileSync(script, `// ${origin}\n${layout.join('')}${inScript.join('')}`);
writeFileSync(python, `"""${origin}"""\n\nfrom typing import Final\n${inPython.join('')}`);
