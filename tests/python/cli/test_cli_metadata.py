"""What a script says that it needs."""

from __future__ import annotations

import pytest

from penny.cli.errors import CommandError
from penny.cli.metadata import dependencies

SCRIPT = '''#!/usr/bin/env python
# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "attrs>=25",
#   'rich',  # for output
# ]
#
# [tool.other]
# x = 1
# ///

# /// elsewhere
# dependencies = ["no"]
# ///
TEXT = """
# /// script of others
"""
'''


def of(*lines: str) -> list[str]:
    block = "".join(f"# {line}\n" if line else "\n" for line in lines)
    return dependencies(f"# /// script\n{block}# ///\nimport attrs\n", "s.py")


def test_what_it_names() -> None:
    assert dependencies(SCRIPT, "s.py") == ["attrs>=25", "rich"]
    assert dependencies(SCRIPT.replace("\n", "\r\n"), "s.py") == ["attrs>=25", "rich"]
    assert of('requires-python = ">=3.13"') == []
    for none in ("", "print(1)\n", "# /// script\n# dependencies = ['a']\n", "#/// script\n# ///"):
        assert dependencies(none, "s.py") == []


def test_what_is_uv_s_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert of('dependencies = ["a"]', "[tool.uv]", 'exclude-newer = "2025-01-01"') == ["a"]
    assert "[tool.uv]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["dependencies = "], "no TOML"),
        (['dependencies = "attrs"'], "no list of strings"),
        (["dependencies = [1]"], "no list of strings"),
        (['requires-python = "<3.14"'], "requires Python <3.14, and Pyodide's is 3.14"),
        (["requires-python = 3"], "no specifier: 3"),
        (['requires-python = "new"'], "no specifier: new"),
        (["y = 1", "///", "", "/// script", "x = 1"], "several blocks"),
    ],
)
def test_what_it_can_t_name(lines: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        of(*lines)
