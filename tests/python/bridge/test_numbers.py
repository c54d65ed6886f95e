"""Numbers that cross a language, as the build writes them down."""

from collections import defaultdict
from pathlib import Path
from re import M, S, findall

from penny.bridge import numbers

SCRIPT = (Path(__file__).parents[3] / "web/penny/core/layout.js").read_text()


def sets() -> dict[str, dict[str, int]]:
    return {
        name: {word: number for word, number in vars(each).items() if isinstance(number, int)}
        for name, each in vars(numbers).items()
        if isinstance(each, type)
    }


def test_one_word_has_one_number():
    found = defaultdict(set)
    for words in sets().values():
        for word, number in words.items():
            found[word].add(number)
    assert found["RETURNED"] and found["TIMED_OUT"]
    several = {"BYTES"}  # of records
    assert not {word for word, all in found.items() if len(all) > 1} - several


def test_no_set_has_a_number_twice():
    for name, words in sets().items():
        if name not in ("Code", "Handle"):  # which have bits and sizes
            assert len(set(words.values())) == len(words), name


def test_javascript_has_the_same():
    for name, words in sets().items():
        (body,) = findall(rf"^export const {name} = {{\n(.*?)^}};$", SCRIPT, M | S)
        there = {word: int(number) for word, number in findall(r"(\w+): (-?\d+)", body)}
        assert {word: there[word] for word in words} == words
