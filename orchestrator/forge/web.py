"""One REST request and its answer: routes, parameters, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from orchestrator.forge import accounts, records
from orchestrator.forge.records import Json
from orchestrator.forge.state import Refused, State, invalid

T = TypeVar("T")
PAGING = frozenset({"page", "per_page"})
MOST = 100
USUAL = 30


class Answer(msgspec.Struct, frozen=True):
    body: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=utf-8"


class Unknown(Exception):
    """The request asks for something that the forge does not do."""


class Call(msgspec.Struct, frozen=True):
    """A request that was understood: who asks, for what, with which words."""

    state: State
    viewer: accounts.Viewer
    method: str
    path: str
    base: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    payload: Any = None
    # The form of the answer that is asked for, as the header Accept names it.
    accept: str = ""
    # How far the rows of a listing slipped between its first page and a later one.
    slipped: int = 0

    def url(self, path: str) -> str:
        return self.base + path

    def site(self, path: str) -> str:
        """A page for people, which lies beside the API and not in it."""
        return self.base.replace("://api.", "://", 1).removesuffix("/api/v3") + path

    def repo(self) -> records.Repo:
        repo = accounts.readable(
            self.state, self.viewer, self.params["owner"], self.params["repo"]
        )
        # The repository itself may still be changed, or nobody could bring it back.
        itself = self.path.count("/") == "/repos/owner/repo".count("/")
        if repo.archived and self.method != "GET" and not itself:
            raise Refused(403, "Repository was archived so is read-only.", kind="FORBIDDEN")
        return repo

    def writer(self, repo: records.Repo, level: str = "write") -> records.User:
        return accounts.writable(self.state, self.viewer, repo, level)

    def number(self, name: str) -> int:
        return int(self.params[name])

    def fields(self, *known: str) -> Json:
        """The JSON object of the body; a field that would change the meaning is never ignored."""
        body = self.payload if self.payload is not None else {}
        if not isinstance(body, dict):
            raise Refused(400, "Body should be a JSON object")
        strange = sorted(set(body) - set(known))
        if strange:
            raise Unknown(f"the field {', '.join(strange)} of {self.method} {self.path}")
        return body

    def choice(self, name: str, usual: str, *known: str) -> str:
        value = self.query.get(name, usual)
        if value not in known:
            raise invalid("Search", name)
        return value


class Route(msgspec.Struct, frozen=True):
    method: str
    path: str
    answer: Callable[[Call], Answer]
    query: frozenset[str] = frozenset()


def get(path: str, answer: Callable[[Call], Answer], *query: str) -> Route:
    return Route("GET", path, answer, frozenset(query))


def listing(path: str, answer: Callable[[Call], Answer], *query: str) -> Route:
    return Route("GET", path, answer, PAGING | set(query))


def words(value: Any, resource: str, field: str) -> str:
    if not isinstance(value, str):
        raise invalid(resource, field, "missing_field" if value is None else "invalid")
    return value


def optional(value: Any, resource: str, field: str) -> str | None:
    return None if value is None else words(value, resource, field)


def names(value: Any, resource: str, field: str) -> list[str]:
    """Label names, which GitHub takes as texts or as objects with a name."""
    if not isinstance(value, list):
        raise invalid(resource, field)
    return [
        words(entry.get("name") if isinstance(entry, dict) else entry, resource, field)
        for entry in value
    ]


def positive(call: Call, name: str, usual: int) -> int:
    text = call.query.get(name, str(usual))
    return max(1, int(text)) if text.isdecimal() else usual


def page(call: Call, rows: Sequence[T]) -> tuple[Sequence[T], tuple[tuple[str, str], ...]]:
    """One page of the rows and the Link header that leads to the others."""
    size = min(MOST, positive(call, "per_page", USUAL))
    number = positive(call, "page", 1)
    last = max(1, -(-len(rows) // size))
    targets: dict[str, int] = {}
    if number > 1:
        targets |= {"prev": min(number - 1, last)}
    if number < last:
        targets |= {"next": number + 1, "last": last}
    if number > 1:
        targets |= {"first": 1}
    links = []
    for name, target in targets.items():
        query = urlencode({**call.query, "page": target})
        links.append(f'<{call.base}{call.path}?{query}>; rel="{name}"')
    headers = (("Link", ", ".join(links)),) if links else ()
    slipped = call.slipped if number > 1 else 0
    return rows[max(0, (number - 1) * size + slipped) : number * size + slipped], headers


def paged(call: Call, rows: Sequence[T], show: Callable[[T], Json]) -> Answer:
    shown, headers = page(call, rows)
    return Answer([show(row) for row in shown], headers=headers)


def counted(call: Call, key: str, rows: Sequence[T], show: Callable[[T], Json]) -> Answer:
    """A list wrapped in an object with `total_count`, as the checks and actions answer."""
    shown, headers = page(call, rows)
    return Answer({"total_count": len(rows), key: [show(row) for row in shown]}, headers=headers)
