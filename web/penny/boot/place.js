// Where a program's own files are unpacked.

/** The working directory of each Pyodide, which is importable where something was unpacked into it. */
export const HOME = '/home/pyodide';

/**
 * Where a program finds its files, if they lie elsewhere than in that directory: its archives have absolute paths.
 * directory: the working directory; path: what its modules are imported from; folders: whose files came along;
 * partial: of which folders not all did; keep: whether what is written is wanted with its contents (written.js)
 * @typedef {{directory: string, path: string, folders: string[], partial: string[], keep: boolean}} Place
 */

/**
 * Unpacks zip archives into the working directory, or to their place.
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {ArrayBuffer[]} files
 * @param {Place} [place]
 */
export function unpack(pyodide, files, place) {
  for (const zip of files) pyodide.unpackArchive(zip.slice(0), 'zip', {extractDir: place ? '/' : HOME});
  if (!place) return;
  for (const folder of place.folders) pyodide.FS.mkdirTree(folder);
  pyodide.FS.chdir(place.directory);
  const path = pyodide.pyimport('sys').path;
  path.insert(0, place.path);
  path.destroy();
  pyodide.pyimport('penny.hints.command').told(place.folders, place.partial);
}
