"""Ways in which a secret gets into a text, chosen by chance from a seed."""

from __future__ import annotations

import base64
import html
import json
import random
import shlex
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from tests.support import tokens
from tests.support.tokens import DIGITS, UPPER

Way = Callable[[str, random.Random], str]

ORDINARY = (
    "Collecting msgspec==0.19.0 (from -r requirements.txt)", "tests/test_world.py ....... [ 42%]",
    "commit 3f2a9c1d0b8e7f6a5c4d3e2f1a0b9c8d7e6f5a4b", "def token(self) -> str:", "",
    "npm warn deprecated glob@7.2.3: no longer supported", "+    return self._parts[0]",
    "2026-11-23 04:17:37,123 INFO queue: task-17 web: codex handed over", "## Goal", "- [x] done",
)  # fmt: skip
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\u034f\ufe0f\U000e0041"
COLOURS = ("\x1b[31m", "\x1b[0m", "\x1b[1;32m", "\x1b[38;5;208m", "\x1b[K")


def surrounded(value: str, chance: random.Random) -> bytes:
    """With bytes around it, so that it begins anywhere in a group."""
    before = chance.choice((b"", b"x-access-token:", b"a", b"ab", b'{"t": "', b"user:"))
    return before + value.encode() + chance.choice((b"", b"\n", b"z", b'"}', b":x"))


def escaped(text: str, chance: random.Random, form: str) -> str:
    """Some or all of its characters by number, in upper or lower case."""
    share = chance.choice((0.2, 0.5, 1.0))
    # Drawn for each character, whatever it is: the same places for a secret of the same length.
    made = [form.format(ord(c)) if chance.random() < share and c < "\x80" else c for c in text]
    return "".join(made)


def strewn(text: str, chance: random.Random, between: tuple[str, ...] | str) -> str:
    """With something at one place, at some, or after each character."""
    share = chance.choice((0.04, 0.3, 1.0))
    places = {chance.randrange(1, len(text))}
    return "".join(
        c + (chance.choice(between) if i + 1 in places or chance.random() < share else "")
        for i, c in enumerate(text)
    )


def wrapped(text: str, chance: random.Random, start: str = "", end: str = "") -> str:
    width = chance.choice((1, 5, 9, 20, 40, 64, 76))
    rows = [text[i : i + width] for i in range(0, len(text), width)]
    return f"{end}\n{start}".join(rows)


def shifted(text: str, base: int) -> str:
    """In another alphabet of Unicode that looks like ours."""
    spans = ((65, 0), (97, 26))
    for first, at in spans:
        text = "".join(
            chr(base + at + ord(c) - first) if first <= ord(c) < first + 26 else c for c in text
        )
    return text


CODES: dict[str, Way] = {
    "plain": lambda v, r: v,
    "lower case": lambda v, r: v.lower(),
    "upper case": lambda v, r: v.upper(),
    "reversed": lambda v, r: v[::-1],
    "base64": lambda v, r: base64.b64encode(surrounded(v, r)).decode(),
    "base64 for URLs": lambda v, r: base64.urlsafe_b64encode(surrounded(v, r)).decode(),
    "base64 unpadded": lambda v, r: base64.b64encode(surrounded(v, r)).decode().rstrip("="),
    "base64 twice": lambda v, r: base64.b64encode(
        r.choice((b"", b"a", b"ab")) + base64.b64encode(surrounded(v, r))
    ).decode(),
    "base64 of UTF-16": lambda v, r: base64.b64encode(f"$t='{v}'".encode("utf-16-le")).decode(),
    "base32": lambda v, r: base64.b32encode(surrounded(v, r)).decode(),
    "hex": lambda v, r: surrounded(v, r).hex(),
    "hex in capitals": lambda v, r: surrounded(v, r).hex().upper(),
    "hex in groups": lambda v, r: surrounded(v, r).hex(r.choice((" ", ":", "-")), r.choice((1, 2))),
    "hex with prefixes": lambda v, r: ", ".join(f"0x{b:02x}" for b in v.encode()),
    "escaped hex": lambda v, r: "".join(f"\\x{b:02x}" for b in v.encode()),
    "octal": lambda v, r: "".join(f"\\{b:03o}" for b in v.encode()),
    "decimal": lambda v, r: str(list(v.encode())),
    "basic authorization": lambda v, r: "Authorization: Basic "
    + base64.b64encode(f"x-access-token:{v}".encode()).decode(),
    "address": lambda v, r: f"https://x-access-token:{quote(v, safe='')}@github.com/o/r.git",
}
LAYOUTS: dict[str, Way] = {
    "as it is": lambda t, r: t,
    "percent": lambda t, r: escaped(t, r, r.choice(("%{:02x}", "%{:02X}"))),
    "percent twice": lambda t, r: escaped(t, r, "%25{:02X}"),
    "quoted for a URL": lambda t, r: quote(t, safe=""),
    "JSON": lambda t, r: json.dumps({"output": f"it is {t}\nand"}),
    "JSON in JSON": lambda t, r: json.dumps(json.dumps({"output": f"it is\n{t}"})),
    "unicode escapes": lambda t, r: escaped(
        t, r, r.choice(("\\u{:04x}", "\\u{:04X}", "\\U{:08x}"))
    ),
    "unicode escapes in braces": lambda t, r: escaped(t, r, "\\u{{{:x}}}"),
    "HTML entities": lambda t, r: escaped(t, r, r.choice(("&#{:03};", "&#x{:x};", "&#x{:04X};"))),
    "HTML": lambda t, r: html.escape(t),
    "shell word": lambda t, r: shlex.quote(t),
    "shell words": lambda t, r: strewn(t, r, ("''", '""', "'\"'\"'", '" "')),
    "backslashes": lambda t, r: "".join(c if c.isalnum() else f"\\{c}" for c in t),
    "repr": lambda t, r: repr(t.encode()),
    "wrapped": wrapped,
    "wrapped with returns": lambda t, r: wrapped(t, r, end="\r"),
    "wrapped and indented": lambda t, r: wrapped(t, r, start=r.choice(("  ", "\t", "      "))),
    "wrapped in a quotation": lambda t, r: wrapped(t, r, start=r.choice(("> ", "# ", "+ ", "| "))),
    "wrapped with backslashes": lambda t, r: wrapped(t, r, end="\\"),
    "wrapped in JSON": lambda t, r: json.dumps(wrapped(t, r)),
    "joined strings": lambda t, r: wrapped(t, r, start='    "', end='" +'),
    "colours": lambda t, r: strewn(t, r, COLOURS),
    "colours in JSON": lambda t, r: json.dumps(strewn(t, r, COLOURS)),
    "colours without escape": lambda t, r: strewn(t, r, ("[31m", "[0m", "[1;32m", "[K", "[2J")),
    "invisible characters": lambda t, r: strewn(t, r, INVISIBLE),
    "invisible in JSON": lambda t, r: json.dumps(strewn(t, r, INVISIBLE[:10])),
    "comments of HTML": lambda t, r: strewn(t, r, ("<!-- x -->", "<!---->")),
    "tags of HTML": lambda t, r: strewn(t, r, ("<b>", "</b>", "<wbr/>", '<i class="x">')),
    "wide letters": lambda t, r: "".join(
        chr(ord(c) + 0xFEE0) if " " < c < "\x7f" else c for c in t
    ),
    "bold letters": lambda t, r: shifted(t, 0x1D400),
    "accents": lambda t, r: strewn(t, r, "\u0301\u0332\u0336"),
    "spaced out": lambda t, r: r.choice((" ", "-", ".", ", ", "_", "*", " / ")).join(t),
    "a foreign sign": lambda t, r: strewn(t, r, ("-", " ", "|", "…")),
}
# What is lost on a value that has hardly a letter or digit.
NEEDS_LETTERS = {
    "joined strings", "wrapped in a quotation", "spaced out", "a foreign sign", "percent twice",
    "accents", "HTML", "wide letters",
}  # fmt: skip
# What is seen within an escape tears it, and nothing undoes that: these come first.
TEARING = {name for name in LAYOUTS if name.startswith((
    "wrapped", "joined", "colours without", "colours in", "invisible in", "spaced", "a foreign",
    "shell words",
))}  # fmt: skip
# These codes are escapes already.
TORN = {"escaped hex", "octal", "hex with prefixes"}
WHOLE = {"as it is", "JSON", "JSON in JSON", "HTML", "quoted for a URL", "repr"}


class Case(NamedTuple):
    """A text that holds a secret, and how it got there; `telling` are the places that tell of it.

    A place tells of the secret where the text would be another one with another secret.
    """

    value: str
    code: str
    layouts: tuple[str, ...]
    text: str
    telling: frozenset[int]


def values(chance: random.Random) -> list[str]:
    """Secrets as a config may hold them: tokens, keys, passphrases, words of signs."""
    forms = [form for forms in tokens.FORMS.values() for form in forms if "\n" not in form]
    wild = "".join(chance.choices(tokens.SIGNS["b"] + "!$&()*,:;=?@#%^[]{}~'\"<>\\ |", k=24))
    return [
        tokens.made("ghp_<A36>", chance), tokens.made("github_pat_<A22>_<A59>", chance),
        tokens.made("<d10>:AA<w33>", chance), tokens.made("sk-or-v1-<h64>", chance),
        tokens.made(chance.choice(forms), chance), "x" + wild.strip() + "y",
        tokens.made("correct-horse-<a6>-battery", chance), tokens.made("<A16>", chance),
    ]  # fmt: skip


def cases(seed: int, count: int) -> Iterator[Case]:
    """So many texts, each way alone as often as together with another."""
    chance = random.Random(seed)
    known: list[str] = []
    for number in range(count):
        if number % 400 == 0:
            known = values(chance)
        value = chance.choice(known)
        code = chance.choice(list(CODES))
        few_letters = sum(c.isalnum() for c in value) < 12
        closed = NEEDS_LETTERS if few_letters else set[str]()
        whole = code in TORN or (few_letters and code == "address")
        open_to_it = (WHOLE if whole else LAYOUTS.keys()) - closed
        drawn = chance.sample(sorted(open_to_it), k=chance.choice((0, 1, 1, 2)))
        yield case(value, code, in_order(drawn, chance), chance.randrange(1 << 30))


def in_order(drawn: list[str], chance: random.Random) -> tuple[str, ...]:
    """Those of them that go together: what tears an escape first, the rest in any order."""
    tearing = [name for name in drawn if name in TEARING]
    alone = [name for name in tearing if name.endswith("in JSON")]
    rest = [name for name in drawn if name not in TEARING]
    chance.shuffle(rest)
    return (alone[0],) if alone else (*tearing[:1], *rest)


def case(value: str, code: str, layouts: tuple[str, ...], seed: int) -> Case:
    text = _text(value, code, layouts, seed)
    others = [_text(other(value, n), code, layouts, seed) for n in range(1, 4)]
    same = [made for made in others if len(made) == len(text)]
    telling = (n for n in range(len(text)) if any(made[n] != text[n] for made in same))
    return Case(value, code, layouts, text, frozenset(telling))


def _text(value: str, code: str, layouts: tuple[str, ...], seed: int) -> str:
    chance = random.Random(seed)
    around = [chance.choice(ORDINARY) for _ in range(4)]
    gap = chance.choice(("\n", " ", "", "='", ": "))
    piece = CODES[code](value, chance)
    for layout in layouts:
        piece = LAYOUTS[layout](piece, chance)
    return "\n".join(around[:2]) + gap + piece + gap + "\n".join(around[2:])


def other(value: str, step: int) -> str:
    """Another secret, of which every form is as long as this one's."""
    for group in (DIGITS, UPPER, "abc", "defghijklmnopqrstuvwxyz"):
        turned = group[step % len(group) :] + group[: step % len(group)]
        value = value.translate(str.maketrans(group, turned))
    return value


def told(case: Case, out: str, mark: str) -> float:
    """How many characters' worth of the secret came out, of what went in."""
    parts = out.split(mark)
    position = len(parts[0])
    shown = set(range(position))
    for part in parts[1:-1]:
        position = case.text.index(part, position)
        shown |= set(range(position, position + len(part)))
        position += len(part)
    if len(parts) > 1:
        shown |= set(range(len(case.text) - len(parts[-1]), len(case.text)))
    if len(case.telling) < len(case.value):
        return 0.0  # hardly two secrets can be told apart in this form, so nothing is measured
    return len(case.telling & shown) / len(case.telling) * len(case.value)
