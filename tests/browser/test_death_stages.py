"""Workers killed at each stage of a task's life that Python or the page can hold on to.

Those in the core, between two accesses of shared memory, are forced by the tests of recovery and of
orphans in tests/node, and met at random in tests/native. After each, what did not run on the dead
worker is right, the heap is back at its base, and the pool is at full strength.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support.faults import POOL
from support.kernel_modules import kernel_module
from support.pages import Page
from support.servers import Server

pytestmark = pytest.mark.stress

WORKERS = 2

# Each stage: `play(halts)` submits what comes to it, and gives the promises of that; if it `halts`,
# once a worker, the `victim`, has come there. What the promises then come to if that worker is
# killed; and otherwise. `deaths` there are of pool workers, if not one.
STAGES = """
const halted = async (halts, ...names) => {
  const promises = names.map(name => outcomeOf(s.submit(`stages.${name}`, halts)));
  if (halts) victim = await said('halted');
  return promises;
};
let victim;
/** The task itself is lost, or ends as `ended`. */
const task = (name, ended) => ({
  play: halts => halted(halts, name), killed: ['WorkerLost'], ended: [ended],
});
/** The thief of its job is lost, and the task goes on. */
const thief = (name, ended, killed = 'WorkerLost') => ({
  play: halts => halted(halts, name), killed: [killed], ended: [ended],
});
const bytes = size => `${new Uint8Array(size)}`;

const STAGES = {
  'runs Python': task('runs', bytes(100_000)),
  'runs a kernel': {
    async play(halts) {
      if (!halts) {
        // Each has its kernel stack from here on, a megabyte that stays: who will run `stuck`, too.
        const count = s.array(1, 'int32');
        const {workers} = s;
        await Promise.all(Array.from({length: workers}, () => s.submit('meet', count, workers)));
        count.free();
        return [outcomeOf(s.submit('fib', 15))];
      }
      const started = s.array(4, 'int32');
      const promise = outcomeOf(s.submit('stuck', started));
      await until(() => Atomics.load(started.data, 0));
      victim = 1 - (await s.submit('stages.where'));
      started.free();
      return [promise];
    },
    killed: ['WorkerLost'], ended: ['610'],
  },
  'holds arrays: its own, and one that was given': {
    async play(halts) {
      const given = s.array(100_000, 'int32');
      given.data[0] = 7;
      const promise = outcomeOf(s.submit('stages.holds_arrays', given, halts)).then(outcome => {
        if (typeof outcome === 'string') return outcome;
        const first = outcome.data[0];
        outcome.free();
        return first;
      });
      if (halts) victim = await said('halted');
      given.free();
      return [promise];
    },
    killed: ['WorkerLost'], ended: ['7'],
  },
  'has set its outcome aside, for which there is no room': {
    async play(halts) {
      const {used, limit} = s.stats().heap;
      const room = 400_000;
      const filler = halts ? s.array(limit - used - room, 'uint8') : null;
      const size = 2 * room;
      const promise = outcomeOf(s.submit('stages.returns_more_than_there_is_room_for', size));
      const worker = await said('returns');
      if (halts) {
        victim = worker;
        await until(() => wantsRoom());
        afterwards = () => filler.free();
      }
      return [promise];
    },
    killed: ['WorkerLost'], ended: [bytes(800_000)],
  },
  'runs a job of another’s': thief('has_a_job_run', bytes(100_000)),
  'pickles its outcome': thief('has_an_outcome_pickled', '2'),
  'reads small arguments': thief('has_arguments_read', '2'),
  'reads large arguments': thief('has_large_arguments_read', '3'),
  'loads a function': thief('has_a_function_loaded', '1'),
  'cleans up what was asked to end': thief('cancels_a_job', 'went on', 'went on'),
  'pickles a job’s arguments, to promote it': task('pickles_arguments', '2'),
  'pickles a job’s function, to promote it': task('pickles_a_function', '1'),
  'owns jobs that are begun, and that are not': task('owns_jobs', '6'),
  'waits for a job': task('waits_for_a_job', 'ended'),
  'reads a job’s outcome': task('reads_an_outcome', '2'),
  'runs a part of a loop': task('maps', '3001'),
  'waits for a job, with a job of that on top': task('waits_below_a_job_of_its', '100000'),
  'runs an urgent task on top of another': {
    async play(halts) {
      const flag = s.array(1, 'int32');
      const spins = outcomeOf(s.submit('stages.spins_until', flag));
      const spinner = await said('spins');
      const urges = outcomeOf(s.submit('stages.urges', halts));
      if (halts) victim = await said('halted');
      const end = () => { flag.data[0] = 1; flag.free(); };
      if (halts) afterwards = end;
      else urges.then(end);
      const wanted = halts && victim === spinner ? 'WorkerLost' : 'ended';
      return [spins.then(outcome => outcome === wanted), urges];
    },
    killed: ['true', 'WorkerLost'], ended: ['true', '100000'],
  },
  'runs coroutines': {
    async play(halts) {
      const promise = outcomeOf(s.submit('stages.awaits', halts));
      if (halts) for (let i = 0; i < 3; i++) victim = await said('halted');
      return [promise];
    },
    killed: ['WorkerLost,WorkerLost,WorkerLost'], ended: ['100000,100000,100000'], deaths: 0,
  },
  'has a batch of tasks in its deque': {
    async play(halts) {
      const first = outcomeOf(s.submit('stages.runs', halts));
      const batch = lostOf(load(40));
      if (halts) victim = await said('halted');
      return [first, batch];
    },
    killed: ['WorkerLost', '0'], ended: [bytes(100_000), '0'],
  },
  'is idle': {
    async play() { victim = 0; return []; },
    killed: [], ended: [],
  },
  'starts': {
    async play(halts) {
      if (!halts) return [];
      s.pool.kill(0);
      await until(() => states[0] === 'starting'); // just now
      s.pool.kill(0);
      await until(() => deaths() === before + 2 && states[0] === 'starting');
      await new Promise(later => setTimeout(later, 150)); // it is on its way
      victim = 0;
      return [];
    },
    killed: [], ended: [], deaths: 3,
  },
};

let before, afterwards;
const wantsRoom = () => {
  const {exports} = s.engine.client.core;
  const block = exports.arguments_allocate(s.engine.client.participant, 600) >>> 0;
  if (block) exports.heap_free(s.engine.client.participant, block);
  return !block;
};
"""

PLAY = """
const comeTo = async (promises, wanted) => {
  const outcomes = (await Promise.all(promises)).map(outcome => `${outcome}`);
  if (outcomes.join() !== wanted.join())
    throw new Error(`came to ${outcomes.map(outcome => outcome.slice(0, 200))}`);
};

/** Bytes that a worker may put into the function table when it first owns such jobs. */
const FUNCTIONS = 4 * 512;

const play = async name => {
  const stage = STAGES[name];
  await comeTo(await stage.play(false), stage.ended);
  await lostOf(load(60));
  await allAnswer();
  const base = s.stats().heap.used + FUNCTIONS;
  before = deaths();
  lines.length = 0;
  afterwards = () => {};
  const promises = await stage.play(true);
  const others = load(60);
  s.pool.kill(victim);
  await until(() => deaths() - before >= (stage.deaths ?? 1));
  afterwards();
  await comeTo(promises, stage.killed);
  const lost = await lostOf(others);
  await whole(base);
  await comeTo(await stage.play(false), stage.ended);
  await whole(base);
  return {lost, tooManyDeaths: deaths() - before - (stage.deaths ?? 1)};
};
await open(args[1], {memory: 24 << 20});
await s.defineKernels(Uint8Array.from(atob(args[2]), c => c.charCodeAt(0)));
return play;
"""

NAMES = re.findall(r"^  '(.+)': ", STAGES, re.M)


@pytest.fixture(scope="module")
def stage_page(driver: Chrome, server: Server) -> Iterator[Page]:
    """A page that keeps one pool for all stages."""
    page = Page(driver, server).open()
    page.timeout = 120
    yield page
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_killed_while_it(stage_page: Page, name: str) -> None:
    kernels = kernel_module(Path(__file__).with_name("kernels.c"))
    try:
        outcome = stage_page.js(
            f"""
            globalThis.play ??= await (async () => {{ {POOL} {STAGES} {PLAY} }})();
            return await play(args[0]);
            """,
            name,
            WORKERS,
            base64.b64encode(kernels).decode(),
        )
    except BaseException:
        stage_page.open()  # the next one gets another pool
        raise
    assert outcome == {"lost": 0, "tooManyDeaths": 0}
