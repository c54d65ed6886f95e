// A worker's entry, in a browser.
import {PageWorker} from './hosts/browser_worker.js';
import {serve} from './workers/serve.js';

serve(new PageWorker(new URL(import.meta.url)));
