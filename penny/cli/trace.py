"""The file that `penny run --trace` writes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from penny.cli.errors import CommandError


class TraceFile:
    """A trace, written as it comes from the page. Use it as a context manager.

    The file is opened at once, so that nobody runs a script for an hour in vain; what was in it
    stays until there is something new. One that was made for nothing is removed.

    Args:
        path: Where to.

    Raises:
        CommandError: It can't be written to.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if Path(path).suffix == ".py":
            raise CommandError(
                f"--trace takes the file to write, and {path} is a script: "
                "penny run --trace out.json script.py",
                2,
            )
        self._is_new = not os.path.lexists(path)
        try:
            self._file = open(path, "ab")  # noqa: SIM115
        except OSError as error:
            raise CommandError(f"can't write the trace to {path}: {error.strerror}", 2) from None
        self._written = False

    def write(self, text: str) -> None:
        """Add a piece.

        Raises:
            CommandError: It could not be written.
        """
        try:
            if not self._written:
                with contextlib.suppress(OSError):  # a pipe has no length
                    self._file.truncate(0)
            self._written = True
            self._file.write(text.encode())
        except OSError as error:
            raise self._failure(error) from None

    def finish(self, dropped: int) -> str:
        """The trace is complete. Returns what to tell the user.

        Args:
            dropped: How many events are missing.

        Raises:
            CommandError: It could not be written.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from None
        said = (
            f"the trace is in {self.path}: open it in https://ui.perfetto.dev or chrome://tracing"
        )
        if dropped:
            said += (
                f"\n{dropped} events are missing, since there were more than could be kept: "
                "trace a shorter run, or fewer and larger tasks"
            )
        return said

    def _failure(self, error: OSError) -> CommandError:
        return CommandError(f"can't write the trace to {self.path}: {error.strerror}")

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # said before
            self._file.close()
        if self._is_new and not self._written:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
