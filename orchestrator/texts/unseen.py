"""A text as a reader sees it, with the way back to where each of its characters stands."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from orchestrator.records import regex

Span = tuple[int, int]

SHOWN = bytes((9, 10, 13, *range(32, 127)))
# What a terminal does not show, and what GitHub does not: inside a token it is no end of it.
UNSEEN = regex.late(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\))?|<!--[^\n]{0,200}?-->"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
# Signs that end no word of a token; what is not ASCII counts among them.
WITHIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:=~-?")
KINDS = bytes(ord("w" if byte in WITHIN else " ") for byte in range(256))
LONG = 21  # one more than a time of GitHub's has


class View:
    """The text as it is shown: what a terminal or GitHub leaves out ends no token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places: list[Span] = []  # from there on, how much was left out before
        if not _all_shown(text):
            self._leave_out()

    @cached_property
    def lowered(self) -> str:
        """In lower case, each character in its place; the few that would grow stay as they are."""
        lowered = self.text.lower()
        if len(lowered) == len(self.text):
            return lowered
        return "".join(c if len(c.lower()) > 1 else c.lower() for c in self.text)

    @cached_property
    def words(self) -> str:
        """Its words that are long enough for a token, one a line."""
        kinds = self.text.encode("ascii", "replace").translate(KINDS)  # a byte a character
        words: list[str] = []
        start = kinds.find(b"w" * LONG)
        while start >= 0:
            end = kinds.find(b" ", start)
            if end < 0:
                end = len(kinds)
            words.append(self.text[start:end])
            start = kinds.find(b"w" * LONG, end)
        return "\n".join(words)

    def placed(self, span: Span) -> Span:
        """A span of the shown text in the text itself, with what is not shown inside of it."""
        if not self._places:
            return span
        first = bisect_right(self._places, span[0], key=_place)
        last = bisect_right(self._places, span[1] - 1, key=_place)
        return (
            span[0] + (self._places[first - 1][1] if first else 0),
            span[1] + (self._places[last - 1][1] if last else 0),
        )

    def _leave_out(self) -> None:
        pieces: list[str] = []
        position = left_out = 0
        for match in UNSEEN.finditer(self.text):
            pieces.append(self.text[position : match.start()])
            position = match.end()
            left_out += len(match[0])
            self._places.append((position - left_out, left_out))
        self.text = "".join([*pieces, self.text[position:]])


def _all_shown(text: str) -> bool:
    return text.isascii() and "<!--" not in text and not text.encode().translate(None, SHOWN)


def _place(of: Span) -> int:
    return of[0]
