"""What is meant by a text with escapes: undone layer by layer, with the way back to the text."""

from __future__ import annotations

import re
import sys
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from orchestrator.records import regex
from orchestrator.texts.unseen import Span

# What writers put in place of characters; a group holds the character that is meant. It begins
# with a set of characters, because that is what the search is quick for; what repeats is bounded,
# because each place of a long run of backslashes is tried.
_CODED = (
    r"[\\%&](?:"
    r"(?<=\\)RUN(?:(?P<pair>[uU][dD][89abAB][0-9a-fA-F]{2}\\{1,64}[uU][dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<u>[0-9a-fA-F]{4})"
    r"|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|U(?P<long>00[0-9a-fA-F]{6})"
    r"|x(?P<bytes>[89a-fA-F][0-9a-fA-F](?:\\{1,64}x[89a-fA-F][0-9a-fA-F])*)"
    r"|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[01][0-7]{2})|(?P<letter>[abefnrtv]))"
    r"|(?<=%)(?:25)*(?:(?P<coded>[89a-fA-F][0-9a-fA-F](?:%(?:25)*[89a-fA-F][0-9a-fA-F])*)"
    r"|(?P<percent>[0-7][0-9a-fA-F]))"
    r"|(?<=&)(?:\#[xX](?P<entity>[0-9a-fA-F]{1,6})|\#(?P<decimal>\d{1,7})|(?P<name>[A-Za-z]{2,20}));"
    r")"
)
CODED = regex.late(_CODED.replace("RUN", r"\\{0,63}+"))
# The same where a backslash before its own is somebody else's, or the beginning of another.
CODED_ALONE = regex.late(_CODED.replace("RUN", ""))
# What they put between characters, and no reader sees. It comes after the above, which may be
# within; and the above comes again after it, which it may have torn.
TAGS = regex.late(r"</?[A-Za-z][A-Za-z0-9]{0,9}(?:\s[\t\x20-;=\x3f-\x7e]{0,200})?/?>")
COMMENTS = regex.late(r"<!--[\t\x20-\x7e]{0,200}?-->")
COLOURS = regex.late(
    r"[\x1b^\[0](?:"
    r"(?:(?<=\x1b)|(?<=\^)\[)"  # and titles
    r"(?:\[[0-?]*[ -/]*[@-Z^-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\))"
    # The same where its first character was taken out already.
    r"|(?<=\[)(?:\d{1,3}(?:;\d{1,3}){0,4}m|\d?[JK])"
    r"|(?<=0)x(?=[0-9a-fA-F]{2}\b)(?<!\w0x)"
    r")"
)
QUOTED = regex.late(r"\\(?<!\x1b\\)\\{0,63}(?=[^\w\n\r\\])")  # as a shell has it
BRACKETED = regex.late(r"\[[\dJK]")  # how a colour goes on
MARKED = regex.late(r"\\[\[<\x1b]")  # where that may stand within the unseen
DOUBLE = regex.late(r"\\\\[uUx0-7]")
FOREIGN = regex.late(r"[^\x00-\x7f]")
OF_BYTES = regex.late(r"[89a-fA-F][0-9a-fA-F](?=[\\%]|$)")
NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
BASES = {"octal": 8, "decimal": 10}
DEPTH = 12  # how many layers are looked at
LETTERS = {"e": "\x1b"}  # behind a backslash; the others break lines or are not seen


class Layer:
    """A text, and what it was undone from; each layer counts by itself, because what looks like
    an escape in one of them may be meant as it stands."""

    def __init__(
        self, text: str, above: Layer | None = None, undone: re.Pattern[str] = CODED
    ) -> None:
        self.text = text
        self._above = above
        self._undone = undone

    def below(self, order: Sequence[re.Pattern[str]]) -> Layer | None:
        """The same text with one kind of its escapes undone; None where none is left."""
        for undone in order:
            if not _may_hold(self.text, undone):
                continue
            text = undone.sub(MEANT[undone], self.text)
            # Two of them alone hide no letter or digit, but what these are within.
            alone = undone is QUOTED or undone is FOREIGN
            if text != self.text and not (alone and _is_plain(text)):
                return Layer(text, self, undone)
        return None

    def placed(self, first: int, last: int) -> Span:
        """From where to where in the first layer the characters from `first` to `last` stand."""
        if self._above is None:
            return first, last + 1
        start, end = self._edits.start(first), self._edits.end(last)
        return self._above.placed(start, end - 1)

    @cached_property
    def _edits(self) -> Edits:
        return Edits(self._above.text if self._above else "", self._undone)


class Edits:
    """Where each escape of a text begins and ends, and what is meant by it in the next layer."""

    def __init__(self, text: str, undone: re.Pattern[str]) -> None:
        self._starts, self._ends = array("L"), array("L")
        self._meant_starts, self._meant_ends = array("L"), array("L")
        before = after = 0  # the ends of the last one
        for match in undone.finditer(text):
            meant = MEANT[undone](match)
            after += match.start() - before
            self._starts.append(match.start())
            self._meant_starts.append(after)
            before, after = match.end(), after + len(meant)
            self._ends.append(before)
            self._meant_ends.append(after)

    def start(self, place: int) -> int:
        """Where what became the character at `place` begins."""
        at = bisect_right(self._meant_starts, place) - 1
        if at < 0:
            return place
        if place < self._meant_ends[at]:
            return self._starts[at]
        return place - self._meant_ends[at] + self._ends[at]

    def end(self, place: int) -> int:
        """Where it ends."""
        at = bisect_right(self._meant_starts, place) - 1
        if at >= 0 and place < self._meant_ends[at]:
            return self._ends[at]
        return self.start(place) + 1


def layers(text: str) -> Iterator[Layer]:
    """The text, then the same with one layer of escapes undone after the other, while any is."""
    first = Layer(text)
    yield first
    for order in (USUAL, *(order for mark, order in UNUSUAL if mark.search(text))):
        layer = first.below(order)
        for _ in range(DEPTH):
            if layer is None:
                break
            yield layer
            layer = layer.below(order)


def _is_plain(text: str) -> bool:
    return not any(undone.search(text) for undone in (CODED, *UNSEEN) if _may_hold(text, undone))


def _may_hold(text: str, undone: re.Pattern[str]) -> bool:
    """Whether it holds a sign that each of these escapes has; most texts hold none of any."""
    if undone is FOREIGN:
        return not text.isascii()
    if any(sign in text for sign in SIGNS[undone]):
        return True
    return undone is COLOURS and BRACKETED.search(text) is not None


def _nothing(match: re.Match[str]) -> str:
    return ""


def _plain(match: re.Match[str]) -> str:
    """Letters of other alphabets that look like ours as ours, without what is not shown."""
    return unicodedata.normalize("NFKD", match[0]).encode("ascii", "ignore").decode()


def _meant(escape: re.Match[str]) -> str:
    """The character behind an escape; "" for what shows none."""
    kind = escape.lastgroup or ""
    code = escape[kind]
    if kind == "letter":
        return LETTERS.get(code, "")
    if kind == "pair":
        high, low = int(code[1:5], 16), int(code[-4:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if kind in {"bytes", "coded"}:
        return bytes.fromhex("".join(OF_BYTES.findall(code))).decode("utf-8", "ignore")
    if kind == "name":
        return NAMED.get(code, "")
    number = int(code, BASES.get(kind, 16))
    return chr(number) if number <= sys.maxunicode else ""


MEANT: dict[re.Pattern[str], Callable[[re.Match[str]], str]] = {
    CODED: _meant, CODED_ALONE: _meant, TAGS: _nothing, COMMENTS: _nothing, COLOURS: _nothing,
    QUOTED: _nothing, FOREIGN: _plain,
}  # fmt: skip
SIGNS = {
    CODED: ("\\", "%", "&"), CODED_ALONE: ("\\", "%", "&"), TAGS: ("<",), COMMENTS: ("<!--",),
    COLOURS: ("\x1b", "^[", "0x"), QUOTED: ("\\",),
}  # fmt: skip
UNSEEN = (TAGS, COMMENTS, COLOURS)
USUAL = (CODED, *UNSEEN, QUOTED, FOREIGN)
# A backslash before a sign is the sign's, or the beginning of an escape that the unseen tore.
UNUSUAL = (
    (MARKED, (CODED, QUOTED, *UNSEEN, FOREIGN)),
    (DOUBLE, (CODED_ALONE, *UNSEEN, QUOTED, FOREIGN)),
)
