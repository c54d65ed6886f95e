"""Wheels made on the spot."""

from __future__ import annotations

from penny.cli import bundle


def make_wheel(name: str, source: str) -> tuple[str, bytes]:
    """A wheel with one module: its file name and its content."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    content = bundle.pack({path: text.encode() for path, text in files.items()})
    return f"{name}-1.0-py3-none-any.whl", content
