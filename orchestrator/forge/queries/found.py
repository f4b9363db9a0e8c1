"""From a node id to its row, and from a row to the name of its type."""

from __future__ import annotations

from typing import Any

import msgspec

from orchestrator.forge import boards, cards, ids, records
from orchestrator.forge.queries.ask import Ask, Problem

TABLES: dict[str, type[records.Row]] = {
    "User": records.User, "Organization": records.User, "Bot": records.User,
    "Repository": records.Repo, "Issue": records.Issue, "PullRequest": records.Issue,
    "IssueComment": records.Comment, "Label": records.Label, "Ref": records.Ref,
    "Commit": records.Commit, "CheckRun": records.CheckRun, "CheckSuite": records.Suite,
    "StatusContext": records.Status, "PullRequestReview": records.Review,
    "PullRequestReviewThread": records.Thread, "PullRequestReviewComment": records.Remark,
    "ProjectV2": cards.Board, "ProjectV2Item": cards.Item,
    "ProjectV2SingleSelectField": cards.Field, "ProjectV2Field": cards.Field,
    "DraftIssue": cards.Item, "Workflow": records.Flow,
    "LabeledEvent": records.Event, "UnlabeledEvent": records.Event,
    "ClosedEvent": records.Event, "ReopenedEvent": records.Event,
    "RenamedTitleEvent": records.Event,
}
EVENTS = {
    "labeled": "LabeledEvent", "unlabeled": "UnlabeledEvent", "closed": "ClosedEvent",
    "reopened": "ReopenedEvent", "renamed": "RenamedTitleEvent",
}


class Draft(msgspec.Struct, frozen=True):
    """The content of a board item that is no issue."""

    item: cards.Item


class Shown(msgspec.Struct, frozen=True):
    """A value of a board item that is not set there, but read from what the item is about."""

    kind: str
    board_item: cards.Item
    board_field: cards.Field
    content: Any
    choice: None = None

    @property
    def text(self) -> str:
        return str(self.content)

    @property
    def id(self) -> int:
        return (self.board_item.id << 16) + self.board_field.id

    @property
    def item_id(self) -> int:
        return self.board_item.id

    @property
    def field_id(self) -> int:
        return self.board_field.id

    @property
    def creator_id(self) -> int:
        return self.board_item.creator_id

    @property
    def created_at(self) -> str:
        return self.board_item.created_at

    @property
    def updated_at(self) -> str:
        return self.board_item.updated_at


class Tree(msgspec.Struct, frozen=True):
    commit: records.Commit


class Rollup(msgspec.Struct, frozen=True):
    """What the checks and statuses of a commit add up to."""

    commit: records.Commit
    runs: list[records.CheckRun]
    statuses: list[records.Status]


class Change(msgspec.Struct, frozen=True):
    """What a pull request does to one file."""

    letter: str
    path: str
    additions: int
    deletions: int


class Named(msgspec.Struct, frozen=True):
    """A part of another row that the schema gives a type of its own."""

    kind: str
    row: Any


SIMPLE: dict[type, str] = {
    records.Repo: "Repository", records.Comment: "IssueComment", records.Label: "Label",
    records.Ref: "Ref", records.Commit: "Commit", records.CheckRun: "CheckRun",
    records.Suite: "CheckSuite", records.Status: "StatusContext",
    records.Review: "PullRequestReview", records.Thread: "PullRequestReviewThread",
    records.Remark: "PullRequestReviewComment", cards.Board: "ProjectV2",
    cards.Item: "ProjectV2Item", Draft: "DraftIssue", Tree: "Tree", Rollup: "StatusCheckRollup",
    records.Flow: "Workflow", records.ReviewRequest: "ReviewRequest",
    records.Protection: "BranchProtectionRule", Change: "PullRequestChangedFile",
}


def type_name(row: Any) -> str:
    if isinstance(row, records.User):
        return row.kind
    if isinstance(row, records.Issue):
        return "PullRequest" if row.is_pull else "Issue"
    if isinstance(row, cards.Field):
        return "ProjectV2SingleSelectField" if row.kind == "SINGLE_SELECT" else "ProjectV2Field"
    if isinstance(row, records.Event):
        return EVENTS[row.event]
    if isinstance(row, cards.Value):
        return f"ProjectV2ItemField{kind_of_value(row)}Value"
    if isinstance(row, Shown):
        return f"ProjectV2ItemField{row.kind}Value"
    if isinstance(row, Named):
        return row.kind
    return SIMPLE[type(row)]


def kind_of_value(row: cards.Value) -> str:
    told = {"SingleSelect": row.choice, "Number": row.number, "Date": row.date}
    return next((kind for kind, value in told.items() if value is not None), "Text")


def home(ask: Ask, row: Any) -> records.Repo | None:
    """The repository a row belongs to, which decides who may see it."""
    if isinstance(row, records.Repo):
        return row
    parts = records.Comment | records.Event | records.Review | records.Thread | records.Remark
    if isinstance(row, parts):
        row = ask.state.store.need(records.Issue, row.issue_id)
    identity = getattr(row, "repo_id", None)
    return ask.repo(identity) if identity is not None else None


def visible(ask: Ask, row: Any) -> bool:
    """Whether what belongs to a board may be seen; everything else has a home instead."""
    part = row.item if isinstance(row, Draft) else row
    if isinstance(part, cards.Item | cards.Field):
        part = ask.state.store.need(cards.Board, part.board_id)
    if not isinstance(part, cards.Board):
        return True
    return boards.may_read(ask.state, part, ask.viewer.user)


def node(ask: Ask, identity: str) -> Any:
    parsed = ids.parse(identity)
    table = TABLES.get(parsed[0]) if parsed else None
    row: Any = ask.state.store.get(table, parsed[1]) if table and parsed else None
    if parsed and parsed[0] == "DraftIssue" and row is not None:
        row = Draft(row) if row.issue_id is None else None
    repo = home(ask, row) if row is not None else None
    hidden = (repo is not None and not ask.sees(repo)) or not visible(ask, row)
    if row is None or parsed is None or hidden or type_name(row) != parsed[0]:
        text = f"Could not resolve to a node with the global id of '{identity}'"
        raise Problem("NOT_FOUND", text)
    return row
