"""What GraphQL can change: board items, comments, and whether an issue is open."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, boards, cards, issues, records
from orchestrator.forge.queries import found
from orchestrator.forge.queries.ask import Args, Ask, Edge, Fields, Problem, cursor
from orchestrator.forge.state import Refused

Payload = dict[str, Any]


def payload(given: Args, **parts: Any) -> Payload:
    return {"clientMutationId": given.get("clientMutationId"), **parts}


def needed(ask: Ask, identity: str, kind: type[Any]) -> Any:
    row = found.node(ask, identity)
    if not isinstance(row, kind):
        text = f"Could not resolve to a node with the global id of '{identity}'"
        raise Problem("NOT_FOUND", text)
    return row


def board_and_writer(ask: Ask, identity: str) -> tuple[cards.Board, records.User]:
    board = needed(ask, identity, cards.Board)
    return board, boards.writer(ask.state, board, ask.viewer)


def item_on(ask: Ask, board: cards.Board, identity: str) -> cards.Item:
    item: cards.Item = needed(ask, identity, cards.Item)
    if item.board_id != board.id:
        raise Problem("NOT_FOUND", "The item does not exist in the project")
    return item


def update_value(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, actor = board_and_writer(ask, given["projectId"])
    item = item_on(ask, board, given["itemId"])
    field: cards.Field = needed(ask, given["fieldId"], cards.Field)
    if field.board_id != board.id:
        raise Problem("NOT_FOUND", "The field does not exist in the project")
    value = {name: told for name, told in given["value"].items() if told is not None}
    if item.archived:
        raise Problem("UNPROCESSABLE", "The item is archived and cannot be updated")
    if field.kind == boards.SINGLE_SELECT and "singleSelectOptionId" in value:
        item = boards.choose(ask.state, item, field, value["singleSelectOptionId"], actor)
    elif field.kind == "TEXT" and "text" in value:
        item = boards.write_value(ask.state, item, field, actor, text=value["text"])
    else:
        kind = field.kind.lower()
        raise Problem("VALIDATION", f"Did not receive a {kind} value to update a {kind} field")
    return payload(given, projectV2Item=item)


def add_item(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, actor = board_and_writer(ask, given["projectId"])
    issue = needed(ask, given["contentId"], records.Issue)
    return payload(given, item=boards.add_issue(ask.state, board, issue, actor))


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


def add_comment(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    subject = needed(ask, given["subjectId"], records.Issue)
    author = accounts.signed_in(ask.viewer)
    comment = issues.comment(ask.state, subject, author, given["body"])
    return payload(given, commentEdge=Edge(comment, cursor(0, comment)), subject=subject)


def issue_and_actor(ask: Ask, identity: str) -> tuple[records.Issue, records.User]:
    issue = needed(ask, identity, records.Issue)
    actor = accounts.signed_in(ask.viewer)
    repo = ask.repo(issue.repo_id)
    if actor.id != issue.author_id and not accounts.allows(ask.state, repo, actor, "triage"):
        text = f"{actor.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    return issue, actor


def close_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    issue, actor = issue_and_actor(ask, given["issueId"])
    reason = (given.get("stateReason") or "COMPLETED").lower()
    return payload(given, issue=issues.close(ask.state, issue, actor, reason=reason))


def reopen_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    issue, actor = issue_and_actor(ask, given["issueId"])
    return payload(given, issue=issues.reopen(ask.state, issue, actor))


def create_board(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    owner = needed(ask, given["ownerId"], records.User)
    creator = accounts.signed_in(ask.viewer)
    if owner.kind != "Organization" and owner.id != creator.id:
        text = f"{creator.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    board = boards.create(ask.state, owner, creator, given["title"])
    return payload(given, projectV2=board)


def update_field(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    field: cards.Field = needed(ask, given["fieldId"], cards.Field)
    board = ask.state.store.need(cards.Board, field.board_id)
    boards.writer(ask.state, board, ask.viewer)
    now = ask.state.now()
    name = given.get("name") or field.name
    field = ask.state.store.change(field, name=name, updated_at=now)
    options = given.get("singleSelectOptions")
    if options is not None:
        wanted = [
            boards.Option(one["name"], one["color"], one["description"], one.get("id"))
            for one in options
        ]
        boards.put_choices(ask.state, field, wanted)
    return payload(given, projectV2Field=field)


def link_board(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    board, actor = board_and_writer(ask, given["projectId"])
    repo = needed(ask, given["repositoryId"], records.Repo)
    if not accounts.allows(ask.state, repo, actor, "write"):
        text = f"{actor.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    boards.link(ask.state, board, repo)
    return payload(given, repository=repo)


MUTATION: Fields = {
    "updateProjectV2ItemFieldValue": update_value,
    "addProjectV2ItemById": add_item,
    "archiveProjectV2Item": archive(True),
    "unarchiveProjectV2Item": archive(False),
    "deleteProjectV2Item": delete_item,
    "addComment": add_comment,
    "closeIssue": close_issue,
    "reopenIssue": reopen_issue,
    "createProjectV2": create_board,
    "updateProjectV2Field": update_field,
    "linkProjectV2ToRepository": link_board,
}
