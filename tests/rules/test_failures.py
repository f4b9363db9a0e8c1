"""Every failure of GitHub is of one kind, and only some of them are worth another try (A6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.errors import Trouble
from orchestrator.rules import failures

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
SAML = "Resource protected by organization SAML enforcement. You must grant your token access."
QUICK = "Validation Failed was submitted too quickly"


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind"),
    [
        (400, {}, "Problems parsing JSON", Trouble.VALIDATION),
        (401, {}, "Bad credentials", Trouble.AUTH),
        (403, {}, "Resource not accessible by personal access token", Trouble.PERMISSION),
        (403, {}, "Repository was archived so is read-only.", Trouble.READ_ONLY),
        (403, {"retry-after": "60"}, "", Trouble.RATE),
        (403, {"x-ratelimit-remaining": "0"}, "API rate limit exceeded", Trouble.RATE),
        (403, {"x-ratelimit-remaining": "0"}, "", Trouble.RATE),
        (403, {"x-ratelimit-remaining": "17"}, "", Trouble.PERMISSION),
        (403, {}, SECONDARY, Trouble.RATE),
        (403, {}, "You have triggered an abuse detection mechanism.", Trouble.RATE),
        (403, {"x-github-sso": "required; url=https://x"}, SAML, Trouble.PERMISSION),
        (403, {"x-github-sso": "required", "x-ratelimit-remaining": "0"}, "", Trouble.PERMISSION),
        (404, {}, "Not Found", Trouble.NOT_FOUND),
        (404, {"x-ratelimit-remaining": "0"}, "Not Found", Trouble.NOT_FOUND),
        (405, {}, "Base branch was modified", Trouble.REFUSED),
        (408, {}, "", Trouble.NETWORK),
        (409, {}, "Head branch was modified", Trouble.CONFLICT),
        (410, {}, "This issue was deleted", Trouble.NOT_FOUND),
        (413, {}, "", Trouble.VALIDATION),
        (418, {}, "I am a teapot", Trouble.UNKNOWN),
        (422, {}, "Validation Failed", Trouble.VALIDATION),
        (422, {}, QUICK, Trouble.RATE),
        (429, {}, "", Trouble.RATE),
        (451, {}, "Repository access blocked", Trouble.PERMISSION),
        (499, {}, "", Trouble.UNKNOWN),
        (500, {}, "Server Error", Trouble.SERVER),
        (502, {"retry-after": "5"}, "", Trouble.SERVER),
        (599, {}, "", Trouble.SERVER),
    ],
)
def test_what_a_status_means(
    status: int, headers: dict[str, str], message: str, kind: Trouble
) -> None:
    assert failures.of_status(status, headers, message) is kind


@pytest.mark.parametrize(
    ("kind", "message", "trouble"),
    [
        ("NOT_FOUND", "Could not resolve to a node", Trouble.NOT_FOUND),
        ("FORBIDDEN", SAML, Trouble.PERMISSION),
        ("", SAML, Trouble.PERMISSION),
        ("FORBIDDEN", "Repository was archived so is read-only.", Trouble.READ_ONLY),
        ("INSUFFICIENT_SCOPES", "", Trouble.PERMISSION),
        ("RATE_LIMITED", "", Trouble.RATE),
        ("RATE_LIMIT", "", Trouble.RATE),
        ("", SECONDARY, Trouble.RATE),
        ("UNPROCESSABLE", "", Trouble.VALIDATION),
        ("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded.", Trouble.SERVER),
        ("", "Resource limits for this query exceeded.", Trouble.SERVER),
        ("", "Something went wrong while executing your query.", Trouble.SERVER),
        ("", "We couldn't respond to your request in time: timedout", Trouble.SERVER),
        ("STALE_DATA", "", Trouble.CONFLICT),
        ("A_NEW_WORD", "whatever", Trouble.PARTIAL),
        ("", "", Trouble.PARTIAL),
    ],
)
def test_what_an_error_of_graphql_means(kind: str, message: str, trouble: Trouble) -> None:
    assert failures.of_graphql(kind, message) is trouble


def test_what_another_try_may_help() -> None:
    again = failures.ASKING_AGAIN_MAY_HELP
    assert again == {Trouble.SERVER, Trouble.NETWORK}
    assert {Trouble.AUTH, Trouble.RATE} == failures.EVERYBODYS
    assert Trouble.UNKNOWN not in failures.PASSING, "an unknown 4xx is the same at every try"


@pytest.mark.parametrize(
    ("trouble", "minutes", "later"),
    [
        (Trouble.NOT_FOUND, 0, True),
        (Trouble.NOT_FOUND, 4.9, True),
        (Trouble.NOT_FOUND, 5, False),
        # By a clock that is a little behind GitHub's, and one that was put right since.
        (Trouble.NOT_FOUND, -1, True),
        (Trouble.NOT_FOUND, -60, False),
        (Trouble.NOT_FOUND, None, False),
        (Trouble.PERMISSION, 1, False),
    ],
)
def test_what_was_there_a_moment_ago_is_not_gone(
    trouble: Trouble, minutes: float | None, later: bool
) -> None:
    """A7."""
    known = None if minutes is None else NOW - timedelta(minutes=minutes)
    assert failures.too_early(trouble, known, NOW) is later


@pytest.mark.parametrize(
    ("headers", "message", "words"),
    [
        (
            {"x-github-sso": "required; url=https://github.com/orgs/acme/sso?authorization_request=A"},
            "Resource protected by organization SAML enforcement.", "single sign-on of acme",
        ),
        ({"x-github-sso": "required"}, "", "single sign-on of its organisation"),
        (
            {"x-accepted-github-permissions": "pull_requests=write; contents=read"},
            "Resource not accessible by personal access token", "pull_requests: write",
        ),
        ({"x-accepted-github-permissions": "contents=read"}, "Repository was archived", ""),
        ({"x-github-sso": "partial-results; organizations=21"}, "", ""),
    ],
)  # fmt: skip
def test_a_refusal_says_what_can_be_done(
    headers: dict[str, str], message: str, words: str
) -> None:
    said = failures.remedy(headers, message)
    assert words in said and bool(said) == bool(words)
    assert "authorization_request" not in said
