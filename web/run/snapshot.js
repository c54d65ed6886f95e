// The page in which the command makes the memory snapshot (penny/cli/snapshot.py): a snapshot has to be
// made by an engine that can do what the engines can that will use it, so not by an older Node.

/** @type {RequestInit} */
let answer;
try {
  const {memorySnapshot} = await import('../penny/page.js');
  const snapshot = /** @type {Uint8Array<ArrayBuffer>} */ (await memorySnapshot());
  answer = {body: snapshot};
} catch (error) {
  answer = {body: String(error), headers: {'X-Failed': '1'}};
}
await fetch(`snapshot${location.search}`, {method: 'PUT', ...answer});

export {};
