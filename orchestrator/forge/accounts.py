"""Who is asking, what they may do, and how many requests they have left."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable
from datetime import datetime

import msgspec

from orchestrator.forge import apps, records
from orchestrator.forge.state import Refused, State, not_found

LEVELS = ("none", "read", "triage", "write", "maintain", "admin")
HOUR = 3600


class Viewer(msgspec.Struct, frozen=True):
    """The person behind a request; `user` is None for one without a token."""

    user: records.User | None
    secret: str = ""
    scopes: str = ""
    app: records.App | None = None  # that signs for itself, and is nobody

    @property
    def login(self) -> str:
        return self.user.login if self.user else ""


class Quota(msgspec.Struct, frozen=True):
    resource: str
    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Quotas:
    """Requests counted per token and resource, in windows of one hour from the first request."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, str], tuple[int, int]] = {}

    def look(self, viewer: Viewer, resource: str, limit: int, now: datetime) -> Quota:
        moment = math.ceil(now.timestamp())
        used, reset = self.windows.get((viewer.secret, resource), (0, 0))
        if moment >= reset:
            used, reset = 0, moment + HOUR
            self.windows[(viewer.secret, resource)] = (used, reset)
        return Quota(resource, limit, used, reset)

    def spend(self, viewer: Viewer, quota: Quota, cost: int) -> Quota:
        used = min(quota.limit, quota.used + cost)
        self.windows[(viewer.secret, quota.resource)] = (used, quota.reset)
        return msgspec.structs.replace(quota, used=used)

    def give_back(self, secret: str) -> None:
        """A request that was counted and is answered for nothing."""
        key = (secret, "core")
        if key in self.windows:
            used, reset = self.windows[key]
            self.windows[key] = (max(0, used - 1), reset)


def secret_of(header: str) -> str:
    """The token in an Authorization header: token, bearer, or the password of basic."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() in ("token", "bearer"):
        return value.strip()
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "?"
        return password if password not in ("", "x-oauth-basic") else name
    return "?"


def identify(state: State, header: str) -> Viewer:
    if not header:
        return Viewer(None)
    secret = secret_of(header)
    token = state.store.first(records.Token, "secret = ?", secret)
    if token is None and apps.is_assertion(secret):
        return Viewer(None, secret, app=apps.signed(state, secret))
    if token is None and (bot := apps.holder(state, secret)):
        return Viewer(bot, secret)
    if token is None:
        raise Refused(401, "Bad credentials", kind="UNAUTHORIZED")
    return Viewer(state.store.need(records.User, token.user_id), secret, token.scopes)


def login_of(state: State, secret: str) -> str:
    """Whose token it is; "" for nobody's."""
    with state.lock:
        token = state.store.first(records.Token, "secret = ?", secret)
        return state.store.need(records.User, token.user_id).login if token else ""


def signed_in(viewer: Viewer) -> records.User:
    if viewer.user is None:
        raise Refused(401, "Requires authentication", kind="UNAUTHORIZED")
    return viewer.user


def add_user(
    state: State, login: str, *, kind: str = "User", name: str | None = None, email: str = ""
) -> records.User:
    found = find_user(state, login)
    if found:
        return found
    address = email or f"{login}@users.noreply.github.com"
    made = state.now()
    return state.store.add(
        records.User(login=login, kind=kind, name=name, email=address, created_at=made)
    )


def find_user(state: State, login: str) -> records.User | None:
    return state.store.first(records.User, "login = ? collate nocase", login)


def role(state: State, owner_id: int, user: records.User | None) -> str:
    """Whose account this is: admin for one's own, a role in an organization, or none."""
    if user is None:
        return ""
    if user.id == owner_id:
        return "admin"
    where = "organization_id = ? and user_id = ?"
    found = state.store.first(records.Member, where, owner_id, user.id)
    return found.role if found else ""


def organizations(state: State, user: records.User) -> list[records.User]:
    where = "id in (select organization_id from members where user_id = ?) order by id"
    return state.store.select(records.User, where, user.id)


# How somebody can come to a repository: in the words of GraphQL, and what it means here.
WAYS = {
    "OWNER": "owner_id = ?",
    "COLLABORATOR": "id in (select repo_id from collaborators where user_id = ?)",
    "ORGANIZATION_MEMBER":
        "owner_id in (select organization_id from members where user_id = ?)",
}


def repositories(state: State, user: records.User, ways: Iterable[str]) -> list[records.Repo]:
    """What is somebody's by one of these ways, oldest first."""
    rows: dict[int, records.Repo] = {}
    for way in ways:
        rows |= {row.id: row for row in state.store.select(records.Repo, WAYS[way], user.id)}
    return [rows[identity] for identity in sorted(rows)]


def permission(state: State, repo: records.Repo, user: records.User | None) -> str:
    if user is None:
        return "none" if repo.private else "read"
    if user.id == repo.owner_id:
        return "admin"
    row = state.store.first(
        records.Collaborator, "repo_id = ? and user_id = ?", repo.id, user.id
    )
    if row:
        return row.permission
    place = role(state, repo.owner_id, user)
    # Reading is what GitHub gives the members of an organization unless it was told otherwise.
    usual = "none" if repo.private and not place else "read"
    return "admin" if place == "admin" else usual


def allows(state: State, repo: records.Repo, user: records.User | None, level: str) -> bool:
    return LEVELS.index(permission(state, repo, user)) >= LEVELS.index(level)


def find_repo(state: State, owner: str, name: str) -> records.Repo | None:
    return state.store.first(
        records.Repo, "owner = ? collate nocase and name = ? collate nocase", owner, name
    )


def readable(state: State, viewer: Viewer, owner: str, name: str) -> records.Repo:
    """The repository, or the same 404 for a missing one and one the viewer may not know about."""
    repo = find_repo(state, owner, name)
    if repo is None or not allows(state, repo, viewer.user, "read"):
        raise not_found()
    return repo


def writable(
    state: State, viewer: Viewer, repo: records.Repo, level: str = "write"
) -> records.User:
    """The viewer, who may change this repository; anybody else is refused."""
    user = signed_in(viewer)
    if not allows(state, repo, user, level):
        text = "Must have admin rights to Repository."
        if level != "admin":
            text = "Resource not accessible by personal access token"
        raise Refused(403, text, kind="FORBIDDEN")
    return user


def association(state: State, repo: records.Repo, user: records.User) -> str:
    """How GitHub describes an author's place in a repository."""
    if user.id == repo.owner_id:
        return "OWNER"
    if role(state, repo.owner_id, user):
        return "MEMBER"
    member = state.store.count(
        records.Collaborator, "repo_id = ? and user_id = ?", repo.id, user.id
    )
    if member:
        return "COLLABORATOR"
    merged = state.store.count(
        records.Issue, "repo_id = ? and author_id = ? and merged_at is not null", repo.id, user.id
    )
    return "CONTRIBUTOR" if merged else "NONE"
