// Reads frames from stdin, decodes each by web/penny/wire/, encodes what came out, and writes a frame in answer. A
// frame is a length of 4 bytes, little-endian, and so many bytes. An answer begins with a letter: V, and a pickle;
// or E, and the error's name and message.
import {readSync, writeSync} from 'node:fs';

import {encode} from '../../../web/penny/wire/write.js';
import {PickleError, UnpicklingError} from '../../../web/penny/wire/errors.js';
import {decode} from '../../../web/penny/wire/read.js';

/** @param {number} length @returns {Buffer | null} null at the end */
function read(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = readSync(0, bytes, at, length - at, null);
    if (!count) return null;
    at += count;
  }
  return bytes;
}

/** @param {Buffer} bytes */
function answer(bytes) {
  try {
    return Buffer.concat([Buffer.from('V'), encode(decode(bytes))]);
  } catch (error) {
    if (!(error instanceof UnpicklingError || error instanceof PickleError)) throw error;
    return Buffer.from(`E${error.name}: ${error.message}`);
  }
}

for (;;) {
  const head = read(4);
  const bytes = head && read(head.readUInt32LE(0));
  if (!bytes) break;
  const reply = answer(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(reply.length);
  const frame = Buffer.concat([length, reply]);
  for (let at = 0; at < frame.length; ) at += writeSync(1, frame, at);
}
