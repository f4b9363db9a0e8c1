"""What a repository's settings and rules let us do: asked by a person, never by a tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from orchestrator.adapters import gh_checks, gh_documents, gh_rules
from orchestrator.adapters.gh_read import Door
from orchestrator.records.diagnosis import BranchRule, Survey
from orchestrator.records.errors import GitHubTrouble, Trouble

WORKFLOWS = ".github/workflows"
class UpdateRule(Struct, frozen=True, kw_only=True, rename="camel"):
    required_approving_review_count: int | None = None
    requires_code_owner_reviews: bool = False
    requires_conversation_resolution: bool = False
    requires_signatures: bool = False
    requires_linear_history: bool = False
    required_status_check_contexts: tuple[str | None, ...] | None = None

    def rule(self) -> BranchRule:
        return BranchRule(
            approvals=self.required_approving_review_count or 0,
            code_owners=self.requires_code_owner_reviews,
            conversations=self.requires_conversation_resolution,
            signatures=self.requires_signatures,
            linear=self.requires_linear_history,
            checks=tuple(filter(None, self.required_status_check_contexts or ())),
        )


class Ref(Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    ref_update_rule: UpdateRule | None = None


class Settings(Struct, frozen=True, kw_only=True, rename="camel"):
    name_with_owner: str
    is_archived: bool = False
    has_issues_enabled: bool = True
    squash_merge_allowed: bool = True
    merge_commit_allowed: bool = True
    rebase_merge_allowed: bool = True
    default_branch_ref: Ref | None = None
    base: Ref | None = None

    def methods(self) -> tuple[str, ...]:
        ways = {
            "squash": self.squash_merge_allowed, "merge": self.merge_commit_allowed,
            "rebase": self.rebase_merge_allowed,
        }  # fmt: skip
        return tuple(way for way, allowed in ways.items() if allowed)


class Context(Struct, frozen=True):
    context: str = ""


class Parameters(Struct, frozen=True, kw_only=True):
    required_approving_review_count: int = 0
    require_code_owner_review: bool = False
    required_review_thread_resolution: bool = False
    allowed_merge_methods: tuple[str, ...] = ()
    required_status_checks: tuple[Context, ...] = ()


class Rule(Struct, frozen=True, kw_only=True):
    """One active rule of a ruleset, as `/rules/branches/` has it."""

    type: str
    parameters: Parameters = field(default_factory=Parameters)


class Named(Struct, frozen=True):
    name: str


def of(door: Door, bases: Mapping[str, str | None]) -> dict[str, Survey | None]:
    """Each repository by slug; None for one that is not there or that the token may not see.

    `bases` names the base branch, None for the default one. Raises GitHubTrouble.
    """
    raw = door.graphql_raw(gh_documents.survey(bases), {}, may_miss=True)
    data = msgspec.json.decode(raw, type=dict[str, Any])
    found: dict[str, Survey | None] = {}
    for index, (slug, base) in enumerate(bases.items()):
        node = data.get(f"r{index}")
        settings = msgspec.convert(node, Settings) if node is not None else None
        found[slug] = None if settings is None else one(door, slug, base, settings)
    return found


def one(door: Door, slug: str, base: str | None, settings: Settings) -> Survey:
    ref = settings.base if base else settings.default_branch_ref
    known = Survey(
        slug=slug,
        base=base or (ref.name if ref else "main"),
        empty=ref is None,
        archived=settings.is_archived,
        issues=settings.has_issues_enabled,
        methods=settings.methods(),
    )
    if ref is None:
        return known
    classic = ref.ref_update_rule.rule() if ref.ref_update_rule else BranchRule()
    return msgspec.structs.replace(
        known,
        base_rule=together(classic, gh_rules.active(door, slug, known.base, Rule)),
        # No such branch has to exist: GitHub tells what would hold for it.
        branch_rule=together(
            BranchRule(), gh_rules.active(door, slug, "agent/task-1", Rule)
        ),
        checks_seen=gh_checks.recent_names(door, slug, known.base),
        workflows=workflows(door, slug, known.base),
    )


def together(classic: BranchRule, active: Iterable[Rule]) -> BranchRule:
    """What both kinds of protection ask for; the stricter word counts."""
    by_type: dict[str, list[Parameters]] = {}
    for rule in active:
        by_type.setdefault(rule.type, []).append(rule.parameters)
    pulls = by_type.get("pull_request", [])
    checks = [
        check.context
        for parameters in by_type.get("required_status_checks", [])
        for check in parameters.required_status_checks
    ]
    allowed = [set(one.allowed_merge_methods) for one in pulls if one.allowed_merge_methods]
    return msgspec.structs.replace(
        classic,
        approvals=max(classic.approvals, *(p.required_approving_review_count for p in pulls), 0),
        code_owners=classic.code_owners or any(p.require_code_owner_review for p in pulls),
        conversations=classic.conversations
        or any(p.required_review_thread_resolution for p in pulls),
        signatures=classic.signatures or "required_signatures" in by_type,
        linear=classic.linear or "required_linear_history" in by_type,
        locked="update" in by_type,
        merge_queue="merge_queue" in by_type,
        deployments="required_deployments" in by_type,
        pull_request=bool(pulls),
        creation="creation" in by_type,
        patterns=any(name.endswith("_pattern") for name in by_type),
        checks=tuple(dict.fromkeys((*classic.checks, *checks))),
        methods=tuple(sorted(set.intersection(*allowed))) if allowed else (),
    )


def workflows(door: Door, slug: str, base: str) -> tuple[str, ...]:
    """The workflow files on the base; none is no trouble."""
    try:
        there = door.get(f"/repos/{slug}/contents/{WORKFLOWS}?ref={quote(base)}", list[Named])
    except GitHubTrouble as trouble:
        if trouble.trouble is Trouble.NOT_FOUND:
            return ()
        raise
    return tuple(one.name for one in there if one.name.endswith((".yml", ".yaml")))
