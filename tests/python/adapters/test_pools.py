"""`penny.multiprocessing.Pool` and `ThreadPool`: all their methods."""

import itertools
import pickle

import pytest

import penny
import penny.multiprocessing as mp


@pytest.fixture(params=[mp.Pool, mp.ThreadPool, lambda n: mp.Pool(n, maxtasksperchild=2)])
def pool(request):
    with request.param(2) as pool:
        yield pool


def square(x):
    return x * x


def test_apply(pool):
    assert pool.apply(pow, (2, 3), {"mod": 5}) == 3
    assert pool.apply_async(pow, (2, 3)).get() == 8


@pytest.mark.parametrize("kind", [range, lambda n: [*range(n)], lambda n: iter(range(n))])
@pytest.mark.parametrize("chunksize", [None, 1, 7, 1000])
def test_map(pool, kind, chunksize):
    assert pool.map(square, kind(101), chunksize) == [i * i for i in range(101)]


def test_starmap(pool):
    pairs = [(i, 2) for i in range(20)]
    assert pool.starmap(pow, pairs) == pool.starmap_async(pow, pairs, 3).get()
    assert pool.starmap(pow, []) == []


def test_imap(pool):
    assert list(pool.imap(square, range(50), 7)) == [i * i for i in range(50)]
    assert sorted(pool.imap_unordered(square, range(50))) == [i * i for i in range(50)]
    endless = pool.imap(square, itertools.count())
    assert [next(endless) for _ in range(5)] == [0, 1, 4, 9, 16]


def test_an_iterable_that_fails(pool):
    def items():
        yield 3
        raise LookupError

    found = pool.imap(square, items())
    assert next(found) == 9
    with pytest.raises(LookupError):
        next(found)
    with pytest.raises(LookupError):
        pool.map(square, items())


def test_callbacks(pool):
    said = []
    pool.apply_async(square, (3,), callback=said.append).wait()
    pool.map_async(square, range(3), callback=said.append).wait()
    pool.map_async(square, [], callback=said.append).wait()
    pool.apply_async(square, ("x",), error_callback=said.append).wait()
    assert said[:3] == [9, [0, 1, 4], []]
    assert isinstance(said[3], TypeError)


def test_errors(pool):
    result = pool.apply_async(square, ("x",))
    with pytest.raises(TypeError):
        result.get()
    assert result.ready() and not result.successful()
    with pytest.raises(TypeError):
        pool.map(square, [1, "x", 2])
    good = pool.apply_async(square, (2,))
    good.wait()
    assert good.successful()


def test_the_end(pool):
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    result = pool.apply_async(square, (2,))
    pool.close()
    with pytest.raises(ValueError, match="not running"):
        pool.map(square, [1])
    pool.join()
    assert result.get(0) == 4
    pool.terminate()
    with pytest.raises(ValueError, match="not running"), pool:
        pass
    with pytest.raises(NotImplementedError, match="pickled"):
        pickle.dumps(pool)


@pytest.mark.parametrize("wrong", [{"processes": 0}, {"maxtasksperchild": 0}])
def test_wrong_numbers(wrong):
    with pytest.raises(ValueError, match="must be"):
        mp.Pool(**wrong)


def test_initializer():
    seen = []
    with mp.ThreadPool(2, seen.append, ("begin",)) as pool:
        pool.map(seen.append, range(2))
    assert seen == ["begin", 0, 1]


def test_contexts_and_what_is_not_there():
    spawn = mp.get_context("spawn")
    with spawn.Pool(2) as pool:
        assert pool.map(square, range(3)) == [0, 1, 4]
    assert spawn.get_start_method() == "spawn"
    with pytest.raises(ValueError, match="cannot find context"):
        mp.get_context("magic")
    for refused in (mp.Process, spawn.Manager, mp.Pipe):
        with pytest.raises(NotImplementedError, match="Instead: "):
            refused()
    assert mp.cpu_count() == penny.adapters.common.workers()
