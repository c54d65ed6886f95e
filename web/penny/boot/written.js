// What a program or a task has written to files, which are its interpreter's own: found by comparing with what there was.

/**
 * A file that was written. bytes: its contents, if they are wanted
 * @typedef {{path: string, size: number, bytes: Uint8Array<ArrayBuffer> | null}} Written
 */

/** What is the system's, or nobody's for long; unless a folder that came along lies there. */
const SYSTEM = ['/dev', '/lib', '/proc', '/tmp'];
/** What programs keep for themselves there is no result of theirs. */
const HOME = '/home/';
const CACHES = '__pycache__';

/**
 * Looks at all files now. Needs no living Python.
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {import('./place.js').Place} place
 * @returns {() => Written[]} what was written since; what is called later tells only what is new since then
 */
export function watchFiles(pyodide, {folders, keep}) {
  const {FS} = pyodide;
  /** @param {(path: string, stat: any) => void} visit */
  const walkAll = visit => {
    const seen = new Set();
    /** @param {string} folder */
    const walk = folder => {
      if (seen.has(folder)) return;
      seen.add(folder);
      for (const name of FS.readdir(folder)) {
        if (name === '.' || name === '..' || name === CACHES) continue;
        const path = `${folder === '/' ? '' : folder}/${name}`;
        if (SYSTEM.includes(path)) continue;
        const stat = FS.lstat(path);
        if (FS.isDir(stat.mode)) {
          if (!name.startsWith('.') || !path.startsWith(HOME) || isWithin(path, folders)) walk(path);
        } else if (FS.isFile(stat.mode)) visit(path, stat);
      }
    };
    for (const folder of ['/', ...folders]) if (FS.analyzePath(folder).exists) walk(folder);
  };
  // A file that was replaced by another is another: it has a number of its own.
  const mark = (/** @type {any} */ {ino, mtime, size}) => `${ino} ${mtime.getTime()} ${size}`;
  /** @type {Map<string, string>} */
  const known = new Map();
  walkAll((path, stat) => known.set(path, mark(stat)));
  return () => {
    /** @type {Written[]} */
    const written = [];
    walkAll((path, stat) => {
      const now = mark(stat);
      if (known.get(path) === now) return;
      known.set(path, now);
      // Not beside what came along: it is named, so that nobody misses it, and goes nowhere.
      const bytes = keep && isWithin(path, folders) ? FS.readFile(path) : null;
      written.push({path, size: stat.size, bytes});
    });
    return written;
  };
}

/** @param {string} path @param {string[]} folders */
const isWithin = (path, folders) => folders.some(folder => path.startsWith(folder === '/' ? folder : `${folder}/`));

/**
 * The memory of what was written, to be transferred.
 * @param {Written[]} written
 */
export const buffersOf = written => written.flatMap(({bytes}) => (bytes ? [bytes.buffer] : []));
