"""The programs of this machine, its disk, and the files and folders of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator import containment, disk, tenancy, tick
from orchestrator.adapters import bubblewrap, files, history, survivors
from orchestrator.adapters.store import STALE_LOCK_SECONDS
from orchestrator.agents import sandbox
from orchestrator.commands.doctor.patient import Patient, told
from orchestrator.records import regex
from orchestrator.records.config import Sandbox
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.task import State
from orchestrator.rules.diagnosis import machine as rules
from orchestrator.texts import taskname
from orchestrator.world import SCRIPTS, World

NUMBERS = regex.late(r"git version (\d+)\.(\d+)(?:\.(\d+))?")
LONG_SECONDS = 2 * 3600
GH = "only `gh auth token` and your own looks at GitHub need it"


def programs(patient: Patient) -> Iterator[Diagnosis]:
    said = told(patient, "git", "--version") or ""
    found = NUMBERS.search(said)
    version = tuple(int(part) for part in found.groups() if part) if found else ()
    yield rules.git(version, history.NEEDED, "apt-get install git")
    there = files.find_program("gh", patient.search) is not None
    yield rules.optional("gh", there, GH, "apt-get install gh")
    layer = bubblewrap.layer(patient.search)
    refused = walled(patient.world) if patient.world else ()
    yield rules.sandbox(layer.problem, refused, sandbox.INSTALL, layer.unfiltered)


def walled(world: World) -> tuple[str, ...]:
    """The agents of our chains that start in a sandbox only."""
    return tuple(
        name for name in in_chains(world)
        if containment.config_of(world, name).sandbox is Sandbox.REQUIRED
    )


def in_chains(world: World) -> tuple[str, ...]:
    """Every agent that a chain of some repository names, in the order of the chains."""
    named = (
        name
        for repository in world.config.repositories
        for chain in repository.agent_fallbacks.values()
        for name in chain
    )
    return tuple(dict.fromkeys(named))


def room(patient: Patient) -> Iterator[Diagnosis]:
    if patient.world is not None:
        paths = patient.world.paths
        yield rules.disk(disk.short_of(patient.world), (str(paths.runtime), str(paths.worktrees)))


def private(patient: Patient) -> Iterator[Diagnosis]:
    """The files that hold secrets, as far as they are there."""
    holds = {patient.source: "the config, and perhaps tokens"}
    if patient.world is not None:
        holds |= {Path(path): "a token" for path in patient.world.config.secret_files}
    for path, what in holds.items():
        if path.exists():
            yield rules.mode(str(path), path.stat().st_mode, what)


def folders(patient: Patient) -> Iterator[Diagnosis]:
    """Those that must be there before a script starts, or that it writes into."""
    logs = patient.root / "runtime" / "logs"
    wanted = {logs: "cron opens the logs there before any script starts"}
    if patient.paths is not None:
        wanted |= {
            patient.paths.logs: wanted[logs],
            patient.paths.mailbox.parent: "the mailbox lies there",
            nearest(patient.paths.worktrees): "worktrees are made there",
        }
    for path, why in wanted.items():
        writable = os.access(path, os.W_OK | os.X_OK)
        yield rules.folder(str(path), there=path.is_dir(), writable=writable, why=why)


def nearest(path: Path) -> Path:
    """The folder itself, else the first one above it that is there: the rest is made."""
    return next((place for place in (path, *path.parents) if place.is_dir()), path)


def config(patient: Patient) -> Iterator[Diagnosis]:
    for problem in patient.problems:
        yield Diagnosis(
            check="config", about=str(patient.source), level=Level.WRONG,
            sentence=sentence(patient, problem), mend=remedy(patient, problem),
        )  # fmt: skip
    if patient.world is None:
        return
    if patient.problems:
        yield Diagnosis(
            check="config", level=Level.NOTE,
            sentence="until it is mended its last good copy runs, and is what is looked at below",
        )
    world = patient.world
    for broken in world.config.broken:
        yield Diagnosis(
            check="config", about=broken.name, level=Level.WRONG, mend=f"edit {patient.source}",
            sentence=f"is left alone, its part is wrong: {'; '.join(broken.problems)}",
        )  # fmt: skip
    if not world.config.repositories:
        yield Diagnosis(
            check="config", about=str(patient.source), level=Level.WRONG, mend="bin/init.sh",
            sentence="names no repository, so there is nothing to do",
        )  # fmt: skip
    elif not patient.problems and not world.config.broken:
        count = len(world.config.repositories)
        yield Diagnosis(
            check="config", level=Level.OK,
            sentence=f"it loads: {count} {'repository' if count == 1 else 'repositories'}",
        )  # fmt: skip


def sentence(patient: Patient, problem: str) -> str:
    """The problem without the file's name in front and the command at its end."""
    said = problem.removeprefix(f"{patient.source}: ").removeprefix(f"{patient.source.name}: ")
    return said.partition("run: ")[0].removesuffix("; ").removesuffix(", or ")


def remedy(patient: Patient, problem: str) -> str:
    """The command that a problem names, or what makes or mends the file."""
    if not patient.source.exists():
        return "bin/init.sh"
    copy = tick.last_good(patient.root)
    if not patient.source.stat().st_size and copy.is_file():
        return f"cp {copy} {patient.source}"
    _, found, command = problem.partition("run: ")
    return command if found else f"edit {patient.source}"


def switches(patient: Patient) -> Iterator[Diagnosis]:
    """What somebody has switched off, which is no fault but is easily forgotten."""
    if patient.world is None:
        return
    world = patient.world
    names = (*SCRIPTS, *(repository.slug for repository in world.config.repositories))
    for path in dict.fromkeys(filter(None, map(world.switch_against, names))):
        told_ = world.stopped(next(name for name in names if world.switch_against(name) == path))
        yield Diagnosis(
            check="off", about=str(path.relative_to(world.paths.root)), level=Level.NOTE,
            sentence=f"is switched off: {told_}", mend=f"rm {path}",
        )  # fmt: skip
    for idle in world.idle_switches():
        yield Diagnosis(
            check="off", about=f"runtime/off.d/{idle}", level=Level.WRONG,
            sentence="stops nothing: no script or repository is called so",
            mend=f"rm {world.paths.off_d / idle}",
        )  # fmt: skip


def locks(patient: Patient) -> Iterator[Diagnosis]:
    if patient.world is None:
        return
    world = patient.world
    left = [
        str(path)
        for store in sorted(world.paths.repos.glob("*.git"))
        for path in (*store.glob("*.lock"), *store.glob("refs/**/*.lock"))
        if survivors.is_abandoned(path, STALE_LOCK_SECONDS)
    ]
    now = world.clock.now()
    holders = {name: world.locks.script_holder(name) for name in SCRIPTS}
    hung = [
        (name, holder.pid, world.spoken(holder.started))
        for name, holder in holders.items()
        if holder and (now - holder.started).total_seconds() > LONG_SECONDS
    ]
    yield from rules.stale(left, hung)
    yield rules.dead_claims(
        [
            task.task_id
            for task in world.mailroom.list_state(State.PROCESSING)
            if task.claim and not world.locks.is_live(task.claim.slot, task.claim.uuid)
        ]
    )


def mailbox(patient: Patient) -> Iterator[Diagnosis]:
    """Whether it is ours alone, and whether somebody waits for what is never taken up."""
    if patient.world is None:
        return
    for path in patient.world.mailroom.ignored():
        told = taskname.ignored(path.name, inbox=str(path.parent), folder=path.is_dir())
        said, _, command = told.partition("; run: ")
        yield Diagnosis(
            check="inbox", about=str(path), level=Level.WRONG, sentence=said, mend=command
        )
    found = tenancy.other(patient.world)
    if found is None:
        yield Diagnosis(check="mailbox", level=Level.OK, sentence="the mailbox is ours alone")
    else:
        yield Diagnosis(
            check="mailbox", about=str(patient.world.paths.mailbox), level=Level.WRONG,
            sentence=tenancy.sentence(patient.world, found),
            mend=f"mailbox_dir: {patient.root}/runtime/mailbox",
        )  # fmt: skip
