"""What was said in reviews of a pull request: threads and reviews, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct, field

from orchestrator.adapters import gh_documents
from orchestrator.adapters.gh_answers import Actor, Camel, PageInfo
from orchestrator.adapters.gh_read import Door
from orchestrator.adapters.gh_rest import UserRest
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.tracker import Review, ReviewThread, ThreadComment


class CommentNode(Camel, frozen=True, kw_only=True):
    id: str
    body: str
    created_at: datetime
    author: Actor | None = None


class CommentNodes(Camel, frozen=True, kw_only=True):
    total_count: int
    page_info: PageInfo
    nodes: tuple[CommentNode, ...]


class ThreadNode(Camel, frozen=True, kw_only=True):
    id: str
    is_resolved: bool
    path: str
    line: int | None = None
    comments: CommentNodes


class ThreadNodes(Camel, frozen=True, kw_only=True):
    total_count: int
    page_info: PageInfo
    nodes: tuple[ThreadNode, ...]


class Node(Camel, frozen=True, kw_only=True):
    typename: str = field(name="__typename")
    review_threads: ThreadNodes | None = None
    comments: CommentNodes | None = None


class NodeAnswer(Camel, frozen=True, kw_only=True):
    node: Node | None = None


class ReviewRest(Struct, frozen=True):
    state: str
    node_id: str = ""
    body: str | None = None
    commit_id: str | None = None
    submitted_at: datetime | None = None
    user: UserRest | None = None

    def value(self) -> Review:
        return Review(
            author=self.user.login if self.user else "",
            state=self.state.lower(),
            commit=self.commit_id or "",
            submitted=self.submitted_at,
            body=self.body or "",
            node_id=self.node_id,
        )


class ReviewQueries:
    """The questions that are asked only where a review stands in the way."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def reviews(self, slug: str, number: int) -> tuple[Review, ...]:
        """Every review of a pull request with its text, oldest first.

        Whether its author may write is not told here; `permission` is.
        """
        found = self.door.pages(f"/repos/{slug}/pulls/{number}/reviews?per_page=100", ReviewRest)
        return tuple(review.value() for review in found)

    def review_threads(self, pull: str) -> tuple[ReviewThread, ...]:
        """Every thread of the pull request with this node id; raises GitHubTrouble unless whole."""
        found: list[ReviewThread] = []
        for page in self._pages(gh_documents.REVIEW_THREADS, pull, lambda n: n.review_threads):
            assert isinstance(page, ThreadNodes)
            found += [self._whole(node) for node in page.nodes]
        return tuple(found)

    def _whole(self, node: ThreadNode) -> ReviewThread:
        comments = node.comments.nodes
        if node.comments.page_info.has_next_page:
            pages = self._pages(gh_documents.THREAD_COMMENTS, node.id, lambda n: n.comments)
            comments = tuple(
                one for page in pages if isinstance(page, CommentNodes) for one in page.nodes
            )
        return ReviewThread(
            id=node.id,
            path=node.path,
            line=node.line,
            resolved=node.is_resolved,
            comments=tuple(
                ThreadComment(
                    id=one.id,
                    body=one.body,
                    author=one.author.name if one.author else "",
                    created=one.created_at,
                )
                for one in comments
            ),
        )

    def _pages(
        self,
        document: str,
        node: str,
        part: Callable[[Node], ThreadNodes | CommentNodes | None],
    ) -> Iterator[ThreadNodes | CommentNodes]:
        """Page after page to the end; a part that is missing is an error of the whole (A8)."""
        seen, after = 0, None
        while True:
            page = self._page(document, node, part, after)
            seen += len(page.nodes)
            yield page
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page or after is None:
                break
        if seen < page.total_count:
            raise GitHubTrouble(
                Trouble.PARTIAL, f"GitHub told {seen} of {page.total_count} parts of a review"
            )

    def _page(
        self,
        document: str,
        node: str,
        part: Callable[[Node], ThreadNodes | CommentNodes | None],
        after: str | None,
    ) -> ThreadNodes | CommentNodes:
        def ask(size: int) -> NodeAnswer:
            variables = {"id": node, "first": min(size, 50), "after": after}
            return self.door.graphql(document, variables, NodeAnswer)

        answer = self.door.shrinking(ask)
        page = part(answer.node) if answer.node else None
        if page is None:
            raise GitHubTrouble(Trouble.NOT_FOUND, "a pull request or a review thread is gone")
        return page
