"""Accounts, organizations, and the repositories of each over REST."""

from __future__ import annotations

from orchestrator.forge import accounts, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import people
from orchestrator.forge.state import invalid, not_found
from orchestrator.forge.web import Answer, Call, get, listing, paged

WAYS = {
    "owner": "OWNER", "collaborator": "COLLABORATOR", "organization_member": "ORGANIZATION_MEMBER",
}
SORTS = {"created": "created_at", "updated": "updated_at", "pushed": "pushed_at",
         "full_name": "full_name"}


def public(call: Call, row: records.User) -> Json:
    """An account as everybody sees it."""
    repos = call.state.store.count(records.Repo, "owner_id = ? and private = 0", row.id)
    return people.user(call, row) | {
        "name": row.name, "company": None, "blog": "", "location": None, "email": None,
        "hireable": None, "bio": None, "twitter_username": None, "public_repos": repos,
        "public_gists": 0, "followers": 0, "following": 0, "created_at": row.created_at,
        "updated_at": row.created_at,
    }


def named(call: Call, name: str, kind: str = "") -> records.User:
    row = accounts.find_user(call.state, call.params[name])
    if row is None or kind not in ("", row.kind):
        raise not_found()
    return row


def show_user(call: Call) -> Answer:
    return Answer(public(call, named(call, "username")))


def show_organization(call: Call) -> Answer:
    row = named(call, "org", "Organization")
    shown = public(call, row)
    facts = ("html_url", "type", "created_at", "updated_at", "public_repos", "public_gists",
             "followers", "following")
    return Answer(people.organization(call, row) | {name: shown[name] for name in facts} | {
        "has_organization_projects": True, "has_repository_projects": True, "archived_at": None,
    })


def list_organizations(call: Call) -> Answer:
    rows = accounts.organizations(call.state, accounts.signed_in(call.viewer))
    return paged(call, rows, lambda row: people.organization(call, row))


def shown(call: Call, rows: list[records.Repo], usual: str) -> Answer:
    """Those that the viewer may see, sorted as asked; the full name alone goes upwards."""
    rows = [repo for repo in rows if accounts.allows(call.state, repo, call.viewer.user, "read")]
    key = call.choice("sort", usual, *SORTS)
    way = call.choice("direction", "asc" if key == "full_name" else "desc", "asc", "desc")
    rows.sort(key=lambda repo: (getattr(repo, SORTS[key]).lower(), repo.id), reverse=way == "desc")
    return paged(call, rows, lambda repo: people.repository(call, repo))


def list_own(call: Call) -> Answer:
    viewer = accounts.signed_in(call.viewer)
    told = call.query.get("affiliation") or ",".join(WAYS)
    ways = [way.strip() for way in told.split(",")]
    if not set(ways) <= set(WAYS):
        raise invalid("Repository", "affiliation")
    rows = accounts.repositories(call.state, viewer, [WAYS[way] for way in ways])
    kind = call.choice("type", "all", "all", "owner", "public", "private", "member")
    seen = call.choice("visibility", "all", "all", "public", "private")
    if (kind != "all" and {"affiliation", "visibility"} & set(call.query)):
        raise invalid("Repository", "type")
    if kind in ("owner", "member"):
        rows = [repo for repo in rows if (repo.owner_id == viewer.id) == (kind == "owner")]
    for word in (kind, seen):
        if word in ("public", "private"):
            rows = [repo for repo in rows if repo.private == (word == "private")]
    return shown(call, rows, "full_name")


def list_of_user(call: Call) -> Answer:
    row = named(call, "username")
    kind = call.choice("type", "owner", "all", "owner", "member")
    ways = {"owner": ["OWNER"], "member": ["COLLABORATOR"], "all": ["OWNER", "COLLABORATOR"]}
    rows = accounts.repositories(call.state, row, ways[kind])
    # GitHub tells of others' accounts what is public, whoever asks.
    return shown(call, [repo for repo in rows if not repo.private], "full_name")


def list_of_organization(call: Call) -> Answer:
    row = named(call, "org", "Organization")
    kind = call.choice("type", "all", "all", "public", "private", "forks", "sources", "member")
    rows = [] if kind == "forks" else accounts.repositories(call.state, row, ["OWNER"])
    if kind in ("public", "private"):
        rows = [repo for repo in rows if repo.private == (kind == "private")]
    return shown(call, rows, "created")


ROUTES = (
    listing("/user/repos", list_own, "affiliation", "type", "visibility", "sort", "direction"),
    listing("/user/orgs", list_organizations),
    get("/users/{username}", show_user),
    listing("/users/{username}/repos", list_of_user, "type", "sort", "direction"),
    get("/orgs/{org}", show_organization),
    listing("/orgs/{org}/repos", list_of_organization, "type", "sort", "direction"),
)
