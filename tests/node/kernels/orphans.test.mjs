// Recovery of promoted jobs (penny/wasm_core/pool/recovery.c, latch.c): whoever dies, owner, runner or both, and
// wherever, the job runs at most once, a living owner learns its end, and nothing of it stays behind.
//
// Accepted, and so not tried here: see the end of the header of functions.c.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {KEEPER, PAGE, clientParticipant} from '../../../web/penny/core/core.js';
import * as L from '../../../web/penny/core/layout.js';
import {PLAIN} from '../../../web/penny/tasks/calls.js';
import {Client} from '../../../web/penny/tasks/client.js';
import {DEAD} from '../pool/recovery.threads.mjs';
import {argumentsOf, endTask, promoteJob, runTask, takeCompletions, takeOutcome} from '../support/pool.threads.mjs';
import {ENDED, Latch, NONE, NOTHING, State, died, hintOf, scene} from '../support/threads.mjs';

/** @typedef {import('../support/threads.mjs').TestCore} TestCore */
/** @typedef {import('../support/threads.mjs').Breakpoint} Breakpoint */

const RECOVERY = new URL('../pool/recovery.threads.mjs', import.meta.url);
const OWNER = 1;
const RUNNER = 2;
const OTHER = 3;
const ID = 7;

/** Where payloads lie: in the slot, in an arena, in granules. */
const SIZES = [12, 1000, 100_000];

/** @param {number} hint */
const slotOf = hint => hint & L.INDEX_MASK;

/** A scene with a function that the page has made, or the owner. */
class Play {
  /**
   * @param {import('node:test').TestContext} t
   * @param {{size?: number, own?: boolean}} [options] size of payloads; own: the function is the owner's
   */
  constructor(t, {size = 12, own = false} = {}) {
    const {core, crew} = scene(t);
    this.core = core;
    this.crew = crew;
    this.size = size;
    this.owner = this.worker(OWNER);
    this.runner = this.worker(RUNNER);
    this.other = this.worker(OTHER);
    this.own = own;
    const before = core.exports.heap_used();
    this.fn = (own ? this.owner : core).addFunction(new Uint8Array(10));
    this.base = own ? before : core.exports.heap_used();
  }

  /** @param {number} number */
  worker(number) {
    const worker = this.core.as(number);
    worker.exports.worker_start(number);
    return worker;
  }

  /** Promotes a job of the owner's. @param {{queue?: number}} [options] */
  promote(options) {
    return promoteJob(this.owner, this.fn, ID, {size: this.size, returns: this.size, ...options});
  }

  /** The job, claimed by the runner. */
  running() {
    const hint = this.promote();
    assert.equal(this.runner.exports.worker_next(RUNNER, 0), slotOf(hint));
    return hint;
  }

  /** The job, ended by the runner. */
  ended() {
    const hint = this.running();
    this.end(hint);
    return hint;
  }

  /** The runner, which lives, runs the job to its end. @param {number} hint */
  end(hint) {
    const {id, returns} = runTask(this.runner, slotOf(hint));
    endTask(this.runner, slotOf(hint), id, returns);
  }

  /**
   * Somebody dies at a step of what he does.
   * @param {Breakpoint} step
   * @param {() => unknown} act
   */
  die(step, act) {
    this.core.dieAt(step);
    assert.throws(act, died, `nobody came to ${step}`);
  }

  /** The keeper's part. @param {number[]} dead */
  recover(...dead) {
    for (const worker of dead) {
      this.core.exports.recover(worker);
      assert.equal(this.core.exports.reinject(), 0);
    }
  }

  /** What others find to do. @returns {number} how many jobs */
  runAll() {
    let count = 0;
    for (let task; (task = this.other.exports.worker_next(OTHER, 0)) !== NOTHING; count++) {
      const {id, returns} = runTask(this.other, task);
      endTask(this.other, task, id, returns);
    }
    return count;
  }

  /** Nothing is left, and the successor can begin as usual. */
  assertNothingLeft() {
    const {core} = this;
    assert.equal(core.exports.all_quiet(), 1, 'a slot is not free');
    assert.equal(core.references(this.fn), this.own ? 0 : 1);
    assert.equal(core.exports.heap_used(), this.base);
    if (this.own) return;
    for (const number of [OWNER, RUNNER]) {
      const worker = this.worker(number);
      const hint = promoteJob(worker, this.fn, ID, {size: this.size});
      assert.equal(worker.exports.worker_next(number, 0), slotOf(hint));
      runTask(worker, slotOf(hint));
      endTask(worker, slotOf(hint), ID, this.size);
      takeOutcome(worker, hint, ID);
    }
    assert.equal(core.exports.heap_used(), this.base);
  }
}

// ---- the owner dies -----------------------------------------------------------------------------

/**
 * What the owner does when it dies. Nobody else has had the job by then.
 * @type {{title: string, blocks?: boolean, die(play: Play): unknown}[]} blocks: only where there is a block
 */
const OWNERS = [
  {title: 'it has a slot', die: ({owner}) => owner.exports.promotion_slot(OWNER)},
  {
    title: 'it has a slot, and a block for the arguments',
    die({owner, size}) {
      owner.exports.promotion_slot(OWNER);
      owner.exports.arguments_allocate(OWNER, size);
    },
  },
  {title: 'promoting, at the function', die: play => play.die('function_retain', () => play.promote())},
  {title: 'promoting, before the hint', die: play => play.die('deque_push', () => play.promote())},
  {
    title: 'promoting, before the hint of an interactive one',
    die: play => play.die('injector_put', () => play.promote({queue: L.INTERACTIVE})),
  },
  {
    title: 'promoting, a full deque behind it',
    die(play) {
      while (play.core.test.deque_push(OWNER, hintOf(L.TASKS - 1, 0x7777)));
      play.die('injector_put', () => play.promote());
    },
  },
  {title: 'promoting, after the hint', die: play => play.die('announce_work', () => play.promote())},
  {
    title: 'promoting an interactive one, after the hint',
    die: play => play.die('announce_work', () => play.promote({queue: L.INTERACTIVE})),
  },
  {
    title: 'withdrawing, since there is no room',
    die(play) {
      const {core} = play;
      while (core.test.injector_put(L.INTERACTIVE, hintOf(L.TASKS - 1, 0x7777)));
      play.die('task_release', () => play.promote({queue: L.INTERACTIVE}));
      while (core.test.injector_take(L.INTERACTIVE) >>> 0 !== NONE);
    },
  },
  {title: 'its job is queued', die: play => play.promote()},
  {title: 'its interactive job is queued', die: play => play.promote({queue: L.INTERACTIVE})},
  ...['deque_newest', 'task_release'].map(step => ({
    title: `taking back, at ${step}`,
    /** @param {Play} play */
    die(play) {
      const hint = play.promote();
      play.die(/** @type {Breakpoint} */ (step), () => play.owner.exports.take_back(hint, OWNER));
    },
  })),
  ...['heap_take_over', 'heap_free'].map(step => ({
    title: `taking back, at ${step}`,
    blocks: true,
    /** @param {Play} play */
    die(play) {
      const hint = play.promote();
      play.die(/** @type {Breakpoint} */ (step), () => play.owner.exports.take_back(hint, OWNER));
    },
  })),
  {
    title: 'it has taken its job back',
    die: play => play.owner.exports.take_back(play.promote(), OWNER),
  },
];

for (const own of [false, true])
  for (const {title, blocks, die} of OWNERS)
    test(`the owner dies: ${title}${own ? ', the function its own' : ''}`, t => {
      for (const size of SIZES.slice(blocks ? 1 : 0)) {
        const play = new Play(t, {size, own});
        die(play);
        play.recover(OWNER);
        assert.equal(play.runAll(), 0, 'nobody needs its jobs');
        play.assertNothingLeft();
      }
    });

for (const own of [false, true])
  for (const size of SIZES)
    test(`the owner dies while its job runs, ${size} bytes${own ? ', the function its own' : ''}`, t => {
      const play = new Play(t, {size, own});
      const hint = play.running();
      play.recover(OWNER);
      assert.equal(play.core.exports.cancel_asked(hint), 1);
      assert.equal(play.core.latch(slotOf(hint)).state, Latch.ABANDONED);
      play.end(hint);
      play.assertNothingLeft();
    });

test('the owner dies while a thief holds the stolen hint', t => {
  const play = new Play(t);
  const hint = play.promote();
  assert.equal(play.core.test.deque_steal(OWNER), hint);
  play.recover(OWNER);
  assert.equal(play.core.test.claim(hint, RUNNER), 0);
  play.assertNothingLeft();
});

for (const size of SIZES) {
  test(`the owner dies before it has read the outcome, ${size} bytes`, t => {
    const play = new Play(t, {size});
    play.ended();
    play.recover(OWNER);
    play.assertNothingLeft();
  });

  for (const step of /** @type {const} */ (['task_release', 'heap_take_over', 'heap_free']))
    test(`the owner dies while it frees the slot, at ${step}, ${size} bytes`, t => {
      const play = new Play(t, {size});
      const hint = play.ended();
      const free = () => play.owner.exports.job_free(hint, OWNER);
      if (step === 'task_release' || size > L.TASK_PAYLOAD_BYTES) play.die(step, free);
      play.recover(OWNER);
      play.assertNothingLeft();
    });
}

test('an abandoned job ends, and its slot’s next one runs, before it is asked to end', async t => {
  const play = new Play(t);
  const {core, crew, runner} = play;
  const hint = play.running();
  core.pauseAt('ask_cancel');
  const keeper = crew.start(RECOVERY, 'keeper', KEEPER);
  await crew.go();
  Atomics.store(crew.signals, DEAD, OWNER + 1);
  Atomics.notify(crew.signals, DEAD);
  core.awaitPause('ask_cancel');
  play.end(hint);
  const next = promoteJob(runner, play.fn, 9);
  assert.equal(slotOf(next), slotOf(hint), 'freed by the runner, and used again');
  assert.equal(runner.exports.worker_next(RUNNER, 0), slotOf(next));
  core.resume('ask_cancel');
  await crew.result(keeper);
  assert.equal(core.exports.cancel_asked(next), 0);
  runTask(runner, slotOf(next));
  endTask(runner, slotOf(next), 9, 4);
  takeOutcome(runner, next, 9);
  play.assertNothingLeft();
});

test('the owner dies with jobs in every state', t => {
  const play = new Play(t, {size: 1000});
  const running = play.running();
  play.ended();
  play.owner.exports.take_back(play.promote(), OWNER);
  play.promote();
  play.promote({queue: L.INTERACTIVE});
  play.owner.exports.promotion_slot(OWNER);
  play.recover(OWNER);
  play.end(running);
  assert.equal(play.runAll(), 0);
  play.assertNothingLeft();
});

test('the jobs of others stay', t => {
  const play = new Play(t);
  const hints = [play.running(), play.promote(), play.promote({queue: L.INTERACTIVE})];
  const states = hints.map(hint => play.core.state(slotOf(hint)));
  play.recover(OTHER, KEEPER - 5, 0);
  assert.deepEqual(hints.map(hint => play.core.state(slotOf(hint))), states);
  assert.equal(play.core.exports.cancel_asked(hints[0]), 0);
  assert.equal(play.runAll(), 2);
  play.end(hints[0]);
  for (const hint of hints) takeOutcome(play.owner, hint, ID);
  play.assertNothingLeft();
});

// OTHER has just taken it, and not yet written its own number.
test('a slot that the dead one owned once is left alone', t => {
  const play = new Play(t);
  const {core} = play;
  const hint = play.promote();
  play.owner.exports.take_back(hint, OWNER);
  const slot = slotOf(hint);
  const other = core.as(OTHER);
  core.poke(core.taskAddress(slot) + 4 * L.TASK_STATE_WORD, (9 << 16) | (OTHER << 8) | State.FILLING);
  play.recover(OWNER);
  assert.deepEqual(core.state(slot), {state: State.FILLING, participant: OTHER, generation: 9, adrift: false});
  other.exports.promotion_withdraw(slot, OTHER);
});

// ---- the runner dies ----------------------------------------------------------------------------

/**
 * What the runner does when it dies, and what the owner finds; null: the job is queued again.
 * @type {{title: string, outcome: number | null, die(play: Play, hint: number): unknown}[]}
 */
const RUNNERS = [
  {
    title: 'it has stolen the hint',
    outcome: null,
    die: play => play.die('claim', () => play.runner.exports.worker_next(RUNNER, 0)),
  },
  {title: 'it has claimed the job', outcome: State.LOST, die: play => play.runner.exports.worker_next(RUNNER, 0)},
  ...['heap_take_over', 'heap_free'].map(step => ({
    title: `it reads the arguments, at ${step}`,
    outcome: State.LOST,
    /** @param {Play} play @param {number} hint */
    die(play, hint) {
      play.runner.exports.worker_next(RUNNER, 0);
      if (play.size > L.TASK_PAYLOAD_BYTES)
        play.die(/** @type {Breakpoint} */ (step), () => runTask(play.runner, slotOf(hint)));
    },
  })),
  {
    title: 'it has a block for the outcome',
    outcome: State.LOST,
    die(play, hint) {
      play.runner.exports.worker_next(RUNNER, 0);
      const {returns} = runTask(play.runner, slotOf(hint));
      play.runner.exports.heap_allocate(RUNNER, returns);
    },
  },
  {
    title: 'it has put the outcome into the slot',
    outcome: State.LOST,
    die({core, runner, size}, hint) {
      runner.exports.worker_next(RUNNER, 0);
      runTask(runner, slotOf(hint));
      const slot = core.taskAddress(slotOf(hint));
      core.poke(slot + 4 * L.TASK_SIZE_WORD, size);
      core.poke(slot + 4 * L.TASK_BLOCK_WORD, runner.exports.heap_allocate(RUNNER, size));
    },
  },
  {
    title: 'it has ended the job, at the latch',
    outcome: State.RETURNED,
    die(play, hint) {
      play.runner.exports.worker_next(RUNNER, 0);
      play.die('latch_set', () => play.end(hint));
    },
  },
  {
    title: 'it has ended the job',
    outcome: State.RETURNED,
    die(play, hint) {
      play.runner.exports.worker_next(RUNNER, 0);
      play.end(hint);
    },
  },
];

for (const {title, outcome, die} of RUNNERS)
  for (const size of SIZES)
    test(`the runner dies: ${title}, ${size} bytes`, t => {
      const play = new Play(t, {size});
      const hint = play.promote();
      die(play, hint);
      play.recover(RUNNER);
      assert.equal(play.runAll(), Number(outcome === null));
      assert.equal(play.core.exports.job_ended(hint), 1);
      assert.equal(play.core.state(slotOf(hint)).state, outcome ?? State.RETURNED);
      assert.equal(play.owner.exports.worker_join(OWNER, hint, 1, 0, -1), ENDED);
      if (outcome === State.LOST) play.owner.exports.job_free(hint, OWNER);
      else takeOutcome(play.owner, hint, ID);
      play.assertNothingLeft();
    });

for (const {title, die} of RUNNERS)
  for (const order of [[OWNER, RUNNER], [RUNNER, OWNER]])
    test(`both die, the ${order[0] === OWNER ? 'owner' : 'runner'} is settled first: ${title}`, t => {
      for (const own of [false, true])
        for (const size of SIZES) {
          const play = new Play(t, {size, own});
          die(play, play.promote());
          play.recover(...order);
          assert.equal(play.runAll(), 0);
          play.assertNothingLeft();
        }
    });

test('a worker that runs its own job dies', t => {
  for (const size of SIZES)
    for (const step of /** @type {const} */ (['running', 'latch_set', 'ended'])) {
      const play = new Play(t, {size});
      const hint = play.promote();
      assert.equal(play.owner.exports.worker_next(OWNER, 0), slotOf(hint));
      const end = () => endTask(play.owner, slotOf(hint), ID, size);
      if (step !== 'running') runTask(play.owner, slotOf(hint));
      if (step === 'latch_set') play.die(step, end);
      if (step === 'ended') end();
      play.recover(OWNER);
      play.assertNothingLeft();
    }
});

// ---- a tree of jobs -----------------------------------------------------------------------------

test('a job’s own jobs go with its runner', t => {
  const play = new Play(t, {size: 1000});
  const hint = play.running();
  runTask(play.runner, slotOf(hint));
  const children = [1, 2].map(id => promoteJob(play.runner, play.fn, id, {size: 1000}));
  assert.equal(play.other.exports.worker_next(OTHER, 0), slotOf(children[0]));
  play.recover(RUNNER);
  assert.equal(play.core.state(slotOf(hint)).state, State.LOST);
  assert.equal(play.core.exports.cancel_asked(children[0]), 1);
  assert.equal(play.core.state(slotOf(children[1])).state, State.FREE);
  runTask(play.other, slotOf(children[0]));
  endTask(play.other, slotOf(children[0]), 1, 2000);
  play.owner.exports.job_free(hint, OWNER);
  play.assertNothingLeft();
});

// ---- the async worker ---------------------------------------------------------------------------

const ASYNC = L.ASYNC_WORKER;
const COROUTINES = clientParticipant(L.ASYNC_CLIENT);

/** A task of some client's. @param {Play} play @param {number} client @param {number} queue @param {number} [size] */
function submit({core, fn}, client, queue, size = 12) {
  const me = core.as(clientParticipant(client));
  const slot = me.exports.task_new(client);
  const bytes = argumentsOf(ID, {size, returns: size});
  let block = 0;
  if (size > L.TASK_PAYLOAD_BYTES) {
    block = me.exports.arguments_allocate(clientParticipant(client), size) >>> 0;
    me.reach(block + size);
  }
  me.bytes.set(bytes, block || me.taskAddress(slot) + L.TASK_PAYLOAD);
  assert.equal(me.exports.task_submit(slot, fn, queue, 0, size, block), 1);
  return slot;
}

for (const size of SIZES)
  test(`the async worker dies: what it ran is lost, what waits for it stays, ${size} bytes`, t => {
    const play = new Play(t, {size});
    const {core} = play;
    const async = play.worker(ASYNC);
    const [reading, running, ended, taken, queued] = Array.from({length: 5}, () =>
      submit(play, PAGE, L.COROUTINES, size),
    );
    for (const slot of [reading, running, ended]) assert.equal(async.exports.coroutine_next(), slot);
    for (const slot of [running, ended]) runTask(async, slot);
    endTask(async, ended, ID, size);
    core.test.injector_take(L.COROUTINES); // it had taken a hint, and died before the claim
    assert.equal(core.exports.recover(ASYNC), 2);
    assert.equal(core.exports.reinject(), 0);
    assert.deepEqual(
      [reading, running, ended, taken, queued].map(slot => core.state(slot).state),
      [State.LOST, State.LOST, State.RETURNED, State.QUEUED, State.QUEUED],
    );
    const successor = play.worker(ASYNC);
    const next = [successor.exports.coroutine_next(), successor.exports.coroutine_next()];
    assert.deepEqual(next.sort(), [taken, queued].sort());
    assert.equal(successor.exports.coroutine_next(), NOTHING);
    for (const slot of [taken, queued]) {
      runTask(successor, slot);
      endTask(successor, slot, ID, size);
    }
    for (let slot = 0; (slot = core.exports.adrift_next(PAGE, slot) >>> 0) !== NONE; slot++)
      core.exports.task_free(slot, PAGE);
    assert.equal(takeCompletions(core, PAGE, () => {}), 3);
    play.assertNothingLeft();
  });

for (const size of SIZES)
  test(`what its coroutines had submitted is withdrawn, or thrown away when it ends, ${size} bytes`, t => {
    const play = new Play(t, {size});
    const {core, runner} = play;
    const client = L.ASYNC_CLIENT;
    core.as(COROUTINES).exports.task_new(client); // being filled
    const [running, ended, lost, cancelled] = Array.from({length: 4}, () => submit(play, client, L.BATCH, size));
    for (const slot of [running, ended]) assert.equal(core.test.claim(core.hint(slot), RUNNER), 1);
    assert.equal(core.test.claim(core.hint(lost), OTHER), 1);
    for (const slot of [running, ended]) runTask(runner, slot);
    endTask(runner, ended, ID, size);
    play.recover(OTHER); // its task is adrift
    const word = (core.state(cancelled).generation << 16) | (COROUTINES << 8) | State.CANCELLED;
    core.poke(core.taskAddress(cancelled) + 4 * L.TASK_STATE_WORD, word); // and died there
    submit(play, client, L.INTERACTIVE, size);
    submit(play, client, L.COROUTINES, size);
    const page = submit(play, PAGE, L.BATCH, size);
    play.recover(ASYNC);

    assert.equal(runner.exports.worker_next(RUNNER, 0), page, 'only the page’s task is left to do');
    assert.equal(core.exports.coroutine_next(), NOTHING);
    for (const slot of [page, running]) {
      if (slot === page) runTask(runner, slot);
      endTask(runner, slot, ID, size);
    }
    takeCompletions(core, PAGE, () => {});
    const successor = new Client(core.as(COROUTINES), client);
    t.after(() => successor.close());
    assert.equal(successor.collect(() => assert.fail('delivered to the successor')), 0);
    play.assertNothingLeft();
  });

/** Where a worker stands with a task of the dead client's that it ends. */
const PUSHES = /** @type {const} */ ({
  'before it is ended': null,
  'before it is pushed': 'completion_push',
});

for (const [where, breakpoint] of Object.entries(PUSHES))
  test(`the async worker dies while a worker ends a task of its coroutines’, ${where}`, async t => {
    const play = new Play(t);
    const {core, crew} = play;
    const client = L.ASYNC_CLIENT;
    const slot = submit(play, client, L.BATCH);
    assert.equal(core.test.claim(core.hint(slot), RUNNER), 1);
    runTask(play.runner, slot);
    core.as(COROUTINES).exports.completions_arm(client);
    if (breakpoint) {
      core.pauseAt(breakpoint);
      const ending = crew.start(RECOVERY, 'ender', RUNNER, {slot, id: ID, size: play.size});
      await crew.go();
      core.awaitPause(breakpoint);
      play.recover(ASYNC);
      assert.equal(core.exports.adrift_next(client, 0) >>> 0, NONE, 'somebody will push it yet');
      core.resume(breakpoint);
      await crew.result(ending);
    } else {
      play.recover(ASYNC);
      endTask(play.runner, slot, ID, play.size);
    }
    const successor = new Client(core.as(COROUTINES), client);
    t.after(() => successor.close());
    successor.inherit();
    play.assertNothingLeft();
  });

test('the async worker dies with what a worker has just pushed in its hands', async t => {
  const play = new Play(t);
  const {core, crew} = play;
  const client = L.ASYNC_CLIENT;
  const slot = submit(play, client, L.BATCH);
  assert.equal(core.test.claim(core.hint(slot), RUNNER), 1);
  runTask(play.runner, slot);
  core.pauseAt('has_pushed');
  const ending = crew.start(RECOVERY, 'ender', RUNNER, {slot, id: ID, size: play.size});
  await crew.go();
  core.awaitPause('has_pushed');
  assert.equal(core.exports.completions_take(client), slot);
  play.recover(ASYNC);
  assert.equal(core.exports.adrift_next(client, 0) >>> 0, NONE, 'the keeper can’t know that it has been pushed');
  const successor = new Client(core.as(COROUTINES), client);
  t.after(() => successor.close());
  successor.inherit();
  core.resume('has_pushed');
  await crew.result(ending);
  while (!core.exports.all_quiet()) await new Promise(later => setTimeout(later)); // the test's time limit ends it
  play.assertNothingLeft();
});

test('the async worker’s deaths leave more slots behind than there are, and all come free', t => {
  const play = new Play(t);
  const {core, runner} = play;
  const client = L.ASYNC_CLIENT;
  const batch = 256;
  /** @param {number[]} slots */
  const run = slots => {
    for (const slot of slots) {
      assert.equal(core.test.claim(core.hint(slot), RUNNER), 1);
      runTask(runner, slot);
    }
  };
  /** @param {number[]} slots */
  const end = slots => slots.forEach(slot => assert.notEqual(endTask(runner, slot, ID, play.size), 0));
  const submitBatch = (/** @type {number} */ length) =>
    Array.from({length}, () => submit(play, client, L.BATCH));
  const successor = () => {
    const me = new Client(core.as(COROUTINES), client, {waitAsync: false});
    me.inherit();
    return me;
  };
  /** @type {number[]} */
  let running = [];
  for (let left = 0; left <= L.TASKS; left += batch) {
    const me = successor();
    end(running); // of its predecessor's, in between
    const taken = submitBatch(batch);
    run(taken);
    end(taken);
    // It dies with a batch in its hands, with others on its list, queued, and running.
    assert.ok(core.exports.completions_take(client) >>> 0 !== NONE);
    const [listed, still] = submitBatch(3);
    run([listed, still]);
    end([listed]);
    running = [still];
    me.close();
    play.recover(ASYNC);
    while (core.test.injector_take(L.BATCH) !== -1); // stale hints
  }
  const last = successor();
  t.after(() => last.close());
  end(running);
  last.collect(() => assert.fail('delivered to the successor'));
  play.assertNothingLeft();
});

test('what a predecessor’s tasks leave when they end later is thrown away, though the successor submits nothing', async t => {
  const play = new Play(t);
  const {core} = play;
  const client = L.ASYNC_CLIENT;
  const slot = submit(play, client, L.BATCH);
  assert.equal(core.test.claim(core.hint(slot), RUNNER), 1);
  play.recover(ASYNC);
  const successor = new Client(core.as(COROUTINES), client);
  t.after(() => successor.close());
  successor.inherit();
  assert.equal(core.exports.all_quiet(), 0);
  runTask(play.runner, slot);
  endTask(play.runner, slot, ID, play.size);
  while (!core.exports.all_quiet()) await new Promise(later => setTimeout(later)); // the test's time limit ends it
  play.assertNothingLeft();
});

test('the successor’s own tasks are not thrown away', t => {
  const play = new Play(t);
  const {core} = play;
  const client = L.ASYNC_CLIENT;
  const old = submit(play, client, L.BATCH);
  assert.equal(core.test.claim(core.hint(old), RUNNER), 1);
  play.recover(ASYNC);
  const successor = new Client(core.as(COROUTINES), client);
  t.after(() => successor.close());
  const fn = successor.addFunction(new Uint8Array(10));
  const ticket = successor.submit(fn, PLAIN, argumentsOf(ID));
  runTask(play.runner, old);
  endTask(play.runner, old, ID, 4);
  assert.equal(play.runAll(), 1);
  /** @type {number[]} */
  const ended = [];
  assert.equal(successor.collect(ticket => ended.push(ticket) > 0), 1);
  assert.deepEqual(ended, [ticket]);
  assert.equal(successor.pending, 0);
  successor.dropFunction(fn);
  play.assertNothingLeft();
});
