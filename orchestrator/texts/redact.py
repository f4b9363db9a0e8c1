"""Takes secrets out of a text: our own by value, strangers' by their shape (S15, S16)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from orchestrator.texts import shapes
from orchestrator.texts.needles import Needles
from orchestrator.texts.unseen import Span, View

MARK = "[redacted]"
WITHHELD = "[text withheld: it could not be searched for secrets]"


class Redactor:
    """A text goes in, the same text without secrets comes out; one that fails is withheld whole.

    `secrets` are the values that this process knows; `texts.needles` tells in which forms each is
    found. Any part of one of at least twelve characters is taken out. Call it before a text is
    cut, and with the whole text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: tuple[str, ...] = ()
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Secrets that came to be after the start are ours too."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *secrets)))
        lines = (line for secret in self._secrets for line in (secret, *secret.splitlines()))
        self._needles = _needles(frozenset(lines))

    def __repr__(self) -> str:
        return "Redactor(...)"

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by a mark; never raises."""
        if text == "":
            return text
        try:
            view = View(text)
            shaped = [span for _, span in shapes.found(view)]
            return _replaced(text, [*self._needles.spans(text), *shaped, *shapes.assigned(view)])
        except Exception:  # noqa: BLE001 - a text that breaks the search must not pass
            return WITHHELD

    def findings(self, text: str) -> tuple[str, ...]:
        """The kinds of secrets in the text, by name and without their values; never raises.

        Values that only sit behind a telling name are left out: a gate that refuses test data
        would be switched off.
        """
        try:
            kinds = dict.fromkeys(name for name, _ in shapes.found(View(text)))
            ours = ["one of our own secrets"] if any(self._needles.spans(text)) else []
            return (*ours, *kinds)
        except Exception:  # noqa: BLE001 - as above
            return ("a text that could not be searched",)


@lru_cache(maxsize=8)
def _needles(values: frozenset[str]) -> Needles:
    """Their forms are many, and the same for every redactor of the same values."""
    return Needles(values)


def _replaced(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if start > position or not pieces:
            pieces += [text[position:start], MARK]
        position = max(position, end)
    return "".join(pieces) + text[position:]
