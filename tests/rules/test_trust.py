"""Whose word may start work here (S6, S7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from orchestrator.records.config import RepositoryConfig, Trust
from orchestrator.records.tracker import Permission
from orchestrator.rules import trust
from orchestrator.rules.trust import Facts, NotTrusted, Person, Trusted, Unknown

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AUTHOR = RepositoryConfig(slug="o/r", clone_url="")
ACTOR = structs.replace(AUTHOR, trust=Trust.ACTOR)
OPEN_BOARD = structs.replace(AUTHOR, trusted_board=False)
LISTED = structs.replace(AUTHOR, trusted_authors=("Stranger",))
ANN, BO = Person("ann", Permission.WRITE), Person("bo", Permission.MAINTAIN)
STRANGER = Person("stranger", Permission.READ)
TRIAGER = Person("tri", Permission.TRIAGE)
SOMEBODY = Person("somebody")
GHOST = Person("")
APP = Person("helper[bot]", Permission.NONE)


def judged(repository=AUTHOR, author=ANN, **fields):
    return trust.judge(Facts(repository=repository, author=author, ready_at=NOON, **fields))


LATE = NOON + timedelta(minutes=1)
LATER = dict(edited_at=LATE)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        (dict(labelled_by=BO), Trusted, ""),
        (dict(labelled_by=Person("root", Permission.ADMIN)), Trusted, ""),
        (dict(on_board=True), Trusted, ""),
        (dict(on_board=True, labelled_by=STRANGER), Trusted, ""),
        (dict(labelled_by=TRIAGER), NotTrusted, "tri, who set it Ready, has no write"),
        (dict(labelled_by=STRANGER), NotTrusted, "stranger, who set it Ready"),
        (dict(labelled_by=GHOST), NotTrusted, "an account that is gone"),
        (dict(labelled_by=SOMEBODY), Unknown, "role of somebody"),
        ({}, Unknown, "nobody is known"),
        (dict(on_board=True, repository=OPEN_BOARD), NotTrusted, "people without write access"),
        (dict(on_board=True, repository=OPEN_BOARD, labelled_by=BO), Trusted, ""),
        (dict(on_board=True, author=STRANGER), NotTrusted, "stranger, who wrote the issue"),
        (dict(on_board=True, author=GHOST), NotTrusted, "an account that is gone, who wrote"),
        (dict(on_board=True, author=SOMEBODY), Unknown, "role of somebody"),
        (dict(on_board=True, author=STRANGER, repository=ACTOR), Trusted, ""),
        (dict(on_board=True, author=STRANGER, repository=LISTED), Trusted, ""),
        (dict(labelled_by=STRANGER, author=STRANGER, repository=LISTED), NotTrusted, "set it"),
        (dict(labelled_by=SOMEBODY, author=STRANGER), NotTrusted, "wrote the issue"),
        (dict(on_board=True, **LATER, editor=BO), Trusted, ""),
        (dict(on_board=True, **LATER, editor=STRANGER), NotTrusted, "edited it after"),
        (dict(on_board=True, **LATER, editor=SOMEBODY), Unknown, "edited it after"),
        (dict(on_board=True, **LATER), Unknown, "who is not known"),
        (dict(on_board=True, renamed_at=LATE, renamer=BO), Trusted, ""),
        (dict(on_board=True, renamed_at=LATE, renamer=STRANGER), NotTrusted, "renamed it after"),
        (dict(on_board=True, renamed_at=LATE, renamer=GHOST), NotTrusted, "an account that is"),
        (dict(on_board=True, renamed_at=LATE, renamer=SOMEBODY), Unknown, "renamed it after"),
        (dict(on_board=True, renamed_at=LATE), Unknown, "renamed it after"),
        (dict(on_board=True, renamed_at=NOON, renamer=STRANGER), Trusted, ""),
        (dict(on_board=True, **LATER, editor=BO, renamed_at=LATE, renamer=STRANGER),
         NotTrusted, "stranger, who renamed it"),
        (dict(on_board=True, repository=ACTOR, author=STRANGER, renamed_at=LATE,
              renamer=STRANGER), NotTrusted, "stranger, who renamed it"),
        (dict(on_board=True, edited_at=NOON, editor=STRANGER), Trusted, ""),
    ],
)
def test_who_is_trusted(fields, kind, words):
    answer = judged(**fields)
    assert isinstance(answer, kind)
    assert words in getattr(answer, "reason", "")


@pytest.mark.parametrize(
    ("fields", "helps", "never"),
    [
        (dict(labelled_by=BO, author=STRANGER), "`trusted_authors: [stranger]` or `trust: actor`",
         "adds"),
        (dict(labelled_by=BO, author=APP), "`trusted_authors: [helper]` or `trust: actor`", "bot"),
        (dict(labelled_by=BO, author=GHOST), "or set `trust: actor`", "trusted_authors"),
        (dict(labelled_by=STRANGER), "takes the label `ready` off and adds it", "trust"),
        (dict(on_board=True, **LATER, editor=STRANGER), "as it is now sets it Ready", "trust"),
        (dict(on_board=True, repository=OPEN_BOARD), "adds the label `ready`", "trust"),
    ],
)
def test_what_would_help_is_what_is_told(fields, helps, never):
    answer = judged(**fields)
    assert helps in answer.mend and never not in answer.mend


@pytest.mark.parametrize("permission", list(Permission))
def test_only_write_and_above_may(permission):
    expected = permission in {Permission.WRITE, Permission.MAINTAIN, Permission.ADMIN}
    assert trust.may_write(Person("ann", permission)) is expected
