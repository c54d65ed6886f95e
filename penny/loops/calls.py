"""Parallel loops, as programs call them: for, map, reduce and sort.

What is checked of the arguments, and which kind of loop goes over which items. How a loop shares
its work is in `penny.loops.loop`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from penny.kernels.kernel import Kernel
from penny.loops.kinds import (
    CallLoop,
    Calls,
    ForLoop,
    KernelLoop,
    MapLoop,
    OrderLoop,
    ReduceLoop,
    SortLoop,
)
from penny.loops.loop import Call, Loop, run, sliceable

__all__ = ["parallel_for", "parallel_map", "parallel_reduce", "parallel_sort"]

T = TypeVar("T")
R = TypeVar("R")


def parallel_for(
    f: Callable[..., object],
    range_or_n: int | Iterable[Any],
    high: int | None = None,
    *,
    args: Sequence[Any] = (),
    grain: int | None = None,
) -> None:
    """Call `f(i)` for each `i`, in parallel; or `f(i, *args)`.

        parallel_for(f, 100)
        parallel_for(f, low, high, args=(image,))

    What `f` changes has to be shared between the workers: changes of ordinary objects stay in the
    worker that ran it. A kernel is called in chunks, by one call from Python each.

    Args:
        f: What to call: a function, or a kernel. Its results are dropped where they arise.
        range_or_n: A range, or n for `range(n)`; any other iterable of items will do, too. With
            `high`: the first i.
        high: The one after the last.
        args: More arguments, the same for each call. Another worker gets copies with its items.
        grain: The least number of items for another worker. None: found by measuring.

    Raises:
        TypeError: `f` is a kernel, and these are not its arguments; nothing was called.
        OverflowError: `f` is a kernel, and an argument is out of range; nothing was called.
        BaseException: What the first item, in order, raised that did. Of the later items some may
            have been run, unlike in a serial loop.
    """
    items = sliceable(items_of_for(range_or_n, high))
    kind: type[Loop] = ForLoop
    if isinstance(f, Kernel):
        kind = KernelLoop
        items = Calls(items, kernel_arguments(f, items, args))
    elif args:
        kind = CallLoop
        items = Calls(items, tuple(args))
    run(kind(Call(kind, f), items, grain))


def items_of_for(range_or_n: int | Iterable[Any], high: int | None) -> Iterable[Any]:
    """The items that `parallel_for` is asked to go through."""
    if high is not None:
        if isinstance(range_or_n, Iterable):
            raise TypeError("parallel_for takes a range or items, or two ints, low and high")
        return range(operator.index(range_or_n), operator.index(high))
    if isinstance(range_or_n, Iterable):
        return range_or_n
    return range(operator.index(range_or_n))


def kernel_arguments(kernel: Kernel, items: Any, args: Sequence[Any]) -> tuple[Any, ...]:
    """What follows the item in each call of a kernel, checked. Raises TypeError, OverflowError."""
    if not isinstance(items, range):
        raise TypeError(
            f"parallel_for calls kernel {kernel.name} for the numbers of a range, not for items "
            f"of a {type(items).__name__}: have the kernel look into a SharedArray instead"
        )
    if not items:
        return kernel.bind_range(0, 1, tuple(args))
    return kernel.bind_range(min(items[0], items[-1]), max(items[0], items[-1]) + 1, tuple(args))


def parallel_map(f: Callable[[T], R], seq: Iterable[T], grain: int | None = None) -> list[R]:
    """`[f(x) for x in seq]`, in parallel.

    Items that another worker computes are sent to it as copies, and their results come back as
    copies. Lists, tuples, strings, ranges, arrays (also NumPy's) are sent as what they are; of
    anything else a list is made first.

    Args:
        f: What to call.
        seq: The items. They should not change meanwhile.
        grain: The least number of items for another worker. None: found by measuring.

    Returns:
        The results, in the order of the items.

    Raises:
        BaseException: What the first item, in order, raised that did. Of the later items some may
            have been run, unlike in a serial loop.
    """
    results: list[R] = run(MapLoop(Call(MapLoop, f), sliceable(seq), grain))
    return results


def parallel_reduce(
    f: Callable[[T], R],
    seq: Iterable[T],
    op: Callable[[R, R], R],
    init: R,
    grain: int | None = None,
) -> R:
    """`functools.reduce(op, map(f, seq), init)`, in parallel.

    Args:
        f: What is called with each item.
        seq: The items. They should not change meanwhile.
        op: Combines two values, each a result of `f` or of `op`. It has to be associative, since
            neighbours are combined in any grouping; it need not be commutative. Sums of floats are
            not quite associative: their last digits may differ from run to run.
        init: The leftmost operand. It is used once, so it may be any value.
        grain: The least number of items for another worker. None: found by measuring.

    Returns:
        `op(… op(op(init, f(x0)), f(x1)) …)`; without items, `init`.

    Raises:
        BaseException: What the first item, in order, raised that did, or `op`.
    """
    if not callable(op):
        raise TypeError(f"op must be callable, not {op!r}")
    total: list[R] = run(ReduceLoop(Call(ReduceLoop, f, op), sliceable(seq), grain, init))
    return total[0]


def parallel_sort(
    items: Iterable[T], key: Callable[[T], Any] | None = None, reverse: bool = False
) -> list[T]:
    """`sorted(items, key=key, reverse=reverse)`, in parallel: a new list, and stable.

    The list holds the items themselves, never copies: what other workers send back is an order.
    `key` is called once for each item, in parallel, too. Items, or their keys, must have a total
    order: without one (NaN), the result is another order than `sorted`'s.

    Args:
        items: What to sort.
        key: What to sort by; None: the items themselves.
        reverse: Whether the greatest comes first. Equal items keep their order nonetheless.

    Raises:
        BaseException: What `key` or a comparison raised.
    """
    values = list(items)
    if key is None:
        ordered: list[T] = run(SortLoop(Call(OrderLoop, sorted, reverse), values, None))
        return ordered
    keys = parallel_map(key, values)
    order = run(OrderLoop(Call(OrderLoop, sorted, reverse), keys, None))
    return [values[i] for i in order]
