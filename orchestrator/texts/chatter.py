"""What a program at work said last, from the end of its log, in lines that a person can read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from orchestrator.records import regex

ESCAPES = regex.late(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
# In an event that a program printed as JSON, what says most of it, the most telling first.
TELLING = (
    "command", "file_path", "filePath", "path", "pattern", "query", "url", "text", "thought",
    "result", "message", "content", "error", "description",
)  # fmt: skip
TOOLS = ("tool", "tool_name", "name")
DEEPEST = 8
CODE = regex.late(r"`([^`]+)`")


def last(lines: Sequence[str], most: int, width: int) -> tuple[str, ...]:
    """The last `most` lines that say something, the oldest first, each at most `width` long.

    For redacted text only: it is cut here.
    """
    found: list[str] = []
    for line in reversed(lines):
        if len(found) == most:
            break
        said = spoken(line)
        if said and said not in found[-1:]:
            found.append(said if len(said) <= width else said[: width - 1] + "…")
    return tuple(reversed(found))


def spoken(line: str) -> str:
    """One line as a person reads it; "" for one that tells a program something, and nobody else."""
    plain = flat(line)
    if not plain.startswith("{"):
        return plain if any(letter.isalnum() for letter in plain) else ""
    try:
        event = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return plain
    return of_event(event) if isinstance(event, dict) else plain


def of_event(event: dict[str, Any]) -> str:
    """The tool that is used, and on what, or what is said."""
    said = list(texts(event, 0))
    found = next((text for key in TELLING for name, text in said if name == key), "")
    tool = next((text for name, text in said if name in TOOLS and len(text) < 40), "")
    return flat(f"{tool}: {found}" if tool and found else found)


def texts(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Every text in an event with its key, those of a list's last parts included."""
    if depth > DEEPEST or not isinstance(value, dict | list):
        return
    pairs = value.items() if isinstance(value, dict) else (("", one) for one in value)
    for key, inner in pairs:
        if isinstance(inner, str):
            if inner.strip():
                yield str(key), inner
        else:
            yield from texts(inner, depth + 1)


def flat(text: str) -> str:
    """One line without what would move a terminal's cursor, colour it, or is copied unseen."""
    return " ".join(visible(text[:20_000]).split())


def visible(text: str) -> str:
    """The same of a line of ours, whose spaces stand where they should."""
    kinds = ((c, unicodedata.category(c)) for c in ESCAPES.sub("", text))
    return "".join(
        "" if kind == "Cf" else " " if kind.startswith(("C", "Z")) else c for c, kind in kinds
    )
