"""Branch protection and rules over REST."""

from __future__ import annotations

import msgspec

from orchestrator.forge import protection, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import refs
from orchestrator.forge.state import Refused, not_found
from orchestrator.forge.web import Answer, Call, Route, get, listing

BRANCH = "/repos/{owner}/{repo}/branches/{branch+}"
FIELDS = (
    "required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions",
    "allow_force_pushes", "allow_deletions",
)


def shown(call: Call, repo: records.Repo, rule: records.Protection) -> Json:
    api = call.url(f"/repos/{repo.full_name}/branches/{rule.branch}/protection")
    body: Json = {
        "url": api,
        "enforce_admins": {"url": f"{api}/enforce_admins", "enabled": rule.enforce_admins},
        "allow_force_pushes": {"enabled": rule.allow_force_pushes},
        "allow_deletions": {"enabled": rule.allow_deletions},
    }
    if rule.checks_required:
        contexts = protection.contexts(rule)
        body["required_status_checks"] = {
            "url": f"{api}/required_status_checks", "strict": rule.strict, "contexts": contexts,
            "contexts_url": f"{api}/required_status_checks/contexts",
            "checks": [{"context": name, "app_id": None} for name in contexts],
        }
    if rule.reviews is not None:
        body["required_pull_request_reviews"] = {
            "url": f"{api}/required_pull_request_reviews", "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False, "require_last_push_approval": False,
            "required_approving_review_count": rule.reviews,
        }
    return body


def found(call: Call, repo: records.Repo) -> records.Protection:
    call.writer(repo, "admin")
    refs.branch_named(call, repo)
    rule = protection.of(call.state, repo, call.params["branch"])
    if rule is None or rule.ruleset:
        raise not_found("Branch not protected")
    return rule


def show(call: Call) -> Answer:
    repo = call.repo()
    return Answer(shown(call, repo, found(call, repo)))


def put(call: Call) -> Answer:
    repo = call.repo()
    call.writer(repo, "admin")
    refs.branch_named(call, repo)
    told = call.fields(*FIELDS)
    missing = [name for name in FIELDS[:4] if name not in told]
    if missing:
        raise Refused(422, f"Invalid request.\n\n{missing[0]} wasn't supplied.")
    wanted = told["required_status_checks"]
    reviews = told["required_pull_request_reviews"]
    contexts: list[str] = []
    if wanted:
        contexts = [c["context"] for c in wanted.get("checks") or []]
        contexts += [name for name in wanted.get("contexts") or [] if name not in contexts]
    rule = records.Protection(
        repo_id=repo.id, branch=call.params["branch"],
        contexts=msgspec.json.encode(contexts).decode(), checks_required=wanted is not None,
        strict=bool(wanted and wanted.get("strict")), enforce_admins=bool(told["enforce_admins"]),
        reviews=None if reviews is None else reviews.get("required_approving_review_count", 1),
        allow_force_pushes=bool(told.get("allow_force_pushes")),
        allow_deletions=bool(told.get("allow_deletions")),
    )
    protection.put(call.state, rule)
    return Answer(shown(call, repo, rule))


def delete(call: Call) -> Answer:
    repo = call.repo()
    call.state.store.delete(found(call, repo))
    return Answer(status=204)


def list_rules(call: Call) -> Answer:
    """What rulesets ask of a branch; classic protection is told elsewhere, as on GitHub."""
    repo = call.repo()
    rule = protection.of(call.state, repo, call.params["branch"])
    rules: list[Json] = []
    source = {
        "ruleset_source_type": "Repository", "ruleset_source": repo.full_name, "ruleset_id": 1,
    }
    if rule and rule.ruleset and rule.linear:
        rules.append({"type": "required_linear_history", **source})
    if rule and rule.ruleset and rule.signatures:
        rules.append({"type": "required_signatures", **source})
    if rule and rule.ruleset and rule.reviews is not None:
        rules.append({
            "type": "pull_request", **source,
            "parameters": {
                "required_approving_review_count": rule.reviews,
                "dismiss_stale_reviews_on_push": False, "require_code_owner_review": False,
                "require_last_push_approval": False, "required_review_thread_resolution": False,
            },
        })
    if rule and rule.ruleset and rule.checks_required:
        checks = [{"context": name} for name in protection.contexts(rule)]
        rules.append({
            "type": "required_status_checks", **source,
            "parameters": {
                "required_status_checks": checks,
                "strict_required_status_checks_policy": rule.strict,
            },
        })
    return Answer(rules)


ROUTES = (
    get(BRANCH + "/protection", show),
    Route("PUT", BRANCH + "/protection", put),
    Route("DELETE", BRANCH + "/protection", delete),
    listing("/repos/{owner}/{repo}/rules/branches/{branch+}", list_rules),
)
