"""What GraphQL can change about projects: boards, their fields, items and values."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, boards, cards, records
from orchestrator.forge.queries import found
from orchestrator.forge.queries.ask import Args, Ask, Fields, Problem
from orchestrator.forge.queries.mutations import Payload, needed, payload
from orchestrator.forge.state import Refused

# Of each kind of field: the part of a value that it takes, and the column it is kept in.
KINDS = {"TEXT": ("text", "text"), "NUMBER": ("number", "number"), "DATE": ("date", "date")}
SETTABLE = {
    "title": "title", "shortDescription": "short_description", "readme": "readme",
    "closed": "closed", "public": "public",
}


def board_and_writer(ask: Ask, identity: str) -> tuple[cards.Board, records.User]:
    board = needed(ask, identity, cards.Board)
    return board, boards.writer(ask.state, board, ask.viewer)


def item_on(ask: Ask, board: cards.Board, identity: str) -> cards.Item:
    item: cards.Item = needed(ask, identity, cards.Item)
    if item.board_id != board.id:
        raise Problem("NOT_FOUND", "The item does not exist in the project")
    return item


def field_on(ask: Ask, board: cards.Board, identity: str) -> cards.Field:
    field: cards.Field = needed(ask, identity, cards.Field)
    if field.board_id != board.id:
        raise Problem("NOT_FOUND", "The field does not exist in the project")
    return field


def update_value(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, actor = board_and_writer(ask, given["projectId"])
    item = item_on(ask, board, given["itemId"])
    field = field_on(ask, board, given["fieldId"])
    value = {name: told for name, told in given["value"].items() if told is not None}
    if item.archived:
        raise Problem("UNPROCESSABLE", "The item is archived and cannot be updated")
    name, column = KINDS.get(field.kind, ("", ""))
    if field.kind == boards.SINGLE_SELECT and "singleSelectOptionId" in value:
        item = boards.choose(ask.state, item, field, value["singleSelectOptionId"], actor)
    elif name in value:
        item = boards.write_value(ask.state, item, field, actor, **{column: value[name]})
    else:
        kind = field.kind.lower()
        raise Problem("VALIDATION", f"Did not receive a {kind} value to update a {kind} field")
    return payload(given, projectV2Item=item)


def clear_value(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, _ = board_and_writer(ask, given["projectId"])
    item = item_on(ask, board, given["itemId"])
    field = field_on(ask, board, given["fieldId"])
    if field.kind not in boards.CUSTOM:
        raise Problem("VALIDATION", f"The field of type {field.kind.lower()} cannot be cleared")
    return payload(given, projectV2Item=boards.clear_value(ask.state, item, field))


def add_item(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, actor = board_and_writer(ask, given["projectId"])
    issue = needed(ask, given["contentId"], records.Issue)
    return payload(given, item=boards.add_issue(ask.state, board, issue, actor))


def add_draft(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, actor = board_and_writer(ask, given["projectId"])
    body = given.get("body") or ""
    return payload(
        given, projectItem=boards.add_draft(ask.state, board, actor, given["title"], body)
    )


def update_draft(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    draft: found.Draft = needed(ask, given["draftIssueId"], found.Draft)
    board = ask.state.store.need(cards.Board, draft.item.board_id)
    boards.writer(ask.state, board, ask.viewer)
    told = {
        column: given[name] for name, column in (("title", "draft_title"), ("body", "draft_body"))
        if given.get(name) is not None
    }
    item = ask.state.store.change(draft.item, updated_at=ask.state.now(), **told)
    return payload(given, draftIssue=found.Draft(item))


def archive(archived: bool) -> Any:
    def resolve(root: Any, ask: Ask, args: Args) -> Payload:
        given = args["input"]
        board, _ = board_and_writer(ask, given["projectId"])
        item = item_on(ask, board, given["itemId"])
        return payload(given, item=boards.archive(ask.state, item, archived=archived))

    return resolve


def delete_item(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, _ = board_and_writer(ask, given["projectId"])
    boards.remove(ask.state, item_on(ask, board, given["itemId"]))
    return payload(given, deletedItemId=given["itemId"])


def owner_for(ask: Ask, identity: str) -> tuple[records.User, records.User]:
    """Whose board it will be and who makes it: for oneself, or as a member of an organization."""
    owner: records.User = needed(ask, identity, records.User)
    creator = accounts.signed_in(ask.viewer)
    if not accounts.role(ask.state, owner.id, creator):
        text = f"{creator.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    return owner, creator


def create(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    owner, creator = owner_for(ask, given["ownerId"])
    board = boards.create(ask.state, owner, creator, given["title"])
    if given.get("repositoryId"):
        boards.link(ask.state, board, needed(ask, given["repositoryId"], records.Repo))
    return payload(given, projectV2=board)


def copy(root: Any, ask: Ask, args: Args) -> Payload:
    """A board with the same fields; the items stay where they are, but for the drafts."""
    given = args["input"]
    owner, creator = owner_for(ask, given["ownerId"])
    source: cards.Board = needed(ask, given["projectId"], cards.Board)
    board = boards.create(ask.state, owner, creator, given["title"])
    for old in boards.fields_of(ask.state, source):
        options = [
            boards.Option(one.name, one.color, one.description)
            for one in boards.choices_of(ask.state, old)
        ]
        known = boards.field_named(ask.state, board, old.name)
        if known is None:
            boards.add_field(ask.state, board, old.name, old.kind, options)
        elif options:
            boards.put_choices(ask.state, known, options)
    if given.get("includeDraftIssues"):
        for item in boards.items_of(ask.state, source):
            if item.issue_id is None:
                title, body = item.draft_title or "", item.draft_body or ""
                boards.add_draft(ask.state, board, creator, title, body)
    return payload(given, projectV2=board)


def update(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, _ = board_and_writer(ask, given["projectId"])
    told = {SETTABLE[name]: given[name] for name in SETTABLE if given.get(name) is not None}
    if not told.get("title", board.title).strip():
        raise Problem("UNPROCESSABLE", "Title can't be blank")
    changed = ask.state.store.change(board, updated_at=ask.state.now(), **told)
    return payload(given, projectV2=changed)


def delete(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, _ = board_and_writer(ask, given["projectId"])
    boards.delete(ask.state, board)
    return payload(given, projectV2=board)


def linking(linked: bool) -> Any:
    def resolve(root: Any, ask: Ask, args: Args) -> Payload:
        given = args["input"]
        board, actor = board_and_writer(ask, given["projectId"])
        repo: records.Repo = needed(ask, given["repositoryId"], records.Repo)
        accounts.writable(ask.state, ask.viewer, repo)
        (boards.link if linked else boards.unlink)(ask.state, board, repo)
        return payload(given, repository=repo)

    return resolve


def options(given: Args) -> list[boards.Option]:
    told = given.get("singleSelectOptions") or []
    return [
        boards.Option(one["name"], one["color"], one["description"], one.get("id"))
        for one in told
    ]


def create_field(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, _ = board_and_writer(ask, given["projectId"])
    field = boards.add_field(ask.state, board, given["name"], given["dataType"], options(given))
    return payload(given, projectV2Field=field)


def writable_field(ask: Ask, identity: str) -> cards.Field:
    field: cards.Field = needed(ask, identity, cards.Field)
    board = ask.state.store.need(cards.Board, field.board_id)
    boards.writer(ask.state, board, ask.viewer)
    return field


def update_field(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    field = writable_field(ask, given["fieldId"])
    name = given.get("name") or field.name
    field = ask.state.store.change(field, name=name, updated_at=ask.state.now())
    if given.get("singleSelectOptions") is not None:
        boards.put_choices(ask.state, field, options(given))
    return payload(given, projectV2Field=field)


def delete_field(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    field = writable_field(ask, given["fieldId"])
    boards.delete_field(ask.state, field)
    return payload(given, projectV2Field=field)


MUTATION: Fields = {
    "updateProjectV2ItemFieldValue": update_value,
    "clearProjectV2ItemFieldValue": clear_value,
    "addProjectV2ItemById": add_item,
    "addProjectV2DraftIssue": add_draft,
    "updateProjectV2DraftIssue": update_draft,
    "archiveProjectV2Item": archive(True),
    "unarchiveProjectV2Item": archive(False),
    "deleteProjectV2Item": delete_item,
    "createProjectV2": create,
    "copyProjectV2": copy,
    "updateProjectV2": update,
    "deleteProjectV2": delete,
    "linkProjectV2ToRepository": linking(True),
    "unlinkProjectV2FromRepository": linking(False),
    "createProjectV2Field": create_field,
    "updateProjectV2Field": update_field,
    "deleteProjectV2Field": delete_field,
}
