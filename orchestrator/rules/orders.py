"""What a person's words in the chat ask for: one verb, what it is about, and the rest as text."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

LONGEST = 200  # characters of what a command is about


class Verb(StrEnum):
    """The commands, as they are written behind the slash."""

    STATUS = "status"
    TASKS = "tasks"
    NEW = "new"
    NEXT = "next"
    ANSWER = "answer"
    RETRY = "retry"
    GIVE = "give"
    CLOSE = "close"
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    OFF = "off"
    ON = "on"
    WHY = "why"
    HELP = "help"


class Form(Struct, frozen=True):
    """How a command is written, what it does, and how many of its words it cannot do without."""

    usage: str
    does: str
    least: int = 0


FORMS: Mapping[Verb, Form] = {
    Verb.STATUS: Form("", "what runs, what waits, what needs you"),
    Verb.TASKS: Form("", "every task that is not over"),
    Verb.NEW: Form("REPO TEXT", "an issue, set Ready; its first line is the title", 2),
    Verb.NEXT: Form("TASK", "this one before all that wait", 1),
    Verb.ANSWER: Form("TASK TEXT", "a comment on its issue; an agent's question is answered", 2),
    Verb.RETRY: Form("TASK", "a new round", 1),
    Verb.GIVE: Form("TASK AGENT", "a new round, that agent first", 2),
    Verb.CLOSE: Form("TASK", "end it, close its issue and pull request", 1),
    Verb.APPROVE: Form("TASK", "its pull request may be merged as it stands", 1),
    Verb.PAUSE: Form("[REPO]", "start nothing new; what is open is still merged"),
    Verb.RESUME: Form("[REPO]", "the opposite"),
    Verb.OFF: Form("[REPO or SCRIPT] [WHY]", "stop everything, or that"),
    Verb.ON: Form("[REPO or SCRIPT]", "the opposite"),
    Verb.WHY: Form("TASK", "why it is where it is", 1),
    Verb.HELP: Form("", "this"),
}
BEGIN = "start"  # what every chat with a bot begins with


class Order(Struct, frozen=True, kw_only=True):
    """A command that can be carried out; `what` is one word, `text` all that follows it."""

    verb: Verb
    what: str = ""
    text: str = ""


class Unclear(Struct, frozen=True):
    """Why it cannot, for the person who wrote it."""

    sentence: str


def read(said: str) -> Order | Unclear:
    """`/retry web#12`, also as `/retry@some_bot web#12`; the case of the verb does not matter."""
    head, rest = parted(said.strip())
    if not head.startswith("/"):
        return Unclear("Commands begin with a slash; /help lists them.")
    word = head[1:].partition("@")[0].lower()
    if word == BEGIN:
        return Order(verb=Verb.HELP)
    if word not in set(Verb):
        return Unclear(f"There is no command {head[:40]}; /help lists them.")
    verb = Verb(word)
    what, text = parted(rest)
    given = bool(what) + bool(text)
    if given < FORMS[verb].least:
        return Unclear(f"Write it like this: /{verb} {FORMS[verb].usage}")
    if len(what) > LONGEST:
        return Unclear(f"{what[:40]}... is no name of anything here.")
    return Order(verb=verb, what=what.lstrip("#"), text=text)


def parted(text: str) -> tuple[str, str]:
    """The first word, and what follows it with its own lines."""
    words = text.split(maxsplit=1)
    return (words[0] if words else "", words[1].strip() if len(words) > 1 else "")


def pressed(data: str) -> tuple[str, str, str]:
    """What a button's data says: the verb, the short name of its letter, and an agent or ""."""
    verb, _, rest = data.partition(":")
    short, _, agent = rest.partition(":")
    return verb, short, agent
