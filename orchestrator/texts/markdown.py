"""Markdown as data: cleaning what strangers wrote, finding sections, and quoting without harm."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby

from orchestrator.records import regex

FENCE = regex.late(r"^( {0,3})(`{3,}|~{3,})([^`]*)$")
HTML_BLOCK = regex.late(r"^ {0,3}</?[A-Za-z]")
RAW_BLOCK = regex.late(r"^ {0,3}<(pre|script|style|textarea)\b", re.IGNORECASE)
RAW_END = regex.late(r"</(pre|script|style|textarea)\s*>", re.IGNORECASE)
HEADING = regex.late(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
BOLD_LINE = regex.late(r"^\s*(?:\*\*|__)([A-Za-z][A-Za-z ]+?)\s*:?\s*(?:\*\*|__)\s*:?\s*(.*)$")
NAMED_LINE = regex.late(r"^\s*([A-Za-z][A-Za-z ]+?)\s*:\s*(.*)$")
TAG = regex.late(
    r"<(/?[A-Za-z][A-Za-z0-9-]*+)((?:\s++[^\s\"'<>/=]++"
    r"(?:\s*+=\s*+(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|[^\s\"'=<>`]++))?)*)\s*+/?>"
)
# What may be meant as one; an address in angle brackets is none.
TORN_TAG = regex.late(
    r"<(?![A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*>|[^\s<>@]{1,99}@[^\s<>]+>)"
    r"(/?[A-Za-z][A-Za-z0-9-]*)\b([^<>]*)>"
)
# What HTML has besides tags and comments, and shows to nobody; its first word says what it is.
DECLARATION = regex.late(
    r"<(?:\?[ ]?(?P<order>[A-Za-z]{0,20})|!\[CDATA\[|!(?P<kind>[A-Za-z]{1,20}))"
)
DECLARED_BLOCK = regex.late(r"^ {0,3}<(?:\?|!\[CDATA\[|![A-Za-z])")
NEARBY = 4_000  # characters of one that begins within a line
KEPT_ATTRIBUTE = regex.late(r"""\b(href|src)\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
IMAGE = regex.late(r"!\[(?:[^\]\[]|\[[^\]\[]*\]){0,1000}\]")
LINK_TITLE = regex.late(
    r"""(\]\(\s*(?:<[^<>\n]*>|[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*))"""
    r"""\s+("[^"]*"|'[^']*'|\([^()]*\))\s*\)"""
)
DEFINITION = regex.late(r"^ {0,3}\[[^\]]*\]:\s*(\S*).*$")
LATER_TITLE = regex.late(
    r"""^( {0,3}\[[^\]\n]{1,999}\]:(?:[ \t]*\n)?[ \t]*\S+)"""
    r"""[ \t]*\n?[ \t]*("[^"]*"|'[^']*'|\([^()]*\))[ \t]*$""", re.MULTILINE
)
# Of more than 40 characters: GitHub shows none of it, and a name needs no more.
LABEL = regex.late(r"(?<=\]\[)[^\]\[]{41,}(?=\])|^( {0,3}\[)[^\]\[]{41,}(?=\]:)", re.MULTILINE)
INFO = 30  # characters of a fence's language
# Characters that show nothing, although Unicode counts them among marks and letters.
BLANK = regex.late(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    r"\U000e0100-\U000e01ef]"
)
MENTION = regex.late(r"@(?=[A-Za-z0-9])")


KEPT_BELOW = 0x3000  # what is rarer is not worth its place in memory


class Shown(dict[int, int | None]):
    """A table for `str.translate`: each character as it is, without those that show nothing."""

    def __missing__(self, code: int) -> int | None:
        letter = chr(code)
        hidden = letter not in "\n\t" and unicodedata.category(letter) in {"Cc", "Cf", "Cs"}
        shown = None if hidden else code
        if code < KEPT_BELOW:
            self[code] = shown
        return shown


SHOWN = Shown()
CLOSING = regex.late(
    r"\b([cC]|[fF]|[rR])(?=(?:los(?:e|es|ed)|ix(?:es|ed)?|esolv(?:e|es|ed))\b[\s:*_]*"
    r"(?:[\w.-]+/[\w.-]+)?(?:\#\d|GH-\d|https?://))",
    re.IGNORECASE,
)
BREAK = "\u200b"
CUT = "[shortened]"
LEFT_OUT = "[%d more characters left out]"
SENTENCE_END = regex.late(r"([.!?:;][\"')\]]{0,3})(?= |$)")

SECTIONS = frozenset({
    "goal", "success criteria", "acceptance criteria", "constraints", "context", "task type",
    "deliverable", "priority", "agent preference", "outcome checks", "base branch", "branch",
    "dependencies",
})


def clean(text: str) -> str:
    """NFC text with `\\n` line ends and no zero-width, bidirectional or control character (S8)."""
    shown = BLANK.sub("", re.sub(r"\r\n?|[\u2028\u2029]", "\n", text))
    return unicodedata.normalize("NFC", shown).translate(SHOWN)


def lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line with whether it is code: inside a fence, or a fence itself.

    Where a reader of GitHub might see something else, a line counts as prose, because prose is
    what gets cleaned: a fence opens neither inside an HTML comment nor inside an HTML block, and
    one that is indented ends at the first line that is less indented.
    """
    fence, indent, hidden, raw, block, declared = "", 0, False, False, False, ""
    for line in text.split("\n"):
        if fence:
            shallow = line.strip() != "" and len(line) - len(line.lstrip(" ")) < indent
            if not shallow:
                yield line, True
                if _closes(line, fence):
                    fence = ""
                continue
            fence = ""
        opening = None if hidden or raw or block or declared else FENCE.match(line)
        if opening:
            indent, fence = len(opening[1]), opening[2]
            yield line, True
            continue
        begun = None if hidden or declared else DECLARED_BLOCK.match(line)
        declared = _ending(begun[0].strip()) if begun else declared
        declared = "" if declared in line else declared
        hidden = _ends_inside_comment(line, hidden)
        raw = (raw or bool(RAW_BLOCK.match(line))) and not RAW_END.search(line)
        block = line.strip() != "" and (block or bool(HTML_BLOCK.match(line)))
        yield line, False


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and bare == fence[0] * len(bare)


def _ends_inside_comment(line: str, hidden: bool) -> bool:
    return line.rfind("<!--") > line.rfind("-->") or (hidden and "-->" not in line)


def without_comments(text: str) -> str:
    """The text less its HTML comments, an unclosed one to the end; code blocks stay whole."""
    kept: list[str] = []
    hidden = False
    for line, code in lines(text):
        if code:
            kept.append(line)
            continue
        shown, hidden = _outside(line, hidden=hidden)
        if shown.strip() or not line.strip():
            kept.append(shown)
    return "\n".join(kept)


def _outside(line: str, *, hidden: bool) -> tuple[str, bool]:
    """The line without its comments, and whether one is still open at its end."""
    pieces: list[str] = []
    position = 0
    while position < len(line):
        mark = "-->" if hidden else "<!--"
        found = line.find(mark, position)
        end = len(line) if found < 0 else found
        if not hidden:
            pieces.append(line[position:end])
        position = end + len(mark)
        hidden = hidden != (found >= 0)
    return "".join(pieces), hidden


def visible(text: str) -> str:
    """What a reader of the rendered text sees, and code as it is (S8).

    Comments, invisible characters, image texts, link titles, invisible link definitions, what
    stands in HTML's declarations and the attributes of its tags (except where they lead) are
    gone. A folded passage stays: a click shows it.
    """
    kept: list[str] = []
    for passage, code in _passages(without_comments(clean(text))):
        kept.append(_block(passage) if code else _shown(passage))
    return "\n".join(kept)


def _passages(text: str) -> Iterator[tuple[str, bool]]:
    """The lines in runs of prose and of code: what hides may run over several lines."""
    for code, run in groupby(lines(text), key=lambda line: line[1]):
        yield "\n".join(line for line, _ in run), code


def _block(code: str) -> str:
    """Code blocks as they are, but of what follows the opening fence only the language."""
    kept: list[str] = []
    fence = ""
    for line in code.split("\n"):
        opening = None if fence else FENCE.match(line)
        if opening:
            fence = opening[2]
            language = opening[3].split(maxsplit=1)[:1]
            kept.append(opening[1] + fence + "".join(language)[:INFO])
            continue
        if fence and _closes(line, fence):
            fence = ""
        kept.append(line)
    return "\n".join(kept)


def _shown(prose: str) -> str:
    prose = TORN_TAG.sub(_bare_tag, TAG.sub(_bare_tag, _undeclared(prose)))
    prose = LINK_TITLE.sub(r"\1)", IMAGE.sub("![image]", prose))
    prose = LABEL.sub(r"\1...", LATER_TITLE.sub(r"\1", prose))
    kept: list[str] = []
    for line in prose.split("\n"):
        definition = DEFINITION.match(line)
        if not definition:
            kept.append(line)
        elif definition[1][:1] not in {"#", "<", ""}:
            kept.append(line.partition("]:")[0] + "]: " + definition[1])
    return "\n".join(kept)


def _undeclared(prose: str) -> str:
    """Without what declarations hold: who writes about `<!DOCTYPE html>` is still understood.

    One that begins a line and has no end reaches to the end of the text, as GitHub has it.
    """
    pieces: list[str] = []
    position = 0
    for found in DECLARATION.finditer(prose):
        if found.start() < position:
            continue
        order, kind = found["order"], found["kind"]
        ending = _ending(found[0])
        before = prose[max(0, found.start() - 3) : found.start()].rpartition("\n")[2]
        opens_line = not before.strip()
        last = len(prose) if opens_line else found.end() + NEARBY
        end = prose.find(ending, found.end(), last)
        if end < 0 and not opens_line:
            continue
        pieces.append(prose[position : found.start()])
        pieces.append(f"<?{order}?>" if order is not None else f"<!{kind}>" if kind else "")
        position = end + len(ending) if end >= 0 else len(prose)
    return "".join([*pieces, prose[position:]])


def _ending(opening: str) -> str:
    return "?>" if opening.startswith("<?") else "]]>" if opening.endswith("[") else ">"


def _bare_tag(tag: re.Match[str]) -> str:
    attributes = "".join(f" {a[0]}={a[1]}" for a in KEPT_ATTRIBUTE.findall(tag[2]))
    return f"<{tag[1]}{attributes}>"


def sections(body: str) -> dict[str, str]:
    """The sections of an issue by lower-case name; "" is what stands before the first.

    Any heading opens one, except a deeper heading of no known name, which belongs to the section
    it stands in. `**Goal**` and `Goal:` open one for the names that we know. A name that occurs
    twice holds both texts.
    """
    found: dict[str, list[str]] = {"": []}
    current, depth = "", 7
    for line, code in lines(body):
        opened = None if code else _opening(line, depth)
        if opened is None:
            found[current].append(line)
            continue
        current, depth, rest = opened
        found.setdefault(current, []).append(rest)
    return {name: "\n".join(texts).strip("\n") for name, texts in found.items()}


def _opening(line: str, depth: int) -> tuple[str, int, str] | None:
    heading = HEADING.match(line)
    if heading:
        level, name = len(heading[1]), heading[2].strip("*_: ").lower()
        return (name, level, "") if level <= depth or name in SECTIONS else None
    for pattern in (BOLD_LINE, NAMED_LINE):
        match = pattern.match(line)
        if match and match[1].strip().lower() in SECTIONS:
            return match[1].strip().lower(), 6, match[2]
    return None


def truncated(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, cut after a whole line, fences closed, and said so (A12).

    A line of prose that alone would not fit into half of that is cut after a sentence, else a word.
    """
    if len(text.encode("utf-8", "replace")) <= limit:
        return text
    kept: list[str] = []
    fence, spent = "", len(CUT) + 2
    for line in text.split("\n"):
        opening = FENCE.match(line)
        after = fence
        if fence:
            after = "" if _closes(line, fence) else fence
        elif opening:
            after = opening[2]
        size = len(line.encode("utf-8", "replace")) + 1
        if spent + size + (len(after) + 1 if after else 0) > limit:
            if not fence and not opening and size > limit // 2:
                kept += filter(None, [beginning(line, limit - spent)])
            break
        kept.append(line)
        fence, spent = after, spent + size
    ending = [fence] if fence else []
    return "\n".join([*kept, *ending, CUT])[:limit]


def beginning(line: str, limit: int) -> str:
    """What fits of a long line into `limit` bytes: whole sentences, else words, else letters.

    An end that would leave out more than half of what fits is none.
    """
    fits = len(line.encode("utf-8", "replace")[: max(0, limit)].decode("utf-8", "ignore"))
    ends = [0, *(found.end(1) for found in SENTENCE_END.finditer(line, 0, fits + 1))]
    for end in (max(end for end in ends if end <= fits), line.rfind(" ", 0, fits + 1)):
        if 2 * end >= fits:
            return line[:end].rstrip()
    return line[:fits]


def last_lines(text: str, limit: int) -> str:
    """The last whole lines in at most `limit` bytes of UTF-8: what a log ends with says most.

    Of a last line that is longer than that, its end; "" where there is no room at all.
    """
    lines = text.strip("\n").split("\n")
    kept: list[str] = []
    room = limit
    for line in reversed(lines):
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            break
        kept.append(line)
    if not kept and limit > 0:
        return lines[-1].encode("utf-8", "replace")[-limit:].decode("utf-8", "ignore")
    return "\n".join(reversed(kept))


def harmless_line(text: str) -> str:
    """Breaks every mention and closing keyword, wherever it stands: for titles and commits."""
    return without_closing(MENTION.sub(f"@{BREAK}", text))


def without_closing(text: str) -> str:
    """Breaks every closing keyword: nobody has said whether those in code count."""
    return CLOSING.sub(rf"\1{BREAK}", text)


def one_line(text: str, limit: int = 200) -> str:
    """The first words of a text on one line of at most `limit` characters."""
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    return flat[: limit - 3].rsplit(" ", 1)[0].rstrip(" ,;:") + "..."


def sentences(text: str, limit: int) -> str:
    """The first whole sentences on one line of at most `limit` characters, and what was left out.

    No sentence is ever cut; where not even the first one fits, only the note is given.
    """
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    ends = [found.end(1) for found in SENTENCE_END.finditer(flat)]
    fitting = [end for end in ends if end <= limit - len(LEFT_OUT) - 9]
    kept = flat[: fitting[-1]] if fitting else ""
    note = LEFT_OUT % (len(flat) - len(kept))
    return f"{kept} {note}" if kept else note


def bullets(items: Iterable[str]) -> str:
    """A list; the further lines of an item are indented below it."""
    return "\n".join("- " + item.strip().replace("\n", "\n  ") for item in items if item.strip())


def fence(text: str, info: str = "") -> str:
    """A code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{info}\n{text.rstrip(chr(10))}\n{ticks}"


def cell(text: str) -> str:
    """The text as one cell of a table: one line, without a bar that would end it."""
    return " ".join(text.split()).replace("|", "\\|")
