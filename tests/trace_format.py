"""Whether something is a Chrome trace, as its viewers want it.

After "Trace Event Format" of the Chromium project, and what Perfetto makes of it: spans of a thread
nest, time does not go back, arrows lead from span to span.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

Event = dict[str, Any]

# A tenth of a µs is the unit of the browser's engine: sums of its multiples differ in the last bit.
ROUNDING = 0.01


def check_trace(trace: dict[str, Any]) -> list[Event]:
    """Fail unless it is a well-formed trace; its events."""
    assert json.loads(json.dumps(trace, allow_nan=False)) == trace
    assert trace["displayTimeUnit"] == "ms"
    assert isinstance(trace["otherData"]["dropped"], int)
    events: list[Event] = trace["traceEvents"]
    named_processes, named_threads = set(), set()
    threads: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        assert isinstance(event["name"], str) and event["name"], event
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int), event
        assert isinstance(event.get("args", {}), dict), event
        thread = event["pid"], event["tid"]
        if event["ph"] == "M":
            assert "ts" not in event
            if event["name"] == "process_name":
                assert event["pid"] not in named_processes
                named_processes.add(event["pid"])
            elif event["name"] == "thread_name":
                assert thread not in named_threads, event
                named_threads.add(thread)
            else:
                assert event["name"] == "thread_sort_index", event
            continue
        assert event["tid"] > 0, "0 is no thread's number"
        assert isinstance(event["ts"], (int, float)) and event["ts"] >= 0, event
        assert isinstance(event["cat"], str), event
        threads[thread].append(event)
    assert named_threads >= threads.keys(), "a thread without a name"
    assert named_processes == {pid for pid, _ in named_threads} or not threads
    for thread_events in threads.values():
        times = [event["ts"] for event in thread_events]
        assert times == sorted(times), "time goes back"
        _check_nesting(thread_events)
        _check_phases(thread_events)
    _check_arrows(events, threads)
    _check_side_by_side(events)
    return events


def _check_nesting(events: list[Event]) -> None:
    stack: list[Event] = []
    for event in events:
        if event["ph"] != "X":
            continue
        assert event["dur"] >= 0, event
        while stack and _end(stack[-1]) <= event["ts"] + ROUNDING:
            stack.pop()
        assert not stack or _end(event) <= _end(stack[-1]) + ROUNDING, (stack[-1], event)
        stack.append(event)


def _end(span: Event) -> float:
    end: float = span["ts"] + span["dur"]
    return end


def _check_phases(events: list[Event]) -> None:
    for event in events:
        assert event["ph"] in "Xisfbe", event
        assert ("dur" in event) == (event["ph"] == "X"), event
        assert ("s" in event) == (event["ph"] == "i") and event.get("s", "t") == "t", event
        assert ("id" in event) == (event["ph"] in "sfbe"), event
        assert ("bp" in event) == (event["ph"] == "f") and event.get("bp", "e") == "e", event


def _check_arrows(events: list[Event], threads: dict[tuple[int, int], list[Event]]) -> None:
    begins = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert begins.keys() == ends.keys()
    assert len(begins) + len(ends) == sum(event["ph"] in "sf" for event in events)
    spans = {
        thread: [(e["ts"], _end(e)) for e in thread_events if e["ph"] == "X"]
        for thread, thread_events in threads.items()
    }
    for id, begin in begins.items():
        end = ends[id]
        assert (begin["name"], begin["cat"], begin["pid"]) == (end["name"], end["cat"], end["pid"])
        assert begin["ts"] <= end["ts"]
        there = spans[begin["pid"], begin["tid"]]
        assert any(a <= begin["ts"] <= b + ROUNDING for a, b in there), f"{begin} leaves no span"
        there = spans[end["pid"], end["tid"]]
        assert any(a == end["ts"] for a, _ in there), f"{end} leads to no span"


def _check_side_by_side(events: list[Event]) -> None:
    running: dict[tuple[str, object], Event] = {}
    for event in events:
        if event["ph"] == "b":
            assert (event["cat"], event["id"]) not in running, event
            running[event["cat"], event["id"]] = event
        elif event["ph"] == "e":
            begin = running.pop((event["cat"], event["id"]))
            assert begin["name"] == event["name"] and begin["ts"] <= event["ts"], event
    assert not running


def spans(events: list[Event], category: str) -> list[Event]:
    """The spans of a category, those of coroutines too."""
    return [event for event in events if event["ph"] in "Xb" and event["cat"] == category]


def instants(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event["ph"] == "i" and event["name"] == name]


def thread(events: list[Event], name: str) -> int:
    """The number of the thread of a name."""
    (found,) = {
        e["tid"] for e in events if e["name"] == "thread_name" and e["args"]["name"] == name
    }
    number: int = found
    return number
