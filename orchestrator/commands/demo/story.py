"""The story of the demo: set the stage, run the wrappers in rounds, tell what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import events, files, process
from orchestrator.commands.demo import report
from orchestrator.commands.demo import stage as stages
from orchestrator.commands.demo.board import Watcher
from orchestrator.commands.demo.report import Shipped
from orchestrator.commands.demo.stage import CannotPlay, Forge, Stage
from orchestrator.commands.demo.trail import Trail
from orchestrator.paths import FOLDERS
from orchestrator.records.desk import Mark
from orchestrator.records.task import ENDED, State, Task
from orchestrator.texts import taskfile

WRAPPERS = ("run_dispatcher.sh", "run_queue.sh", "run_pr_monitor.sh")
WRAPPER_SECONDS = 120
# Without --limit: so long after the last step, however slow the machine; and so long in all.
QUIET_SECONDS, LONGEST_SECONDS = 170.0, 1_800.0
PAUSE_SECONDS = 0.4
LARGEST_TASK = 4_000_000
# Of C13: degraded is told and waited for, as after a kill that left a write in doubt; a fault of
# ours may be tried again so often; whatever else it is, no further tick will mend it.
DEGRADED, FAULT, PATIENCE = 10, 1, 5

WHAT = """\
Agent OS, the whole loop on this machine: six issues in two repositories,
a local GitHub with real git and real CI, and the very scripts that cron runs.
No account is needed."""
SMALL_TIMES = "Settle times are small (1 s; usually minutes), and there is no jitter."
NO_SANDBOX = "Agents and tests run WITHOUT A SANDBOX: all they run lies in bin/demo/."
GOING_ON = "An earlier demo was found: this goes on where it stopped (--fresh: anew)."
ANEW = "It begins anew; interrupted at any moment, the next start goes on from there."

PLACES = (
    ("runtime/mailbox/done/", "the tasks, one file each, with all that happened to them"),
    ("runtime/attempts/", "the prompt, log and test run of each attempt"),
    ("runtime/events.jsonl", "one line per step"),
    ("forge/git/", "the repositories: git -C .../widgets.git log main"),
)


class Plan(Struct, frozen=True, kw_only=True):
    fresh: bool
    keep: bool
    stay: bool
    limit_seconds: float | None = None


def play(stage: Stage, trail: Trail, plan: Plan, base: Mapping[str, str]) -> int:
    """The exit code: 0 when every issue is merged and verified."""
    began = stage.clock.monotonic()
    going_on = plan.keep and stage.token_file.exists()
    going_on = going_on or (stages.unfinished(stage) and not plan.fresh)
    introduce(trail, going_on=going_on)
    stages.end(stage, None)  # what a killed demo left running
    if not going_on:
        stages.clear(stage)
    files.remove_file(stage.finished)
    surroundings = stages.environment(stage, base)
    forge = stages.open_forge(stage, surroundings, trail.say)
    staying = False
    try:
        stages.write_config(stage, forge)
        watcher = Watcher(stage, forge)
        trail.say(f"The forge listens on {forge.url}")
        trail.skip_old()
        for card in watcher.set_ready():
            trail.say(f"  {card.repo}#{card.number} is Ready")
        patience = Patience(stage, began, plan.limit_seconds)
        late = perform(stage, trail, forge, surroundings, patience)
        seconds = stage.clock.monotonic() - began
        good = tell(stage, trail, watcher, seconds=seconds, late=late)
        staying = plan.stay
    finally:
        if not staying:
            stages.end(stage, forge.pid)
    look_around(stage, trail)
    if staying:
        trail.say(f"The forge stays on {forge.url} (token: {shown(stage)}/token).")
        trail.say(f"Take a merge back: ORCH_ROOT={shown(stage)} bin/task.sh revert demo/site#2")
        trail.say(f"End it with: kill {forge.pid}")
    elif good:
        trail.say("The forge is stopped; bin/demo.sh --keep --stay starts it again with this data.")
    else:
        trail.say("Everything is stopped; bin/demo.sh goes on from here, --fresh begins anew.")
    return 0 if good else 1


def introduce(trail: Trail, *, going_on: bool) -> None:
    trail.say(WHAT, "bold")
    trail.say(SMALL_TIMES)
    trail.say(NO_SANDBOX)
    trail.say(GOING_ON if going_on else ANEW)


class Patience:
    """How long is waited: for so long in all where somebody said it, else while steps are made."""

    def __init__(self, stage: Stage, began: float, limit: float | None) -> None:
        self.stage = stage
        self.began = began
        self.limit = limit
        self.steps = Mark()
        self.moved = stage.clock.monotonic()  # the forge may have taken its time to start

    def over(self) -> str:
        """Why it is at an end, "" while it is not."""
        now = self.stage.clock.monotonic()
        again = "; bin/demo.sh goes on from here, --limit SECONDS gives it more"
        if self.limit is not None:
            said = f"the limit of {self.limit:.0f} s is over{again}"
            return said if now - self.began > self.limit else ""
        steps = events.end(self.stage.root / "runtime" / "events.jsonl")
        if steps != self.steps:
            self.steps, self.moved = steps, now
        if now - self.moved > QUIET_SECONDS:
            return f"nothing has happened for {QUIET_SECONDS:.0f} s: it hangs, or is slow{again}"
        if now - self.began > LONGEST_SECONDS:
            return f"{LONGEST_SECONDS / 60:.0f} minutes are over{again}"
        return ""


def perform(
    stage: Stage, trail: Trail, forge: Forge, surroundings: Mapping[str, str], patience: Patience
) -> str:
    """Rounds of all wrappers until every task has come to an end; why it was stopped, or ""."""
    expected = len(Watcher(stage, forge).cards())
    failures = dict.fromkeys(WRAPPERS, 0)
    while True:
        for wrapper in WRAPPERS:
            code = tick(stage, trail, surroundings, wrapper)
            failures[wrapper] = failures[wrapper] + 1 if code == FAULT else 0
            if code not in {0, DEGRADED, FAULT} or failures[wrapper] > PATIENCE:
                return f"bin/{wrapper} ended with exit code {code}"
        trail.follow()
        ended = [state for state, _ in tasks(stage) if state in ENDED]
        if len(ended) >= expected:
            return ""
        if not stages.alive(forge.pid):
            fate = stages.fate(stage, forge.pid)
            raise CannotPlay(f"the forge is gone while it was needed: {fate}")
        if late := patience.over():
            return late
        stage.clock.sleep(PAUSE_SECONDS)


def tick(stage: Stage, trail: Trail, surroundings: Mapping[str, str], wrapper: str) -> int:
    """One tick of one script, its decisions shown; its exit code."""
    argv = [str(stage.code / "bin" / wrapper)]
    ended = process.run(argv, cwd="/", environment=surroundings, timeout_seconds=WRAPPER_SECONDS)
    trail.follow()
    trail.show_tick(wrapper, ended.stdout.decode(errors="replace").splitlines())
    if ended.exit_code:
        trail.complain(ended.stderr.decode(errors="replace").splitlines()[1:])
    return ended.exit_code


def tasks(stage: Stage) -> list[tuple[State, Task]]:
    """Every task file of the demo's mailbox with the folder it is in."""
    mailbox = stage.root / "runtime" / "mailbox"
    found = []
    for folder in FOLDERS:
        for path in sorted((mailbox / folder).glob("*.md")):
            task = readable(path)
            if task is not None:
                found.append((State(folder), task))
    return found


def readable(path: Path) -> Task | None:
    """The task of a file, or None where it was renamed this moment or is no task."""
    try:
        text = files.read_bounded(path, LARGEST_TASK).decode()
        return taskfile.parse(text, stem=path.stem, modified=datetime.now(UTC))
    except (FileNotFoundError, UnicodeDecodeError, taskfile.NotATask):
        return None


def tell(stage: Stage, trail: Trail, watcher: Watcher, *, seconds: float, late: str) -> bool:
    """Print the table, the times and every reason to complain; whether there is none."""
    shipped = look(stage, watcher)
    trail.say("")
    trail.console.print(report.table(shipped))
    trail.say(f"Where the time went from Ready to merged; this start took {seconds:.0f} s:")
    for line in report.times(shipped):
        trail.say(line)
    reasons = [
        f"{found.card.repo}#{found.card.number}: {why}"
        for found in shipped
        if (why := report.missing(found))
    ]
    if late:
        reasons.insert(0, f"stopped: {late}")
    for reason in reasons:
        trail.say(reason, "red")
    if not reasons:
        trail.say(f"All {len(shipped)} issues are merged and verified.", "bold green")
        files.write_durably(stage.finished, b"", replace=True)
    return not reasons


def look(stage: Stage, watcher: Watcher) -> list[Shipped]:
    """Every issue of the board with its task and what the forge says of it."""
    files_of = {(task.repo, task.issue): (state, task) for state, task in tasks(stage)}
    trail = events.read(stage.root / "runtime" / "events.jsonl", datetime.min.replace(tzinfo=UTC))
    dispatched = {event.task_id: event.at for event in trail if event.kind == "dispatched"}
    shipped = []
    for card in sorted(watcher.cards(), key=lambda card: (card.repo, card.number)):
        found = files_of.get((card.repo, card.number))
        if found is None:
            shipped.append(Shipped(card=card))
            continue
        state, task = found
        shipped.append(
            Shipped(
                card=card,
                task=task,
                state=state,
                dispatched=dispatched.get(task.task_id),
                checks=watcher.checks(task),
                merged=watcher.merged(task),
            )
        )
    return shipped


def look_around(stage: Stage, trail: Trail) -> None:
    where = shown(stage)
    trail.say(f"Look around in {where}/:")
    for place, holds in PLACES:
        trail.say(f"  {place:<22} {holds}")
    trail.say(f"Ask why one of them is where it is: ORCH_ROOT={where} bin/why.sh demo/site#2")


def shown(stage: Stage) -> Path:
    return stage.root.relative_to(stage.code)
