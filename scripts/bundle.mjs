// Makes one file each of the page's and of the workers' JavaScript, or a few small ones, with source maps.
//
//   node scripts/bundle.mjs                  web/bundled/: what the wheel starts from, where no page of Penny's is;
//                                            what sites have of web/penny; and the playground's editor
//   node scripts/bundle.mjs npm PYTHON DIR   the npm package, in DIR; PYTHON: python.zip
import {build} from 'esbuild';
import {copyFile, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLED = path.join(ROOT, 'web/bundled');

/**
 * @param {string} from
 * @param {string} to
 * @param {import('esbuild').BuildOptions} options
 */
const bundle = (from, to, options) =>
  build({
    absWorkingDir: ROOT,
    entryPoints: [from],
    outfile: to,
    bundle: true,
    target: 'es2023',
    legalComments: 'none',
    logLevel: 'warning',
    ...options,
  });

// Names stay: stacks and errors show them. Nobody can fetch a map beside a blob, so the files name themselves.
/** @type {import('esbuild').BuildOptions} */
const SMALL = {minifySyntax: true, minifyWhitespace: true, sourcemap: 'external'};
const named = (/** @type {string} */ name) => `//# sourceURL=penny/bundled/${name}`;

/**
 * What a page and its workers fetch: what both need is in files of its own, and what few need comes when it is asked for.
 * @param {string} folder
 */
async function site(folder) {
  await rm(folder, {recursive: true, force: true}); // names of parts are made of what is in them
  await build({
    absWorkingDir: ROOT,
    // The last is imported by penny.js, before anything else.
    entryPoints: ['page', 'worker', 'hosts/browser_isolating'].map(name => `web/penny/${name}.js`),
    outbase: 'web/penny',
    outdir: folder,
    chunkNames: 'parts/[name]-[hash]',
    bundle: true,
    splitting: true,
    target: 'es2023',
    format: 'esm',
    legalComments: 'none',
    logLevel: 'warning',
    ...SMALL,
    sourcemap: true,
  });
}

async function bundles() {
  await Promise.all([
    bundle('web/penny/worker.js', path.join(BUNDLED, 'worker.js'), {
      ...SMALL,
      format: 'esm',
      footer: {js: named('worker.js')},
    }),
    // An expression, whose value is what the module exports: Python can evaluate it at once, a module it would have
    // to await.
    bundle('web/penny/embedded.js', path.join(BUNDLED, 'embedded.js'), {
      ...SMALL,
      format: 'iife',
      globalName: 'embedded',
      banner: {js: '(() => {'},
      footer: {js: `return embedded})()\n${named('embedded.js')}`},
    }),
    site(path.join(BUNDLED, 'penny')),
    bundle('web/playground/editor.js', path.join(BUNDLED, 'playground/editor.js'), {
      minify: true,
      format: 'esm',
      banner: {js: '/* With CodeMirror and Lezer: MIT licence, (C) Marijn Haverbeke <marijn@haverbeke.berlin>, Adrian Heine and others */'},
    }),
  ]);
}

/** @param {string} file of the checkout */
const read = file => readFile(path.join(ROOT, file), 'utf-8');

/**
 * A module with the files that a page would have to fetch.
 * @param {string} python path of python.zip
 * @param {string} pyodideVersion
 * @returns {Promise<string>}
 */
async function files(python, pyodideVersion) {
  const [core, packages, worker] = await Promise.all([
    readFile(path.join(ROOT, 'penny/wasm_core/core.wasm')),
    readFile(python),
    read('web/bundled/worker.js'),
  ]);
  const bytes = (/** @type {Buffer} */ content) => `bytes('${content.toString('base64')}')`;
  return `
    const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
    export const packedCore = ${bytes(gzipSync(core, {level: 9}))};
    export const packedPython = ${bytes(gzipSync(packages, {level: 9}))};
    export const packedWorker = ${bytes(gzipSync(worker, {level: 9}))};
    export const pyodideVersion = ${JSON.stringify(pyodideVersion)};
  `;
}

// Comments that tell bundlers to leave an import alone, which making it small would drop.
const AS_IS = 'import(/* @vite-ignore */ /* webpackIgnore: true */ ';

// Where the package's files are, for its module in Node.
const NODE_FILES = `
  export const worker = new URL('./node_worker.js', import.meta.url);
  export const core = new URL('./core.wasm', import.meta.url);
  export const python = new URL('./python.zip', import.meta.url);
`;

/**
 * A module that is in no file.
 * @param {string} name
 * @param {string} contents
 * @returns {import('esbuild').Plugin}
 */
const module = (name, contents) => ({
  name,
  setup({onResolve, onLoad}) {
    onResolve({filter: new RegExp(`^${name}$`)}, ({path}) => ({path, namespace: name}));
    onLoad({filter: /./, namespace: name}, () => ({contents}));
  },
});

/** @param {string} python @param {string} folder */
async function npm(python, folder) {
  const pyproject = await read('pyproject.toml');
  /** @param {string} field */
  const project = field => new RegExp(`^${field} = "(.*)"$`, 'm').exec(pyproject)?.[1];
  const {dependencies, engines} = JSON.parse(await read('package.json'));
  /** @type {import('esbuild').BuildOptions} */
  const onNode = {...SMALL, sourcemap: true, format: 'esm', platform: 'node', plugins: [module('penny-node-files', NODE_FILES)]};
  await Promise.all([
    bundle('web/npm/node.js', path.join(folder, 'node.js'), onNode),
    bundle('web/npm/command.js', path.join(folder, 'penny.js'), {
      ...onNode,
      sourcemap: false,
      external: ['./node.js'],
      plugins: [module('penny-node', "export {python} from './node.js';")],
    }),
    bundle('web/penny/node_worker.js', path.join(folder, 'node_worker.js'), onNode),
    copyFile(path.join(ROOT, 'penny/wasm_core/core.wasm'), path.join(folder, 'core.wasm')),
    copyFile(python, path.join(folder, 'python.zip')),
  ]);
  await bundle('web/npm/index.js', path.join(folder, 'index.js'), {
    ...SMALL,
    sourcemap: true,
    format: 'esm',
    banner: {js: `const importAsIs = url => ${AS_IS}url);`},
    plugins: [
      {
        name: 'import-as-is',
        setup({onLoad}) {
          onLoad({filter: /boot.pyodide\.js$/}, async ({path}) => ({
            contents: (await readFile(path, 'utf-8')).replaceAll(AS_IS, 'importAsIs('),
          }));
        },
      },
      module('penny-files', await files(python, dependencies.pyodide)),
    ],
  });
  const [series] = dependencies.pyodide.split('.');
  const manifest = {
    name: project('name'),
    version: project('version'),
    description: project('description'),
    license: project('license'),
    keywords: JSON.parse(/^keywords = (.*)$/m.exec(pyproject)?.[1] ?? '[]'),
    type: 'module',
    sideEffects: false,
    exports: {
      '.': {
        node: {types: './types/web/npm/node.d.ts', default: './node.js'},
        types: './types/web/npm/index.d.ts',
        default: './index.js',
      },
      './package.json': './package.json',
    },
    bin: {penny: './penny.js'},
    engines,
    peerDependencies: {pyodide: `^${series}.0.0`},
  };
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of ['LICENSE', 'README.md']) await copyFile(path.join(ROOT, file), path.join(folder, file));
}

const [, , what, ...rest] = process.argv;
await (what === 'npm' ? npm(rest[0], rest[1]) : bundles());
