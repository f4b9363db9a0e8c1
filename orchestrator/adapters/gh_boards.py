"""The boards of an account, looked at by somebody who wants to use or to make one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from orchestrator.adapters import gh_documents
from orchestrator.adapters.gh_answers import Camel, PageInfo
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules.statuses import Option


class Seen(Struct, frozen=True, kw_only=True):
    """One board; `options` are those of its status field, `field_id` "" where it has none."""

    id: str
    number: int
    title: str
    url: str = ""
    closed: bool = False
    writable: bool = True
    field_id: str = ""
    options: tuple[Option, ...] = ()


class Owner(Struct, frozen=True, kw_only=True):
    """An account that has boards, or may."""

    id: str
    login: str
    organisation: bool = False
    boards: tuple[Seen, ...] = ()


class Card(Struct, frozen=True, kw_only=True):
    """A card with the name of its status, and when that was set."""

    item: str
    status: str
    since: datetime | None = None


class _Field(Camel, frozen=True, kw_only=True):
    id: str = ""
    options: tuple[Option, ...] = ()


class _Project(Camel, frozen=True, kw_only=True):
    id: str
    number: int
    title: str = ""
    url: str = ""
    closed: bool = False
    viewer_can_update: bool = True
    field: _Field | None = None

    def seen(self) -> Seen:
        found = self.field or _Field()
        return Seen(
            id=self.id, number=self.number, title=self.title, url=self.url, closed=self.closed,
            writable=self.viewer_can_update, field_id=found.id, options=found.options,
        )  # fmt: skip


class _Projects(Camel, frozen=True, kw_only=True):
    page_info: PageInfo
    nodes: tuple[_Project, ...] = ()


class _Owner(Camel, frozen=True, kw_only=True):
    typename: str = msgspec.field(name="__typename", default="")
    id: str = ""
    login: str = ""
    projects_v2: _Projects | None = msgspec.field(name="projectsV2", default=None)
    project_v2: _Project | None = msgspec.field(name="projectV2", default=None)


class _Answer(Camel, frozen=True, kw_only=True):
    repository_owner: _Owner | None = None


class Boards:
    """Questions about boards; each raises GitHubTrouble, PERMISSION where a scope is missing."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def of(self, login: str) -> Owner:
        """The account with all its boards, newest first, without their options."""
        boards: list[Seen] = []
        after: str | None = None
        while True:
            asked = {"login": login, "after": after}
            owner = self.door.graphql(gh_documents.BOARDS_OF, asked, _Answer).repository_owner
            if owner is None:
                raise GitHubTrouble(Trouble.NOT_FOUND, f"GitHub knows no account {login}")
            page = owner.projects_v2
            boards += [node.seen() for node in page.nodes] if page else []
            if page is None or not page.page_info.has_next_page:
                break
            after = page.page_info.end_cursor
        return Owner(
            id=owner.id, login=owner.login, organisation=owner.typename == "Organization",
            boards=tuple(boards),
        )  # fmt: skip

    def one(self, login: str, number: int, field: str = "Status") -> Seen:
        """A board with the options of its status field; raises where it is not there."""
        asked = {"login": login, "number": number, "field": field}
        answer = self.door.graphql(gh_documents.STATUS_FIELD, asked, _Answer, may_miss=True)
        found = answer.repository_owner.project_v2 if answer.repository_owner else None
        if found is None:
            raise GitHubTrouble(Trouble.NOT_FOUND, f"{login} has no board number {number}")
        return found.seen()

    def cards(self, login: str, number: int, field: str) -> tuple[Card, ...]:
        """Every card of a board that has a status, whatever lies behind it."""
        found: list[Card] = []
        after: str | None = None
        while True:
            asked = {
                "login": login, "number": number, "field": field, "first": 100, "after": after,
            }  # fmt: skip
            raw = self.door.graphql_raw(gh_documents.BOARD, asked, may_miss=False)
            items = msgspec.json.decode(raw, type=_Carded).repository_owner.project_v2.items
            for node in items.nodes:
                value = node.field_value_by_name
                if value is not None and value.name:
                    found.append(Card(item=node.id, status=value.name, since=value.updated_at))
            after = items.page_info.end_cursor
            if not items.page_info.has_next_page:
                return tuple(found)

    def shown_by(self, slug: str) -> tuple[str, frozenset[str]]:
        """The node id of a repository, and of the boards that are linked to it."""
        owner, _, name = slug.partition("/")
        told = self.door.graphql(
            gh_documents.BOARDS_SHOWN_BY, {"owner": owner, "name": name}, dict[str, Any]
        )
        nodes = told["repository"]["projectsV2"]["nodes"]
        return str(told["repository"]["id"]), frozenset(str(node["id"]) for node in nodes if node)

    def keeps_options(self) -> bool:
        """Whether this GitHub lets an option be named by its id, so that its cards keep it."""
        told = self.door.graphql(gh_documents.OPTION_INPUT, {}, dict[str, Any])
        fields = (told.get("__type") or {}).get("inputFields") or ()
        return any(field["name"] == "id" for field in fields)


class _Value(Camel, frozen=True, kw_only=True):
    name: str | None = None
    updated_at: datetime | None = None


class _Item(Camel, frozen=True, kw_only=True):
    id: str
    field_value_by_name: _Value | None = None


class _Items(Camel, frozen=True, kw_only=True):
    page_info: PageInfo
    nodes: tuple[_Item, ...] = ()


class _CardedProject(Camel, frozen=True, kw_only=True):
    items: _Items


class _CardedOwner(Camel, frozen=True, kw_only=True):
    project_v2: _CardedProject = msgspec.field(name="projectV2")


class _Carded(Camel, frozen=True, kw_only=True):
    repository_owner: _CardedOwner
