"""Reading what programs print as JSON: a line for each event, or one object at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

Shape = TypeVar("Shape")


def lines(text: str, shape: type[Shape]) -> Iterator[Shape]:
    """Every line that is a JSON object of this shape, in order; other lines are passed over."""
    for line in text.splitlines():
        if line.startswith("{"):
            found = decoded(line, shape)
            if found is not None:
                yield found


def last(text: str, shape: type[Shape]) -> Shape | None:
    """The object that a text ends with, on one line or printed over several; None without one."""
    text = text.rstrip()
    if not text.endswith("}"):
        return None
    one_line = decoded(text.rpartition("\n")[2], shape)
    if one_line is not None:
        return one_line
    start = ("\n" + text).rfind("\n{")
    return decoded(text[start:], shape) if start >= 0 else None


def decoded(text: str, shape: type[Shape]) -> Shape | None:
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def words(*values: Any) -> str:
    """The first that is a text and not empty; programs put many things where a text should be."""
    return next((value for value in values if isinstance(value, str) and value), "")


def count(value: Any) -> int | None:
    """A number of tokens; None for whatever else stands there."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value >= 0 else None


def amount(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < 1e12 else None


def total(*values: int | None) -> int | None:
    """The sum of those that were told; None when none was."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
