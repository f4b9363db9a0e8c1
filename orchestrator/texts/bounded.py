"""Text in a number of bytes, by whole items: what does not fit is left out and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.texts import quoting

NOTE = 64  # bytes that are kept for the line on what was left out
LEAST = 400  # bytes of a long text that are worth to be shown
ITEM = regex.late(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+\S|^\s*\|")
HEADING = regex.late(r"^ {0,3}#{1,6}\s+\S")
# In half a diff the other half is missing; half a log is still a log.
ONLY_WHOLE = regex.late(r"^\s*(?:`{3,}|~{3,})\s*(?:diff|patch)\b", re.IGNORECASE)
END = regex.late(r"[.!?:;][\"')\]]{0,3}(?= |$)")


class Part(Struct, frozen=True, kw_only=True):
    """A paragraph, a list item, a row, a heading or a block of code, as it was written."""

    text: str
    apart: bool  # whether a blank line stood before it
    code: bool = False


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))


def whole(items: Iterable[str], room: int, *, what: str, apart: str = "\n\n") -> str:
    """The first items that fit as a whole; of the others only their number is told."""
    kept: list[str] = []
    left_out = 0
    left = room - NOTE
    for item in items:
        cost = size(item) + len(apart)
        if left_out or cost > left:
            left_out += 1
            continue
        kept.append(item)
        left -= cost
    if left_out and room >= NOTE:
        kept.append(f"({left_out} more {what} left out)")
    return apart.join(kept)


def shared(items: Iterable[tuple[str, str]], room: int, *, what: str) -> str:
    """As `whole`, of texts with a heading each; one that is too long does not hide the others.

    Each may take half of what is left, or all that those after it do not need, and is cut to that.
    """
    told = [(head, text, size(head) + size(text) + 2) for head, text in items]
    after = sum(cost for _, _, cost in told)
    left = room - NOTE
    fitted: list[str] = []
    for head, text, cost in told:
        after -= cost
        share = max(left // 2, left - after) - size(head) - 2
        fitted.append(head + (prose(text, share) if share >= LEAST else text))
        left -= size(fitted[-1]) + 2
    return whole(fitted, room, what=what)


def prose(text: str, room: int, *, what: str = "parts") -> str:
    """Markdown in at most `room` bytes: its first parts, and how many more there are.

    Parts are paragraphs, list items, headings and blocks of code. Of the first that does not fit
    its first whole sentences or lines of code are kept; no sentence is ever cut, no block of
    code left open, and no heading left alone.
    """
    text = text.strip("\n")
    if size(text) <= room:
        return text
    told = list(_parts(text))
    kept: list[Part] = []
    left = room - NOTE
    for part in told:
        cost = size(part.text) + 2
        if cost > left:
            some = _beginning(part, left - 2)
            if some:
                kept.append(Part(text=some, apart=part.apart, code=part.code))
            break
        kept.append(part)
        left -= cost
    while kept and HEADING.match(kept[-1].text) and not kept[-1].code:
        kept.pop()
    begun = bool(kept) and kept[-1].text != told[len(kept) - 1].text
    left_out = len(told) - len(kept) + begun
    note = f"({left_out} more {what} left out)" if room >= NOTE else ""
    shown = "".join(f"{_gap(part, first=n == 0)}{part.text}" for n, part in enumerate(kept))
    return "\n\n".join(filter(None, (shown, note)))


def _gap(part: Part, *, first: bool) -> str:
    return "" if first else "\n\n" if part.apart else "\n"


def _parts(text: str) -> Iterator[Part]:
    """What a text consists of, in order; nothing of it is lost but blank lines."""
    open_: list[str] = []
    apart = inside = False

    def done() -> Iterator[Part]:
        if open_:
            yield Part(text="\n".join(open_), apart=apart, code=inside)
            open_.clear()

    blank = False
    for line, outside in quoting.outside_code(text):
        fence_begins = not outside and not inside
        if outside and not line.strip():
            yield from done()
            inside, blank = False, True
            continue
        begins = not open_ or fence_begins or (outside and inside)
        begins = begins or (outside and bool(ITEM.match(line) or HEADING.match(line)))
        begins = begins or (not inside and bool(HEADING.match(open_[-1])))
        begins = begins or (inside and not outside and _ended(open_))
        if begins:
            yield from done()
            apart, inside = blank, not outside
        open_.append(line)
        blank = False
    yield from done()


def _ended(block: list[str]) -> bool:
    """Whether a block of code has had its last fence: the next one directly below is another."""
    opening = quoting.FENCE.match(block[0])
    ending = quoting.FENCE_END.match(block[-1])
    ends = len(block) > 1 and opening and ending
    return bool(ends and ending and opening and ending[1].startswith(opening[1]))


def _beginning(part: Part, room: int) -> str:
    """As much of a part as makes sense alone; "" where that is nothing."""
    if part.code:
        return "" if ONLY_WHOLE.match(part.text) else _first_lines(part.text, room)
    if HEADING.match(part.text) or part.text.lstrip().startswith("|"):
        return ""
    flat = " ".join(part.text.split())
    fitting = [end for match in END.finditer(flat) if size(flat[: (end := match.end())]) <= room]
    return flat[: fitting[-1]] if fitting else ""


def _first_lines(block: str, room: int) -> str:
    first, *lines = block.split("\n")
    fence = quoting.FENCE.match(first)
    if fence is None:
        return ""
    left = room - size(first) - len(fence[1]) - 2
    kept: list[str] = []
    for line in lines:
        left -= size(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([first, *kept, fence[1]]) if kept else ""
