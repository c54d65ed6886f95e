"""Pictures among what a program prints.

One goes where text goes, to `sys.stdout`, as the escape sequence by which terminals take pictures
("inline images protocol", by iTerm2): so it stays in order with the text, and comes from tasks.
Whoever shows it says so by an environment variable, which tasks have as well.
"""

from __future__ import annotations

import base64
import io
import os
import struct
import sys
from typing import Any

__all__ = ["display"]

SHOWN = "PENNY_PICTURES"
"""The environment variable that is set where stdout shows pictures."""

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"<svg", b"<?xml")
_CHANNELS = {1: 0, 3: 2, 4: 6}
"""PNG's colour types by number of channels: grey, RGB, RGBA."""


def display(picture: Any) -> None:
    """Show a picture among what is printed: in the playground, and in a notebook with IPython.

    Elsewhere a line of text stands for it.

    Args:
        picture: The bytes of a PNG, JPEG, GIF or SVG; or what has `_repr_png_`, `_repr_jpeg_` or
            `_repr_svg_`, as IPython calls them; or a figure of matplotlib (anything with
            `savefig`); or an array of `uint8`, a SharedArray or any buffer, of the shape
            (height, width) for grey, (height, width, 3) for RGB, (height, width, 4) for RGBA.

    Raises:
        TypeError: It is none of these.
        ValueError: An array of another shape, or without pixels.
    """
    content = _encoded(picture)
    if os.environ.get(SHOWN):
        text = base64.b64encode(content).decode()
        print(f"\x1b]1337;File=inline=1;size={len(content)}:{text}\a", flush=True)
    elif not _in_notebook(content):
        print(f"<a picture, {len(content):,} bytes>")


def _in_notebook(content: bytes) -> bool:
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return False
    shown = ipython.display
    is_svg = content.lstrip().startswith(b"<")
    shown.display(shown.SVG(content) if is_svg else shown.Image(content))
    return True


def _encoded(picture: Any) -> bytes:
    for method in ("_repr_png_", "_repr_jpeg_", "_repr_svg_"):
        content = getattr(picture, method, lambda: None)()
        if content:
            return content.encode() if isinstance(content, str) else bytes(content)
    if hasattr(picture, "savefig"):
        file = io.BytesIO()
        picture.savefig(file, format="png")
        return file.getvalue()
    if hasattr(picture, "shape") and hasattr(picture, "read"):  # a SharedArray
        picture = picture.read()
    try:
        pixels = memoryview(picture)
    except TypeError:
        raise TypeError(
            f"display() takes a picture: bytes of an image, an array of pixels, a figure; not "
            f"{type(picture).__name__}"
        ) from None
    if pixels.ndim == 1:
        content = bytes(pixels)
        if not content.lstrip().startswith(_SIGNATURES):
            raise TypeError("display() takes bytes of a PNG, JPEG, GIF or SVG; these are none")
        return content
    return png(pixels)


def png(pixels: memoryview) -> bytes:
    """Return a PNG of an array of bytes, of the shape (height, width) or (height, width, channels).

    Raises:
        TypeError: Its elements are no bytes.
        ValueError: Another shape, or no pixels.
    """
    import zlib  # which most programs do not need

    shape = pixels.shape or ()
    channels = shape[2] if len(shape) == 3 else 1
    if pixels.format != "B":
        raise TypeError(f"pixels are of the type uint8 ('B'), not {pixels.format!r}")
    if len(shape) not in (2, 3) or channels not in _CHANNELS or 0 in shape:
        raise ValueError(
            f"a picture has the shape (height, width), (height, width, 3) or (height, width, 4), "
            f"not {tuple(shape)}"
        )
    height, width = shape[:2]
    data, size = pixels.tobytes(), width * channels
    rows = b"".join(b"\0" + data[at : at + size] for at in range(0, height * size, size))

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, _CHANNELS[channels], 0, 0, 0)
    packed = zlib.compress(rows, 6)
    return _SIGNATURES[0] + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
