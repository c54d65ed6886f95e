"""Files that a script and its tasks have written in the browser: kept here, or named.

A script and each worker have files of their own, copied from here. What is in them that was not
there before comes back when each ends: to the same path, if it is wanted and lies in a folder that
was copied.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAMED = 5
"""So many files are named; of more, their number is said."""


@dataclass
class WrittenFiles:
    """What comes back of one run.

    Args:
        folders: The folders that were copied, absolute: nothing is written elsewhere.
        keep: Whether to write here what was written there.
    """

    folders: Sequence[Path]
    keep: bool
    _files: dict[Path, dict[int | None, bytes | None]] = field(default_factory=dict)

    def take(self, path: str, worker: int | None, data: bytes | None) -> None:
        """Take a file as it is where its writer ended.

        Args:
            path: The file's, absolute.
            worker: Whose it is; None for the script.
            data: Its contents, if they came along.
        """
        writers = self._files.setdefault(Path(os.path.normpath(path)), {})
        # A worker's successor has its number; what the first one has written is not undone.
        if data is None:
            writers.setdefault(worker, None)
        else:
            writers[worker] = data

    def finish(self) -> str:
        """Write what is to be kept. Returns what to tell the user: some lines, or none."""
        lost, outside, apart, failed = [], [], [], []
        for path, writers in sorted(self._files.items()):
            if not self._is_ours(path):
                outside.append(path)
            elif not self.keep:
                lost.append(path)
            else:
                versions = _versions(path, writers)
                if len(versions) > 1:
                    apart.append(path)
                for target, data in versions.items():
                    try:
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(data)
                    except OSError as error:
                        failed.append(f"can't write {_shown(target)}: {error.strerror}")
        lines = []
        if lost:
            lines.append(
                f"{_listed(lost)} written in the browser only, and {_gone(lost)}: "
                f"`penny run --write` keeps {_them(lost)}"
            )
        if outside:
            lines.append(
                f"{_listed(outside)} written in the browser only, and {_gone(outside)}, outside of "
                "what was copied there: `--mount DIR --write` keeps what is in DIR"
            )
        if apart:
            lines.append(
                f"{_listed(apart)} written by more than one, and differently: a worker's is beside "
                "the script's, named .worker0 and so on"
            )
        return "\n".join(lines + failed)

    def _is_ours(self, path: Path) -> bool:
        # Where a link leads is what counts, here as there.
        return path.is_absolute() and any(
            _real(path).is_relative_to(_real(folder)) for folder in self.folders
        )


def _versions(path: Path, writers: dict[int | None, bytes | None]) -> dict[Path, bytes]:
    """What to write where: to the file itself, if all agree or it is the script's."""
    found = {worker: data for worker, data in writers.items() if data is not None}
    if not found:  # it lies where a link leads to, in a folder that was not copied
        return {}
    if len(set(found.values())) == 1:
        return {path: next(iter(found.values()))}
    return {
        path if worker is None else path.with_name(f"{path.name}.worker{worker}"): data
        for worker, data in found.items()
    }


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _listed(paths: Sequence[Path]) -> str:
    names = [_shown(path) for path in paths]
    if len(names) > NAMED:
        names[NAMED - 1 :] = [f"{len(names) - NAMED + 1} more files"]
    return f"{_joined(names)} {'was' if len(paths) == 1 else 'were'}"


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _gone(paths: Sequence[Path]) -> str:
    return "is gone" if len(paths) == 1 else "are gone"


def _them(paths: Sequence[Path]) -> str:
    return "it" if len(paths) == 1 else "them"
