"""Accounts and the entry points of a query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orchestrator.forge import accounts, ids, moments, records
from orchestrator.forge.queries import boards, found
from orchestrator.forge.queries.ask import Args, Ask, Fields, Problem, attribute, constant
from orchestrator.forge.state import Refused


def account_url(row: records.User, ask: Ask, args: Args) -> str:
    return ask.url(f"/{row.login}")


def known(login: str, ask: Ask, *kinds: str) -> records.User:
    row = accounts.find_user(ask.state, login)
    if row is None or row.kind not in kinds:
        words = " or ".join(kinds)
        article = "an" if words[0] in "OU" and words != "User" else "a"
        raise Problem(
            "NOT_FOUND", f"Could not resolve to {article} {words} with the login of '{login}'."
        )
    return row


def repository(root: Any, ask: Ask, args: Args) -> records.Repo:
    try:
        return accounts.readable(ask.state, ask.viewer, args["owner"], args["name"])
    except Refused:
        name = f"{args['owner']}/{args['name']}"
        text = f"Could not resolve to a Repository with the name '{name}'."
        raise Problem("NOT_FOUND", text) from None


def node(root: Any, ask: Ask, args: Args) -> Any:
    return found.node(ask, args["id"])


def nodes(root: Any, ask: Ask, args: Args) -> list[Any]:
    """A row for each id; one that names nothing is an error of its own and null."""
    rows: list[Any] = []
    for identity in args["ids"]:
        try:
            rows.append(found.node(ask, identity))
        except Problem as problem:
            rows.append(problem)
    return rows


def rate_limit(root: Any, ask: Ask, args: Args) -> Ask:
    return ask


ACCOUNT: Fields = {
    "id": lambda row, ask, args: ids.of_user(row),
    "login": attribute("login"),
    "url": account_url,
    "databaseId": attribute("id"),
    "name": attribute("name"),
    "createdAt": attribute("created_at"),
    "projectV2": boards.owned_board,
    "projectsV2": boards.owned_boards,
}
RATE: Fields = {
    "cost": attribute("cost"),
    "limit": lambda ask, _, args: ask.quota.limit,
    "remaining": lambda ask, _, args: ask.quota.remaining,
    "used": lambda ask, _, args: ask.quota.used,
    "nodeCount": constant(0),
    "resetAt": lambda ask, _, args: moments.text(datetime.fromtimestamp(ask.quota.reset, UTC)),
}
FIELDS: dict[str, Fields] = {
    "Query": {
        "viewer": lambda root, ask, args: accounts.signed_in(ask.viewer),
        "rateLimit": rate_limit,
        "node": node,
        "nodes": nodes,
        "user": lambda root, ask, args: known(args["login"], ask, "User"),
        "organization": lambda root, ask, args: known(args["login"], ask, "Organization"),
        "repositoryOwner": lambda root, ask, args: accounts.find_user(ask.state, args["login"]),
        "repository": repository,
    },
    "RateLimit": RATE,
    "User": ACCOUNT | {"email": lambda row, ask, args: row.email or ""},
    "Organization": ACCOUNT,
    "Bot": ACCOUNT,
}
