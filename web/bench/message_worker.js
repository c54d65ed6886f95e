// A worker of the pool made by hand (pools.js).
import {loadFunction} from './python.js';

const f = await loadFunction();
self.onmessage = (/** @type {MessageEvent} */ {data: {id, x}}) => postMessage({id, result: f(x)});
postMessage('ready');
