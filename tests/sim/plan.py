"""What a seed draws: issues, agents, weather, deeds and faults, from a quiet day to a bad one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from random import Random
from string import ascii_lowercase
from typing import Any

from tests.sim import weather
from tests.sim.interface import (
    OWNER,
    SLUGS,
    STRANGER,
    DeedPlan,
    FaultPlan,
    IssuePlan,
    Plan,
    RepositoryPlan,
)
from tests.sim.people import STRANGE_WORDS

HOUR = 3600.0
AGENTS = ("first", "second", "third")
WORDS = (
    "apple", "banana", "cherry", "date", "elder", "fig", "grape", "hazel", "iris", "juniper",
    "kiwi", "lemon", "mango", "nectarine", "olive", "pear", "quince", "raisin", "sorrel", "thyme",
)  # fmt: skip


class Kind(StrEnum):
    """How much trouble there is in a seed."""

    QUIET = "quiet"
    SOME = "some"
    MUCH = "much"
    THIRD = "third"


# Of twenty seeds: a few without any trouble, most with some, some with much.
KINDS: Mapping[Kind, int] = {Kind.QUIET: 3, Kind.SOME: 10, Kind.MUCH: 4, Kind.THIRD: 3}
# Now and then as many as meet in one file again and again.
ISSUES = {1: 6, 2: 8, 3: 4, 4: 1, 6: 1}

# What one agent of a chain may be like, besides honest.
CHARACTERS: Mapping[str, int] = {
    "moody": 6, "mostly_failing": 3, "hapless": 2, "lazy": 1, "lying": 1, "straying": 1,
    "crashing": 1, "killed": 1, "slow": 1, "quota_struck": 1, "tired": 2, "partial": 1,
    "tampering": 2, "echoing": 1, "verbose": 1, "babbling": 1, "mute": 1, "stubborn": 1,
    "deaf": 1, "arguing": 2, "bending": 1,
    "asking_for_hands": 1, "leaking": 1, "prattling": 1, "without_context": 1,
    "without_credentials": 1, "logged_out": 1, "overloaded": 1,
}  # fmt: skip
SKIES: Mapping[str, int] = {
    "green": 10, "red_first": 3, "red": 1, "flaky": 3, "late": 2, "cancelled": 1, "stuck": 1,
}  # fmt: skip


def story(*acts: str | tuple[str, dict[str, Any]]) -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple((act, {}) if isinstance(act, str) else act for act in acts)


STORIES: Sequence[tuple[int, tuple[tuple[str, dict[str, Any]], ...]]] = (
    (3, story("close_issue")),
    (2, story("close_issue", "reopen_issue", "set_ready")),
    (1, story(("close_issue", {"reason": "not_planned"}))),
    (2, story("close_pull")),
    (1, story("close_pull", "set_ready")),
    (1, story("close_pull", "reopen_pull")),
    (2, story("merge_by_hand")),
    (3, story("label_pull", "unlabel_pulls")),
    (1, story("label_pull")),
    (1, story(("label_pull", {"label": "blocked"}), ("unlabel_pulls", {"label": "blocked"}))),
    (3, story("request_changes", "approve")),
    (2, story("request_changes")),
    (1, story("request_changes", "request_changes", "request_changes", "approve")),
    (1, story("label_issue", "unlabel_issues")),
    (1, story("label_issue")),
    (2, story("approve")),
    (2, story("remark", "resolve_threads", "approve")),
    (1, story("remark", "dismiss")),
    (1, story("request_changes", "dismiss")),
    (1, story("approve", "dismiss")),
    (1, story(("remark", {"event": "COMMENT"}))),
    (1, story(("remark", {"event": "COMMENT", "login": STRANGER}))),
    (4, story("push_to_branch", "approve")),
    (2, story("push_to_branch")),
    (1, story("rewrite_branch", "approve")),
    (1, story("push_early")),
    (5, story("push_to_base")),
    (2, story(("push_to_base", {"path": "LIST.md", "text": "# List\n\nfrom a person\n"}))),
    (2, story("break_base", "mend_base")),
    (1, story("delete_branch")),
    (3, story("set_ready")),
    (1, story("set_ready", "set_ready")),
    (1, story("unready")),
    (1, story("move_card")),
    (2, story("edit_issue")),
    (2, story("comment")),
    (3, story("strange_comment")),
    (1, story("paste_our_comment")),
    (1, story("delete_our_comment")),
    (2, story("outside_status")),
    (1, story(("outside_status", {"state": "failure"}))),
    (2, story("rerun_checks")),
    (3, story(("move_task", {"to": "inbox"}))),
    (1, story(("move_task", {"to": "blocked"}), ("move_task", {"to": "inbox"}))),
    (1, story(("move_task", {"to": "cancelled"}))),
    (1, story(("move_task", {"to": "escalated"}), ("move_task", {"to": "inbox"}))),
    (1, story(("move_task", {"to": "review"}))),
    (2, story(("copy_task", {"to": "inbox"}))),
    (1, story(("copy_task", {"to": "blocked"}))),
    (3, story("edit_task")),
    (2, story("break_task")),
    (2, story("remove_task")),
    (2, story("drop_task")),
    (3, story("drop_junk")),
    (2, story("draft_pull", "undraft_pulls")),
    (1, story("draft_pull")),
    (2, story("retarget_pull", "retarget_back")),
    (1, story("retarget_pull")),
    (2, story("archive", "unarchive")),
    (2, story("shut_out", "let_in")),
    (1, story(("shut_out", {"level": "none"}), "let_in")),
    (2, story("protect_base", "unprotect_base")),
    (1, story("protect_base", "outside_status")),
    (3, story("hand_retry")),
    (2, story("hand_give")),
    (1, story("hand_next")),
    (2, story("hand_cancel")),
    (2, story("hand_cancel", "hand_retry")),
    (1, story("hand_close")),
    (1, story("hand_approve")),
    (1, story("push_to_branch", "hand_approve")),
    (2, story("hand_revert")),
    (1, story("hand_revert", "merge_by_hand")),
    (1, story("hand_close", "reopen_issue", "hand_give")),
    (2, story("switch_off", "switch_on")),
    (2, story(("switch_off", {"name": "any"}), "switch_on")),
    (1, story(("switch_off", {"name": "pr_monitor"}), "switch_on")),
    (1, story(("switch_off", {"name": "queue"}), "switch_on")),
    (4, story("wipe_runtime")),
    (3, story("kill")),
)


def draw(seed: int) -> Plan:
    """The plan of a seed, the same at every call."""
    rng = Random(seed)
    return draw_kind(seed, weighted(rng, KINDS))


def draw_kind(seed: int, kind: Kind) -> Plan:
    """The plan of a seed of one kind, for whoever wants many of that kind."""
    rng = Random(f"{seed} {kind}")
    slugs = SLUGS[: 2 if rng.random() < 0.25 else 1]
    horizon = rng.choice((2, 4, 8)) * HOUR
    issues = arrivals(rng, slugs, kind)
    if kind is Kind.THIRD:
        return third(seed, rng, slugs, issues)
    return Plan(
        seed=seed,
        repositories=tuple(repository(rng, slug, kind) for slug in slugs),
        issues=issues,
        agents=agents(rng, kind),
        fallbacks=AGENTS,
        config={"max_parallel_workers": rng.choice((1, 1, 2, 3))},
        tests="own_tests",
        ci="green" if kind is Kind.QUIET else weighted(rng, SKIES),
        deeds=deeds(rng, kind, horizon),
        faults=faults(rng, kind, horizon),
        crash_chance=crashes(rng, kind),
        switch_chance=rng.choice((0.02, 0.1, 0.3)),
        horizon=horizon,
    )


def third(seed: int, rng: Random, slugs: Sequence[str], issues: tuple[IssuePlan, ...]) -> Plan:
    """A third of the attempts fails, as they did in production, and one agent of the chain can.

    Every issue must be merged, and none twice. Nobody interferes; machines die now and then.
    """
    able = rng.choice(AGENTS)
    others = rng.sample(("mostly_failing", "moody"), 2)
    named = {name: "honest" if name == able else others.pop() for name in AGENTS}
    return Plan(
        seed=seed,
        repositories=tuple(RepositoryPlan(slug=slug) for slug in slugs),
        issues=issues,
        agents=named,
        fallbacks=AGENTS,
        config={"max_parallel_workers": rng.choice((1, 2, 3)), "default_max_attempts": 12},
        tests="own_tests",
        ci=rng.choice(("green", "green", "late", "red_first")),
        faults=weather.faults(rng, rng.choice((0, 0, 1, 2)), 4 * HOUR),
        crash_chance=rng.choice((0.0, 0.0, 0.0003)),
        switch_chance=rng.choice((0.02, 0.1)),
        horizon=4 * HOUR,
    )


def is_third(plan: Plan) -> bool:
    """Whether every issue of the plan must be merged."""
    return plan.config.get("default_max_attempts") == 12


def is_untroubled(plan: Plan) -> bool:
    """Whether nothing stands in the way of any issue of the plan, and no person is waited for."""
    ours = (repo.overrides for repo in plan.repositories)
    return (
        not (plan.deeds or plan.faults or plan.crash_chance)
        and set(plan.agents.values()) == {"honest"}
        and plan.ci in {"green", "late", "red_first"}
        and all(issue.author == OWNER and issue.ready_after is not None for issue in plan.issues)
        and not any({"merge", "automation_mode"} & overrides.keys() for overrides in ours)
    )


# --- the parts -------------------------------------------------------------------------------


def weighted(rng: Random, weights: Mapping[Any, int]) -> Any:
    return rng.choices(tuple(weights), weights=tuple(weights.values()))[0]


def arrivals(rng: Random, slugs: Sequence[str], kind: Kind) -> tuple[IssuePlan, ...]:
    """All at once, or one after the other."""
    gap, found = rng.choice((0.0, 60.0, 1200.0)), list[IssuePlan]()
    for index in range(weighted(rng, ISSUES)):
        at = round(index * gap + rng.uniform(0, 1) + index, 1)
        found.append(issue(rng, slugs, kind, at=at, earlier=found))
    return tuple(found)


def issue(
    rng: Random, slugs: Sequence[str], kind: Kind, *, at: float, earlier: Sequence[IssuePlan]
) -> IssuePlan:
    """An issue asks for a file of its own, for a line of the list that all share, or for both."""
    words = [f"{word}-{ascii_lowercase[len(earlier)]}" for word in rng.sample(WORDS, 3)]
    asked = {
        "file": [f"Write the word `{words[0]}` into `fruit/{words[0]}.txt`."],
        "list": [f"Add the line `{words[1]}` to `LIST.md`."],
        "two": [f"Write the word `{word}` into `fruit/{word}.txt`." for word in words[:2]],
    }
    asked["both"] = asked["file"] + asked["list"]
    what = weighted(rng, {"file": 4, "list": 4, "two": 1, "both": 2})
    body = "## Goal\n\n" + "\n".join(asked[what]) + "\n\n## Success criteria\n\n- It is there.\n"
    title, strange, more = f"Add {words[0]}", False, {}
    if kind in {Kind.SOME, Kind.MUCH}:
        strange = rng.random() < 0.06
        if rng.random() < 0.06:
            title = f"Research {words[0]}"
        if rng.random() < 0.15:
            more = {"labels": (rng.choice(("prio:high", "prio:low", "bug", "docs")),)}
    if strange:
        body += f"\n{STRANGE_WORDS}\n"
    after = (rng.randrange(len(earlier)),) if earlier and rng.random() < 0.2 else ()
    return IssuePlan(
        at=at,
        title=title,
        body=body,
        slug=earlier[after[0]].slug if after else rng.choice(slugs),
        author=STRANGER if strange else OWNER,
        ready_after=rng.choice((0.0, 0.0, 30.0, 600.0)),
        on_board=rng.random() < 0.3,
        after=after,
        agent=rng.choice(AGENTS) if rng.random() < 0.1 else "",
        **more,
    )


def repository(rng: Random, slug: str, kind: Kind) -> RepositoryPlan:
    if kind is Kind.QUIET:
        return RepositoryPlan(slug=slug)
    overrides: dict[str, Any] = {
        "max_parallel_per_repo": rng.choice((1, 1, 2)),
        "merge_method": rng.choice(("squash", "squash", "merge", "rebase")),
        "max_attempts": rng.choice((4, 4, 2, 6)),
    }
    if rng.random() < 0.1:
        overrides["merge"] = "approved"
    if rng.random() < 0.05:
        overrides["automation_mode"] = "dispatcher_only"
    if rng.random() < 0.1:
        overrides["required_checks"] = ["test"]
    if rng.random() < 0.7:
        overrides["trust"] = "author"
    return RepositoryPlan(slug=slug, overrides=overrides)


def agents(rng: Random, kind: Kind) -> dict[str, str]:
    if kind is Kind.QUIET:
        return dict.fromkeys(AGENTS, "honest")
    odd = {Kind.SOME: 0.5, Kind.MUCH: 0.75}[kind]
    return {name: weighted(rng, CHARACTERS) if rng.random() < odd else "honest" for name in AGENTS}


def deeds(rng: Random, kind: Kind, horizon: float) -> tuple[DeedPlan, ...]:
    number = {
        Kind.QUIET: 0, Kind.SOME: rng.choice((0, 1, 1, 2)), Kind.MUCH: rng.choice((2, 4, 7)),
    }[kind]  # fmt: skip
    shown = {Kind.QUIET: 0, Kind.SOME: rng.choice((0, 0, 0, 1)), Kind.MUCH: rng.choice((0, 1, 2))}
    found = list(weather.views(rng, shown[kind], horizon))
    for _ in range(number):
        weights = [weight for weight, _ in STORIES]
        _, acts = rng.choices(STORIES, weights=weights)[0]
        # Most of what happens to a task happens in its first hour.
        at = rng.choice((rng.uniform(0, horizon), rng.uniform(0, HOUR)))
        for name, arguments in acts:
            found.append(
                DeedPlan(at=round(min(at, horizon - 1), 1), name=name, arguments=arguments)
            )
            at += rng.choice((60, 600, HOUR))
    return tuple(sorted(found, key=lambda deed: deed.at))


def faults(rng: Random, kind: Kind, horizon: float) -> tuple[FaultPlan, ...]:
    number = {
        Kind.QUIET: 0, Kind.SOME: rng.choice((0, 0, 1, 2)), Kind.MUCH: rng.choice((1, 3, 6)),
    }[kind]  # fmt: skip
    return weather.faults(rng, number, horizon)


def crashes(rng: Random, kind: Kind) -> float:
    """At each door; a task's life has some hundred doors."""
    if kind is Kind.QUIET:
        return 0.0
    if kind is Kind.SOME:
        return float(rng.choice((0.0, 0.0, 0.001, 0.003)))
    return float(rng.choice((0.0, 0.003, 0.01)))
