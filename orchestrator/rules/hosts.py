"""Where a GitHub's other doors are, worked out from the address of its API."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ENTERPRISE = "/api/v3"


def doors(api: str) -> tuple[str, str]:
    """The GraphQL address, and the base of its pages and clones."""
    api = api.rstrip("/")
    host = urlsplit(api).hostname or ""
    if host == "api.github.com":
        return f"{api}/graphql", "https://github.com"
    if host.startswith("api.") and host.endswith(".ghe.com"):
        return f"{api}/graphql", f"https://{host.removeprefix('api.')}"
    if api.endswith(ENTERPRISE):
        web = api.removesuffix(ENTERPRISE)
        return f"{web}/api/graphql", web
    return f"{api}/graphql", api


def is_here(url: str) -> bool:
    """Whether it is served by this machine: a forge, which has no limits against abuse."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def trouble(url: str) -> str | None:
    """Why a token must not be sent there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no address"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "must be an address such as https://github.example.com/api/v3"
    if parts.username or parts.password:
        return "must not hold a name or password"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return "must be https: a token would travel in the clear"
    return None
