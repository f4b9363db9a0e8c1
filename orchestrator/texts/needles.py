"""Finds values that we know in a text, in whatever form and however they are cut (S15)."""

from __future__ import annotations

import base64
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from urllib.parse import quote, quote_plus

from orchestrator.records import regex
from orchestrator.texts.unseen import Span

SHORTEST = 6  # a shorter value would be found everywhere
SHORTEST_FORM = 8  # and a shorter encoded form too
WINDOW = 12  # this much of a secret is a leak already
# Each window holds exactly one piece of this length that begins at a multiple of the stride, so
# the text is looked at only there.
GRAM = 6
STRIDE = WINDOW - GRAM + 1

NEAR = 80  # characters around a window in which a gram is enough

# What writers put between or in place of characters; with a group, the character is meant. It
# begins with a set of characters, because that is what the search is quick for.
ESCAPE = regex.late(
    r"[\x1b^\\\[%&<0](?:"
    r"(?:(?<=\x1b)|(?<=\^)\[|(?<=\\)\\*(?:u001[bB]|x1[bB]|033|e))"  # colours and titles
    r"(?:\[[0-?]*[ -/]*[@-Z^-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\))"
    # The same where its first character was taken out already.
    r"|(?<=\[)(?:\d{1,3}(?:;\d{1,3}){0,4}m|\d?[JK])"
    r"|(?<=\\)\\*(?:(?P<pair>[uU][dD][89abAB][0-9a-fA-F]{2}\\+[uU][dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<u>[0-9a-fA-F]{4})"
    r"|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|U(?P<long>00[0-9a-fA-F]{6})"
    r"|x(?P<bytes>[89a-fA-F][0-9a-fA-F](?:\\+x[89a-fA-F][0-9a-fA-F])*)"
    r"|x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[01][0-7]{2})|[abefnrtv])"
    r"|(?<=%)(?:25)*(?:(?P<coded>[89a-fA-F][0-9a-fA-F](?:%(?:25)*[89a-fA-F][0-9a-fA-F])*)"
    r"|(?P<percent>[0-7][0-9a-fA-F]))"
    r"|(?<=&)(?:\#[xX](?P<entity>[0-9a-fA-F]{1,6})|\#(?P<decimal>\d{1,7})|(?P<name>[A-Za-z]{2,20}));"
    r"|(?<=<)(?:!--[^\n]{0,200}?--|/?[A-Za-z][A-Za-z0-9]{0,9}(?:\s[^<>\n]{0,200})?/?)>"
    r"|(?<=0)x(?=[0-9a-fA-F]{2}\b)(?<!\w0x)"
    r")"
)
OF_BYTES = regex.late(r"[89a-fA-F][0-9a-fA-F](?=[\\%]|$)")
MARKS = ("\x1b", "\\", "%", "&", "[", "^", "<", "0x")
NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
BASES = {"octal": 8, "decimal": 10}
DEPTH = 3  # how often one kind of escape may stand within another
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
        for forms, kept in ((self._bare, LETTERS), (self._tight, SIGNS)):
            if forms and any(forms.spans(bare(text, kept))):
                view, starts, ends = mapped(text, kept)
                for start, end in forms.spans(view):
                    yield starts[start], ends[end - 1]

    @cached_property
    def _written(self) -> Haystack:
        return Haystack(form for value in self._values for form in written(value))

    @cached_property
    def _bare(self) -> Haystack:
        # An escape that is torn is not undone: then what is left of it must be known.
        torn = (quote(value, safe="").replace("%", "") for value in self._values)
        whole = [form for value in self._values for form in encoded(value)]
        # In small or capital letters, and backwards, other signs of it look like an escape.
        low = (
            cased for value in self._values for form in (value, value[::-1])
            for cased in (form.lower(), form.upper())
        )  # fmt: skip
        as_is = (only(form, LETTERS) for value in self._values for form in (value, value[::-1]))
        return Haystack([*map(bare, (*torn, *whole, *low)), *as_is])

    @cached_property
    def _tight(self) -> Haystack:
        few = (value for value in self._values if len(bare(value)) < WINDOW)
        forms = [form for value in few for form in (value, value.lower(), value[::-1])]
        long = [form for form in forms if len(form) >= SHORTEST_FORM]
        return Haystack(way(form, SIGNS) for form in long for way in (bare, only))


class Haystack:
    """Finds the windows of some forms, and whole those that are shorter than a window."""

    def __init__(self, forms: Iterable[str]) -> None:
        short, windows, grams = set[str](), set[str](), set[str]()
        for form in forms:
            if len(form) < WINDOW:
                short.add(form)
                continue
            windows |= {form[i : i + WINDOW] for i in range(len(form) - WINDOW + 1)}
            grams |= {form[i : i + GRAM] for i in range(len(form) - GRAM + 1)}
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
                if text[at : at + GRAM] in self._grams:
                    yield at, at + GRAM
            seen = max(seen, end + NEAR)

    def _whole(self, text: str) -> Iterator[Span]:
        grams, windows, last = self._grams, self._windows, len(text) - WINDOW
        if grams and last >= 0:
            places = range(0, last + STRIDE, STRIDE)
            for place in [at for at in places if text[at : at + GRAM] in grams]:
                for start in range(max(0, place - STRIDE + 1), min(place, last) + 1):
                    if text[start : start + WINDOW] in windows:
                        yield start, start + WINDOW
        for needle in self._short:
            start = text.find(needle)
            while start >= 0:
                yield start, start + len(needle)
                start = text.find(needle, start + 1)


def written(value: str) -> Iterator[str]:
    """The forms in which its signs matter: a password may consist of little else."""
    yield value
    forms = {quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
    forms.add(json.dumps(value, ensure_ascii=False)[1:-1])
    for plain in encoded(value):
        forms |= {plain, plain.replace("+", "-").replace("/", "_")}
    yield from (form for form in forms if len(form) >= SHORTEST_FORM)


def encoded(value: str) -> Iterator[str]:
    """The forms that no undoing of escapes leads back from; too short ones are left out."""
    raw = value.encode("utf-8", "surrogatepass")
    wide = value.encode("utf-16-le", "surrogatepass")
    forms = [value, value[::-1], raw.hex(), "".join(map(str, raw))]
    forms += [in_base64(data, shift) for data in (raw, wide) for shift in range(3)]
    for shift in range(3):  # what is in a header is in a secret of Kubernetes once more
        once = in_base64(raw, shift).encode()
        forms += [in_base64(once, again) for again in range(3)]
    forms += [in_base32(raw, shift) for shift in range(5)]
    yield from (form for form in forms if len(bare(form)) >= SHORTEST_FORM)


def in_base64(raw: bytes, shift: int) -> str:
    """What of it does not depend on its neighbours, `shift` bytes into a group of three."""
    return _own(base64.b64encode(bytes(shift) + raw).decode(), shift, len(raw), bits=6)


def in_base32(raw: bytes, shift: int) -> str:
    """The same, `shift` bytes into a group of five."""
    return _own(base64.b32encode(bytes(shift) + raw).decode(), shift, len(raw), bits=5)


def _own(text: str, shift: int, length: int, *, bits: int) -> str:
    return text[-(-8 * shift // bits) : 8 * (shift + length) // bits]


def bare(text: str, kept: frozenset[int] = LETTERS) -> str:
    """What is meant, in lower case, of the `kept` characters: quick, and enough for most texts."""
    for _ in range(DEPTH):
        if not any(mark in text for mark in MARKS):
            break
        before, text = text, ESCAPE.sub(_meant, text)
        if text == before:
            break
    return only(text, kept)


def only(text: str, kept: frozenset[int]) -> str:
    """The `kept` characters of a text, escapes as they are, in lower case."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return text.encode("ascii", "ignore").lower().translate(None, _others(kept)).decode()


def mapped(text: str, kept: frozenset[int] = LETTERS) -> tuple[str, list[int], list[int]]:
    """`bare`, and for each of its characters where in the text it begins and ends."""
    starts = list(range(len(text)))
    ends = list(range(1, len(text) + 1))
    for _ in range(DEPTH):
        before = text
        pieces = [
            (meant, starts[start], ends[end - 1]) for meant, start, end in _pieces(text)
        ]
        text = "".join(meant for meant, _, _ in pieces)
        starts = [start for meant, start, _ in pieces for _ in meant]
        ends = [end for meant, _, end in pieces for _ in meant]
        if text == before:
            break
    plain = [_plain(character, kept) for character in text]
    starts = [start for shown, start in zip(plain, starts, strict=True) for _ in shown]
    ends = [end for shown, end in zip(plain, ends, strict=True) for _ in shown]
    return "".join(plain), starts, ends


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Each character that is meant, and from where to where it is written."""
    position = 0
    for match in ESCAPE.finditer(text):
        for index in range(position, match.start()):
            yield text[index], index, index + 1
        yield _meant(match), match.start(), match.end()
        position = match.end()
    for index in range(position, len(text)):
        yield text[index], index, index + 1


def _plain(character: str, kept: frozenset[int]) -> str:
    """One character without its accents, where it is kept."""
    if not character.isascii():
        character = unicodedata.normalize("NFKD", character)
    return "".join(c for c in character.lower() if c.isascii() and ord(c) in kept)


def _meant(escape: re.Match[str]) -> str:
    """The character behind an escape; "" for what shows none."""
    kind = escape.lastgroup
    if kind is None:
        return ""
    code = escape[kind]
    if kind == "pair":
        high, low = int(code[1:5], 16), int(code[-4:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if kind in {"bytes", "coded"}:
        return bytes.fromhex("".join(OF_BYTES.findall(code))).decode("utf-8", "ignore")
    if kind == "name":
        return NAMED.get(code, "")
    number = int(code, BASES.get(kind, 16))
    return chr(number) if number <= sys.maxunicode else ""


@cache
def _others(kept: frozenset[int]) -> bytes:
    return bytes(byte for byte in range(256) if byte not in kept)
