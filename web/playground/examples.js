// One example for each thing that README leads with. The tests run all of them.

/** Programs by name; the first is there when the page is opened. @type {Record<string, string>} */
export const EXAMPLES = {
  'Map: primes on all cores': `import math
import penny

def is_prime(n):
    return n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))

def count_primes(low, high):
    return sum(map(is_prime, range(low, high)))

N, STEP = 500_000, 10_000

with penny.Scheduler() as s:
    lows = range(0, N, STEP)
    counts = s.map(count_primes, lows, range(STEP, N + STEP, STEP))
    print(sum(counts), "primes below", N)
    for w in s.stats()["workers"]:
        print(f"worker {w['worker']} ran {w['run']} tasks")
`,
  'Spawn and join: queens': `import penny

N = 10

def queens(row, columns, left, right):
    """How many ways there are for the rows from here on."""
    if row == N:
        return 1
    jobs = []
    for column in range(N):
        bit = 1 << column
        if not (columns | left | right) & bit:
            jobs.append(penny.spawn(          # may be stolen
                queens, row + 1, columns | bit,
                (left | bit) << 1, (right | bit) >> 1))
    # Runs here what no idle worker has stolen.
    return sum(job.join() for job in reversed(jobs))

with penny.Scheduler() as s:
    ways = s.submit(queens, 0, 0, 0, 0).result()
    print(f"{N} queens: {ways} ways")
    for w in s.stats()["workers"]:
        print(f"worker {w['worker']} stole {w['stolen']} jobs")
`,
  'Parallel loops': `import operator
import penny

def steps(n):
    """How many steps Collatz's rule takes from n to 1."""
    count = 0
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        count += 1
    return count

with penny.Scheduler() as s:
    # Split only where an idle worker asks; results in order.
    counts = s.parallel_map(steps, range(1, 60_001)).result()
    longest = max(counts)
    print(f"{counts.index(longest) + 1} takes {longest} steps")

    total = s.parallel_reduce(steps, range(1, 20_001),
                              operator.add, 0).result()
    print(f"the first 20,000 take {total} steps")
    print("sorted:", s.parallel_sort(counts[:20]).result())
`,
  'Shared arrays: a picture': `import math
import penny

WIDTH, HEIGHT = 480, 320

def paint(y, image):
    with image.block(y) as row:       # this row, in the worker
        for x in range(WIDTH):
            far = math.hypot(x - WIDTH / 2, y - HEIGHT / 2)
            wave = math.sin(far / 9) * math.cos(x / 31)
            row[x, 0] = int(128 + 120 * wave)
            row[x, 1] = int(100 + 60 * math.sin(y / 40 + wave))
            row[x, 2] = int(120 + 120 * math.cos(far / 60))

with penny.Scheduler() as s:
    # In the memory that all workers see: a task gets a handle.
    image = penny.SharedArray((HEIGHT, WIDTH, 3), "uint8")
    s.parallel_for(paint, 0, HEIGHT, args=(image,)).result()
    penny.display(image)
`,
  'A chart: sums of three dice': `import random
import penny

def throw(times, seed):
    """How often each sum from 3 to 18 came."""
    dice = random.Random(seed)
    counts = [0] * 19
    for _ in range(times):
        counts[dice.randint(1, 6) + dice.randint(1, 6) + dice.randint(1, 6)] += 1
    return counts[3:]

def chart(counts, width=420, height=200):
    """Bars, as an image (SVG)."""
    step, most = width / len(counts), max(counts)
    bars = "".join(
        f'<rect x="{i * step + 2:.1f}" y="{height - 20 - h:.1f}" width="{step - 4:.1f}" height="{h:.1f}" fill="#b4622d"/>'
        f'<text x="{(i + 0.5) * step:.1f}" y="{height - 5}" text-anchor="middle">{i + 3}</text>'
        for i, h in enumerate((height - 30) * count / most for count in counts))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
            f'font-size="11"><rect width="100%" height="100%" fill="white"/>{bars}</svg>').encode()

with penny.Scheduler() as s:
    TIMES, TASKS = 20_000, 20
    sums = [0] * 16
    for counts in s.map(throw, [TIMES] * TASKS, range(TASKS)):
        sums = [a + b for a, b in zip(sums, counts)]
    print(f"{sum(sums):,} throws of three dice")
    penny.display(chart(sums))
`,
  'Kernels in C: Mandelbrot': `import penny

WIDTH, HEIGHT = 900, 600
LEFT, TOP, STEP, LIMIT = -2.2, -1.0, 3.0 / WIDTH, 4000

# C, compiled by "penny kernel build mandelbrot.c", which is among
# Penny's examples: row(y, pixels, width, left, top, step, limit)
kernels = penny.Kernels(open("mandelbrot.wasm", "rb").read())

with penny.Scheduler() as s:
    image = penny.SharedArray((HEIGHT, WIDTH, 4), "uint8")
    args = (image, WIDTH, LEFT, TOP, STEP, LIMIT)
    s.parallel_for(kernels.row, 0, HEIGHT, args=args).result()
    penny.display(image)
`,
  'Await: as they complete': `import asyncio
import random
import penny

async def nap(name):                  # coroutines share a worker
    await asyncio.sleep(random.random())
    print("woken:", name)             # whole lines, from any worker
    return name

async with penny.Scheduler() as s:    # await works at top level
    futures = [s.submit(nap, name) for name in "abcdef"]
    async for future in s.as_completed(futures):
        print(await future)
`,
  'Cancel, time limits, urgency': `import time
from concurrent.futures import wait
import penny

def forever():
    while True:
        pass

with penny.Scheduler() as s:
    try:
        s.options(timeout=0.5).submit(forever).result()
    except TimeoutError:
        print("took too long")

    busy = [s.submit(forever) for _ in range(s.workers)]
    time.sleep(0.5)
    urgent = s.options(priority="interactive")
    print("on top of a busy worker:", urgent.submit(pow, 2, 10).result())

    for future in busy:
        future.cancel(running=True)   # raises Cancelled where it runs
    wait(busy)
    print([future.cancelled() for future in busy])
`,
  'A worker that dies': `import os
import penny

def work(n):
    return sum(i * i for i in range(n))

def crash():
    os.abort()                        # takes its Python with it

with penny.Scheduler() as s:
    before = [s.submit(work, 200_000) for _ in range(8)]
    doomed = s.submit(crash)
    after = [s.submit(work, 200_000) for _ in range(8)]
    try:
        doomed.result()
    except penny.WorkerLost as error:
        print("lost:", error)
    # All others run, and a new worker takes the place.
    results = [future.result() for future in before + after]
    print(len(results), "results")
`,
  'Errors come back': `import penny

def divide(a, b):
    return a / b

with penny.Scheduler() as s:
    try:
        s.submit(divide, 1, 0).result()
    except ZeroDivisionError as error:    # comes back as itself
        print(repr(error))
    s.submit(len, (i for i in [])).result()   # can't be sent
`,
  'Input and progress': `from concurrent.futures import as_completed
import penny

def work(n):
    return sum(i * i for i in range(n))

count = int(input("How many tasks? "))
with penny.Scheduler() as s:
    futures = [s.submit(work, 100_000) for _ in range(count)]
    for done, _ in enumerate(as_completed(futures), 1):
        print(f"\\r{done} of {count}", end="", flush=True)
print("\\nall done")
`,
};
