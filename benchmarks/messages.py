"""The engine without shared memory, beside a pool of messages made by hand."""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure, Pages, ratio


def messages(pages: Pages) -> Iterator[Figure]:
    """What a task costs by the engine `messages`, from the page's Python."""
    measured = pages.call("messages.js", "fromPython")
    for kind, count, what in (
        ("bulk", measured["tasks"], "Many tasks at once"),
        ("one", measured["calls"], "A task, and its result awaited"),
    ):
        times = measured[kind]
        raw = {
            f"{who}_us_per_task": [t * 1000 / count for t in times[who]]
            for who in ("penny", "message")
        }
        about = (
            f"{what}, from the page's Python, by the engine `messages`, beside a postMessage pool."
        )
        value = ratio(times["penny"], times["message"])
        yield Figure(f"hosts/messages-{kind}", value, 1.0, False, raw, about=about)


SUITES = {"hosts/messages": messages}
