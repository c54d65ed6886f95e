"""The memories that this interpreter knows: those of schedulers, and the process's own.

By them a new array finds its place if nobody says where it is to be, and a handle finds its block.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING

from penny.memory.block import Block, Memory
from penny.memory.local_blocks import LOCAL
from penny.memory.pool_blocks import PoolMemory

if TYPE_CHECKING:
    from penny.bridge.ports import ArraysPort

__all__ = ["attach", "attached_block", "default", "retire", "stay"]

# By identity, as long as somebody has an array in it or could make one.
_memories: weakref.WeakValueDictionary[int, PoolMemory] = weakref.WeakValueDictionary()
# Of schedulers that are open here: where new arrays may go. `attach`, `stay`, `retire` change it.
_open: weakref.WeakSet[Memory] = weakref.WeakSet()
# Schedulers that are open here and whose workers share no memory: their arrays stay here.
_sharing_none = 0


def attach(port: ArraysPort) -> PoolMemory:
    """The memory of a pool that this interpreter takes part in."""
    memory = _memories.get(port.identity)
    if memory is None:
        memory = _memories[port.identity] = PoolMemory(port)
        _open.add(memory)
    return memory


def stay() -> Memory:
    """This interpreter's own memory, for a scheduler whose workers share none, until it retires."""
    global _sharing_none
    _sharing_none += 1
    _open.add(LOCAL)
    return LOCAL


def retire(memory: Memory) -> None:
    """Its scheduler has ended: new arrays go elsewhere. Those that are there stay as they are."""
    global _sharing_none
    if memory is LOCAL:
        _sharing_none -= 1
        if _sharing_none:
            return
    _open.discard(memory)


def default() -> Memory | None:
    """Where an array goes if nobody says; None: there are several memories.

    Raises:
        RuntimeError: No scheduler is open, in the browser.
    """
    if len(_open) == 1:
        return next(iter(_open))
    if _open:
        return None
    if sys.platform == "emscripten":
        raise RuntimeError(
            "no Scheduler is open here, so there is no shared memory for an array: open one first"
        )
    return LOCAL


def attached_block(identity: int, number: int, serial: int) -> Block:
    """The block of a handle.

    Raises:
        ValueError: It has been freed, or is another memory's.
    """
    memory = _memories.get(identity)
    if memory is not None:
        return memory.block(number, serial)
    if identity == LOCAL.identity:
        return LOCAL.block(number, serial)
    raise ValueError("this array is in the memory of a scheduler that this interpreter is not in")
