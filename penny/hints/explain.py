"""What to do instead, beside what an error says that is for want of what Python has elsewhere.

An error of the interpreter's tells what there is not ("can't start new thread"), and nobody who
reads it knows that it is so in every browser, and that Penny has a way. Such an error stays what it
is and gets a note, where it leaves a task (`penny.wire.exceptions`) or ends a script
(`penny.hosts.script`). What only its submitter can tell, since it has what a worker lacks, is
`penny.hints.files`.
"""

from __future__ import annotations

from collections.abc import Callable

from penny.by_value.exception_parts import add_notes, notes_of
from penny.hints import command, files, page, stdin, threads
from penny.where import IN_BROWSER

__all__ = ["explain"]

HINTS: tuple[Callable[[BaseException], str], ...] = (
    page.hint,
    threads.hint,
    stdin.hint,
    files.hint,
    command.hint,
)
"""Each gives the note for an error that it knows; for others nothing."""


def explain(error: BaseException) -> None:
    """Give an error the notes that say what to do instead, once. In a browser, else none."""
    if not IN_BROWSER:
        return
    for hint in HINTS:
        note = hint(error)
        if note and note not in notes_of(error):
            add_notes(error, note)
