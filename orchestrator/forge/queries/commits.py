"""Refs, commits and their checks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from orchestrator.forge import accounts, actions, checks, ids, protection, pushes, records
from orchestrator.forge.queries import found
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
from orchestrator.forge.records import Json
from orchestrator.forge.rest.checks import app_number

SHORT = 7


def by_sha(repo: records.Repo, ask: Ask, sha: str) -> records.Commit | None:
    return pushes.commit(ask.state, repo, sha)


def ref_named(repo: records.Repo, ask: Ask, name: str) -> records.Ref | None:
    where = "repo_id = ? and name = ?"
    for full in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
        row = ask.state.store.first(records.Ref, where, repo.id, full)
        if row:
            return row
    return None


def refs(repo: records.Repo, ask: Ask, args: Args) -> Page:
    rows = ask.state.store.select(records.Ref, "repo_id = ? order by name", repo.id)
    prefix = args["refPrefix"].rstrip("/") + "/"
    wanted = (args.get("query") or "").lower()
    rows = [
        row for row in rows
        if row.name.startswith(prefix) and wanted in row.name[len(prefix):].lower()
    ]
    order = args.get("orderBy")
    if args.get("direction"):
        order = {"field": "ALPHABETICAL", "direction": args["direction"]}
    return connection("refs", ordered(rows, order, {"ALPHABETICAL": "name"}), args)


def git_object(repo: records.Repo, ask: Ask, args: Args) -> records.Commit | None:
    name = args.get("oid") or args.get("expression") or ""
    if ":" in name:
        raise Problem("UNPROCESSABLE", "the forge tells no blob or tree over GraphQL")
    ref = ref_named(repo, ask, name)
    return by_sha(repo, ask, ref.sha if ref else name)


def short_name(row: records.Ref) -> tuple[str, str]:
    for prefix in ("refs/heads/", "refs/tags/"):
        if row.name.startswith(prefix):
            return prefix, row.name.removeprefix(prefix)
    return "refs/", row.name.removeprefix("refs/")


def update_rule(row: records.Ref, ask: Ask, args: Args) -> records.Protection | None:
    prefix, name = short_name(row)
    if prefix != "refs/heads/":
        return None
    rule = protection.of(ask.state, ask.repo(row.repo_id), name)
    return None if rule is None or rule.ruleset else rule


def branch_rule(row: records.Ref, ask: Ask, args: Args) -> records.Protection | None:
    """What only those may read who could change it."""
    admin = accounts.allows(ask.state, ask.repo(row.repo_id), ask.viewer.user, "admin")
    return update_rule(row, ask, args) if admin else None


def counts(kind: Any, name: str) -> Any:
    """How many contexts of one kind there are in each state."""
    def resolve(page: Page, ask: Ask, args: Args) -> list[Json]:
        told = Counter(
            (row.conclusion or row.status if name == "check" else row.state).upper()
            for row in page.every if isinstance(row, kind)
        )
        return [{"state": state, "count": number} for state, number in sorted(told.items())]

    return resolve


def how_many(kind: Any) -> Any:
    return lambda page, ask, args: sum(isinstance(row, kind) for row in page.every)


def authors(row: records.Commit, ask: Ask, args: Args) -> Page:
    return connection("authors", [found.Named("author", row)], args)


def rollup(row: records.Commit, ask: Ask, args: Args) -> found.Rollup | None:
    runs = checks.latest_runs(ask.state, row.repo_id, row.sha)
    statuses = checks.latest_statuses(ask.state, row.repo_id, row.sha)
    return found.Rollup(row, runs, statuses) if runs or statuses else None


def commit_suites(row: records.Commit, ask: Ask, args: Args) -> Page:
    rows = checks.suites_of(ask.state, row.repo_id, row.sha)
    limits = args.get("filterBy") or {}
    if limits.get("appId") is not None:
        rows = [suite for suite in rows if app_number(suite.app) == limits["appId"]]
    if limits.get("checkName") is not None:
        names = {run.suite_id for run in checks.runs_of(ask.state, row.repo_id, row.sha)
                 if run.name == limits["checkName"]}
        rows = [suite for suite in rows if suite.id in names]
    return connection("checkSuites", rows, args)


def suite_runs(row: records.Suite, ask: Ask, args: Args) -> Page:
    rows = ask.state.store.select(records.CheckRun, "suite_id = ? order by id", row.id)
    limits = args.get("filterBy") or {}
    if limits.get("checkName") is not None:
        rows = [run for run in rows if run.name == limits["checkName"]]
    if limits.get("status") is not None:
        rows = [run for run in rows if run.status.upper() == limits["status"]]
    if limits.get("appId") is not None and limits["appId"] != app_number(row.app):
        rows = []
    return connection("checkRuns", rows, args)


def commit_parents(row: records.Commit, ask: Ask, args: Args) -> Page:
    repo = ask.repo(row.repo_id)
    return connection("parents", [by_sha(repo, ask, sha) for sha in row.parents.split()], args)


def commit_of(row: Any, ask: Ask, args: Args) -> records.Commit | None:
    return by_sha(ask.repo(row.repo_id), ask, row.sha)


def actor(prefix: str) -> Any:
    def resolve(row: records.Commit, ask: Ask, args: Args) -> found.Named:
        return found.Named(prefix, row)

    return resolve


def actor_fact(fact: str) -> Any:
    def resolve(named: found.Named, ask: Ask, args: Args) -> str:
        value: str = getattr(named.row, f"{named.kind}_{fact}")
        return value

    return resolve


def actor_user(named: found.Named, ask: Ask, args: Args) -> records.User | None:
    email = getattr(named.row, f"{named.kind}_email")
    return ask.state.store.first(records.User, "email = ?", email)


def required(row: records.CheckRun | records.Status, ask: Ask, args: Args) -> bool:
    repo = ask.repo(row.repo_id)
    name = row.name if isinstance(row, records.CheckRun) else row.context
    where = "repo_id = ? and head_sha = ? and is_pull = 1"
    for pull in ask.state.store.select(records.Issue, where, repo.id, row.sha):
        if args.get("pullRequestNumber") in (None, pull.number):
            return name in protection.contexts(protection.of(ask.state, repo, pull.base_ref))
    return False


def run_url(row: records.CheckRun, ask: Ask, args: Args) -> str:
    repo = ask.repo(row.repo_id)
    path = f"runs/{row.id}"
    if row.job is not None:
        path = f"actions/runs/{row.suite_id}/job/{row.id}"
    return ask.url(f"/{repo.full_name}/{path}")


def page_of(kind: str) -> Any:
    def resolve(row: Any, ask: Ask, args: Args) -> str:
        name = row.sha if kind == "commit" else row.id
        return ask.url(f"/{ask.repo(row.repo_id).full_name}/{kind}/{name}")

    return resolve


def upper(name: str) -> Any:
    def resolve(row: Any, ask: Ask, args: Args) -> str | None:
        value = getattr(row, name)
        return value.upper() if value else None

    return resolve


def of_row(kind: str) -> Any:
    return lambda named, ask, args: ids.make(kind, named.row.id)


COUNT: Fields = {
    "state": lambda told, ask, args: told["state"], "count": lambda told, ask, args: told["count"],
}
REPOSITORY: Fields = {"repository": lambda row, ask, args: ask.repo(row.repo_id)}
STAMPS: Fields = {"createdAt": attribute("created_at"), "updatedAt": attribute("updated_at")}
FIELDS: dict[str, Fields] = {
    "Ref": REPOSITORY | {
        "id": lambda row, ask, args: ids.make("Ref", row.id),
        "name": lambda row, ask, args: short_name(row)[1],
        "prefix": lambda row, ask, args: short_name(row)[0],
        "refUpdateRule": update_rule,
        "branchProtectionRule": branch_rule,
        "target": commit_of,
    },
    # Rulesets are told over REST.
    "RefUpdateRule": {
        "pattern": attribute("branch"),
        "allowsDeletions": attribute("allow_deletions"),
        "allowsForcePushes": attribute("allow_force_pushes"),
        "requiredApprovingReviewCount": attribute("reviews"),
        "requiredStatusCheckContexts": lambda row, ask, args: protection.contexts(row),
        "requiresCodeOwnerReviews": constant(False),
        "requiresConversationResolution": constant(False),
        "requiresLinearHistory": attribute("linear"),
        "requiresSignatures": attribute("signatures"),
    },
    "Commit": REPOSITORY | {
        "id": lambda row, ask, args: ids.make("Commit", row.id),
        "oid": attribute("sha"),
        "abbreviatedOid": lambda row, ask, args: row.sha[:SHORT],
        "commitUrl": page_of("commit"),
        "url": page_of("commit"),
        "message": attribute("message"),
        "messageHeadline": lambda row, ask, args: row.message.partition("\n")[0],
        "messageBody": lambda row, ask, args: row.message.partition("\n")[2].strip(),
        "committedDate": attribute("committer_date"),
        "authoredDate": attribute("author_date"),
        "author": actor("author"),
        "committer": actor("committer"),
        "authors": authors,
        "parents": commit_parents,
        "tree": lambda row, ask, args: found.Tree(row),
        "statusCheckRollup": rollup,
        "checkSuites": commit_suites,
    },
    "Tree": {
        "id": lambda row, ask, args: ids.make("Tree", row.commit.id),
        "oid": lambda row, ask, args: row.commit.tree,
        "abbreviatedOid": lambda row, ask, args: row.commit.tree[:SHORT],
        "commitUrl": lambda row, ask, args: page_of("commit")(row.commit, ask, args),
        "repository": lambda row, ask, args: ask.repo(row.commit.repo_id),
    },
    "GitActor": {
        "name": actor_fact("name"),
        "email": actor_fact("email"),
        "date": actor_fact("date"),
        "user": actor_user,
    },
    "StatusCheckRollup": {
        "id": lambda row, ask, args: ids.make("StatusCheckRollup", row.commit.id),
        "state": lambda row, ask, args: checks.rollup(row.runs, row.statuses),
        "commit": attribute("commit"),
        "contexts": lambda row, ask, args: connection(
            "contexts", [*row.runs, *row.statuses], args
        ),
    },
    "StatusCheckRollupContextConnection": {
        "checkRunCount": how_many(records.CheckRun),
        "checkRunCountsByState": counts(records.CheckRun, "check"),
        "statusContextCount": how_many(records.Status),
        "statusContextCountsByState": counts(records.Status, "status"),
    },
    "CheckRunStateCount": COUNT,
    "StatusContextStateCount": COUNT,
    "BranchProtectionRule": {
        "id": lambda row, ask, args: ids.make("BranchProtectionRule", row.id),
        "pattern": attribute("branch"),
        "isAdminEnforced": attribute("enforce_admins"),
        "requiredApprovingReviewCount": attribute("reviews"),
        "requiresApprovingReviews": lambda row, ask, args: row.reviews is not None,
        "requiredStatusCheckContexts": lambda row, ask, args: protection.contexts(row),
        "requiresStatusChecks": attribute("checks_required"),
        "requiresStrictStatusChecks": attribute("strict"),
    },
    "CheckRun": REPOSITORY | {
        "id": lambda row, ask, args: ids.make("CheckRun", row.id),
        "databaseId": attribute("id"),
        "name": attribute("name"),
        "status": upper("status"),
        "conclusion": upper("conclusion"),
        "startedAt": attribute("started_at"),
        "completedAt": attribute("completed_at"),
        "detailsUrl": lambda row, ask, args: row.details_url or run_url(row, ask, args),
        "externalId": attribute("external_id"),
        "title": attribute("title"),
        "summary": attribute("summary"),
        "text": attribute("text"),
        "url": run_url,
        "permalink": run_url,
        "checkSuite": lambda row, ask, args: ask.state.store.need(records.Suite, row.suite_id),
        "isRequired": required,
    },
    "StatusContext": {
        "id": lambda row, ask, args: ids.make("StatusContext", row.id),
        "context": attribute("context"),
        "state": upper("state"),
        "description": attribute("description"),
        "targetUrl": attribute("target_url"),
        "createdAt": attribute("created_at"),
        "creator": lambda row, ask, args: ask.user(row.creator_id),
        "commit": commit_of,
        "isRequired": required,
    },
    "CheckSuite": REPOSITORY | STAMPS | {
        "id": lambda row, ask, args: ids.make("CheckSuite", row.id),
        "databaseId": attribute("id"),
        "app": lambda row, ask, args: found.Named("App", row),
        "status": upper("status"),
        "conclusion": upper("conclusion"),
        "branch": lambda row, ask, args: ref_named(
            ask.repo(row.repo_id), ask, f"refs/heads/{row.branch}"
        ),
        "commit": commit_of,
        "url": page_of("actions/runs"),
        "workflowRun": lambda row, ask, args: found.Named("WorkflowRun", row) if row.path else None,
        "checkRuns": suite_runs,
    },
    "App": {
        "id": lambda named, ask, args: ids.make("App", app_number(named.row.app)),
        "databaseId": lambda named, ask, args: app_number(named.row.app),
        "slug": lambda named, ask, args: named.row.app,
        "name": lambda named, ask, args: (
            "GitHub Actions" if named.row.app == checks.ACTIONS else named.row.app
        ),
        "createdAt": constant("2018-07-30T09:30:17Z"),
        "updatedAt": constant("2018-07-30T09:30:17Z"),
        "url": lambda named, ask, args: ask.url(f"/apps/{named.row.app}"),
    },
    "WorkflowRun": {
        "id": of_row("WorkflowRun"),
        "databaseId": lambda named, ask, args: named.row.id,
        "event": lambda named, ask, args: named.row.event,
        "runNumber": lambda named, ask, args: named.row.number,
        "url": lambda named, ask, args: page_of("actions/runs")(named.row, ask, args),
        "createdAt": lambda named, ask, args: named.row.created_at,
        "updatedAt": lambda named, ask, args: named.row.updated_at,
        "workflow": lambda named, ask, args: actions.flow_of(ask.state, named.row),
        "checkSuite": lambda named, ask, args: named.row,
    },
    "Workflow": STAMPS | {
        "id": lambda row, ask, args: ids.make("Workflow", row.id),
        "databaseId": attribute("id"),
        "name": attribute("name"),
        "state": constant("ACTIVE"),
        "url": lambda row, ask, args: ask.url(
            f"/{ask.repo(row.repo_id).full_name}/actions/workflows/{row.path.rpartition('/')[2]}"
        ),
    },
}
