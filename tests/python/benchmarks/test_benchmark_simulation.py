"""The simulation in benchmarks/: what holds of any scheduler holds of it."""

from __future__ import annotations

import pytest
import simulation
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Costs, Node, simulate, span, totals, work

FREE = Costs(call=1e-5, spawn=0.0, promotion=0.0, steal=0.0, request=0.0, notify=0.0, wake=0.0)
"""Nothing costs anything but the calls."""

REAL = Costs(
    call=1e-6, spawn=4e-7, promotion=25e-6, steal=15e-6, request=40e-6, notify=45e-6, wake=85e-6
)
"""About what was measured."""

EPSILON = 1 + 1e-9
"""Sums of many small numbers, in another order."""


def node(calls: int, children: list[Node], inline: bool) -> Node:
    return Node(calls, tuple(children), inline and bool(children))


TREES = st.recursive(
    st.builds(Node, st.integers(1, 50)),
    lambda below: st.builds(
        node, st.integers(1, 20), st.lists(below, min_size=1, max_size=5), st.booleans()
    ),
    max_leaves=60,
)

WORKERS = st.integers(1, 64)


# -- The programs' trees ---------------------------------------------------------------------------


def test_fib_is_the_tree_of_all_its_calls() -> None:
    """2 fib(n+1) - 1 calls, of which each that calls at all spawns one."""
    assert totals(simulation.fib(20)) == (21_891, 10_945)


def test_queens_has_a_call_for_each_placement() -> None:
    """Of the first queens of 6, by rows."""
    placements = [1, 6, 20, 36, 46, 40, 4]
    assert totals(simulation.queens(6)) == (sum(placements), sum(placements) - 1)


def test_uts_has_the_nodes_of_the_paper() -> None:
    """One of T3's subtrees, whose nodes a plain search has counted."""
    calls, spawns = totals(simulation.uts(208))
    assert calls == 242_289
    assert spawns == calls - 1


# -- What holds of any scheduler -------------------------------------------------------------------


@given(TREES, WORKERS, st.sampled_from([FREE, REAL]))
def test_each_call_is_made_once(tree: Node, workers: int, costs: Costs) -> None:
    assert simulate(tree, costs, workers).busy == pytest.approx(work(tree, costs))


@given(TREES, WORKERS, st.sampled_from([FREE, REAL]))
def test_no_faster_than_work_and_span_allow(tree: Node, workers: int, costs: Costs) -> None:
    seconds = simulate(tree, costs, workers).seconds * EPSILON
    assert seconds >= work(tree, costs) / workers
    assert seconds >= span(tree, costs)


@given(TREES, st.sampled_from([FREE, REAL]))
def test_one_worker_takes_the_work_and_nothing_else(tree: Node, costs: Costs) -> None:
    run = simulate(tree, costs, 1)
    assert run.seconds == pytest.approx(work(tree, costs))
    assert (run.promotions, run.steals, run.wakes) == (0, 0, 0)


@given(TREES, WORKERS)
def test_greedy_where_stealing_is_free(tree: Node, workers: int) -> None:
    """Graham's bound. A victim answers between two pieces of work, so some of the span is waited
    for again: hence the constant."""
    seconds = simulate(tree, FREE, workers).seconds
    assert seconds <= (work(tree, FREE) / workers + 3 * span(tree, FREE)) * EPSILON


@given(TREES, WORKERS)
def test_what_is_stolen_was_promoted(tree: Node, workers: int) -> None:
    run = simulate(tree, REAL, workers)
    assert run.steals <= run.promotions <= totals(tree)[1]


# -- What this scheduler does ----------------------------------------------------------------------


def test_the_same_seed_gives_the_same_run() -> None:
    tree = simulation.queens(8)
    assert simulate(tree, REAL, 8, seed=5) == simulate(tree, REAL, 8, seed=5)


def test_a_second_worker_halves_a_large_program() -> None:
    tree = simulation.fib(22)
    one, two = (simulate(tree, REAL, workers) for workers in (1, 2))
    assert one.seconds / two.seconds > 1.9
    assert two.steals > 0


def test_a_chain_runs_no_faster_anywhere() -> None:
    """Nothing of it is parallel; all that may be lost is what its jobs' way to and fro costs."""
    tree = Node(100)
    for _ in range(50):
        tree = Node(100, (tree,))
    seconds = simulate(tree, REAL, 8).seconds
    assert work(tree, REAL) <= seconds < 4 * work(tree, REAL)


def test_dearer_steals_bring_less() -> None:
    tree = simulation.queens(9)
    dear = Costs(
        call=1e-6, spawn=4e-7, promotion=5e-4, steal=5e-4, request=5e-4, notify=1e-4, wake=1e-3
    )
    assert simulate(tree, dear, 16).seconds > simulate(tree, REAL, 16).seconds


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_random_victims_change_little(seed: int) -> None:
    tree = simulation.queens(9)
    first, other = (simulate(tree, REAL, 4, seed=s).seconds for s in (1, seed))
    assert other == pytest.approx(first, rel=0.3)


def test_predictions_are_of_all_programs() -> None:
    costs = {"spawn": 0.4, "promotion": 25, "steal": 15, "request": 40, "notify": 45, "wake": 85}
    program = simulation.queens(8)
    prediction = simulation.predict(
        program, Costs(call=1e-6, **{name: us / 1e6 for name, us in costs.items()})
    )
    assert prediction.speedups()[0] == [1, 1.0]
    assert [workers for workers, _ in prediction.speedups()] == list(simulation.WORKERS)
    assert all(speedup <= prediction.ideal for _, speedup in prediction.speedups())
