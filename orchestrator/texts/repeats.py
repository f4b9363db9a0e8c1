"""What was said further up is not said again: a long reason is told once on a page."""

from __future__ import annotations

from orchestrator.records import regex

LONG = 60  # characters from which a reason is worth a reference in its place
KNOWN = 120  # by which it is known again
NUMBER = regex.late(r"\d+")  # two looks at the same trouble differ in their times


class Page:
    """The sentences of one page, in the order in which they are read."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def once(self, text: str) -> str:
        """The sentence; its end is `as above` where a colon leads to what was told already."""
        found = self._known(text)
        self._told.append(_core(text))
        return found

    def _known(self, text: str) -> str:
        at = text.find(": ")
        while at >= 0:
            rest = text[at + 2 :]
            if len(rest) < LONG:
                break
            if any(_core(rest)[:KNOWN] in told for told in self._told):
                return f"{text[:at]}: as above"
            at = text.find(": ", at + 2)
        return text


def _core(text: str) -> str:
    return NUMBER.sub("0", " ".join(text.split())).casefold()
