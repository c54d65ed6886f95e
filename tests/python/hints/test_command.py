"""What `penny run` says about a file or module that did not come along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penny import where
from penny.hints import command, files


@pytest.fixture(autouse=True)
def told() -> Iterator[None]:
    """Two folders came along, of the second not all."""
    command.told(["/srv/sub", "/home/ada"], ["/home/ada"])
    yield
    command.told([], [])


@pytest.mark.parametrize(
    ("path", "hinted"),
    [
        ("/srv/sub/missing.txt", False),
        ("/srv/sub/.env", True),
        ("/srv/other.txt", True),
        ("/home/ada/big.bin", True),
        (b"/elsewhere", True),
        (3, False),
    ],
)
def test_a_file_that_may_be_here_names_mount(path: str | bytes | int, hinted: bool) -> None:
    assert ("--mount DIR" in command.hint(FileNotFoundError(2, "No such file", path))) is hinted


def test_a_module_names_its_package() -> None:
    def hint(name: str | None) -> str:
        return command.hint(ModuleNotFoundError("No module", name=name))

    assert "`penny run --with more-itertools …`" in hint("more_itertools.recipes")
    assert hint("js") == hint("_multiprocessing") == hint(None) == ""
    told = ModuleNotFoundError("No module", name="x")
    told.add_note("start the script by `penny run --with x`")
    assert command.hint(told) == ""
    command.told([], [])
    assert hint("more_itertools") == ""


def test_in_a_task_the_submitter_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ModuleNotFoundError("No module", name="nothing_such")
    monkeypatch.setattr(where, "worker", 0)
    assert command.hint(error) == ""
    monkeypatch.setattr(where, "worker", None)
    monkeypatch.setattr(files, "IN_BROWSER", True)
    files.explained(error)
    assert "packages=[" in error.__notes__[0]
    assert "`penny run --with nothing-such`" in error.__notes__[0]


def test_a_folder_that_a_worker_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    error = FileNotFoundError(2, "No such file", "res/1.txt")
    assert files.hint(error) == ""
    monkeypatch.setattr(where, "worker", 0)
    assert "os.makedirs('res', exist_ok=True)" in files.hint(error)
    assert files.hint(FileNotFoundError(2, "No such file", "1.txt")) == ""
