"""Projects and their fields."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import boards, cards, ids, records
from orchestrator.forge.queries import found
from orchestrator.forge.queries.ask import (
    Args,
    Ask,
    Fields,
    Page,
    Problem,
    attribute,
    connection,
    constant,
    ordered,
)

ORDER = {"NUMBER": "number", "TITLE": "title", "CREATED_AT": "created_at",
         "UPDATED_AT": "updated_at"}
REPOSITORY_ORDER = {
    "CREATED_AT": "created_at", "UPDATED_AT": "updated_at", "PUSHED_AT": "pushed_at",
    "NAME": "name",
}
STAMPED: Fields = {"createdAt": attribute("created_at"), "updatedAt": attribute("updated_at")}


def readable(board: cards.Board | None, ask: Ask, number: int) -> cards.Board:
    if board is None or not boards.may_read(ask.state, board, ask.viewer.user):
        text = f"Could not resolve to a ProjectV2 with the number {number}."
        raise Problem("NOT_FOUND", text)
    return board


def owned_board(owner: records.User, ask: Ask, args: Args) -> cards.Board:
    where = "owner_id = ? and number = ?"
    number = args["number"]
    return readable(ask.state.store.first(cards.Board, where, owner.id, number), ask, number)


def linked_board(repo: records.Repo, ask: Ask, args: Args) -> cards.Board:
    """A board that the repository lists among its own."""
    number = args["number"]
    linked = [row for row in boards.of_repo(ask.state, repo) if row.number == number]
    return readable(linked[0] if linked else None, ask, number)


def listed(rows: list[cards.Board], ask: Ask, args: Args) -> Page:
    """The boards that the viewer may see, of those with every word of `query`.

    `is:open` and `is:closed` are understood as on the site; other qualifiers are not.
    """
    for word in (args.get("query") or "").lower().split():
        if word in ("is:open", "is:closed"):
            rows = [row for row in rows if row.closed == (word == "is:closed")]
        elif ":" in word:
            raise Problem("UNPROCESSABLE", f"the forge does not search boards by {word}")
        else:
            rows = [row for row in rows if word in row.title.lower()]
    writes = args.get("minPermissionLevel") in ("WRITE", "ADMIN")
    allowed = boards.may_write if writes else boards.may_read
    rows = [row for row in rows if allowed(ask.state, row, ask.viewer.user)]
    return connection("projectsV2", ordered(rows, args.get("orderBy"), ORDER), args)


def owned_boards(owner: records.User, ask: Ask, args: Args) -> Page:
    where = "owner_id = ? order by number desc"
    return listed(ask.state.store.select(cards.Board, where, owner.id), ask, args)


def linked_boards(repo: records.Repo, ask: Ask, args: Args) -> Page:
    return listed(boards.of_repo(ask.state, repo), ask, args)


def board_url(row: cards.Board, ask: Ask, args: Args) -> str:
    owner = ask.user(row.owner_id)
    assert owner is not None
    kind = "orgs" if owner.kind == "Organization" else "users"
    return ask.url(f"/{kind}/{owner.login}/projects/{row.number}")


def fields(row: cards.Board, ask: Ask, args: Args) -> Page:
    rows = boards.fields_of(ask.state, row)
    columns = {"POSITION": "id", "NAME": "name", "CREATED_AT": "created_at"}
    return connection("fields", ordered(rows, args.get("orderBy"), columns), args)


def items(row: cards.Board, ask: Ask, args: Args) -> Page:
    rows = boards.items_of(ask.state, row)
    columns = {"POSITION": "id"}
    return connection("items", ordered(rows, args.get("orderBy"), columns), args)


def repositories(row: cards.Board, ask: Ask, args: Args) -> Page:
    rows = [repo for repo in boards.repos_of(ask.state, row) if ask.sees(repo)]
    return connection("repositories", ordered(rows, args.get("orderBy"), REPOSITORY_ORDER), args)


def options(row: cards.Field, ask: Ask, args: Args) -> list[cards.Choice]:
    rows = boards.choices_of(ask.state, row)
    wanted = args.get("names")
    return [choice for choice in rows if wanted is None or choice.name in wanted]


def identity(row: Any, ask: Ask, args: Args) -> str:
    return ids.make(found.type_name(row), row.id)


BOARD_OF: Fields = {
    "project": lambda row, ask, args: ask.state.store.need(cards.Board, row.board_id)
}
FIELD: Fields = STAMPED | BOARD_OF | {
    "id": identity,
    "databaseId": attribute("id"),
    "name": attribute("name"),
    "dataType": attribute("kind"),
}
FIELDS: dict[str, Fields] = {
    "ProjectV2": STAMPED | {
        "id": identity,
        "databaseId": attribute("id"),
        "fullDatabaseId": lambda row, ask, args: str(row.id),
        "number": attribute("number"),
        "title": attribute("title"),
        "shortDescription": attribute("short_description"),
        "readme": attribute("readme"),
        "closed": attribute("closed"),
        "closedAt": lambda row, ask, args: row.updated_at if row.closed else None,
        "public": attribute("public"),
        "template": constant(False),
        "url": board_url,
        "owner": lambda row, ask, args: ask.user(row.owner_id),
        "creator": lambda row, ask, args: ask.user(row.creator_id),
        "viewerCanUpdate": lambda row, ask, args: boards.may_write(
            ask.state, row, ask.viewer.user
        ),
        "field": lambda row, ask, args: boards.field_named(ask.state, row, args["name"]),
        "fields": fields,
        "items": items,
        "repositories": repositories,
    },
    "ProjectV2Field": FIELD,
    # No board has one: it is in the schema for those who ask what kind a field is.
    "ProjectV2IterationField": FIELD,
    "ProjectV2SingleSelectField": FIELD | {"options": options},
    "ProjectV2SingleSelectFieldOption": {
        "id": attribute("key"),
        "name": attribute("name"),
        "nameHTML": attribute("name"),
        "description": attribute("description"),
        "color": attribute("color"),
    },
}
