"""Projects, their fields, items and values."""

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

STAMPED: Fields = {"createdAt": attribute("created_at"), "updatedAt": attribute("updated_at")}


def owned_board(owner: records.User, ask: Ask, args: Args) -> cards.Board:
    where = "owner_id = ? and number = ?"
    board = ask.state.store.first(cards.Board, where, owner.id, args["number"])
    if board is None:
        text = f"Could not resolve to a ProjectV2 with the number {args['number']}."
        raise Problem("NOT_FOUND", text)
    return board


def owned_boards(owner: records.User, ask: Ask, args: Args) -> Page:
    where = "owner_id = ? order by number desc"
    return listed_boards(ask.state.store.select(cards.Board, where, owner.id), ask, args)


def linked_boards(repo: records.Repo, ask: Ask, args: Args) -> Page:
    where = "id in (select board_id from board_links where repo_id = ?) order by number desc"
    return listed_boards(ask.state.store.select(cards.Board, where, repo.id), ask, args)


def listed_boards(rows: list[cards.Board], ask: Ask, args: Args) -> Page:
    wanted = (args.get("query") or "").lower()
    rows = [row for row in rows if wanted in row.title.lower()]
    columns = {"NUMBER": "number", "TITLE": "title", "CREATED_AT": "created_at",
               "UPDATED_AT": "updated_at"}
    return connection("projectsV2", ordered(rows, args.get("orderBy"), columns), args)


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


def issue_items(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows = ask.state.store.select(cards.Item, "issue_id = ? order by id", row.id)
    if not args.get("includeArchived", True):
        rows = [item for item in rows if not item.archived]
    return connection("projectItems", rows, args)


def options(row: cards.Field, ask: Ask, args: Args) -> list[cards.Choice]:
    rows = boards.choices_of(ask.state, row)
    wanted = args.get("names")
    return [choice for choice in rows if wanted is None or choice.name in wanted]


def content(row: cards.Item, ask: Ask, args: Args) -> Any:
    """The issue behind an item; null where the viewer may not see its repository."""
    if row.issue_id is None:
        return found.Draft(row)
    issue = ask.state.store.need(records.Issue, row.issue_id)
    return issue if ask.sees(ask.repo(issue.repo_id)) else None


def item_type(row: cards.Item, ask: Ask, args: Args) -> str:
    if row.issue_id is None:
        return "DRAFT_ISSUE"
    issue = content(row, ask, args)
    if issue is None:
        return "REDACTED"
    return "PULL_REQUEST" if issue.is_pull else "ISSUE"


def value_by_name(row: cards.Item, ask: Ask, args: Args) -> Any:
    board = ask.state.store.need(cards.Board, row.board_id)
    field = boards.field_named(ask.state, board, args["name"])
    if field is None:
        return None
    if field.kind == "TITLE":
        raise Problem("UNPROCESSABLE", "the forge tells a title only as content { title }")
    return boards.value_of(ask.state, row, field)


def values(row: cards.Item, ask: Ask, args: Args) -> Page:
    rows = ask.state.store.select(cards.Value, "item_id = ? order by field_id", row.id)
    return connection("fieldValues", rows, args)


def choice_of(row: cards.Value, ask: Ask) -> cards.Choice:
    where = "field_id = ? and key = ?"
    choice = ask.state.store.first(cards.Choice, where, row.field_id, row.choice)
    assert choice is not None
    return choice


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
VALUE: Fields = STAMPED | {
    "id": identity,
    "databaseId": attribute("id"),
    "creator": lambda row, ask, args: ask.user(row.creator_id),
    "field": lambda row, ask, args: ask.state.store.need(cards.Field, row.field_id),
    "item": lambda row, ask, args: ask.state.store.need(cards.Item, row.item_id),
}
FIELDS: dict[str, Fields] = {
    "ProjectV2": STAMPED | {
        "id": identity,
        "databaseId": attribute("id"),
        "fullDatabaseId": lambda row, ask, args: str(row.id),
        "number": attribute("number"),
        "title": attribute("title"),
        "closed": attribute("closed"),
        "closedAt": lambda row, ask, args: row.updated_at if row.closed else None,
        "public": constant(True),
        "url": board_url,
        "owner": lambda row, ask, args: ask.user(row.owner_id),
        "creator": lambda row, ask, args: ask.user(row.creator_id),
        "viewerCanUpdate": lambda row, ask, args: boards.may_write(
            ask.state, row, ask.viewer.user
        ),
        "field": lambda row, ask, args: boards.field_named(ask.state, row, args["name"]),
        "fields": fields,
        "items": items,
    },
    "ProjectV2Field": FIELD,
    "ProjectV2SingleSelectField": FIELD | {"options": options},
    "ProjectV2SingleSelectFieldOption": {
        "id": attribute("key"),
        "name": attribute("name"),
        "nameHTML": attribute("name"),
        "description": attribute("description"),
        "color": attribute("color"),
    },
    "ProjectV2Item": STAMPED | BOARD_OF | {
        "id": identity,
        "databaseId": attribute("id"),
        "fullDatabaseId": lambda row, ask, args: str(row.id),
        "type": item_type,
        "isArchived": attribute("archived"),
        "creator": lambda row, ask, args: ask.user(row.creator_id),
        "fieldValueByName": value_by_name,
        "fieldValues": values,
        "content": content,
    },
    "ProjectV2ItemFieldSingleSelectValue": VALUE | {
        "name": lambda row, ask, args: choice_of(row, ask).name,
        "optionId": attribute("choice"),
        "color": lambda row, ask, args: choice_of(row, ask).color,
        "description": lambda row, ask, args: choice_of(row, ask).description,
    },
    "ProjectV2ItemFieldTextValue": VALUE | {"text": attribute("text")},
    "DraftIssue": {
        "id": lambda row, ask, args: ids.make("DraftIssue", row.item.id),
        "title": lambda row, ask, args: row.item.draft_title or "",
        "body": lambda row, ask, args: row.item.draft_body or "",
        "creator": lambda row, ask, args: ask.user(row.item.creator_id),
        "createdAt": lambda row, ask, args: row.item.created_at,
        "updatedAt": lambda row, ask, args: row.item.updated_at,
    },
}
