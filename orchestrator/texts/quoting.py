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
BULLET = re.compile(r"^\s{0,3}(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(.*)$")
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


def passages(text: str) -> tuple[str, ...]:
    """What blank lines part: paragraphs, lists and code blocks, each whole."""
    blocks: list[list[str]] = [[]]
    for line, prose_line in outside_code(text):
        if prose_line and not line.strip():
            blocks.append([])
        else:
            blocks[-1].append(line)
    return tuple("\n".join(block) for block in blocks if block)


def items(text: str) -> tuple[str, ...]:
    """The items of the lists in a text, each with its further lines, on one line."""
    found: list[str] = []
    for block in passages(text):
        inside = False
        for line in block.split("\n"):
            bullet = BULLET.match(line)
            if bullet:
                found.append(bullet[1].strip())
            elif inside:
                found[-1] += f" {line.strip()}"
            inside = inside or bool(bullet)
    return tuple(item for item in found if item)


def nearest(asked: str, among: Iterable[str]) -> str:
    """The text that holds most of the words asked for, the first of equals; "" below half."""
    words = set(re.findall(r"\w{3,}", asked.casefold()))
    best, most = "", 0.5 * len(words)
    for text in among:
        shared = len(words & set(re.findall(r"\w{3,}", text.casefold())))
        if shared and (shared > most or (not best and shared >= most)):
            best, most = text, shared
    return best


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
