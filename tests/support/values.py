"""Any value of any record, for property tests: a strategy made from the types of its fields."""

from __future__ import annotations

import types
import typing
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

LETTERS = st.characters(exclude_categories=("Cs",))
TEXT = st.text(LETTERS, max_size=20)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    type(None): st.none(),
    date: st.dates(),
    datetime: st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    Any: st.none() | st.booleans() | TEXT | st.lists(TEXT, max_size=2),
}


@cache
def of(kind: Any) -> st.SearchStrategy[Any]:
    if kind in SIMPLE:
        return SIMPLE[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated and arguments[0] is str:
        (bounds,) = (one for one in arguments[1:] if isinstance(one, msgspec.Meta))
        least = bounds.min_length or 0
        return st.text(LETTERS, min_size=least, max_size=min(bounds.max_length or 20, least + 20))
    if origin is typing.Annotated:
        return of(arguments[0])
    if origin in {typing.Union, types.UnionType}:
        return st.one_of([of(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*(of(argument) for argument in arguments))
    if origin is tuple:
        return st.lists(of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(of(arguments[0]), of(arguments[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = {field.name: of(hints[field.name]) for field in msgspec.structs.fields(kind)}
        return st.fixed_dictionaries(fields).map(lambda values: kind(**values))
    raise TypeError(f"no strategy for {kind!r}: add it here")
