// The playground: edit a program, run it in a host worker, see what it prints and what the workers do.

/** @type {Record<string, string>} */
const examples = {
  'First steps': `import penny

def square(x):
    return x * x

with penny.Scheduler() as s:
    print(s.submit(square, 7).result())      # one call, in some worker
    print(list(s.map(square, range(10))))    # many, results in order
    print(s.submit(lambda: penny.current_worker()).result(), "ran this")
`,
  'Primes': `import math, time
import penny

def is_prime(n):
    return n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))

def count_primes(low, high):
    return sum(map(is_prime, range(low, high)))

N, STEP = 1_000_000, 20_000
with penny.Scheduler() as s:
    s.submit(len, "").result()               # the workers are up
    t = time.perf_counter()
    counts = s.map(count_primes, range(0, N, STEP), range(STEP, N + STEP, STEP))
    print(sum(counts), "primes below", N)
    print(f"{time.perf_counter() - t:.2f} s")
    for w in s.stats()["workers"]:
        print(f"worker {w['worker']}: {w['run']} tasks, {w['stolen']} stolen, busy {w['busy']:.2f} s")
`,
  'As they complete': `import random, time
import penny

def work(name):
    time.sleep(random.random())
    print("done with", name)                 # whole lines, from any worker
    return name

async with penny.Scheduler() as s:           # top-level await works
    futures = [s.submit(work, name) for name in "abcdef"]
    async for f in s.as_completed(futures):
        print(await f)
`,
  'When things go wrong': `import penny

def divide(a, b):
    return a / b

with penny.Scheduler() as s:
    try:
        s.submit(divide, 1, 0).result()      # comes back as itself
    except ZeroDivisionError as error:
        print(repr(error), "caused by", error.__cause__)
    s.submit(print, (i for i in [])).result()  # a generator can't travel
`,
};

/**
 * @template {HTMLElement} T
 * @param {string} id
 */
const element = id => /** @type {T} */ (document.getElementById(id));
/** @type {HTMLTextAreaElement} */
const source = element('source');
/** @type {HTMLSelectElement} */
const example = element('example');
/** @type {HTMLInputElement} */
const workers = element('workers');
/** @type {HTMLButtonElement} */
const run = element('run');
/** @type {HTMLButtonElement} */
const stop = element('stop');
const output = element('output');
const pool = element('pool');

/**
 * @param {string} text
 * @param {string} [kind]
 */
function show(text, kind = '') {
  const span = document.createElement('span');
  span.className = kind;
  span.textContent = text;
  const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 4;
  output.append(span);
  if (atEnd) output.scrollTop = output.scrollHeight;
}

/** @param {{worker: number, state: string}} change */
function showWorker({worker, state}) {
  while (pool.children.length <= worker) {
    const badge = document.createElement('span');
    badge.textContent = `worker ${pool.children.length}`;
    pool.append(badge);
  }
  pool.children[worker].className = `worker-state ${state}`;
}

/** @type {AbortController | undefined} */
let running;

async function runProgram() {
  if (running) return;
  running = new AbortController();
  run.disabled = true;
  stop.disabled = false;
  output.textContent = '';
  pool.textContent = '';
  try {
    const {Penny} = /** @type {any} */ (globalThis);
    const status = await Penny.run(source.value, {
      filename: 'program.py',
      workers: Number(workers.value) || undefined,
      signal: running.signal,
      worker: showWorker,
      output: (/** @type {string} */ stream, /** @type {string} */ text, /** @type {number | null} */ worker) => {
        if (worker !== null) show(`[${worker}] `, 'worker');
        show(text, stream);
      },
    });
    if (status) show(`\nexit status ${status}\n`, 'stderr');
  } catch (error) {
    show(`${error}\n`, 'stderr');
  } finally {
    running = undefined;
    run.disabled = false;
    stop.disabled = true;
  }
}

for (const name of Object.keys(examples)) example.append(new Option(name));
example.onchange = () => {
  source.value = examples[example.value];
};
source.value = examples[example.value];
workers.value = String(navigator.hardwareConcurrency);
run.onclick = runProgram;
stop.onclick = () => running?.abort(new Error('stopped'));
source.onkeydown = event => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) runProgram();
  if (event.key === 'Tab' && !event.shiftKey) {
    event.preventDefault();
    source.setRangeText('    ', source.selectionStart, source.selectionEnd, 'end');
  }
};

export {};
