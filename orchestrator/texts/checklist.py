"""A checklist of ours as people tick it on GitHub."""

from __future__ import annotations

from orchestrator.records import regex
from orchestrator.texts import markdown

OPEN = regex.late(r"(?m)^[ \t]*[-*+] \[ \] +(\S.*?)[ \t\r]*$")


def open_items(text: str) -> tuple[str, ...]:
    """The items that nobody has ticked, in their order, without what kept them harmless there."""
    return tuple(OPEN.findall(markdown.clean(text)))
