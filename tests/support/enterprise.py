"""GitHub on a company's own server: REST below /api/v3, GraphQL at /api/graphql, git as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.forge import smart_http

REST = "/api/v3"
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def mounted(app: App) -> App:
    """The forge as such a server shows it; what lies elsewhere on that host is no API."""

    def front(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/api/graphql":
            return app(environ | {"PATH_INFO": "/graphql", "RAW_URI": "/graphql"}, start)
        if path.startswith(f"{REST}/"):
            raw = environ["RAW_URI"].replace(REST, "", 1)
            below = {"PATH_INFO": path.removeprefix(REST), "RAW_URI": raw, "SCRIPT_NAME": REST}
            return app(environ | below, start)
        if smart_http.matches(path):
            return app(environ, start)
        start("404 Not Found", [("Content-Type", "text/html")])
        return [b"<html>no such page</html>"]

    return front
