// The heap of the real core, for tests/python/memory/test_heap_properties.py: commands on standard input, an answer for each
// on standard output. Each a line of JSON.
//
//   ["new", bytes]                     a new memory, whose heap has at most so many bytes; answers its lowest address
//   ["allocate", participant, bytes]   answers an address, or 0
//   ["free", participant, address]     answers null
//   ["used"]                           answers bytes in use
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';

import {Core, KEEPER, createMemory} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';

const module = new WebAssembly.Module(readFileSync(new URL('../../../penny/wasm_core/core.wasm', import.meta.url)));
/** @type {Core} */
let core;

/** @type {Record<string, (...args: number[]) => number | null>} */
const COMMANDS = {
  new(bytes) {
    core = new Core(module, createMemory(bytes), KEEPER);
    core.initialise(2, bytes);
    return L.HEAP_ADDRESS;
  },
  allocate: (participant, bytes) => core.exports.heap_allocate(participant, bytes) >>> 0,
  free(participant, address) {
    core.exports.heap_free(participant, address);
    return null;
  },
  used: () => core.exports.heap_used(),
};

for await (const line of createInterface({input: process.stdin})) {
  const [name, ...args] = JSON.parse(line);
  process.stdout.write(JSON.stringify(COMMANDS[name](...args)) + '\n');
}
