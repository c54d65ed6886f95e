// Kernels on real threads: each job runs once wherever it runs; what goes wrong is an exception in the caller, and the
// worker goes on.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {kernelModule} from './build.mjs';
import {KernelPage} from './kernels.threads.mjs';
import {assertEachOnce, scene} from './threads.mjs';

const MODULE = kernelModule('kernels');

/**
 * A page and its workers, which run, with the test's kernels as module 1.
 * @param {import('node:test').TestContext} t
 * @param {{workers?: number, heap?: number}} [options]
 */
async function open(t, {workers = 2, heap} = {}) {
  const page = new KernelPage(scene(t, {workers, heap}), t, workers);
  assert.equal(page.modules.add(MODULE), 1);
  await page.crew.go();
  return page;
}

/** The numbers of a tree's nodes, added up. @param {number} nodes one more than its nodes */
const treeSum = nodes => (nodes * (nodes - 1)) / 2;

for (const [workers, turns] of [[1, 0], [2, 0], [2, 300], [4, 100]]) {
  test(`trees on ${workers} workers, ${turns} turns a node: each job once`, async t => {
    const page = await open(t, {workers});
    const nodes = 20_000;
    for (let tree = 0; tree < 10; tree++) {
      const ran = page.words(nodes);
      const {value} = await page.call(1, 'tree', [ran, nodes, turns, 0]);
      assert.equal(value, treeSum(nodes));
      assertEachOnce(page.view(ran, nodes).subarray(1), 'node');
    }
    const counts = await page.finish();
    if (workers === 1) assert.equal(counts.jobs, 0);
    t.diagnostic(JSON.stringify(counts));
  });
}
