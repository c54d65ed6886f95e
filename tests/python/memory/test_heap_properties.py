"""Whatever is allocated and freed, by whom and in which order: blocks of the shared heap don't
overlap, lie within it, and what is in use is what they take. On the real core, in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

SERVER = Path(__file__).parents[2] / "node" / "memory" / "heap_server.mjs"

MEBIBYTE = 1 << 20
SMALL, SMALL_MAX, GRANULE = 512, 32_768, 65_536

PARTICIPANTS = st.sampled_from([0, 1, 65])  # two workers, and the page

SIZES = st.one_of(
    st.integers(0, 3 * SMALL),
    st.integers(SMALL_MAX - 2, SMALL_MAX + 2),
    st.integers(0, SMALL_MAX),
    st.sampled_from([GRANULE - 1, GRANULE, GRANULE + 1, MEBIBYTE, MEBIBYTE + 1]),
    st.integers(SMALL_MAX, 3 * MEBIBYTE),
)


def room(size: int) -> int:
    """The bytes that a block of that size takes."""
    granule = SMALL if size <= SMALL_MAX else GRANULE
    return max(granule, -(-size // granule) * granule)


class Server:
    """The core in Node: `ask` sends a command and returns its answer."""

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node is not None, "this test needs Node"
        self._node = subprocess.Popen(
            [node, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *command: Any) -> Any:
        assert self._node.stdin is not None and self._node.stdout is not None
        self._node.stdin.write(json.dumps(command) + "\n")
        self._node.stdin.flush()
        line = self._node.stdout.readline()
        assert line, f"the core ended at {command}"
        return json.loads(line)

    def close(self) -> None:
        self._node.kill()
        self._node.wait()


class Heap(RuleBasedStateMachine):
    """The heap beside a list of its blocks."""

    server: Server
    HEAP = 8 * MEBIBYTE

    @initialize()
    def begin(self) -> None:
        self.blocks: dict[int, int] = {}
        self.base: int = self.server.ask("new", self.HEAP)

    @rule(participant=PARTICIPANTS, size=SIZES)
    def allocate(self, participant: int, size: int) -> None:
        address = self.server.ask("allocate", participant, size)
        if not address:
            # Small blocks lie in arenas of a mebibyte, each participant in its own.
            free = self.HEAP - sum(map(room, self.blocks.values()))
            assert room(size) > GRANULE or free < 4 * MEBIBYTE, f"no room for {size} of {free}"
            return
        assert address % SMALL == 0
        assert self.base <= address <= self.base + self.HEAP - room(size)
        for other, its in self.blocks.items():
            assert address + room(size) <= other or other + room(its) <= address, "blocks overlap"
        self.blocks[address] = size

    @rule(participant=PARTICIPANTS, choice=st.randoms(use_true_random=False))
    def free(self, participant: int, choice: Any) -> None:
        if self.blocks:
            address = choice.choice(sorted(self.blocks))
            self.server.ask("free", participant, address)
            del self.blocks[address]

    @invariant()
    def what_is_used_is_what_the_blocks_take(self) -> None:
        if hasattr(self, "blocks"):
            assert self.server.ask("used") == sum(map(room, self.blocks.values()))

    def teardown(self) -> None:
        for address in getattr(self, "blocks", ()):
            self.server.ask("free", 0, address)
        if hasattr(self, "blocks"):
            assert self.server.ask("used") == 0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_any_order_of_allocating_and_freeing(server: Server) -> None:
    Heap.server = server
    run_state_machine_as_test(Heap, settings=settings(max_examples=60, stateful_step_count=40))
