// What `penny bench` measures with, too.
export * from './bench/harness.js';
