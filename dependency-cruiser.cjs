// What the files of web/penny may import of each other; `make lint` checks it, types in comments included.
module.exports = {
  forbidden: [{name: 'no-circles', severity: 'error', from: {}, to: {circular: true}}],
  options: {tsPreCompilationDeps: true, detectJSDocImports: true, parser: 'tsc', doNotFollow: {path: 'node_modules'}},
};
