// The page that `penny bench` opens: measures, and sends each row to the command as it comes.
// penny/cli/bench.py describes the messages.
import {inWords} from '../penny/hosts/in_words.js';
import {measureOverhead} from './overhead.js';
import {messagePool} from './pools.js';

/** @typedef {import('./overhead.js').Row} Row */
/**
 * @typedef {{type: "page", agent: string, cores: number}
 *   | {type: "row"} & Row
 *   | {type: "done"}
 *   | {type: "error", message: string}} Message To the command.
 */

const address = new URL(`session${location.search}`, location.href);
address.protocol = 'ws:';
const socket = new WebSocket(address);

/** @param {Message} message */
const send = message => socket.send(JSON.stringify(message));

/** @param {unknown} reason */
function fail(reason) {
  send({type: 'error', message: inWords(reason)});
}

/** @param {{workers: number, rounds: number}} options */
async function measure({workers, rounds}) {
  send({type: 'page', agent: navigator.userAgent, cores: navigator.hardwareConcurrency});
  await measureOverhead({
    workers,
    rounds,
    others: {message: messagePool},
    report: row => send({type: 'row', ...row}),
  });
  send({type: 'done'});
}

socket.addEventListener('message', ({data}) => measure(JSON.parse(data)).catch(fail));
addEventListener('error', event => fail(event.error ?? event.message));
addEventListener('unhandledrejection', event => fail(event.reason));
