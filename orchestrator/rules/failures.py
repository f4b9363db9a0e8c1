"""What kind of trouble an answer of GitHub is, and whether asking again can help (A6)."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.records.errors import Trouble

BY_STATUS: Mapping[int, Trouble] = {
    401: Trouble.AUTH,
    404: Trouble.NOT_FOUND,
    405: Trouble.REFUSED,
    409: Trouble.CONFLICT,
    410: Trouble.NOT_FOUND,
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
}

ASKING_AGAIN_MAY_HELP = frozenset({Trouble.SERVER, Trouble.NETWORK})
# Nobody's tick goes on after one of these (A3, A6).
EVERYBODYS = frozenset({Trouble.AUTH, Trouble.RATE})
# Any other refusal is the same at every later try.
PASSING = ASKING_AGAIN_MAY_HELP | EVERYBODYS


def of_status(status: int, headers: Mapping[str, str], message: str) -> Trouble:
    """Classify an HTTP status of 400 or more; `headers` with lower-case names.

    A 403 is a limit when it says so by `retry-after`, by an empty allowance or in words
    (GitHub documents all three), and otherwise a missing permission.
    """
    if status == 403:
        limited = (
            "retry-after" in headers
            or headers.get("x-ratelimit-remaining") == "0"
            or "rate limit" in message.lower()
            or "abuse detection" in message.lower()
        )
        return Trouble.RATE if limited else Trouble.PERMISSION
    if status in BY_STATUS:
        return BY_STATUS[status]
    return Trouble.SERVER if status >= 500 else Trouble.UNKNOWN


def of_graphql(kind: str, message: str) -> Trouble:
    """Classify one entry of `errors`; GitHub's time-outs come with no type at all."""
    if kind in BY_GRAPHQL_TYPE:
        return BY_GRAPHQL_TYPE[kind]
    words = message.lower()
    if "rate limit" in words:
        return Trouble.RATE
    if "something went wrong" in words or "timeout" in words or "timed out" in words:
        return Trouble.SERVER
    return Trouble.PARTIAL
