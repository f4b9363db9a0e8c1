"""GitHub's GraphQL answers as typed values, and their translation into `records.tracker`.

Every struct holds just what `gh_documents` asks for. A field that GitHub's schema allows to be
null is optional here too; an answer of another shape is an error, never a guess (A2, M4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, field

from orchestrator.records import tracker


class Camel(Struct, frozen=True, kw_only=True, rename="camel"):
    """GitHub writes camelCase."""


class RateLimit(Camel, frozen=True, kw_only=True):
    limit: int
    cost: int
    remaining: int
    reset_at: datetime


class Standing(Camel, frozen=True, kw_only=True):
    """The points, which every query asks for by the way; null where GitHub keeps no account."""

    rate_limit: RateLimit | None = None


class PageInfo(Camel, frozen=True, kw_only=True):
    has_next_page: bool
    end_cursor: str | None = None


class Login(Camel, frozen=True, kw_only=True):
    login: str


class Actor(Camel, frozen=True, kw_only=True):
    typename: str = field(name="__typename")
    login: str

    @property
    def name(self) -> str:
        """As REST has it: a person may bear the name of an app, less the brackets."""
        return f"{self.login}[bot]" if self.typename == "Bot" else self.login


class ViewerAnswer(Camel, frozen=True, kw_only=True):
    viewer: Login


class Name(Camel, frozen=True, kw_only=True):
    name: str


class NameWithOwner(Camel, frozen=True, kw_only=True):
    name_with_owner: str


class Oid(Camel, frozen=True, kw_only=True):
    oid: str


class Names(Camel, frozen=True, kw_only=True):
    total_count: int
    nodes: tuple[Name, ...]


class Labeled(Camel, frozen=True, kw_only=True):
    created_at: datetime | None = None
    actor: Actor | None = None
    label: Name | None = None


class Timeline(Camel, frozen=True, kw_only=True):
    nodes: tuple[Labeled, ...]


# --- the board ------------------------------------------------------------------------------


class Option(Camel, frozen=True, kw_only=True):
    id: str
    name: str


class Field(Camel, frozen=True, kw_only=True):
    id: str = ""
    options: tuple[Option, ...] = ()


class FieldValue(Camel, frozen=True, kw_only=True):
    name: str | None = None
    updated_at: datetime | None = None


class Content(Camel, frozen=True, kw_only=True):
    typename: str = field(name="__typename")
    id: str = ""
    number: int = 0
    state: str = ""
    repository: NameWithOwner | None = None


class Item(Camel, frozen=True, kw_only=True):
    id: str
    field_value_by_name: FieldValue | None = None
    content: Content | None = None


class Items(Camel, frozen=True, kw_only=True):
    total_count: int
    page_info: PageInfo
    nodes: tuple[Item, ...]


class Project(Camel, frozen=True, kw_only=True):
    id: str
    field: Field | None = None
    items: Items


class Owner(Camel, frozen=True, kw_only=True):
    project_v2: Project | None = field(default=None, name="projectV2")


class BoardAnswer(Camel, frozen=True, kw_only=True):
    repository_owner: Owner | None = None


# --- issues ---------------------------------------------------------------------------------


class IssueNode(Camel, frozen=True, kw_only=True):
    typename: str = field(name="__typename")
    id: str = ""
    number: int = 0
    title: str = ""
    body: str = ""
    state: str = ""
    state_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    last_edited_at: datetime | None = None
    author: Actor | None = None
    editor: Actor | None = None
    repository: NameWithOwner | None = None
    labels: Names | None = None
    timeline_items: Timeline | None = None
    renamed: Timeline | None = None


class IssuesAnswer(Camel, frozen=True, kw_only=True):
    nodes: tuple[IssueNode | None, ...]


def issue(node: IssueNode) -> tracker.Issue | None:
    """The node as our value; None when it is not an issue or one that we may not see whole."""
    if node.typename != "Issue" or node.repository is None or node.created_at is None:
        return None
    ready = last_label(node.timeline_items, "ready")
    renamed = node.renamed.nodes[-1] if node.renamed and node.renamed.nodes else None
    labels = node.labels
    return tracker.Issue(
        node_id=node.id,
        repo=node.repository.name_with_owner,
        number=node.number,
        title=node.title,
        body=node.body,
        open=node.state == "OPEN",
        not_planned=node.state_reason == "NOT_PLANNED",
        author=node.author.name if node.author else "",
        created=node.created_at,
        updated=node.updated_at or node.created_at,
        edited=node.last_edited_at,
        editor=node.editor.name if node.editor else "",
        renamed=renamed.created_at if renamed else None,
        renamer=renamed.actor.name if renamed and renamed.actor else "",
        labels=tuple(label.name for label in labels.nodes) if labels else (),
        labels_complete=labels is not None and labels.total_count == len(labels.nodes),
        ready_label_at=ready.created_at if ready else None,
        ready_label_by=ready.actor.name if ready and ready.actor else "",
    )


def last_label(timeline: Timeline | None, name: str) -> Labeled | None:
    events = timeline.nodes if timeline else ()
    named = [event for event in events if event.label and event.label.name.lower() == name]
    return named[-1] if named else None


class LightIssue(Camel, frozen=True, kw_only=True):
    id: str
    number: int


class LightIssues(Camel, frozen=True, kw_only=True):
    page_info: PageInfo
    nodes: tuple[LightIssue, ...]


class LabelledRepository(Camel, frozen=True, kw_only=True):
    name_with_owner: str
    is_archived: bool = False
    has_issues_enabled: bool = True
    viewer_permission: str | None = None
    issues: LightIssues

    def sight(self, slug: str) -> tracker.Sight:
        """As who asked for `slug`; a role of a name that nobody knows yet says nothing."""
        word = (self.viewer_permission or "").lower()
        known = set(tracker.Permission)
        role = tracker.Permission(word) if word in known else None
        moved = self.name_with_owner.lower() != slug.lower()
        return tracker.Sight(
            role=role, archived=self.is_archived, issues=self.has_issues_enabled,
            called=self.name_with_owner if moved else "",
        )  # fmt: skip


class NewComment(Camel, frozen=True, kw_only=True):
    body: str
    created_at: datetime
    database_id: int | None = None
    author: Actor | None = None

    def value(self) -> tracker.Comment:
        return tracker.Comment(
            id=self.database_id or 0, body=self.body, created=self.created_at,
            author=self.author.login if self.author else "",
        )  # fmt: skip


class NewComments(Camel, frozen=True, kw_only=True):
    total_count: int = 0
    nodes: tuple[NewComment, ...] = ()


class Questioned(Camel, frozen=True, kw_only=True):
    """An issue on which we asked something, with what was said there last."""

    typename: str = field(name="__typename")
    id: str = ""
    state: str = ""
    labels: Names | None = None
    comments: NewComments = NewComments()

    def heard(self) -> tracker.Heard:
        """What programs wrote answers no question."""
        told, labels = self.comments.nodes, self.labels
        return tracker.Heard(
            comments=tuple(
                one.value() for one in told if one.author and one.author.typename == "User"
            ),
            since=told[0].value() if 0 < len(told) < self.comments.total_count else None,
            labels=(
                tuple(label.name for label in labels.nodes)
                if labels and labels.total_count == len(labels.nodes)
                else None
            ),
        )


class IssueState(Camel, frozen=True, kw_only=True):
    """Of an issue `state`, of a pull request `pull_state`."""

    id: str
    number: int
    state: str = ""
    state_reason: str | None = None
    pull_state: str = ""
    body: str = ""


# --- pull requests --------------------------------------------------------------------------


class App(Camel, frozen=True, kw_only=True):
    database_id: int | None = None


class WorkflowRun(Camel, frozen=True, kw_only=True):
    database_id: int | None = None
    workflow: Name | None = None


class Suite(Camel, frozen=True, kw_only=True):
    app: App | None = None
    workflow_run: WorkflowRun | None = None


class Context(Camel, frozen=True, kw_only=True):
    """A check run or a commit status; GitHub gives both in one list."""

    typename: str = field(name="__typename")
    database_id: int | None = None
    name: str = ""
    status: str = ""
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    details_url: str | None = None
    check_suite: Suite | None = None
    context: str = ""
    state: str = ""
    created_at: datetime | None = None
    target_url: str | None = None
    description: str | None = None


class Contexts(Camel, frozen=True, kw_only=True):
    total_count: int
    page_info: PageInfo | None = None
    nodes: tuple[Context, ...]


class Rollup(Camel, frozen=True, kw_only=True):
    contexts: Contexts


class Target(Camel, frozen=True, kw_only=True):
    oid: str
    committed_date: datetime | None = None
    status_check_rollup: Rollup | None = None


class Ref(Camel, frozen=True, kw_only=True):
    target: Target | None = None


class ReviewNode(Camel, frozen=True, kw_only=True):
    state: str
    submitted_at: datetime | None = None
    author_can_push_to_repository: bool = False
    author: Actor | None = None
    commit: Oid | None = None


class Reviews(Camel, frozen=True, kw_only=True):
    total_count: int = -1
    nodes: tuple[ReviewNode, ...]


class ClosingIssue(Camel, frozen=True, kw_only=True):
    number: int
    state: str
    repository: NameWithOwner
    labels: Names | None = None


class ClosingIssues(Camel, frozen=True, kw_only=True):
    nodes: tuple[ClosingIssue, ...] = ()


class PullRequestNode(Camel, frozen=True, kw_only=True):
    typename: str = field(name="__typename")
    id: str = ""
    number: int = 0
    url: str = ""
    body: str = ""
    state: str = ""
    closed_at: datetime | None = None
    is_draft: bool = False
    merged: bool = False
    mergeable: str = "UNKNOWN"
    is_cross_repository: bool = False
    head_ref_name: str = ""
    head_ref_oid: str = ""
    base_ref_name: str = ""
    repository: NameWithOwner | None = None
    merge_commit: Oid | None = None
    base_ref: Ref | None = None
    head_ref: Ref | None = None
    labels: Names | None = None
    latest_opinionated_reviews: Reviews | None = None
    timeline_items: Timeline | None = None
    closing_issues_references: ClosingIssues | None = None
    first_closing: ClosingIssues | None = None  # with labels, which cost points for each issue


class PullRequestsAnswer(Camel, frozen=True, kw_only=True):
    nodes: tuple[PullRequestNode | None, ...]


class ObjectNode(Target, frozen=True, kw_only=True):
    """What an object id names; only a commit has checks."""

    typename: str = field(name="__typename")


class CommitRepository(Camel, frozen=True, kw_only=True):
    object: ObjectNode | None = None


class CommitChecksAnswer(Camel, frozen=True, kw_only=True):
    repository: CommitRepository | None = None


def pull_request(node: PullRequestNode) -> tracker.PullRequest | None:
    """The node as our value; `checks` is None when the list of them is not complete (M6, A8)."""
    if node.typename != "PullRequest" or node.repository is None:
        return None
    approved = last_label(node.timeline_items, "approved")
    target = node.head_ref.target if node.head_ref else None
    base = node.base_ref.target if node.base_ref else None
    labels = node.labels
    # A comment takes no opinion back, and asking for another review hides none of these.
    said = node.latest_opinionated_reviews
    reviews = said.nodes if said else ()
    # The head ref and the pull request are two readings; where a push came between them, the
    # checks belong to another commit than the head we would merge.
    same_head = target is not None and target.oid == node.head_ref_oid
    return tracker.PullRequest(
        node_id=node.id,
        repo=node.repository.name_with_owner,
        number=node.number,
        url=node.url,
        body=node.body,
        open=node.state == "OPEN",
        closed_at=node.closed_at,
        merged=node.merged,
        merge_sha=node.merge_commit.oid if node.merge_commit else "",
        draft=node.is_draft,
        head=node.head_ref_name,
        head_sha=node.head_ref_oid,
        head_committed=target.committed_date if target else None,
        base=node.base_ref_name,
        base_tip=base.oid if base else "",
        cross_repository=node.is_cross_repository,
        mergeable={"MERGEABLE": True, "CONFLICTING": False}.get(node.mergeable),
        labels=tuple(label.name for label in labels.nodes) if labels else (),
        labels_complete=labels is not None and labels.total_count == len(labels.nodes),
        approved_label_at=approved.created_at if approved else None,
        approved_label_by=approved.actor.name if approved and approved.actor else "",
        reviews=tuple(review_of(review) for review in reviews),
        reviews_complete=said is not None and said.total_count == len(said.nodes),
        checks=checks_of(target) if same_head else None,
        closes=tuple(
            tracker.Closes(
                repo=issue.repository.name_with_owner,
                number=issue.number,
                open=issue.state == "OPEN",
                labels=tuple(one.name for one in issue.labels.nodes) if issue.labels else None,
            )
            for linked in (node.first_closing, node.closing_issues_references)
            for issue in (linked or ClosingIssues()).nodes
        ),
    )


def review_of(node: ReviewNode) -> tracker.Review:
    return tracker.Review(
        author=node.author.name if node.author else "",
        state=node.state.lower(),
        commit=node.commit.oid if node.commit else "",
        submitted=node.submitted_at,
        by_writer=node.author_can_push_to_repository,
    )


def checks_of(target: Target | None) -> tuple[tracker.Check, ...] | None:
    if target is None:
        return None
    if target.status_check_rollup is None:
        return ()
    contexts = target.status_check_rollup.contexts
    return whole_checks(contexts.nodes, contexts.total_count)


def whole_checks(contexts: Sequence[Context], total: int) -> tuple[tracker.Check, ...] | None:
    """The checks, each once; None when they are not as many as GitHub counts."""
    found = {(context.database_id, context.context): context for context in contexts}
    if len(found) != total:
        return None
    return tuple(check_of(context) for context in found.values())


def has_more_checks(node: PullRequestNode) -> bool:
    """Whether the head has more checks than one page of them."""
    target = node.head_ref.target if node.head_ref else None
    rollup = target.status_check_rollup if target else None
    return rollup is not None and rollup.contexts.total_count > len(rollup.contexts.nodes)


def check_of(node: Context) -> tracker.Check:
    if node.typename == "StatusContext":
        settled = node.state.lower() not in {"pending", "expected"}
        return tracker.Check(
            name=node.context,
            group="status",
            status="completed" if settled else "pending",
            conclusion=node.state.lower() if settled else "",
            started=node.created_at,
            completed=node.created_at if settled else None,
            url=node.target_url or "",
            said=node.description or "",
        )
    suite = node.check_suite
    app = suite.app.database_id if suite and suite.app else None
    run = suite.workflow_run if suite else None
    workflow = run.workflow.name if run and run.workflow else ""
    return tracker.Check(
        name=node.name,
        group=f"{app or 0}/{workflow}",
        status=node.status.lower(),
        conclusion=(node.conclusion or "").lower(),
        id=node.database_id or 0,
        started=node.started_at,
        completed=node.completed_at,
        url=node.details_url or "",
        workflow_run=(run.database_id or 0) if run else 0,
    )
