"""What a token lets us do, as far as GitHub tells it by the way, and what is missing (A11)."""

from __future__ import annotations

from enum import StrEnum

from orchestrator.records import regex
from orchestrator.records.tracker import Permission, Sight

OLD_CLASSIC = regex.late(r"[0-9a-f]{40}")
MAY_PUSH = frozenset({Permission.ADMIN, Permission.MAINTAIN, Permission.WRITE})


class TokenKind(StrEnum):
    """Which of GitHub's tokens it is: only the first says in its answers what it may do."""

    CLASSIC = "classic"
    FINE_GRAINED = "fine-grained"
    OTHER = "other"  # of an app, or of a server that is not GitHub's


def kind_of(token: str) -> TokenKind:
    """By the beginning of the token, as GitHub documents it."""
    if token.startswith(("ghp_", "gho_")) or OLD_CLASSIC.fullmatch(token):
        return TokenKind.CLASSIC
    return TokenKind.FINE_GRAINED if token.startswith("github_pat_") else TokenKind.OTHER


def missing_scopes(told: str | None, kind: TokenKind, *, board: bool) -> tuple[str, ...]:
    """The scopes a token lacks by its `X-OAuth-Scopes`; none where GitHub does not tell them.

    An empty header means "no scopes" only of a classic token. A private repository that
    `public_repo` does not open is seen by its absence. `board`: whether a board is configured.
    """
    if told is None or not (told.strip() or kind is TokenKind.CLASSIC):
        return ()
    scopes = {word.strip() for word in told.split(",")}
    lacking = [] if scopes & {"repo", "public_repo"} else ["repo"]
    if board and "project" not in scopes:
        lacking.append("project")
    return tuple(lacking)


def scopes_sentence(lacking: tuple[str, ...]) -> str:
    named = " and ".join(f"`{scope}`" for scope in lacking)
    return (
        f"the token lacks the scope {named}: what needs it will be refused. Add it to the classic "
        "token at github.com/settings/tokens; the token itself stays the same."
    )


def objection(slug: str, sight: Sight | None, kind: TokenKind) -> str:
    """Why we cannot work in a repository, and what to do; "" where nothing speaks against it."""
    if sight is None:
        return f"{slug} is not there, or the token may not see it. Check github_repo; {_key(kind)}."
    if sight.archived:
        return f"{slug} is archived: nothing can be pushed. Unarchive it or take it off the config."
    if sight.role is not None and sight.role not in MAY_PUSH:
        return (
            f"the token's account has only the role {sight.role} in {slug}, so no branch can be "
            "pushed. Give that account write access."
        )
    return ""


def _key(kind: TokenKind) -> str:
    """What opens a repository, by the kind of token: only classic ones have scopes."""
    classic = "the classic token's account needs access, and the scope `repo` if it is private"
    fine = (
        "the fine-grained token must list it, with read and write for contents, issues and "
        "pull requests"
    )
    if kind is TokenKind.CLASSIC:
        return classic
    return fine if kind is TokenKind.FINE_GRAINED else "the token's owner must open it to the token"
