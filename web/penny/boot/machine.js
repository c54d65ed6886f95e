// Folders of the machine in a Python's file system, at their own paths: where there is a machine, as in Node.

/**
 * path: absolute; write: whether what is in it may be changed
 * @typedef {{path: string, write: boolean}} Folder
 *
 * What of the machine a Python has. folders: outer ones before what is in them; directory: its current directory; path:
 * where its modules are first looked for, if somewhere
 * @typedef {{folders: Folder[], directory: string, path?: string}} Machine
 */

/** Linux's EROFS in the numbers of WASI, which Emscripten has. */
const EROFS = 69;
/** Of `open`, in Emscripten's numbers: to write, to read and write, or to cut off what is there. */
const WRITING = 0o1 | 0o2 | 0o1000;

/** Where temporary files go if a folder of the machine that may not be changed hides `/tmp`. */
const TEMPORARY = '/penny-tmp';

/**
 * @param {import('./pyodide.js').Pyodide} pyodide
 * @param {Machine} machine
 */
export function mountMachine(pyodide, {folders, directory, path}) {
  const {FS} = pyodide;
  const {NODEFS} = FS.filesystems;
  const reading = readOnly(FS);
  for (const folder of folders) {
    // One that lies in another is there already.
    if (!FS.analyzePath(folder.path).exists) FS.mkdirTree(folder.path);
    FS.mount(folder.write ? NODEFS : reading, {root: folder.path}, folder.path);
  }
  const innermost = folders.findLast(({path}) => `/tmp/`.startsWith(`${path}/`));
  if (innermost && !innermost.write) {
    FS.mkdirTree(TEMPORARY);
    pyodide.runPython(`import os; os.environ["TMPDIR"] = "${TEMPORARY}"; del os`);
  }
  FS.chdir(directory);
  pyodide.pyimport('penny.mirror.modules').mounted(folders.map(folder => folder.path));
  if (path === undefined) return;
  const paths = pyodide.pyimport('sys').path;
  paths.insert(0, path);
  paths.destroy();
}

/**
 * Emscripten's file system of the machine's files, without what would change them.
 * @param {any} FS
 */
function readOnly(FS) {
  const {NODEFS} = FS.filesystems;
  const refuse = () => {
    throw new FS.ErrnoError(EROFS);
  };
  const node_ops = {
    ...NODEFS.node_ops,
    ...{setattr: refuse, mknod: refuse, rename: refuse, unlink: refuse, rmdir: refuse, symlink: refuse},
    lookup: (/** @type {any} */ parent, /** @type {string} */ name) => adopted(NODEFS.node_ops.lookup(parent, name)),
  };
  const stream_ops = {
    ...NODEFS.stream_ops,
    ...{setattr: refuse, write: refuse},
    open(/** @type {any} */ stream) {
      if (stream.flags & WRITING) refuse();
      NODEFS.stream_ops.open(stream);
    },
  };
  const adopted = (/** @type {any} */ node) => Object.assign(node, {node_ops, stream_ops});
  return {...NODEFS, mount: (/** @type {any} */ mount) => adopted(NODEFS.mount(mount))};
}
