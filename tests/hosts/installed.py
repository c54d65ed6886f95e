"""Where `make test-hosts` has installed the hosts."""

from __future__ import annotations

from pathlib import Path

HOSTS = Path(__file__).parents[2] / "build" / "hosts"
NODE_MODULES = HOSTS / "node_modules"
VENV = HOSTS / "venv"

PRINTED = "about to fail\nprinted by a task\nthe program has ended\n"
"""By program.py."""
