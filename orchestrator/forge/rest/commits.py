"""Commits, branches, refs, files and comparisons over REST."""

from __future__ import annotations

import base64
import hashlib

from orchestrator.forge import accounts, host, ids, protection, pulls, pushes, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import people
from orchestrator.forge.state import Refused, State, not_found
from orchestrator.forge.web import Answer, Call, Route, get, listing, paged, words

HOME = "/repos/{owner}/{repo}"
LETTERS = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}
SHA_LENGTH = 40
UNSIGNED: Json = {
    "verified": False, "reason": "unsigned", "signature": None, "payload": None,
    "verified_at": None,
}


def resolve(state: State, repo: records.Repo, ref: str) -> str:
    """The commit that a branch, tag or SHA (also a short one) names."""
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"):
        found = state.store.first(
            records.Ref, "repo_id = ? and name = ?", repo.id, name
        )
        if found:
            return found.sha
    known = state.store.first(records.Commit, "repo_id = ? and sha = ?", repo.id, ref)
    if known:
        return known.sha
    sha = host.rev_parse(state.path(repo), f"{ref}^{{commit}}")
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {ref}")
    return sha


def need(call: Call, repo: records.Repo, sha: str) -> records.Commit:
    row = pushes.commit(call.state, repo, sha)
    if row is None:
        raise Refused(422, f"No commit found for SHA: {sha}")
    return row


def person(call: Call, email: str) -> Json | None:
    row = call.state.store.first(records.User, "email = ?", email)
    return people.user(call, row) if row else None


def commit(call: Call, repo: records.Repo, row: records.Commit) -> Json:
    api = call.url(f"/repos/{repo.full_name}/commits/{row.sha}")
    git = call.url(f"/repos/{repo.full_name}/git")
    return {
        "sha": row.sha, "node_id": ids.make("Commit", row.id), "url": api,
        "html_url": call.url(f"/{repo.full_name}/commit/{row.sha}"),
        "comments_url": f"{api}/comments",
        "commit": {
            "url": f"{git}/commits/{row.sha}", "message": row.message, "comment_count": 0,
            "author": {
                "name": row.author_name, "email": row.author_email, "date": row.author_date,
            },
            "committer": {
                "name": row.committer_name, "email": row.committer_email,
                "date": row.committer_date,
            },
            "tree": {"sha": row.tree, "url": f"{git}/trees/{row.tree}"},
            "verification": UNSIGNED,
        },
        "author": person(call, row.author_email), "committer": person(call, row.committer_email),
        "parents": [
            {"sha": sha, "url": call.url(f"/repos/{repo.full_name}/commits/{sha}"),
             "html_url": call.url(f"/{repo.full_name}/commit/{sha}")}
            for sha in row.parents.split()
        ],
    }


def changed_file(
    call: Call, repo: records.Repo, sha: str, change: tuple[str, str, int, int, str]
) -> Json:
    letter, path, added, removed, patch = change
    page = call.url(f"/{repo.full_name}")
    body: Json = {
        "sha": hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest(), "filename": path,
        "status": LETTERS.get(letter, "changed"), "additions": added, "deletions": removed,
        "changes": added + removed, "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": call.url(f"/repos/{repo.full_name}/contents/{path}?ref={sha}"),
    }
    return body | ({"patch": patch} if patch else {})


def show_commit(call: Call) -> Answer:
    repo = call.repo()
    row = need(call, repo, resolve(call.state, repo, call.params["ref"]))
    before = row.parents.split()[0] if row.parents else host.git(
        call.state.path(repo), "hash-object", "-t", "tree", "--stdin"
    ).strip()
    changes = host.changes(call.state.path(repo), before, row.sha) if row.parents else []
    files = [changed_file(call, repo, row.sha, change) for change in changes]
    added, removed = sum(f["additions"] for f in files), sum(f["deletions"] for f in files)
    stats = {"total": added + removed, "additions": added, "deletions": removed}
    return Answer(commit(call, repo, row) | {"files": files, "stats": stats})


def compare(call: Call) -> Answer:
    repo = call.repo()
    base_name, dots, head_name = call.params["basehead"].partition("...")
    if not dots:
        raise not_found()
    base, head = (resolve(call.state, repo, n.rpartition(":")[2]) for n in (base_name, head_name))
    git = call.state.path(repo)
    common = host.merge_base(git, base, head)
    if common is None:
        raise not_found(f"No common ancestor between {base_name} and {head_name}.")
    ahead = [
        pushes.commit_row(repo.id, row)
        for row in host.commits(git, "--reverse", "--topo-order", head, f"^{base}")
    ]
    behind = int(host.git(git, "rev-list", "--count", base, f"^{head}"))
    word = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    page = call.url(f"/{repo.full_name}/compare/{call.params['basehead']}")
    files = [changed_file(call, repo, head, c) for c in host.changes(git, common, head)]
    return Answer({
        "url": call.url(call.path), "html_url": page, "permalink_url": page,
        "diff_url": f"{page}.diff", "patch_url": f"{page}.patch",
        "base_commit": commit(call, repo, need(call, repo, base)),
        "merge_base_commit": commit(call, repo, need(call, repo, common)),
        "status": word.get((bool(ahead), bool(behind)), "diverged"), "ahead_by": len(ahead),
        "behind_by": behind, "total_commits": len(ahead),
        "commits": [commit(call, repo, need(call, repo, row.sha)) for row in ahead],
        "files": files,
    })


def branch_named(call: Call, repo: records.Repo) -> records.Ref:
    name = f"refs/heads/{call.params['branch']}"
    found = call.state.store.first(
        records.Ref, "repo_id = ? and name = ?", repo.id, name
    )
    if found is None:
        raise not_found("Branch not found")
    return found


def short_protection(call: Call, repo: records.Repo, branch: str) -> Json:
    rule = protection.of(call.state, repo, branch)
    contexts = protection.contexts(rule)
    level = "off"
    if contexts and rule:
        level = "everyone" if rule.enforce_admins else "non_admins"
    checks = [{"context": name, "app_id": None} for name in contexts]
    return {
        "enabled": rule is not None,
        "required_status_checks": {
            "enforcement_level": level, "contexts": contexts, "checks": checks,
        },
    }


def list_branches(call: Call) -> Answer:
    repo = call.repo()
    rows = call.state.store.select(
        records.Ref, "repo_id = ? and name like 'refs/heads/%' order by name", repo.id
    )
    if "protected" in call.query:
        wanted = call.query["protected"] == "true"
        rows = [
            r for r in rows
            if (protection.of(call.state, repo, r.name[11:]) is not None) == wanted
        ]

    def show(row: records.Ref) -> Json:
        name = row.name.removeprefix("refs/heads/")
        told = short_protection(call, repo, name)
        api = call.url(f"/repos/{repo.full_name}")
        return {
            "name": name, "commit": {"sha": row.sha, "url": f"{api}/commits/{row.sha}"},
            "protected": told["enabled"], "protection": told,
            "protection_url": f"{api}/branches/{name}/protection",
        }

    return paged(call, rows, show)


def show_branch(call: Call) -> Answer:
    repo = call.repo()
    row = branch_named(call, repo)
    name = call.params["branch"]
    told = short_protection(call, repo, name)
    api = call.url(f"/repos/{repo.full_name}/branches/{name}")
    return Answer({
        "name": name, "commit": commit(call, repo, need(call, repo, row.sha)),
        "_links": {"self": api, "html": call.url(f"/{repo.full_name}/tree/{name}")},
        "protected": told["enabled"], "protection": told, "protection_url": f"{api}/protection",
    })


def ref_json(call: Call, repo: records.Repo, row: records.Ref) -> Json:
    api = call.url(f"/repos/{repo.full_name}/git")
    return {
        "ref": row.name, "node_id": ids.make("Ref", row.id), "url": f"{api}/{row.name}",
        "object": {"sha": row.sha, "type": "commit", "url": f"{api}/commits/{row.sha}"},
    }


def find_ref(call: Call, repo: records.Repo, name: str) -> records.Ref | None:
    return call.state.store.first(
        records.Ref, "repo_id = ? and name = ?", repo.id, name
    )


def show_ref(call: Call) -> Answer:
    repo = call.repo()
    row = find_ref(call, repo, f"refs/{call.params['ref']}")
    if row is None:
        raise not_found()
    return Answer(ref_json(call, repo, row))


def list_refs(call: Call) -> Answer:
    repo = call.repo()
    prefix = f"refs/{call.params['ref']}"
    rows = call.state.store.select(records.Ref, "repo_id = ? order by name", repo.id)
    return Answer([ref_json(call, repo, row) for row in rows if row.name.startswith(prefix)])


def move(call: Call, repo: records.Repo, name: str, new: str, old: str) -> records.Ref | None:
    actor = call.writer(repo)
    if not host.update_ref(call.state.path(repo), name, new, old):
        raise Refused(422, "Reference cannot be updated")
    pushes.record(call.state, repo, actor)
    return find_ref(call, repo, name)


def known_sha(call: Call, repo: records.Repo, value: object) -> str:
    sha = words(value, "Reference", "sha")
    if len(sha) != SHA_LENGTH or pushes.commit(call.state, repo, sha) is None:
        raise Refused(422, "Object does not exist")
    return sha


def create_ref(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    told = call.fields("ref", "sha")
    name = words(told.get("ref"), "Reference", "ref")
    if not name.startswith("refs/") or name.count("/") < 2:  # refs/heads/x
        raise Refused(422, "Reference name is not valid")
    sha = known_sha(call, repo, told.get("sha"))
    if find_ref(call, repo, name):
        raise Refused(422, "Reference already exists")
    row = move(call, repo, name, sha, host.ZERO)
    assert row is not None
    return Answer(ref_json(call, repo, row), 201)


def edit_ref(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    told = call.fields("sha", "force")
    row = find_ref(call, repo, f"refs/{call.params['ref']}")
    if row is None:
        raise Refused(422, "Reference does not exist")
    sha = known_sha(call, repo, told.get("sha"))
    if not told.get("force") and not host.is_ancestor(call.state.path(repo), row.sha, sha):
        raise Refused(422, "Update is not a fast forward")
    refuse_protected(call, repo, row.name, "forced" if told.get("force") else "any")
    moved = move(call, repo, row.name, sha, row.sha)
    assert moved is not None
    return Answer(ref_json(call, repo, moved))


def refuse_protected(call: Call, repo: records.Repo, name: str, rule: str) -> None:
    pusher = accounts.signed_in(call.viewer)
    for line in protection.refused_pushes(call.state, repo, pusher).splitlines():
        ref, kind, reason = line.split("\t")
        if ref == name and kind in ("any", rule):
            raise Refused(422, reason)


def delete_ref(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo)
    row = find_ref(call, repo, f"refs/{call.params['ref']}")
    if row is None:
        raise Refused(422, "Reference does not exist")
    refuse_protected(call, repo, row.name, "deleted")
    move(call, repo, row.name, host.ZERO, row.sha)
    return Answer(status=204)


def show_file(call: Call) -> Answer:
    repo = call.repo()
    ref = call.query.get("ref") or repo.default_branch
    path = call.params["path"]
    sha = pulls.tip(call.state, repo, ref) or resolve(call.state, repo, ref)
    content = host.blob(call.state.path(repo), sha, path)
    if content is None:
        raise not_found()
    blob = host.rev_parse(call.state.path(repo), f"{sha}:{path}") or ""
    api = call.url(f"/repos/{repo.full_name}/contents/{path}?ref={ref}")
    git = call.url(f"/repos/{repo.full_name}/git/blobs/{blob}")
    page = call.url(f"/{repo.full_name}/blob/{ref}/{path}")
    return Answer({
        "type": "file", "name": path.rpartition("/")[2], "path": path, "sha": blob,
        "size": len(content), "encoding": "base64",
        "content": base64.encodebytes(content).decode(), "url": api, "git_url": git,
        "html_url": page, "download_url": call.url(f"/{repo.full_name}/raw/{ref}/{path}"),
        "_links": {"self": api, "git": git, "html": page},
    })


ROUTES = (
    listing(HOME + "/commits/{ref}", show_commit),
    get(HOME + "/compare/{basehead+}", compare),
    listing(HOME + "/branches", list_branches, "protected"),
    get(HOME + "/branches/{branch+}", show_branch),
    get(HOME + "/git/ref/{ref+}", show_ref),
    get(HOME + "/git/matching-refs/{ref+}", list_refs),
    Route("POST", HOME + "/git/refs", create_ref),
    Route("PATCH", HOME + "/git/refs/{ref+}", edit_ref),
    Route("DELETE", HOME + "/git/refs/{ref+}", delete_ref),
    get(HOME + "/contents/{path+}", show_file, "ref"),
)
