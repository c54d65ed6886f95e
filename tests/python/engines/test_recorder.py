"""Traces on plain Python, and what a worker says of its functions."""

from __future__ import annotations

import asyncio
import functools
import json
import operator
import time
from types import SimpleNamespace

import pytest
from fake_client_port import FakeClientPort
from fake_engine import FakeEngine
from fake_port import FakePort
from trace_format import check_trace, spans

import penny
from penny import Scheduler, scheduler
from penny.engines import named, recorder
from penny.engines.pool.client import SharedEngine
from penny.engines.ported.delivery import Waiting


def nap(seconds: float) -> None:
    time.sleep(seconds)


def outer() -> None:
    penny.current_scheduler().submit(nap, 0.001).result()
    raise ValueError


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


# -- The serial engine ---------------------------------------------------------------------------


def test_tasks_of_plain_python() -> None:
    with Scheduler(trace=True) as s:
        s.submit(nap, 0.002).result()
        assert s.submit(outer).exception() is not None
        s.submit(wait, 0.001).result()
    events = check_trace(s.trace())
    tasks = spans(events, "task")
    names = [event["name"].rpartition(".")[2] for event in tasks]
    assert names == ["nap", "outer", "nap", "wait"]
    assert [event["ph"] for event in tasks] == ["X", "X", "X", "b"]
    assert tasks[0]["dur"] >= 2000
    assert tasks[0]["name"] == f"{__name__}.nap"
    assert [event["args"]["outcome"] for event in tasks[:3]] == ["returned", "raised", "returned"]
    assert tasks[1]["ts"] <= tasks[2]["ts"]
    assert json.dumps(s.trace())


async def test_coroutines_are_side_by_side() -> None:
    async with Scheduler(trace=True) as s:
        await asyncio.gather(*(s.submit(wait, 0.002) for _ in range(3)))
    events = check_trace(s.trace())
    assert [event["ph"] for event in spans(events, "task")] == ["b"] * 3
    assert len({event["id"] for event in spans(events, "task")}) == 3


@pytest.mark.parametrize("options", [{}, {"trace": False}, {"trace": None}])
def test_no_trace_was_asked_for(options: dict[str, bool]) -> None:
    s = Scheduler(**options)
    s.submit(nap, 0).result()
    with pytest.raises(RuntimeError, match=r"trace=True.*penny run --trace"):
        s.trace()


def test_no_more_events_than_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "EVENTS_MAX", 3)
    s = Scheduler(trace=True)
    for _ in range(5):
        s.submit(nap, 0).result()
    trace = s.trace()
    assert len(spans(check_trace(trace), "task")) == 3
    assert trace["otherData"]["dropped"] == 2


# -- Options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "passed"), [({}, None), ({"trace": 1}, True), ({"trace": False}, False)]
)
def test_what_the_engine_is_told(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, bool], passed: bool | None
) -> None:
    monkeypatch.setattr(scheduler, "open_engine", lambda name, **options: FakeEngine(**options))
    assert Scheduler(**given)._engine.options["trace"] is passed  # type: ignore[attr-defined]


# -- The engine of the browser ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", '{"traceEvents": [{"ph": "X"}]}'])
def test_the_browser_s_trace_comes_as_json(text: str) -> None:
    def open_port(inbox: bytearray, outbox: bytearray) -> FakeClientPort:
        port = FakeClientPort(inbox, outbox)
        port.trace = lambda: text  # type: ignore[attr-defined]
        return port

    engine = SharedEngine(open_port, Waiting.ASLEEP)  # type: ignore[arg-type]
    assert engine.trace() == (json.loads(text) if text else None)


@pytest.mark.parametrize("traced", [True, False])
def test_a_worker_names_what_it_loads(traced: bool) -> None:
    port = FakePort()
    port.traced = traced
    port.submit(nap, 0)
    port.submit(nap, 0)
    port.submit(pow, 2, 3)
    port.serve()
    assert set(port.names.values()) == ({"pow", f"{__name__}.nap"} if traced else set())


@pytest.mark.parametrize("traced", [True, False])
def test_a_task_may_ask_for_the_trace(traced: bool) -> None:
    port = FakePort()
    port.traced = traced

    def ask() -> object:
        try:
            return penny.current_scheduler().trace()
        except RuntimeError as error:
            return str(error)

    answer = port.run(ask)
    assert answer == {"traceEvents": []} if traced else "nothing was recorded" in answer


async def test_the_async_worker_names_what_it_loads(coroutine_port) -> None:
    handles = [coroutine_port.submit(wait, 0) for _ in range(2)]
    await coroutine_port.ended(*handles)
    assert list(coroutine_port.names.values()) == [f"{__name__}.wait"]


# -- Names ---------------------------------------------------------------------------------------


def test_names_of_functions() -> None:
    assert named.shown_name(nap) == f"{__name__}.nap"
    assert named.shown_name(len) == "len"
    assert named.shown_name(operator.call).endswith("operator.call")
    assert named.shown_name(dict.get) == "dict.get"
    assert "partial" in named.shown_name(functools.partial(nap, 1))
    assert named.shown_name(SimpleNamespace(__module__=3, __qualname__="x")) == "3.x"


def test_names_of_what_javascript_defined() -> None:
    assert named.shown_name(named.define("double", "lambda x: 2 * x")) == "double"
    function = named.define("f", "def f():\n    return g\ndef g(): pass")
    assert named.shown_name(function) == "f"
    assert named.shown_name(function()) == "f.g"
