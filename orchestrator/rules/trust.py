"""Whether an issue comes from people whose word may start work here (S6, S7)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.records.config import RepositoryConfig, Trust
from orchestrator.records.tracker import Permission

AGAIN = (
    "Somebody with write access who has read it as it is now sets it Ready again: takes the label "
    "`ready` off and adds it, or moves its card out of Ready and back."
)
APP = "[bot]"  # ends the name of an app's account, as REST has it
WRITERS = frozenset({Permission.ADMIN, Permission.MAINTAIN, Permission.WRITE})


class Person(Struct, frozen=True):
    """A login, "" for an account that is gone, and its role; None while that is not known."""

    login: str
    permission: Permission | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """Who wrote the issue, who set it Ready and when, and who last changed text and title.

    `labelled_by` is None when the label `ready` is not set, `on_board` whether the board says
    Ready.
    """

    repository: RepositoryConfig
    author: Person
    labelled_by: Person | None = None
    on_board: bool = False
    ready_at: datetime | None = None
    edited_at: datetime | None = None
    editor: Person | None = None
    renamed_at: datetime | None = None
    renamer: Person | None = None


class Trusted(Struct, frozen=True, tag=True):
    """Its text may reach an agent."""


class NotTrusted(Struct, frozen=True, tag=True):
    """One comment says so, with what a person can do, and it waits for triage."""

    reason: str
    mend: str


class Unknown(Struct, frozen=True, tag=True):
    """Not now: what was not answered is no permission; the next tick asks again."""

    reason: str


Judgement = Trusted | NotTrusted | Unknown


def judge(facts: Facts) -> Judgement:
    """Trusted only when everybody who must may write; one refusal outweighs what is unknown."""
    return _worst(_ready(facts), *_text(facts))


def of_text(facts: Facts) -> Judgement:
    """As `judge`, where a person of this machine begins the work and nobody's Ready is asked."""
    return _worst(*_text(facts))


def _text(facts: Facts) -> tuple[Judgement, ...]:
    return (
        _author(facts),
        _changed(facts, facts.edited_at, facts.editor, "edited it"),
        _changed(facts, facts.renamed_at, facts.renamer, "renamed it"),
    )


def _worst(*answers: Judgement) -> Judgement:
    for kind in (NotTrusted, Unknown):
        for answer in answers:
            if isinstance(answer, kind):
                return answer
    return Trusted()


def may_write(person: Person) -> bool | None:
    """None while the role is not known; an account that is gone may not."""
    if not person.login:
        return False
    return None if person.permission is None else person.permission in WRITERS


def _ready(facts: Facts) -> Judgement:
    """Ready by the label's actor, or by a board that only people with write access can set."""
    if facts.on_board and facts.repository.trusted_board:
        return Trusted()
    if facts.labelled_by is not None:
        return _asked(facts.labelled_by, "set it Ready", AGAIN)
    if facts.on_board:
        return NotTrusted(
            "it was set Ready on a board that people without write access may change",
            "Somebody with write access who has read it adds the label `ready`.",
        )
    return Unknown("nobody is known to have set it Ready")


def is_named(login: str, repository: RepositoryConfig) -> bool:
    """Whether `trusted_authors` names that account; an app's name may lack its `[bot]` there."""
    names = {name.lower() for name in repository.trusted_authors}
    return bool(names & {login.lower(), login.lower().removesuffix(APP)})


def _author(facts: Facts) -> Judgement:
    if facts.repository.trust is Trust.ACTOR or is_named(facts.author.login, facts.repository):
        return Trusted()
    return _asked(facts.author, "wrote the issue", _quoted_or_named(facts.author))


def _quoted_or_named(author: Person) -> str:
    login = author.login.removesuffix(APP)  # brackets would end a list of YAML
    name = f"`trusted_authors: [{login}]` or " if login else ""
    return (
        "Nobody's Ready is enough for it under `trust: author`: open an issue of your own that "
        f"quotes it, or set {name}`trust: actor` (whoever sets Ready decides alone) for this "
        "repository in config.yaml."
    )


def _changed(facts: Facts, at: datetime | None, by: Person | None, deed: str) -> Judgement:
    """What changed after Ready is not what was read by whoever set it (S7)."""
    if at is None:
        return Trusted()
    if facts.ready_at is not None and at <= facts.ready_at:
        return Trusted()
    if by is None:
        return Unknown(f"somebody {deed} after it was set Ready, who is not known")
    return _asked(by, f"{deed} after it was set Ready", AGAIN)


def _asked(person: Person, deed: str, mend: str) -> Judgement:
    allowed = may_write(person)
    who = person.login or "an account that is gone"
    if allowed is None:
        return Unknown(f"the role of {who}, who {deed}, could not be read")
    return Trusted() if allowed else NotTrusted(f"{who}, who {deed}, has no write access", mend)
