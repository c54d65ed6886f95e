// Python files in Node: `penny run` of the npm package, and `await penny.python(file)`.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdtemp, readFile, readdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, before, test} from 'node:test';

import {COMMAND, PACKAGE, RUNTIME, finished, program} from './support.mjs';

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'penny-'));
  await writeFile(path.join(folder, 'helper.py'), 'def triple(n):\n    return 3 * n\n');
  await writeFile(path.join(folder, 'data.txt'), 'machine');
});
after(() => rm(folder, {recursive: true}));

/**
 * Runs `penny run` in the folder, of a script with this source.
 * @param {string} source
 * @param {{options?: string[], args?: string[], input?: string | null, env?: Record<string, string>,
 *          printed?: (text: string, child: import('node:child_process').ChildProcess) => void}} [options]
 */
async function penny(source, {options = [], args = [], input, env = {}, printed} = {}) {
  await writeFile(path.join(folder, 'script.py'), source);
  const words = [COMMAND, 'run', '--workers', '2', ...options, 'script.py', ...args];
  return finished(spawn(RUNTIME, words, {cwd: folder, env: {...process.env, ...env}}), input, printed);
}

test('arguments, variables, directory, files, modules, stdin, exit status: in the script and in its tasks', async () => {
  const {status, stdout, stderr} = await penny(
    `
import os, sys, penny, helper
def around():
    assert penny.current_worker() in (0, 1)
    return sys.argv, os.getcwd(), os.environ["PENNY_TEST"], open("data.txt").read(), helper.triple(5)
here = sys.argv, os.getcwd(), os.environ["PENNY_TEST"], open("data.txt").read(), helper.triple(5)
with penny.Scheduler() as s:
    assert s.submit(around).result() == here, s.submit(around).result()
    print(s.submit(helper.triple, 14).result())
print(*here, sys.stdin.readline().strip(), sys.stdin.read(), sys.stdin.isatty())
print("err", file=sys.stderr)
sys.exit(5)`,
    {args: ['a', '--workers'], input: 'one\ntwo', env: {PENNY_TEST: 'ä'}},
  );
  const shown = `42\n['script.py', 'a', '--workers'] ${folder} ä machine 15 one two False\n`;
  assert.deepEqual({status, stdout, stderr}, {status: 5, stdout: shown, stderr: 'err\n'});
});

const CHANGES = `
import os
for change in (
    lambda: open("new.txt", "w").write("new"), lambda: open("data.txt", "a").write("!"), lambda: os.mkdir("d"), lambda: os.rename("d", "e"),
    lambda: os.truncate("data.txt", 3), lambda: os.symlink("data.txt", "link"), lambda: os.chmod("data.txt", 0o600), lambda: os.utime("data.txt"),
    lambda: os.rename("helper.py", "h.py"), lambda: os.rmdir("e"), lambda: os.remove("link"), lambda: os.rename("h.py", "helper.py"),
):
    try:
        change()
    except OSError as error:
        print(error.strerror)
`;

test('files are to be read only', async () => {
  const missing = 'No such file or directory\n';
  const before = await readdir(folder);
  const {stdout, stderr} = await penny(CHANGES);
  assert.deepEqual(
    [stderr, stdout],
    ['', `${'Read-only file system\n'.repeat(3)}${missing}${'Read-only file system\n'.repeat(5)}${missing.repeat(3)}`],
  );
  assert.equal(await readFile(path.join(folder, 'data.txt'), 'utf8'), 'machine');
  assert.deepEqual(new Set(await readdir(folder)), new Set([...before, 'script.py']));
});

test('unless --write says otherwise: in tasks, too', async () => {
  const {stdout, stderr} = await penny(
    `${CHANGES}
import penny
def write():
    open("task.txt", "w").write(f"worker {penny.current_worker() in (0, 1)}")
with penny.Scheduler(workers=1) as s:
    s.submit(write).result()`,
    {options: ['--write', '.']},
  );
  assert.deepEqual([stderr, stdout], ['', '']);
  const text = (/** @type {string} */ name) => readFile(path.join(folder, name), 'utf8');
  assert.deepEqual([await text('new.txt'), await text('data.txt'), await text('task.txt')], ['new', 'mac', 'worker True']);
});

test('exit statuses: an exception, an exit at once, a syntax error, a file that is missing', async () => {
  const raised = await penny('def f():\n    raise ValueError("ä")\nf()');
  assert.equal(raised.status, 1);
  assert.equal(
    raised.stderr.replace(/^ +[~^]+\n/gm, ''),
    'Traceback (most recent call last):\n  File "script.py", line 3, in <module>\n    f()\n  File "script.py", line 2, in f\n    raise ValueError("ä")\nValueError: ä\n',
  );
  const left = await penny('import os\nprint("said")\nos._exit(4)');
  assert.deepEqual([left.status, left.stdout], [4, 'said\n']);
  const wrong = await penny('print(');
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /File "script.py", line 1\n.*SyntaxError/s);
  const missing = await finished(spawn(RUNTIME, [COMMAND, 'run', 'nowhere.py'], {cwd: folder}));
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /can't open file 'nowhere.py': ENOENT/);
});

test('a script from stdin, and one in an encoding that it names', async () => {
  const input = 'import sys\nprint(sys.argv, __file__, sys.stdin.read())';
  const {stdout} = await finished(spawn(RUNTIME, [COMMAND, 'run', '-', 'x'], {cwd: folder}), input);
  assert.equal(stdout, "['-', 'x'] <stdin> \n");
  await writeFile(path.join(folder, 'latin.py'), Buffer.from('# coding: latin-1\nprint("\xe4")\n', 'latin1'));
  assert.equal((await finished(spawn(RUNTIME, [COMMAND, 'run', 'latin.py'], {cwd: folder}))).stdout, 'ä\n');
});

test('much output, to the end; and to one who reads no more', async () => {
  const source = 'for i in range(200_000): print(i)';
  const {status, stdout} = await penny(source);
  assert.deepEqual([status, stdout.length, stdout.slice(-7)], [0, 1_288_890, '199999\n']);
  const cut = await penny(source, {printed: (_, child) => child.stdout?.destroy()});
  assert.deepEqual([cut.status, cut.stderr], [141, '']);
});

test('Ctrl-C is a KeyboardInterrupt, whatever the script does; its tasks are ended, and its files are its own', async () => {
  for (const waits of ['s.submit(busy).result()', 'busy()', 'input()', 'time.sleep(1000)', 'asyncio.run(asyncio.sleep(1000))']) {
    const source = `
import asyncio, sys, time, penny
def busy():
    while True:
        pass
try:
    with penny.Scheduler(1) as s:
        task = s.submit(busy)
        print("begun", flush=True)
        ${waits}
except KeyboardInterrupt:
    print("interrupted", task.cancelled(), input(), flush=True)
    sys.exit(5)
finally:
    print("finally")`;
    const {status, stdout, stderr} = await penny(source, {
      input: null,
      printed(text, child) {
        if (!text.includes('begun')) return;
        // One right after the other, so that it may find both at once. Not while it is stopped: any of its threads would
        // take the signal then, when it runs again, and the main thread might have read by then.
        child.kill('SIGINT');
        child.stdin?.end('typed\n');
      },
    });
    assert.deepEqual([status, stdout, stderr], [5, 'begun\ninterrupted True typed\nfinally\n', ''], waits);
  }
});

test('a second Ctrl-C ends a script at once that does not end', async () => {
  const {status, stdout} = await penny(
    `
import time
try:
    print("begun", flush=True)
    time.sleep(1000)
finally:
    print("finally", flush=True)
    time.sleep(1000)`,
    {printed: (text, child) => void (/begun|finally/.test(text) && child.kill('SIGINT'))},
  );
  assert.deepEqual([status, stdout], [130, 'begun\nfinally\n']);
});

test('Ctrl-C ends it, whatever it does', async () => {
  for (const waits of ['s.submit(busy).result()', 'busy()', 'sys.stdin.read()', 'await asyncio.sleep(1000)']) {
    const source = `
import asyncio, sys, penny
def busy():
    while True: pass
with penny.Scheduler() as s:
    print("begun", flush=True)
    ${waits}`;
    await writeFile(path.join(folder, 'script.py'), source);
    const child = spawn(RUNTIME, [COMMAND, 'run', 'script.py'], {cwd: folder});
    child.stdout.once('data', () => child.kill('SIGINT'));
    const status = await new Promise(resolve => child.on('close', resolve)); // stdin stays open
    assert.equal(status, 130, waits);
  }
});

test('python(file) in a program, which goes on', async () => {
  await writeFile(path.join(folder, 'script.py'), 'import sys\nprint(sys.argv, input())');
  const {status, stdout, stderr} = await program(
    `import {python} from ${JSON.stringify(PACKAGE.href)};
     console.log(await python(${JSON.stringify(path.join(folder, 'script.py'))}, {args: ['x']}));`,
    {input: 'typed\n'},
  );
  assert.deepEqual([status, stdout, stderr], [0, `['${folder}/script.py', 'x'] typed\n0\n`, '']);
});

test('the command’s own mistakes', async () => {
  for (const [words, said] of /** @type {[string[], RegExp][]} */ ([
    [['walk'], /no command walk/],
    [['run'], /which script/],
    [['run', '--workers', '0', 'x.py'], /--workers takes/],
    [['run', '--wrong', 'x.py'], /--wrong/],
  ])) {
    const {status, stderr} = await finished(spawn(RUNTIME, [COMMAND, ...words], {cwd: folder}));
    assert.equal(status, 2);
    assert.match(stderr, said);
  }
});
