"""What kind of trouble an answer of GitHub is, and whether asking again can help (A6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestrator.records.errors import Trouble

BY_STATUS: Mapping[int, Trouble] = {
    400: Trouble.VALIDATION,
    401: Trouble.AUTH,
    404: Trouble.NOT_FOUND,
    405: Trouble.REFUSED,
    406: Trouble.VALIDATION,
    408: Trouble.NETWORK,
    409: Trouble.CONFLICT,
    410: Trouble.NOT_FOUND,
    413: Trouble.VALIDATION,
    415: Trouble.VALIDATION,
    422: Trouble.VALIDATION,
    429: Trouble.RATE,
    451: Trouble.PERMISSION,
}

# The `type` of an entry in a GraphQL answer's `errors`.
BY_GRAPHQL_TYPE: Mapping[str, Trouble] = {
    "NOT_FOUND": Trouble.NOT_FOUND,
    "FORBIDDEN": Trouble.PERMISSION,
    "INSUFFICIENT_SCOPES": Trouble.PERMISSION,
    "RATE_LIMIT": Trouble.RATE,
    "RATE_LIMITED": Trouble.RATE,
    "UNPROCESSABLE": Trouble.VALIDATION,
    "MAX_NODE_LIMIT_EXCEEDED": Trouble.VALIDATION,
    # Too much for one answer: a smaller page is not.
    "RESOURCE_LIMITS_EXCEEDED": Trouble.SERVER,
    "SERVICE_UNAVAILABLE": Trouble.SERVER,
    "INTERNAL": Trouble.SERVER,
    "STALE_DATA": Trouble.CONFLICT,
}
# How GitHub says "too much" where the status does not: of refusals, and of what was no valid text.
TOO_MUCH = ("rate limit", "abuse detection", "submitted too quickly", "too many requests")
ARCHIVED = "archived so is read-only"
TOO_SLOW = ("something went wrong", "timeout", "timed out", "timedout", "resource limits")
NO_ENTRY = ("saml", "sso", "not accessible", "forbidden", "must have push access")
# A 403 that hides nothing: what is not sold for a private repository cannot hold there.
NOT_SOLD = ("upgrade to github", "to enable this feature")
# What was seen or made so short a time ago is there, whatever GitHub says (A7).
FRESH = timedelta(minutes=5)

ASKING_AGAIN_MAY_HELP = frozenset({Trouble.SERVER, Trouble.NETWORK})
# Nobody's tick goes on after one of these (A3, A6).
EVERYBODYS = frozenset({Trouble.AUTH, Trouble.RATE})
# Any other refusal is the same at every later try.
PASSING = ASKING_AGAIN_MAY_HELP | EVERYBODYS


def of_status(status: int, headers: Mapping[str, str], message: str) -> Trouble:
    """Classify an HTTP status of 400 or more; `headers` with lower-case names.

    A 403 is a limit when it says so by `retry-after`, by an empty allowance or in words
    (GitHub documents all three), and otherwise a missing permission, of which single sign-on is
    one. A status that nobody knows is not worth another try.
    """
    words = message.lower()
    too_much = any(each in words for each in TOO_MUCH)
    if status == 403 and ARCHIVED in words:
        return Trouble.READ_ONLY
    if status == 403 and "x-github-sso" not in headers:
        empty = headers.get("x-ratelimit-remaining") == "0"
        return Trouble.RATE if too_much or empty or "retry-after" in headers else Trouble.PERMISSION
    if status == 403:
        return Trouble.PERMISSION
    if status == 422 and too_much:
        return Trouble.RATE
    if status in BY_STATUS:
        return BY_STATUS[status]
    return Trouble.SERVER if status >= 500 else Trouble.UNKNOWN


def remedy(headers: Mapping[str, str], message: str) -> str:
    """What GitHub's refusal says can be done about it, to follow its own words; "" for nothing."""
    sso = headers.get("x-github-sso", "")
    if sso.startswith("required"):
        organisation = sso.partition("/orgs/")[2].partition("/")[0]
        return (
            f"; authorise the token for the single sign-on of {organisation or 'its organisation'}"
            ": its settings page, `Configure SSO`"
        )
    needed = headers.get("x-accepted-github-permissions", "")
    if needed and "not accessible" in message.lower():
        return f"; the token lacks {needed.replace('=', ': ')}"
    return ""


def not_in_the_plan(trouble: Trouble, message: str) -> bool:
    """Whether GitHub refuses to tell only because its plan has no such thing there."""
    return trouble is Trouble.PERMISSION and all(each in message.lower() for each in NOT_SOLD)


def too_early(trouble: Trouble, known_at: datetime | None, now: datetime) -> bool:
    """Whether a "not found" may be GitHub's own delay: we saw or made it just now (A7)."""
    if trouble is not Trouble.NOT_FOUND or known_at is None:
        return False
    return abs(now - known_at) < FRESH  # further ahead it is of a clock that was put right since


def of_graphql(kind: str, message: str) -> Trouble:
    """Classify one entry of `errors`; GitHub's time-outs come with no type at all."""
    words = message.lower()
    if ARCHIVED in words:
        return Trouble.READ_ONLY
    if kind in BY_GRAPHQL_TYPE:
        return BY_GRAPHQL_TYPE[kind]
    if any(each in words for each in TOO_MUCH):
        return Trouble.RATE
    if any(each in words for each in TOO_SLOW):
        return Trouble.SERVER
    if any(each in words for each in NO_ENTRY):
        return Trouble.PERMISSION
    return Trouble.PARTIAL
