"""Accounts and the entry points of a query."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from orchestrator.forge import accounts, ids, issues, moments, records
from orchestrator.forge.queries import boards, found
from orchestrator.forge.queries.ask import (
    Args,
    Ask,
    Fields,
    Page,
    Problem,
    attribute,
    connection,
    constant,
    ordered,
)
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


def resource(root: Any, ask: Ask, args: Args) -> Any:
    """What a page is about: an account, a repository, an issue or a pull request."""
    parts = urlsplit(args["url"]).path.strip("/").split("/")
    try:
        if len(parts) == 1:
            return accounts.find_user(ask.state, parts[0])
        repo = accounts.readable(ask.state, ask.viewer, parts[0], parts[1].removesuffix(".git"))
        if len(parts) == 2:
            return repo
        if len(parts) == 4 and parts[2] in ("issues", "pull") and parts[3].isdecimal():
            return issues.by_number(ask.state, repo, int(parts[3]))
    except Refused:
        pass
    return None


def repositories(row: records.User, ask: Ask, args: Args) -> Page:
    """Those of an account that the viewer may see."""
    ways = args.get("ownerAffiliations") or ("OWNER", "COLLABORATOR")
    rows = accounts.repositories(ask.state, row, ways)
    if args.get("affiliations"):
        mine = accounts.repositories(
            ask.state, accounts.signed_in(ask.viewer), args["affiliations"]
        )
        rows = [repo for repo in rows if repo in mine]
    for name in ("privacy", "visibility"):
        if args.get(name):
            rows = [repo for repo in rows if repo.private == (args[name] == "PRIVATE")]
    for name, column in (("isArchived", "archived"), ("hasIssuesEnabled", "has_issues")):
        if args.get(name) is not None:
            rows = [repo for repo in rows if getattr(repo, column) == args[name]]
    if args.get("isFork") or args.get("isLocked"):
        rows = []
    rows = [repo for repo in rows if ask.sees(repo)]
    rows = ordered(rows, args.get("orderBy"), boards.REPOSITORY_ORDER)
    return connection("repositories", rows, args)


def one_repository(row: records.User, ask: Ask, args: Args) -> records.Repo | None:
    found_repo = accounts.find_repo(ask.state, row.login, args["name"])
    return found_repo if found_repo and ask.sees(found_repo) else None


def organizations(row: records.User, ask: Ask, args: Args) -> Page:
    rows = accounts.organizations(ask.state, row)
    columns = {"LOGIN": "login", "CREATED_AT": "created_at"}
    return connection("organizations", ordered(rows, args.get("orderBy"), columns), args)


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
    "repositories": repositories,
    "repository": one_repository,
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
        "resource": resource,
    },
    "RateLimit": RATE,
    "User": ACCOUNT | {
        "email": lambda row, ask, args: row.email or "",
        "organizations": organizations,
    },
    "Organization": ACCOUNT | {"description": constant(None)},
    # As an actor an app bears its name without the brackets; `viewer` has them, as REST has.
    "Bot": ACCOUNT | {"login": lambda row, ask, args: row.login.removesuffix("[bot]")},
    # The forge has no teams, no milestones and no cards of old: these are never told.
    "Team": {name: attribute(name) for name in ("id", "name", "slug", "organization")},
    "Milestone": {
        name: attribute(name)
        for name in ("id", "title", "number", "description", "dueOn", "url", "state")
    },
    "ProjectCard": {name: attribute(name) for name in ("id", "project", "column")},
    "Project": {name: attribute(name) for name in ("id", "name")},
    "ProjectColumn": {name: attribute(name) for name in ("id", "name")},
}
