"""What a token lets us do, as far as GitHub tells it by the way, and what is missing (A11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from orchestrator.records import regex
from orchestrator.records.config import TokenOrigin
from orchestrator.records.tracker import Permission, Sight

APP = "app"  # the first word of how an app's key is called
OLD_CLASSIC = regex.late(r"[0-9a-f]{40}")
PLAIN = frozenset({"github.com", "127.0.0.1", "localhost"})
MAY_PUSH = frozenset({Permission.ADMIN, Permission.MAINTAIN, Permission.WRITE})


class TokenKind(StrEnum):
    """Which of GitHub's tokens it is: only the first says in its answers what it may do."""

    CLASSIC = "classic"
    FINE_GRAINED = "fine-grained"
    APP = "app"
    OTHER = "other"  # of a server that is not GitHub's


def kind_of(token: str) -> TokenKind:
    """By the beginning of the token, as GitHub documents it."""
    if token.startswith(("ghp_", "gho_")) or OLD_CLASSIC.fullmatch(token):
        return TokenKind.CLASSIC
    if token.startswith((f"{APP} ", "ghs_")):
        return TokenKind.APP
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


def scopes_sentence(lacking: tuple[str, ...], web: str) -> str:
    named = " and ".join(f"`{scope}`" for scope in lacking)
    return (
        f"the token lacks the scope {named}: what needs it will be refused. Add it to the classic "
        f"token at {web}/settings/tokens; the token itself stays the same."
    )


def objection(slug: str, sight: Sight | None, kind: TokenKind) -> str:
    """Why we cannot work in a repository, and what to do; "" where nothing speaks against it."""
    if sight is None:
        return f"{slug} is not there, or the token may not see it. Check github_repo; {_key(kind)}."
    if sight.called:
        return (
            f"{slug} is called {sight.called} now. Write that into the config as github_repo; "
            "until then nothing is started there."
        )
    if not sight.issues:
        return f"{slug} has its issues switched off. Switch them on, or take it off the config."
    if sight.archived:
        return f"{slug} is archived: nothing can be pushed. Unarchive it or take it off the config."
    if sight.role is not None and sight.role not in MAY_PUSH:
        return (
            f"the token's account has only the role {sight.role} in {slug}, so no branch can be "
            "pushed. Give that account write access."
        )
    return ""


def seen(*, archived: bool, permissions: Mapping[str, bool]) -> Sight:
    """What GET /repos tells of the token's account there.

    Of an app GitHub says there that it may not even read, which tells nothing.
    """
    only_reads = permissions.get("pull") and not permissions.get("push")
    return Sight(archived=archived, role=Permission.READ if only_reads else None)


def board_closed(owner: str, number: int, kind: TokenKind) -> str:
    """Why a board is not to be had, by the kind of token: two of them open no person's board."""
    grant = {
        TokenKind.CLASSIC: "check project_number, and that the token has the scope `project`",
        TokenKind.FINE_GRAINED: (
            f"check project_number; the token needs Projects: read and write of the organisation "
            f"{owner}, and if {owner} is a person, only a classic token opens the board"
        ),
        TokenKind.APP: (
            f"check project_number; the app needs Projects: read and write of the organisation "
            f"{owner}, and opens no board of a person"
        ),
    }.get(kind, "check project_number, and that the token may read projects")
    return (
        f"the board {owner}/{number} is not there, or closed to the token, and nothing was "
        f"dispatched from it: {grant}; or leave project_number out, and the label ready is enough"
    )


def _key(kind: TokenKind) -> str:
    """What opens a repository, by the kind of token: only classic ones have scopes."""
    classic = "the classic token's account needs access, and the scope `repo` if it is private"
    fine = (
        "the fine-grained token must list it, with read and write for contents, issues and "
        "pull requests"
    )
    if kind is TokenKind.CLASSIC:
        return classic
    if kind is TokenKind.APP:
        return "the app must be installed on its owner's account and see this repository"
    return fine if kind is TokenKind.FINE_GRAINED else "the token's owner must open it to the token"


# --- a GitHub App ---------------------------------------------------------------------------------


def not_installed(app: str, owners: Sequence[str], there: Sequence[str]) -> str:
    """Why the app opens none of our repositories."""
    wanted = " or ".join(dict.fromkeys(owners)) or "anybody"
    elsewhere = f"It is on {', '.join(there)}. " if there else "It is installed nowhere. "
    return (
        f"the app {app} is not installed on {wanted}. {elsewhere}Install it from its page under "
        "`Install App`, with the repositories of the config, or check github_app.id."
    )


def suspended(app: str) -> str:
    return (
        f"the installation of the app {app} is suspended, so it opens nothing. Unsuspend it under "
        "Settings, Applications, Installed GitHub Apps."
    )


def app_refused(app: str, status: int, said: str) -> str:
    """What a person can do where GitHub gives an app no token; "" for nothing."""
    if status == 401:
        return (
            f"GitHub does not take the signature of the app {app}: check that github_app.id is its "
            "id and key_file one of its private keys, and that this machine's clock is right "
            f"({said})"
        )
    if status == 403 and "suspended" in said.lower():
        return suspended(app)
    if status == 403:
        return f"GitHub gives the app {app} no token ({said})"
    if status == 404:
        return (
            f"the app {app} has no such installation; leave github_app.installation_id out, and "
            "the one on the repositories' owner is found"
        )
    return ""


def remedy(kind: TokenKind, origin: TokenOrigin | None, web: str) -> str:
    """What to do about a token that GitHub refuses, which came from there."""
    if kind is TokenKind.APP:
        return "Check github_app in the config: id, key_file, and where the app is installed"
    if origin is not None and origin.place == "gh":
        return f"Log in again: gh auth login{at(web)} -s project"
    where = place(origin) if origin else "the place of the old one"
    return f"Make a new one at {web}/settings/tokens and put it into {where}"


def place(origin: TokenOrigin) -> str:
    """Where a token came from, for the one who is to put another there."""
    match origin.place:
        case "file":
            return origin.name
        case "environment":
            return f"{origin.name} of the environment (of cron's: at the top of the crontab)"
        case "gh":
            return "`gh auth token`"
    return "github_token of the config"


def sign_in(web: str) -> str:
    """How to get a token at all."""
    return (
        f"gh auth login{at(web)} -s project, or GITHUB_TOKEN in the environment, or "
        "github_token_file in the config"
    )


def refresh(web: str, scopes: str) -> str:
    """How the token of `gh` gets more scopes."""
    return f"gh auth refresh{at(web)} -s {scopes}"


def at(web: str) -> str:
    """The option by which `gh` is told of a GitHub that is not the public one."""
    return "" if host(web) == "github.com" else f" -h {host(web)}"


def repository(web: str, slug: str) -> str:
    """What `gh` calls a repository of that GitHub; of one on this machine by GH_HOST (README)."""
    return slug if host(web) in PLAIN else f"{host(web)}/{slug}"


def host(web: str) -> str:
    """What `gh` calls the GitHub whose pages are there."""
    return web.partition("://")[2].partition("/")[0].partition(":")[0]
