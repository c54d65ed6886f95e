"""How a script ends, as far as that needs no browser."""

from __future__ import annotations

import sys

import pytest

from penny.hosts import script


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_scripts_own_excepthook_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = raised(ValueError("of the script"))
    calls: list = []
    monkeypatch.setattr(sys, "excepthook", lambda *args: calls.append(args))
    script._print_exception(error, __file__)
    assert calls == [(ValueError, error, error.__traceback__)]
    assert capsys.readouterr().err == ""


def test_an_excepthook_that_fails_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: sys.exit("of the hook"))
    script._print_exception(raised(ValueError("of the script")), __file__)
    text = capsys.readouterr().err
    assert "SystemExit: of the hook" in text
    assert text.endswith("ValueError: of the script\n")
