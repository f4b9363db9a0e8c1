"""Looks at everything that must be right and says what is not: bin/doctor.sh starts it.

It writes nothing and asks no model.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec import Struct

from orchestrator import tick
from orchestrator.commands.doctor import chat, clockwork, github, machine, sheet, team
from orchestrator.commands.doctor.patient import Patient, meet
from orchestrator.records.diagnosis import Diagnosis, Level

WELL, UNSEEN, WRONG, TOKEN = 0, 10, 20, 30
ABOUT = "Looks at everything that must be right and says what is not, with what mends it."
CODES = (
    "exit codes: 0 nothing is wrong, 10 not everything could be looked at, 20 something must be "
    "mended, 30 there is no token or GitHub refuses it"
)
Look = Callable[[Patient], Iterator[Diagnosis]]
HERE: tuple[tuple[str, tuple[Look, ...]], ...] = (
    ("Config", (machine.config, machine.private, machine.switches)),
    ("Machine", (machine.programs, machine.room, machine.folders, machine.locks, machine.mailbox)),
    ("Cron", (clockwork.jobs, clockwork.health)),
    ("Agents", (team.agents,)),
)
ELSEWHERE: tuple[tuple[str, tuple[Look, ...]], ...] = (
    ("GitHub", (github.everything,)),
    ("Telegram", (chat.telegram,)),
)


class Report(Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    exit_code: int
    counts: dict[str, int]
    findings: tuple[Diagnosis, ...]


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    parts = HERE if asked.offline else HERE + ELSEWHERE
    paper = sheet.Sheet(sys.stdout, quiet=asked.json, plain=bool(os.environ.get("NO_COLOR")))
    found = examined(meet(dict(os.environ)), parts, paper)
    code = verdict(found)
    if asked.json:
        counts = {level.value: sum(one.level is level for one in found) for level in Level}
        report = Report(exit_code=code, counts=counts, findings=tuple(found))
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    else:
        paper.end(found)
    return code


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/doctor.sh", description=ABOUT, epilog=CODES)
    parser.add_argument("--offline", action="store_true", help="look at this machine only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser.parse_args(argv)


def examined(
    patient: Patient,
    parts: Sequence[tuple[str, tuple[Look, ...]]],
    paper: sheet.Sheet,
) -> list[Diagnosis]:
    """Every finding, told part by part as it is made."""
    found: list[Diagnosis] = []
    for title, looks in parts:
        with paper.looking(title):
            there = [one for look in looks for one in look(patient)]
        paper.part(title, there)
        found += there
    return found


def verdict(found: Sequence[Diagnosis]) -> int:
    wrong = {one.check for one in found if one.level is Level.WRONG}
    if "token" in wrong:
        return TOKEN
    if wrong:
        return WRONG
    return UNSEEN if any(one.level is Level.UNKNOWN for one in found) else WELL


if __name__ == "__main__":
    tick.entry(main)
