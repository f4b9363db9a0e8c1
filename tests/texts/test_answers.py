"""The value in an agent's answer."""

from __future__ import annotations

import contextlib
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from orchestrator.texts import answers
from orchestrator.texts.answers import Unusable


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=9)]
    count: int = 0


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "a", "count": 2}',
        'Here it is:\n```json\n{"name": "a",\n "count": 2}\n```\nDone.',
        'I think {not json} and say {"name": "a", "count": 2} at the end.',
        '```\n{"x": 1}\n```\nno, better:\n```json\n{"name": "a", "count": 2}\n```',
        '\ufeff \n{"name": "a", "count": 2}\n',
    ],
)
def test_the_object_is_found_whatever_stands_around_it(text):
    assert answers.value(text.lstrip("\ufeff"), Shape) == Shape("a", 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no whole JSON object"),
        ("yes", "no whole JSON object"),
        ("[1, 2]", "no whole JSON object"),
        ('{"name": "a"', "no whole JSON object"),
        ('{"count": 2}', "missing required field `name`"),
        ('{"name": 3}', "Expected `str`"),
        ('{"name": "a", "repo": "o/r"}', "unknown field `repo`"),
        ('{"name": "much too long"}', "length <= 9"),
        ("{" * 100_000, "no whole JSON object"),
    ],
)
def test_what_is_not_of_the_shape_is_refused_with_the_reason(text, why):
    with pytest.raises(Unusable, match=why.replace("`", ".")):
        answers.value(text, Shape)


@settings(max_examples=80, deadline=None)
@given(st.text('{}[]":,`\n ajsonme1', max_size=300))
def test_it_never_fails_in_any_other_way(text):
    with contextlib.suppress(Unusable):
        assert isinstance(answers.value(text, Shape), Shape)
