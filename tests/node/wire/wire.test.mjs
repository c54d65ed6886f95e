// The wire format against CPython's own pickle, in both directions, and against broken bytes.
//
// Python runs twice in all: first it writes values of its own; then it reads what JavaScript wrote,
// and compares what JavaScript made of the first run's random values. These come from a seed, which
// is printed; PENNY_TEST_SEED sets it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, describe, test } from "node:test";

import { PickleError, UnpicklingError } from "../../../web/penny/wire/errors.js";
import { decode } from "../../../web/penny/wire/read.js";
import { encode, encodeArguments, measureArguments } from "../../../web/penny/wire/write.js";

const SEED = Number(process.env.PENNY_TEST_SEED ?? Date.now() % 1_000_000);
const RANDOM_VALUES = 1500;

/** @param {[unknown, unknown][]} entries */
function mapOf(...entries) {
  return new Map(entries);
}

/**
 * @template T
 * @param {number} length
 * @param {(i: number) => T} item
 */
function count(length, item) {
  return Array.from({ length }, (_, i) => item(i));
}

// JavaScript values and what they are in Python. -----------------------------------------------

/** @type {[string, unknown, string][]} name, value, Python's repr */
const WRITTEN = [
  ["undefined", undefined, "None"],
  ["null", null, "None"],
  ["booleans", [true, false], "[True, False]"],
  ["uint8", [0, 1, 255], "[0, 1, 255]"],
  ["uint16", [256, 65535], "[256, 65535]"],
  ["int32", [65536, -1, 2 ** 31 - 1, -(2 ** 31)], "[65536, -1, 2147483647, -2147483648]"],
  [
    "safe integers",
    [2 ** 31, -(2 ** 31) - 1, 2 ** 32, -(2 ** 32), 1.7e12, 2 ** 53 - 1, 1 - 2 ** 53],
    "[2147483648, -2147483649, 4294967296, -4294967296, 1700000000000, " +
      "9007199254740991, -9007199254740991]",
  ],
  ["an unsafe integer", 2 ** 53, "9007199254740992.0"],
  ["floats", [-0, 0.1, 1e300, 5e-324], "[-0.0, 0.1, 1e+300, 5e-324]"],
  ["not finite", [NaN, Infinity, -Infinity], "[nan, inf, -inf]"],
  ["small BigInts", [0n, 1n, -1n, 255n, -(2n ** 52n)], "[0, 1, -1, 255, -4503599627370496]"],
  ...["127", "128", "255", "256", "32767", "32768"].flatMap((low) => {
    // The sign needs a bit of its own: every length around a multiple of 8 bits.
    const value = (BigInt(low) << 56n) + 1n;
    return [value, -value].map((n) => /** @type {any} */ ([`BigInt ${n}`, n, String(n)]));
  }),
  ["a BigInt of 16 bits too many", -(2n ** 2048n), String(-(2n ** 2048n))],
  ["a BigInt in LONG4", 3n ** 2000n, String(3n ** 2000n)],
  ["ASCII", ["", "a", "x".repeat(255)], `['', 'a', '${"x".repeat(255)}']`],
  ["long ASCII", "y".repeat(70_000), `'${"y".repeat(70_000)}'`],
  ["text", "é € 😀 \u0000", String.raw`'\xe9 \u20ac \U0001f600 \x00'`],
  ["a byte order mark", "\ufeffa", String.raw`'\ufeffa'`],
  [
    "lone surrogates",
    "a\ud800é\udfff€😀\ud83d",
    String.raw`'a\ud800\xe9\udfff\u20ac\U0001f600\ud83d'`,
  ],
  ["bytes", new Uint8Array([0, 65, 255]), String.raw`b'\x00A\xff'`],
  ["no bytes", new Uint8Array(0), "b''"],
  ["long bytes", new Uint8Array(300).fill(66), `b'${"B".repeat(300)}'`],
  ["a view", new Uint8Array([1, 65, 66, 2]).subarray(1, 3), "b'AB'"],
  ["an ArrayBuffer", new Uint8Array([67]).buffer, "b'C'"],
  ["shared bytes", new Uint8Array(new SharedArrayBuffer(2)), String.raw`b'\x00\x00'`],
  ["lists", [[], [[]], [1, [2, "3"]], Array(2)], "[[], [[]], [1, [2, '3']], [None, None]]"],
  [
    "objects",
    { a: 1, "b c": { d: [] }, é: {} },
    String.raw`{'a': 1, 'b c': {'d': []}, '\xe9': {}}`,
  ],
  ["no prototype", Object.assign(Object.create(null), { a: 1 }), "{'a': 1}"],
  ["an own __proto__", JSON.parse('{"__proto__": {"a": 1}}'), "{'__proto__': {'a': 1}}"],
  ["inherited and symbol keys", { [Symbol.iterator]: 1, b: 2 }, "{'b': 2}"],
  ["a Map", mapOf([1, 2], ["a", null], [null, []]), "{1: 2, 'a': None, None: []}"],
  ["a Set", new Set([1]), "{1}"],
  ["an empty Set", new Set(), "set()"],
  [
    "hashable forms",
    mapOf([[], 0], [[1, [2, 3, 4, 5]], 1], [new Set([[6]]), 2]),
    "{(): 0, (1, (2, 3, 4, 5)): 1, frozenset({(6,)}): 2}",
  ],
  ["twice the same", ((shared) => [shared, shared])([1]), "[[1], [1]]"],
];

/** @type {[string, unknown[], any, string][]} name, args, kwargs, Python's repr */
const CALLS = [
  ["no arguments", [], null, "()"],
  ["one", [7], undefined, "(7,)"],
  ["two", [1, "a"], null, "(1, 'a')"],
  ["three", [1, 2, [3]], null, "(1, 2, [3])"],
  ["four", [1, 2, 3, 4], null, "(1, 2, 3, 4)"],
  ["keywords", [1], { key: 2 }, "((1,), {'key': 2})"],
  ["a Map of keywords", [], new Map([["a", 1]]), "((), {'a': 1})"],
  ["no keywords, but given", [1], {}, "((1,), {})"],
];

// Python values and what they are in JavaScript. ------------------------------------------------

/** @type {[string, unknown][]} a Python expression, and its value in JavaScript */
const READ = [
  ["None", null],
  ["[True, False]", [true, false]],
  ["[0, 255, 256, 65535, 65536]", [0, 255, 256, 65535, 65536]],
  ["[-1, -2**31, 2**31, -2**31-1]", [-1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1]],
  ["[2**47, -2**47, -2**47-1]", [2 ** 47, -(2 ** 47), -(2 ** 47) - 1]],
  ["[2**53-1, 1-2**53]", [2 ** 53 - 1, 1 - 2 ** 53]],
  ["[2**53, -2**53, 2**63, -2**63]", [2n ** 53n, -(2n ** 53n), 2n ** 63n, -(2n ** 63n)]],
  ["[3**2000, -3**2000]", [3n ** 2000n, -(3n ** 2000n)]],
  ["[0.5, -0.0, 1e300, float('inf'), float('nan')]", [0.5, -0, 1e300, Infinity, NaN]],
  ["1.0", 1],
  ["['', 'a', 'x' * 300, 'y' * 70000]", ["", "a", "x".repeat(300), "y".repeat(70_000)]],
  ["['é€😀', 'é' * 100]", ["é€😀", "é".repeat(100)]],
  ["['\\ufeffa', '\\ufeff' + 'a' * 99]", ["\ufeffa", "\ufeff" + "a".repeat(99)]],
  ["['\\ud800', 'a\\udfffé']", ["\ud800", "a\udfffé"]],
  ["'\\ud83d' + '€😀' * 40", "\ud83d" + "€😀".repeat(40)],
  ["[b'', b'A\\xff']", [new Uint8Array(0), new Uint8Array([65, 255])]],
  ["b'B' * 300", new Uint8Array(300).fill(66)],
  ["[bytearray(), bytearray(b'C')]", [new Uint8Array(0), new Uint8Array([67])]],
  ["[(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]", [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]],
  ["[[], [1], list(range(2500))]", [[], [1], count(2500, (i) => i)]],
  ["[{}, {'a': 1}, {'a': 1, 'b': {}}]", [{}, { a: 1 }, { a: 1, b: {} }]],
  ["{str(i): i for i in range(2500)}", Object.fromEntries(count(2500, (i) => [String(i), i]))],
  ["{1: 2}", mapOf([1, 2])],
  ["[{}, {'a': {}, None: {'b': 1}}, {}]", [{}, mapOf(["a", {}], [null, { b: 1 }]), {}]],
  // The pickler fills a dict by the thousand; here the odd key comes after that.
  [
    "{**{str(i): i for i in range(1001)}, 7: 7}",
    mapOf(...count(1001, (i) => /** @type {[any, any]} */ ([String(i), i])), [7, 7]),
  ],
  ["{('a', 'b'): {(): 1}}", mapOf([["a", "b"], mapOf([[], 1])])],
  [
    "[set(), {1}, frozenset(), frozenset({2})]",
    [new Set(), new Set([1]), new Set(), new Set([2])],
  ],
];

/** @type {[string, string][]} a Python expression, and what the error names */
const REFUSED = [
  ["collections.OrderedDict(a=1)", "of type collections.OrderedDict"],
  ["[1, {'k': datetime.date(2020, 1, 1)}]", "of type datetime.date"],
  ["1j", "of type builtins.complex"],
  ["len", "of type builtins.len"],
  ["Made()", "made by __main__._make"],
  ["range(3)", "of type builtins.range"],
];

const PYTHON = String.raw`
import base64, collections, datetime, json, math, pickle, random, sys

class Made:
    def __reduce__(self):
        return _make, ()

def _make():
    return Made()

def scalar(rng):
    kind = rng.randrange(9)
    if kind == 0: return None
    if kind == 1: return rng.random() < 0.5
    if kind == 2: return rng.randrange(-300, 300)
    if kind == 3: return rng.choice((-1, 1)) * rng.getrandbits(rng.randrange(1, 80))
    if kind == 4: return rng.choice((-1, 1)) * (1 << rng.randrange(2200)) - rng.randrange(2)
    if kind == 5: return rng.choice((rng.uniform(-9, 9), rng.random() * 1e300, 0.0, math.inf))
    if kind == 6: return rng.randbytes(rng.choice((0, 3, 255, 256)))
    edges = [*range(0xd7f0, 0xe010), *range(0xfff0, 0x10010), 0x10ffff]
    points = rng.choice((range(32, 127), range(1, 0x800), edges))
    text = "".join(chr(rng.choice(points)) for _ in range(rng.choice((0, 1, 15, 16, 17, 300))))
    # Surrogates that happen to make a pair are one character in JavaScript.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

def hashable(rng, depth):
    kind = rng.randrange(8) if depth else 7
    if kind == 0: return tuple(hashable(rng, depth - 1) for _ in range(rng.randrange(5)))
    if kind == 1: return frozenset(hashable(rng, depth - 1) for _ in range(rng.randrange(3)))
    return scalar(rng)

def value(rng, depth=4):
    kind = rng.randrange(9) if depth else 8
    count = rng.randrange(6)
    if kind == 0: return [value(rng, depth - 1) for _ in range(count)]
    if kind == 1: return tuple(value(rng, depth - 1) for _ in range(count))
    if kind == 2: return {hashable(rng, 2): value(rng, depth - 1) for _ in range(count)}
    if kind == 3: return {f"k{i}": value(rng, depth - 1) for i in range(count)}
    if kind == 4: return {hashable(rng, 2) for _ in range(count)}
    if kind == 5: return [value(rng, depth - 1)] * 2
    if kind == 6: return bytearray(rng.randbytes(count))
    return scalar(rng)

def mine(count, seed):
    rng = random.Random(seed)
    return [value(rng) for _ in range(count)]

def as_sent_back(x):
    """What is left of a value's types after JavaScript: a tuple that is no key is a list."""
    if isinstance(x, (list, tuple)): return [as_sent_back(y) for y in x]
    if isinstance(x, dict): return {k: as_sent_back(v) for k, v in x.items()}
    return x

def same(a, b):
    """Equality that also tells bool from int, and int from str keys; float 1.0 equals int 1."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None: return a is b
    if isinstance(a, list): return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b

def dump(x):
    return base64.b64encode(pickle.dumps(x, 5)).decode()

def load(text):
    return pickle.loads(base64.b64decode(text))

request = json.load(sys.stdin)
answer = {}
if "expressions" in request:
    recursive = []
    recursive.append((recursive, {1: recursive, "self": recursive}))
    itself = ([],)
    itself[0].append(itself)
    longer = ([], 1, 2, 3)
    longer[0].append(longer)
    shared = [[1]]
    many = [[i] for i in range(300)]
    known = {"recursive": recursive, "itself": itself, "longer": longer,
             "shared": shared * 2, "many": many * 2}
    answer["expressions"] = [dump(eval(e, globals(), known)) for e in request["expressions"]]
    answer["mine"] = [dump(x) for x in mine(request["count"], request["seed"])]
if "described" in request:
    answer["described"] = [ascii(load(p)) for p in request["described"]]
    answer["echoed"] = [dump(load(p)) for p in request["echoed"]]
    originals = mine(request["count"], request["seed"])
    answer["changed"] = [
        [i, repr(a), repr(b)]
        for i, (a, b) in enumerate(zip(originals, map(load, request["returned"]), strict=True))
        if not same(as_sent_back(a), b)
    ]
json.dump(answer, sys.stdout)
`;

/** @param {object} request */
function askPython(request) {
  const input = JSON.stringify(request);
  const output = execFileSync("python3", ["-c", PYTHON], { input, maxBuffer: 2 ** 28 });
  return JSON.parse(output.toString());
}

/** @param {string} text */
const fromBase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));
/** @param {Uint8Array} bytes */
const toBase64 = (bytes) => Buffer.from(bytes).toString("base64");

/** @param {Uint8Array} bytes */
function onSharedMemory(bytes) {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/**
 * @param {unknown[]} args
 * @param {any} [kwargs]
 */
function encodeCall(args, kwargs) {
  const target = new Uint8Array(100);
  const length = encodeArguments(args, kwargs, target, 0, target.length);
  return target.slice(0, length);
}

/** Mulberry32. @param {number} state */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A random value that CPython sends back unchanged: no undefined, and a Map has a key that makes
 * it one.
 *
 * @param {() => number} random
 * @param {number} depth
 * @returns {any}
 */
function randomValue(random, depth) {
  /** @param {number} n */
  const below = (n) => Math.floor(random() * n);
  /** @template T @param {() => T} item */
  const some = (item) => Array.from({ length: below(6) }, item);
  const unit = () => String.fromCharCode(below(2) ? 32 + below(90) : below(0x10000));
  const text = () => some(unit).join("").repeat(1 + below(4) * below(30));
  const deeper = () => randomValue(random, depth - 1);
  switch (below(depth > 0 ? 12 : 7)) {
    case 0:
      return [null, true, false, NaN, -0, Infinity][below(6)];
    case 1:
      return below(600) - 300;
    case 2:
      return Math.floor((random() - 0.5) * 2 ** below(53));
    case 3:
      return (random() - 0.5) * 10 ** (below(600) - 300);
    case 4:
      return (2n ** 53n + BigInt(below(1e9))) * (below(2) ? 1n : -1n) << BigInt(below(2500));
    case 5:
      return text();
    case 6:
      return Uint8Array.from(some(() => below(256)));
    case 7:
    case 8:
      return some(deeper);
    case 9:
      return Object.fromEntries(some(() => [below(20) ? text() : "__proto__", deeper()]));
    case 10:
      return mapOf([below(100), deeper()], ...some(() => /** @type {any} */ ([text(), deeper()])));
    default:
      return new Set(some(() => below(1000)));
  }
}

describe("against CPython", () => {
  const random = generator(SEED);
  const randoms = Array.from({ length: RANDOM_VALUES }, () => randomValue(random, 4));
  const structures = ["recursive", "itself", "longer", "shared", "many"];
  /** @type {Record<string, any>} */
  let answer;

  before(() => {
    console.log(`PENNY_TEST_SEED=${SEED}`);
    const common = { seed: SEED, count: RANDOM_VALUES };
    const expressions = [...READ, ...REFUSED].map(([expression]) => expression).concat(structures);
    answer = askPython({ ...common, expressions });
    const described = [
      ...WRITTEN.map(([, value]) => encode(value)),
      ...CALLS.map(([, args, kwargs]) => encodeCall(args, kwargs)),
    ];
    const mine = /** @type {string[]} */ (answer.mine);
    const returned = mine.map((pickle) => encode(decode(fromBase64(pickle))));
    const second = askPython({
      ...common,
      described: described.map(toBase64),
      echoed: randoms.map((value) => toBase64(encode(value))),
      returned: returned.map(toBase64),
    });
    answer = { ...answer, ...second };
  });

  test("Python reads what JavaScript wrote", () => {
    WRITTEN.forEach(([name, , repr], i) => assert.equal(answer.described[i], repr, name));
  });

  test("Python reads calls", () => {
    const calls = answer.described.slice(WRITTEN.length);
    CALLS.forEach(([name, , , repr], i) => assert.equal(calls[i], repr, name));
  });

  test("JavaScript reads what Python wrote", () => {
    READ.forEach(([expression, expected], i) => {
      const bytes = fromBase64(answer.expressions[i]);
      assert.deepStrictEqual(decode(bytes), expected, expression);
      assert.deepStrictEqual(decode(onSharedMemory(bytes)), expected, `${expression}, shared`);
    });
  });

  test("types without a JavaScript form are named", () => {
    REFUSED.forEach(([expression, named], i) => {
      const bytes = fromBase64(answer.expressions[READ.length + i]);
      const expected = (/** @type {any} */ error) =>
        error instanceof UnpicklingError && error.message.startsWith(`a result ${named} has no`);
      assert.throws(() => decode(bytes), expected, expression);
    });
  });

  test("identity and cycles survive", () => {
    const offset = READ.length + REFUSED.length;
    const [recursive, itself, longer, shared, many] = structures.map((_, i) =>
      decode(fromBase64(answer.expressions[offset + i])),
    );
    const [same, map] = recursive[0];
    assert.equal(same, recursive);
    assert.ok(map instanceof Map);
    assert.equal(map.get(1), recursive);
    assert.equal(map.get("self"), recursive);
    assert.equal(itself[0][0], itself);
    assert.equal(longer[0][0], longer);
    assert.equal(shared[0], shared[1]);
    assert.equal(many.length, 600);
    for (let i = 0; i < 300; i++) assert.equal(many[i], many[300 + i]);
  });

  test("random values, JavaScript to Python and back", () => {
    randoms.forEach((value, i) => {
      const echo = decode(fromBase64(answer.echoed[i]));
      assert.deepStrictEqual(echo, value, `value ${i}, seed ${SEED}`);
    });
  });

  test("random values, Python to JavaScript and back", () => {
    assert.equal(answer.mine.length, RANDOM_VALUES);
    assert.deepEqual(answer.changed, [], `seed ${SEED}`);
  });

  test("no prefix and no damaged byte leads to anything but a value or UnpicklingError", () => {
    const pickles = answer.mine.slice(0, 300).map(fromBase64);
    for (const pickle of pickles) {
      const step = Math.max(1, Math.floor(pickle.length / 40));
      for (let length = 0; length < pickle.length; length += step) {
        assert.throws(() => decode(pickle, 0, length), UnpicklingError);
      }
      for (let trial = 0; trial < 60; trial++) {
        const damaged = pickle.slice();
        damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
        try {
          decode(damaged);
        } catch (error) {
          assert.ok(error instanceof UnpicklingError, `${toBase64(damaged)}: ${error}`);
        }
      }
    }
  });
});

describe("room", () => {
  const value = [
    [1, 300, -70000, 2 ** 40, 0.5, 2n ** 60n, 3n ** 2000n, null, true],
    ["a", "é".repeat(9), "é\ud800€😀", "x".repeat(300), "é".repeat(300)],
    [new Uint8Array(4), new Uint8Array(300)],
    [{ a: [1] }, mapOf([1, new Set([[2, 3, 4, 5], new Set([6])])])],
  ];
  /** @type {[unknown[], any][]} args, kwargs */
  const calls = [
    [[value], null],
    [value, { key: 1 }],
    [[7], null],
    [[], null],
  ];

  test("nothing is written at the limit or beyond, and -1 says that the room is too small", () => {
    for (const [args, kwargs] of calls) {
      const target = new Uint8Array(4000);
      const needed = encodeArguments(args, kwargs, target, 0, target.length);
      assert.ok(needed > 0);
      assert.equal(measureArguments(args, kwargs), needed);
      const whole = target.slice(0, needed);
      for (let room = 0; room <= needed; room++) {
        target.fill(0xee);
        const written = encodeArguments(args, kwargs, target, 50, 50 + room);
        assert.equal(written, room < needed ? -1 : needed);
        assert.ok(target.subarray(0, 50).every((byte) => byte === 0xee));
        assert.ok(target.subarray(50 + room).every((byte) => byte === 0xee));
      }
      assert.deepEqual(target.slice(50, 50 + needed), whole);
    }
  });

  test("a limit beyond the target is the target's end", () => {
    assert.equal(encodeArguments([7], null, new Uint8Array(5), 0, 100), -1);
    assert.equal(encodeArguments([7], null, new Uint8Array(6), 0, 100), 6);
  });

  test("targets on shared memory", (t) => {
    const shared = new Uint8Array(new SharedArrayBuffer(4000));
    // Engines differ in what they refuse on shared memory; Chromium refuses this, Node does not.
    t.mock.method(TextEncoder.prototype, "encodeInto", () => assert.fail("not on shared memory"));
    const length = encodeArguments(value, null, shared, 8, 4000);
    assert.deepStrictEqual(decode(shared, 8, length), value);
  });

  test("encode grows", () => {
    const bytes = new Uint8Array(1_000_000).fill(9);
    assert.deepStrictEqual(decode(encode([bytes, "end"])), [bytes, "end"]);
  });
});

describe("what cannot be sent", () => {
  class Foo {}
  class PyProxy {
    get [Symbol.toStringTag]() {
      return "PyProxy";
    }
  }
  /** @type {any} */
  const cyclic = { list: [1] };
  cyclic.list.push(cyclic);
  const cyclicMap = new Map();
  cyclicMap.set("me", { map: cyclicMap });
  let deep = /** @type {any} */ ([]);
  for (let i = 0; i < 100_000; i++) deep = [deep];

  const f = () => {};
  const no = "cannot be sent to a worker";
  const object = "an object becomes a dict, which cannot be a key or in a set";
  const map = "an instance of Map becomes a dict, which cannot be a key or in a set";
  const date = `an instance of Date ${no}: send its getTime() or toISOString()`;
  const floats = `an instance of Float64Array ${no}: send an Array of its numbers, or a Uint8Array`;
  const proxy = `a PyProxy ${no}: submit Python objects from Python, or convert them with toJs()`;
  const large = `4 GiB and more ${no} (or is there a cycle?)`;

  /** @type {[unknown[], any, string][]} args, kwargs, message */
  const CASES = [
    [[1, { lock: f }], null, `args[1].lock: a function ${no}`],
    [[Symbol("s")], null, `args[0]: a symbol ${no}`],
    [[[[new Foo()]]], null, `args[0][0][0]: an instance of Foo ${no}`],
    [[{ "odd key": Foo }], null, `args[0]["odd key"]: a function ${no}`],
    [[mapOf(["k", f])], null, `args[0].get("k"): a function ${no}`],
    [[mapOf([[1], f])], null, `args[0].values()[0]: a function ${no}`],
    [[mapOf(["k", 1], [f, 1])], null, `args[0].keys()[1]: a function ${no}`],
    [[mapOf([undefined, f])], null, `args[0].values()[0]: a function ${no}`],
    [[new Set([1, f])], null, `args[0].values()[1]: a function ${no}`],
    [[new Set([[{}]])], null, `args[0].values()[0][0]: ${object}`],
    [[mapOf([new Map(), 1])], null, `args[0].keys()[0]: ${map}`],
    [[new Date(0)], null, `args[0]: ${date}`],
    [[new Float64Array(1)], null, `args[0]: ${floats}`],
    [[new SharedArrayBuffer(1)], null, `args[0]: an instance of SharedArrayBuffer ${no}`],
    [[new PyProxy()], null, `args[0]: ${proxy}`],
    [[], { key: [f] }, `kwargs.key[0]: a function ${no}`],
    [[], [1], "kwargs: an Array cannot be keyword arguments: pass a plain object"],
    [[0, cyclic], null, `args[1].list[1]: a cycle (this is args[1]) ${no}`],
    [[cyclicMap], null, `args[0].get("me").map: a cycle (this is args[0]) ${no}`],
    [[1, deep], null, `args[1]: a value nested more than 500 levels deep ${no}`],
    [[new Uint8Array(2 ** 32)], null, `args[0]: ${large}`],
  ];

  for (const [args, kwargs, message] of CASES) {
    test(message, () => {
      const target = new Uint8Array(5000);
      assert.throws(
        () => encodeArguments(args, kwargs, target, 0, target.length),
        (/** @type {any} */ error) => {
          assert.equal(error.message, message);
          assert.ok(error instanceof PickleError && error instanceof TypeError);
          assert.equal(error.name, "PickleError");
          assert.ok(message.startsWith(`${error.path}: `));
          return true;
        },
      );
    });
  }

  test("a cycle that overflows first is found before room is made for it", () => {
    /** @type {any} */
    const large = { data: new Uint8Array(1_000_000), text: "é".repeat(1000) };
    large.self = large;
    assert.equal(encodeArguments([large], null, new Uint8Array(5000), 0, 5000), -1);
    const cycle = /args\[0\]\.self: a cycle \(this is args\[0\]\)/;
    assert.throws(() => measureArguments([large], null), cycle);
    assert.throws(() => encode(large), /value\.self: a cycle \(this is value\)/);
  });

  test("parts that together are too large", () => {
    const half = new Uint8Array(2 ** 31);
    const target = new Uint8Array(100);
    assert.equal(encodeArguments([half, half], null, target, 0, 100), -1);
    assert.throws(() => measureArguments([half, half], null), /^PickleError: args: 4 GiB and more/);
    assert.throws(() => encode([half, half]), /^PickleError: value: 4 GiB and more/);
  });

  test("encode names the value", () => {
    assert.throws(() => encode([Foo]), /^PickleError: value\[0\]: a function/);
    assert.throws(() => encode(Foo), /^PickleError: value: a function/);
  });

  test("an error of a getter stays itself, and a getter may encode", () => {
    const error = new Error("mine");
    const failing = { get a() { throw error; } };
    assert.throws(() => encode([failing]), (thrown) => thrown === error);
    const nesting = { get a() { return encode("b").length; } };
    assert.deepEqual(decode(encode([nesting, 0.5])), [{ a: encode("b").length }, 0.5]);
  });

  test("nesting just within bounds", () => {
    let value = /** @type {any} */ (1);
    for (let i = 0; i < 500; i++) value = [value];
    assert.deepStrictEqual(decode(encode(value)), value);
    assert.throws(() => encode([value]), PickleError);
  });
});

describe("results", () => {
  test("bytes are private copies", () => {
    const shared = onSharedMemory(encode(new Uint8Array([1, 2, 3])));
    const bytes = decode(shared);
    assert.ok(bytes.buffer instanceof ArrayBuffer);
    assert.equal(bytes.byteLength, bytes.buffer.byteLength);
    shared.fill(0);
    assert.deepEqual([...bytes], [1, 2, 3]);
  });

  test("a __proto__ key is a property like any other", () => {
    const result = decode(encode(JSON.parse('{"__proto__": {"polluted": true}, "b": 1}')));
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(result.polluted, undefined);
    assert.deepEqual(Object.keys(result), ["__proto__", "b"]);
    assert.equal(/** @type {any} */ ({}).polluted, undefined);
  });

  test("only the bytes given are looked at", () => {
    const bytes = new Uint8Array([0xff, ...encode("abc"), 0xff]);
    assert.equal(decode(bytes, 1, bytes.length - 2), "abc");
    assert.equal(decode(bytes, 1), "abc");
    assert.throws(() => decode(bytes, 1, bytes.length), UnpicklingError);
    assert.throws(() => decode(bytes, -1, 3), UnpicklingError);
    assert.throws(() => decode(bytes, 1, NaN), UnpicklingError);
  });

  test("very deep results", () => {
    const depth = 200_000;
    const pickle = new Uint8Array(2 * depth + 3).fill(0x5d, 2, 2 + depth).fill(0x61, 2 + depth);
    pickle.set([0x80, 5]);
    pickle[2 * depth + 1] = 0x2e; // depth lists, depth - 1 times APPEND, STOP
    let levels = 0;
    for (let list = decode(pickle); list !== undefined; list = list[0]) levels++;
    assert.equal(levels, depth);
  });

  /** @type {[string, number[], RegExp][]} */
  const MALFORMED = [
    ["nothing", [], /cut short/],
    ["no value", [0x2e], /nothing to take/],
    ["an opcode of older protocols", [0x49, 0x31, 0x0a, 0x2e], /opcode 0x49 at byte 0/],
    ["a newer protocol", [0x80, 6, 0x4e, 0x2e], /newer/],
    ["a mark only", [0x28, 0x2e], /nothing to take/],
    ["no mark", [0x5d, 0x65, 0x2e], /no MARK/],
    ["a pop through a mark", [0x4e, 0x28, 0x85, 0x2e], /nothing to take/],
    ["append to a number", [0x4b, 1, 0x4e, 0x61, 0x2e], /no list/],
    ["append to nothing", [0x4e, 0x61, 0x2e], /nothing to take/],
    ["items of a list", [0x5d, 0x4e, 0x4e, 0x73, 0x2e], /no dict/],
    ["a key alone", [0x7d, 0x28, 0x4e, 0x75, 0x2e], /key without value/],
    ["elements of a dict", [0x7d, 0x28, 0x90, 0x2e], /no set/],
    ["an unknown memo", [0x68, 0, 0x2e], /no memo 0/],
    ["memo of nothing", [0x94, 0x2e], /nothing to take/],
    ["huge text", [0x8d, 255, 255, 255, 255, 255, 255, 255, 255, 0x2e], /cut short/],
    ["a huge int", [0x8b, 255, 255, 255, 255, 0x2e], /cut short/],
    ["a huge frame", [0x95, 0, 0, 0, 0, 0, 0, 0, 1, 0x4e, 0x2e], /cut short/],
    ["a stray continuation", [0x8c, 1, 0x80, 0x2e], /not UTF-8/],
    ["a stray pair of them", [0x8c, 2, 0xa0, 0x80, 0x2e], /not UTF-8/],
    ["a lead byte too high", [0x8c, 4, 0xf8, 0x80, 0x80, 0x80, 0x2e], /not UTF-8/],
    ["an overlong form", [0x8c, 2, 0xc1, 0xbf, 0x2e], /not UTF-8/],
    ["an overlong form of three", [0x8c, 3, 0xe0, 0x9f, 0xbf, 0x2e], /not UTF-8/],
    ["long text that is none", [0x8c, 200, ...Array(200).fill(0x80), 0x2e], /not UTF-8/],
    ["a cut character", [0x8c, 2, 0xe2, 0x82, 0x2e], /not UTF-8/],
    ["a code point too large", [0x8c, 4, 0xf4, 0x90, 0x80, 0x80, 0x2e], /not UTF-8/],
    ["a name that is none", [0x7d, 0x4e, 0x93, 0x2e], /a name that is no str/],
    ["a global in text", [...Buffer.from("cos\nsystem\n")], /of type os\.system/],
    ["a global cut short", [...Buffer.from("cos")], /cut short/],
    ["an extension", [0x82, 1, 0x2e], /add_extension/],
    ["a persistent id", [0x4e, 0x51, 0x2e], /persistent id/],
    ["an out-of-band buffer", [0x97, 0x2e], /out of band/],
  ];

  for (const [name, bytes, message] of MALFORMED) {
    test(`malformed: ${name}`, () => {
      assert.throws(() => decode(Uint8Array.from(bytes)), (/** @type {any} */ error) => {
        assert.ok(error instanceof UnpicklingError);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
