"""Every task that is not over: what runs, what waits for what, what needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

from orchestrator import (
    briefing,
    checklists,
    foresight,
    hands,
    questions,
    reaper,
    reverting,
    scrutiny,
)
from orchestrator.adapters import reading
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.mailbox_index import Found, line_of
from orchestrator.records.errors import AgentOSError
from orchestrator.records.overview import Calling, Open, Running, Steps, Waiting
from orchestrator.records.task import Attempt, State, Task
from orchestrator.rules import priority
from orchestrator.texts import chatter
from orchestrator.texts.taskfile import NotATask
from orchestrator.whereabouts import machine, place, tracker, trail
from orchestrator.world import World

LIVELY = tuple(state for state in State if state not in {State.DONE, State.QUARANTINE})
LINES, WIDTH, TAIL_BYTES = 3, 200, 16_000
LATELY = 7 * 86_400  # for so long a task that is done is looked at for steps that it left
MOST_DONE = 60
# A question of which agent is free costs a look at each: so many are asked for one screen.
MOST_ASKED = 24


class Shelf:
    """The mailbox, read once and without trust: what is no task is told in `odd`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.odd: list[str] = []
        self.folders: dict[str, int] = {}
        self.found: dict[State, list[Found]] = {state: self._read(state) for state in LIVELY}
        for path in self._paths(State.QUARANTINE):
            why = trail.set_aside(world, path.name) or "set aside"
            self.odd.append(
                f"{named(path)}: {world.redact(why)} Mend it, then: mv {path} {self._inbox}/"
            )
        self.done = self._done()

    def of(self, *states: State) -> list[Found]:
        return [one for state in states for one in self.found[state]]

    def named_agents(self) -> list[str]:
        """Whom people asked for by name."""
        return sorted({one.task.agent for one in self.of(*LIVELY)})

    @property
    def _inbox(self) -> Path:
        return self.world.mailroom.folder(State.INBOX)

    def _read(self, state: State) -> list[Found]:
        return [one for path in self._paths(state) if (one := self._one(path)) is not None]

    def _paths(self, state: State) -> list[Path]:
        folder = self.world.mailroom.folder(state)
        try:
            names = [path for path in folder.iterdir() if path.suffix == ".md"]
        except OSError:
            names = []
        paths = sorted(path for path in names if not path.name.startswith("."))
        self.folders[state.value] = len(paths)
        return paths

    def _one(self, path: Path) -> Found | None:
        try:
            return self.world.mailroom.read(path)
        except FileNotFoundError:
            return None  # it has just moved on
        except UnicodeDecodeError:
            self.odd.append(f"{named(path)}: it is not UTF-8 text")
        except (NotATask, NotReadable, OSError) as reason:
            self.odd.append(f"{named(path)}: {self.world.redact(str(reason))[:200]}")
        return None

    def _done(self) -> list[Found]:
        """What was done lately, the newest first; done/ grows for ever, and is not read whole."""
        since = self.world.clock.now().timestamp() - LATELY
        lately: list[tuple[float, Path]] = []
        for path in self._paths(State.DONE):
            try:
                changed = path.lstat().st_mtime
            except OSError:
                continue
            if changed >= since:
                lately.append((changed, path))
        newest = (path for _, path in sorted(lately, reverse=True)[:MOST_DONE])
        return [one for path in newest if (one := self._one(path)) is not None]


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def title_of(world: World, task: Task) -> str:
    return chatter.flat(world.redact(task.title))


def since(task: Task) -> datetime | None:
    return task.marks[-1].at if task.marks else None


# --- what runs -------------------------------------------------------------------------------


def running(world: World, shelf: Shelf) -> tuple[Running, ...]:
    """What stands in processing/, the longest first."""
    shown = [now_at(world, found.task) for found in shelf.of(State.PROCESSING)]
    return tuple(sorted(shown, key=lambda one: one.since))


def now_at(world: World, task: Task) -> Running:
    attempt = task.attempt if task.attempt and not task.attempt.judged else None
    begun = task.claim.started if task.claim else since(task) or task.created
    log = log_of(world, task, attempt)
    return Running(
        name=hands.name_of(task),
        task_id=task.task_id,
        title=title_of(world, task),
        agent=attempt.agent if attempt else "",
        attempt=attempt.n if attempt else task.runs,
        since=attempt.started if attempt else begun,
        alive=place.alive(world, task),
        lines=last_words(world, log) if attempt else (),
        log=str(log) if log else "",
    )


def log_of(world: World, task: Task, attempt: Attempt | None) -> Path | None:
    return world.paths.attempt(task.task_id, attempt.n) / "agent.log" if attempt else None


def last_words(world: World, log: Path | None, most: int = LINES) -> tuple[str, ...]:
    """The end of a log in words; redacted whole before it is cut (S15)."""
    if log is None:
        return ()
    try:
        tail = reading.read_lines_tail(log, TAIL_BYTES)
    except OSError:
        return ()
    text = world.redact(b"\n".join(tail).decode("utf-8", "replace"))
    return chatter.last(text.splitlines(), most, WIDTH)


# --- what waits ------------------------------------------------------------------------------


def waiting(world: World, shelf: Shelf) -> tuple[Waiting, ...]:
    """What stands in inbox/ and blocked/: first what may start, in the order in which it will."""
    line = Line(world)
    now = world.clock.now()

    def turn(found: Found) -> tuple[bool, tuple[float, datetime, str]]:
        task, entry = found.task, line_of(found).entry
        later = task.not_before is not None and task.not_before > now
        key = priority.key(
            entry.priority, entry.began, entry.task_id, now, next_at=entry.next_at
        )
        return found.state is State.BLOCKED or later, key

    inbox = sorted(shelf.of(State.INBOX, State.BLOCKED), key=turn)
    shown = []
    for found in inbox:
        why, until = line.why(found)
        task = found.task
        shown.append(
            Waiting(
                name=hands.name_of(task), task_id=task.task_id, title=title_of(world, task),
                state=found.state.value, priority=task.priority.value.removeprefix("prio:"),
                first=task.next_at is not None, why=chatter.flat(world.redact(why)), until=until,
            )
        )  # fmt: skip
    return tuple(shown)


class Line:
    """Why each of many tasks has not begun, by the rules of bin/why.sh, asked once for all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = world.clock.now()
        self.neighbours = foresight.Neighbours(world)
        self.before = 0
        self._busy: dict[str, str] = {}
        self._free: dict[tuple[object, ...], tuple[str, datetime | None]] = {}

    def why(self, found: Found) -> tuple[str, datetime | None]:
        """A short reason, and until when it holds."""
        task = place.as_claimed(found)
        for stop in (*place.stopped(self.world, found), *place.ordered(found)):
            return stop.text, None
        if found.state is State.BLOCKED and task.not_before is None:
            return "a person put it aside without a time", None
        if task.not_before is not None and task.not_before > self.now:
            return cause(task), task.not_before
        if found.state is State.BLOCKED:
            return "it is due again at the next tick of run_queue.sh", None
        return self._in_the_way(found)

    def _in_the_way(self, found: Found) -> tuple[str, datetime | None]:
        task = place.as_claimed(found)
        if busy := self._occupied(task.repo):
            return busy, None
        why, until = self._agents(task)
        if why:
            return why, until
        if self.before < MOST_ASKED and (met := self.neighbours.held(line_of(found).entry)):
            return met, None
        if self._shut:
            return self._shut, None
        self.before += 1
        if self.before == 1:
            return "next: the next tick of run_queue.sh takes it up", None
        return f"its turn comes after {self.before - 1} other{'s' * (self.before > 2)}", None

    @cached_property
    def _shut(self) -> str:
        """What keeps all of them from beginning."""
        return next((one.text for one in machine.shut(self.world, State.INBOX)), "")

    def _occupied(self, slug: str) -> str:
        if slug not in self._busy:
            repository = self.world.config.repository(slug)
            slots = self.world.config.max_parallel_workers
            said = ""
            if not self.world.locks.free_worker_slots(slots):
                said = f"all {slots} workers are busy" if slots > 1 else "the worker is busy"
            elif repository is not None and not self.world.locks.free_repository_slots(
                repository.slug, repository.max_parallel_per_repo
            ):
                said = f"{repository.slug} is worked on, {repository.max_parallel_per_repo} a time"
            self._busy[slug] = said
        return self._busy[slug]

    def _agents(self, task: Task) -> tuple[str, datetime | None]:
        """Whether anybody could work on it; many tasks have the same answer."""
        if place.settling(task):
            return "", None
        repository = self.world.config.repository(task.repo)
        tried = frozenset(one.agent for one in reaper.counted(task))
        limited = repository is not None and repository.task_budget is not None
        alone = task.task_id if limited and task.this_round else ""
        wanted = briefing.first_choice(task)
        key = (task.repo, task.task_type, task.epic, wanted, tried, alone)
        if key not in self._free and len(self._free) < MOST_ASKED:
            found = next(place.agents(self.world, task, repository), None)
            self._free[key] = (found.text, found.until) if found else ("", None)
        return self._free.get(key, ("", None))


def cause(task: Task) -> str:
    said = place.because(task).lstrip(":, ")
    return said or "until its time"


# --- pull requests ---------------------------------------------------------------------------


def pull_requests(world: World, shelf: Shelf, *, live: bool) -> tuple[Open, ...]:
    known = scrutiny.remembered(world)
    shown = []
    for found in shelf.of(State.REVIEW):
        task = found.task
        number = task.pull_request.number if task.pull_request else 0
        held = known.get(task.task_id)
        said = held.verdict if held else ""
        if stop := next(place.stopped(world, found), None):
            said = stop.text
        elif live and task.pull_request:
            said = judged_now(world, found) or said
        shown.append(
            Open(
                name=hands.name_of(task), task_id=task.task_id, title=title_of(world, task),
                pull_request=f"{task.repo}#{number}" if number else "",
                url=f"{world.config.github_web_url}/{task.repo}/pull/{number}" if number else "",
                since=held.since if held else since(task),
                verdict=chatter.flat(world.redact(said)) or unseen(number),
            )
        )  # fmt: skip
    shown += [one for found in shelf.done for one in reverts(world, found.task, live=live)]
    return tuple(sorted(shown, key=lambda one: (one.since or world.clock.now(), one.name)))


def reverts(world: World, task: Task, *, live: bool) -> Iterator[Open]:
    """The pull request that is to take a merge back, until a person merged or closed it."""
    number = task.merge.revert if task.merge else None
    if number is None or task.merge is None or task.merge.revert_end:
        return
    said = "takes it back once you merge it"
    try:
        if live and not tracker.taken_back(world, task).step:
            return  # it is over, which the next tick of the pr_monitor notes
    except AgentOSError as trouble:
        said += f"; GitHub could not be asked: {trouble}"
    yield Open(
        name=hands.name_of(task), task_id=task.task_id,
        title=f"Revert: {title_of(world, task)}", pull_request=f"{task.repo}#{number}",
        url=reverting.address(world, task, number),
        since=task.merge.revert_made or since(task),
        verdict=chatter.flat(world.redact(said)),
    )  # fmt: skip


def unseen(number: int) -> str:
    if not number:
        return "it names no pull request, so nobody watches it: move it to inbox/"
    return "not looked at yet"


def judged_now(world: World, found: Found) -> str:
    try:
        told = next(tracker.of_pull(world, found), None)
    except AgentOSError as trouble:
        return f"GitHub could not be asked: {trouble}"
    return told.text if told else ""


# --- what needs a person ---------------------------------------------------------------------


def calling(world: World, shelf: Shelf) -> tuple[Calling, ...]:
    """Escalated and failed tasks, the newest first, each with the commands that go on with it."""
    shown = []
    for found in shelf.of(State.ESCALATED, State.FAILED):
        task, last = found.task, found.task.attempt
        why = place.first_words(task.note) or (last.reason if last else "") or "see its file"
        shown.append(
            Calling(
                name=hands.name_of(task), task_id=task.task_id, title=title_of(world, task),
                state=found.state.value, since=since(task),
                why=chatter.flat(world.redact(why)), commands=commands(world, task),
            )
        )  # fmt: skip
    return tuple(sorted(shown, key=lambda one: (one.since is None, one.since), reverse=True))


def commands(world: World, task: Task) -> tuple[str, ...]:
    name = hands.name_of(task)
    answer = (place.answer(world, task),) if questions.asks(task) and task.issue else ()
    return (*answer, f"bin/task.sh retry {name}", f"bin/task.sh close {name}", f"bin/why.sh {name}")


def steps(world: World, shelf: Shelf, *, live: bool) -> tuple[Steps, ...]:
    """The steps for a person that tasks left, until they are ticked, as far as that is known."""
    shown = []
    states = tuple(state for state in LIVELY if state is not State.CANCELLED)
    for found in (*shelf.of(*states), *shelf.done):
        task = found.task
        if not checklists.naming(task):
            continue
        left, known = (still_open(world, task) if live else None), live
        if left is None:
            left, known = checklists.named(task), False
        if left:
            said = tuple(chatter.flat(world.redact(step)) for step in left)
            shown.append(
                Steps(name=hands.name_of(task), task_id=task.task_id, steps=said, known=known)
            )
    return tuple(shown)


def still_open(world: World, task: Task) -> tuple[str, ...] | None:
    try:
        return checklists.left(world, task)
    except AgentOSError:
        return None


def finished(world: World, shelf: Shelf) -> tuple[str, ...]:
    """What was done since this morning, by the config's zone."""
    today = world.clock.now().astimezone(world.zone).date()
    return tuple(names(one for one in shelf.done if on_day(world, one.task, today)))


def on_day(world: World, task: Task, day: object) -> bool:
    at = since(task)
    return at is not None and at.astimezone(world.zone).date() == day


def names(found: Iterable[Found]) -> list[str]:
    return [hands.name_of(one.task) for one in found]
