// A program in the fragment of a URL, which browsers send to no server: `#program=`, compressed, in base64 for URLs.

/** Bytes that a link may unpack to. */
const LIMIT = 1 << 20;

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream */
async function bytesOf(stream) {
  const pieces = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > LIMIT) throw new Error('the program in this link is too long');
    pieces.push(piece);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {CompressionStream | DecompressionStream} change */
const changed = (bytes, change) => bytesOf(new Blob([bytes]).stream().pipeThrough(/** @type {any} */ (change)));

/**
 * A link to this page with a program.
 * @param {string} program
 * @param {number} workers
 */
export async function linkTo(program, workers) {
  const packed = await changed(new TextEncoder().encode(program), new CompressionStream('deflate-raw'));
  const text = btoa(Array.from(packed, byte => String.fromCharCode(byte)).join(''));
  const url = new URL(location.href);
  url.hash = `program=${text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}&workers=${workers}`;
  return url.href;
}

/**
 * What a link has; null: no program.
 * @param {string} fragment
 * @returns {Promise<{program: string, workers: number | null} | null>}
 * @throws {Error} it is damaged
 */
export async function linked(fragment) {
  const parts = new URLSearchParams(fragment.replace(/^#/, ''));
  const text = parts.get('program');
  if (text === null) return null;
  try {
    const packed = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0));
    const bytes = await changed(packed, new DecompressionStream('deflate-raw'));
    const program = new TextDecoder('utf-8', {fatal: true}).decode(bytes);
    return {program, workers: Number(parts.get('workers')) || null};
  } catch (error) {
    throw new Error(`this link is damaged: ${/** @type {Error} */ (error).message}`);
  }
}
