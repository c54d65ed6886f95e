// Penny's entry in Node, Deno and Bun. Its files are handed in, and Pyodide's lie in the file system.
import {Node} from './hosts/node.js';
import {Places} from './pool/places.js';

/**
 * What starts workers.
 * @param {URL} script of the workers: node_worker.js, or it with all that it imports
 * @param {Uint8Array<ArrayBuffer>} core
 * @param {Uint8Array} python zip with the packages penny and cloudpickle
 */
export const onNode = (script, core, python) => new Places(new Node(script), new WebAssembly.Module(core), python);
