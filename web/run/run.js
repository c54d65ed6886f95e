// The page that `penny run` opens: takes a script from the command, runs it, sends its output and
// its exit status back. penny/cli/session.py describes the messages.
import { inWords } from "../penny/hosts/in_words.js";

/**
 * @typedef {object} Start What to run.
 * @property {"start"} type
 * @property {string} source
 * @property {string} filename
 * @property {string[]} argv
 * @property {number | null} workers
 * @property {"host" | "page"} on
 * @property {boolean} trace
 * @property {boolean} terminal Whether stdin is one.
 * @property {Record<string, string>} environment
 * @property {string[]} packages
 * @property {import("../penny/boot/place.js").Place} place
 */

/**
 * @typedef {{type: "input", size: number}
 *   | {type: "written", path: string, worker: number | null, kept: boolean}
 *   | {type: "trace", text: string} | {type: "traced", dropped: number}
 *   | {type: "exit", status: number}
 *   | {type: "error", message: string}} Message To the command.
 */

const address = new URL(`session${location.search}`, location.href);
address.protocol = "ws:";
const socket = new WebSocket(address);
socket.binaryType = "arraybuffer";

/** The first byte of a binary message: which stream the others are of. */
const STREAMS = { stdout: 1, stderr: 2 };
/** Or that they are a file. */
const CONTENTS = 3;

/** @param {number} kind @param {Uint8Array} bytes */
function sendBytes(kind, bytes) {
  const message = new Uint8Array(1 + bytes.length);
  message[0] = kind;
  message.set(bytes, 1);
  socket.send(message);
}

/** @param {"stdout" | "stderr"} stream @param {Uint8Array} bytes */
const sendOutput = (stream, bytes) => sendBytes(STREAMS[stream], bytes);

/** @param {import("../penny/boot/written.js").Written[]} files @param {number | null} worker */
function sendWritten(files, worker) {
  for (const { path, bytes } of files) {
    send({ type: "written", path, worker, kept: bytes !== null });
    if (bytes) sendBytes(CONTENTS, bytes);
  }
}

/** What waits for stdin. @type {((bytes: Uint8Array) => void)[]} */
const reading = [];

/** @param {number} size @returns {Promise<Uint8Array>} */
function input(size) {
  return new Promise((resolve) => {
    reading.push(resolve);
    send({ type: "input", size });
  });
}

/** @param {Message} message */
const send = (message) => socket.send(JSON.stringify(message));

let over = false;

/**
 * Ends the run with what the command can't see: the page itself failed. Once the script has ended,
 * late failures (of workers that are being shut down, say) no longer matter.
 * @param {unknown} reason
 */
function fail(reason) {
  if (over) return;
  over = true;
  send({ type: "error", message: inWords(reason) });
}

/** Loads penny.js as the pages of users do, by its script tag. */
async function loadPenny() {
  const script = document.createElement("script");
  script.src = new URL("../penny.js", location.href).href;
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(`could not load ${script.src}`));
    document.head.append(script);
  });
  const { Penny } = /** @type {any} */ (globalThis);
  if (!Penny) throw new Error(`${script.src} did not define Penny`);
  return Penny;
}

/** Sends a trace in pieces: none may be too long for a string. */
async function traceSender() {
  const { jsonPieces } = await import("../penny/trace/chrome.js");
  return (/** @type {any} */ whole) => {
    for (const text of jsonPieces(whole)) send({ type: "trace", text });
    send({ type: "traced", dropped: whole.otherData.dropped });
  };
}

/**
 * @param {Start} start
 * @param {ArrayBuffer} files The script's folder, a zip archive.
 */
async function run(start, files) {
  const { source, workers, trace, type, ...options } = start;
  const Penny = await loadPenny();
  const status = await Penny.run(source, {
    ...options,
    workers: workers ?? undefined,
    files: [files],
    input,
    written: sendWritten,
    interrupt: interrupting.signal,
    output: (
      /** @type {"stdout" | "stderr"} */ stream,
      /** @type {string} */ _text,
      /** @type {number | null} */ _worker,
      /** @type {Uint8Array} */ bytes,
    ) => sendOutput(stream, bytes),
    ...(trace && { trace: await traceSender(), signal: stopping.signal }),
  });
  over = true;
  send({ type: "exit", status });
}

/** Ctrl-C. */
const interrupting = new AbortController();
/** Ends the script. */
const stopping = new AbortController();
/** @type {Start | undefined} */
let start;
let running = false;
socket.addEventListener("message", ({ data }) => {
  const message = typeof data === "string" && JSON.parse(data);
  if (message.type === "start") start = message;
  else if (message.type === "interrupt") interrupting.abort();
  else if (message.type === "stop") stopping.abort();
  else if (message) return;
  else if (running) reading.shift()?.(new Uint8Array(data));
  else if (start) {
    running = true;
    run(start, data).catch(fail);
  }
});
addEventListener("error", (event) => {
  if (!isScripts(event.error)) fail(event.error ?? event.message);
});
addEventListener("unhandledrejection", (event) => {
  if (!isScripts(event.reason)) fail(event.reason);
});

/**
 * Whether it is the script's, which may run on this page: the death of its Python, which Penny.run tells, or what an
 * event handler or a promise of its own was left with, harmless as in a worker.
 * @param {any} reason
 */
function isScripts(reason) {
  if (reason?.pyodide_fatal_error) return true;
  if (start?.on !== "page") return false;
  sendOutput("stderr", new TextEncoder().encode(`${inWords(reason)}\n`));
  return true;
}

export {};
