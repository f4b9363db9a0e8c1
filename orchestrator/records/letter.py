"""What is written to a person's chat, and what is heard from there."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Style(StrEnum):
    """How a span is set; the values are Telegram's names of its entities."""

    PLAIN = ""
    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"


class Span(Struct, frozen=True):
    """Some words of one style; with a `link` they lead there."""

    text: str
    style: Style = Style.PLAIN
    link: str = ""


Row = tuple[Span, ...]


class Button(Struct, frozen=True):
    """What may be pressed below a letter; `data` comes back, at most 64 bytes."""

    label: str
    data: str


class Letter(Struct, frozen=True, kw_only=True):
    """One message: lines of spans. The `ending` is kept when the rest has to be cut."""

    lines: tuple[Row, ...]
    ending: tuple[Row, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    quiet: bool = False


class Entity(Struct, frozen=True, kw_only=True):
    """Where a span came to lie in the text, counted in UTF-16 units as Telegram does."""

    offset: int
    length: int
    style: Style = Style.PLAIN
    link: str = ""


class Written(Struct, frozen=True):
    """A letter as it is sent."""

    text: str
    entities: tuple[Entity, ...] = ()


class Heard(Struct, frozen=True, kw_only=True):
    """One update: a message, or a pressed button (with `callback` and `data`).

    `chat` and `sender` are Telegram's ids; `name` is what the sender calls themselves. `broken`
    says of what kind the trouble was with one that cannot be read.
    """

    update: int
    chat: str = ""
    sender: str = ""
    name: str = ""
    text: str = ""
    callback: str = ""
    data: str = ""
    message: int = 0
    broken: str = ""
