"""Branches and refs over REST."""

from __future__ import annotations

from orchestrator.forge import accounts, host, ids, protection, pushes, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import commits
from orchestrator.forge.state import Refused, not_found
from orchestrator.forge.web import Answer, Call, Route, get, listing, paged, words

HOME = "/repos/{owner}/{repo}"
SHA_LENGTH = 40


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
        "name": name, "commit": commits.commit(call, repo, commits.need(call, repo, row.sha)),
        "_links": {"self": api, "html": call.site(f"/{repo.full_name}/tree/{name}")},
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


ROUTES = (
    listing(HOME + "/branches", list_branches, "protected"),
    get(HOME + "/branches/{branch+}", show_branch),
    get(HOME + "/git/ref/{ref+}", show_ref),
    get(HOME + "/git/matching-refs/{ref+}", list_refs),
    Route("POST", HOME + "/git/refs", create_ref),
    Route("PATCH", HOME + "/git/refs/{ref+}", edit_ref),
    Route("DELETE", HOME + "/git/refs/{ref+}", delete_ref),
)
