"""The items of a project, and their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.forge import boards, cards, ids, issues, pulls, records, reviews
from orchestrator.forge.queries import found
from orchestrator.forge.queries.ask import (
    Args,
    Ask,
    Fields,
    Page,
    attribute,
    connection,
    ordered,
)
from orchestrator.forge.queries.boards import BOARD_OF, STAMPED, identity

Value = cards.Value | found.Shown
# Of each built-in field that can have something to tell: the kind of its value, and where from.
BUILT_IN: dict[str, tuple[str, Callable[[Ask, records.Issue], Any]]] = {
    "TITLE": ("Text", lambda ask, about: about.title),
    "LABELS": ("Label", lambda ask, about: issues.labels_of(ask.state, about)),
    "REPOSITORY": ("Repository", lambda ask, about: ask.repo(about.repo_id)),
    "LINKED_PULL_REQUESTS": (
        "PullRequest",
        lambda ask, about: pulls.promising(ask.state, ask.repo(about.repo_id), about),
    ),
    "REVIEWERS": ("Reviewer", lambda ask, about: reviews.asked(ask.state, about)),
}


def issue_items(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows = ask.state.store.select(cards.Item, "issue_id = ? order by id", row.id)
    if not args.get("includeArchived", True):
        rows = [item for item in rows if not item.archived]
    return connection("projectItems", [item for item in rows if found.visible(ask, item)], args)


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


def shown(row: cards.Item, field: cards.Field, about: records.Issue, ask: Ask) -> Any:
    """What a built-in field tells of an issue; None where it has nothing to tell."""
    read = BUILT_IN.get(field.kind)
    told = read[1](ask, about) if read else None
    return found.Shown(read[0], row, field, told) if read and told else None


def value(row: cards.Item, field: cards.Field, about: Any, ask: Ask) -> Value | None:
    if field.kind in boards.CUSTOM:
        return boards.value_of(ask.state, row, field)
    if isinstance(about, found.Draft):
        is_title = field.kind == "TITLE"
        return found.Shown("Text", row, field, row.draft_title) if is_title else None
    told: Value | None = shown(row, field, about, ask) if about is not None else None
    return told


def value_by_name(row: cards.Item, ask: Ask, args: Args) -> Value | None:
    board = ask.state.store.need(cards.Board, row.board_id)
    field = boards.field_named(ask.state, board, args["name"])
    return value(row, field, content(row, ask, args), ask) if field else None


def values(row: cards.Item, ask: Ask, args: Args) -> Page:
    """Every value that there is, in the order of the fields."""
    board, about = ask.state.store.need(cards.Board, row.board_id), content(row, ask, args)
    every = (value(row, field, about, ask) for field in boards.fields_of(ask.state, board))
    return connection("fieldValues", [one for one in every if one is not None], args)


def choice_of(row: cards.Value, ask: Ask) -> cards.Choice:
    where = "field_id = ? and key = ?"
    choice = ask.state.store.first(cards.Choice, where, row.field_id, row.choice)
    assert choice is not None
    return choice


def contents(name: str, columns: dict[str, str] | None = None) -> Any:
    """The rows that a built-in field shows."""
    def resolve(row: found.Shown, ask: Ask, args: Args) -> Page:
        return connection(name, ordered(row.content, args.get("orderBy"), columns or {}), args)

    return resolve


OF_FIELD: Fields = {
    "field": lambda row, ask, args: ask.state.store.need(cards.Field, row.field_id)
}
VALUE: Fields = STAMPED | OF_FIELD | {
    "id": identity,
    "databaseId": attribute("id"),
    "creator": lambda row, ask, args: ask.user(row.creator_id),
    "item": lambda row, ask, args: ask.state.store.need(cards.Item, row.item_id),
}
FIELDS: dict[str, Fields] = {
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
    "ProjectV2ItemFieldNumberValue": VALUE | {"number": attribute("number")},
    "ProjectV2ItemFieldDateValue": VALUE | {"date": attribute("date")},
    "ProjectV2ItemFieldLabelValue": OF_FIELD | {"labels": contents("labels")},
    "ProjectV2ItemFieldPullRequestValue": OF_FIELD | {
        "pullRequests": contents(
            "pullRequests", {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at"}
        ),
    },
    "ProjectV2ItemFieldRepositoryValue": OF_FIELD | {"repository": attribute("content")},
    "ProjectV2ItemFieldReviewerValue": OF_FIELD | {"reviewers": contents("reviewers")},
    # The forge has no iterations, milestones and assignees: these are never told.
    "ProjectV2ItemFieldIterationValue": VALUE | {
        name: attribute(name) for name in ("duration", "iterationId", "startDate", "title")
    },
    "ProjectV2ItemFieldMilestoneValue": OF_FIELD | {"milestone": attribute("content")},
    "ProjectV2ItemFieldUserValue": OF_FIELD | {"users": contents("users")},
    "DraftIssue": {
        "id": lambda row, ask, args: ids.make("DraftIssue", row.item.id),
        "title": lambda row, ask, args: row.item.draft_title or "",
        "body": lambda row, ask, args: row.item.draft_body or "",
        "creator": lambda row, ask, args: ask.user(row.item.creator_id),
        "createdAt": lambda row, ask, args: row.item.created_at,
        "updatedAt": lambda row, ask, args: row.item.updated_at,
        "projectV2Items": lambda row, ask, args: connection("projectV2Items", [row.item], args),
    },
}
