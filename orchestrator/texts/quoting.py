"""Makes what an agent or an issue wrote fit to stand among our own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from orchestrator.texts import markdown
from orchestrator.texts.markdown import BREAK

TAG_OPENER = re.compile(r"<(?=[A-Za-z/!?])")
COMMENT_OPENER = re.compile(r"<(?=!--)")
# Words by which a commit message or a title would switch the checks off.
SKIPS_CHECKS = re.compile(
    r"\[(?=(?:skip ci|ci skip|no ci|skip actions|actions skip)\])|(?<=skip-check)(?=s\s*:)",
    re.IGNORECASE,
)
OUR_TRAILER = re.compile(r"(?<=agent-os)(?=-[a-z]+\s*:)", re.IGNORECASE)


def flat(text: str, limit: int) -> str:
    """One line of at most `limit` characters that mentions, closes, hides and switches nothing.

    Fit for titles, commit messages, table cells and list items alike; "" where nothing is visible.
    """
    line = " ".join(markdown.visible(text).split())
    line = TAG_OPENER.sub(f"<{BREAK}", line)
    line = SKIPS_CHECKS.sub(lambda found: found[0] + BREAK, line)
    line = OUR_TRAILER.sub(BREAK, line)
    return markdown.one_line(markdown.harmless_line(line), limit)


def prose(text: str, limit: int) -> str:
    """Markdown of at most about `limit` bytes that acts on nothing; every code block is closed.

    Cut at the end of a line, and said so. HTML shows as the text it is.
    """
    shown = markdown.visible(text).strip("\n")
    tamed = "\n".join(
        (COMMENT_OPENER if code else TAG_OPENER).sub(f"<{BREAK}", line)
        for line, code in markdown.lines(shown)
    )
    return closed(markdown.truncated(markdown.harmless(tamed), limit))


def cited(text: str, limit: int) -> str:
    """`prose` as a block quotation: somebody else's words, seen as such."""
    said = prose(text, limit)
    return "\n".join(f"> {line}".rstrip() for line in said.split("\n")) if said.strip() else ""


def listed(items: Iterable[str], limit: int, most: int) -> str:
    """At most `most` items as a list, one line each, with a word on those left out."""
    lines = [line for line in (flat(item, limit) for item in items) if line]
    left_out = len(lines) - most
    more = [f"- and {left_out} more"] if left_out > 0 else []
    return "\n".join([*(f"- {line}" for line in lines[:most]), *more])


def path(name: str, limit: int = 160) -> str:
    """A path as code; what would end the code or the line is replaced."""
    bare = " ".join(markdown.clean(name).replace("`", "'").split())
    return f"`{bare if len(bare) <= limit else '...' + bare[-limit:]}`"


def outside_code(text: str) -> Iterator[tuple[str, bool]]:
    """Each line with whether it is outside of code blocks, a block's fences being inside.

    Unlike `markdown.lines` it minds nothing but fences, so that texts which are each balanced
    stay so in any order.
    """
    fence = ""
    for line in text.split("\n"):
        opening = None if fence else markdown.FENCE.match(line)
        yield line, not (fence or opening)
        if opening:
            fence = opening[2]
        elif fence and _ends(line, fence):
            fence = ""


def closed(text: str) -> str:
    """The text with its last code block closed, if it was left open."""
    fence = ""
    for line in text.split("\n"):
        opening = None if fence else markdown.FENCE.match(line)
        if opening:
            fence = opening[2]
        elif fence and _ends(line, fence):
            fence = ""
    return f"{text}\n{fence}" if fence else text


def _ends(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and bare == fence[0] * len(bare)
