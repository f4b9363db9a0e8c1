"""Front matter: YAML that people may edit, in a form of ours that is also quick to read."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import yaml
from msgspec import Struct, structs

from orchestrator.records import regex
from orchestrator.records.errors import AgentOSError

_Strings = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Typed = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

# A word or words that every YAML reader takes as they are, without quotes.
_PLAIN = regex.late(
    r"[A-Za-z0-9_][A-Za-z0-9_./@+,()=-]*+"
    r"(?:(?::(?=[A-Za-z0-9_/])| (?=[A-Za-z0-9_(]))[A-Za-z0-9_./@+,()=-]*+)*"
)
# What YAML would not print, or take for the end of a line, although JSON lets it stand.
_UNPRINTABLE = regex.late("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LOOKS_TYPED = regex.late(r"[-+.\d][\d_.eE+:-]*|true|false|yes|no|on|off|null|y|n", re.IGNORECASE)
_DEEPEST = 40
LARGEST = 512_000


class Unreadable(AgentOSError):
    """The front matter is not YAML, or not a mapping; the text says where."""


def load(text: str, known: Container[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `known` keys as strings (their types are the record's matter), and the others, typed.

    A key without a value counts as absent, and [] is a list without items. Raises Unreadable.
    """
    extra: dict[str, Any] = {}
    data = _load_ours(text, known)
    if data is None:
        data, extra = _load_yaml(text, known)
    return {name: value for name, value in data.items() if value != ""}, extra


def line(name: str, value: object) -> str:
    """`name: value` with its line end; a list has one line for each item."""
    if value == ():
        return f"{name}: []\n"
    if isinstance(value, tuple):
        return f"{name}:\n" + "".join(f"- {_shown(item)}\n" for item in value)
    return f"{name}: {_shown(value)}\n"


def dump_extra(extra: dict[str, Any]) -> str:
    """The keys that a person added, as YAML of any form."""
    if not extra:
        return ""
    dumped: str = yaml.dump(extra, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return dumped


def _shown(value: object) -> str:
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, datetime):
        return _json(value)[1:-1]
    if isinstance(value, Struct):
        return _json(_without_defaults(value))
    return _json(value)


def _word(text: str) -> str:
    plain = str.__str__(text)
    if _PLAIN.fullmatch(plain) and not _LOOKS_TYPED.fullmatch(plain):
        return plain
    return _json(plain)


def _json(value: object) -> str:
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        encoded = msgspec.json.encode(_mended(value))
    if encoded[:1] in b"{[":
        encoded = msgspec.json.format(encoded, indent=0)
    return _UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", encoded.decode())


def _mended(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _mended(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_mended(inner) for inner in value]
    return value


def _without_defaults(record: Struct) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, default in _defaults(type(record)):
        value = getattr(record, name)
        if value != default:
            shown[name] = _without_defaults(value) if isinstance(value, Struct) else value
    return shown


@cache
def _defaults(kind: type[Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.default) for field in structs.fields(kind))


def _load_ours(text: str, known: Container[str]) -> dict[str, Any] | None:
    """What `line` wrote, read without a YAML parser; None for any other form.

    Each of these forms means the same in YAML, so the two ways never disagree.
    """
    data: dict[str, Any] = {}
    name = ""
    items: list[Any] | None = None
    for written in text.split("\n")[:-1]:
        if written.startswith("# "):
            continue
        if written.startswith("- ") and items is not None:
            value = _read(written[2:])
            items.append(value)
            data[name] = items
        else:
            name, colon, rest = written.partition(":")
            if not colon or name in data or name not in known:
                return None
            items = None if rest else []
            value = data[name] = "" if not rest else _read(rest[1:]) if rest[0] == " " else None
        if value is None:
            return None
    return data if text.endswith("\n") else None


def _read(written: str) -> Any:
    if _PLAIN.fullmatch(written):
        return written
    if written.startswith(('"', "{", "[")):
        try:
            return msgspec.json.decode(written)
        except (msgspec.DecodeError, RecursionError):
            return None
    return None


def _load_yaml(text: str, known: Container[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(text) > LARGEST:
        raise Unreadable(f"The front matter has {len(text)} characters; {LARGEST} are read.")
    try:
        _refuse_traps(text)
        strings = yaml.load(text, Loader=_Strings)
        if not isinstance(strings, dict):
            raise Unreadable("The front matter holds no key: value lines.")
        data = {name: value for name, value in strings.items() if name in known}
        if all(name in known for name in strings):
            return data, {}
        typed = yaml.load(text, Loader=_Typed)
    except yaml.YAMLError as reason:
        raise Unreadable(_where(reason)) from reason
    except (ValueError, TypeError, OverflowError) as reason:
        raise Unreadable(f"The front matter holds a value that cannot be: {reason}.") from reason
    except (KeyError, AttributeError) as reason:  # PyYAML's own, of `!!bool x` or `!!timestamp x`
        raise Unreadable("The front matter holds a value that its !!tag cannot be.") from reason
    return data, {str(name): value for name, value in typed.items() if str(name) not in known}


def _refuse_traps(text: str) -> None:
    """Nesting that would overflow the parser's stack, and references that multiply (Q9)."""
    depth = 0
    for event in yaml.parse(text, Loader=_Strings):
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable(f"{_line_of(event)} refers to another place by *; write it out.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise Unreadable(f"{_line_of(event)} is nested too deeply.")


def _line_of(event: yaml.Event) -> str:
    # Line 1 of the file is the --- above the front matter.
    return f"Line {event.start_mark.line + 2}" if event.start_mark else "The front matter"


def _where(reason: yaml.YAMLError) -> str:
    mark = getattr(reason, "problem_mark", None) or getattr(reason, "context_mark", None)
    if "nesting depth" in str(reason):  # from PyYAML 6.0.4 on it gives up before we do
        problem = "is nested too deeply"
        return f"Line {mark.line + 2} {problem}." if mark else f"The front matter {problem}."
    problem = getattr(reason, "problem", None) or getattr(reason, "reason", None) or "unreadable"
    # Line 1 of the file is the --- above the front matter.
    return f"Line {mark.line + 2}: {problem}." if mark else f"The front matter: {problem}."
