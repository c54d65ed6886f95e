// What Penny uses of Pyodide's and Emscripten's own (web/penny/boot/private.js). If one of these fails after an update of
// Pyodide, it is that module that has to be changed, and nothing else.
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {test} from 'node:test';

import {loadPyodide} from 'pyodide';

import * as own from '../../../web/penny/boot/private.js';

const WEB = new URL('../../../web/penny/', import.meta.url);
const pyodide = await loadPyodide(/** @type {any} */ (own.forSnapshot(true)));
const {FS} = pyodide;

test('nothing else uses what is private', () => {
  const names = /\b_(module|api|loadSnapshot|makeSnapshot)\b|preloadedWasm|loadWebAssemblyModule|createPyodideModule|LDSO|wasmTable|lookupPath|fatal_error/;
  const using = readdirSync(WEB, {recursive: true, encoding: 'utf8'}).filter(name => {
    if (!name.endsWith('.js') || name === 'boot/private.js') return false;
    const code = readFileSync(new URL(name, WEB), 'utf8').replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
    return names.test(code);
  });
  assert.deepEqual(using, []);
});

test('a module with memory, an identity, settings', () => {
  assert.ok(own.moduleOf(pyodide).HEAPU8 instanceof Uint8Array);
  assert.equal(own.identityOf(pyodide), own.identityOf(pyodide.pyimport('pyodide_js')));
  assert.equal(typeof own.suspends(pyodide), 'boolean');
  for (const name of ['indexURL', 'packageBaseUrl', 'lockFileContents']) assert.ok(name in own.configOf(pyodide), name);
});

test('calls on a stack that can be suspended, with a turn before and without', async () => {
  const module = own.moduleOf(pyodide);
  const {scheduleCallback} = module.API;
  assert.equal(typeof scheduleCallback, 'function');
  const said = pyodide.toPy([]);
  /** @param {string} what */
  const say = what => pyodide.globals.get('lambda_of')(said, what);
  pyodide.runPython('lambda_of = lambda said, what: lambda: said.append(what)');
  own.callSuspendable(module, say('later'), false);
  own.callSuspendable(module, say('soon'), true);
  assert.equal(module.API.scheduleCallback, scheduleCallback);
  assert.deepEqual(said.toJs(), []);
  for (let i = 0; i < 10; i++) await null;
  assert.deepEqual(said.toJs(), ['soon']);
  await new Promise(later => setTimeout(later, 50));
  assert.deepEqual(said.toJs(), ['soon', 'later']);
});

test('a snapshot of memory', async () => {
  const made = await loadPyodide(/** @type {any} */ (own.forSnapshot(true)));
  made.runPython('kept = 42');
  const snapshot = made.makeMemorySnapshot();
  const restored = await loadPyodide(/** @type {any} */ (own.fromSnapshot(snapshot)));
  assert.equal(restored.runPython('kept'), 42);
});

test('files whose bytes lie elsewhere', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(8)).subarray(2, 5);
  bytes.set([65, 66, 67]);
  own.layFiles(FS, [{path: '/laid/deep/file.txt', bytes, mtime: 1_234_567_890_000}]);
  assert.deepEqual(own.filesIn(FS, ['/laid', '/nowhere']), [['/laid/deep/file.txt', 3, 1_234_567_890_000]]);
  const run = (/** @type {string} */ code) => pyodide.runPython(code);
  run('import os; file = open("/laid/deep/file.txt"); path = file.name');
  assert.equal(run('int(os.stat(path).st_mtime)'), 1_234_567_890);
  assert.throws(() => run('open(path, "r+")'), /PermissionError/);
  bytes[0] = 90;
  assert.equal(run('open(path).read()'), 'ZBC', 'Emscripten has made a copy');
  own.keepOpenFiles(FS, '/laid');
  bytes[0] = 65;
  assert.equal(run('file.read()'), 'ZBC', 'a file that was open still has the shared bytes');
});

test('a library that is compiled already', () => {
  // A module that a linker for Emscripten would make: an empty section dylink.0 first.
  const section = [0, 15, 8, ...new TextEncoder().encode('dylink.0'), 1, 4, 0, 0, 0, 0];
  const bytes = new Uint8Array(new SharedArrayBuffer(8 + section.length));
  bytes.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section]);
  const compiled = new WebAssembly.Module(bytes.slice());
  own.layFiles(FS, [{path: '/laid/lib.so', bytes, mtime: 0}]);
  own.shareLibrary(pyodide, '/laid/lib.so', compiled, bytes.buffer);
  bytes.fill(1); // whoever reads the file finds no module
  pyodide.runPython('import ctypes; ctypes.CDLL("/laid/lib.so")');
});

test('libraries in a snapshot', async () => {
  assert.deepEqual(own.lacking(own.moduleOf(pyodide)), []);
  assert.deepEqual(own.lacking({...own.moduleOf(pyodide), newDSO: undefined}), ['newDSO']);
  // One that takes 64 bytes of memory and 3 places in the table.
  const section = [0, 15, 8, ...new TextEncoder().encode('dylink.0'), 1, 4, 64, 0, 3, 0];
  const module = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section]));
  const libraries = [{path: '/laid/one.so', module}, {path: '/laid/two.so', module}];
  const indexURL = new URL('../../../node_modules/pyodide/', import.meta.url).href;
  /** @param {any} options @param {(places: import('../../../web/penny/boot/private.js').Places, module: any) => void} [then] */
  const start = async (options, then) => {
    /** @type {any} */
    let places;
    const early = await own.beforeC(indexURL, module => {
      places = own.preload(module, libraries);
      then?.(places, module);
    });
    const started = await loadPyodide({...options, ...early});
    return {started, places};
  };
  const {started: maker, places} = await start(own.forSnapshot(true));
  assert.deepEqual(places.map((/** @type {any} */ {path}) => path), ['/laid/one.so', '/laid/two.so', '']);
  assert.equal(places[1].table - places[0].table, 3);
  assert.equal(places[1].heap - places[0].heap >= 64, true);
  assert.deepEqual(own.loadedLibraries(own.moduleOf(maker)).filter(path => path.startsWith('/laid')).sort(), libraries.map(({path}) => path));
  const looked = new Set();
  const end = own.watchPaths(maker.FS, path => looked.add(path));
  maker.runPython('import os; os.path.exists("/laid/nothing"); file = open("/laid", "w")');
  end();
  assert.equal(looked.has('/laid/nothing'), true);
  assert.deepEqual(own.openFiles(maker.FS), ['/laid']);
  maker.runPython('file.close(); del file; kept = 42');
  assert.deepEqual(own.openFiles(maker.FS), []);
  const linked = own.linked(own.moduleOf(maker), places);
  const snapshot = maker.makeMemorySnapshot();

  const {started} = await start(own.fromSnapshot(snapshot.slice()), (places, module) => {
    own.growTo(module, snapshot.length);
    own.relink(module, places, linked);
  });
  assert.equal(started.runPython('kept'), 42);
  const elsewhere = {...linked, places: linked.places.map(place => ({...place, heap: place.heap + 16}))};
  const broken = start(own.fromSnapshot(snapshot.slice()), (places, module) => own.relink(module, places, elsewhere));
  await assert.rejects(broken, /libraries lie elsewhere/);
  await assert.rejects(start({}, (_, module) => own.preload(module, [libraries[0], libraries[0]])), /same name/);
});

test('its death', async () => {
  for (const [code, aborted] of /** @type {[string, boolean][]} */ ([
    ['import os; os._exit(3)', false],
    ['import os; os.abort()', true],
  ])) {
    const dying = await loadPyodide({stdout() {}, stderr() {}});
    let aborts = false;
    /** @type {any[]} */
    const fatal = [];
    own.onAbort(dying, () => (aborts = true));
    own.onFatalError(dying, (error, end) => {
      try {
        return end(error);
      } catch (thrown) {
        fatal.push(thrown);
        throw thrown;
      }
    });
    const {log, error} = console;
    console.log = console.error = () => {};
    try {
      dying.runPython(code);
      assert.fail('it lives');
    } catch (error) {
      assert.equal(fatal.length > 0, true, `${code}: nothing was fatal, but ${error}`);
    } finally {
      Object.assign(console, {log, error});
    }
    assert.equal(aborts, aborted, code);
    if (!aborted) assert.equal(fatal[0].status, 3);
  }
});
