"""One seed from its first issue to the quiet at the end: scheduler, crashes, steps, history."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from orchestrator import github_dispatcher, housekeeping, pr_monitor, queue, supervisor, tick
from orchestrator import paths as rooms
from orchestrator import world as worlds
from orchestrator.adapters.locks import Locks
from orchestrator.health import Visit
from orchestrator.housekeeping import EVERY
from orchestrator.records.effect import Effect
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import State
from orchestrator.world import World
from tests.sim import forges, reading, setting
from tests.sim.doors import LOOKING, WATCH, Kind
from tests.sim.idleness import Changes, Habit, Inputs
from tests.sim.interface import (
    Act,
    AgentRun,
    Content,
    Filed,
    Plan,
    Push,
    Request,
    Seen,
    Step,
    StepKind,
)
from tests.sim.processes import Flocks, Killed, Process, SimClock, Time, chosen
from tests.sim.seeing import Eyes
from tests.sim.stage import Hands, aged
from tests.sim.transport import Watched, Weather
from tests.sim.wire import SharedWire
from tests.sim.work import SimExecutor

# Names that chance gives to files for a moment.
TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.tmp")
# What cron runs, how often (minutes), as README.md says.
STORIES: dict[str, tuple[tick.Story, int]] = {
    "github_dispatcher": (github_dispatcher.story, 1),
    "supervisor": (supervisor.story, 1),
    "pr_monitor": (pr_monitor.story, 5),
}
# One tick of so many that need not run is run to prove that it changes nothing.
PROVEN_ONE_IN = 500
# In the calm, where nearly all of them lie, as seldom as costs nothing.
PROVEN_IN_THE_CALM_ONE_IN = 5_000
# A tick that ends in trouble is run again so often, though nothing has changed.
AGAIN_AFTER_TROUBLE = 3
# What a process that was switched away from may lose before it goes on (seconds).
DELAYS = (0.0, 0.0, 0.0, 1.0, 5.0, 20.0, 70.0, 200.0)
# A process that passes so many doors without an end is taken for one that never ends.
DOORS_AT_MOST = 60_000


@dataclass
class Result:
    """What came of a seed. `violations` are pairs of an invariant's name and what it says."""

    plan: Plan
    violations: list[tuple[str, str]] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    boundaries: list[str] = field(default_factory=list)
    # Which of them change nothing, by number.
    looks: set[int] = field(default_factory=set)
    final: dict[str, Any] = field(default_factory=dict)


class Simulation:
    """A world of its own under `folder`; `crash_at` kills whoever comes to that door, by number.

    `until_over` ends it as soon as every task is, without looking whether it stays so.
    """

    def __init__(
        self,
        plan: Plan,
        content: Content,
        folder: Path,
        template: Path,
        *,
        crash_at: int | None = None,
        note_boundaries: bool = False,
        until_over: bool = False,
    ) -> None:
        self.plan, self.content, self.folder = plan, content, folder
        self.crash_at, self.note_boundaries = crash_at, note_boundaries
        self.until_over = until_over
        self.time = Time(forges.START)
        names = ("engine", "agents", "deeds", "ci")
        dice = [random.Random(f"{plan.seed}:{name}") for name in names]
        self.rng, self.agent_rng, self.deed_rng, ci_rng = dice
        self.runner = forges.SimRunner(content.weather[plan.ci], ci_rng)
        self.forge = forges.opened(template, folder / "forge", self.time, self.runner)
        self.config, self.environment = setting.made(plan, folder)
        self.paths = rooms.build(self.config)
        self.eyes = Eyes(self.paths)
        self.weather = Weather(plan.faults, self.time, random.Random(f"{plan.seed}:weather"))
        self.flocks = Flocks(f"{self.paths.locks}/")
        self.processes: list[Process] = []
        self.born: Counter[str] = Counter()
        self.requests: list[Request] = []
        self.pushes: list[Push] = []
        self.runs: list[AgentRun] = []
        self.said: list[tuple[datetime, str, str]] = []
        self.deeds: list[tuple[datetime, str, Mapping[str, Any]]] = []
        self.facts: dict[tuple[str, str], dict[str, Any]] = {}
        self.earlier: dict[tuple[Any, ...], Any] = {}
        self.issue_numbers: list[int | None] = [None] * len(plan.issues)
        self.memory: dict[str, Any] = {}
        self.result = Result(plan)
        self.counts = self.result.counts
        self.changes = {script: Changes(script) for script in STORIES}
        self.habits = {script: Habit() for script in STORIES}
        self.phase = {
            script: timedelta(seconds=self.rng.choice((0, 0, 5, 11, 20))) for script in STORIES
        }
        self.calm = self._swept = False
        self.proof = {script: self._proof_after() for script in STORIES}
        # Versions: of refs, forecasts, watched bases, switches, freed locks,
        # of what people do to this machine, and of regular jobs, which only the clock asks for.
        self.stored = self.foreseen = self.watched = self.switched = self.freed = 0
        self.people = self.regular = 0
        # What each process wrote; ticks that need not run, with the turn and moment of their start.
        self.worked: Counter[str] = Counter()
        self.proving: dict[str, tuple[int, datetime]] = {}
        self.orders = 0
        self.acts: list[Act] = []
        self._forge_seen = -1
        self._forge_due: datetime | None = None
        self._shown: Mapping[State, tuple[Filed, ...]] = {}
        # Whether something was written to the mailbox, or to the effects, since it was looked at.
        self._moved = self._noted = True
        self._told_effects: Mapping[str, tuple[Effect, ...]] = {}
        self._read: reading.Readings | None = None
        self._turns = 0
        self._ready, self._ready_at = False, -1
        self._watching, self._watching_at = False, -1
        self.locks = Locks(self.paths.locks)
        self._claimable, self._claims_at = (False, False), (-1, forges.START)
        self._marks = (0, 0, 0)
        self._counted: dict[tuple[str, bool, bool], Inputs] = {}
        self._counted_at: tuple[Any, ...] = ()
        # What the invariants were shown last.
        self._checked: tuple[Any, ...] = ()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._agenda_count = 0
        self.began: dict[str, int] = {}
        self.hands = Hands(self)
        self._forecast = f"{self.paths.state}/conflicts.json"
        self._watched = f"{self.paths.state}/aftermath.json"
        self._regular = f"{self.paths.state}/cadence/"
        self._switches = str(self.paths.off)
        self._filed, self._effects = str(self.paths.mailbox), str(self.paths.effects)
        self._work_roots = tuple(
            f"{place}/" for place in (
                self.paths.mailbox, self.paths.effects, self.paths.attempts, self.paths.repos,
                self.paths.worktrees,
            )
        )  # fmt: skip

    # --- the whole of it ----------------------------------------------------------------------

    def run(self) -> Result:
        WATCH.install()
        WATCH.root = f"{self.folder}/root"
        WATCH.tell, WATCH.lock_taken = self._told, self.flocks.taken
        self._draw_agenda()
        try:
            while not self.result.violations and self._one_step():
                pass
            if not self.result.violations:
                self._observe(Step(kind=StepKind.END, at=self.time.moment, process="world"))
            self._notice("the forge itself", forges.troubles(self.forge)[:5])
            self.result.final = setting.final(self)
        finally:
            WATCH.tell = WATCH.process = None
            for process in self._living():
                self._end(process)
            self.forge.close()
            self._count_the_rest()
            self.counts["seconds"] = int((self.time.moment - forges.START).total_seconds())
            self.counts["crashes"] += 0
            self.counts["faults"] = self.weather.met
            self.counts["lifetimes"] = len({run.task_id for run in self.runs})
            self.counts["requests"] = len(self.requests)
        return self.result

    def _count_the_rest(self) -> None:
        """Until the end of the calm nothing is due: those ticks were not run either."""
        end = forges.end(self.plan)
        for script, (_, every) in STORIES.items():
            last = self.habits[script].last
            if last is not None and not self.result.violations and not self.until_over:
                self.counts["skipped"] += max(0, (end - last) // timedelta(minutes=every))

    def _draw_agenda(self) -> None:
        for number, issue in enumerate(self.plan.issues):
            self._at(issue.at, partial(setting.open_issue, self, number))
            if issue.ready_after is not None:
                self._at(issue.at + issue.ready_after, partial(setting.set_ready, self, number))
        for deed in self.plan.deeds:
            if deed.at <= self.plan.horizon:
                act = partial(self._deed, deed.name, deed.arguments)
                self._at(deed.at, act)
        self._at(self.plan.horizon, self._calm_down)

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        self._agenda_count += 1
        moment = forges.START + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (moment, self._agenda_count, act))

    def _calm_down(self) -> None:
        self.calm = self.weather.calm = True
        self.proof = {script: self._proof_after() for script in STORIES}
        setting.calm(self)
        self.person_acted("the world becomes calm")

    # --- one step -----------------------------------------------------------------------------

    def _one_step(self) -> bool:
        """Run whoever can run, else let time jump to what is due next; False when nothing is."""
        now = self.time.moment
        ready = [p for p in self.processes if p.wakes <= now]
        if ready:
            self._run(chosen(ready, self.rng))
            return True
        if self.until_over and self._over():
            return False
        self._note_changes()
        moment = self._next_moment()
        if moment is None or moment > forges.end(self.plan):
            # Nothing begins any more; whoever is at work comes to an end.
            self.time.moment = max(now, min((p.wakes for p in self.processes), default=now))
            return bool(self.processes) or self._sweeps()
        self.time.moment = max(now, moment)
        self._move_forge()
        self._note_changes()
        while self._agenda and self._agenda[0][0] <= self.time.moment:
            heapq.heappop(self._agenda)[2]()
        for script in STORIES:
            self._start_if_due(script, now)
        return True

    def _sweeps(self) -> bool:
        """The hourly job of the supervisor, of which nothing else tells that it is due, once at the
        end, where there may be a call for a person that GitHub did not let us make."""
        if self._swept or self.until_over or not self._mailbox().get(State.ESCALATED):
            return False
        self._swept = True
        self.time.moment += EVERY
        self._begin("supervisor")
        return True

    def _over(self) -> bool:
        """Whether nothing runs, nobody will come, and every task there is has come to an end."""
        mailbox = self._mailbox()
        there = {state for state, files in mailbox.items() if files}
        return (
            bool(there) and not self.processes and len(self._agenda) <= 1
            and not there & {State.INBOX, State.PROCESSING, State.BLOCKED, State.REVIEW}
        )  # fmt: skip

    def _next_moment(self) -> datetime | None:
        moments = [p.wakes for p in self.processes]
        if self._agenda:
            moments.append(self._agenda[0][0])
        if self._forge_due is not None:
            moments.append(self._forge_due)
        moments += [m for m in (self._next_tick(script) for script in STORIES) if m is not None]
        return min(moments, default=None)

    def _run(self, process: Process) -> None:
        WATCH.process = process
        process.resume()
        WATCH.process = None
        process.turns += 1
        self._turns += 1
        self._move_forge()
        if process.ended:
            self._buried(process)
        elif process.wakes > self.time.moment:
            self._observe(Step(kind=StepKind.PAUSE, at=self.time.moment, process=process.name,
                               script=process.script))

    def _buried(self, process: Process) -> None:
        self.processes.remove(process)
        if process.failure is not None:
            self._notice("no traceback", [f"{process.name}: {process.failure!r}"])
            self.result.violations[-1:] = [
                ("no traceback", f"{process.name}: {process.failure!r}{where(process.failure)}")
            ]
        if process.script == "queue" or process.dead:
            self.freed += 1
        proven = self._proves(process)
        self._remember(process)
        if not process.dead:
            kind = StepKind.PROVEN if proven else StepKind.TICK
            self._observe(Step(kind=kind, at=self.time.moment, process=process.name,
                               script=process.script, said=tuple(process.said),
                               exit_code=process.exit_code))
        else:
            self._observe(Step(kind=StepKind.CRASH, at=self.time.moment, process=process.name,
                               script=process.script, said=tuple(process.said)))

    def _remember(self, process: Process) -> None:
        habit = self.habits.get(process.script)
        if habit is None or process.dead:
            if habit is not None:
                habit.again = True
            return
        began = self.memory.setdefault("began", {}).pop(process.name)
        if any("the one before still runs" in line for line in process.said):
            # It looked at nothing; the one before will say how it ended, if it has not already.
            if any(one.script == process.script for one in self._living()):
                habit.ran(self._inputs(process.script), self.time.moment, idle=True)
                habit.kept_out = True
            return
        proves = self._proves(process)
        quiet = process.exit_code == 0 and not process.faults
        habit.asked(process.script, process.requests, in_order=quiet)
        inputs = self._inputs(process.script)
        began = began[habit.looked, habit.watching]
        habit.troubled = habit.troubled + 1 if process.exit_code else 0
        again = bool(process.faults) or 0 < habit.troubled <= AGAIN_AFTER_TROUBLE
        habit.ran(inputs, self.time.moment, idle=inputs == began, again=again)
        if process.name in self.memory.get("news", ()):
            self.changes[process.script].seen(self.time.moment)
        if proves and self._deeds_of(process):
            told = "; ".join(process.said[-5:])
            self._notice("an unchanged world needs no tick", [f"{process.name} acted: {told}"])

    def _proves(self, process: Process) -> bool:
        """Whether nothing was news to it, and no moment of a rule lay between it and the last."""
        if not self._undisturbed(process):
            return False
        since, until, regular = self.memory["proof"][process.script]
        due = self.regular != regular or self.changes[process.script].any_between(since, until)
        return not due

    def _undisturbed(self, process: Process) -> bool:
        """Whether a tick that need not run was run, and nobody else acted while it did."""
        since = self.proving.get(process.name)
        return since == (self._turns - process.turns, self.time.moment)

    def _deeds_of(self, process: Process) -> int:
        """How much it has written, here and at GitHub."""
        return (
            self.worked[process.name]
            + sum(one.mutates for one in self.requests if one.process == process.name)
            + sum(one.process == process.name for one in self.pushes)
        )

    # --- processes ----------------------------------------------------------------------------

    def _begin(self, script: str) -> Process:
        """A tick of cron's; what it reads stands so when it begins."""
        process = self.start(script, STORIES[script][0])
        self.memory.setdefault("began", {})[process.name] = {
            mode: self._versions(script, *mode) for mode in product((False, True), repeat=2)
        }
        return process

    def start(self, script: str, story: tick.Story, *, alone: bool = True) -> Process:
        def ticks(process: Process, world: World) -> int:
            visit = Visit(script, self.paths.root, SimClock(process))
            visit.meets(world)
            code = tick.caught(
                visit, lambda: tick.within(world, story, alone=alone, hurried=True)
            )
            visit.end(code)
            return code

        return self._born(script, ticks)

    def start_by_hand(self, act: Callable[[World], int]) -> None:
        """As bin/task.sh does, whatever is switched off."""

        def asked(_: Process, world: World) -> int:
            try:
                return act(world)
            except AgentOSError as error:
                world.say(world.redact(str(error)))
                return error.exit_code

        self._born("task", asked)

    def _born(self, script: str, act: Callable[[Process, World], int]) -> Process:
        self.born[script] += 1
        name = f"{script}-{self.born[script]}"
        process = Process(name, script, lambda me: self._live(me, act), self.time)
        self.processes.append(process)
        self.began[name] = self.next_order()
        self.counts["ticks"] += 1
        return process

    def _live(self, process: Process, act: Callable[[Process, World], int]) -> int:
        """What `python -m` does: a world of its own, and the story in it."""
        transport = Watched(
            self.forge, process, self.weather,
            lambda p, verb, path: self.door(p, Kind.HTTP, verb, path), self.requests, self.earlier,
            self.next_order,
        )  # fmt: skip
        wire = SharedWire(
            self.forge, process, self.weather,
            lambda p, verb, slug: self.door(p, Kind.WIRE, verb, slug), self.pushes,
            self.next_order, self._fetched,
        )  # fmt: skip

        def say(line: str) -> None:
            # The one of the machine's own numbers that is ever said.
            line = line.replace(str(self.folder), "").replace(f"process {os.getpid()} ", "")
            process.said.append(line)
            self.said.append((self.time.moment, process.name, line))
            self.tell(process.name, line)

        tick.prepare(self.paths)
        world = worlds.build(
            script=process.script, config=self.config, paths=self.paths, clock=SimClock(process),
            environment=self.environment, say=say, dry_run=False, only=None, transport=transport,
        )  # fmt: skip
        wired = setting.replaced(
            world, wire=wire, executor=SimExecutor(self, process),
            spawn=lambda argv, **more: self._spawned(process, argv), code=lambda: "the same",
        )
        return act(process, wired)

    def _spawned(self, parent: Process, argv: Sequence[str]) -> int:
        self.door(parent, Kind.SPAWN, "worker")
        packs = "--pack" in argv
        story = housekeeping.maintain_stores if packs else queue.story
        self.start("queue", story, alone=False)
        return 10_000 + self.born["queue"]

    def live(self) -> tuple[str, ...]:
        return tuple(process.name for process in self._living())

    def _living(self) -> list[Process]:
        return [p for p in self.processes if not p.ended]

    def crash(self, process: Process, why: str) -> None:
        """kill -9 of the process that runs now; does not return."""
        self._die(process, why)
        raise Killed(process.name)

    def kill_all(self, script: str) -> int:
        """kill -9 of processes that wait, by a deed; the machine stops when all are meant."""
        mine = [p for p in self._living() if script in ("", p.script)]
        for process in mine:
            self._die(process, "killed")
            self._end(process)
            self._buried(process)
        return len(mine)

    def _die(self, process: Process, why: str) -> None:
        process.dead = True
        self.flocks.free(process)
        self.counts["crashes"] += 1
        for run in self.runs:
            if run.process == process.name and run.ended is None:
                run.ended, run.killed = self.time.moment, True
        self.tell(process.name, f"DIES {why}")

    def _end(self, process: Process) -> None:
        """Let a dead thread unwind; none of its doors opens any more."""
        process.dead = True
        before, WATCH.process = WATCH.process, process
        tell, WATCH.tell = WATCH.tell, self._told
        while not process.ended:
            process.resume()
        WATCH.process, WATCH.tell = before, tell

    # --- doors --------------------------------------------------------------------------------

    def _told(self, process: Process, kind: Kind, what: str, where: str) -> None:
        filed = kind is Kind.FILE and where.startswith(self._filed)
        if kind is Kind.FILE:
            if where.startswith(self._work_roots):
                self.worked[process.name] += 1
            elif where == self._forecast:
                self.foreseen += 1
            elif where == self._watched:
                self.watched += 1
            elif where.startswith(self._regular):
                self.regular += 1
            elif where.startswith(self._switches):
                self.switched += 1
        elif kind is Kind.GIT and what not in LOOKING:
            self.worked[process.name] += 1
            self.stored += 1
        noted = kind is Kind.FILE and where.startswith(self._effects)
        self._moved |= filed
        self._noted |= noted
        self.door(process, kind, what, where)
        # Whoever waited at the door does only now what was told.
        self._moved |= filed
        self._noted |= noted

    def door(self, process: Process, kind: Kind, what: str, where: str = "") -> None:
        """Before every boundary: the process may die here, or the others may run first."""
        if process.dead:
            raise Killed(process.name)
        self.counts["doors"] += 1
        number = self.counts["doors"]
        if self.note_boundaries:
            place = where.replace(str(self.folder), "")
            self.result.boundaries.append(f"{process.script}: {kind} {what} {place}"[:160])
            if changes_nothing(kind, what, where):
                self.result.looks.add(number)
        if number > DOORS_AT_MOST:
            self._notice("everything ends", [f"{process.name} goes through doors for ever"])
            raise Killed(process.name)
        if self.crash_at is not None:
            if number == self.crash_at:
                self.crash(process, f"before {kind} {what}")
            return
        # Whoever is to prove something is left to itself.
        if self.calm or process.name in self.proving:
            return
        if self.rng.random() < self.plan.crash_chance:
            place = where.replace(str(self.folder), "")
            torn = kind is Kind.FILE and what == "write" and self._torn(process, where)
            when = "in the midst of" if torn else "before"
            self.crash(process, f"{when} {kind} {what} {place}"[:150])
        if self.rng.random() < self.plan.switch_chance:
            process.wait(self.rng.choice(DELAYS))

    def _torn(self, process: Process, where: str) -> bool:
        """Half of those who die at a write have opened the file, and written nothing into it."""
        making = WATCH.flags & (os.O_CREAT | os.O_TRUNC)
        if not making or self.rng.random() < 0.5:
            return False
        with process.elsewhere(), contextlib.suppress(OSError):
            # It may be a pipe, which nobody reads.
            os.close(os.open(where, WATCH.flags | os.O_NONBLOCK, 0o600))
            self.counts["torn"] += 1
        return True

    # --- time ---------------------------------------------------------------------------------

    def _cron_after(self, script: str, moment: datetime) -> datetime:
        """The first minute of cron's, in this machine's phase, that is later than a moment."""
        every, phase = timedelta(minutes=STORIES[script][1]), self.phase[script]
        count = (moment - forges.START - phase) // every + 1
        return forges.START + phase + count * every

    def _next_tick(self, script: str) -> datetime | None:
        """When the script is run next, as far as is known now; ticks until then are not."""
        habit = self.habits[script]
        if habit.last is None or self._wants(script):
            return self._cron_after(script, self.time.moment)
        due = self._due(script, habit.last)
        due.append(habit.last + timedelta(minutes=STORIES[script][1]) * self.proof[script])
        return self._cron_after(script, max(min(due) - timedelta(milliseconds=1), self.time.moment))

    def _wants(self, script: str) -> bool:
        """Whether its next tick may do something, whatever the clock says."""
        habit = self.habits[script]
        if habit.wants(self._inputs(script)):
            return True
        # One that was kept out is let in once the lock is free, be the other at its last words.
        return habit.kept_out and self.locks.script_holder(script) is None

    def _due(self, script: str, last: datetime) -> list[datetime]:
        """When the same inputs may mean something else to a script, after its last tick."""
        moments = []
        watching = self.habits[script].watching and self._inputs(script).something
        if script == "supervisor":
            # Of what it judges by an age only whether those that wait may start.
            watching = self._claims()[1]
        if watching:
            moments.append(self.changes[script].next_after(last))
        if script == "supervisor":
            moments.append(self._not_before(last))
        return [moment for moment in moments if moment is not None]

    def _not_before(self, last: datetime) -> datetime | None:
        moments = [
            one.task.not_before
            for state in (State.BLOCKED, State.INBOX)
            for one in self._mailbox().get(state, ())
            if one.task and one.task.not_before and one.task.not_before > last
        ]
        return min(moments, default=None)

    def _start_if_due(self, script: str, before: datetime) -> None:
        now = self.time.moment
        if now == before or self._cron_after(script, now - timedelta(milliseconds=1)) != now:
            return
        habit = self.habits[script]
        last = habit.last
        proven = False
        same = last is not None and not self._wants(script)
        if same and last and not any(moment <= now for moment in self._due(script, last)):
            every = timedelta(minutes=STORIES[script][1])
            # While somebody is at work it would prove nothing.
            if now < last + every * self.proof[script] or self._living():
                return
            proven = True
            self.proof[script] = self._proof_after()
        if habit.last is not None:
            every = timedelta(minutes=STORIES[script][1])
            self.counts["skipped"] += max(0, (now - habit.last) // every - 1)
        process = self._begin(script)
        if not same:
            self.memory.setdefault("news", set()).add(process.name)
        if proven:
            self.counts["proven"] += 1
            self.proving[process.name] = (self._turns, now)
            self.memory.setdefault("proof", {})[script] = (habit.last, now, self.regular)

    def _proof_after(self) -> int:
        seldom = PROVEN_IN_THE_CALM_ONE_IN if self.calm else PROVEN_ONE_IN
        return self.rng.randint(1, 2 * seldom)

    def _inputs(self, script: str) -> Inputs:
        """What this script's tick reads, as versions."""
        habit = self.habits[script]
        return self._versions(script, habit.looked, habit.watching)

    def _versions(self, script: str, looked: bool, watching: bool) -> Inputs:  # noqa: FBT001
        """Counted once for as long as nobody acts and no time passes."""
        self._mailbox()
        moment = (
            self._turns, self.time.moment, forges.changes(self.forge), self.stored, self.foreseen,
            self.watched, self.switched, self.freed, self.people,
        )  # fmt: skip
        if moment != self._counted_at:
            self._counted_at = moment
            self._counted.clear()
        mode = (script, looked, watching)
        if mode not in self._counted:
            self._counted[mode] = self._count_versions(script, looked, watching)
        return self._counted[mode]

    def _count_versions(self, script: str, looked: bool, watching: bool) -> Inputs:  # noqa: FBT001
        read = self._readings()
        contents, names = self.eyes.contents, self.eyes.names
        everything = sum(contents.values())
        here = self.people + self.switched
        if script == "github_dispatcher":
            if not (read.asks or self._says_ready()):
                return Inputs(0, (), here)
            # Without a Ready issue it opens no file.
            files: tuple[int, ...] = (everything,) if looked else ()
            return Inputs(forges.issue_changes(self.forge), files, here + self.freed)
        if script == "supervisor":
            late = reading.overdue(read.mailbox, self.time.moment)
            lost, free = self._claims()
            # Who may start is looked at beside what is under way and, by name, in review.
            beside = contents[State.PROCESSING] + names[State.REVIEW] + self.foreseen + self.stored
            versions = (
                (read.odd, everything), (late, contents[State.BLOCKED]),
                (lost, contents[State.PROCESSING]), (free, contents[State.INBOX] + beside),
            )  # fmt: skip
            files = tuple(1 + version + self.freed if there else 0 for there, version in versions)
            return Inputs(0, files, here)
        if not (read.follows or self._watches()):
            return Inputs(0, (), here)
        if not watching:
            open_ones = (contents[State.REVIEW], contents[State.ESCALATED], contents[State.DONE])
            return Inputs(0, (*open_ones, self.watched), here)
        files = (everything, self.stored, self.foreseen, self.watched)
        return Inputs(forges.changes(self.forge), files, here + self.freed)

    def _readings(self) -> reading.Readings:
        mailbox = self._mailbox()
        if self._read is None or self._read.mailbox is not mailbox:
            self._read = reading.readings(mailbox)
        return self._read

    def _says_ready(self) -> bool:
        version = forges.issue_changes(self.forge)
        if version != self._ready_at:
            self._ready_at = version
            self._ready = reading.says_ready(self.forge, reading.ready_columns(self.config))
        return self._ready

    def _claims(self) -> tuple[bool, bool]:
        """Whether a claim is nobody's any more, and whether a task that waits may be taken up."""
        now, mailbox = self.time.moment, self._mailbox()
        if (self._turns, now) != self._claims_at:
            self._claims_at = (self._turns, now)
            lost = reading.abandoned(mailbox, self.locks)
            self._claimable = lost, reading.startable(mailbox, self.config, self.locks, now)
        return self._claimable

    def _watches(self) -> bool:
        """Whether the list of watched merges is not an empty one; a missing one is made anew."""
        if self._turns != self._watching_at:
            self._watching_at = self._turns
            try:
                self._watching = os.stat(self._watched).st_size != len("[]")
            except FileNotFoundError:
                self._watching = True
        return self._watching

    def _move_forge(self) -> None:
        """Let the forge do what is due; only where something changed or its moment has come."""
        now = self.time.moment
        due = self._forge_due is not None and self._forge_due <= now
        if not due and forges.changes(self.forge) == self._forge_seen:
            return
        self.forge.tick()
        self._forge_seen = forges.changes(self.forge)
        self._forge_due = forges.next_due(self.forge, self.runner)

    def next_order(self) -> int:
        self.orders += 1
        return self.orders

    def _note_changes(self) -> None:
        for script, changes in self.changes.items():
            changes.note(self._inputs(script), self.time.moment)

    def _fetched(self) -> None:
        self.stored += 1

    def changed_work(self) -> None:
        self._moved = True

    def person_acted(self, what: str, *, here: bool = True) -> None:
        """A person's or the machine's deed is over; one on this machine makes everybody look."""
        self.people += here
        self._turns += 1
        self._moved = self._noted = True
        self._move_forge()
        self.tell("person", what)
        self._observe(Step(kind=StepKind.DEED, at=self.time.moment, process="person"))

    def _deed(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.deeds.append((self.time.moment, name, arguments))
        before = self.eyes.inodes()
        with WATCH.noted() as touched:
            self.content.deeds[name](self.hands, **arguments)
        for path, version in self.eyes.inodes().items():
            if before.get(path) != version:
                aged(path)
        said = ", ".join(f"{key}={value}" for key, value in arguments.items())
        self.person_acted(f"{name}({said})", here=bool(touched))

    # --- what is seen and told ------------------------------------------------------------------

    def _mailbox(self) -> Mapping[State, tuple[Filed, ...]]:
        if self._moved:
            self._moved = False
            self._shown = self.eyes.mailbox()
        return self._shown

    def _observe(self, step: Step) -> None:
        requests_from, pushes_from, events_from = self._marks
        events = self.eyes.look_at_events()
        world = self._world(len(events))
        if step.kind is StepKind.PAUSE and not self._noted and world == self._checked:
            return
        self._checked = world
        if self._noted:
            self._noted = False
            self._told_effects = self.eyes.effects()
        seen = Seen(
            plan=self.plan, step=step, now=self.time.moment, calm=self.calm, forge=self.forge,
            config=self.config, paths=self.paths, mailbox=self._mailbox(),
            effects=self._told_effects, events=events, requests=self.requests,
            pushes=self.pushes, runs=self.runs, acts=self.acts, deeds=self.deeds,
            said=self.said, began=self.began,
            live=self.live(), issue_numbers=self.issue_numbers,
            memory=self.memory.setdefault("invariants", {}), requests_from=requests_from,
            pushes_from=pushes_from, events_from=events_from,
        )  # fmt: skip
        self._marks = (len(self.requests), len(self.pushes), len(events))
        for invariant in self.content.invariants:
            self._notice(invariant.__name__, invariant(seen))

    def _world(self, events: int) -> tuple[Any, ...]:
        """All that an invariant may read while a process waits; the same, and so is its word."""
        self._mailbox()
        return (
            events, sum(self.eyes.contents.values()), forges.changes(self.forge),
            len(self.requests), len(self.pushes), len(self.runs), len(self.acts), len(self.said),
            len(self.deeds), sum(run.ended is not None for run in self.runs), self.calm,
        )  # fmt: skip

    def _notice(self, name: str, broken: list[str]) -> None:
        for words in broken:
            self.result.violations.append((name, words))
            self.tell("INVARIANT", f"{name}: {words}")

    def tell(self, who: str, what: str) -> None:
        passed = int((self.time.moment - forges.START).total_seconds())
        hours, minutes, seconds = passed // 3600, passed // 60 % 60, passed % 60
        text = TEMPORARY.sub(".tmp", " ".join(what.replace(str(self.folder), "").split()))
        self.result.history.append(f"{hours:3}:{minutes:02}:{seconds:02} {who:<20} {text[:400]}")


def changes_nothing(kind: Kind, what: str, where: str) -> bool:
    """Whether nothing tells afterwards that this door was passed; a lock ends with its owner."""
    if kind is Kind.FILE:
        return what == "remove" and not os.path.lexists(where)
    if kind is Kind.HTTP:
        return what == "GET" or where.endswith("/graphql query")
    return kind is Kind.LOCK or (kind is Kind.GIT and what in LOOKING)


def where(failure: BaseException) -> str:
    """The last lines of a traceback, as `file:line function`, innermost last."""
    found, trace = [], failure.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " < " + " < ".join(reversed(found[-6:]))


def simulate(
    plan: Plan, content: Content, place: Path, template: Path, **more: Any
) -> Result:
    """One seed in a folder of its own, which is gone afterwards."""
    folder = place / "seed"
    cleared(folder)
    folder.mkdir(parents=True)
    try:
        return Simulation(plan, content, folder, template, **more).run()
    finally:
        cleared(folder)


def cleared(folder: Path) -> None:
    if folder.exists():
        subprocess.run(("rm", "-rf", "--", folder), check=True)
