// What the files of web/penny may import of each other; `make lint` checks it, types in comments included.

/** The rooms by floors, from the ground up: a room imports only what lies below it. */
const FLOORS = [
  ['core', 'wire', 'hosts'],
  ['tasks', 'memory', 'trace', 'boot'],
  ['kernels', 'stdio'],
  ['jobs', 'pool'],
  ['messages'],
  ['ports'],
  ['api', 'workers'],
];
const room = names => `^web/penny/(?:${names.join('|')})/`;

const floors = FLOORS.map((names, i) => names.map(name => ({
  name: `floor-of-${name}`,
  severity: 'error',
  comment: `${name}: only what lies below, or its own room`,
  from: {path: room([name])},
  to: {path: '^web/penny/', pathNot: [room([name, ...FLOORS.slice(0, i).flat()])]},
})));

module.exports = {
  forbidden: [
    ...floors.flat(),
    {
      name: 'all-rooms-are-known', severity: 'error', comment: 'beside these rooms there are entries only',
      from: {}, to: {path: '^web/penny/', pathNot: [room(FLOORS.flat()), '^web/penny/(?:page|embedded|worker|node|node_worker)\\.js$']},
    },
    {
      name: 'hosts-are-handed-in', severity: 'error', comment: 'host.js is the interface; which host it is, an entry says',
      from: {pathNot: '^web/penny/(?:hosts/|[^/]+\\.js$)'}, to: {path: '^web/penny/hosts/(?:browser|isolation|node)'},
    },
    {
      name: 'pool-workers-stay-small', severity: 'error',
      comment: 'each worker that starts loads what this reaches: no pickle codec, no client',
      from: {path: '^web/penny/workers/pool_worker\\.js$'}, to: {path: room(['wire', 'api']), reachable: true},
    },
    {
      name: 'engines-know-nothing-of-each-other', severity: 'error',
      comment: 'of the room pool it is the lives of workers that are the same for all',
      from: {path: room(['messages'])}, to: {path: room(['pool', 'tasks', 'jobs']), pathNot: '^web/penny/pool/(?:life|starter|limits|messages)\\.js$'},
    },
    {name: 'no-circles', severity: 'error', from: {}, to: {circular: true}},
    {name: 'no-circles-of-rooms', severity: 'error', scope: 'folder', from: {}, to: {circular: true}},
  ],
  options: {tsPreCompilationDeps: true, detectJSDocImports: true, parser: 'tsc', doNotFollow: {path: 'node_modules'}},
};
