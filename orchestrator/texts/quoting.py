"""Makes what an agent or an issue wrote fit to stand among our own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from orchestrator.records import regex
from orchestrator.texts import markdown
from orchestrator.texts.markdown import BREAK

TAG_OPENER = regex.late(r"<(?=[A-Za-z/!?])")
COMMENT_OPENER = regex.late(r"<(?=!--)")
# Words by which a commit message or a title would switch the checks off.
SKIPS_CHECKS = regex.late(
    r"\[(?=(?:skip ci|ci skip|no ci|skip actions|actions skip)\])|(?<=skip-check)(?=s\s*:)",
    re.IGNORECASE,
)
FENCE = regex.late(r"^ {0,3}(`{3,}(?=[^`]*$)|~{3,})")
FENCE_END = regex.late(r"^ {0,3}(`{3,}|~{3,})[ \t]*$")
CONTAINED_FENCE = regex.late(r"^\s*(?:>|(?:[-*+]|\d{1,9}[.)])\s).*(?:```|~~~)")
BULLET = regex.late(r"^\s{0,3}(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(.*)$")
# One piece of code on a line; runs of several backticks are none here.
SPAN = regex.late(r"(`[^`]+`)")
Quote = Callable[[str, int], str]
OUR_TRAILER = regex.late(r"(?<=agent-os)(?=-[a-z]+\s*:)", re.IGNORECASE)


def flat(text: str, limit: int) -> str:
    """One line of at most `limit` characters that mentions, closes, hides and switches nothing.

    Fit for titles, commit messages, table cells and list items alike; "" where nothing is visible.
    Of a very long text only the beginning is looked at.
    """
    line = TAG_OPENER.sub(f"<{BREAK}", _seen(text, limit))
    line = SKIPS_CHECKS.sub(lambda found: found[0] + BREAK, line)
    line = OUR_TRAILER.sub(BREAK, line)
    return markdown.one_line(markdown.harmless_line(line), limit)


def said(text: str, limit: int) -> str:
    """As `flat`, for Markdown on GitHub: what stands there as code can be copied as it is.

    Cut first, for half a span is no code.
    """
    return _tamed(markdown.one_line(_seen(text, limit), limit))


def plain(text: str, limit: int) -> str:
    """As `flat`, for a file of ours and a terminal, where nobody is mentioned and nothing closed:
    all of it can be copied as it is."""
    return COMMENT_OPENER.sub(f"<{BREAK}", markdown.one_line(_seen(text, limit), limit))


def writable(text: str) -> str:
    """As it is, but that a file of ours can hold it: to git a path is bytes, and no UTF-8 maybe."""
    return text.encode("utf-8", "backslashreplace").decode()


def _seen(text: str, limit: int) -> str:
    return " ".join(markdown.visible(text[: 8 * limit + 1_000]).split())


def _tamed(line: str) -> str:
    """A line of Markdown that acts on nothing; a backtick that pairs with none on it is shown as
    an apostrophe, so that no other line decides what is code here."""
    told: list[str] = []
    for number, piece in enumerate(SPAN.split(line.replace("\\`", "'"))):
        if number % 2:
            shut = COMMENT_OPENER.sub(f"<{BREAK}", piece)
            told.append(markdown.without_closing(shut))
        else:
            open_ = TAG_OPENER.sub(f"<{BREAK}", piece.replace("`", "'"))
            told.append(markdown.harmless_line(open_))
    line = SKIPS_CHECKS.sub(lambda found: found[0] + BREAK, "".join(told))
    return OUR_TRAILER.sub(BREAK, line)


def prose(text: str, limit: int) -> str:
    """Markdown of at most about `limit` bytes that acts on nothing; every code block is closed.

    Cut at the end of a line, and said so. HTML shows as the text it is.
    """
    shown = markdown.visible(text[: 4 * limit]).strip("\n")
    tamed: list[str] = []
    spans = True  # whether a span of code is what it seems to be, on this line and all before
    for line, code in _surely_code(shown):
        if code:
            tamed.append(COMMENT_OPENER.sub(f"<{BREAK}", line))
            continue
        spans = spans and "``" not in line and 8 * len(line) < limit
        whole = markdown.harmless_line(TAG_OPENER.sub(f"<{BREAK}", line))
        tamed.append(_tamed(line) if spans else whole)
    return closed(markdown.truncated("\n".join(tamed), limit))


def cited(text: str, limit: int) -> str:
    """`prose` as a block quotation: somebody else's words, seen as such."""
    said = prose(text, limit)
    return "\n".join(f"> {line}".rstrip() for line in said.split("\n")) if said.strip() else ""


def listed(items: Iterable[str], limit: int, most: int, quote: Quote = said) -> str:
    """At most `most` items as a list, one line each, with a word on those left out."""
    lines = [line for line in (quote(item, limit) for item in items) if line]
    left_out = len(lines) - most
    more = [f"- and {left_out} more"] if left_out > 0 else []
    return "\n".join([*(f"- {line}" for line in lines[:most]), *more])


def path(name: str, limit: int = 160) -> str:
    """A path as code, "" for one without a visible character."""
    bare = bare_path(name, limit)
    return f"`{bare}`" if bare else ""


def bare_path(name: str, limit: int = 160) -> str:
    """A path without what would end the code or the line it stands in; a long one by its end."""
    bare = " ".join(markdown.clean(name[:4_096]).replace("`", "'").split())
    bare = COMMENT_OPENER.sub(f"<{BREAK}", bare)
    return bare if len(bare) <= limit else "..." + bare[3 - limit :]


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
        outside, fence = _step(line, fence)
        yield line, outside


def closed(text: str) -> str:
    """The text with its last code block closed, if it was left open."""
    fence = ""
    for line in text.split("\n"):
        _, fence = _step(line, fence)
    if not fence:
        return text
    return text + "\n" * (not text.endswith("\n")) + fence


def _step(line: str, fence: str) -> tuple[bool, str]:
    """Whether the line is outside, and the fence that is open after it."""
    match = (FENCE_END if fence else FENCE).match(line)
    if fence:
        ends = match and match[1].startswith(fence)
        return False, "" if ends else fence
    return match is None, match[1] if match else ""


def _surely_code(text: str) -> Iterator[tuple[str, bool]]:
    """Each line with whether every reader takes it for code.

    Two readings must agree, and none is trusted after a fence that stands in a list or quotation.
    """
    trusted = True
    for (line, code), (_, outside) in zip(markdown.lines(text), outside_code(text), strict=True):
        trusted = trusted and not CONTAINED_FENCE.match(line)
        yield line, code and not outside and trusted
