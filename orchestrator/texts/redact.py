"""Takes secrets out of a text: our own by value, strangers' by their shape (S15, S16)."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from orchestrator.records import regex

MARK = "[redacted]"
WITHHELD = "[text withheld: it could not be searched for secrets]"
SHORTEST = 6  # a shorter value would be found everywhere
WINDOW = 12  # this much of a secret is a leak already
ENTROPY = 3.5  # bits a character; words and identifiers stay below

PATTERNS = {
    "GitHub token": r"gh[pousr]_[A-Za-z0-9._-]{36,}",
    "GitHub fine-grained token": r"github_pat_\w{22,}",
    # No \b in front: after "/bot" there is none.
    "Telegram token": r"(?<![0-9])\d{5,16}:[A-Za-z0-9_-]{30,}",
    "Anthropic key": r"sk-ant-[A-Za-z0-9_-]{20,}",
    "OpenRouter key": r"sk-or-v1-[A-Za-z0-9]{32,}",
    "OpenAI key": r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})",
    "Google key": r"AIza[A-Za-z0-9_-]{35,}",
    "AWS key": r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])",
    "Slack token": r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}",
    "JSON web token": r"eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "private key": (
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?s:.){0,20000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|[\w+/=\s\\:,.-]*)"
    ),
    "URL with a password": r"(?<=://)(?:[^\s/:@'\"]*:[^\s/@'\"]+|[^\s/:@'\"]{20,})(?=@)",
    "authorization header": (
        r"(?i:authorization[\"']?\s*[:=]\s*[\"']?"
        r"(?:(?:bearer|basic|token|digest)\s+[\w+/=.~-]{6,}|[\w+/=.~-]{20,}))"
    ),
    "bearer token": r"(?i:\bbearer\s+)[A-Za-z0-9_+/=.~-]{20,}",
}
# One of these stands in each match: where none does, a pattern that starts slowly is spared.
LITERALS = {
    "Telegram token": (":",),
    "AWS key": ("AKIA", "ASIA"),
    "URL with a password": ("://",),
}
COMPILED = {name: regex.late(pattern) for name, pattern in PATTERNS.items()}
# `name = value` where the name promises a secret; the value must look like one.
ASSIGNED = regex.late(
    r"(?i:[\w.-]{0,40}(?:token|secret|passw(?:or)?d|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]{0,40})"
    r"[\"']?\s*(?:=|:|=>|:=)\s*[\"']?(?P<value>[A-Za-z0-9+/_=.~-]{12,})(?![\w(\[])"
)
# Each name above holds one of these; most texts hold none, and the search for names is slow.
NAMING = regex.late(r"(?i:token|secret|passw|key)")

Span = tuple[int, int]


class Redactor:
    """A text goes in, the same text without secrets comes out; one that fails is withheld whole.

    `secrets` are the values that this process knows. Each is found as it is, in base64 at any
    alignment, URL-encoded, JSON-escaped and in hexadecimal, and so is any part of it of at least
    twelve characters. Call it before a text is cut, and with the whole text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {line for secret in secrets for line in (secret, *secret.splitlines())}
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        self._windows = frozenset(form for form in forms if len(form) == WINDOW)
        self._short = tuple(sorted(forms - self._windows))

    def __repr__(self) -> str:
        return "Redactor(...)"

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by a mark; never raises."""
        try:
            return _replaced(text, [*self._known(text), *_shaped(text), *_assigned(text)])
        except Exception:  # noqa: BLE001 - a text that breaks the search must not pass
            return WITHHELD

    def findings(self, text: str) -> tuple[str, ...]:
        """The kinds of secrets in the text, by name and without their values; never raises.

        Values that only sit behind a telling name are left out: a gate that refuses test data
        would be switched off.
        """
        try:
            kinds = [name for name, pattern in _possible(text) if pattern.search(text)]
            ours = ["one of our own secrets"] if any(self._known(text)) else []
            return tuple(ours + kinds)
        except Exception:  # noqa: BLE001 - as above
            return ("a text that could not be searched",)

    def _known(self, text: str) -> Iterator[Span]:
        windows = self._windows
        if windows:
            for start in range(len(text) - WINDOW + 1):
                if text[start : start + WINDOW] in windows:
                    yield start, start + WINDOW
        for needle in self._short:
            start = text.find(needle)
            while start >= 0:
                yield start, start + len(needle)
                start = text.find(needle, start + 1)


def _forms(value: str) -> set[str]:
    """The value's windows in every form; a value shorter than a window only whole."""
    raw = value.encode()
    escaped = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    forms = {value, quote(value, safe=""), quote_plus(value), *escaped, raw.hex()}
    for shift in range(3):
        encoded = _aligned(raw, shift)
        forms |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    found = {value} if len(value) < WINDOW else set[str]()
    for form in forms:
        if len(form) >= WINDOW:
            found |= {form[i : i + WINDOW] for i in range(len(form) - WINDOW + 1)}
    return found


def _aligned(raw: bytes, shift: int) -> str:
    """What of the value's base64 does not depend on its neighbours, `shift` bytes into a group."""
    encoded = base64.b64encode(bytes(shift) + raw).decode()
    whole = encoded.rstrip("=")
    if len(whole) != len(encoded):
        whole = whole[:-1]
    return whole[(0, 2, 3)[shift] :]


def _possible(text: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    for name, pattern in COMPILED.items():
        literals = LITERALS.get(name)
        if literals is None or any(literal in text for literal in literals):
            yield name, pattern


def _shaped(text: str) -> Iterator[Span]:
    for _, pattern in _possible(text):
        for match in pattern.finditer(text):
            yield match.span()


def _assigned(text: str) -> Iterator[Span]:
    if not NAMING.search(text):
        return
    for match in ASSIGNED.finditer(text):
        value = match["value"]
        mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
        if mixed and _entropy(value) >= min(ENTROPY, math.log2(len(value)) - 0.5):
            yield match.span("value")


def _entropy(value: str) -> float:
    shares = [value.count(c) / len(value) for c in set(value)]
    return -sum(share * math.log2(share) for share in shares)


def _replaced(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if start > position or not pieces:
            pieces += [text[position:start], MARK]
        position = max(position, end)
    return "".join(pieces) + text[position:]
