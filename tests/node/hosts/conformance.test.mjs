// The scenarios of tests/conformance in Node, in one program.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {cp, mkdtemp, readFile, readdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {fileURLToPath} from 'node:url';

import {COMMAND, RUNTIME, finished} from './support.mjs';

const SCENARIOS = fileURLToPath(new URL('../../conformance', import.meta.url));

// Gates are files, in a folder that the program and its tasks may write to.
const PROGRAM = `
import inspect, os, sys, traceback, uuid
import conformance, penny

def nap():
    from js import Atomics, Int32Array, SharedArrayBuffer
    Atomics.wait(Int32Array.new(SharedArrayBuffer.new(4)), 0, 0, 2)

def touch(path):
    open(path, "w").close()

class Gate:
    def __init__(self):
        self.path = os.path.abspath(f"gates/{uuid.uuid4().hex}")

    def wait(self):
        touch(self.path + ".reached")
        while not os.path.exists(self.path):
            nap()

    def open(self):
        touch(self.path)

    def reached(self):
        while not (os.path.exists(self.path) or os.path.exists(self.path + ".reached")):
            nap()

class Environment:
    gate = Gate

    def __init__(self):
        self.opened = []
        self.scheduler = self.open(workers=2)

    def open(self, **options):
        self.opened.append(penny.Scheduler(**options))
        return self.opened[-1]

os.mkdir("gates")
for module in (*conformance.MODULES, conformance.AWAITED):
    environment = Environment()
    held = 0
    for name, check in conformance.scenarios(module).items():
        try:
            with conformance.watched(environment, check):
                if inspect.isawaitable(result := check(environment)):
                    await result
            held += 1
        except BaseException:
            print(f"\\n{name}\\n{traceback.format_exc()}", file=sys.stderr)
    await environment.scheduler.aclose()
    print(module, held, flush=True)
`;

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'penny-'));
  await cp(SCENARIOS, path.join(folder, 'conformance'), {recursive: true, filter: file => !file.includes('__pycache__')});
  await writeFile(path.join(folder, 'program.py'), PROGRAM);
});
after(() => rm(folder, {recursive: true}));

test('what executors promise', async () => {
  const child = spawn(RUNTIME, [COMMAND, 'run', '--write', '.', 'program.py'], {cwd: folder});
  const {status, stdout, stderr} = await finished(child);
  /** @type {Record<string, number>} */
  const wanted = {};
  for (const name of await readdir(SCENARIOS)) {
    const source = name.endsWith('.py') ? await readFile(path.join(SCENARIOS, name), 'utf8') : '';
    const count = source.match(/^(async )?def check_/gm)?.length;
    if (count) wanted[name.slice(0, -3)] = count;
  }
  const held = Object.fromEntries(stdout.trim().split('\n').map(line => line.split(' ')).map(([module, count]) => [module, Number(count)]));
  assert.deepEqual([status, held], [0, wanted], stderr);
});
