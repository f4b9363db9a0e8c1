"""Finds values that we know in a text, in whatever form and however they are cut (S15)."""

from __future__ import annotations

import base64
import json
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from struct import Struct
from typing import Any
from urllib.parse import quote, quote_plus

from orchestrator.texts import escapes
from orchestrator.texts.unseen import Span

SHORTEST = 6  # a shorter value would be found everywhere
SHORTEST_FORM = 8  # and a shorter encoded form too
WINDOW = 12  # this much of a secret is a leak already
# Each window holds exactly one piece of this length that begins at a multiple of the stride, so
# the text is looked at only there.
GRAM = 6
STRIDE = WINDOW - GRAM + 1

Gram = tuple[Any, ...]
# Cuts one out of each stride of a text, whose characters have four bytes each.
CUT = Struct(f"{4 * GRAM}s{4 * (STRIDE - GRAM)}x")

NEAR = 80  # characters around a window in which a gram is enough

LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")
SIGNS = frozenset(range(33, 127)) - frozenset(b"\"'\\`")


class Needles:
    """The values in every form, each sought twice: as it is written, and bare.

    Bare means: escapes undone, compatibility characters as plain ones, nothing but letters and
    digits, all lower-case. So case, wrapping, quoting, colours and invisible characters hide
    nothing. Any part counts that is at least a window long; a value shorter than that counts
    whole. Of a value that has few letters and digits the other signs count too.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = frozenset(value for value in values if len(value) >= SHORTEST)

    def spans(self, text: str) -> Iterator[Span]:
        """Where something of a value stands, in no order; they may overlap."""
        if not self._values:
            return
        yield from self._written.spans(text)
        for layer in escapes.layers(text):
            for forms, kept in ((self._bare, LETTERS), (self._tight, SIGNS)):
                if forms and any(forms.spans(only(layer.text, kept))):
                    view, places = placed(layer.text, kept)
                    for start, end in forms.spans(view):
                        yield layer.placed(places[start], places[end - 1])

    @cached_property
    def _written(self) -> Haystack:
        return Haystack(form for value in self._values for form in written(value))

    @cached_property
    def _bare(self) -> Haystack:
        # An escape that is torn is not undone: then what is left of it must be known.
        torn = [quote(value, safe="").replace("%", "") for value in self._values]
        whole = [form for value in self._values for form in encoded(value)]
        # In small or capital letters, and backwards, other signs of it look like an escape.
        cased = [
            form for value in self._values for way in (value, value[::-1])
            for form in (way, way.lower(), way.upper())
        ]  # fmt: skip
        found = {*bare((*torn, *whole, *cased), LETTERS)}
        return Haystack(form for form in found if len(form) >= SHORTEST_FORM)

    @cached_property
    def _tight(self) -> Haystack:
        few = [value for value in self._values if min(map(len, bare((value,), LETTERS))) < WINDOW]
        forms = [form for value in few for form in (value, value.lower(), value[::-1])]
        return Haystack(bare((form for form in forms if len(form) >= SHORTEST_FORM), SIGNS))


class Haystack:
    """Finds the windows of some forms, and whole those that are shorter than a window."""

    def __init__(self, forms: Iterable[str]) -> None:
        short, windows, grams = set[str](), set[str](), set[Gram]()
        for form in forms:
            if len(form) < WINDOW:
                short.add(form)
                continue
            windows |= {form[i : i + WINDOW] for i in range(len(form) - WINDOW + 1)}
            for first in range(STRIDE):
                grams.update(_grams(form[first:]))
        self._short = tuple(sorted(form for form in short if len(form) >= SHORTEST))
        self._windows = frozenset(windows)
        self._grams = frozenset(grams)

    def __bool__(self) -> bool:
        return bool(self._short or self._grams)

    def spans(self, text: str) -> Iterator[Span]:
        seen = -1
        for start, end in self._whole(text):
            yield start, end
            # The rest of it is near: there, less is enough.
            for at in range(max(seen, start - NEAR, 0), min(end + NEAR, len(text) - GRAM + 1)):
                if not self._grams.isdisjoint(_grams(text[at : at + GRAM])):
                    yield at, at + GRAM
            seen = max(seen, end + NEAR)

    def _whole(self, text: str) -> Iterator[Span]:
        grams, windows, last = self._grams, self._windows, len(text) - WINDOW
        if grams and last >= 0 and not grams.isdisjoint(_grams(text)):
            numbers = [number for number, gram in enumerate(_grams(text)) if gram in grams]
            for place in [number * STRIDE for number in numbers]:
                for start in range(max(0, place - STRIDE + 1), min(place, last) + 1):
                    if text[start : start + WINDOW] in windows:
                        yield start, start + WINDOW
        for needle in self._short:
            start = text.find(needle)
            while start >= 0:
                yield start, start + len(needle)
                start = text.find(needle, start + 1)


def _grams(text: str) -> Iterator[Gram]:
    """Those that begin at a multiple of the stride."""
    raw = (text + "\0" * (STRIDE - GRAM)).encode("utf-32-le", "surrogatepass")
    return CUT.iter_unpack(memoryview(raw)[: len(raw) // CUT.size * CUT.size])


def written(value: str) -> Iterator[str]:
    """The forms in which its signs matter: a password may consist of little else."""
    yield value
    forms = {quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
    forms.add(json.dumps(value, ensure_ascii=False)[1:-1])
    for plain in encoded(value):
        forms |= {plain, plain.replace("+", "-").replace("/", "_")}
    yield from (form for form in forms if len(form) >= SHORTEST_FORM)


def encoded(value: str) -> Iterator[str]:
    """The forms that no undoing of escapes leads back from."""
    raw = value.encode("utf-8", "surrogatepass")
    wide = value.encode("utf-16-le", "surrogatepass")
    forms = [value, value[::-1], raw.hex(), "".join(map(str, raw))]
    forms += [in_base64(data, shift) for data in (raw, wide) for shift in range(3)]
    for shift in range(3):  # what is in a header is in a secret of Kubernetes once more
        once = in_base64(raw, shift).encode()
        forms += [in_base64(once, again) for again in range(3)]
    forms += [in_base32(raw, shift) for shift in range(5)]
    yield from forms


def in_base64(raw: bytes, shift: int) -> str:
    """What of it does not depend on its neighbours, `shift` bytes into a group of three."""
    return _own(base64.b64encode(bytes(shift) + raw).decode(), shift, len(raw), bits=6)


def in_base32(raw: bytes, shift: int) -> str:
    """The same, `shift` bytes into a group of five."""
    return _own(base64.b32encode(bytes(shift) + raw).decode(), shift, len(raw), bits=5)


def _own(text: str, shift: int, length: int, *, bits: int) -> str:
    return text[-(-8 * shift // bits) : 8 * (shift + length) // bits]


def bare(forms: Iterable[str], kept: frozenset[int]) -> Iterator[str]:
    """The `kept` characters of each form, as it stands and with whatever looks like an escape in
    it undone: nobody knows how far a text was undone where the form is met."""
    yield from (only(layer.text, kept) for form in forms for layer in escapes.layers(form))


def only(text: str, kept: frozenset[int]) -> str:
    """The `kept` characters of a text, escapes as they are, in lower case."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return text.encode("ascii", "ignore").lower().translate(None, _others(kept)).decode()


def placed(text: str, kept: frozenset[int]) -> tuple[str, array[int]]:
    """`only`, and for each of its characters where in the text it stands."""
    plain = {character: _plain(character, kept) for character in set(text)}
    shown = [plain[character] for character in text]
    places = array("L", (place for place, piece in enumerate(shown) for _ in piece))
    return "".join(shown), places


def _plain(character: str, kept: frozenset[int]) -> str:
    """One character without its accents, where it is kept."""
    if not character.isascii():
        character = unicodedata.normalize("NFKD", character)
    return "".join(c for c in character.lower() if c.isascii() and ord(c) in kept)


@cache
def _others(kept: frozenset[int]) -> bytes:
    return bytes(byte for byte in range(256) if byte not in kept)
