// A worker that installs packages, once for all workers of pools that name them, or makes a snapshot with them; and ends.
import {filesIn} from '../boot/private.js';
import {install, readInstalled} from '../boot/installed.js';
import {addPackages} from '../boot/packages.js';
import {bootPyodide} from '../boot/pyodide.js';
import {makePacked} from '../boot/with_packages.js';
import {tellPage} from './python.js';

/**
 * Makes the memory snapshot from which workers of pools start that have the same.
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').PackPackages} message
 */
export async function packPackages(here, {parts, installed, libraries, modules}) {
  const packed = await makePacked(parts, installed, modules, libraries);
  tellPage(here, {type: 'packed', packed}, [packed.bytes.buffer]);
}

/**
 * @param {import('../hosts/host.js').Self} here
 * @param {import('../pool/messages.js').InstallPackages} message
 */
export async function installPackages(here, {parts, installed, libraries, packages}) {
  const pyodide = await bootPyodide(parts);
  if (installed) install(pyodide, installed, libraries);
  await addPackages(pyodide, parts, packages, {compile: true});
  // A package may be the host's machinery elsewhere, and is what is asked for here.
  const {ROOTS} = pyodide.pyimport('penny.mirror.installed');
  const paths = filesIn(pyodide.FS, ROOTS.toJs()).map(([path]) => path);
  tellPage(here, {type: 'installed', installed: readInstalled(pyodide, paths, [])});
}
