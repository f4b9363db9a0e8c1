"""The logins of agents: where each may be, and whether what is there is one (S15)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.files import NotReadable
from orchestrator.agents.base import Credential
from orchestrator.records import regex
from orchestrator.texts import shapes

LARGEST = 1_000_000
SHORTEST = 8  # no provider gives a key of fewer letters
# What stands in examples where a key belongs.
PLACEHOLDER = regex.late(
    r"(?i)(?:^|[-_ <{\[])(?:your|change|replace|insert|placeholder|example|dummy|todo|fixme|paste"
    r"|here)(?:[-_ >}\]]|$)|^(?:none|null|undefined|secret|token|api[-_ ]?key|key|password)$"
    r"|change[-_ ]?me|replace[-_ ]?(?:me|this)|[<>\s]|\$\{|\.\.\.|\u2026|x{5,}|\*{3,}"
)
# What a key in a login file is called, and of what it consists.
TELLING = regex.late(r"(?i)token$|key$|secret|passw|^access$|^refresh$|credential")
WORD = regex.late(r"[A-Za-z0-9+/_=.~:-]{12,}(?<!:)")


class Missing(Struct, frozen=True):
    """No login there; `reason` is "" where nothing is there at all."""

    reason: str


def secret(environment: Mapping[str, str], one: Credential) -> str | Missing:
    """The secret of one login, "" where a file is login enough; Missing says why there is none."""
    if one.variable:
        value = environment.get(one.variable, "").strip()
        if not value:
            return Missing("")
        return Missing(f"{one.variable} is a placeholder") if placeholder(value) else value
    for path in _paths(environment, one):
        if os.path.exists(path):
            return _in_file(Path(path), one.field)
    return Missing("")


def placeholder(value: str) -> bool:
    """Whether a key is none that any provider gave, but the words that stood in its place."""
    return len(value) < SHORTEST or PLACEHOLDER.search(value) is not None


def _paths(environment: Mapping[str, str], one: Credential) -> Iterator[str]:
    """Its paths with the HOME and the variables in them; one whose variable is unset is none."""
    for path in one.paths:
        head, _, rest = path.partition("/")
        name = "HOME" if head == "~" else head.removeprefix("$")
        folder = environment.get(name, "")
        if folder.startswith("~/"):
            folder = environment.get("HOME", "") + folder[1:]
        if folder and os.path.isabs(folder) and (rest or os.path.isfile(folder)):
            yield os.path.join(folder, rest) if rest else folder


def _in_file(path: Path, field: str) -> str | Missing:
    """The secret in a field of a JSON file; "" for a file that needs only be there and readable."""
    try:
        text = files.read_bounded(path.resolve(), LARGEST).decode("utf-8")
        told = json.loads(text) if field else None
    except (OSError, NotReadable) as error:
        return Missing(f"{path} cannot be read: {error}")
    except (ValueError, RecursionError):
        return Missing(f"{path} is not JSON")
    if not field:
        return "" if text.strip() else Missing(f"{path} is empty")
    value = told.get(field) if isinstance(told, dict) else None
    if not isinstance(value, str) or not value.strip():
        return Missing(f"{path} has no {field}")
    if placeholder(value.strip()):
        return Missing(f"{field} in {path} is a placeholder")
    return value.strip()


def keys(path: Path) -> tuple[str, ...]:
    """What in a program's login file is a secret by its name or its look; () for no such file.

    For the redactor alone. Words such as a scope, an address or a plan are none: they would be
    taken out of every text.
    """
    try:
        text = files.read_bounded(path.resolve(), LARGEST).decode("utf-8", "replace")
    except (OSError, NotReadable):
        return ()
    try:
        found = _leaves("", json.loads(text))
    except (ValueError, RecursionError):
        found = (("", word) for word in WORD.findall(text))
    told = (
        value.strip() for name, value in found
        if TELLING.search(name) or shapes.random(value.strip() or "-")
    )  # fmt: skip
    return tuple(dict.fromkeys(one for one in told if WORD.fullmatch(one) and not placeholder(one)))


def _leaves(name: str, told: object) -> Iterator[tuple[str, str]]:
    """Each text in a JSON value, with the name behind which it stands."""
    if isinstance(told, str):
        yield name, told
    elif isinstance(told, dict):
        for key, value in told.items():
            yield from _leaves(str(key), value)
    elif isinstance(told, list):
        for value in told:
            yield from _leaves(name, value)
