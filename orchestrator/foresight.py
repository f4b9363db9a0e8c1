"""Which open branches would conflict, before they meet; and whom a waiting task would meet."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import msgspec
from msgspec import structs

from orchestrator import workspace
from orchestrator.adapters import files, history
from orchestrator.adapters.git import Git
from orchestrator.records.change import Clash, Forecast, Mending, OpenBranch
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import Priority, QueueEntry, State, Task
from orchestrator.rules import conflicts
from orchestrator.rules.conflicts import EVERYBODYS, Ahead, Pair, Place, UnderWay
from orchestrator.rules.facts import Facts
from orchestrator.texts import quoting
from orchestrator.world import World

# In one tick; what is left is compared in the next.
PAIRS = 400
LISTED = 400  # paths of one branch that are kept
WITH_AN_AGENT = (State.INBOX, State.PROCESSING, State.BLOCKED)
# So many waiting tasks are read and held back in one tick; the rest start as they come.
LOOKS = 50


def look(world: World, looked: Sequence[Facts], *, fetched: bool) -> Ahead:
    """What will conflict, computed anew only where a head or a base has changed.

    It lies in `runtime/state/conflicts.json`; losing it costs the time to compute it again. An
    idle tick reads it and runs no git. `fetched` says that a store has learnt something in this
    tick, so that a head that was not there may be now. Where git is too old, or a store cannot be
    read, nothing is foreseen and one line says so.
    """
    before = read(where(world))
    tips = {place: tip_of(world, *place) for place in places(looked)}
    known = {(branch.head, branch.tip) for branch in before.branches}
    unread = {*before.unread}
    new = [
        facts for facts in looked
        if (facts.pull.head_sha, tips[place_of(facts)]) not in known
        and facts.pull.head_sha not in unread
    ]  # fmt: skip
    now = before
    if new or (unread and fetched):
        now = compared(world, looked, before, tips)
        if now != before and not world.dry_run:
            files.write_cache(where(world), msgspec.json.encode(now))
    return ahead(world, now, {facts.pull.head_sha for facts in looked})


def ahead(world: World, forecast: Forecast, heads: Collection[str]) -> Ahead:
    branches = {branch.head: branch for branch in forecast.branches if branch.head in heads}
    clashes: dict[Place, set[Pair]] = {}
    spoilt: set[tuple[str, int]] = set()
    for clash in forecast.clashes:
        met = [branches[sha] for sha in clash.heads if sha in branches]
        if clash.paths and len(met) == 2:
            pair = frozenset(branch.number for branch in met)
            clashes.setdefault((met[0].repo, met[0].base), set()).add(pair)
        elif clash.paths and met and met[0].tip in clash.heads:
            spoilt.add((met[0].repo, met[0].number))
    return Ahead(
        clashes=clashes,
        spoilt=spoilt,
        paths={(one.repo, one.number): frozenset(one.paths) for one in branches.values()},
        mending=still_mending(world, forecast),
    )


def still_mending(world: World, forecast: Forecast) -> tuple[Mending, ...]:
    """Those that no agent has brought back yet, and nobody has taken away."""
    room = world.mailroom
    return tuple(
        one for one in forecast.mending
        if any(os.path.lexists(room.path(state, one.task_id)) for state in WITH_AN_AGENT)
    )  # fmt: skip


def mends(world: World, facts: Facts, paths: Collection[str]) -> None:
    """Note that an agent is to resolve these conflicts, so that nothing else in them is merged
    meanwhile: it would have to be done again. A note that is lost costs no more than that."""
    task, pull, known = facts.task, facts.pull, read(where(world))
    mark = Mending(
        task_id=task.task_id, repo=pull.repo, base=pull.base, number=pull.number,
        priority=task.priority, paths=written(sorted({*paths} - EVERYBODYS)[:LISTED]),
        repaired=task.reworks + 1,
        since=world.clock.now(),
    )  # fmt: skip
    others = (one for one in still_mending(world, known) if one.task_id != task.task_id)
    noted = structs.replace(known, mending=(*others, mark))
    files.write_cache(where(world), msgspec.json.encode(noted))


def compared(
    world: World, looked: Sequence[Facts], before: Forecast, tips: Mapping[Place, str]
) -> Forecast:
    """Every pair of each base, by git; what was compared before is not compared again."""
    branches: list[OpenBranch] = []
    clashes: list[Clash] = []
    for place in places(looked):
        those = [facts for facts in looked if place_of(facts) == place]
        try:
            git = workspace.of(world).git(place[0]) if tips[place] else None
            here = [found for each in those if (found := branch_of(git, each, tips[place], before))]
            clashes += pairs(git, here, before)
            branches += here
        except (AgentOSError, OSError) as error:
            world.say(f"{place[0]}: conflicts are not foreseen: {error}")
    read_now = {branch.head for branch in branches}
    unread = {facts.pull.head_sha for facts in looked} - read_now
    return Forecast(
        branches=tuple(branches), clashes=tuple(clashes), unread=tuple(sorted(unread)),
        mending=still_mending(world, before),
    )  # fmt: skip


def branch_of(git: Git | None, facts: Facts, tip: str, before: Forecast) -> OpenBranch | None:
    """What a pull request's head changes; None where our store does not hold it yet."""
    pull = facts.pull
    paths = next((each.paths for each in before.branches if each.head == pull.head_sha), None)
    if paths is None:
        if git is None or not git.has_commit(pull.head_sha):
            return None
        paths = written(history.paths_between(git, tip, pull.head_sha)[:LISTED])
    return OpenBranch(
        task_id=facts.task.task_id,
        repo=pull.repo,
        base=pull.base,
        number=pull.number,
        head=pull.head_sha,
        tip=tip,
        paths=paths,
    )


def pairs(git: Git | None, branches: Sequence[OpenBranch], before: Forecast) -> list[Clash]:
    """Those that touch a common path, and each with its base; any other fits for sure."""
    known = {clash.heads: clash for clash in before.clashes}
    wanted = [(branch.head, branch.tip) for branch in branches]
    for one, other in combinations(branches, 2):
        if ({*one.paths} & {*other.paths}) - EVERYBODYS:
            wanted.append((one.head, other.head))
    sorted_pairs = dict.fromkeys((min(pair), max(pair)) for pair in wanted)
    fresh = tuple(pair for pair in sorted_pairs if pair not in known)[:PAIRS]
    if fresh and git is not None:
        found = history.clashes(git, fresh, besides=EVERYBODYS)
        for pair, paths in zip(fresh, found, strict=True):
            known[pair] = Clash(heads=pair, paths=written(paths[:LISTED]))
    return [known[pair] for pair in sorted_pairs if pair in known]


def written(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths as the forecast keeps them, and as they are compared with it."""
    return tuple(quoting.writable(path) for path in paths)


def places(looked: Sequence[Facts]) -> list[Place]:
    return list(dict.fromkeys(place_of(facts) for facts in looked))


def place_of(facts: Facts) -> Place:
    return facts.pull.repo, facts.pull.base


def tip_of(world: World, slug: str, base: str) -> str:
    """Where the base stood at the last fetch, by reading a file; "" where nobody has fetched."""
    store = world.paths.store(slug)
    return (Git(store).ref(f"refs/remotes/origin/{base}") or "") if store.exists() else ""


def where(world: World) -> Path:
    return world.paths.state / "conflicts.json"


def read(path: Path) -> Forecast:
    """The last forecast; an empty one where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Forecast)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return Forecast()


# --- what waits in the inbox ---------------------------------------------------------------------


class Neighbours:
    """Whom a waiting task would work beside: looked at once, and only where something waits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._under_way: dict[str, list[UnderWay]] | None = None
        self._held = 0

    def free(self, entries: Iterable[QueueEntry]) -> Iterator[QueueEntry]:
        """The entries that may start now, read one by one as they are asked for."""
        return (entry for entry in entries if self.may_start(entry))

    def may_start(self, entry: QueueEntry) -> bool:
        """Whether nothing under way will meet this task; else the reason is told."""
        reason = self.held(entry) if self._held < LOOKS else ""
        if reason:
            self._held += 1
            self.world.say(f"{entry.repo} {entry.task_id}: {reason}")
        return not reason

    def held(self, entry: QueueEntry) -> str:
        """Why this task should not start now; "" for most, at the price of a look in a dict."""
        repository = self.world.config.repository(entry.repo)
        if entry.priority is Priority.HIGH or entry.next_at is not None or repository is None:
            return ""
        others = self._beside(entry) if repository.overlap_wait_minutes > 0 else []
        if not others:
            return ""
        found = self.world.mailroom.fit(Path(entry.path))
        if found is None or found.task.repair:
            return ""  # a repair is under way already, and others wait for it
        task = found.task
        return conflicts.hold(
            task.priority,
            self._footprint(task),
            others,
            since=task.began,
            now=self.world.clock.now(),
            patience=timedelta(minutes=repository.overlap_wait_minutes),
            spoken=self.world.spoken,
        )

    def _beside(self, entry: QueueEntry) -> list[UnderWay]:
        if self._under_way is None:
            self._under_way = self._look()
        mine = self._under_way.get(entry.repo.lower(), [])
        return [each for each in mine if each.name != entry.task_id]

    def _look(self) -> dict[str, list[UnderWay]]:
        """What is in review, by its pull request's paths, and in processing, by its footprint."""
        found: dict[str, list[UnderWay]] = {}
        room = self.world.mailroom
        for branch in read(where(self.world)).branches:
            if os.path.lexists(room.path(State.REVIEW, branch.task_id)):
                one = UnderWay(name=f"#{branch.number}", paths=frozenset(branch.paths))
                found.setdefault(branch.repo.lower(), []).append(one)
        for task in room.list_state(State.PROCESSING):
            named = conflicts.surely(self._footprint(task))
            one = UnderWay(name=task.task_id, paths=named | self._changed(task))
            found.setdefault(task.repo.lower(), []).append(one)
        return found

    def _footprint(self, task: Task) -> Collection[str]:
        """The files that the task names, and those that its earlier attempts changed."""
        return conflicts.named(f"{task.title}\n{task.body}") | self._changed(task)

    def _changed(self, task: Task) -> frozenset[str]:
        """What its last attempt changed; nothing where its store cannot be read, which is told:
        that is one repository's trouble, and the tick goes on for all."""
        heads = [attempt.head_sha for attempt in task.attempts if attempt.head_sha][-1:]
        if not heads or not task.base or not self.world.paths.store(task.repo).exists():
            return frozenset()
        room = workspace.of(self.world)
        try:
            git = room.git(task.repo)
            base = git.ref(f"refs/remotes/origin/{task.base}")
            if base is None or not git.has_commit(heads[0]):
                return frozenset()
            return frozenset(written(history.paths_between(git, base, heads[0]))) - EVERYBODYS
        except (AgentOSError, OSError) as error:
            self._unread(task, error)
            return frozenset()

    def _unread(self, task: Task, error: Exception) -> None:
        said = "whom it would meet is not foreseen"
        self.world.say(f"{task.repo} {task.task_id}: {said}: {self.world.redact(str(error))}")
        if self.world.dry_run:
            return
        with suppress(AgentOSError, OSError):  # it is doubted at the next look
            if workspace.of(self.world).doubt(task.repo, error):
                self.world.say(f"{task.repo}: its store is damaged; the next fetch makes it anew")
