"""Mutants of the core: each has one mistake, and the native tests must catch every one of them.

A mutant is made in a copy of its file: one piece of text, which must be there exactly once, is
replaced. So the core has nothing of it. Compiled and linked with the tests, its actors then take
turns (see native.h) until a check fails; what survives its minute is reported, and is an error: a
suite that accepts it tests nothing.

    tests/native/mutants.py              all
    tests/native/mutants.py NAME…        only these
    tests/native/mutants.py --table      rows of the table in README.md
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORE = ROOT / "penny/wasm_core"
BUILD = ROOT / "build/native"
PATIENCE = 60
"""Seconds that a mutant may survive; of the processor, so that a busy machine changes nothing."""


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    was: str
    becomes: str
    breaks: str
    """The property, as README.md puts it."""
    scenarios: str
    """Those that see it, most likely first."""

    @property
    def row(self) -> str:
        """Its row of the table in README.md."""
        return f"| `{self.file}` | {self.name} | {self.breaks} | {self.scenarios.split()[0]} |"

    def source(self) -> str:
        text = (CORE / self.file).read_text()
        if text.count(self.was) != 1:
            raise SystemExit(
                f"{self.name}: {self.file} has this {text.count(self.was)} times, not once:\n{self.was}"
            )
        return text.replace(self.was, self.becomes)

    def check(self) -> str | None:
        """How it was caught; or None: it survived."""
        folder = BUILD / "mutants"
        folder.mkdir(parents=True, exist_ok=True)
        source, program = folder / f"{self.name}.c", folder / self.name
        source.write_text(self.source())
        core = [path.relative_to(CORE) for path in sorted(CORE.glob("*/*.c"))]
        objects = [Path("core") / path for path in core if str(path) != self.file]
        objects += [
            Path("tests/native") / path.relative_to(HERE) for path in sorted(HERE.rglob("*.c"))
        ]
        others = [str((BUILD / "interleave" / path).with_suffix(".o")) for path in objects]
        flags = [
            *os.environ["NATIVE_CFLAGS"].split(),
            *os.environ["NATIVE_INTERLEAVE"].split(),
            "-w",
        ]
        command = [os.environ.get("CC", "cc"), *flags, str(source), *others, "-lpthread"]
        subprocess.run([*command, "-o", str(program)], check=True)
        used = 0.0
        seed = 1
        try:
            while used < PATIENCE:
                # Never for ever: rounds have a bound of steps.
                command = [str(program), "interleave", "--seed", str(seed), "--times", "3"]
                with subprocess.Popen(
                    [*command, *self.scenarios.split()],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                ) as run:
                    assert run.stderr
                    said = run.stderr.read()
                    _, ended, usage = os.wait4(run.pid, 0)
                    run.returncode = status = os.waitstatus_to_exitcode(ended)
                used += usage.ru_utime + usage.ru_stime
                if status < 0:
                    return f"signal {-status}"
                if status == 1:
                    failure = re.search(r"(\S+): FAILED: (.*)\n(.*)", said)
                    return f"{failure[1]}: {failure[3]}" if failure else said[-200:]
                if status:
                    raise SystemExit(f"{self.name}: {said}")
                seed += 1000
            return None
        finally:
            program.unlink(missing_ok=True)
            source.unlink(missing_ok=True)


DEQUE_ALL = "deque-last deque-stampede deque-inherited deque-full deque-spsc"
POOL = "pool-parking pool-rendezvous pool-tasks pool-completions pool-promotion pool-cancellation"
PARKING = "pool-rendezvous pool-parking pool-completions"
ARRAYS = "arrays-handed-on pool-arrays pool-recovery-of-arrays"
KERNELS = "pool-kernels pool-kernels-failing"
DEATH = "pool-recovery pool-recovery-of-jobs"

MUTANTS = [
    # ---- memory/heap.c
    Mutant(
        "GRANULE_BY_STORE",
        "memory/heap.c",
        "    if (compare_exchange(&map.word[first + i], 0, (owner + 1) | (i ? 0 : HEAD))) continue;\n",
        "    if (!load(&map.word[first + i])) {\n"
        "      store(&map.word[first + i], (owner + 1) | (i ? 0 : HEAD));\n      continue;\n    }\n",
        "no two blocks overlap",
        "heap-churn",
    ),
    Mutant(
        "CONFLICT_KEEPS",
        "memory/heap.c",
        "    for (u32 j = i; j > 0; j--) store(&map.word[first + j - 1], 0);\n    return i;\n",
        "    return i;\n",
        "all is free at the end",
        "heap-churn",
    ),
    Mutant(
        "FREES_FIRST_TO_LAST",
        "memory/heap.c",
        "  for (u32 i = n; i > 0; i--) store(&map.word[first + i - 1], 0);\n",
        "  for (u32 i = 0; i < n; i++) store(&map.word[first + i], 0);\n",
        "no two blocks overlap",
        "heap-churn heap-mortal",
    ),
    Mutant(
        "NO_HEADS",
        "memory/heap.c",
        "(owner + 1) | (i ? 0 : HEAD)",
        "(owner + 1)",
        "no two blocks overlap",
        "heap-churn",
    ),
    Mutant(
        "HAZARD_UNSEEN",
        "memory/heap.c",
        "    if (p != owner && load(&shared->hazard[p]) == arena + 1) {\n",
        "    if (0) {\n",
        "nobody searches an arena that is retired",
        "heap-arenas heap-churn",
    ),
    Mutant(
        "HAZARD_LATE",
        "memory/heap.c",
        """  store(hazard, arena + 1);
  u32 address = 0;
  if (load(&shared->arena[arena]) == 1) {
""",
        """  u32 address = 0;
  int is_arena = load(&shared->arena[arena]) == 1;
  store(hazard, arena + 1);
  if (is_arena) {
""",
        "nobody searches an arena that is retired",
        "heap-arenas heap-churn",
    ),
    Mutant(
        "RETIRES_IN_USE",
        "memory/heap.c",
        "  if (map_claim(map, ARENA_MAP_GRANULES, all, owner) != all) return 0;\n",
        "  for (u32 i = ARENA_MAP_GRANULES; i < ARENA_WORDS; i++)\n    if (load(&map.word[i])) return 0;\n",
        "nobody searches an arena that is retired",
        "heap-arenas heap-churn",
    ),
    Mutant(
        "SWEEPS_ALL",
        "memory/heap.c",
        "  if (first != NONE) compare_exchange(&map.word[first], word, word | MARK);\n",
        "  (void)word;\n",
        "a sweep keeps what slots refer to",
        DEATH,
    ),
    Mutant(
        "SWEEPS_NOTHING",
        "memory/heap.c",
        "    else\n      map_free(map, i, participant);\n",
        "    else\n      continue;\n",
        "all is free at the end",
        "heap-mortal",
    ),
    Mutant(
        "DEAD_RETIRES_ON",
        "memory/heap.c",
        "    if (load(&shared->arena[arena]) == RETIRING + participant) store(&shared->arena[arena], 1);\n",
        "",
        "all is free at the end",
        "heap-mortal",
    ),
    # ---- memory/arrays.c
    Mutant(
        "HOLD_UNMOVED",
        "memory/arrays.c",
        "    if (compare_exchange64(&array->life, life, life + MOVE)) return 1;\n",
        "    return 1;\n",
        "nobody has an array that is freed",
        ARRAYS,
    ),
    Mutant(
        "HOLD_LATE",
        "memory/arrays.c",
        "  set_bit(array, participant);\n  for (;;) {\n    u64 life = load(&array->life);\n"
        "    if (array_state_of(life) != ALIVE || serial_of(life) != serial) break;\n"
        "    if (compare_exchange64(&array->life, life, life + MOVE)) return 1;\n",
        "  for (;;) {\n    u64 life = load(&array->life);\n"
        "    if (array_state_of(life) != ALIVE || serial_of(life) != serial) break;\n"
        "    if (compare_exchange64(&array->life, life, life + MOVE)) {\n"
        "      set_bit(array, participant);\n      return 1;\n    }\n",
        "nobody has an array that is freed",
        ARRAYS,
    ),
    Mutant(
        "HOLD_BY_NUMBER",
        "memory/arrays.c",
        "array_state_of(life) != ALIVE || serial_of(life) != serial) break;",
        "array_state_of(life) != ALIVE) break;",
        "an old name gives no hold",
        ARRAYS,
    ),
    Mutant(
        "FREE_BY_STORE",
        "memory/arrays.c",
        "    if (!array_claim(participant, number, life)) continue;\n",
        "    store(&array->life, life_as(life, participant, FREEING));\n",
        "nobody has an array that is freed",
        ARRAYS,
    ),
    Mutant(
        "BIT_KEPT",
        "memory/arrays.c",
        "  clear_bit(array, participant);\n  array_look(participant, number); /* it may",
        "  array_look(participant, number); /* it may",
        "all is free at the end",
        ARRAYS,
    ),
    Mutant(
        "FAILED_UNSEEN",
        "memory/arrays.c",
        "  array_look(participant, number); /* it may be another by now, and our bit was in the way of who "
        "let go of that */\n",
        "",
        "all is free at the end",
        ARRAYS,
    ),
    Mutant(
        "UNCARRY_UNSEEN",
        "memory/arrays.c",
        "    if (list->number[i] - 1 < ARRAYS) array_look(participant, list->number[i]);\n",
        "    continue;\n",
        "all is free at the end",
        ARRAYS,
    ),
    Mutant(
        "UNCARRY_LATE",
        "memory/arrays.c",
        "  store(&shared->carried[index], 0);\n  u32 count = count_of(address);\n"
        "  for (u32 i = 0; i < count; i++)\n"
        "    if (list->number[i] - 1 < ARRAYS) array_look(participant, list->number[i]);\n",
        "  u32 count = count_of(address);\n  for (u32 i = 0; i < count; i++)\n"
        "    if (list->number[i] - 1 < ARRAYS) array_look(participant, list->number[i]);\n"
        "  store(&shared->carried[index], 0);\n",
        "all is free at the end",
        ARRAYS,
    ),
    Mutant(
        "ENTRY_BY_STORE",
        "memory/arrays.c",
        "    if (!compare_exchange64(&array->life, life, life_as(made, participant, MAKING))) continue;\n",
        "    store(&array->life, life_as(made, participant, MAKING));\n",
        "an entry has one maker",
        ARRAYS,
    ),
    Mutant(
        "UNZEROED",
        "memory/arrays.c",
        "    __builtin_memset((void *)block, 0, size);\n",
        "",
        "a new array is zeros",
        ARRAYS,
    ),
    Mutant(
        "DEAD_HOLDS",
        "memory/arrays.c",
        "    clear_bit(array, dead);\n",
        "",
        "all is free at the end",
        "pool-recovery-of-arrays",
    ),
    Mutant(
        "KEEPER_UNSEEN",
        "memory/arrays.c",
        "      array_look(keeper, number); /* it may have let go and not looked */\n",
        "      continue;\n",
        "all is free at the end",
        "pool-recovery-of-arrays",
    ),
    Mutant(
        "MAKING_LEFT",
        "memory/arrays.c",
        "      store(&array->block, 0); /* the sweep frees it */\n"
        "      store(&array->life, life_as(load(&array->life), 0, NO_ARRAY));\n",
        "",
        "all is free at the end",
        "pool-recovery-of-arrays",
    ),
    Mutant(
        "FREEING_LEFT",
        "memory/arrays.c",
        "      free_entry(array, keeper);\n",
        "",
        "all is free at the end",
        "pool-recovery-of-arrays",
    ),
    # ---- queues/deque.c
    Mutant(
        "PUSH_PUBLISHES_FIRST",
        "queues/deque.c",
        """  plain_store(entry(deque, bottom), hint);
  store(&deque->bottom, bottom + 1);
""",
        """  store(&deque->bottom, bottom + 1);
  plain_store(entry(deque, bottom), hint);
""",
        "each entry goes to one",
        DEQUE_ALL,
    ),
    Mutant(
        "POP_LOOKS_FIRST",
        "queues/deque.c",
        """  store(&deque->bottom, bottom);
  u32 top = load(&deque->top);
""",
        """  u32 top = load(&deque->top);
  store(&deque->bottom, bottom);
""",
        "each entry goes to one",
        DEQUE_ALL,
    ),
    Mutant(
        "LAST_UNCONTESTED",
        "queues/deque.c",
        "  int won = compare_exchange(&deque->top, top, top + 1);\n",
        "  int won = 1;\n  store(&deque->top, top + 1);\n",
        "each entry goes to one",
        DEQUE_ALL,
    ),
    Mutant(
        "EMPTY_NOT_RESTORED",
        "queues/deque.c",
        """    store(&deque->bottom, bottom + 1);
    return NONE;
""",
        "    return NONE;\n",
        "nothing is left out",
        DEQUE_ALL,
    ),
    Mutant(
        "STEAL_BY_STORE",
        "queues/deque.c",
        "  return compare_exchange(&deque->top, top, top + 1) ? hint : NONE;\n",
        "  store(&deque->top, top + 1);\n  return hint;\n",
        "each entry goes to one",
        DEQUE_ALL,
    ),
    Mutant(
        "STEAL_READS_LATE",
        "queues/deque.c",
        """  u32 hint = plain_load(entry(deque, top));
  return compare_exchange(&deque->top, top, top + 1) ? hint : NONE;
""",
        """  if (!compare_exchange(&deque->top, top, top + 1)) return NONE;
  return plain_load(entry(deque, top));
""",
        "each entry goes to one",
        "deque-full deque-last",
    ),
    Mutant(
        "ONE_TOO_MANY",
        "queues/deque.c",
        ">= DEQUE_ENTRIES) return 0",
        "> DEQUE_ENTRIES) return 0",
        "the ring’s size",
        "deque-full",
    ),
    Mutant(
        "WRAP_UNSIGNED",
        "queues/deque.c",
        "  if ((i32)(bottom - top) <= 0) return NONE;\n",
        "  if (bottom <= top) return NONE;\n",
        "positions wrap",
        DEQUE_ALL,
    ),
    Mutant(
        "ADOPT_BOTTOM_ONLY",
        "queues/deque.c",
        """  compare_exchange(&deque->top, top, top + 1); /* lost to that thief: then top is there already */
  store(&deque->bottom, top + 1);
""",
        "  store(&deque->bottom, top);\n",
        "a successor loses nothing",
        "deque-inherited",
    ),
    # ---- queues/injector.c
    Mutant(
        "PUT_BY_STORE",
        "queues/injector.c",
        "      if (compare_exchange64(cell_at(injector, tail), cell, full_cell(tail, hint))) {\n",
        "      store(cell_at(injector, tail), full_cell(tail, hint));\n      {\n",
        "each hint comes out once",
        "injector-mpmc",
    ),
    Mutant(
        "TAKE_BY_STORE",
        "queues/injector.c",
        "  if (!compare_exchange64(cell_at(injector, head), cell, empty_cell(head + INJECTOR_CELLS))) return 0;\n",
        "  store(cell_at(injector, head), empty_cell(head + INJECTOR_CELLS));\n",
        "each hint comes out once",
        "injector-mpmc",
    ),
    Mutant(
        "HELPS_ONLY_FULL",
        "queues/injector.c",
        "cell_position(cell) == tail || cell_position(cell) == tail + INJECTOR_CELLS) {",
        "cell_position(cell) == tail) {",
        "nobody is held up by the dead",
        "injector-mortal injector-mpmc",
    ),
    Mutant(
        "HELPS_NOBODY",
        "queues/injector.c",
        """    } else if (cell_position(cell) == head + INJECTOR_CELLS) { /* taken, head not yet moved: help */
      compare_exchange(&injector->head, head, head + 1);
""",
        "",
        "nobody is held up by the dead",
        "injector-mortal",
    ),
    Mutant(
        "EMPTY_UNCHECKED",
        "queues/injector.c",
        "cell_position(cell) == tail - INJECTOR_CELLS) {\n      return 0;",
        "cell_position(cell) == tail - INJECTOR_CELLS) {\n      store(cell_at(injector, tail), empty_cell(tail));",
        "a full injector refuses",
        "injector-full",
    ),
    # ---- tables/slots.c
    Mutant(
        "PARENT_UNSET",
        "tables/slots.c",
        "  plain_store(&shared->parent[index], of_worker ? shared->worker[participant].innermost : 0);\n",
        "  if (of_worker) plain_store(&shared->parent[index], shared->worker[participant].innermost);\n",
        "nothing runs on top of a join but what belongs to it",
        "pool-promotion pool-cancellation",
    ),
    Mutant(
        "SLOT_BY_STORE",
        "tables/slots.c",
        "  if (!compare_exchange(&task->state, word, filling)) return 0;\n",
        "  store(&task->state, filling);\n",
        "a slot has one owner",
        "slots-crowded slots-few",
    ),
    Mutant(
        "SAME_GENERATION",
        "tables/slots.c",
        "state_word(generation_of(word) + 1, participant, FILLING)",
        "state_word(generation_of(word), participant, FILLING)",
        "each use of a slot has its generation",
        "slots-crowded",
    ),
    Mutant(
        "FREE_BEFORE_EMPTIED",
        "tables/slots.c",
        "  task_uncarry(index, participant);\n",
        "  task_uncarry(index, participant);\n"
        "  store(&task->state, state_word(generation_of(load(&task->state)), 0, FREE));\n",
        "a slot has one owner",
        "pool-recovery-of-jobs pool-promotion pool-cancellation",
    ),
    Mutant(
        "RELEASE_KEEPS_OWNER",
        "tables/slots.c",
        "    heap_take_over(participant, block); /* or a sweep for its owner, now dead, would free it too */\n",
        "",
        "nothing is freed twice",
        DEATH,
    ),
    # ---- tables/belonging.c
    Mutant(
        "TAKES_STRANGERS",
        "tables/belonging.c",
        "{ return !is_queued(hint) || belongs(hint, joined); }",
        "{ return !is_queued(hint) || hint != joined; }",
        "nothing runs on top of a join but what belongs to it",
        "pool-promotion pool-cancellation",
    ),
    Mutant(
        "TAKES_OLDER",
        "tables/belonging.c",
        "      return !(awaited & ALONE) && (i32)((born & ~(u32)ALONE) - awaited) > 0;\n",
        "      return !(awaited & ALONE);\n",
        "nothing runs on top of a join but what belongs to it",
        "pool-promotion pool-cancellation",
    ),
    # ---- tables/functions.c
    Mutant(
        "SERIAL_UNSEEN",
        "tables/functions.c",
        "    if (serial_of(before) != serial || !references_of(before)) return 0;\n",
        "    if (!references_of(before)) return 0;\n",
        "a number names one function",
        "functions",
    ),
    Mutant(
        "REVIVES",
        "tables/functions.c",
        "    if (serial_of(before) != serial || !references_of(before)) return 0;\n",
        "    if (serial_of(before) != serial) return 0;\n",
        "a number names one function",
        "functions",
    ),
    Mutant(
        "ENTRY_FREE_FIRST",
        "tables/functions.c",
        """  u32 block = load(&function->block);
  if (block) { /* unless""",
        """  u32 block = load(&function->block);
  store(&function->life, life_of(serial_of(load(&function->life)), 0, 0));
  if (block) { /* unless""",
        "a number names one function",
        "functions",
    ),
    Mutant(
        "RETAIN_BY_STORE",
        "tables/functions.c",
        "    if (compare_exchange64(life, before, before + 1)) return 1;\n",
        "    store(life, before + 1);\n    return 1;\n",
        "a number names one function",
        "functions",
    ),
    # ---- trace/trace.c
    Mutant(
        "HEAD_BEFORE_EVENT",
        "trace/trace.c",
        """  store(&event->when, time << EVENT_TIME_SHIFT | kind << EVENT_KIND_SHIFT | how << EVENT_HOW_SHIFT | who);
  store(&event->what, (u64)function << 32 | task);
  store(&ring->head, head + 1);
""",
        """  store(&ring->head, head + 1);
  store(&event->when, time << EVENT_TIME_SHIFT | kind << EVENT_KIND_SHIFT | how << EVENT_HOW_SHIFT | who);
  store(&event->what, (u64)function << 32 | task);
""",
        "events are whole",
        "trace-overwritten trace-mortal",
    ),
    Mutant(
        "NO_SECOND_HEAD",
        "trace/trace.c",
        "  u32 ahead = load(&ring->head) - *from;\n",
        "  u32 ahead = head - *from;\n",
        "events are whole",
        "trace-overwritten",
    ),
    Mutant(
        "HALF_WRITTEN_TAKEN",
        "trace/trace.c",
        "ahead < RING_EVENTS ? 0 : ahead - RING_EVENTS + 1",
        "ahead < RING_EVENTS ? 0 : ahead - RING_EVENTS",
        "events are whole",
        "trace-overwritten",
    ),
    Mutant(
        "UNWRITTEN_TAKEN",
        "trace/trace.c",
        "  u32 head = load(&ring->head);\n  if (head - *from",
        "  u32 head = load(&ring->head) + 1;\n  if (head - *from",
        "events are whole",
        "trace-overwritten trace-mortal",
    ),
    # ---- sleep/waking.c
    Mutant(
        "WAKE_WITHOUT_BUMP",
        "sleep/waking.c",
        "  fetch_add(&shared->worker[worker].event, 1);\n",
        "",
        "no lost wake-up",
        PARKING,
    ),
    Mutant(
        "WAKE_WITHOUT_NOTIFY",
        "sleep/waking.c",
        "  notify(&shared->worker[worker].event, 1);\n",
        "",
        "no lost wake-up",
        PARKING,
    ),
    # ---- sleep/parking.c
    Mutant(
        "NO_SECOND_LOOK",
        "sleep/parking.c",
        "  int awake = is_wanted(worker, joined, help);\n",
        "  int awake = 0;\n",
        "no lost wake-up",
        PARKING,
    ),
    Mutant(
        "LOOK_BEFORE_ANNOUNCING",
        "sleep/parking.c",
        """  if (help) announce(worker, joined);
  int awake = is_wanted(worker, joined, help);
""",
        """  int awake = is_wanted(worker, joined, help);
  if (help) announce(worker, joined);
""",
        "no lost wake-up",
        PARKING,
    ),
    Mutant(
        "EVENT_READ_LATE",
        "sleep/parking.c",
        "  wait_on(event, seen, nanoseconds);\n}\n",
        "  wait_on(event, load(event), nanoseconds);\n}\n",
        "no lost wake-up",
        PARKING,
    ),
    Mutant(
        "SPINNER_KEPT",
        "sleep/parking.c",
        "  spin_until(worker, NONE);\n  store(&shared->spinner, 0);\n",
        "  spin_until(worker, NONE);\n",
        "no lost wake-up",
        PARKING,
    ),
    Mutant(
        "STOP_UNSEEN",
        "sleep/parking.c",
        "  return work_is_visible() || load(&shared->stop) != 0;\n",
        "  return work_is_visible();\n",
        "after stop every worker ends",
        PARKING,
    ),
    Mutant(
        "ONLOOKER_KEPT",
        "sleep/parking.c",
        "  store(&shared->onlooker, 0);\n",
        "",
        "nobody is left waiting",
        "pool-promotion",
    ),
    Mutant(
        "NO_NAP",
        "sleep/parking.c",
        "  while (help && (nanoseconds < 0 || nanoseconds > NAP) && kernels_awake(worker)) {\n",
        "  while (0) {\n",
        "the hungry are fed",
        "pool-kernels-meet",
    ),
    # ---- sleep/latch.c
    Mutant(
        "SET_BY_STORE",
        "sleep/latch.c",
        "  u32 before = fetch_or(&shared->task[index].latch, SET);\n",
        "  u32 before = load(&shared->task[index].latch);\n"
        "  store(&shared->task[index].latch, before | SET);\n",
        "no lost wake-up of a joiner",
        "pool-promotion pool-cancellation",
    ),
    Mutant(
        "SET_WAKES_NOBODY",
        "sleep/latch.c",
        "  if (before & SLEEPING) wake_worker(owner);\n",
        "",
        "no lost wake-up of a joiner",
        "pool-promotion pool-cancellation",
    ),
    Mutant(
        "SLEEPS_ON_SLEEPY",
        "sleep/latch.c",
        "int latch_fall_asleep(u32 hint) { return move(hint, SLEEPY, SLEEPING); }\n",
        "int latch_fall_asleep(u32 hint) { (void)hint; return 1; }\n",
        "no lost wake-up of a joiner",
        "pool-promotion pool-cancellation",
    ),
    Mutant(
        "STATE_FOR_END",
        "sleep/latch.c",
        "  return word >> 16 == hint_generation(hint) && (word & SET);\n",
        "  (void)word;\n  u32 state = state_of(load(&shared->task[hint_index(hint)].state));\n"
        "  return state == RETURNED || state == RAISED || state == LOST;\n",
        "an owner frees a slot that nobody else touches",
        "pool-promotion pool-cancellation pool-recovery-of-jobs",
    ),
    Mutant(
        "ABANDONED_STAYS",
        "sleep/latch.c",
        "  if (before & ABANDONED) task_release(index, participant);\n",
        "  (void)participant;\n",
        "every slot comes free",
        "pool-recovery-of-jobs",
    ),
    Mutant(
        "ABANDONS_THE_ENDED",
        "sleep/latch.c",
        """    if (before & SET) {
      task_release(index, KEEPER);
      return;
    }
    if (compare""",
        "    if (before & SET) return;\n    if (compare",
        "every slot comes free",
        "pool-recovery-of-jobs",
    ),
    Mutant(
        "DEAD_SETS_NOTHING",
        "sleep/latch.c",
        "    if (!compare_exchange(latch, before, before | SET)) continue;\n    after_set(index, before, owner, KEEPER);\n",
        "    (void)owner;\n",
        "no lost wake-up of a joiner",
        "pool-recovery-of-jobs",
    ),
    Mutant(
        "DEAD_SETS_ANY",
        "sleep/latch.c",
        "    if (before >> 16 != generation) return; /* the owner has read it, and freed the slot */\n",
        "    (void)generation;\n",
        "nobody uses a slot’s old generation",
        "latch-mortal",
    ),
    # ---- sleep/doorbell.c
    Mutant(
        "RING_BEFORE_REASON",
        "sleep/doorbell.c",
        """  fetch_or(&shared->worker[worker].reasons, reason);
  store(&shared->worker[worker].interrupt, SIGUSR1);
""",
        """  store(&shared->worker[worker].interrupt, SIGUSR1);
  fetch_or(&shared->worker[worker].reasons, reason);
""",
        "every ring is answered",
        "doorbell",
    ),
    Mutant(
        "REASONS_BY_STORE",
        "sleep/doorbell.c",
        "  return exchange(&shared->worker[worker].reasons, 0);\n",
        "  u32 reasons = load(&shared->worker[worker].reasons);\n"
        "  store(&shared->worker[worker].reasons, 0);\n  return reasons;\n",
        "every ring is answered",
        "doorbell",
    ),
    Mutant(
        "REASON_NOT_OR",
        "sleep/doorbell.c",
        "  fetch_or(&shared->worker[worker].reasons, reason);\n",
        "  store(&shared->worker[worker].reasons, reason);\n",
        "every ring is answered",
        "doorbell",
    ),
    # ---- sleep/attention.c
    Mutant(
        "AWAKE_UNSEEN",
        "sleep/attention.c",
        "  raise_attention(context_at(stack));\n",
        "",
        "the hungry are fed",
        "pool-kernels-meet",
    ),
    Mutant(
        "NOT_EAGER",
        "sleep/attention.c",
        "  context_at(stack)->eager = 1;\n",
        "",
        "the hungry are fed",
        "pool-kernels-meet",
    ),
    Mutant(
        "RING_UNHEARD",
        "sleep/attention.c",
        "  if (stack) raise_attention(context_at(stack));\n",
        "  (void)stack;\n",
        "the hungry are fed",
        "pool-kernels-meet",
    ),
    # ---- tasks/tasks.c
    Mutant(
        "WAKE_BEFORE_VISIBLE",
        "tasks/tasks.c",
        """  if (injector_put(queue, hint_of(index, generation))) {
    announce_work(queue, hint_of(index, generation));
""",
        """  announce_work(queue, hint_of(index, generation));
  if (injector_put(queue, hint_of(index, generation))) {
""",
        "no lost wake-up",
        PARKING,
    ),
    Mutant(
        "CLAIM_BY_STORE",
        "tasks/tasks.c",
        """  if (!compare_exchange(&task->state, state_word(generation, 0, QUEUED),
                        state_word(generation, worker, RUNNING)))
    return 0;
""",
        """  if (load(&task->state) != state_word(generation, 0, QUEUED)) return 0;
  store(&task->state, state_word(generation, worker, RUNNING));
""",
        "every task runs once",
        "pool-tasks pool-cancellation pool-recovery",
    ),
    Mutant(
        "CANCEL_BY_STORE",
        "tasks/tasks.c",
        """  if (!compare_exchange(&task->state, word,
                        state_word(generation_of(word), client_participant(client), CANCELLED)))
    return 0;
""",
        "  store(&task->state, state_word(generation_of(word), client_participant(client), CANCELLED));\n",
        "who is cancelled does not run",
        "pool-tasks pool-cancellation",
    ),
    Mutant(
        "HINT_BEFORE_QUEUED",
        "tasks/tasks.c",
        """  store(&task->state, state_word(generation, 0, QUEUED));
  if (injector_put(queue, hint_of(index, generation))) {
""",
        """  int put = injector_put(queue, hint_of(index, generation));
  store(&task->state, state_word(generation, 0, QUEUED));
  if (put) {
""",
        "every task runs",
        PARKING + " pool-tasks",
    ),
    Mutant(
        "FILLED_LAST",
        "tasks/tasks.c",
        """  task_fill(index, function, queue, flags, size, block);
  /* From here on a worker may own it, even before the hint is out: a stale hint may name it. */
  store(&task->state, state_word(generation, 0, QUEUED));
  if (injector_put(queue, hint_of(index, generation))) {
""",
        """  store(&task->state, state_word(generation, 0, QUEUED));
  if (injector_put(queue, hint_of(index, generation))) {
    task_fill(index, function, queue, flags, size, block);
""",
        "who claims a task reads what was submitted",
        "pool-tasks pool-parking",
    ),
    Mutant(
        "ENDED_BEFORE_WRITTEN",
        "tasks/tasks.c",
        """  task->size = size;
  plain_store(&task->block, block); /* plain: as in task_fill() */
  if (!compare_exchange(&task->state, word, state_word(generation, worker, state))) return NOT_OURS;
""",
        """  if (!compare_exchange(&task->state, word, state_word(generation, worker, state))) return NOT_OURS;
  task->size = size;
  plain_store(&task->block, block); /* plain: as in task_fill() */
""",
        "an outcome is whole",
        DEATH,
    ),
    Mutant(
        "ARGUMENTS_FREED_FIRST",
        "tasks/tasks.c",
        """  store(&task->block, 0);
  heap_free(worker, block);
""",
        """  heap_free(worker, block);
  store(&task->block, 0);
""",
        "nothing is freed twice",
        DEATH,
    ),
    # ---- tasks/completions.c
    Mutant(
        "ARMS_UNSEEN",
        "tasks/completions.c",
        "  if (load(&client->completed) == NONE) return 1;\n  store(&client->armed, 0);\n  return 0;\n",
        "  return 1;\n",
        "no lost wake-up of a client",
        "pool-completions pool-parking",
    ),
    Mutant(
        "CLIENT_WITHOUT_BUMP",
        "tasks/completions.c",
        "  fetch_add(&client->events, 1);\n",
        "",
        "no lost wake-up of a client",
        "pool-completions pool-parking",
    ),
    Mutant(
        "PUSH_LINKS_LATE",
        "tasks/completions.c",
        """    head = load(&client->completed);
    store(&task->next, head);
  } while (!compare_exchange(&client->completed, head, index));
""",
        """    head = load(&client->completed);
  } while (!compare_exchange(&client->completed, head, index));
  store(&task->next, head);
""",
        "every outcome is collected once",
        "pool-completions pool-tasks",
    ),
    Mutant(
        "PUSH_BY_STORE",
        "tasks/completions.c",
        """  do {
    head = load(&client->completed);
    store(&task->next, head);
  } while (!compare_exchange(&client->completed, head, index));
""",
        """  head = load(&client->completed);
  store(&task->next, head);
  store(&client->completed, index);
""",
        "every outcome is collected once",
        "pool-completions pool-tasks",
    ),
    Mutant(
        "TAKE_NOT_EXCHANGE",
        "tasks/completions.c",
        "  u32 newest = exchange(&shared->clients[number].completed, NONE);\n",
        "  u32 newest = load(&shared->clients[number].completed);\n"
        "  store(&shared->clients[number].completed, NONE);\n",
        "every outcome is collected once",
        "pool-completions pool-tasks",
    ),
    # ---- jobs/stealing.c
    Mutant(
        "SPINS_ALONE",
        "jobs/stealing.c",
        "      passes_on = spin(me);\n",
        "      spin(me);\n",
        "no worker sleeps beside a task",
        PARKING,
    ),
    Mutant(
        "WOKEN_ALONE",
        "jobs/stealing.c",
        "    passes_on = 1; /* even if it did not sleep: a waker may have taken its bit for another's work */\n",
        "",
        "no worker sleeps beside a task",
        PARKING,
    ),
    Mutant(
        "AWAKE_ALONE",
        "jobs/stealing.c",
        """deadline - now)) & SLEPT) worker->wakeups++;
    passes_on = 1; /* even if""",
        """deadline - now)) & SLEPT) worker->wakeups++, passes_on = 1;
    /* even if""",
        "no worker sleeps beside a task",
        PARKING,
    ),
    Mutant(
        "STOP_AFTER_WAKING",
        "jobs/stealing.c",
        """  store(&shared->stop, 1);
  for (u32 w = 0; w < plain_load(&shared->workers); w++) wake_worker(w);
""",
        """  for (u32 w = 0; w < plain_load(&shared->workers); w++) wake_worker(w);
  store(&shared->stop, 1);
""",
        "after stop every worker ends",
        PARKING,
    ),
    Mutant(
        "BATCH_UNTOLD",
        "jobs/stealing.c",
        "  if (taken > 1) wake_one();\n",
        "",
        "no worker sleeps beside a task",
        "pool-batches",
    ),
    Mutant(
        "BATCH_LOST",
        "jobs/stealing.c",
        "  for (u32 i = taken; i > 1; i--) push_or_spill(me, batch[i - 1]);\n",
        "  for (u32 i = taken; i > 2; i--) push_or_spill(me, batch[i - 1]);\n",
        "every task runs",
        "pool-tasks pool-completions",
    ),
    # ---- jobs/joining.c
    Mutant(
        "TAKE_BACK_BY_STORE",
        "jobs/joining.c",
        """  if (!compare_exchange(&shared->task[index].state, state_word(generation, 0, QUEUED),
                        state_word(generation, worker, CANCELLED)))
    return 0;
""",
        """  if (load(&shared->task[index].state) != state_word(generation, 0, QUEUED)) return 0;
  store(&shared->task[index].state, state_word(generation, worker, CANCELLED));
""",
        "every task runs once",
        "pool-promotion pool-cancellation",
    ),
    Mutant(
        "POPS_ANOTHERS",
        "jobs/joining.c",
        "  if (deque_newest(deque) == hint) deque_pop(deque);\n",
        "  deque_pop(deque);\n",
        "every task runs",
        "pool-promotion pool-cancellation pool-promotion-meets",
    ),
    # ---- jobs/promotion.c
    Mutant(
        "PROMOTES_UNHEARD",
        "jobs/promotion.c",
        "  announce_work(queue, hint);\n",
        "",
        "no worker sleeps beside a task",
        "pool-promotion-meets pool-promotion",
    ),
    # ---- kernels/stacks.c
    Mutant(
        "STACK_UNRAISED",
        "kernels/stacks.c",
        "  raise_attention(context); /* somebody may be hungry already */\n",
        "  lower_attention(context);\n",
        "the hungry are fed",
        "pool-kernels-meet",
    ),
    # ---- kernels/promotion.c
    Mutant(
        "PROMOTED_STAYS",
        "kernels/promotion.c",
        "  *link = 0;\n  job->older = context->promoted;\n",
        "  job->older = context->promoted;\n",
        "every job runs once",
        KERNELS,
    ),
    Mutant(
        "PROMOTED_CALL_STAYS",
        "kernels/promotion.c",
        "  call->function = 0;\n  *bottom = call + 1;\n",
        "  *bottom = call + 1;\n",
        "every job runs once",
        KERNELS,
    ),
    Mutant(
        "BOTTOM_STAYS",
        "kernels/promotion.c",
        "  *bottom = call + 1;\n",
        "",
        "every job runs once",
        KERNELS,
    ),
    Mutant(
        "PROMOTES_NEWEST_CALL",
        "kernels/promotion.c",
        "  struct penny_call *call = *bottom;\n  if (call > newest) return 0;\n",
        "  struct penny_call *call = (struct penny_call *)newest;\n  if (call < *bottom) return 0;\n",
        "every job runs once",
        KERNELS,
    ),
    Mutant(
        "FULL_IS_STOLEN",
        "kernels/promotion.c",
        "  return full ? call : call + 1;\n",
        "  return call + 1;\n",
        "no call is noted outside of its lane",
        KERNELS,
    ),
    Mutant(
        "PROMOTES_NEWEST",
        "kernels/promotion.c",
        """  while ((*link)->older) link = &(*link)->older;
  struct penny_job *job = *link;
  u32 parent = task_of(context, job);
  *link = 0;
  job->older = context->promoted;
  context->promoted = job;
  if (promote_one(me, parent, (u32)job, 0, &job->hint)) return 1;
  context->promoted = job->older;
  job->older = 0;
""",
        """  struct penny_job *job = *link, *older = job->older;
  u32 parent = task_of(context, job);
  *link = older;
  job->older = context->promoted;
  context->promoted = job;
  if (promote_one(me, parent, (u32)job, 0, &job->hint)) return 1;
  context->promoted = job->older;
  job->older = older;
""",
        "a join finds private only what is newer",
        KERNELS,
    ),
    Mutant(
        "OVERFLOW_UNSEEN",
        "kernels/promotion.c",
        "    context->job.newest = job->older;\n    kernel_throw(OVERFLOW, NONE);\n",
        "",
        "no job lies beyond the stack’s end",
        "pool-kernels-failing",
    ),
    Mutant(
        "EAGER_ONCE",
        "kernels/promotion.c",
        "      context->beat = now + BEAT;\n    } while",
        "      context->beat = now + BEAT;\n      context->eager = 0;\n    } while",
        "the hungry are fed",
        "pool-kernels-meet",
    ),
    # ---- kernels/joining.c
    Mutant(
        "WAIT_KEEPS_BOTTOM",
        "kernels/joining.c",
        "    help(context, me, hint);\n    lane_of(call)->bottom = call;\n    collect(me, hint);\n",
        "    help(context, me, hint);\n    collect(me, hint);\n",
        "every job runs once",
        KERNELS,
    ),
    Mutant(
        "RAN_UNNOTED",
        "kernels/joining.c",
        "{ job->older = RAN_HERE; }",
        "{ job->older = 0; }",
        "every job runs once",
        KERNELS,
    ),
    Mutant(
        "GOES_ON",
        "kernels/joining.c",
        "  if (state != LOST) return;\n  await_orphans(me, serial);\n",
        "  if (state != LOST) return;\n",
        "no frame is left while an orphan needs it",
        "pool-recovery-of-kernels",
    ),
    # ---- kernels/calls.c
    Mutant(
        "LEFT_PRIVATE",
        "kernels/calls.c",
        "  while ((job = newest_below(context->job.newest, entry))) context->job.newest = job->older;\n",
        "",
        "no frame is left while a job needs it",
        "pool-kernels-failing",
    ),
    Mutant(
        "LEFT_PROMOTED",
        "kernels/calls.c",
        "    context->promoted = job->older;\n    abandon(context, me, job->hint);\n",
        "    context->promoted = job->older;\n",
        "no frame is left while a job needs it",
        "pool-kernels-failing",
    ),
    Mutant(
        "LEFT_CALLS",
        "kernels/calls.c",
        "    while (lane->bottom > lane->call) abandon(context, me, (--lane->bottom)->hint);\n",
        "    lane->bottom = lane->call;\n",
        "no frame is left while a job needs it",
        "pool-kernels-failing",
    ),
    Mutant(
        "LEAVES_JOBS",
        "kernels/calls.c",
        "newest_below(context->promoted, entry) ||\n      context->lane",
        "0 ||\n      context->lane",
        "no frame is left while a job needs it",
        "pool-kernels-failing",
    ),
    Mutant(
        "LEAVES_ORPHANS",
        "kernels/calls.c",
        "  if (lost) await_orphans(me, serial);\n",
        "  (void)lost;\n",
        "no frame is left while an orphan needs it",
        "pool-recovery-of-kernels",
    ),
    # ---- kernels/orphans.c
    Mutant(
        "QUEUED_UNSEEN",
        "kernels/orphans.c",
        "(runs && participant_of(word) == me)) return 0;",
        "participant_of(word) == me) return 0;",
        "no frame is left while an orphan needs it",
        "kernels-orphans-claimed",
    ),
    Mutant(
        "SEARCHED_ONCE",
        "kernels/orphans.c",
        "  return load(&shared->kernel_burials) != burials;\n",
        "  (void)burials;\n  return 0;\n",
        "no frame is left while an orphan needs it",
        "kernels-orphans",
    ),
    Mutant(
        "CLAIMED_UNSEEN",
        "kernels/orphans.c",
        "    if (load(&task->state) == word) return later && load(&context_at(stack)->dead);\n",
        "    return load(&task->state) == word && later && load(&context_at(stack)->dead);\n",
        "no frame is left while an orphan needs it",
        "kernels-orphans-claimed",
    ),
    Mutant(
        "ELDERS_AWAITED",
        "kernels/orphans.c",
        "    int later = me == NONE || (i32)(plain_load(&payload_of(task)->serial) - serial) > 0;\n",
        "    int later = 1;\n    (void)serial;\n",
        "no orphan waits for who waits for it",
        "pool-recovery-of-kernels",
    ),
    Mutant(
        "EXHUMED_EARLY",
        "kernels/orphans.c",
        " || orphans_run(NONE, 0)) return;",
        ") return;",
        "no stack is used again while an orphan needs it",
        "pool-recovery-of-kernels",
    ),
    # ---- kernels/modules.c
    Mutant(
        "MODULE_BY_STORE",
        "kernels/modules.c",
        "    if (!compare_exchange(&module->state, NO_MODULE, adding(participant))) continue;\n",
        "    if (load(&module->state)) continue;\n    store(&module->state, adding(participant));\n",
        "a module’s entry has one maker",
        "kernels-modules",
    ),
    Mutant(
        "PLACES_BY_STORE",
        "kernels/modules.c",
        "    module->table = fetch_add(&shared->kernels_table, functions);\n",
        "    module->table = load(&shared->kernels_table);\n"
        "    store(&shared->kernels_table, module->table + functions);\n",
        "a place in the table has one function",
        "kernels-modules",
    ),
    Mutant(
        "DATA_UNZEROED",
        "kernels/modules.c",
        "    if (data_size) __builtin_memset((void *)module->data, 0, data_size);\n",
        "",
        "static data begins as zeros",
        "kernels-modules",
    ),
    Mutant(
        "READY_EARLY",
        "kernels/modules.c",
        "  struct kernel_module *module = module_of(number);\n  heap_take_over(KERNELS, module->block);\n",
        "  struct kernel_module *module = module_of(number);\n  store(&module->state, READY);\n"
        "  heap_take_over(KERNELS, module->block);\n",
        "what is ready outlives who added it",
        "kernels-modules",
    ),
    Mutant(
        "ADDING_LEFT",
        "kernels/modules.c",
        "    if (load(&module->state) == adding(dead)) drop(module, KEEPER);\n",
        "    (void)module, (void)dead;\n",
        "every entry comes free",
        "kernels-modules",
    ),
    Mutant(
        "DROP_KEEPS_NAMES",
        "kernels/modules.c",
        "  module->data = module->block = 0;\n",
        "",
        "every entry comes free",
        "kernels-modules",
    ),
    # ---- pool/recovery.c
    Mutant(
        "DEAD_WAITS",
        "pool/recovery.c",
        "  if (dead < WORKERS_MAX) store(&shared->waits_for[dead], 0);\n",
        "",
        "nobody is left waiting",
        "pool-recovery-of-jobs pool-recovery-late",
    ),
    Mutant(
        "RUNNING_FORGOTTEN",
        "pool/recovery.c",
        "    compare_exchange(&task->state, word, state_word(generation, dead, LOST | ADRIFT));\n",
        "",
        "what ran where somebody died is lost, once",
        DEATH,
    ),
    Mutant(
        "RETURNED_FORGOTTEN",
        "pool/recovery.c",
        "    if (compare_exchange(&task->state, word, word | ADRIFT) && !is_client(owner))\n"
        "      latch_set_for_dead(index, generation, owner);\n",
        "    (void)owner;\n",
        "every outcome is collected once",
        DEATH,
    ),
    Mutant(
        "FILLING_FORGOTTEN",
        "pool/recovery.c",
        "  if (state == FILLING || state == CANCELLED) { /* promoting or taking back a job */\n"
        "    task_release(index, KEEPER);\n  } else if",
        "  if",
        "every slot comes free",
        "pool-recovery-of-jobs",
    ),
    Mutant(
        "OWNED_FORGOTTEN",
        "pool/recovery.c",
        "    settle_owned(t, dead);\n    /* What",
        "    /* What",
        "every slot comes free",
        "pool-recovery-of-jobs",
    ),
    Mutant(
        "CLAIM_UNSEEN",
        "pool/recovery.c",
        "        continue; /* claimed just now: look at it again */\n",
        "        return;\n",
        "every slot comes free",
        "latch-mortal",
    ),
    Mutant(
        "NOTHING_INJECTED_AGAIN",
        "pool/recovery.c",
        "    if (state_of(word) != QUEUED) continue;\n    /* Plain",
        "    continue;\n    /* Plain",
        "every task runs",
        DEATH,
    ),
    Mutant(
        "DEAD_STAYS_IDLE",
        "pool/recovery.c",
        "  if (dead < WORKERS_MAX) fetch_and(&shared->idle, ~(1ull << dead));\n",
        "",
        "no lost wake-up",
        DEATH,
    ),
    Mutant(
        "DEAD_SPINS",
        "pool/recovery.c",
        "  compare_exchange(&shared->spinner, dead + 1, 0);\n",
        "",
        "no lost wake-up",
        DEATH,
    ),
    Mutant(
        "NO_WAKE_ALL",
        "pool/recovery.c",
        "    wake_worker(w);\n",
        "",
        "no lost wake-up",
        "pool-recovery-late",
    ),
    Mutant(
        "DEATH_UNHEARD",
        "pool/recovery.c",
        "  for (u32 c = 0; c < CLIENTS_MAX; c++) client_wake(c);\n  return lost;\n",
        "  return lost;\n",
        "no lost wake-up of a client",
        DEATH,
    ),
    Mutant(
        "DEATHS_UNCOUNTED",
        "pool/recovery.c",
        "  fetch_add(&shared->deaths, 1);\n  for",
        "  for",
        "every outcome is collected once",
        DEATH,
    ),
    Mutant(
        "WANTS_ROOM_STAYS",
        "pool/recovery.c",
        "  store(&worker->wants_room, 0);\n",
        "",
        "room that nobody waits for is given out",
        "pool-little-room",
    ),
    Mutant(
        "BURIED_LATE",
        "pool/recovery.c",
        "  kernels_bury(dead); /* before anybody can see that a task is lost: who joins it looks for orphans */\n"
        "  for (u32 t = 0; t < TASKS; t++) {\n    lost += (u32)settle_run(t, dead);\n",
        "  for (u32 t = 0; t < TASKS; t++) {\n    lost += (u32)settle_run(t, dead);\n"
        "    if (t == TASKS - 1) kernels_bury(dead);\n",
        "no frame is left while an orphan needs it",
        "pool-recovery-of-kernels",
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    wanted = [mutant for mutant in MUTANTS if not options.names or mutant.name in options.names]
    if options.table:
        for mutant in wanted:
            print(mutant.row)
        return 0
    readme = (HERE / "README.md").read_text()
    for mutant in MUTANTS:
        if mutant.row not in readme:
            raise SystemExit(f"README.md lacks this row (--table prints all):\n{mutant.row}")
    survivors = 0

    def check(mutant: Mutant) -> tuple[Mutant, str | None, float]:
        begin = time.monotonic()
        return mutant, mutant.check(), time.monotonic() - begin

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for checked in as_completed([pool.submit(check, mutant) for mutant in wanted]):
            mutant, how, seconds = checked.result()
            survivors += how is None
            print(f"{mutant.name:24} {seconds:5.1f} s  {how or 'SURVIVES'}", flush=True)
    print(f"{len(wanted) - survivors} of {len(wanted)} mutants caught")
    return survivors > 0


if __name__ == "__main__":
    sys.exit(main())
