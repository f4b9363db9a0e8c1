"""The way to GitHub for reading: bounded retries, a complete answer or a typed error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from orchestrator.adapters import files, gh_answers, gh_rest
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.gh_etags import Etags, Kept
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.limits import Limits
from orchestrator.records.errors import GitHubTrouble, Paths, Trouble
from orchestrator.rules import failures, routes

if TYPE_CHECKING:
    from requests import Response, Session
    from requests.adapters import BaseAdapter

    # What stands between a client and the network: for those who pass one on.
    Transport = BaseAdapter

T = TypeVar("T")

TIMEOUT_SECONDS = (5, 30)
WAITS_SECONDS = (0.5, 2.0)
# GraphQL answers a page that takes it longer than about ten seconds with a 502 (A2).
PAGE_SIZES = (100, 50, 25, 10)
DAY_SECONDS = 86_400
MOST_BYTES = 100_000_000


class GraphQLError(Struct, frozen=True, kw_only=True):
    message: str = ""
    type: str = ""
    path: tuple[str | int, ...] = ()


class Envelope(Struct, frozen=True, kw_only=True):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: tuple[GraphQLError, ...] = ()


class Door:
    """Reads with one key; `transport` replaces the network where a test or a simulation runs."""

    def __init__(
        self,
        *,
        key: Key,
        api_url: str,
        graphql_url: str,
        clock: Clock,
        state_folder: Path,
        transport: BaseAdapter | None = None,
        limits: Limits | None = None,
        may_keep: Callable[[str], bool] | None = None,
    ) -> None:
        self.limits = limits
        self.api_url = api_url.rstrip("/")
        self.graphql_url = graphql_url
        self.clock = clock
        self.page_file = state_folder / "graphql_page_size"
        self.requests_made = 0
        self.headers: dict[str, str] = {}  # of the last answer, whatever it was
        self._key = key
        self._etags = Etags(state_folder / "etags", key.identity)
        self._may_keep = may_keep
        self._transport = transport

    @cached_property
    def session(self) -> Session:
        """Made at the first question: a tick that asks GitHub nothing loads no HTTP library."""
        import requests

        session = requests.Session()
        session.trust_env = False  # no ~/.netrc: it would replace the token
        session.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "agent-os",
            }
        )
        if self._transport is not None:
            session.mount(self.api_url, self._transport)
            session.mount(self.graphql_url, self._transport)
        return session

    def get(self, path: str, shape: type[T]) -> T:
        return decoded(self._request("GET", self.api_url + path), shape, path)

    def post(self, path: str, body: Any, shape: type[T]) -> T:
        """For what may be repeated at will, as a read: it changes nothing that anybody sees."""
        raw = msgspec.json.encode(body)
        return decoded(self._request("POST", self.api_url + path, raw), shape, path)

    def tail(self, path: str, limit: int) -> str:
        """The last `limit` bytes, from a whole line on, of a text that GitHub keeps elsewhere.

        The address it points to opens by itself and gets no token of ours. "" where nothing is
        kept any more; raises GitHubTrouble.
        """
        try:
            answer = self._request("GET", self.api_url + path, follow=False)
        except GitHubTrouble as trouble:
            if trouble.trouble is Trouble.NOT_FOUND:
                return ""
            raise
        where = answer.headers.get("Location")
        kept = self._elsewhere(where, limit) if where else answer.content[-limit:]
        text = kept.decode("utf-8", "replace")
        return text.partition("\n")[2] if len(kept) == limit else text

    def _elsewhere(self, url: str, limit: int) -> bytes:
        """Read without our token; of more than `MOST_BYTES` only the beginning is looked at."""
        import requests

        if not url.startswith(("https://", self.api_url)):
            raise GitHubTrouble(Trouble.PARTIAL, "GitHub points to a log at a strange address")
        with requests.Session() as session:
            session.trust_env = False
            if self._transport is not None:
                session.mount(self.api_url, self._transport)
            try:
                answer = session.get(url, timeout=TIMEOUT_SECONDS, stream=True)
                kept, read = b"", 0
                if answer.status_code in {404, 410}:
                    return b""
                if answer.status_code >= 400:
                    raise GitHubTrouble(
                        Trouble.SERVER, f"the log's store answered {answer.status_code}"
                    )
                for chunk in answer.iter_content(65_536):
                    kept, read = (kept + chunk)[-limit:], read + len(chunk)
                    if read > MOST_BYTES:
                        break
                return kept
            except requests.RequestException as error:
                raise GitHubTrouble(
                    Trouble.NETWORK, f"the log could not be read: {type(error).__name__}"
                ) from error

    def pages(self, path: str, shape: type[T]) -> Iterator[T]:
        """Follow `Link` to the end; a missing page is an error of the whole list (A8)."""
        for page in self.whole_pages(path, list[shape]):  # type: ignore[valid-type]
            yield from page

    def whole_pages(self, path: str, shape: type[T]) -> Iterator[T]:
        """As `pages`, for an answer that is no list but an object with one in it."""
        url: str | None = self.api_url + path
        while url is not None:
            answer = self._request("GET", url)
            yield decoded(answer, shape, path)
            url = answer.links.get("next", {}).get("url")

    def graphql(
        self, document: str, variables: Any, shape: type[T], *, may_miss: bool = False
    ) -> T:
        raw = self.graphql_raw(document, variables, may_miss=may_miss)
        try:
            return msgspec.json.decode(raw, type=shape)
        except msgspec.ValidationError as error:
            raise GitHubTrouble(
                Trouble.PARTIAL, f"GitHub's GraphQL answer has another shape: {error}"
            ) from error

    def graphql_raw(self, document: str, variables: Any, *, may_miss: bool) -> msgspec.Raw:
        """HTTP 200 is not success: any error but a tolerated NOT_FOUND raises (A2)."""
        body = msgspec.json.encode({"query": document, "variables": variables})
        query = routes.of_query(document)

        def ask() -> msgspec.Raw:
            answer = self._once("POST", self.graphql_url, body, kind=query)
            return self._whole(answer, may_miss=may_miss, query=query)

        return self._patiently(ask)

    def _whole(self, answer: Response, *, may_miss: bool, query: str) -> msgspec.Raw:
        envelope = decoded(answer, Envelope, "graphql")
        refused: list[tuple[Trouble, GraphQLError]] = []
        for error in envelope.errors:
            kind = failures.of_graphql(error.type, error.message)
            if not (may_miss and may_be_missing(error.path, kind)):
                refused.append((kind, error))
        if refused:
            # What is about everybody, or about the whole answer, is not hidden behind a part.
            kind, error = min(
                refused, key=lambda one: (one[0] not in failures.EVERYBODYS, bool(one[1].path))
            )
            paths = tuple(each.path for its, each in refused if its is kind) if error.path else ()
            raise self._trouble(kind, f"GraphQL: {error.message[:300]}", answer, paths)
        self._note_points(envelope.data, answer, query)
        return envelope.data

    def _note_points(self, data: msgspec.Raw, answer: Response, kind: str) -> None:
        """GraphQL counts points of its own, and tells them in the answer itself (A4)."""
        if self.limits is None:
            return
        try:
            told = msgspec.json.decode(data, type=gh_answers.Standing | None)
        except msgspec.MsgspecError:
            return  # what is wrong with the answer is told by who asked
        if told is not None and told.rate_limit is not None:
            points = told.rate_limit
            reset = int(points.reset_at.timestamp())
            self.limits.asked(kind, requests=0, points=points.cost)
            self.limits.told(points.limit, points.remaining, reset, lower(answer))

    def shrinking(self, ask: Callable[[int], T]) -> T:
        """Ask with a smaller page after a time-out, and remember the size that worked (A2)."""
        first = size = self._page_size()
        while True:
            try:
                answer = ask(size)
            except GitHubTrouble as trouble:
                smaller = [s for s in PAGE_SIZES if s < size]
                if trouble.trouble is not Trouble.SERVER or not smaller:
                    raise
                size = smaller[0]
                continue
            if size != first:
                files.write_cache(self.page_file, str(size).encode())
            return answer

    def _page_size(self) -> int:
        """The size that worked last; after a day a larger one is tried again."""
        try:
            known = int(self.page_file.read_text())
            age = self.clock.now().timestamp() - self.page_file.stat().st_mtime
        except (OSError, ValueError):
            return PAGE_SIZES[0]
        return known if known in PAGE_SIZES and age < DAY_SECONDS else PAGE_SIZES[0]

    def _request(
        self, method: str, url: str, body: bytes | None = None, *, follow: bool = True
    ) -> Response:
        """One answer below 400, or a GitHubTrouble."""
        return self._patiently(lambda: self._once(method, url, body, follow=follow))

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What `ask` gives; server and network trouble is asked again after a moment (A1)."""
        waits = list(WAITS_SECONDS)
        while True:
            try:
                return ask()
            except GitHubTrouble as trouble:
                if trouble.trouble not in failures.ASKING_AGAIN_MAY_HELP or not waits:
                    raise
                self.clock.sleep(waits.pop(0))

    def _once(
        self, method: str, url: str, body: bytes | None, *, follow: bool = True, kind: str = ""
    ) -> Response:
        from requests import RequestException

        where = url.removeprefix(self.api_url).partition("?")[0]
        if self.limits is not None:
            self.limits.before_read()
            self.limits.asked(kind or routes.of_rest(method, where), points=0 if kind else 1)
        token = self._key.reveal()
        try:
            answer = self._sent(method, url, body, token, follow=follow)
            if answer.status_code == 401 and self._key.renew(token):
                answer = self._sent(method, url, body, self._key.reveal(), follow=follow)
        except RequestException as error:
            raise GitHubTrouble(
                Trouble.NETWORK, f"GitHub did not answer ({where}): {type(error).__name__}"
            ) from error
        if answer.status_code < 400:
            if self.limits is not None:
                self.limits.answered(lower(answer))
            return answer
        message = message_of(answer)
        kind = failures.of_status(answer.status_code, lower(answer), message)
        said = f"GitHub answered {answer.status_code} to {where}: {message}"
        said += failures.remedy(lower(answer), message)
        raise self._trouble(kind, said, answer)

    def _sent(
        self, method: str, url: str, body: bytes | None, token: str, *, follow: bool
    ) -> Response:
        from requests import PreparedRequest

        self.requests_made += 1
        asked = PreparedRequest()
        headers = {**self.session.headers, "Authorization": f"Bearer {token}"}
        # A text that GitHub keeps elsewhere is told by an address that opens by itself: no cache.
        lasting = method == "GET" and follow
        known = self._etags.known(url) if lasting else None
        if known is not None:
            headers["If-None-Match"] = known.etag
        asked.prepare(method, url, headers=headers, data=body, cookies={})
        answer = self.session.send(asked, timeout=TIMEOUT_SECONDS, allow_redirects=follow)
        self.headers = lower(answer)
        if known is not None and answer.status_code == 304:
            answer._content, answer.status_code = known.body, 200
            answer.headers["Link"] = known.link
        elif lasting and answer.status_code == 200:
            etag, link = answer.headers.get("ETag", ""), answer.headers.get("Link", "")
            # What holds a secret is written nowhere, and who only looks writes nothing.
            if etag and (self._may_keep is None or self._may_keep(answer.text)):
                self._etags.keep(url, Kept(etag=etag, link=link, body=answer.content))
        return answer

    def _trouble(
        self, kind: Trouble, said: str, answer: Response, paths: Paths = ()
    ) -> GitHubTrouble:
        trouble = GitHubTrouble(kind, said, status=answer.status_code, paths=paths)
        return self.limits.heard(trouble, lower(answer)) if self.limits else trouble


def may_be_missing(path: Sequence[str | int], kind: Trouble) -> bool:
    """Whether an answer may lack what stands at `path`: something whole that is gone.

    Of a list of nodes each may be gone or closed to us; a part of one never is: checks that may
    not be read would look like no checks (M4).
    """
    unseen = kind in {Trouble.NOT_FOUND, Trouble.PERMISSION}
    if path[:1] in {("nodes",), ("questions",), ("states",)}:
        return len(path) == 2 and unseen
    at = path.index("content") if "content" in path else 0
    if at and tuple(path[at - 3 : at - 1]) == ("items", "nodes"):
        return unseen  # a card shows nothing of an issue that we may not see
    return kind is Trouble.NOT_FOUND and len(path) >= 1


def lower(answer: Response) -> dict[str, str]:
    """The headers, by names in lower case."""
    return {name.lower(): value for name, value in answer.headers.items()}


def decoded(answer: Response, shape: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise GitHubTrouble(
            Trouble.PARTIAL, f"GitHub's answer to {where.partition('?')[0]} is not usable: {error}"
        ) from error


def message_of(answer: Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=gh_rest.MessageRest).message[:300]
    except (msgspec.ValidationError, msgspec.DecodeError):
        return answer.reason or "no message"
