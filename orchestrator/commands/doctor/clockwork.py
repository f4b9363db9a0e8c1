"""Cron, its jobs, and what the scripts left of their last runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from orchestrator.adapters import files
from orchestrator.adapters.crontab import Crontab, NoCrontab
from orchestrator.adapters.reading import NotReadable
from orchestrator.commands.doctor.patient import Patient
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.health import Health
from orchestrator.rules import schedulers
from orchestrator.rules.diagnosis import cron as rules
from orchestrator.world import SCRIPTS

INSTALL = "apt-get install cron"
LARGEST = 100_000


def jobs(patient: Patient) -> Iterator[Diagnosis]:
    known = healths(patient)
    ended = {name: one.ended for name, one in known.items()}
    starts = {
        name: rules.Start(one.scheduler, one.scheduled)
        for name, one in known.items() if one.scheduled
    }  # fmt: skip
    lines = scheduled(patient)
    now = patient.clock.now()
    installed = files.find_program("crontab", f"{patient.search}:/usr/bin") is not None
    yield rules.daemon(running(patient.proc), installed, starts, ended, now, INSTALL)
    root = str(Path(__file__).resolve().parents[3])
    yield from rules.scheduled(lines, root, starts, now)
    folders = {rules.parent(line.output, patient.home) for line in lines or () if line.output}
    missing = {folder for folder in folders if not Path(folder).is_dir()}
    yield from rules.outputs(lines or (), root, patient.home, missing)


def scheduled(patient: Patient) -> tuple[rules.Line, ...] | None:
    """The jobs of this person's crontab; None where there can be none."""
    try:
        return rules.jobs(Crontab(patient.environment).read())
    except NoCrontab:
        return None


def running(proc: Path) -> bool | None:
    """Whether a process of this machine is a cron; None where others' processes are hidden."""
    for name in proc.glob("[0-9]*/comm"):
        try:
            if name.read_text(encoding="utf-8", errors="replace").strip() in schedulers.DAEMONS:
                return True
        except OSError:
            continue
    return False if os.access(proc / "1" / "comm", os.R_OK) else None


def healths(patient: Patient) -> dict[str, Health]:
    """The last run of each script that left word."""
    if patient.paths is None:
        return {}
    found = {}
    for name in SCRIPTS:
        try:
            raw = files.read_bounded(patient.paths.health / f"{name}.json", LARGEST)
            found[name] = msgspec.json.decode(raw, type=Health)
        except (OSError, NotReadable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return found


def health(patient: Patient) -> Iterator[Diagnosis]:
    world = patient.world
    if world is None:
        return
    known = healths(patient)
    now = world.clock.now()
    failing = {
        name: rules.Failing(
            one.exit_code, world.spoken(one.failing_since or one.ended), one.said,
            one.failing_since not in {None, one.ended},
        )
        for name, one in known.items() if one.exit_code
    }  # fmt: skip
    quiet = {
        name: world.spoken(one.scheduled or one.ended)
        for name, one in known.items()
        if name in rules.NEEDED.values() and now - (one.scheduled or one.ended) > rules.FRESH
    }
    yield from rules.silent(failing, quiet, world.logs_to_read())
    if not failing and not quiet and known:
        yield Diagnosis(check="health", level=Level.OK, sentence="no script fails or is silent")
