"""git over HTTP: who may fetch and push, and what a push leaves behind in the store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

from orchestrator.forge import accounts, host, protection, pushes, records
from orchestrator.forge.state import Refused, State

PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?"
    r"(?P<rest>/info/refs|/git-upload-pack|/git-receive-pack)"
)
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
        if not accounts.allows(state, repo, viewer.user, level) or (push and repo.archived):
            text = f"Permission to {repo.full_name}.git denied to {viewer.login}.\n"
            return plain("403 Forbidden", text)
        refused = ""
        if push and viewer.user:
            refused = protection.refused_pushes(state, repo, viewer.user)
    # The transfer itself holds no lock: a slow push must not stop everybody else.
    response = host.backend(body_of(environ), length_of(environ), variables(
        state, repo, environ, match["rest"], viewer.login, refused
    ))
    body: Iterable[bytes] = response.body
    if push and viewer.user and match["rest"] == "/git-receive-pack":
        body = [b"".join(response.body)]
        with state.lock, state.store.transaction():
            pushes.record(state, state.store.need(records.Repo, repo.id), viewer.user)
    return Reply(response.status, response.headers, body)


def body_of(environ: dict[str, Any]) -> IO[bytes]:
    stream: IO[bytes] = environ["wsgi.input"]
    return stream


def length_of(environ: dict[str, Any]) -> int | None:
    """How much to read; a chunked body ends by itself and has no length."""
    if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
        return None
    return int(environ.get("CONTENT_LENGTH") or 0)


def variables(
    state: State, repo: records.Repo, environ: dict[str, Any], rest: str, login: str,
    refused: str,
) -> dict[str, str]:
    told = {
        "GIT_PROJECT_ROOT": str((state.data / "git").resolve()),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo.owner}/{repo.name}.git{rest}",
        "REQUEST_METHOD": environ["REQUEST_METHOD"],
        "QUERY_STRING": environ.get("QUERY_STRING", ""),
        "CONTENT_TYPE": environ.get("CONTENT_TYPE", ""),
        "REMOTE_USER": login,
        "REMOTE_ADDR": environ.get("REMOTE_ADDR", "127.0.0.1"),
        "FORGE_REFUSED": refused,
    }
    for name in ("HTTP_CONTENT_ENCODING", "HTTP_GIT_PROTOCOL"):
        if environ.get(name):
            told[name] = environ[name]
    if "HTTP_GIT_PROTOCOL" in told:
        told["GIT_PROTOCOL"] = told["HTTP_GIT_PROTOCOL"]
    return told

