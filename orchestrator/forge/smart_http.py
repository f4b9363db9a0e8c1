"""git over HTTP: who may fetch and push, and what a push leaves behind in the store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl

from orchestrator.forge import accounts, host, protection, pushes, records
from orchestrator.forge.state import Refused, State

PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?"
    r"(?P<rest>/info/refs|/git-upload-pack|/git-receive-pack)"
)
SERVICES = ("git-upload-pack", "git-receive-pack")
CHALLENGE = ("WWW-Authenticate", 'Basic realm="GitHub"')


class Reply(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


def matches(path: str) -> re.Match[str] | None:
    return PATH.fullmatch(path)


def plain(status: str, text: str, *headers: tuple[str, str]) -> Reply:
    return Reply(status, [("Content-Type", "text/plain"), *headers], [text.encode()])


def serve(state: State, match: re.Match[str], environ: dict[str, Any]) -> Reply:
    push = "git-receive-pack" in (match["rest"] + environ.get("QUERY_STRING", ""))
    with state.lock:
        try:
            viewer = accounts.identify(state, environ.get("HTTP_AUTHORIZATION", ""))
        except Refused:
            return plain("401 Unauthorized", "Invalid username or token.\n", CHALLENGE)
        repo = accounts.find_repo(state, match["owner"], match["name"])
        level = "write" if push else "read"
        known = repo is not None and accounts.allows(state, repo, viewer.user, "read")
        if viewer.user is None and (push or not known):
            return plain("401 Unauthorized", "Authentication required.\n", CHALLENGE)
        if repo is None or not known:
            return plain("404 Not Found", "Repository not found.\n")
        if push and repo.archived:
            return plain("403 Forbidden", "This repository was archived so it is read-only.\n")
        if not accounts.allows(state, repo, viewer.user, level):
            text = f"Permission to {repo.full_name}.git denied to {viewer.login}.\n"
            return plain("403 Forbidden", text)
        refused = ""
        if push and viewer.user:
            refused = protection.refused_pushes(state, repo, viewer.user)
    service = match["rest"].removeprefix("/")
    told = environ.get("HTTP_GIT_PROTOCOL", "")
    if service == "info/refs":
        service = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("service", "")
        if service not in SERVICES:
            return plain("403 Forbidden", "Please upgrade your git client.\n")
        offered = host.serving(state.path(repo), service, told).advertised()
        return Reply("200 OK", headers_for(service, "advertisement"), [offered])
    # The transfer itself holds no lock: a slow push must not stop everybody else.
    gzipped = environ.get("HTTP_CONTENT_ENCODING", "") in ("gzip", "x-gzip")
    body: Iterable[bytes] = host.serving(state.path(repo), service, told, refused).answered(
        body_of(environ), length_of(environ), gzipped=gzipped
    )
    if push and viewer.user:
        body = [b"".join(body)]
        with state.lock, state.store.transaction():
            pushes.record(state, state.store.need(records.Repo, repo.id), viewer.user)
    return Reply("200 OK", headers_for(service, "result"), body)


def headers_for(service: str, what: str) -> list[tuple[str, str]]:
    return [
        ("Expires", "Fri, 01 Jan 1980 00:00:00 GMT"), ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache, max-age=0, must-revalidate"),
        ("Content-Type", f"application/x-{service}-{what}"),
    ]


def body_of(environ: dict[str, Any]) -> IO[bytes]:
    stream: IO[bytes] = environ["wsgi.input"]
    return stream


def length_of(environ: dict[str, Any]) -> int | None:
    """How much to read; a chunked body ends by itself and has no length."""
    if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
        return None
    return int(environ.get("CONTENT_LENGTH") or 0)
