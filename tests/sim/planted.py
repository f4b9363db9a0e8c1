"""Bugs planted on purpose, one for each invariant at least: the simulator must find every one.

    python -m tests.sim --planted        a table: the bug, the invariant that caught it, the seed

A bug is a function of the product or a door of World with its guard taken out, for the time of a
run. Each names plans in which it can do harm, so that it is found within few seeds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from orchestrator import landing, reaper, supervisor, workspace
from orchestrator import world as worlds
from orchestrator.adapters import effects, files, inspection, locks, store
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.adapters.locks import Lock
from orchestrator.rules import obstacles, trust
from orchestrator.texts import redact
from tests.sim import invariants, run
from tests.sim import plan as plans
from tests.sim.interface import STRANGER, DeedPlan, IssuePlan, Plan, RepositoryPlan
from tests.sim.people import STRANGE_WORDS
from tests.sim.run import Player

Anything = Callable[..., Any]
RULES = {one.__name__: rule for rule, found in invariants.BY_RULE.items() for one in found}


class Bug(NamedTuple):
    """`make` gets the original and gives what stands in its place; `rules` must notice."""

    about: str
    rules: tuple[str, ...]
    where: Any
    name: str
    make: Callable[[Anything], Anything]
    plan: Callable[[int], Plan]
    within: int = 20


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """While the block runs, the product has this bug."""
    held = bug.where.__dict__[bug.name]
    original = getattr(bug.where, bug.name)
    setattr(bug.where, bug.name, bug.make(original))
    try:
        yield
    finally:
        setattr(bug.where, bug.name, held)


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


def drawn(kind: plans.Kind) -> Callable[[int], Plan]:
    return lambda seed: plans.draw_kind(seed, kind)


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


def with_agents(*names: str, **more: Any) -> Callable[[int], Plan]:
    agents = dict(zip(plans.AGENTS, names, strict=True))
    return lambda seed: structs.replace(two_at_once(seed), agents=agents, **more)


def strange(seed: int) -> Plan:
    issue = structs.replace(asks("fig"), author=STRANGER)
    return structs.replace(
        two_at_once(seed),
        issues=(structs.replace(issue, body=f"{issue.body}\n{STRANGE_WORDS}\n"), asks("pear")),
        repositories=(RepositoryPlan(overrides={"trust": "author"}),),
    )


def interfered(name: str, **arguments: Any) -> Callable[[int], Plan]:
    """A person does this again and again in the first hour."""

    def plan(seed: int) -> Plan:
        times = [20.0 + 13 * (seed % 5) + 150 * count for count in range(20)]
        deeds = tuple(DeedPlan(at=at, name=name, arguments=arguments) for at in times)
        return structs.replace(two_at_once(seed), deeds=deeds, ci="late")

    return plan


def faulty(seed: int) -> Plan:
    drawn_plan = plans.draw_kind(seed, plans.Kind.MUCH)
    return structs.replace(drawn_plan, deeds=(), ci="green", crash_chance=0.01)


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
    def look(facts: obstacles.Facts) -> Any:
        return original(structs.replace(facts, behind=False if facts.behind else facts.behind))

    return look


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


BUGS: dict[str, Bug] = {
    "a move that unlinks before it writes": Bug(
        "files.move_durably", ("I1", "L", "I12"), files, "move_durably", unlink_then_write,
        dying, 30,
    ),
    "done without a look at the merge": Bug(
        "a refused or lost merge is called a merge", ("I1",), GitHubWrite, "merge",
        lambda original: lambda self, slug, number, *, head_sha, **_: head_sha, two_at_once, 3,
    ),
    "every claim is taken for a dead one": Bug(
        "inspection._is_held", ("I2",), inspection.Inspection, "_is_held", says(False), two_at_once,
    ),
    "effects are sent without a look": Bug(
        "Effects.once", ("I3",), effects.Effects, "once", sends_without_looking, faulty, 60
    ),
    "checks are not asked": Bug(
        "obstacles._checks", ("I4",), obstacles, "_checks", says(None), unsteady
    ),
    "a merge of whatever the head is": Bug(
        "GitHubWrite.merge", ("I4",), GitHubWrite, "merge", merges_any_head, two_at_once, 3
    ),
    "who is behind is merged all the same": Bug(
        "obstacles._git", ("I5",), obstacles, "_git", never_behind, two_at_once
    ),
    "a push that expects whatever is there": Bug(
        "Workspace.push", ("I6",), workspace.Workspace, "push", expects_whatever_is_there,
        pushed_at, 30,
    ),
    "nothing is redacted": Bug(
        "Redactor.__call__", ("I7",), redact.Redactor, "__call__",
        lambda original: lambda self, text: text, with_agents("prattling", "honest", "honest"), 3,
    ),
    "the store is not mended": Bug(
        "Store.mend", ("I8",), store.Store, "mend", nothing,
        with_agents("tampering", "tampering", "honest"),
    ),
    "attempts are not counted": Bug(
        "reaper.counted", ("I9",), reaper, "counted", says(()),
        with_agents("lazy", "lazy", "lazy"), 3,
    ),
    "everybody is trusted": Bug(
        "trust.judge", ("I10",), trust, "judge", says(trust.Trusted()), strange, 3
    ),
    "worktrees stay": Bug(
        "Workspace.discard", ("I11",), workspace.Workspace, "discard", nothing, two_at_once, 3
    ),
    "switches are not read": Bug(
        "World.stopped", ("I12",), worlds.World, "stopped", says(""), interfered("switch_off"), 5
    ),
    "an issue is always open": Bug(
        "Queries.issue_is_open", ("I12",), Queries, "issue_is_open", says(True),
        interfered("close_issue"), 10,
    ),
    "what is blocked never returns": Bug(
        "supervisor.return_due", ("L",), supervisor,
        "return_due", nothing, with_agents("killed", "crashing", "killed"), 10,
    ),
    "labels are not looked at": Bug(
        "obstacles._brakes and the last look", ("I12",), landing, "last_look", says(""),
        interfered("label_pull"), 10,
    ),
}  # fmt: skip
