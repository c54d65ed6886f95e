// A worker's entry, in Node.
import {NodeWorker} from './hosts/node_worker.js';
import {serve} from './workers/serve.js';

serve(new NodeWorker(new URL(import.meta.url)));
