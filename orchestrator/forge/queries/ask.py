"""What a resolver is given, the pages of a connection, and the errors that GitHub names."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from orchestrator.forge import accounts, records
from orchestrator.forge.state import State
from orchestrator.forge.web import Call

Args = dict[str, Any]
Resolver = Callable[[Any, "Ask", Args], Any]
Fields = dict[str, Resolver]
MOST = 100


class Problem(Exception):
    """An error with one of GitHub's types; the field becomes null, the rest is answered."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Ask:
    """One GraphQL request: who asks, and what was already looked up for it."""

    def __init__(self, call: Call, cost: int, quota: accounts.Quota) -> None:
        self.call = call
        self.state: State = call.state
        self.viewer = call.viewer
        self.cost = cost
        self.quota = quota
        self.repos: dict[int, records.Repo] = {}
        self.users: dict[int, records.User] = {}

    def url(self, path: str) -> str:
        return self.call.site(path)

    def repo(self, identity: int) -> records.Repo:
        if identity not in self.repos:
            self.repos[identity] = self.state.store.need(records.Repo, identity)
        return self.repos[identity]

    def user(self, identity: int | None) -> records.User | None:
        if identity is None:
            return None
        if identity not in self.users:
            self.users[identity] = self.state.store.need(records.User, identity)
        return self.users[identity]

    def sees(self, repo: records.Repo) -> bool:
        return accounts.allows(self.state, repo, self.viewer.user, "read")


class Page(msgspec.Struct, frozen=True):
    """The part of a list that was asked for, with the cursor of each row."""

    rows: Sequence[Any]
    cursors: Sequence[str]
    total: int
    more: bool
    earlier: bool
    every: Sequence[Any] = ()
    # Said neither how many nor from which end: such a list can be counted, and not read.
    unbounded: str = ""


class Edge(msgspec.Struct, frozen=True):
    node: Any
    cursor: str


def nothing(name: str) -> Resolver:
    """A connection that is always empty, of what the forge does not have."""
    return lambda row, ask, args: connection(name, [], args)


def attribute(name: str) -> Resolver:
    return lambda row, ask, args: getattr(row, name)


def constant(value: Any) -> Resolver:
    return lambda row, ask, args: value


def cursor(index: int, row: Any) -> str:
    identity = getattr(row, "id", 0)
    return base64.b64encode(f"cursor:{identity}:{index}".encode()).decode()


def place(rows: Sequence[Any], text: str) -> int:
    """Where the row of a cursor is now; rows that went away do not shift a page."""
    try:
        marker, identity, index = base64.b64decode(text).decode().split(":")
        if marker != "cursor":
            raise ValueError(marker)
        wanted, guess = int(identity), int(index)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        message = f"`{text}` does not appear to be a valid cursor."
        raise Problem("INVALID_CURSOR_ARGUMENTS", message) from None
    if wanted:
        for position, row in enumerate(rows):
            if getattr(row, "id", 0) == wanted:
                return position
    return min(guess, len(rows)) - 1 if wanted else guess


def connection(name: str, rows: Sequence[Any], args: Args) -> Page:
    first, last = args.get("first"), args.get("last")
    if first is None and last is None:
        return Page((), (), len(rows), False, False, rows, name)
    for word, value in (("first", first), ("last", last)):
        if value is not None and not 0 <= value <= MOST:
            raise Problem(
                "EXCESSIVE_PAGINATION",
                f"Requesting {value} records on the `{name}` connection exceeds the"
                f" `{word}` limit of {MOST} records.",
            )
    start, stop = 0, len(rows)
    if args.get("after"):
        start = max(0, place(rows, args["after"]) + 1 + args.get("slipped", 0))
    if args.get("before"):
        stop = max(start, place(rows, args["before"]))
    if first is not None:
        stop = min(stop, start + first)
    if last is not None:
        start = max(start, stop - last)
    shown = rows[start:stop]
    cursors = [cursor(start + number, row) for number, row in enumerate(shown)]
    return Page(shown, cursors, len(rows), stop < len(rows), start > 0, rows)


def lone(rows: Sequence[Any]) -> Page:
    """Everything there is, for a list that GitHub never splits."""
    return Page(rows, [cursor(n, row) for n, row in enumerate(rows)], len(rows), False, False)


def ordered(rows: list[Any], order: Args | None, columns: dict[str, str]) -> list[Any]:
    """Rows by one of the columns of an order argument; as they are without one."""
    if not order:
        return rows
    key = columns.get(order["field"])
    if key is None:
        raise Problem("UNPROCESSABLE", f"the forge does not order by {order['field']}")
    down = order["direction"] == "DESC"
    return sorted(rows, key=lambda row: (getattr(row, key), row.id), reverse=down)


def bounded(page: Page) -> Page:
    if page.unbounded:
        raise Problem(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the"
            f" `{page.unbounded}` connection.",
        )
    return page


CONNECTION: Fields = {
    "nodes": lambda page, ask, args: bounded(page).rows,
    "edges": lambda page, ask, args: [
        Edge(row, mark) for row, mark in zip(bounded(page).rows, page.cursors, strict=True)
    ],
    "pageInfo": lambda page, ask, args: bounded(page),
    "totalCount": attribute("total"),
    "filteredCount": attribute("total"),
    "pageCount": lambda page, ask, args: len(page.rows),
    "updatedAt": lambda page, ask, args: ask.state.now(),
}
EDGE: Fields = {"node": attribute("node"), "cursor": attribute("cursor")}
PAGE_INFO: Fields = {
    "hasNextPage": attribute("more"),
    "hasPreviousPage": attribute("earlier"),
    "startCursor": lambda page, ask, args: page.cursors[0] if page.cursors else None,
    "endCursor": lambda page, ask, args: page.cursors[-1] if page.cursors else None,
}
