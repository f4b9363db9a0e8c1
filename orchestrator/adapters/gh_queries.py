"""Every question that the scripts put to GitHub, answered in our own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from orchestrator.adapters import (
    gh_answers,
    gh_checks,
    gh_documents,
    gh_logs,
    gh_nodes,
    gh_pulls,
    gh_rest,
    gh_rules,
)
from orchestrator.adapters.gh_reviews import ReviewQueries
from orchestrator.records.config import BoardConfig
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.tracker import (
    Board,
    BoardItem,
    BoardOption,
    Check,
    Comment,
    Heard,
    Issue,
    Permission,
    PullRequest,
    Sight,
)
from orchestrator.rules import access


class BoardEntry(Struct, frozen=True, kw_only=True):
    """An issue on the board, as little of it as an idle tick needs."""

    item: BoardItem
    issue_node: str
    repo: str
    number: int


class BoardPage(Struct, frozen=True, kw_only=True):
    """`unseen` are cards of which GitHub shows us no more than that they are there."""

    board: Board
    entries: tuple[BoardEntry, ...]
    closed: tuple[BoardEntry, ...] = ()
    unseen: tuple[BoardItem, ...] = ()


class IssueFacts(Struct, frozen=True, kw_only=True):
    """What a dependency is judged by, and by which id it is written to.

    A number may be a pull request's: one that was closed unmerged is `not_planned`, and what its
    text says of other issues is nobody's order.
    """

    number: int
    node: str
    open: bool
    not_planned: bool
    body: str


class Labelled(Struct, frozen=True, kw_only=True):
    """Node ids by repository, what each is to us, and what was heard by the issue's node id.

    `numbers` are those of the issues found.

    `closed` are the closed ones of the issues that were asked about. A repository that is not
    there, or that the token may not see, has the sight None. `unread` says why a repository, or
    an issue that was asked about, was left out: of these nothing is known.
    """

    found: dict[str, list[str]]
    sights: dict[str, Sight | None]
    answers: dict[str, Heard]
    numbers: dict[str, int] = {}
    closed: frozenset[str] = frozenset()
    boards: dict[str, gh_answers.Project | None] = {}
    unread: dict[str, GitHubTrouble] = {}


class LabelledPage(Struct, frozen=True, kw_only=True):
    """One answer of GitHub's to that."""

    repositories: dict[str, gh_answers.LabelledRepository]
    answers: dict[str, Heard]
    closed: frozenset[str]
    boards: dict[str, gh_answers.Project | None]


class Queries(ReviewQueries):
    """Questions in our words; each is complete or raises GitHubTrouble."""

    def viewer(self) -> str:
        """Who we are to GitHub: a person, or an app's bot, which REST does not tell."""
        limits = self.door.limits
        if limits is not None and limits.kind is access.TokenKind.APP:
            answer = self.door.graphql(gh_documents.VIEWER, {}, gh_answers.ViewerAnswer)
            return answer.viewer.login
        return self.door.get("/user", gh_rest.Shape).login

    def shape(self, slug: str) -> gh_rest.Shape:
        """A repository's default branch, and who may write in it."""
        return self.door.get(f"/repos/{slug}", gh_rest.Shape)

    def permission(self, slug: str, login: str) -> Permission:
        """The role of a person; somebody whom GitHub does not know has none (S6)."""
        try:
            answer = self.door.get(f"/repos/{slug}/collaborators/{login}/permission", gh_rest.Shape)
        except GitHubTrouble as trouble:
            if trouble.trouble is Trouble.NOT_FOUND:
                return Permission.NONE
            raise
        known = set(Permission)
        # `role_name` tells maintain and triage apart, which `permission` folds into write and read.
        word = answer.role_name if answer.role_name in known else answer.permission
        return Permission(word) if word in known else Permission.NONE

    def branch_tip(self, slug: str, branch: str) -> str:
        return self.door.get(f"/repos/{slug}/branches/{branch}", gh_rest.BranchRest).commit.sha

    def issue_rest(self, slug: str, number: int) -> gh_rest.IssueRest:
        return self.door.get(f"/repos/{slug}/issues/{number}", gh_rest.IssueRest)

    def issue_is_open(self, slug: str, number: int) -> bool:
        return self.issue_rest(slug, number).open

    def issue_node(self, slug: str, number: int) -> str:
        """The node id of an issue or pull request; raises GitHubTrouble, NOT_FOUND for none."""
        return self.door.get(f"/repos/{slug}/issues/{number}", gh_rest.Shape).node_id

    def pull_request_rest(self, slug: str, number: int) -> gh_rest.PullRest:
        """The pull request as REST has it now; asking starts GitHub's merge computation (M11)."""
        return self.door.get(f"/repos/{slug}/pulls/{number}", gh_rest.PullRest)

    def pulls_of_branch(self, slug: str, branch: str) -> tuple[gh_rest.PullRest, ...]:
        """Every pull request from `branch`, whatever its state, oldest first (E5).

        Into whatever base: a person may have retargeted the one that is looked for.
        """
        owner = slug.partition("/")[0]
        query = f"?state=all&sort=created&direction=asc&head={owner}:{branch}"
        return tuple(self.door.pages(f"/repos/{slug}/pulls{query}&per_page=100", gh_rest.PullRest))

    def open_pulls_into(self, slug: str, base: str) -> tuple[gh_rest.PullRest, ...]:
        """Open pull requests of anybody that aim at the branch `base`."""
        query = f"?state=open&base={base}&per_page=100"
        return tuple(self.door.pages(f"/repos/{slug}/pulls{query}", gh_rest.PullRest))

    def comments(self, slug: str, number: int) -> tuple[Comment, ...]:
        """All comments of an issue or pull request, oldest first, every page (E5)."""
        found = self.door.pages(
            f"/repos/{slug}/issues/{number}/comments?per_page=100", gh_rest.CommentRest
        )
        return tuple(comment.value() for comment in found)

    def said_by_people(self, slug: str, number: int, since: datetime) -> tuple[Comment, ...]:
        """As `comments`, those alone that are of people and were written or changed since then."""
        query = f"?since={since:%Y-%m-%dT%H:%M:%SZ}&per_page=100"
        path = f"/repos/{slug}/issues/{number}/comments{query}"
        found = self.door.pages(path, gh_rest.CommentRest)
        return tuple(one.value() for one in found if one.user and one.user.type == "User")

    def issues_since(self, slug: str, since: datetime) -> tuple[gh_rest.MadeRest, ...]:
        """Every issue of a repository that changed since then, closed ones too, oldest first."""
        query = f"state=all&since={since:%Y-%m-%dT%H:%M:%SZ}&sort=created&direction=asc"
        path = f"/repos/{slug}/issues?{query}&per_page=100"
        return tuple(self.door.pages(path, gh_rest.MadeRest))

    def required_checks(self, slug: str, branch: str) -> tuple[str, ...]:
        """The contexts that GitHub itself demands: classic protection and rulesets together.

        Both are readable without being an admin. Raises GitHubTrouble where either is not
        readable: unknown is not "none" (M4).
        """
        protected = self.door.get(f"/repos/{slug}/branches/{branch}", gh_rest.BranchRest)
        names = list(protected.contexts())
        for rule in gh_rules.active(self.door, slug, branch, gh_rest.RuleRest):
            names.extend(rule.contexts())
        return tuple(dict.fromkeys(names))

    def recent_check_names(self, slug: str, ref: str) -> tuple[str, ...]:
        """Names of the checks and statuses on a commit of the base: what a head may expect (M3)."""
        return gh_checks.recent_names(self.door, slug, ref)

    def commit_checks(self, slug: str, sha: str) -> tuple[Check, ...] | None:
        """Every check run and status of any commit, as a pull request's head has them.

        Empty when nothing has reported; None when the list is not whole, or no such commit is
        there: unknown is not "none" (M4, A8). Raises GitHubTrouble.
        """
        return gh_checks.of_commit(self.door, slug, sha)

    def check_log(self, slug: str, check: Check) -> str:
        """The end of what the check says of its failure, raw; raises GitHubTrouble."""
        return gh_logs.said(self.door, slug, check)

    def board(
        self, owner: str, number: int, status_field: str, *, begun: gh_answers.Project | None = None
    ) -> BoardPage:
        """The whole board, one request for 100 unarchived cards, its open issues and the closed.

        `begun` is its first page, where that was told already. Raises GitHubTrouble when any page
        is missing (A8) or the board or its field is not there.
        """
        entries: list[BoardEntry] = []
        closed: list[BoardEntry] = []
        unseen: list[BoardItem] = []
        seen: set[str] = set()
        after: str | None = None
        while True:
            project = begun or self._board_page(owner, number, status_field, after)
            begun = None
            for item in project.items.nodes:
                if item.id not in seen:
                    seen.add(item.id)
                    if item.content is None:
                        unseen.append(card_of(item))
                    of_its_state = closed if is_closed(item) else entries
                    of_its_state.extend(entry_of(item))
            after = project.items.page_info.end_cursor
            if not project.items.page_info.has_next_page or after is None:
                break
        found = project.field
        options = found.options if found else ()
        board = Board(
            id=project.id,
            field_id=found.id if found else "",
            options=tuple(BoardOption(id=o.id, name=o.name) for o in options),
        )
        return BoardPage(
            board=board, entries=tuple(entries), closed=tuple(closed), unseen=tuple(unseen)
        )

    def _board_page(
        self, owner: str, number: int, status_field: str, after: str | None
    ) -> gh_answers.Project:
        def ask(size: int) -> gh_answers.BoardAnswer:
            variables = {
                "login": owner, "number": number, "field": status_field,
                "first": size, "after": after,
            }  # fmt: skip
            return self.door.graphql(
                gh_documents.BOARD, variables, gh_answers.BoardAnswer, may_miss=True
            )

        kind = self.door.limits.kind if self.door.limits else access.TokenKind.OTHER
        closed = access.board_closed(owner, number, kind)
        try:
            answer = self.door.shrinking(ask)
        except GitHubTrouble as trouble:
            if trouble.trouble is not Trouble.PERMISSION:
                raise
            raise GitHubTrouble(Trouble.PERMISSION, f"{closed} ({trouble})") from trouble
        project = answer.repository_owner.project_v2 if answer.repository_owner else None
        if project is None:
            raise GitHubTrouble(Trouble.NOT_FOUND, closed)
        return project

    def labelled(
        self,
        slugs: Sequence[str],
        label: str,
        *,
        questions: Sequence[str] = (),
        states: Sequence[str] = (),
        boards: Sequence[BoardConfig] = (),
    ) -> Labelled:
        """The open issues that bear the label, and what people said last on other open ones.

        Of `questions` and `states`, a hundred each at most, those that are closed are named.

        By the way, in the same request, the first page of each of these boards; None for one that
        is not there. What may not be read, or takes too long, is left out and hides no other;
        raises GitHubTrouble for what concerns all, or a board.
        """
        found: dict[str, list[str]] = {}
        numbers: dict[str, int] = {}
        sights: dict[str, Sight | None] = {}
        answers: dict[str, Heard] = {}
        closed: frozenset[str] = frozenset()
        begun: dict[str, gh_answers.Project | None] = {}
        unread: dict[str, GitHubTrouble] = {}
        after: dict[str, str] = {}
        left = list(dict.fromkeys([*slugs, *questions, *states]))

        def parts(asked: Sequence[str]) -> tuple[list[str], tuple[list[str], list[str]]]:
            some = set(asked)
            its, first, second = (
                [one for one in each if one in some] for each in (slugs, questions, states)
            )
            return its, (first, second)

        def ask(asked: Sequence[str], size: int) -> LabelledPage:
            its, about = parts(asked)
            return self._labelled_page(its, label, after, about, boards, size)

        def names(trouble: GitHubTrouble, asked: Sequence[str]) -> Sequence[str] | None:
            shut = named_by(trouble, *parts(asked))
            return [one for one in asked if one in shut] or None

        while left:
            asked, page = self.door.shrinking(partial(gh_nodes.readable, left, ask, names))
            left = [one for one in left if one not in asked]
            its, _ = parts(asked)
            if isinstance(page, GitHubTrouble):
                unread |= dict.fromkeys(asked, page)
                if page.trouble is Trouble.PERMISSION:
                    sights |= dict.fromkeys(its)
                continue
            boards = ()
            closed |= page.closed
            begun |= page.boards
            answers |= page.answers
            sights |= dict.fromkeys(slug for slug in its if slug not in page.repositories)
            for slug, repository in page.repositories.items():
                issues = repository.issues
                sights[slug] = repository.sight(slug)
                known = found.setdefault(slug, [])
                known.extend(issue.id for issue in issues.nodes if issue.id not in known)
                numbers |= {issue.id: issue.number for issue in issues.nodes}
                if issues.page_info.has_next_page and issues.page_info.end_cursor:
                    after[slug] = issues.page_info.end_cursor
                    left.append(slug)
        return Labelled(
            found=found, sights=sights, answers=answers, closed=closed, boards=begun,
            numbers=numbers, unread=unread,
        )  # fmt: skip

    def _labelled_page(
        self,
        slugs: Sequence[str],
        label: str,
        after: Mapping[str, str],
        about: tuple[Sequence[str], Sequence[str]],
        boards: Sequence[BoardConfig],
        size: int,
    ) -> LabelledPage:
        questions, states = about
        document = gh_documents.labelled(
            slugs, label, first=min(size, 50), cards=size, after=after, questions=questions,
            states=states, boards=boards,
        )  # fmt: skip
        raw = self.door.graphql_raw(document, {}, may_miss=True)
        data = msgspec.json.decode(raw, type=dict[str, Any])
        nodes = {slug: data.get(f"r{index}") for index, slug in enumerate(slugs)}
        heard, others = (
            msgspec.convert(data.get(name) or [], tuple[gh_answers.Questioned | None, ...])
            for name in ("questions", "states")
        )
        owners = {
            board.name: msgspec.convert(data.get(f"b{index}"), gh_answers.Owner | None)
            for index, board in enumerate(boards)
        }
        return LabelledPage(
            boards={name: owner.project_v2 if owner else None for name, owner in owners.items()},
            repositories={
                slug: msgspec.convert(node, gh_answers.LabelledRepository)
                for slug, node in nodes.items()
                if node is not None
            },
            answers={one.id: one.heard() for one in heard if one and one.state == "OPEN"},
            closed=frozenset(
                one.id for one in (*heard, *others) if one and one.state == "CLOSED"
            ),
        )

    def issues(self, node_ids: Sequence[str]) -> tuple[Issue, ...]:
        """The issues whole; one that is gone is left out."""
        found: list[Issue] = []
        for value in self.issues_or_why(node_ids).values():
            if isinstance(value, GitHubTrouble):
                raise value
            found.append(value)
        return tuple(found)

    def issues_or_why(self, node_ids: Sequence[str]) -> dict[str, Issue | GitHubTrouble]:
        """As `issues`; one of which a part may not be read has that trouble in its place.

        Ten a request: bodies may be large.
        """
        found: dict[str, Issue | GitHubTrouble] = {}
        for ids, answer in gh_nodes.in_pages(self.door, node_ids, self._issues_page, share=10):
            if isinstance(answer, GitHubTrouble):
                found |= dict.fromkeys(ids, answer)
                continue
            values = (gh_answers.issue(node) for node in answer.nodes if node)
            found |= {value.node_id: value for value in values if value is not None}
        return found

    def _issues_page(self, node_ids: Sequence[str]) -> gh_answers.IssuesAnswer:
        variables = {"ids": list(node_ids)}
        return self.door.graphql(
            gh_documents.ISSUES, variables, gh_answers.IssuesAnswer, may_miss=True
        )

    def issue_facts(self, slug: str, numbers: Sequence[int]) -> dict[int, IssueFacts]:
        """As `IssueFacts`, of one repository; a number that is not there is left out."""
        facts: dict[int, IssueFacts] = {}
        left = list(numbers)
        while left:
            count, nodes = self.door.shrinking(partial(self._issue_facts_page, slug, left))
            left = left[count:]
            for number, state in nodes.items():
                facts[number] = IssueFacts(
                    number=number,
                    node=state.id,
                    open="OPEN" in {state.state, state.pull_state},
                    not_planned=(
                        state.state_reason == "NOT_PLANNED" or state.pull_state == "CLOSED"
                    ),
                    body=state.body,
                )
        return facts

    def _issue_facts_page(
        self, slug: str, numbers: Sequence[int], size: int
    ) -> tuple[int, dict[int, gh_answers.IssueState]]:
        asked = numbers[:size]
        raw = self.door.graphql_raw(gh_documents.issue_states(slug, asked), {}, may_miss=True)
        nodes = msgspec.json.decode(raw, type=dict[str, Any]).get("repository") or {}
        return size, {
            number: msgspec.convert(node, gh_answers.IssueState)
            for number in asked
            if (node := nodes.get(f"i{number}")) is not None
        }

    def pull_requests(self, node_ids: Sequence[str]) -> dict[str, PullRequest]:
        """The named pull requests by node id, 100 a request; one that is gone is left out."""
        found: dict[str, PullRequest] = {}
        for node_id, value in self.pull_requests_or_why(node_ids).items():
            if isinstance(value, GitHubTrouble):
                raise value
            found[node_id] = value
        return found

    def pull_requests_or_why(
        self, node_ids: Sequence[str]
    ) -> dict[str, PullRequest | GitHubTrouble]:
        """As `pull_requests`; one of which a part may not be read has that trouble in its place."""
        return gh_pulls.or_why(self.door, node_ids)


def named_by(
    trouble: GitHubTrouble, slugs: Sequence[str], about: tuple[Sequence[str], Sequence[str]]
) -> frozenset[str]:
    """The repositories and issues of a question that the trouble is about; none where it is all's.

    A refused token or an exhausted limit is everybody's, whatever part it comes with (A3).
    """
    if trouble.trouble not in {Trouble.PERMISSION, Trouble.SERVER}:
        return frozenset()
    asked = {f"r{index}": slug for index, slug in enumerate(slugs)}
    listed = dict(zip(("questions", "states"), about, strict=True))
    found = set()
    for head, *rest in trouble.paths:
        nodes, at = listed.get(str(head), ()), rest[0] if rest else None
        if head in asked:
            found.add(asked[str(head)])
        elif isinstance(at, int) and at < len(nodes):
            found.add(nodes[at])
        else:
            return frozenset()
    return frozenset(found)


def is_closed(item: gh_answers.Item) -> bool:
    return item.content is not None and item.content.state == "CLOSED"


def card_of(item: gh_answers.Item) -> BoardItem:
    value = item.field_value_by_name
    return BoardItem(
        id=item.id,
        status=(value.name or "") if value else "",
        status_at=value.updated_at if value else None,
    )


def entry_of(item: gh_answers.Item) -> list[BoardEntry]:
    """A card with an issue that we may see; drafts, pulls and redacted ones are not ours."""
    content = item.content
    if content is None or content.typename != "Issue" or content.repository is None:
        return []
    return [
        BoardEntry(
            item=card_of(item),
            issue_node=content.id,
            repo=content.repository.name_with_owner,
            number=content.number,
        )
    ]
