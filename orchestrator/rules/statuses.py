"""Which option of somebody's board means which of our five statuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

# In the order of a board, with the colour and the words of an option that we make.
FIVE = {
    "backlog": ("Backlog", "GRAY", "Not yet to be worked on"),
    "ready": ("Ready", "BLUE", "Agent OS may begin"),
    "in_progress": ("In Progress", "YELLOW", "Agent OS works on it"),
    "blocked": ("Blocked", "RED", "Waits for a person"),
    "done": ("Done", "GREEN", "Merged and verified"),
}
# What people call them. Nothing but "ready" means ready: an issue that somebody only wrote down
# must not start an agent, so "Todo" is a backlog.
KNOWN_AS: Mapping[str, tuple[str, ...]] = {
    "backlog": ("backlog", "todo", "new", "inbox", "icebox", "triage", "totriage", "ideas"),
    "ready": ("ready", "readyforagents", "readyforwork", "readytostart", "readyforagent",
              "readyfordev", "readyfordevelopment", "readytowork"),
    "in_progress": ("inprogress", "doing", "wip", "working", "workinprogress", "indevelopment",
                    "started", "active", "underway"),
    "blocked": ("blocked", "onhold", "stuck", "waiting", "needsattention", "needshuman"),
    "done": ("done", "closed", "complete", "completed", "finished", "shipped", "merged"),
}  # fmt: skip


class Option(Struct, frozen=True, kw_only=True):
    """One option of a status field; `id` is "" where it is not made yet."""

    name: str
    id: str = ""
    color: str = "GRAY"
    description: str = ""


class Words(Struct, frozen=True, kw_only=True):
    """What the five are called on a board, once `missing` has been added to it."""

    called: Mapping[str, str]
    missing: tuple[str, ...] = ()


def words(options: Sequence[str], said: Mapping[str, str] | None = None) -> Words:
    """The board's own words where it has them; `said` are the ones that a config names."""
    called: dict[str, str] = {}
    missing = []
    plain = {letters(name): name for name in reversed(options)}
    for status, (usual, _, _) in FIVE.items():
        wanted = (said or {}).get(status)
        names = [wanted] if wanted else list(meaning(status, usual, plain))
        found = next((name for name in names if name in options), None)
        called[status] = found or wanted or usual
        if found is None:
            missing.append(status)
    return Words(called=called, missing=tuple(missing))


def meaning(status: str, usual: str, plain: Mapping[str, str]) -> Iterator[str]:
    yield usual
    yield from (plain[word] for word in KNOWN_AS[status] if word in plain)


def letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def wanted(there: Sequence[Option], found: Words) -> tuple[Option, ...]:
    """All options as they shall be: those that are there, untouched, and the missing in place."""
    options = list(there)
    order = list(FIVE)
    for status in found.missing:
        _, color, description = FIVE[status]
        new = Option(name=found.called[status], color=color, description=description)
        before = [found.called[earlier] for earlier in order[: order.index(status)]]
        places = [index for index, one in enumerate(options) if one.name in before]
        options.insert(max(places, default=-1) + 1, new)
    return tuple(options)


def of_a_new_board(there: Sequence[Option]) -> tuple[Option, ...]:
    """The five, in place of what GitHub puts on a new board; what is there keeps its id."""
    known = {word: one for one in there for word in [letters(one.name)]}
    old = {status: known.get(letters(usual)) for status, (usual, _, _) in FIVE.items()}
    old["backlog"] = old["backlog"] or known.get("todo")
    return tuple(
        Option(name=usual, id=one.id if one else "", color=color, description=description)
        for status, (usual, color, description) in FIVE.items()
        for one in [old[status]]
    )
