"""What a token lacks is told where GitHub tells it, in the words of that kind of token."""

from __future__ import annotations

import pytest

from orchestrator.records.config import TokenOrigin
from orchestrator.records.tracker import Permission, Sight
from orchestrator.rules import access
from orchestrator.rules.access import TokenKind

CLASSIC, FINE, OTHER = TokenKind.CLASSIC, TokenKind.FINE_GRAINED, TokenKind.OTHER
APP = TokenKind.APP


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("ghp_x", CLASSIC), ("gho_x", CLASSIC), ("0123456789abcdef" * 2 + "01234567", CLASSIC),
        ("github_pat_x", FINE), ("ghs_x", APP), ("app 7 at maria", APP),
        ("ghu_x", OTHER), ("", OTHER), ("robot", OTHER),
    ],
)  # fmt: skip
def test_the_kind_of_a_token_is_in_its_beginning(token: str, kind: TokenKind) -> None:
    assert access.kind_of(token) is kind


@pytest.mark.parametrize(
    ("told", "kind", "board", "lacking"),
    [
        ("repo, project", CLASSIC, True, ()),
        ("repo, workflow, project, read:org", OTHER, True, ()),
        ("public_repo", CLASSIC, False, ()),
        ("repo", CLASSIC, False, ()),
        ("repo", CLASSIC, True, ("project",)),
        # Reading a board is not writing it, and a status is less than a repository.
        ("repo,read:project", CLASSIC, True, ("project",)),
        ("repo:status, gist", CLASSIC, True, ("repo", "project")),
        ("", CLASSIC, False, ("repo",)),
        # GitHub tells no scopes of these: that is not "none".
        ("", FINE, True, ()),
        ("", OTHER, True, ()),
        (None, FINE, True, ()),
        (None, CLASSIC, True, ()),
    ],
)
def test_scopes_that_are_missing(
    told: str | None, kind: TokenKind, board: bool, lacking: tuple[str, ...]
) -> None:
    """A11."""
    assert access.missing_scopes(told, kind, board=board) == lacking
    if lacking:
        said = access.scopes_sentence(lacking, "https://github.example.com")
        assert all(f"`{one}`" in said for one in lacking)
        assert "https://github.example.com/settings/tokens" in said


@pytest.mark.parametrize(
    ("kind", "origin", "words"),
    [
        (CLASSIC, TokenOrigin("gh"), "gh auth login -h github.example.com"),
        (CLASSIC, TokenOrigin("environment", "GH_TOKEN"), "into GH_TOKEN of the environment"),
        (FINE, TokenOrigin("file", "/a/token"), "into /a/token"),
        (CLASSIC, TokenOrigin("config"), "into github_token of the config"),
        (TokenKind.APP, None, "github_app"),
    ],
)
def test_a_refused_token_is_renewed_where_it_came_from(
    kind: TokenKind, origin: TokenOrigin | None, words: str
) -> None:
    said = access.remedy(kind, origin, "https://github.example.com")
    assert words in said and "github.com/" not in said


@pytest.mark.parametrize(
    ("sight", "kind", "words"),
    [
        (None, CLASSIC, "the scope `repo` if it is private"),
        (None, FINE, "the fine-grained token must list it"),
        (None, OTHER, "open it to the token"),
        (Sight(role=Permission.READ), FINE, "only the role read in o/a"),
        (Sight(role=Permission.TRIAGE), CLASSIC, "write access"),
        (Sight(role=Permission.ADMIN, archived=True), CLASSIC, "o/a is archived"),
        (Sight(called="o/b"), CLASSIC, "o/a is called o/b now"),
        (Sight(issues=False), CLASSIC, "issues switched off"),
        (Sight(role=Permission.WRITE), CLASSIC, ""),
        (Sight(role=Permission.MAINTAIN), FINE, ""),
        (Sight(), OTHER, ""),  # an app has no role
    ],
)
def test_repositories_in_which_a_token_cannot_work(
    sight: Sight | None, kind: TokenKind, words: str
) -> None:
    """A11."""
    said = access.objection("o/a", sight, kind)
    assert words in said and bool(said) == bool(words)
    assert kind is CLASSIC or "scope" not in said, "others have none"


@pytest.mark.parametrize(
    ("archived", "permissions", "said"),
    [
        (False, {"pull": True, "push": True}, ""),
        (True, {"pull": True, "push": True}, "me/web is archived: nothing can be pushed"),
        (False, {"pull": True, "push": False}, "has only the role read in me/web"),
        (False, {"pull": False, "push": False}, ""),  # GitHub tells an app nothing
        (False, {}, ""),
    ],
)
def test_where_nothing_can_be_written_an_agent_would_work_in_vain(
    archived: bool, permissions: dict[str, bool], said: str
) -> None:
    seen = access.seen(archived=archived, permissions=permissions)
    told = access.objection("me/web", seen, CLASSIC)
    assert said in told and bool(said) is bool(told)


@pytest.mark.parametrize(
    ("web", "called"),
    [
        ("https://github.com", "me/web"),
        ("https://github.example.com", "github.example.com/me/web"),
        ("http://127.0.0.1:45347", "me/web"),  # asked through GH_HOST, as the README shows
        ("http://localhost:45347", "me/web"),
    ],
)
def test_a_repository_is_called_as_gh_calls_it(web: str, called: str) -> None:
    assert access.repository(web, "me/web") == called
