// The JavaScript globals, for a Pyodide that makes a snapshot.

const ORIGINAL = Symbol('original');

/**
 * There Python sees them through a proxy of Pyodide's that notes each object's path, and reads getters with that proxy as
 * `this`: `js.performance` is an error then. Below it this one gives getters their own `this`.
 * @param {any} target
 * @returns {any}
 */
export function readable(target) {
  return new Proxy(target, {
    get(target, name) {
      if (name === ORIGINAL) return target;
      const value = Reflect.get(target, name);
      const own = Reflect.getOwnPropertyDescriptor(target, name);
      const fixed = own && !own.configurable && (own.writable === false || (own.set && !own.get));
      return !fixed && value !== null && ['object', 'function'].includes(typeof value) ? readable(value) : value;
    },
    apply: (target, self, args) => Reflect.apply(target, self?.[ORIGINAL] ?? self, args),
  });
}
