"""Sections fitted to a terminal of some width: what is cut, what is wrapped, in which columns."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

from orchestrator.texts.overview import Row, Section

# The first columns may take so much, so that the reason beside them has room.
NAME, MIDDLE, LEAST = 24, 26, 12
Line = tuple[str, str]  # the words, and the style in which they are shown


def lines(headline: str, sections: Sequence[Section], width: int) -> Iterator[Line]:
    """Every line of the screen with its style, none wider than `width`."""
    yield cut(headline, width), "bold"
    for section in sections:
        yield "", ""
        yield section.title, f"bold {section.style}".strip()
        yield from of_section(section, width)


def of_section(section: Section, width: int) -> Iterator[Line]:
    rows = [row.cells for row in section.rows if not row.below and len(row.cells) > 1]
    columns = max(map(len, rows), default=1) - 1
    taken = [
        max((cells(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(columns)
    ]
    widths = [min(pair) for pair in zip((NAME, *[MIDDLE] * columns), taken, strict=False)]
    for row in section.rows:
        yield from of_row(row, widths, width, section.lines)


def of_row(row: Row, widths: Sequence[int], width: int, most: int) -> Iterator[Line]:
    """The first columns padded or cut, the last one wrapped into at most so many lines."""
    *first, last = row.cells
    head = "    " if row.below else "  "
    for cell, room in zip(first, widths, strict=False):
        part = cut(cell, room)
        head += part + " " * (room - cells(part) + 2)
    indent = cells(head)
    for i, piece in enumerate(pieces(last, max(LEAST, width - indent), 1 if row.below else most)):
        yield cut(((head if i == 0 else " " * indent) + piece).rstrip(), width), row.style


def pieces(words: str, room: int, most: int) -> list[str]:
    """The words in at most so many lines; what does not fit is cut with a mark."""
    if most == 1:
        return [cut(words, room)]
    broken = textwrap.wrap(words, room) or [""]
    if len(broken) > most:
        broken[most - 1 :] = [" ".join(broken[most - 1 :])]
    return [cut(line, room) for line in broken]


def cut(text: str, width: int) -> str:
    """As much of the text as fits, a mark at its end where that is not all."""
    if cells(text) <= width:
        return text
    kept, taken = [], 0
    for letter in text:
        taken += cells(letter)
        if taken > width - 1:
            break
        kept.append(letter)
    return "".join(kept) + "…"


def cells(text: str) -> int:
    """How many places of a terminal's line the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) or unicodedata.category(letter) in {"Cf", "Mn"}
        else 2 if unicodedata.east_asian_width(letter) in {"W", "F"}
        else 1
        for letter in text
    )  # fmt: skip
