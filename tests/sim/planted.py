"""Bugs planted on purpose, one for each invariant at least: the simulator must find every one.

    python -m tests.sim --planted        a table: the bug, the invariant that caught it, the seed

A bug is a function of the product or a door of World with its guard taken out, for the time of a
run. Each names plans in which it can do harm, so that it is found within few seeds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from orchestrator import escalation, github_sync, landing, proof, reaper, supervisor, workspace
from orchestrator import world as worlds
from orchestrator.adapters import (
    custody,
    effects,
    files,
    gh_rest,
    inspection,
    locks,
    mailroom,
    store,
)
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.adapters.locks import Lock
from orchestrator.records.config import AutomationMode
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Review
from orchestrator.records.verdicts import Merge
from orchestrator.rules import ci, lanes, obstacles, reviews, rounds, trust
from orchestrator.rules.facts import Facts, Obstacle, wait
from orchestrator.texts import redact
from orchestrator.world import World
from tests.sim import invariants, run
from tests.sim import plan as plans
from tests.sim.interface import (
    STRANGER,
    DeedPlan,
    FaultKind,
    FaultPlan,
    IssuePlan,
    Plan,
    RepositoryPlan,
)
from tests.sim.people import STRANGE_WORDS
from tests.sim.run import Player

Anything = Callable[..., Any]
RULES = {one.__name__: rule for rule, found in invariants.BY_RULE.items() for one in found}


class Patch(NamedTuple):
    """`make` gets the original and gives what stands in its place."""

    where: Any
    name: str
    make: Callable[[Any], Any]


class Bug(NamedTuple):
    """A guard taken out; one of `rules` must be seen violated within so many seeds."""

    about: str
    rules: tuple[str, ...]
    patches: tuple[Patch, ...]
    plan: Callable[[int], Plan]
    within: int = 20


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """While the block runs, the product has this bug."""
    held = [(one.where, one.name, one.where.__dict__[one.name]) for one in bug.patches]
    for one in bug.patches:
        setattr(one.where, one.name, one.make(getattr(one.where, one.name)))
    try:
        yield
    finally:
        for where, name, original in held:
            setattr(where, name, original)


class Caught(NamedTuple):
    """The first seed that showed the bug, the invariant that saw it, and its words."""

    seed: int
    rule: str
    invariant: str
    words: str


def hunt(bug: Bug, player: Player, first: int = 1) -> Caught | None:
    """Play seeds with the bug until one of its rules is violated; None where none of them is."""
    for seed in range(first, first + bug.within):
        with planted(bug):
            result = player.result(bug.plan(seed))
        for name, words in result.violations:
            rule = RULES.get(name, "engine")
            if rule in bug.rules:
                return Caught(seed, rule, name, words)
    return None


def table() -> int:
    """Every bug with who caught it, for a person; how many got away."""
    free = 0
    with run.player() as player:
        for name, bug in BUGS.items():
            caught = hunt(bug, player)
            free += caught is None
            seen = f"seed {caught.seed}: {caught.rule}, {caught.words}" if caught else "NOT CAUGHT"
            print(f"{name:<42} {bug.about:<36} {seen[:160]}", flush=True)
    return free


# --- the plans in which they can do harm -----------------------------------------------------


def asks(word: str, *, sentence: str = "", **more: Any) -> IssuePlan:
    wanted = sentence or f"Write the word `{word}` into `fruit/{word}.txt`."
    return IssuePlan(
        at=more.pop("at", 1.0), title=f"Add {word}", body=f"## Goal\n\n{wanted}\n", **more
    )


def two_at_once(seed: int) -> Plan:
    return Plan(
        seed=seed, issues=(asks("fig"), asks("pear", at=2.0), asks("plum", at=3.0)),
        config={"max_parallel_workers": 2},
        repositories=(RepositoryPlan(overrides={"max_parallel_per_repo": 2}),),
    )  # fmt: skip


def dying(seed: int) -> Plan:
    return structs.replace(two_at_once(seed), crash_chance=0.02, horizon=4 * 3600.0)


def unsteady(seed: int) -> Plan:
    """CI is late and red, so that whoever does not ask it merges too early."""
    return structs.replace(two_at_once(seed), ci=("late", "red", "flaky")[seed % 3])


def pushed_at(seed: int) -> Plan:
    """A person pushes to the branch while it is repaired."""
    times = [200.0 + 97 * (seed % 7) + 211 * count for count in range(12)]
    return structs.replace(
        two_at_once(seed), ci="red_first",
        deeds=tuple(DeedPlan(at=at, name="push_to_branch") for at in times),
    )  # fmt: skip


def moving_base(seed: int) -> Plan:
    """Everybody's base moves on by a person's push, which conflicts with nothing."""
    times = [400.0 + 61 * (seed % 9) + 170 * count for count in range(12)]
    return structs.replace(
        two_at_once(seed), deeds=tuple(DeedPlan(at=at, name="push_to_base") for at in times)
    )


def with_agents(*names: str, **more: Any) -> Callable[[int], Plan]:
    agents = dict(zip(plans.AGENTS, names, strict=True))
    return lambda seed: structs.replace(two_at_once(seed), agents=agents, **more)


def asked_again(agent: str) -> Callable[[int], Plan]:
    """Whatever came to an end without success is set Ready once more."""
    deeds = tuple(DeedPlan(at=3600.0 + count, name="set_ready") for count in range(6))
    return with_agents(agent, agent, agent, deeds=deeds)


def strange(seed: int) -> Plan:
    issue = structs.replace(asks("fig"), author=STRANGER)
    return structs.replace(
        two_at_once(seed),
        issues=(structs.replace(issue, body=f"{issue.body}\n{STRANGE_WORDS}\n"), asks("pear")),
        repositories=(RepositoryPlan(overrides={"trust": "author"}),),
    )


def configured(**overrides: Any) -> Callable[[int], Plan]:
    """In a repository of this config everything is approved now and then."""

    def plan(seed: int) -> Plan:
        deeds = tuple(DeedPlan(at=900.0 * count, name="approve_all") for count in range(4, 20))
        repository = RepositoryPlan(overrides={"max_parallel_per_repo": 2, **overrides})
        return structs.replace(two_at_once(seed), deeds=deeds, repositories=(repository,))

    return plan


def content_at_last(seed: int) -> Plan:
    """A person asks for changes once or twice, and approves what comes of it."""
    asked = tuple(DeedPlan(at=300.0 * count, name="request_changes") for count in (1, 2, 3))
    plan = configured()(seed)
    return structs.replace(plan, ci="late", deeds=(*asked, *plan.deeds))


def interfered(name: str, **arguments: Any) -> Callable[[int], Plan]:
    """A person does this again and again in the first hour."""

    def plan(seed: int) -> Plan:
        times = [20.0 + 13 * (seed % 5) + 150 * count for count in range(20)]
        deeds = tuple(DeedPlan(at=at, name=name, arguments=arguments) for at in times)
        return structs.replace(two_at_once(seed), deeds=deeds, ci="late")

    return plan


def once(name: str) -> Callable[[int], Plan]:
    """A person does this once, while agents work."""

    def plan(seed: int) -> Plan:
        deed = DeedPlan(at=70.0 + 23 * (seed % 7), name=name)
        return structs.replace(two_at_once(seed), deeds=(deed,))

    return plan


def faulty(seed: int) -> Plan:
    """Every second comment is written, and its answer lost."""
    lost = FaultPlan(
        kind=FaultKind.APPLIED_DROPPED, chance=0.5, until=3600.0, method="POST", path=r"/comments$"
    )
    return structs.replace(two_at_once(seed), faults=(lost,))


# --- the bugs --------------------------------------------------------------------------------


def unlink_then_write(original: Anything) -> Anything:
    """The old name goes first; who dies before the new one is there has lost the file."""

    def move(source: Path, target: Path) -> None:
        if source.suffix != ".md":
            original(source, target)
            return
        text = source.read_bytes()
        if os.path.lexists(target):
            raise FileExistsError(target)
        source.unlink()
        target.write_bytes(text)

    return move


def writes_in_place(original: Anything) -> Anything:
    """Who dies after the file was opened leaves an empty one."""
    del original

    def write(path: Path, data: bytes, *, replace: bool) -> None:
        if not replace and os.path.lexists(path):
            raise FileExistsError(path)
        path.write_bytes(data)
        path.chmod(0o600)

    return write


def swaps_in_place(original: Anything) -> Anything:
    del original

    def swap(path: Path, data: bytes, *, expected: Any) -> None:
        files._expect(path, expected)
        path.write_bytes(data)

    return swap


def nothing(original: Anything) -> Anything:
    return lambda *_, **__: None


def says(value: Any) -> Callable[[Anything], Anything]:
    return lambda original: lambda *_, **__: value


def sends_without_looking(original: Anything) -> Anything:
    def once(self: effects.Effects, log: str, key: str, *, find: Anything, make: Anything) -> Any:
        del find, log, key
        return make()

    return once


def merges_any_head(original: Anything) -> Anything:
    def merge(self: GitHubWrite, slug: str, number: int, *, head_sha: str, **more: Any) -> Any:
        del head_sha
        more["commit_title"], more["merge_method"] = more.pop("title"), more.pop("method")
        with self._answering(f"merge of {slug}#{number}"):
            return self._pull(slug, number).merge(**more).sha

    return merge


def never_behind(original: Anything) -> Anything:
    def look(facts: Facts) -> Any:
        return original(structs.replace(facts, behind=False if facts.behind else facts.behind))

    return look


def takes_every_lane_for_full(original: Anything) -> Anything:
    def look(facts: Facts) -> Any:
        full = structs.replace(facts.repository, automation_mode=AutomationMode.FULL)
        return original(structs.replace(facts, repository=full))

    return look


def resents_for_ever(original: Anything) -> Anything:
    """Whoever asked for changes once is never content again."""
    held: dict[str, list[Review]] = {}

    def objections(facts: Facts) -> list[Review]:
        known = held.setdefault(facts.task.task_id, [])
        known += original(facts)
        return known

    return objections


def expects_whatever_is_there(original: Anything) -> Anything:
    def push(self: workspace.Workspace, slug: str, branch: str, sha: str, *, expected: str) -> Any:
        del expected
        there = self.wire.ls(self.url(slug), f"refs/heads/{branch}")
        return original(self, slug, branch, sha, expected=there or "")

    return push


def everybody_has_it(original: Anything) -> Anything:
    """A second lock file for each caller, so that nobody ever waits for another."""

    def try_task(self: locks.Locks, task_id: str) -> Lock | None:
        found: Lock | None = original(self, f"{task_id}-{os.urandom(4).hex()}")
        return found

    return try_task


def returns_as_new(original: Anything) -> Anything:
    del original

    def return_due(world: World) -> None:
        now = world.clock.now()
        for task in world.mailroom.list_state(State.BLOCKED):
            if task.not_before is not None and task.not_before <= now:
                world.mailroom.move(custody.new_round(task), State.INBOX, by=world.script)

    return return_due


def as_in_the_first_round(original: Anything) -> Anything:
    def once(world: World, task: Task, kind: str, *said: Any, **more: Any) -> Any:
        first = structs.replace(task, round=1) if kind == escalation.CALL else task
        return original(world, first, kind, *said, **more)

    return once


def hears_no_second_ready(original: Anything) -> Anything:
    def judge(ready: rounds.Ready, filed: Sequence[rounds.File]) -> rounds.Plan:
        plan: rounds.Plan = original(ready, filed)
        again = isinstance(plan, rounds.NewRound)
        return rounds.Nothing("it was worked on before") if again else plan

    return judge


def keeps_ours(original: Anything) -> Anything:
    def merged(self: mailroom.Mailroom, task: Task, found: Any) -> Task:
        both: Task = original(self, task, found)
        return structs.replace(both, body=task.body, extra=task.extra)

    return merged


def calls_it_done(world: World, facts: Facts, verdict: Merge) -> bool:
    del verdict
    world.mailroom.move(facts.task, State.DONE, by="pr_monitor")
    return False


BUGS: dict[str, Bug] = {
    "a move that unlinks before it writes": Bug(
        "files.move_durably", ("I1",), (Patch(files, "move_durably", unlink_then_write),), dying
    ),
    "files are written in place": Bug(
        "files.write_durably, swap_durably", ("I1", "L"),
        (
            Patch(files, "write_durably", writes_in_place),
            Patch(files, "swap_durably", swaps_in_place),
        ),
        dying,
    ),
    "done without a merge": Bug(
        "landing.do_merge", ("I1",),
        (Patch(landing, "ACTIONS", lambda actions: {**actions, Merge: calls_it_done}),),
        two_at_once,
    ),
    "every claim is taken for a dead one": Bug(
        "Locks.try_task, Inspection._is_held", ("I2",),
        (
            Patch(inspection.Inspection, "_is_held", says(False)),
            Patch(locks.Locks, "try_task", everybody_has_it),
        ),
        two_at_once,
    ),
    "effects are sent without a look": Bug(
        "Effects.once", ("I3",), (Patch(effects.Effects, "once", sends_without_looking),), faulty,
    ),
    "checks are not asked": Bug(
        "ci.obstacle", ("I4",), (Patch(ci, "obstacle", says(None)),), unsteady
    ),
    "a merge of whatever the head is": Bug(
        "GitHubWrite.merge", ("I4",), (Patch(GitHubWrite, "merge", merges_any_head),), two_at_once
    ),
    "lanes are not asked": Bug(
        "lanes.may, obstacles._lane_and_issue", ("I4",),
        (
            Patch(lanes, "may", says(True)),
            Patch(obstacles, "_lane_and_issue", takes_every_lane_for_full),
        ),
        configured(automation_mode="dispatcher_only"),
    ),
    "nobody need approve": Bug(
        "reviews.wanted", ("I4",), (Patch(reviews, "wanted", says(False)),),
        configured(merge="approved"),
    ),
    "whoever bends the checks is merged": Bug(
        "reviews.wanted, of suspicions", ("I4",), (Patch(reviews, "wanted", says(False)),),
        with_agents("bending", "bending", "bending"),
    ),
    "an approval is not heard": Bug(
        "reviews.approval", ("L",),
        (Patch(reviews, "approval", says(wait(Obstacle.APPROVAL, "nobody approved"))),),
        configured(merge="approved"),
    ),
    "a request for changes is never over": Bug(
        "reviews.objections", ("L",), (Patch(reviews, "objections", resents_for_ever),),
        content_at_last,
    ),
    "who is behind is merged all the same": Bug(
        "obstacles._git", ("I5",), (Patch(obstacles, "_git", never_behind),), moving_base
    ),
    "a push that expects whatever is there": Bug(
        "Workspace.push", ("I6",),
        (Patch(workspace.Workspace, "push", expects_whatever_is_there),), pushed_at,
    ),
    "nothing is redacted": Bug(
        "Redactor.__call__", ("I7",),
        (Patch(redact.Redactor, "__call__", lambda original: lambda self, text: text),),
        with_agents("prattling", "honest", "honest"),
    ),
    "the diff is not searched": Bug(
        "proof.secrets_in", ("I7",), (Patch(proof, "secrets_in", says(())),),
        with_agents("leaking", "honest", "honest"),
    ),
    "the store is not mended": Bug(
        "Store.mend", ("I8",), (Patch(store.Store, "mend", nothing),),
        with_agents("tampering", "tampering", "honest"),
    ),
    "attempts are not counted": Bug(
        "reaper.counted", ("I9",), (Patch(reaper, "counted", says(())),),
        with_agents("crashing", "crashing", "crashing"),
    ),
    "what returns begins a round": Bug(
        "supervisor.return_due", ("I9",),
        (Patch(supervisor, "return_due", returns_as_new),),
        with_agents("tired", "tired", "tired", fallbacks=("first",)),
    ),
    "a second Ready is not heard": Bug(
        "rounds.judge", ("L",), (Patch(rounds, "judge", hears_no_second_ready),),
        asked_again("without_context"),
    ),
    "everybody is trusted": Bug(
        "trust.judge", ("I10",), (Patch(trust, "judge", says(trust.Trusted())),), strange
    ),
    "worktrees stay": Bug(
        "Workspace.discard", ("I11",), (Patch(workspace.Workspace, "discard", nothing),),
        two_at_once,
    ),
    "switches are not read": Bug(
        "World.stopped", ("I12",), (Patch(worlds.World, "stopped", says("")),),
        interfered("switch_off"),
    ),
    "whoever runs does not look again": Bug(
        "World.check_switches", ("I12",), (Patch(worlds.World, "check_switches", nothing),),
        once("switch_off"),
    ),
    "what a person wrote is written over": Bug(
        "Mailroom._merged", ("I12",), (Patch(mailroom.Mailroom, "_merged", keeps_ours),),
        once("edit_task"),
    ),
    "an issue is always open": Bug(
        "IssueRest.open", ("I12",),
        (Patch(gh_rest.IssueRest, "open", lambda original: property(lambda self: True)),),
        interfered("close_issue"),
    ),
    "labels of a pull request are not read": Bug(
        "obstacles._brakes, landing.last_look", ("I12",),
        (Patch(obstacles, "_brakes", says(None)), Patch(landing, "last_look", says(""))),
        interfered("label_pull"),
    ),
    "each round escalates as the first did": Bug(
        "github_sync.comment_once", ("L",),
        (Patch(github_sync, "comment_once", as_in_the_first_round),), asked_again("crashing"),
    ),
    "what is blocked never returns": Bug(
        "supervisor.return_due", ("L",), (Patch(supervisor, "return_due", nothing),),
        with_agents("tired", "tired", "tired", fallbacks=("first",)),
    ),
}  # fmt: skip
