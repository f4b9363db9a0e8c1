"""The installation that is looked at: as much of it as stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator import paths as rooms
from orchestrator import settings, tick
from orchestrator import world as worlds
from orchestrator.adapters import process
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.process import CannotStart
from orchestrator.paths import Paths
from orchestrator.records.errors import ConfigError
from orchestrator.world import World

SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Patient:
    """`world` is None where no config loads, not even a last good copy; `problems` say why."""

    root: Path
    source: Path
    environment: Mapping[str, str]
    world: World | None
    problems: tuple[str, ...] = ()
    clock: Clock
    proc: Path = Path("/proc")  # where the kernel tells of processes

    @property
    def search(self) -> str:
        return self.environment.get("PATH", "")

    @property
    def home(self) -> str:
        return self.environment.get("HOME", "/")

    @property
    def paths(self) -> Paths | None:
        return self.world.paths if self.world else None


def meet(environment: Mapping[str, str], clock: Clock | None = None) -> Patient:
    """A world that only looks; nothing is written."""
    clock = clock or Clock()
    root = settings.root_of(environment)
    source = settings.find(root, environment)
    try:
        config, problems = tick.readable(source, root, environment)
        world = worlds.build(
            script="doctor", config=config, paths=rooms.build(config), clock=clock,
            environment=environment, say=lambda line: None, dry_run=True, only=None,
        )  # fmt: skip
    except ConfigError as error:
        return Patient(
            root=root, source=source, environment=environment, world=None,
            problems=error.problems, clock=clock,
        )  # fmt: skip
    return Patient(
        root=root, source=source, environment=environment, world=world, problems=problems,
        clock=clock,
    )  # fmt: skip


def told(patient: Patient, *argv: str) -> str | None:
    """What a short program prints; None where it cannot be run or fails."""
    environment = {
        "PATH": patient.search, "HOME": patient.home, "LANG": "C.UTF-8",
        "LOGNAME": patient.environment.get("LOGNAME", ""),
    }  # fmt: skip
    try:
        ended = process.run(argv, cwd="/", environment=environment, timeout_seconds=SECONDS)
    except CannotStart:
        return None
    return ended.stdout.decode("utf-8", "replace") if ended.exit_code == 0 else None
