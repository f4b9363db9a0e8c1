"""A letter as text with entities: redacted, whole, and never longer than Telegram takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.records import regex
from orchestrator.records.letter import Entity, Letter, Row, Span, Style, Written
from orchestrator.texts import chatter, markdown

LIMIT = 4096  # UTF-16 units of one message
CUT = "\n[shortened]"
EMPTY = "(nothing)"
# In somebody else's words: what would be a command, a mention or a link at one touch.
TOUCHABLE = regex.late(r"(?<!\S)/(?=[A-Za-z])|(?<!\w)[@#](?=[A-Za-z_])|(?<=\w)://(?=\S)")
JOINER = "\u2060"


def units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le", "replace")) // 2


def strange(text: str, limit: int) -> str:
    """Somebody else's words on one line, in which nothing can be touched by mistake."""
    line = markdown.one_line(markdown.clean(text[: 8 * limit + 1_000]), limit)
    return strange_line(line)


def spans(text: str, limit: int, style: Style = Style.PLAIN) -> Row:
    """As `strange`, and what stands there as code is set as code, to be copied as it is."""
    line = markdown.one_line(markdown.clean(text[: 8 * limit + 1_000]), limit)
    return tuple(
        Span(piece, Style.CODE) if number % 2 else Span(strange_line(piece), style)
        for number, piece in enumerate(chatter.CODE.split(line)) if piece
    )  # fmt: skip


def strange_line(line: str) -> str:
    return TOUCHABLE.sub(lambda found: f"{found[0]}{JOINER}", line)


def written(letter: Letter, redact: Callable[[str], str]) -> Written:
    """The letter redacted first and cut then, at the end of a line or sentence where one is near.

    Where a secret lies across spans the styles are given up, and the text goes without it.
    """
    body, ending = tuple(_spans(letter.lines)), tuple(_spans(letter.ending))
    if ending:
        ending = (Span("\n"), *ending)
    whole = _text((*body, *ending))
    body, ending = (tuple(_redacted(part, redact)) for part in (body, ending))
    clean, room = _text((*body, *ending)), LIMIT - units(_text(ending))
    if redact(clean) != clean or not clean.strip() or room < LIMIT // 2:
        said = _cut(redact(whole), LIMIT)
        return Written(said if said.strip() else EMPTY)
    return _laid((*_fitting(body, room), *ending))


def plain(letter: Letter) -> str:
    """The letter as lines for a file or a terminal, where a touch does nothing: all can be copied,
    links are written out behind their words."""
    told = [
        "".join(
            f"{span.text} <{span.link}>" if span.link and span.link != span.text else span.text
            for span in row
        )
        for row in (*letter.lines, *letter.ending)
    ]
    return "\n".join(told).replace(JOINER, "")


def _spans(rows: Iterable[Row]) -> Iterable[Span]:
    for number, row in enumerate(rows):
        if number:
            yield Span("\n")
        yield from row


def _text(spans: Iterable[Span]) -> str:
    return "".join(span.text for span in spans)


def _redacted(spans: Iterable[Span], redact: Callable[[str], str]) -> Iterable[Span]:
    for span in spans:
        link = span.link if span.link and redact(span.link) == span.link else ""
        yield Span(_sayable(redact(span.text)), span.style, link)


def _sayable(text: str) -> str:
    """Without half a surrogate pair, which no JSON carries, and without control characters."""
    said = text.encode("utf-8", "replace").decode()
    return "".join(c for c in said if c >= " " or c == "\n")


def _fitting(spans: tuple[Span, ...], room: int) -> Iterable[Span]:
    text = _text(spans)
    if units(text) <= room:
        yield from spans
        return
    left = len(_beginning(text, room - units(CUT)))
    for span in spans:
        if left <= 0:
            break
        yield Span(span.text[:left], span.style, span.link)
        left -= len(span.text)
    yield Span(CUT)


def _cut(text: str, room: int) -> str:
    said = _sayable(text)
    return said if units(said) <= room else _beginning(said, room - units(CUT)) + CUT


def _beginning(text: str, room: int) -> str:
    """What fits into so many units, back to a line's or sentence's end in its second half."""
    fits = text.encode("utf-16-le")[: 2 * max(0, room)].decode("utf-16-le", "ignore")
    ends = [found.end(1) for found in markdown.SENTENCE_END.finditer(fits)]
    end = max(fits.rfind("\n"), max(ends, default=0))
    return fits[:end] if 2 * end >= len(fits) else fits


def _laid(spans: Iterable[Span]) -> Written:
    text, entities, position = "", [], 0
    for span in spans:
        length = units(span.text)
        if length and span.text.strip() and (span.style or span.link):
            style = Style.PLAIN if span.link else span.style
            entities.append(Entity(offset=position, length=length, style=style, link=span.link))
        text += span.text
        position += length
    return Written(text, tuple(entities))
