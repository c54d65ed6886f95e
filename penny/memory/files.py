"""Shared files: a folder that tasks read, without a copy of it in each worker.

    data = penny.SharedFiles("data")
    s.submit(parse, data)                      # in the task: open(os.path.join(data, "a.csv"))

An interpreter's file system is its own. Workers have such a folder in theirs, at a place of its
own; what is in its files is in the memory that they share, once.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from typing import Any, Self

from penny.by_value import identities
from penny.jobs import job as jobs
from penny.memory.array import SharedArray
from penny.memory.block import Placed
from penny.memory.pool_blocks import PoolBlock
from penny.where import IN_BROWSER

__all__ = ["SharedFiles"]

ROOT = "/lib/penny-files"
"""Where workers have them, each in a folder by its number."""

Entry = tuple[str, int, int]
"""A file: its path in the folder, with `/`; bytes; when it was changed, in ms since 1970."""


class SharedFiles:
    """The files of a folder and below, as they are now, for tasks to read.

    It is a path (`os.PathLike`): of the folder itself where it was made, and in tasks, which get it
    in their arguments or as a global, of a folder that has the same files. They are read-only
    there: opening one to write is a PermissionError. The bytes are copied into the memory that the
    scheduler's workers share, once; no worker copies them, whatever their size. Where no memory is
    shared (the engine `"messages"`), they are copied to each worker: as a global, once to each; as
    an argument, with each call. On plain Python the files are where they are.

    What is written into the folder later is not seen by tasks. The memory is given back when the
    last object of it is gone, here and in workers, and files that are still open there with it.

    Args:
        folder: Its path. Links to files are followed, links to folders are not.
        scheduler: Whose memory it is in. None: of the scheduler that runs this task; or that is
            open here, if it is the only one.

    Raises:
        OSError: There is no such folder, or a file can't be read.
        MemoryError: There is no room; the message has the size and the limit.
        ValueError: Several schedulers are open, and none is named.
        RuntimeError: No scheduler is open, in the browser.
    """

    __slots__ = ("__weakref__", "_content", "_entries", "_folder", "_name", "_uid")

    def __init__(self, folder: str | os.PathLike[str], *, scheduler: Placed | None = None) -> None:
        path = os.path.abspath(os.fspath(folder))
        found = _files(path)
        stats = [os.stat(each) for each in found]
        entries = [
            (os.path.relpath(each, path), stat.st_size, stat.st_mtime_ns // 1_000_000)
            for each, stat in zip(found, stats, strict=True)
        ]
        self._keep(identities.next_uid(), path, os.path.basename(path), entries)
        self._content: SharedArray | bytes | None = None
        if IN_BROWSER:
            self._content = content = SharedArray((self.nbytes,), "uint8", scheduler=scheduler)
            at = 0
            for each, (_, size, _) in zip(found, entries, strict=True):
                content[at : at + size].write(_read(each, size))
                at += size
            if not isinstance(content._block, PoolBlock):
                self._content = bytes(content.read())

    def _keep(self, uid: int, folder: str, name: str, entries: Sequence[Entry]) -> None:
        self._uid = uid
        self._folder = folder
        self._name = name
        self._entries = entries
        _known[uid] = self

    @classmethod
    def _laid(
        cls, uid: int, name: str, entries: Sequence[Entry], content: SharedArray | bytes
    ) -> Self:
        new = object.__new__(cls)
        top = f"{ROOT}/{uid:x}"
        folder = f"{top}/{name}"
        with jobs.Masked():  # all of them, or none
            os.makedirs(folder, exist_ok=True)
            if isinstance(content, SharedArray):
                new._content = content
                block = content._block
                assert isinstance(block, PoolBlock)
                block.lay_files(folder, entries)
                end = weakref.finalize(new, _take_away, block, folder)
            else:
                new._content = None
                _write(folder, entries, content)
                end = weakref.finalize(new, _take_away, None, folder)
            end.atexit = False
            for path, _, _ in os.walk(folder):
                os.chmod(path, 0o555)
            new._keep(uid, folder, name, entries)
        return new

    def __fspath__(self) -> str:
        return self._folder

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size, _ in self._entries)

    def __repr__(self) -> str:
        return f"<SharedFiles {self._folder!r}: {len(self._entries)} files, {self.nbytes} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        """In another interpreter those that it has, or gets now."""
        if not IN_BROWSER:
            return SharedFiles, (self._folder,)
        content = self._content
        if content is None:
            content = b"".join(
                _read(os.path.join(self._folder, name), size) for name, size, _ in self._entries
            )
        return _arrived, (self._uid, self._name, self._entries, content)


_known: weakref.WeakValueDictionary[int, SharedFiles] = weakref.WeakValueDictionary()
"""Those that are here, by their numbers."""


def _arrived(
    uid: int, name: str, entries: Sequence[Entry], content: SharedArray | bytes
) -> SharedFiles:
    """Those that have come from another interpreter; named in pickles."""
    return _known.get(uid) or SharedFiles._laid(uid, name, entries, content)


def _files(folder: str) -> list[str]:
    """The paths of the files in a folder and below."""

    def fail(error: OSError) -> None:
        raise error

    walk = os.walk(folder, onerror=fail)
    return sorted(os.path.join(path, name) for path, _, names in walk for name in names)


def _read(path: str, size: int) -> bytes:
    with open(path, "rb") as file:
        content = file.read(size + 1)
    if len(content) != size:
        raise OSError(f"{path} was written to while it was read")
    return content


def _write(folder: str, entries: Sequence[Entry], content: bytes) -> None:
    """Files with these contents, one after the other, that nobody can write to."""
    at = 0
    for name, size, changed in entries:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(memoryview(content)[at : at + size])
        os.utime(path, ns=(changed * 1_000_000,) * 2)
        os.chmod(path, 0o444)
        at += size


def _take_away(block: PoolBlock | None, folder: str) -> None:
    """Nobody here has them any more."""
    if block is not None:
        block.let_files_be(folder)
    for path, _, _ in os.walk(folder):
        os.chmod(path, 0o755)
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.remove(os.path.join(path, name))
        os.rmdir(path)
    os.rmdir(os.path.dirname(folder))
