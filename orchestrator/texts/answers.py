"""The value in an agent's answer: the JSON object that it ends with, whatever stands around it."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from orchestrator.records import regex

LIMIT = 60_000  # characters of an answer that are looked at, its end
FENCED = regex.late(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)
TRIES = 50  # openings of an object that are tried

Shape = TypeVar("Shape")


class Unusable(Exception):
    """The answer holds no such value; the words are for whoever is asked again."""


def value(text: str, shape: type[Shape]) -> Shape:
    """The last object in the text, strictly of this shape; raises Unusable."""
    text = text[-LIMIT:].strip()
    found = next((one for one in _candidates(text) if _is_object(one)), None)
    if found is None:
        raise Unusable("there is no whole JSON object in the answer")
    try:
        return msgspec.json.decode(found, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
        raise Unusable(str(wrong)[:300]) from None


def _candidates(text: str) -> list[str]:
    """Where an object may be, the likeliest first: all, a fenced block, from some brace on."""
    fenced = [match[1].strip() for match in FENCED.finditer(text)][::-1]
    end = text.rfind("}") + 1
    starts = [place for place, letter in enumerate(text[:end]) if letter == "{"]
    return [text, *fenced, *(text[start:end] for start in starts[:TRIES])]


def _is_object(text: str) -> bool:
    if not text.startswith("{"):
        return False
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
