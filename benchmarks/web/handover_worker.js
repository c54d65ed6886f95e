// A worker that gets an array as a copy, and touches one element of it.
self.onmessage = (/** @type {MessageEvent} */ {data: {buffer, i}}) => postMessage((new Float32Array(buffer)[i] += 1));

export {};
