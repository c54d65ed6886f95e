"""The examples of README.md."""

from __future__ import annotations

import re
from pathlib import Path

FILE = Path(__file__).parents[3] / "README.md"
README = FILE.read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)
