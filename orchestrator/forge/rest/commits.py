"""Commits, files and comparisons over REST."""

from __future__ import annotations

import base64
import hashlib

from orchestrator.forge import host, ids, pulls, pushes, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import people
from orchestrator.forge.state import Refused, State, not_found
from orchestrator.forge.web import Answer, Call, get, listing

HOME = "/repos/{owner}/{repo}"
LETTERS = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}
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
        "html_url": call.site(f"/{repo.full_name}/commit/{row.sha}"),
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
             "html_url": call.site(f"/{repo.full_name}/commit/{sha}")}
            for sha in row.parents.split()
        ],
    }


def changed_file(
    call: Call, repo: records.Repo, sha: str, change: tuple[str, str, int, int, str]
) -> Json:
    letter, path, added, removed, patch = change
    page = call.site(f"/{repo.full_name}")
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
        for row in host.own_commits(git, base, head)
    ]
    behind = host.count_own(git, head, base)
    word = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    page = call.site(f"/{repo.full_name}/compare/{call.params['basehead']}")
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


KINDS = {"blob": ("file", "blobs"), "tree": ("dir", "trees"), "commit": ("submodule", "trees")}


def entry(call: Call, repo: records.Repo, ref: str, found: host.Entry) -> Json:
    """A file or a folder as a listing shows it, without what is in it."""
    kind, part = KINDS[found.kind]
    api = call.url(f"/repos/{repo.full_name}/contents/{found.path}?ref={ref}")
    git = call.url(f"/repos/{repo.full_name}/git/{part}/{found.sha}")
    page = call.site(f"/{repo.full_name}/{'blob' if kind == 'file' else 'tree'}/{ref}/{found.path}")
    raw = call.site(f"/{repo.full_name}/raw/{ref}/{found.path}") if kind == "file" else None
    return {
        "type": kind, "name": found.path.rpartition("/")[2], "path": found.path,
        "sha": found.sha, "size": found.size, "url": api, "git_url": git, "html_url": page,
        "download_url": raw, "_links": {"self": api, "git": git, "html": page},
    }


def show_contents(call: Call) -> Answer:
    """One file, or what is in a folder."""
    repo = call.repo()
    ref = call.query.get("ref") or repo.default_branch
    path = call.params.get("path", "").strip("/")
    sha = pulls.tip(call.state, repo, ref) or resolve(call.state, repo, ref)
    git = call.state.path(repo)
    content = host.blob(git, sha, path) if path else None
    if content is None:
        inside = host.entries(git, sha, path)
        if inside is None:
            raise not_found()
        return Answer([entry(call, repo, ref, one) for one in inside])
    return Answer(file(call, repo, ref, path, content))


def file(call: Call, repo: records.Repo, ref: str, path: str, content: bytes) -> Json:
    sha = pulls.tip(call.state, repo, ref) or resolve(call.state, repo, ref)
    blob = host.rev_parse(call.state.path(repo), f"{sha}:{path}") or ""
    shown = entry(call, repo, ref, host.Entry("blob", path, blob, len(content)))
    return shown | {"encoding": "base64", "content": base64.encodebytes(content).decode()}


def show_readme(call: Call) -> Answer:
    """The file that introduces the repository, by the first of the names that GitHub knows."""
    repo = call.repo()
    ref = call.query.get("ref") or repo.default_branch
    sha = pulls.tip(call.state, repo, ref)
    if sha is None:
        raise not_found()
    git = call.state.path(repo)
    for folder in (".github", "", "docs"):
        for one in host.entries(git, sha, folder) or ():
            name = one.path.rpartition("/")[2].lower()
            if one.kind == "blob" and name.partition(".")[0] == "readme":
                return Answer(file(call, repo, ref, one.path, host.blob(git, sha, one.path) or b""))
    raise not_found()


ROUTES = (
    listing(HOME + "/commits/{ref}", show_commit),
    get(HOME + "/compare/{basehead+}", compare),
    get(HOME + "/contents/{path+}", show_contents, "ref"),
    get(HOME + "/contents/", show_contents, "ref"),
    get(HOME + "/contents", show_contents, "ref"),
    get(HOME + "/readme", show_readme, "ref"),
)
