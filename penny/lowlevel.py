"""For authors of engines: what runs the tasks of a [`Scheduler`][penny.Scheduler].

An engine is any object with the methods of `Engine`; `register_engine` gives it a name for
`Scheduler(engine=…)`, an entry point of the group `penny.engines` does so for an installed package.
docs/engines.md walks through one of forty lines, `examples/executor_engine.py`.

This module changes less often than what it takes from, and says so in CHANGELOG.md.
"""

from penny.engines.engine import Abilities, Engine, EngineFactory
from penny.engines.opening import engine_names, open_engine, register_engine
from penny.engines.outcomes import fail
from penny.engines.remote_calls import dumps_call, enter_worker, run_call, settle
from penny.futures import Future
from penny.memory.block import Memory
from penny.memory.local_blocks import LOCAL
from penny.options import Options

__all__ = [
    "LOCAL",
    "Abilities",
    "Engine",
    "EngineFactory",
    "Future",
    "Memory",
    "Options",
    "dumps_call",
    "engine_names",
    "enter_worker",
    "fail",
    "open_engine",
    "register_engine",
    "run_call",
    "settle",
]
