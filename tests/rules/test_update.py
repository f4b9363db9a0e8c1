"""Which version of itself an installation may go on to, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.tracker import Check
from orchestrator.rules.update import Candidate, GoTo, Stay, choice, slug_of

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
WEB = "https://github.com"


def check(conclusion: str, minutes: float = 60, name: str = "test") -> Check:
    status = "completed" if conclusion else "in_progress"
    ended = NOW - timedelta(minutes=minutes)
    return Check(
        id=1, name=name, group="1", status=status, conclusion=conclusion,
        started=ended - timedelta(minutes=5), completed=ended if conclusion else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ((check("success"),), ""),
        ((check("success", 9),), "since a moment ago"),
        ((check("success"), check("skipped", name="docs")), ""),
        ((check("success"), check("failure", name="lint")), "is red: lint"),
        ((check("success"), check("", name="slow")), "waits for slow"),
        ((check("cancelled"),), "is red: test"),
        ((check("skipped"),), "has no green check"),
        ((), "has no checks"),
        (None, "no whole list"),
    ],
)
def test_only_what_is_green_and_settled_is_taken(
    checks: tuple[Check, ...] | None, words: str
) -> None:
    found = choice([Candidate(sha="a" * 40, checks=checks)], "", NOW)
    if words:
        assert isinstance(found, Stay) and words in found.reason
    else:
        assert found == GoTo("a" * 40)


def test_the_newest_that_may_be_taken_is() -> None:
    red = Candidate(sha="c" * 40, checks=(check("failure"),))
    good = Candidate(sha="b" * 40, checks=(check("success"),))
    old = Candidate(sha="a" * 40, checks=(check("success"),))
    assert choice([red, good, old], "", NOW) == GoTo("b" * 40)
    assert choice([red, good, old], "b" * 40, NOW) == Stay("cccccccccccc is red: test")
    assert choice([good, old], "b" * 40, NOW) == Stay(
        "bbbbbbbbbbbb is the one that was gone back from"
    )
    assert choice([], "", NOW) == Stay("nothing newer is there")


@pytest.mark.parametrize(
    ("remote", "slug"),
    [
        ("https://github.com/me/agent-os", "me/agent-os"),
        ("https://github.com/me/agent-os.git", "me/agent-os"),
        ("https://x-access-token:secret@github.com/me/agent-os.git/", "me/agent-os"),
        ("git@github.com:me/agent-os.git", "me/agent-os"),
        ("ssh://git@github.com:22/me/agent-os", "me/agent-os"),
        ("https://example.com/me/agent-os", ""),
        ("git@example.com:me/agent-os.git", ""),
        ("/srv/git/agent-os.git", ""),
        ("https://github.com/me", ""),
        ("", ""),
    ],
)
def test_whose_repository_a_remote_is(remote: str, slug: str) -> None:
    assert slug_of(remote, WEB) == slug
