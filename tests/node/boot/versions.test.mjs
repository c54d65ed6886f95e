import assert from 'node:assert/strict';
import {test} from 'node:test';
import {PyodideVersionError, requireKnownPyodide} from '../../../web/penny/boot/versions.js';

/** As much of a Pyodide as is asked. @param {string} version @param {string} python */
const pyodide = (version, python) => ({
  version,
  pyimport: (/** @type {string} */ name) => ({
    destroy() {},
    version: `${python} (main)`,
    MAGIC_NUMBER: {hex: () => name, destroy() {}},
  }),
});

test('Pyodides that the tests start workers from', () => {
  for (const version of ['0.27.0', '0.28.3', '0.29.5', '314.0.0', '314.0.7', '315.0.0-alpha.2'])
    requireKnownPyodide(pyodide(version, ''));
});

test('all others are refused, with both versions', () => {
  for (const [version, python] of [['0.26.4', '3.12.1'], ['316.0.0', '3.16.0'], ['1.0.0', '3.20.0']])
    assert.throws(() => requireKnownPyodide(pyodide(version, python)), error => {
      assert.ok(error instanceof PyodideVersionError);
      assert.match(error.message, /^Penny needs Pyodide 0\.27 .* 315 \(Python 3\.12 to 3\.15\)/);
      assert.ok(error.message.endsWith(`this is Pyodide ${version} (Python ${python})`));
      return true;
    });
});
