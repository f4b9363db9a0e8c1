"""What has to be repaired, told to the agent that is to do it and on the issue."""

from __future__ import annotations

import re

from orchestrator.records import regex
from orchestrator.records.task import RepairItem, RepairKind
from orchestrator.texts import markdown, quoting

COMMENT_BYTES = 20_000  # of the logs in one comment on an issue
STAMP = regex.late(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ", re.MULTILINE)
COLOUR = regex.late(r"\x1b\[[0-9;?]*[A-Za-z]")
FAILING = "##[error]"
ADDRESS = regex.late(r"https?://[^\s<>()\[\]\\\"'`]{1,500}")

SLACK = 80  # bytes for the fences of an item, or for the word on what is left out
LEAST = 200  # bytes of an item's text below which it is not worth showing
NAMES = {
    RepairKind.CHECK: "check, red",
    RepairKind.THREAD: "review thread",
    RepairKind.COMMENT: "comment",
    RepairKind.CONFLICT: "conflict",
    RepairKind.SUSPICION: "change of yours in question",
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


def log_text(raw: str) -> str:
    """A log as it is worth reading: without time stamps and colours, and only up to its failure.

    What Actions writes after the step that failed tidies up and says nothing.
    """
    plain = markdown.clean(STAMP.sub("", COLOUR.sub("", raw)))
    lines = plain.rstrip("\n").split("\n")
    errors = [number for number, line in enumerate(lines) if line.startswith(FAILING)]
    return "\n".join(lines[: errors[-1] + 1] if errors else lines)


def failure_comment(items: tuple[RepairItem, ...], head: str, course: str, *, marker: str) -> str:
    """The failed checks of a head with their links, and the end of each log, folded away.

    `course` is a sentence of ours on what happens next. The texts are redacted already.
    """
    named = [f"- {_link(item)}" for item in items]
    told = [f"Checks failed on `{head[:12]}`:", "\n".join(named), course]
    room = COMMENT_BYTES
    for index, item in enumerate(items):
        share = room // (len(items) - index) - 2 * SLACK
        kept = markdown.last_lines(markdown.clean(item.text), max(0, share))
        if not kept.strip():
            continue
        fenced = markdown.fence(kept)
        if size(fenced) > share + 2 * SLACK:
            continue
        told.append(f"<details><summary>{_name(item)}</summary>\n\n{fenced}\n\n</details>")
        room -= size(fenced)
    return "\n\n".join([*told, marker])


def _link(item: RepairItem) -> str:
    name = _name(item)
    return f"[{name}]({item.url})" if ADDRESS.fullmatch(item.url) else name


def _name(item: RepairItem) -> str:
    return quoting.flat(item.where, 120).replace("[", "(").replace("]", ")")
