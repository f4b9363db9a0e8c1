r"""A forge on a bad day: chosen requests are refused, answered wrongly, cut off or overtaken.

    bad = hostile.between(office.github)
    bad.on("PUT", r"/pulls/\d+/merge", hostile.applied_then(500))
    bad.on("POST", "/graphql", hostile.answers(502), times=3)
    bad.on("PUT", r"/merge$", hostile.overtaken_by(lambda: push_something()))
"""

from __future__ import annotations

import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.support import forge

Environ = dict[str, Any]
App = Callable[..., Iterable[bytes]]
# What stands between a request and its answer; it may pass the request on, or not.
Fault = Callable[[App, Environ, Callable[..., Any]], Iterable[bytes]]
PAGE = b"<html><body>Unicorn!</body></html>"


@dataclass
class Rule:
    method: str
    path: re.Pattern[str]
    fault: Fault
    left: int


class Hostile:
    """A WSGI callable in front of another; `seen` are the requests in their order.

    A rule's path is searched in the path, and in the path with its query.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.rules: list[Rule] = []
        self.seen: list[tuple[str, str]] = []
        self.lock = threading.Lock()

    def on(self, method: str, path: str, fault: Fault, *, times: int = 1) -> None:
        """The next `times` requests of this method whose path matches meet the fault."""
        self.rules.append(Rule(method, re.compile(path), fault, times))

    def calm(self) -> None:
        self.rules.clear()

    def count(self, method: str, path: str) -> int:
        return sum(m == method and bool(re.search(path, p)) for m, p in self.seen)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self.lock:
            self.seen.append((method, path))
            whole = f"{path}?{environ.get('QUERY_STRING', '')}"
            fits = (
                rule
                for rule in self.rules
                if rule.left
                and rule.method == method
                and (rule.path.search(path) or rule.path.search(whole))
            )
            rule = next(fits, None)
            if rule is not None:
                rule.left -= 1
        if rule is None:
            return self.app(environ, start_response)
        return rule.fault(self.app, environ, start_response)


def between(github: forge.Github) -> Hostile:
    """Stand in front of a served forge; what is asked of it from now on passes here."""
    made = Hostile(github.app)
    github.front = made
    return made


def answers(status: int, message: str = "", *, headers: tuple[tuple[str, str], ...] = ()) -> Fault:
    """Refuse without passing it on: GitHub's JSON with a message, else the page of a gateway."""

    def fault(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        swallow(environ)
        return told(start_response, status, message, headers)

    return fault


def applied_then(status: int) -> Fault:
    """Do what is asked, and answer as if it had failed."""

    def fault(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        b"".join(app(environ, lambda *_: None))
        return told(start_response, status, "", ())

    return fault


def applied_then_cut(app: App, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Do what is asked, and break the connection before a word of the answer."""
    b"".join(app(environ, lambda *_: None))
    return cut(app, environ, start_response)


def cut(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Break the connection without doing anything."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    start_response("500 Cut", [("Content-Length", "0")])
    return [b""]


def rewritten(change: Callable[[bytes], bytes]) -> Fault:
    """Do what is asked, and give another answer than the true one."""

    def fault(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        began: list[Any] = []
        body = change(b"".join(app(environ, lambda *told: began.append(told))))
        status, headers = began[0][:2]
        # A mark of the true answer is none of this one.
        kept = [pair for pair in headers if pair[0].lower() not in {"content-length", "etag"}]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    return fault


def with_holes(spoil: Callable[[Any, Any], list[dict[str, Any]]], *operations: str) -> Fault:
    """Answer GraphQL queries of these names but for a part, as GitHub does: null and an error.

    `spoil` is given what was asked and the data, takes out the part and gives the errors.
    """

    def fault(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(raw)

        def change(body: bytes) -> bytes:
            told = json.loads(body)
            errors = spoil(json.loads(raw), told["data"])
            return json.dumps({**told, **({"errors": errors} if errors else {})}).encode()

        asked = any(f"query {name}".encode() in raw for name in operations)
        return (rewritten(change) if asked else passed_on)(app, environ, start_response)

    return fault


def passed_on(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    return app(environ, start_response)


def hole(path: list[str | int], message: str, kind: str = "") -> dict[str, Any]:
    """One entry of GraphQL's `errors`; GitHub's time-outs have no type."""
    return {**({"type": kind} if kind else {}), "path": path, "message": message}


def overtaken_by(deed: Callable[[], Any]) -> Fault:
    """Somebody does something in the last moment; then the request goes its way."""

    def fault(app: App, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        deed()
        return app(environ, start_response)

    return fault


def swallow(environ: Environ) -> None:
    """Read the body, so that the connection can serve the next request."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        environ["wsgi.input"].read(int(length))


def told(
    start_response: Callable[..., Any], status: int, message: str,
    headers: tuple[tuple[str, str], ...],
) -> Iterable[bytes]:  # fmt: skip
    body = b'{"message": "%s"}' % message.encode() if message else PAGE
    kind = "application/json" if message else "text/html"
    start_response(
        f"{status} Fault",
        [("Content-Type", kind), ("Content-Length", str(len(body))), *headers],
    )
    return [body]
