"""What Penny says in a Pyodide in which it can't make itself at home."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import penny
from penny.bridge import embedded, javascript
from penny.mirror import installed
from penny.stdio import output


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for the module `js`."""
    js = SimpleNamespace(globalThis=SimpleNamespace(crossOriginIsolated=True))
    monkeypatch.setitem(sys.modules, "js", js)
    return js


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the package, which has its JavaScript."""
    (tmp_path / "web" / "bundled").mkdir(parents=True)
    (tmp_path / "web" / "bundled" / "embedded.js").write_text("42")
    monkeypatch.setattr(embedded, "_BUNDLED", str(tmp_path / "web" / "bundled"))
    return tmp_path


def test_without_isolation_notebooks_have_advice_of_their_own(monkeypatch):
    """Where somebody asks for the engine that shares memory."""
    bridge = SimpleNamespace(shares_memory=False, workers_max=64)
    monkeypatch.setattr(javascript, "_bridge", lambda: bridge)
    with pytest.raises(penny.IsolationError, match="notebook's server"):
        nothing = installed.Beginning.of(None)
        javascript.open_client(1, None, nothing, False, None, bytearray(), bytearray())


def test_without_javascript(isolated, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_BUNDLED", str(tmp_path / "nowhere"))
    with pytest.raises(RuntimeError, match=r"the wheel penny-runtime.*Penny\.install"):
        embedded.install()


def test_a_policy_that_forbids_it_is_named(isolated, bundled, monkeypatch):
    class JsException(Exception):
        name = "EvalError"

    def forbidden(source):
        raise JsException("unsafe-eval is not an allowed source of script")

    isolated.eval = forbidden
    monkeypatch.setitem(sys.modules, "pyodide.ffi", SimpleNamespace(JsException=JsException))
    with pytest.raises(RuntimeError, match=r"'unsafe-eval'.*worker-src blob:"):
        embedded.install()


def test_what_tasks_print_goes_where_this_python_prints(capsys):
    output.show("stdout", "a line\n")
    output.show("stderr", "half")
    assert capsys.readouterr() == ("a line\n", "half")
