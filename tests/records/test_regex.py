"""Patterns that are compiled late are the same patterns, and all of them compile."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from orchestrator.records import regex

HOUSE = Path(__file__).resolve().parents[2] / "orchestrator"


def users() -> Iterator[str]:
    for path in sorted(HOUSE.rglob("*.py")):
        if "regex.late(" in path.read_text(encoding="utf-8"):
            yield ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts)


def inside(value: object) -> Iterator[regex.Late]:
    if isinstance(value, regex.Late):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from inside(item)
    elif isinstance(value, dict):
        yield from inside(list(value.values()))
    elif isinstance(value, msgspec.Struct):
        yield from inside(msgspec.structs.astuple(value))


def test_it_answers_as_the_compiled_pattern_does() -> None:
    asked = regex.late(r"(?P<word>[a-z]+)-(\d+)", re.IGNORECASE)
    for _ in range(2):
        found = asked.fullmatch("Ab-12")
        assert found is not None and (found["word"], found[2]) == ("Ab", "12")
    assert asked.sub("x", "a-1 b-2") == "x x"
    assert asked.search("none") is None


@pytest.mark.parametrize("name", list(users()))
def test_every_late_pattern_compiles(name: str) -> None:
    found = [late for value in vars(importlib.import_module(name)).values()
             for late in inside(value)]  # fmt: skip
    assert found
    assert all(late.pattern for late in found)
