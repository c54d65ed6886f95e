// What scripts/bundle.mjs puts into the npm package's module.
declare module 'penny-files' {
  /** The workers' JavaScript, in one file, by gzip. */
  export const packedWorker: Uint8Array<ArrayBuffer>;
  /** core.wasm, by gzip. */
  export const packedCore: Uint8Array<ArrayBuffer>;
  /** python.zip, by gzip. */
  export const packedPython: Uint8Array<ArrayBuffer>;
  /** The Pyodide that Penny is tested with. */
  export const pyodideVersion: string;
}
// Where the npm package's files lie, for Node.
declare module 'penny-node-files' {
  /** The workers' JavaScript, in one file. */
  export const worker: URL;
  /** core.wasm. */
  export const core: URL;
  /** python.zip. */
  export const python: URL;
}
// The npm package's module in Node, for its command.
declare module 'penny-node' {
  export const python: (typeof import('../web/npm/node.js'))['python'];
}
