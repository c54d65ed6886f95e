"""What scripts/npm_python.py leaves of a source."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/npm_python.py"

SOURCE = '''\
"""The module.

More of it."""
import re  # a comment

NAME = "# no comment"
"""What it is."""


class Error(Exception):
    """An error."""


def f(ü, b="""a text
# of two lines"""):
    # Why.
    """Documented; é."""; return b  # at once
'''

LEFT = '''\
""


import re

NAME = "# no comment"
""


class Error(Exception):
    ""


def f(ü, b="""a text
# of two lines"""):

    ""; return b
'''


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_lines_stay_where_they_are(script):
    kept = SOURCE.replace("; return b", "\n    return b")
    left = LEFT.replace("; return b", "\n    return b")
    assert script["without_prose"](kept) == left


def test_what_it_would_change_is_noticed(script):
    """Code behind a docstring on its line would be lost."""
    with pytest.raises(AssertionError):
        script["without_prose"](SOURCE)


@pytest.mark.parametrize(
    "other",
    [
        LEFT.replace("# no comment", "no comment"),
        LEFT.replace('b="""a text', 'b="""another'),
        LEFT.replace("import re\n", "import re\n\n"),
        LEFT.replace("ü", "u"),
        LEFT.replace("class", "x = 1\nclass"),
    ],
)
def test_meanings_differ(script, other):
    assert other != LEFT
    assert script["_meaning"](other) != script["_meaning"](LEFT)
