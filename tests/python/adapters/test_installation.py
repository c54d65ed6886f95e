"""`penny.install()` on plain Python: what is replaced, what is put back, what is left."""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import types
from concurrent.futures.process import ProcessPoolExecutor

import pytest

import penny
from penny.adapters.patches import Imports


def state():
    pools = concurrent.futures.ThreadPoolExecutor, ProcessPoolExecutor
    return [dict(vars(each)) for each in (*pools, os, multiprocessing)]


def test_nothing_on_plain_python_unless_asked():
    before = state()
    installation = penny.install()
    assert state() == before
    assert repr(installation) == "penny.install(): nothing to do here"
    penny.uninstall()


def test_all_is_put_back():
    before = state()
    with penny.installed(anywhere=True) as installation:
        assert state() != before
        penny.install(anywhere=True)  # a second time
        assert "os.cpu_count" in installation.replaced or installation.replaced == []
    assert state() == before
    penny.uninstall()


def test_process_pools_are_tasks():
    def begin(name):
        os.environ["POOL"] = name

    with penny.installed(anywhere=True):
        with ProcessPoolExecutor(2, initializer=begin, initargs=("mine",)) as pool:
            assert pool.submit(penny.current_worker).result() == 0
            assert pool.submit(os.environ.get, "POOL").result() == "mine"
            assert list(pool.map(pow, range(7), [2] * 7, chunksize=3)) == [i * i for i in range(7)]
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(print)
        with pytest.raises(ValueError, match="max_workers"):
            ProcessPoolExecutor(0)


def test_an_initializer_that_fails():
    def fail():
        raise OSError("no")

    with penny.installed(anywhere=True), ProcessPoolExecutor(2, initializer=fail) as pool:
        for _ in range(2):
            with pytest.raises(concurrent.futures.BrokenExecutor, match="OSError"):
                pool.submit(print).result()


def test_names_that_were_imported_before():
    module = types.ModuleType("early")
    module.how_many = os.cpu_count
    sys.modules["early"] = module
    try:
        with penny.installed(anywhere=True) as installation:
            assert module.how_many() == 1  # the serial engine's
            assert "early.how_many" in installation.replaced
        assert module.how_many is os.cpu_count
    finally:
        del sys.modules["early"]


def test_a_host_that_has_replaced_thread_pools_keeps_them(monkeypatch):
    class Hosts(concurrent.futures.ThreadPoolExecutor):
        pass

    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", Hosts)
    with penny.installed(anywhere=True) as installation:
        assert concurrent.futures.ThreadPoolExecutor is Hosts
        assert any("ThreadPoolExecutor" in text for text in installation.left)
        assert "left:" in repr(installation)


def test_what_somebody_replaces_later_stays(monkeypatch):
    def theirs():
        return 7

    original = os.cpu_count
    installation = penny.install(anywhere=True)
    os.cpu_count = theirs
    penny.uninstall()
    assert os.cpu_count is theirs
    assert installation.left == ["os.cpu_count: somebody has replaced it since"]
    os.cpu_count = original


def test_thread_pools_as_workers():
    early = concurrent.futures.ThreadPoolExecutor()
    with penny.installed(anywhere=True, threads="workers"):
        pool = concurrent.futures.ThreadPoolExecutor(2, "name")
        assert pool.submit(penny.current_worker).result() == 0
        assert list(pool.map(pow, range(3), [2] * 3)) == [0, 1, 4]
        assert early.submit(penny.current_worker).result() is None
        pool.shutdown()
        early.shutdown()
    with pytest.raises(ValueError, match="threads"):
        penny.install(threads="processes")


def test_a_module_that_is_imported_later(tmp_path, monkeypatch):
    (tmp_path / "later.py").write_text("NUMBER = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    heard = []
    imports = Imports({"later": lambda: heard.append(sys.modules["later"].NUMBER)})
    imports.install()
    try:
        import later

        assert heard == [1]
        assert type(later.__loader__) is type(later.__spec__.loader)
        assert type(later.__loader__).__name__ == "SourceFileLoader"
    finally:
        imports.uninstall()
        sys.modules.pop("later", None)


@pytest.mark.parametrize("early", [False, True])
def test_pools_of_multiprocessing(early):
    code = f"""
import multiprocessing, penny
if {early}:
    import multiprocessing.pool
    real = multiprocessing.pool.Pool
with penny.installed(anywhere=True):
    from multiprocessing.dummy import Pool as Threads
    from multiprocessing.pool import Pool
    for make in (multiprocessing.Pool, Pool, multiprocessing.get_context("spawn").Pool, Threads):
        with make(2) as pool:
            assert type(pool).__module__ == "penny.adapters.pools", pool
            assert pool.map(abs, [-1, 2]) == [1, 2]
    assert multiprocessing.cpu_count() == 1
import multiprocessing.pool
assert multiprocessing.pool.Pool.__module__ == "multiprocessing.pool"
assert not {early} or multiprocessing.pool.Pool is real
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_penny_loads_no_adapter():
    code = "import sys, penny; print([m for m in sys.modules if m.startswith('penny.adapters')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
