"""The token, the clock, the boards and the repositories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from orchestrator.records.config import (
    AutomationMode,
    BoardConfig,
    MergeMethod,
    MergePolicy,
    RepositoryConfig,
)
from orchestrator.records.diagnosis import BranchRule, Diagnosis, Level, Survey
from orchestrator.rules import access

MOST_SKEW_SECONDS = 30.0


def clock(skew: float | None) -> Diagnosis:
    """`skew` is by how many seconds this machine is ahead of GitHub; None where nobody told."""
    if skew is None:
        return Diagnosis(
            check="clock", level=Level.UNKNOWN, sentence="GitHub's answers told no time"
        )
    if abs(skew) <= MOST_SKEW_SECONDS:
        return Diagnosis(check="clock", level=Level.OK, sentence="this machine's clock is right")
    which = "ahead of" if skew > 0 else "behind"
    return Diagnosis(
        check="clock", level=Level.WRONG, mend="timedatectl set-ntp true",
        sentence=f"this machine's clock is {abs(skew):.0f} s {which} GitHub's: waits, ages and "
        "cadences are judged by it",
    )  # fmt: skip


def scopes(lacking: Sequence[str], web: str) -> Diagnosis:
    if not lacking:
        return Diagnosis(check="scopes", level=Level.OK, sentence="the token has its scopes")
    named = ",".join(lacking)
    return Diagnosis(
        check="scopes", level=Level.WRONG, mend=access.refresh(web, named),
        sentence=f"the token lacks {' and '.join(lacking)}: what needs it is refused (a token "
        f"that is not gh's: {web}/settings/tokens)",
    )  # fmt: skip


def board(name: str, board: BoardConfig, field: str, options: Sequence[str]) -> Diagnosis:
    """`field` is the id of the status field, "" where the board has none called so."""
    if not field:
        return Diagnosis(
            check="board", about=name, level=Level.WRONG,
            sentence=f"has no single-select field {board.status_field!r}",
            mend="make one there, or name yours: status_field, in the board's part of the config",
        )  # fmt: skip
    wanted = {
        "backlog_value": board.backlog, "ready_value": board.ready,
        "in_progress_value": board.in_progress, "blocked_value": board.blocked,
        "done_value": board.done,
    }  # fmt: skip
    absent = {key: word for key, word in wanted.items() if word not in options}
    if not absent:
        return Diagnosis(
            check="board", about=name, level=Level.OK, sentence="has the five statuses"
        )
    there = ", ".join(options) or "none"
    return Diagnosis(
        check="board", about=name, level=Level.WRONG,
        sentence=f"has no status {', '.join(absent.values())}; it has {there}",
        mend="; ".join(suggestion(key, word, options) for key, word in absent.items()),
    )  # fmt: skip


def suggestion(key: str, word: str, options: Sequence[str]) -> str:
    plain = {"".join(filter(str.isalnum, one)).lower(): one for one in options}
    near = get_close_matches("".join(filter(str.isalnum, word)).lower(), plain, 1, 0.6)
    return f"{key}: {plain[near[0]]}" if near else f"add {word} to the field, or set {key}"


def repository(config: RepositoryConfig, survey: Survey, web: str) -> Iterator[Diagnosis]:
    """Everything that would keep work in it from starting, being pushed, or being merged.

    `web` is where GitHub's pages are.
    """
    settings = f"{web}/{survey.slug}/settings"
    found = [
        *usable(survey, settings), *ci(config, survey), *ways(config, survey),
        *merging(config, survey), *pushing(config, survey, settings),
    ]  # fmt: skip
    yield from found
    if not any(one.level is Level.WRONG for one in found):
        lane = "" if config.automation_mode is AutomationMode.FULL else " (up to pull requests)"
        yield Diagnosis(
            check="repository", about=config.slug, level=Level.OK,
            sentence=f"can be worked in, base {survey.base}{lane}",
        )  # fmt: skip


def usable(survey: Survey, settings: str) -> Iterator[Diagnosis]:
    if survey.archived:
        yield wrong("repository", survey, "is archived: nothing can be pushed", settings)
    if not survey.issues:
        yield wrong("repository", survey, "has issues switched off", settings)
    if survey.empty:
        yield wrong(
            "repository", survey, f"has no branch {survey.base}: there is nothing to work from",
            "push a first commit, or set base_branch",
        )  # fmt: skip


def ci(config: RepositoryConfig, survey: Survey) -> Iterator[Diagnosis]:
    if survey.checks_seen or survey.workflows or config.allow_no_ci:
        return
    full = config.automation_mode is AutomationMode.FULL
    said = "no pull request is ever merged by itself" if full else "nobody tests a pull request"
    yield Diagnosis(
        check="ci", about=survey.slug, level=Level.WRONG if full else Level.NOTE,
        sentence=f"no check has reported on {survey.base}, and it has no workflow: {said}",
        mend="add .github/workflows/ci.yml, or set allow_no_ci: true for it",
    )  # fmt: skip


def ways(config: RepositoryConfig, survey: Survey) -> Iterator[Diagnosis]:
    """Whether the way we merge is one of those that are allowed."""
    allowed = set(survey.methods)
    if survey.base_rule.methods:
        allowed &= set(survey.base_rule.methods)
    if config.automation_mode is AutomationMode.FULL and config.merge_method not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        yield wrong(
            "protection", survey, f"does not allow merging by {config.merge_method}; it allows "
            f"{known}", f"merge_method: {min(allowed, default='squash')}",
        )  # fmt: skip


def merging(config: RepositoryConfig, survey: Survey) -> Iterator[Diagnosis]:
    rule, base = survey.base_rule, survey.base
    if config.automation_mode is not AutomationMode.FULL:
        return
    if rule.locked:
        yield wrong("protection", survey, f"{base} is locked: nothing is merged into it",
                    "unlock it, or set base_branch")  # fmt: skip
    if rule.merge_queue:
        yield wrong("protection", survey, f"{base} takes merges from a merge queue only, which "
                    "cannot be given a head by its SHA", "take the queue off that branch, or set "
                    "automation_mode: dispatcher_only")  # fmt: skip
    if (rule.approvals or rule.code_owners) and config.merge is MergePolicy.AUTO:
        who = f"{rule.approvals} approving review{'s'[:rule.approvals != 1]}"
        asked = who if rule.approvals else "a review by code owners"
        yield wrong("protection", survey, f"{base} asks for {asked}, and merge is auto: GitHub "
                    "refuses every merge before somebody approves", "merge: approved, for it, if "
                    "you want to approve each; else take the rule off")  # fmt: skip
    elif rule.approvals > 1:
        yield note("protection", survey, f"{base} asks for {rule.approvals} approving reviews")
    if rule.linear and config.merge_method is MergeMethod.MERGE:
        yield wrong("protection", survey, f"{base} wants a linear history, and merge_method is "
                    "merge", "merge_method: squash")  # fmt: skip
    if rule.signatures and config.merge_method is not MergeMethod.SQUASH:
        yield wrong("protection", survey, f"{base} wants signed commits, and ours are not; a "
                    "squash is signed by GitHub", "merge_method: squash")  # fmt: skip
    if rule.deployments:
        yield note("protection", survey, f"{base} wants deployments to succeed before a merge")
    if rule.conversations:
        yield note("protection", survey, f"{base} wants every review thread resolved")
    silent = [name for name in rule.checks if name not in survey.checks_seen]
    if silent and survey.checks_seen:
        yield note("protection", survey, f"{base} requires {', '.join(silent)}, which did not "
                   "report on its newest commit: one that never does keeps every merge waiting")


def pushing(config: RepositoryConfig, survey: Survey, settings: str) -> Iterator[Diagnosis]:
    """Rules that meet the branches `agent/…` themselves."""
    rule: BranchRule = survey.branch_rule
    refused = {
        "may not be made": rule.creation or rule.locked,
        "want signed commits, and ours are not": rule.signatures,
        "take changes by pull request only": rule.pull_request,
        "want checks before a push": bool(rule.checks),
    }
    for said in (words for words, holds in refused.items() if holds):
        yield wrong("protection", survey, f"by a ruleset, branches agent/* {said}: no work can be "
                    "pushed", f"take agent/** out at {settings}/rules")
    if rule.patterns:
        yield note("protection", survey, "a ruleset asks for patterns in commits or branch names "
                   "of agent/*: a push that does not fit is refused")


def wrong(check: str, survey: Survey, sentence: str, mend: str) -> Diagnosis:
    return Diagnosis(
        check=check, about=survey.slug, level=Level.WRONG, sentence=sentence, mend=mend
    )


def note(check: str, survey: Survey, sentence: str) -> Diagnosis:
    return Diagnosis(check=check, about=survey.slug, level=Level.NOTE, sentence=sentence)
