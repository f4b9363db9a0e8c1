"""How accounts, repositories and labels look in JSON, and the routes about them."""

from __future__ import annotations

from orchestrator.forge import accounts, ids, issues, records
from orchestrator.forge.records import Json
from orchestrator.forge.state import Refused, not_found
from orchestrator.forge.web import Answer, Call, Route, get, listing, optional, paged, words

USER_LINKS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}", "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions", "organizations_url": "/orgs", "repos_url": "/repos",
    "events_url": "/events{/privacy}", "received_events_url": "/received_events",
}
REPO_LINKS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}", "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors",
    "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
    "forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", 
    "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}",
    "languages_url": "/languages", "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers",
    "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
DIRECTORY = {
    "current_user": "/user", "current_user_authorizations_html": "/settings/connections",
    "authorizations": "/authorizations", "code_search": "/search/code{?query}",
    "commit_search": "/search/commits{?q}", "emails": "/user/emails", "emojis": "/emojis",
    "events": "/events", "feeds": "/feeds", "followers": "/user/followers",
    "following": "/user/following{/target}", "gists": "/gists{/gist_id}", "hub": "/hub",
    "issue_search": "/search/issues{?query}", "issues": "/issues", "keys": "/user/keys",
    "label_search": "/search/labels{?q}", "notifications": "/notifications",
    "organization": "/orgs/{org}", "organization_repositories": "/orgs/{org}/repos",
    "organization_teams": "/orgs/{org}/teams", "public_gists": "/gists/public",
    "rate_limit": "/rate_limit", "repository": "/repos/{owner}/{repo}",
    "repository_search": "/search/repositories{?query}",
    "current_user_repositories": "/user/repos", "starred": "/user/starred{/owner}{/repo}",
    "starred_gists": "/gists/starred", "user": "/users/{user}",
    "user_organizations": "/user/orgs", "user_repositories": "/users/{user}/repos",
    "user_search": "/search/users{?query}",
}
COUNTS = (
    "forks_count", "forks", "stargazers_count", "watchers_count", "watchers", "size",
    "network_count", "subscribers_count",
)


def user(call: Call, row: records.User) -> Json:
    api = call.url(f"/users/{row.login}")
    return {
        "login": row.login, "id": row.id, "node_id": ids.of_user(row),
        "avatar_url": call.site(f"/avatars/u/{row.id}"), "gravatar_id": "", "url": api,
        "html_url": call.site(f"/{row.login}"), "type": row.kind, "site_admin": False,
        **{name: api + path for name, path in USER_LINKS.items()},
    }


def by_id(call: Call, identity: int | None) -> Json | None:
    row = call.state.store.get(records.User, identity)
    return user(call, row) if row else None


def permissions(call: Call, repo: records.Repo) -> dict[str, bool]:
    return {
        name: accounts.allows(call.state, repo, call.viewer.user, level)
        for name, level in (
            ("admin", "admin"), ("maintain", "maintain"), ("push", "write"),
            ("triage", "triage"), ("pull", "read"),
        )
    }


def repository(call: Call, repo: records.Repo) -> Json:
    api, page = call.url(f"/repos/{repo.full_name}"), call.site(f"/{repo.full_name}")
    opened = call.state.store.count(records.Issue, "repo_id = ? and state = 'open'", repo.id)
    return {
        "id": repo.id, "node_id": ids.make("Repository", repo.id), "name": repo.name,
        "full_name": repo.full_name, "owner": by_id(call, repo.owner_id),
        "private": repo.private, "visibility": "private" if repo.private else "public",
        "html_url": page, "url": api, "description": repo.description, "fork": False,
        "homepage": None, "language": None, "license": None, "mirror_url": None,
        "default_branch": repo.default_branch, "archived": repo.archived, "disabled": False,
        "created_at": repo.created_at, "updated_at": repo.updated_at,
        "pushed_at": repo.pushed_at, "clone_url": f"{page}.git", "git_url": f"{page}.git",
        "ssh_url": f"git@{call.site('').partition('//')[2]}:{repo.full_name}.git", "svn_url": page,
        "has_issues": repo.has_issues, "has_projects": True, "has_wiki": False,
        "has_pages": False, "has_downloads": True, "has_discussions": False,
        "is_template": False, "topics": [], "open_issues_count": opened, "open_issues": opened,
        "permissions": permissions(call, repo), "allow_merge_commit": repo.allow_merge,
        "allow_squash_merge": repo.allow_squash, "allow_rebase_merge": repo.allow_rebase,
        "allow_auto_merge": False, "allow_update_branch": False, "allow_forking": True,
        "delete_branch_on_merge": repo.delete_branch_on_merge, "web_commit_signoff_required": False,
        **dict.fromkeys(COUNTS, 0),
        **{name: api + path for name, path in REPO_LINKS.items()},
    }


def label(call: Call, repo: records.Repo, row: records.Label) -> Json:
    return {
        "id": row.id, "node_id": ids.make("Label", row.id), "name": row.name,
        "url": call.url(f"/repos/{repo.full_name}/labels/{row.name}"), "color": row.color,
        "default": False, "description": row.description,
    }


def show_root(call: Call) -> Answer:
    return Answer({f"{name}_url": call.url(path) for name, path in DIRECTORY.items()})


def show_user(call: Call) -> Answer:
    row = accounts.signed_in(call.viewer)
    if row.kind == "Bot" and call.viewer.secret.startswith("ghs_"):
        raise Refused(403, "Resource not accessible by integration", kind="FORBIDDEN")
    repos = call.state.store.count(records.Repo, "owner_id = ? and private = 0", row.id)
    more: Json = {
        "name": row.name, "company": None, "blog": "", "location": None, "email": row.email,
        "hireable": None, "bio": None, "twitter_username": None, "public_repos": repos,
        "public_gists": 0, "followers": 0, "following": 0, "created_at": row.created_at,
        "updated_at": row.created_at, "private_gists": 0, "total_private_repos": 0,
        "owned_private_repos": 0, "disk_usage": 0, "collaborators": 0,
        "two_factor_authentication": True,
    }
    return Answer(user(call, row) | more)


def organization(call: Call, row: records.User) -> Json:
    api = call.url(f"/orgs/{row.login}")
    links = ("repos", "events", "hooks", "issues")
    return {
        "login": row.login, "id": row.id, "node_id": ids.of_user(row), "url": api,
        **{f"{name}_url": f"{api}/{name}" for name in links},
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": call.site(f"/avatars/u/{row.id}"), "description": None,
    }


def show_repository(call: Call) -> Answer:
    return Answer(repository(call, call.repo()))


def edit_repository(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo, "admin")
    columns = {
        "description": "description", "default_branch": "default_branch", "private": "private",
        "allow_merge_commit": "allow_merge", "allow_squash_merge": "allow_squash",
        "allow_rebase_merge": "allow_rebase", "delete_branch_on_merge": "delete_branch_on_merge",
        "archived": "archived", "has_issues": "has_issues",
    }
    told = {columns[k]: v for k, v in call.fields("name", *columns).items() if k in columns}
    changed = call.state.store.change(repo, updated_at=call.state.now(), **told)
    return Answer(repository(call, changed))


def show_permission(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    person = accounts.find_user(call.state, call.params["username"])
    if person is None:
        raise not_found()
    level = accounts.permission(call.state, repo, person)
    coarse = {"maintain": "write", "triage": "read"}.get(level, level)
    shown = user(call, person) | {"role_name": level, "permissions": permissions(call, repo)}
    return Answer({"permission": coarse, "role_name": level, "user": shown})


def list_labels(call: Call) -> Answer:
    repo = call.repo()
    rows = call.state.store.select(records.Label, "repo_id = ? order by id", repo.id)
    return paged(call, rows, lambda row: label(call, repo, row))


def named_label(call: Call, repo: records.Repo) -> records.Label:
    found = issues.find_label(call.state, repo, call.params["name"])
    if found is None:
        raise not_found()
    return found


def create_label(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    told = call.fields("name", "color", "description")
    name = words(told.get("name"), "Label", "name")
    if issues.find_label(call.state, repo, name):
        error: Json = {"resource": "Label", "code": "already_exists", "field": "name"}
        raise Refused(422, "Validation Failed", errors=[error])
    color = optional(told.get("color"), "Label", "color") or "ededed"
    description = optional(told.get("description"), "Label", "description")
    row = issues.make_label(call.state, repo, name, color, description)
    return Answer(label(call, repo, row), 201)


def show_label(call: Call) -> Answer:
    repo = call.repo()
    return Answer(label(call, repo, named_label(call, repo)))


def edit_label(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    row = named_label(call, repo)
    told = call.fields("new_name", "color", "description")
    columns = {"new_name": "name", "color": "color", "description": "description"}
    fields = {columns[k]: optional(v, "Label", k) for k, v in told.items() if v is not None}
    changed = call.state.store.change(row, **fields) if fields else row
    return Answer(label(call, repo, changed))


def delete_label(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    row = named_label(call, repo)
    for link in call.state.store.select(records.IssueLabel, "label_id = ?", row.id):
        call.state.store.delete(link)
    call.state.store.delete(row)
    return Answer(status=204)


REPO = "/repos/{owner}/{repo}"
ROUTES = (
    get("/", show_root),
    get("/user", show_user),
    get(REPO, show_repository),
    Route("PATCH", REPO, edit_repository),
    get(REPO + "/collaborators/{username}/permission", show_permission),
    listing(REPO + "/labels", list_labels),
    Route("POST", REPO + "/labels", create_label),
    get(REPO + "/labels/{name}", show_label),
    Route("PATCH", REPO + "/labels/{name}", edit_label),
    Route("DELETE", REPO + "/labels/{name}", delete_label),
)
