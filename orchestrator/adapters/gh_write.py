"""Every write to GitHub: one request each, never repeated here, its refusal typed (A1, E2, E3).

Only this module knows PyGithub, and only a tick that writes loads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from orchestrator.adapters import gh_documents
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.limits import Limits
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules import failures, routes
from orchestrator.rules.pacing import Write

if TYPE_CHECKING:
    from github import Github
    from github.Issue import Issue
    from github.PullRequest import PullRequest
    from github.Repository import Repository
    from requests.adapters import BaseAdapter


class Opened(Struct, frozen=True, kw_only=True):
    number: int
    node_id: str


class Writes(Protocol):
    """What may be written; `Refusing` and `GitHubWrite` are its two members."""

    def create_comment(self, slug: str, number: int, body: str) -> int: ...
    def edit_comment(self, slug: str, number: int, comment_id: int, body: str) -> None: ...
    def open_pull_request(
        self, slug: str, *, title: str, body: str, head: str, base: str
    ) -> Opened: ...
    def edit_pull_request(self, slug: str, number: int, body: str) -> None: ...
    def create_issue(self, slug: str, *, title: str, body: str) -> int: ...
    def merge(self, slug: str, number: int, *, head_sha: str, method: str, title: str) -> str: ...
    def close_issue(self, slug: str, number: int, reason: str) -> None: ...
    def add_label(self, slug: str, number: int, label: str) -> None: ...
    def remove_label(self, slug: str, number: int, label: str) -> None: ...
    def add_to_board(self, project: str, content: str) -> str: ...
    def add_sub_issue(self, parent: str, part: str) -> None: ...
    def set_status(self, project: str, item: str, field: str, option: str) -> None: ...
    def archive_card(self, project: str, item: str) -> None: ...
    def reply_to_thread(self, thread: str, body: str) -> str: ...
    def resolve_thread(self, thread: str) -> None: ...
    def ask_for_review(self, slug: str, number: int, logins: Sequence[str]) -> None: ...
    def run_again(self, slug: str, workflow_run: int) -> str: ...
    def ask_again(self, slug: str, check_run: int) -> str: ...


class GitHubWrite:
    """PyGithub with its retries, waits and throttles off: repeating is the effects log's business.

    `transport` replaces the network where a simulation runs.
    """

    def __init__(
        self,
        *,
        key: Key,
        api_url: str,
        transport: BaseAdapter | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits
        self.key = key
        self.api_url = api_url
        self.requests_made = 0
        self._transport = transport
        self._github: Github | None = None

    @property
    def github(self) -> Github:
        if self._github is None:
            import github

            key = self.key

            class Opened(github.Auth.Auth):
                """Asks for the token at each request: an app's is another one each hour."""

                token_type = "Bearer"

                @property
                def token(self) -> str:
                    return key.reveal()

            with _connecting_by(self._transport):
                self._github = github.Github(
                    auth=Opened(),
                    base_url=self.api_url,
                    retry=None,
                    seconds_between_requests=0,
                    seconds_between_writes=0,
                    timeout=30,
                    per_page=100,
                    lazy=True,
                    user_agent="agent-os",
                )
        return self._github

    def create_comment(self, slug: str, number: int, body: str) -> int:
        with self._answering(f"comment on {slug}#{number}", Write.CONTENT):
            return self._issue(slug, number).create_comment(body).id

    def edit_comment(self, slug: str, number: int, comment_id: int, body: str) -> None:
        del number
        with self._answering(f"edit of comment {comment_id} in {slug}"):
            self._send("PATCH", f"/repos/{slug}/issues/comments/{comment_id}", {"body": body})

    def create_issue(self, slug: str, *, title: str, body: str) -> int:
        """The number of the new issue; labels are other calls."""
        with self._answering(f"issue in {slug}", Write.CONTENT):
            sent = {"title": title, "body": body}
            _, made = self.github.requester.requestJsonAndCheck(
                "POST", f"/repos/{slug}/issues", input=sent
            )
            return int(made["number"])

    def open_pull_request(
        self, slug: str, *, title: str, body: str, head: str, base: str
    ) -> Opened:
        with self._answering(f"pull request from {head} in {slug}", Write.CONTENT):
            pull = self._repository(slug).create_pull(base=base, head=head, title=title, body=body)
            return Opened(number=pull.number, node_id=pull.raw_data["node_id"])

    def edit_pull_request(self, slug: str, number: int, body: str) -> None:
        """Replace the body of a pull request, and nothing else of it."""
        with self._answering(f"edit of {slug}#{number}"):
            self._send("PATCH", f"/repos/{slug}/pulls/{number}", {"body": body})

    def merge(self, slug: str, number: int, *, head_sha: str, method: str, title: str) -> str:
        """Merge that head and no other (M2); the merge commit's SHA."""
        with self._answering(f"merge of {slug}#{number}", Write.NOTICE):
            merged = self._pull(slug, number).merge(
                commit_title=title, merge_method=method, sha=head_sha
            )
            return merged.sha

    def close_issue(self, slug: str, number: int, reason: str) -> None:
        with self._answering(f"closing {slug}#{number}", Write.NOTICE):
            body = {"state": "closed", "state_reason": reason}
            self._send("PATCH", f"/repos/{slug}/issues/{number}", body)

    def add_label(self, slug: str, number: int, label: str) -> None:
        with self._answering(f"label {label} on {slug}#{number}"):
            self._send("POST", f"/repos/{slug}/issues/{number}/labels", {"labels": [label]})

    def remove_label(self, slug: str, number: int, label: str) -> None:
        """Take the label off; one that is off already is what was wanted."""
        try:
            with self._answering(f"label {label} off {slug}#{number}"):
                self._send("DELETE", f"/repos/{slug}/issues/{number}/labels/{label}", None)
        except GitHubTrouble as trouble:
            if trouble.trouble is not Trouble.NOT_FOUND:
                raise

    def add_to_board(self, project: str, content: str) -> str:
        """The card of the issue; GitHub gives the one that is there already."""
        with self._answering("adding a card to the board"):
            data = self._mutate(gh_documents.ADD_TO_BOARD, {"project": project, "content": content})
            return str(data["addProjectV2ItemById"]["item"]["id"])

    def add_sub_issue(self, parent: str, part: str) -> None:
        """Make an issue a part of another one; refused where it is one already."""
        with self._answering("linking of a part with its epic"):
            self._mutate(gh_documents.ADD_SUB_ISSUE, {"parent": parent, "part": part})

    def set_status(self, project: str, item: str, field: str, option: str) -> None:
        with self._answering("setting the board's status"):
            variables = {"project": project, "item": item, "field": field, "option": option}
            self._mutate(gh_documents.SET_STATUS, variables)

    def archive_card(self, project: str, item: str) -> None:
        """Take the card out of sight; a person finds it in the board's archive."""
        with self._answering("archiving a card of the board"):
            self._mutate(gh_documents.ARCHIVE_CARD, {"project": project, "item": item})

    def reply_to_thread(self, thread: str, body: str) -> str:
        """Answer in a review thread, both by node id; the answer's own."""
        with self._answering("an answer in a review thread", Write.CONTENT):
            variables = {"thread": thread, "body": body}
            data = self._mutate(gh_documents.REPLY_TO_THREAD, variables)
            comment = data["addPullRequestReviewThreadReply"]["comment"] or {}
            return str(comment.get("id", ""))

    def resolve_thread(self, thread: str) -> None:
        with self._answering("resolving a review thread"):
            self._mutate(gh_documents.RESOLVE_THREAD, {"thread": thread})

    def ask_for_review(self, slug: str, number: int, logins: Sequence[str]) -> None:
        """Ask these people to look again; who is asked already stays so."""
        with self._answering(f"asking for a review of {slug}#{number}", Write.NOTICE):
            body = {"reviewers": list(logins)}
            self._send("POST", f"/repos/{slug}/pulls/{number}/requested_reviewers", body)

    def run_again(self, slug: str, workflow_run: int) -> str:
        """Have Actions repeat the failed and cancelled jobs of a run that is over."""
        with self._answering(f"order to run the failed jobs of {slug} again"):
            self._send("POST", f"/repos/{slug}/actions/runs/{workflow_run}/rerun-failed-jobs", None)
            return str(workflow_run)

    def ask_again(self, slug: str, check_run: int) -> str:
        """Ask the app behind a check run, which is not Actions, to do it again."""
        with self._answering(f"request for another check run in {slug}"):
            self._send("POST", f"/repos/{slug}/check-runs/{check_run}/rerequest", None)
            return str(check_run)

    def _repository(self, slug: str) -> Repository:
        return self.github.get_repo(slug)

    def _issue(self, slug: str, number: int) -> Issue:
        return self._repository(slug).get_issue(number)

    def _pull(self, slug: str, number: int) -> PullRequest:
        return self._repository(slug).get_pull(number)

    def _send(self, verb: str, path: str, body: dict[str, Any] | None) -> None:
        self.github.requester.requestJsonAndCheck(verb, path, input=body)

    def _mutate(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        _, answer = self.github.requester.graphql_query(document, variables)
        data: dict[str, Any] = answer["data"]
        return data

    @contextmanager
    def _answering(self, what: str, write: Write = Write.EDIT) -> Iterator[None]:
        """Wait for our turn, and turn PyGithub's and the network's exceptions into one typed error.

        What concerns everybody is told everybody (A3, A11).
        """
        from github import GithubException
        from requests import RequestException

        if self.limits is not None:
            self.limits.before_write(write)
            self.limits.asked(routes.of_write(what))
        self.requests_made += 1
        token = self.key.reveal()
        try:
            yield
        except GithubException as error:
            if error.status == 401 and self.key.renew(token):
                raise GitHubTrouble(
                    Trouble.NETWORK,
                    f"GitHub refused the {what}: the app's token had ended before its time. It was "
                    "renewed, and what was not written is tried again",
                ) from error
            trouble = trouble_of(error.status, error.data, error.headers, what)
            if self.limits is not None:
                trouble = self.limits.heard(trouble, named(error.headers))
            raise trouble from error
        except RequestException as error:
            raise GitHubTrouble(
                Trouble.NETWORK, f"no answer to the {what}: {type(error).__name__}"
            ) from error


def named(headers: dict[str, Any] | None) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in (headers or {}).items()}


@contextmanager
def _connecting_by(transport: BaseAdapter | None) -> Iterator[None]:
    """A client that is made here sends by `transport`; without one, by the network.

    PyGithub's requester takes its connection class when it is made, so no other one is touched.
    """
    if transport is None:
        yield
        return
    from github.Requester import (
        HTTPRequestsConnectionClass,
        HTTPSRequestsConnectionClass,
        Requester,
    )

    way: BaseAdapter = transport

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.session.trust_env = False  # no proxy stands in this way
            self.session.mount("http://", way)

    class Secure(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.session.trust_env = False
            self.session.mount("https://", way)

    Requester.injectConnectionClasses(Plain, Secure)
    try:
        yield
    finally:
        Requester.resetConnectionClasses()


def trouble_of(status: int, data: Any, headers: dict[str, Any] | None, what: str) -> GitHubTrouble:
    """PyGithub's exception in our words; a GraphQL error has status 200 and a list of errors."""
    data = data if isinstance(data, dict) else {}
    errors = data.get("errors") or []
    first = errors[0] if isinstance(errors, list) and errors else {}
    detail = str(first.get("message", "")) if isinstance(first, dict) else str(first)
    message = " ".join(part for part in (str(data.get("message", "")), detail) if part)
    if status == 200:  # GraphQL; elsewhere PyGithub puts a body that is no JSON under "data"
        kind = failures.of_graphql(str(first.get("type", "")), detail)
    else:
        kind = failures.of_status(status, named(headers), message)
    said = f"{status} {message}{failures.remedy(named(headers), message)}"
    return GitHubTrouble(kind, f"GitHub refused the {what}: {said}", status=status)
