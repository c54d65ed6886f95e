// A worker's life (web/penny/pool/life.js): it is lost once, and never while something of it may still write.
import assert from 'node:assert/strict';
import {mock, test} from 'node:test';

import {Life} from '../../../web/penny/pool/life.js';
import {START_TIMEOUT} from '../../../web/penny/pool/limits.js';

/**
 * A life on a host whose worker does what the test says.
 * @param {{parts?: Promise<any>}} [options]
 */
function scene({parts = Promise.resolve('the parts')} = {}) {
  /** @type {any[]} */
  const sent = [];
  /** @type {string[]} */
  const told = [];
  /** @type {any} */
  let hear;
  let terminated = 0;
  /** @type {() => void} */
  let gone = () => assert.fail('nobody has asked when it is gone');
  const host = {
    startWorker(/** @type {string} */ name, /** @type {any} */ hearing) {
      assert.equal(name, 'penny worker 3');
      hear = hearing;
      const post = (/** @type {any} */ message) => sent.push(message);
      return {life: 'a life', post, terminate: () => terminated++};
    },
    whenGone(/** @type {any} */ thread, /** @type {() => void} */ then) {
      assert.equal(thread.life, 'a life');
      gone = then;
    },
  };
  const installed = async (/** @type {any} */ {packages}) => ({installed: packages.join()});
  const starter = /** @type {any} */ ({host, site: {indexURL: async () => 'scripts'}, parts: () => parts, packed() {}, installed});
  const life = new Life(starter, 3, {
    became: ({state, reason}) => told.push(reason === undefined ? state : `${state}: ${reason}`),
    heard: ({type}) => told.push(`heard ${type}`),
    uncaught: error => told.push(`uncaught: ${error}`),
  });
  const settings = /** @type {any} */ ({workers: 4, extras: {packages: ['a'], files: ['zip']}});
  return {
    life, sent, told, settings,
    say: (/** @type {any[]} */ ...types) => types.forEach(type => hear.message({type})),
    message: (/** @type {any} */ message) => hear.message(message),
    fail: (/** @type {string} */ said) => hear.error({said, notStarted: `no worker: ${said}`}),
    gone: () => gone(),
    terminated: () => terminated,
  };
}

test('it gets ready, and what is not about its life is passed on', async () => {
  const {life, sent, told, settings, say} = scene();
  assert.equal(life.state, 'starting');
  await life.begin(settings);
  assert.deepEqual(sent.map(({type, role, life, worker, extras}) => [type, role, life, worker, extras]), [
    ['prepare', 'pool', undefined, undefined, undefined],
    ['pool', 'pool', 'a life', 3, undefined],
    ['extras', undefined, undefined, undefined, {files: ['zip'], installed: 'a'}],
  ]);
  say('held', 'ready', 'watch');
  assert.equal(life.state, 'ready');
  assert.deepEqual(told, ['ready', 'heard watch']);
  life.stop();
});

test('one that has never held on to its life is lost at once, and gets no parts', async () => {
  /** @type {(parts: any) => void} */
  let load = () => {};
  const {life, sent, told, settings, fail, terminated} = scene({parts: new Promise(resolve => (load = resolve))});
  const begun = life.begin(settings);
  fail('not there');
  assert.equal(life.state, 'lost');
  assert.deepEqual(told, ['lost: worker 3: no worker: not there']);
  assert.ok(terminated());
  load('the parts');
  await begun;
  assert.deepEqual(sent.map(({type}) => type), ['prepare']);
});

test('one that holds on to its life is lost when it is gone, once, with the first reason', () => {
  const {life, told, say, message, gone, terminated} = scene();
  say('held', 'ready');
  message({type: 'died', details: 'a trap'});
  life.kill();
  assert.ok(terminated());
  assert.equal(life.state, 'ready', 'its thread may still write');
  gone();
  gone();
  assert.equal(life.state, 'lost');
  assert.deepEqual(told, ['ready', 'lost: a trap']);
  assert.ok(life.wasReady);
});

test('one that goes without a word is lost without a reason', () => {
  const {life, told, say, gone} = scene();
  say('held');
  gone();
  assert.deepEqual(told, ['lost']);
  assert.ok(!life.wasReady);
});

test('what nobody catches is no death once it runs, and nothing more where it died of it', () => {
  const {life, told, say, message, fail, gone} = scene();
  say('held');
  fail('oh');
  assert.deepEqual(told, ['uncaught: oh']);
  message({type: 'failed', error: 'could not begin'});
  fail('its last');
  gone();
  assert.deepEqual(told, ['uncaught: oh', 'lost: could not begin']);
  assert.equal(life.state, 'lost');
});

test('one that is stopped is not lost', () => {
  const {life, told, say, gone} = scene();
  say('held', 'ready');
  life.stop();
  gone();
  assert.equal(life.state, 'stopped');
  assert.deepEqual(told, ['ready']);
});

test('one that has run leaves by itself, others do not', async () => {
  const idle = scene();
  await idle.life.leave(false);
  assert.equal(idle.life.state, 'stopped');

  const busy = scene();
  busy.say('held');
  let left = false;
  const leaving = busy.life.leave(true).then(() => (left = true)); // before its 'ready'
  await new Promise(setImmediate);
  assert.ok(!left && !busy.terminated());
  busy.say('ended');
  await leaving;
  assert.equal(busy.life.state, 'stopped');
  assert.equal(busy.terminated(), 1);
});

test('one that is not ready in time is lost, one that is, is not', () => {
  mock.timers.enable({apis: ['setTimeout']});
  try {
    const [late, early] = [scene(), scene()];
    early.say('held', 'ready');
    mock.timers.tick(START_TIMEOUT);
    assert.deepEqual(late.told, ['lost: worker 3 was not ready within 120 s']);
    assert.deepEqual(early.told, ['ready']);
    assert.equal(early.terminated(), 0);
    early.life.stop();
  } finally {
    mock.timers.reset();
  }
});
