"""What has to be repaired, told to the agent that is to do it."""

from __future__ import annotations

from orchestrator.records.task import RepairItem, RepairKind
from orchestrator.texts import markdown

SLACK = 80  # bytes for the fences of an item, or for the word on what is left out
LEAST = 200  # bytes of an item's text below which it is not worth showing
NAMES = {
    RepairKind.CHECK: "check, red",
    RepairKind.THREAD: "review thread",
    RepairKind.COMMENT: "comment",
    RepairKind.CONFLICT: "conflict",
}
EMPTY = "(it left no text that could be read)"
TOO_LONG = "(too long to show here)"


def section(items: tuple[RepairItem, ...], room: int) -> str:
    """The items by number in at most `room` bytes; each is named, its text is cut to its share.

    Of a check's log the end is kept, of what somebody wrote the beginning, both by whole lines.
    Items that cannot even be named are counted.
    """
    told: list[str] = []
    for index, item in enumerate(items):
        head = _head(item)
        share = room // (len(items) - index) - size(head) - 2 * SLACK
        text = f"{head}\n\n{_text(item, share)}"
        if size(text) + SLACK > room:
            told.append(f"({len(items) - index} more items left out)")
            break
        told.append(text)
        room -= size(text) + 2
    return "\n\n".join(told)


def size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _head(item: RepairItem) -> str:
    where = markdown.one_line(item.where, 200)
    by = f", by {markdown.one_line(item.author, 60)}" if item.author else ""
    return f"### Item {item.number} ({NAMES[item.kind]}{by}): {where}"


def _text(item: RepairItem, room: int) -> str:
    text = markdown.clean(item.text).strip("\n")
    if not text.strip():
        return EMPTY
    if item.kind is RepairKind.CHECK:
        kept = markdown.last_lines(text, room)
    else:
        kept = markdown.truncated(text, room) if room > LEAST else ""
    fenced = markdown.fence(kept) if kept.strip() else TOO_LONG
    # A text that is one run of backticks needs a fence as long as itself.
    return fenced if size(fenced) <= max(room, LEAST) + SLACK else TOO_LONG
