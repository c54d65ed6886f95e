"""Pictures among what is printed: `penny.display`."""

import base64
import io
import re
import sys
import types

import matplotlib
import matplotlib.image
import matplotlib.pyplot
import pytest

import penny

SEQUENCE = re.compile(r"\x1b\]1337;File=inline=1;size=(\d+):([A-Za-z0-9+/=]+)\x07\n")


@pytest.fixture
def shown(monkeypatch, capsys):
    """`shown(picture)`: the bytes that whoever shows pictures gets."""
    monkeypatch.setenv("PENNY_PICTURES", "1")

    def show(picture):
        penny.display(picture)
        size, content = SEQUENCE.fullmatch(capsys.readouterr().out).groups()
        content = base64.b64decode(content)
        assert len(content) == int(size)
        return content

    return show


def pixels(*shape):
    size = 1
    for extent in shape:
        size *= extent
    return memoryview(bytes(n % 251 for n in range(size))).cast("B", shape)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1)])
def test_array_is_a_png_of_its_pixels(shown, shape):
    array = pixels(*shape)
    decoded = matplotlib.image.imread(io.BytesIO(shown(array)), format="png")
    assert decoded.shape == shape
    assert [round(value * 255) for value in decoded.flatten()] == list(array.tobytes())


def test_shared_array(shown):
    with penny.Scheduler():
        array = penny.SharedArray((5, 7, 3), "uint8")
        array.write(pixels(5, 7, 3))
        assert shown(array) == shown(pixels(5, 7, 3))
        half = array[:, ::2]
        assert matplotlib.image.imread(io.BytesIO(shown(half)), format="png").shape == (5, 4, 3)


def test_images_go_as_they_are(shown):
    png = shown(pixels(2, 2))
    assert shown(png) == shown(bytearray(png)) == png
    svg = b' <svg xmlns="http://www.w3.org/2000/svg"/>'
    assert shown(svg) == svg

    class Drawn:
        def _repr_svg_(self):
            return svg.decode()

        def _repr_png_(self):
            return None

    assert shown(Drawn()) == svg


def test_figure_of_matplotlib(shown):
    matplotlib.use("Agg")
    figure = matplotlib.pyplot.figure()
    matplotlib.pyplot.plot([1, 2])
    assert shown(figure).startswith(b"\x89PNG")
    matplotlib.pyplot.close(figure)


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        (3, TypeError, "not int"),
        ("picture.png", TypeError, "not str"),
        (b"text", TypeError, "these are none"),
        (pixels(2, 2, 2), ValueError, r"not \(2, 2, 2\)"),
        (memoryview(bytes(16)).cast("f", (2, 2)), TypeError, "uint8"),
    ],
)
def test_what_is_no_picture(what, error, words):
    with pytest.raises(error, match=words):
        penny.display(what)


def test_where_nobody_shows_pictures_a_line_of_text_stands_for_it(capsys):
    penny.display(pixels(2, 2))
    assert re.fullmatch(r"<a picture, \d+ bytes>\n", capsys.readouterr().out)


def test_notebook_shows_it(monkeypatch, capsys):
    shown = []
    display = types.SimpleNamespace(
        display=shown.append, SVG=lambda data: ("svg", data), Image=lambda data: ("image", data)
    )
    ipython = types.SimpleNamespace(get_ipython=lambda: object(), display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    penny.display(b"<svg/>")
    penny.display(pixels(1, 1))
    assert [kind for kind, _ in shown] == ["svg", "image"]
    assert capsys.readouterr().out == ""
