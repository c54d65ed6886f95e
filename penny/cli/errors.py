"""How a command fails: a sentence for the user and an exit status for the shell."""

from __future__ import annotations

# From sysexits.h, the nearest there is to a convention.
EX_UNAVAILABLE = 69
"""Something that the command needs is not installed."""

EX_SOFTWARE = 70
"""The browser, or the page in it, broke down under the command."""

EX_INTERRUPTED = 128
"""Added to a signal's number, as a shell reports a process that the signal ended."""


class CommandError(Exception):
    """Ends a command; `main` prints it as ``penny: <message>``.

    Args:
        message: One or more lines for the user: what is wrong and what to do about it.
        status: The exit status.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
