"""Whether cron starts what has to be started, and where that writes."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.scripts import WRAPPERS
from orchestrator.rules import schedulers

# The wrapper of each script that must run, and the script that leaves word of itself.
NEEDED = {WRAPPERS[name]: name for name in ("github_dispatcher", "supervisor", "pr_monitor")}
WISE = {"run_watchdog.sh": "nobody tells you when the others fall silent"}
FRESH = timedelta(minutes=20)
SCHEDULE = regex.late(r"\s*(@\w+|(?:\S+\s+){4}\S+)\s+(\S.*)")
ASSIGNMENT = regex.late(r"\s*[A-Za-z_]\w*\s*=")


class Start(Struct, frozen=True):
    """When a scheduler last started a script; a person's hand is none."""

    by: str
    at: datetime


class Failing(Struct, frozen=True):
    """A script that fails: its exit code, since when, and the first sentence of its last run.

    `runs`: more than the last one failed.
    """

    code: int
    since: str
    said: str = ""
    runs: bool = True


class Line(Struct, frozen=True, kw_only=True):
    """One job of a crontab: what it runs, by its path, and the file that takes its output."""

    program: str
    output: str = ""


def jobs(text: str) -> tuple[Line, ...]:
    """The jobs of a user's crontab (crontab(5)); what is no job is left out."""
    found = []
    for line in text.splitlines():
        match = SCHEDULE.fullmatch(line)
        if line.lstrip().startswith("#") or ASSIGNMENT.match(line) or match is None:
            continue
        try:
            words = shlex.split(match[2].replace(">>", " >> "))
        except ValueError:
            continue
        output = words[words.index(">>") + 1] if ">>" in words[:-1] else ""
        paths = [word for word in words if "/" in word]
        ours = [word for word in paths if PurePosixPath(word).name.startswith("run_")]
        program = next(iter((*ours, *paths, *words)), "")
        found.append(Line(program=program, output=output))
    return tuple(found)


def fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and timedelta() <= now - at < FRESH


def scheduled(
    lines: Sequence[Line] | None, root: str, starts: Mapping[str, Start], now: datetime
) -> Iterator[Diagnosis]:
    """A job for each script that must run; `lines` None where there is no crontab to read.

    A timer of systemd, or the crontab of the machine, may start them as well: `starts` tells.
    """
    ours = {line.program for line in lines or ()}
    absent = []
    for wrapper, script in NEEDED.items():
        start = starts.get(script)
        begun = fresh(start.at if start else None, now)
        if not begun and f"{root}/bin/{wrapper}" not in ours:
            absent.append(wrapper)
    if absent:
        other = sorted({
            line.program for line in lines or ()
            if PurePosixPath(line.program).name in NEEDED
            and not line.program.startswith(f"{root}/")
        })  # fmt: skip
        said = f" (the crontab has {other[0]}, of another folder)" if other else ""
        yield Diagnosis(
            check="crontab", level=Level.WRONG, mend="bin/init.sh --cron",
            sentence=f"nothing starts {', '.join(absent)}{said}",
        )  # fmt: skip
    else:
        yield Diagnosis(check="crontab", level=Level.OK, sentence="every script has its job")
    for wrapper, without in WISE.items():
        if f"{root}/bin/{wrapper}" not in ours:
            yield Diagnosis(
                check="crontab", about=wrapper, level=Level.NOTE, mend="bin/init.sh --cron",
                sentence=f"has no job: {without}",
            )  # fmt: skip


def daemon(
    running: bool | None, installed: bool, starts: Mapping[str, Start],
    ended: Mapping[str, datetime], now: datetime, install: str,
) -> Diagnosis:  # fmt: skip
    """Whether something starts the scripts; what a person started lately proves nothing.

    `running` is None where the processes of others are hidden: then a sign of life must do.
    """
    if running:
        return Diagnosis(check="cron", level=Level.OK, sentence="cron runs")
    others = {start.by for start in starts.values()
              if start.by != schedulers.CRON and fresh(start.at, now)}  # fmt: skip
    if others:
        said = f"scripts are being started, by {' and '.join(sorted(others))}"
        return Diagnosis(check="cron", level=Level.OK, sentence=said)
    if running is None and any(fresh(ended.get(script), now) for script in NEEDED.values()):
        said = "other users' processes are hidden from us, but scripts are being started"
        return Diagnosis(check="cron", level=Level.OK, sentence=said)
    if not installed:
        return Diagnosis(
            check="cron", level=Level.WRONG, sentence="cron is not installed", mend=install
        )
    return Diagnosis(
        check="cron", level=Level.WRONG, sentence="cron does not run, so nothing starts",
        mend="systemctl enable --now cron || service cron start",
    )  # fmt: skip


def outputs(
    lines: Sequence[Line], root: str, home: str, missing: Collection[str]
) -> Iterator[Diagnosis]:
    """A job whose log has no folder never runs: the shell fails before the script starts.

    `missing` are the folders that are not there.
    """
    for line in lines:
        if not (line.program.startswith(f"{root}/") and line.output):
            continue
        where = parent(line.output, home)
        if where in missing:
            yield Diagnosis(
                check="log-folder", about=PurePosixPath(line.program).name, level=Level.WRONG,
                sentence=f"its job writes to {line.output}, and the folder {where} is not there, "
                "so the job never starts", mend=f"mkdir -p {where}",
            )  # fmt: skip


def parent(output: str, home: str) -> str:
    """The folder a job's output goes to; cron starts jobs in the home directory."""
    return str((PurePosixPath(home) / output.replace("~", home, 1)).parent)


def silent(
    failing: Mapping[str, Failing], quiet: Mapping[str, str], logs: str
) -> Iterator[Diagnosis]:
    """Scripts that fail since a time, and such as nothing has started since one.

    `logs` is the folder of the logs, "" where there are none.
    """
    for script, one in failing.items():
        # A sentence of ours ends with the command that helps, where there is one.
        said, _, command = one.said.partition("; run: ")
        yield Diagnosis(
            check="health", about=script, level=Level.WRONG,
            mend=command or to_see(script, logs),
            sentence=f"{'has failed at every run since' if one.runs else 'failed at its last run,'}"
            f" {one.since}, with exit code {one.code}"
            + (f": {said}" if said else ""),
        )  # fmt: skip
    for script, last in quiet.items():
        yield Diagnosis(
            check="health", about=script, level=Level.WRONG, mend="crontab -l",
            sentence=f"has not been started since {last}",
        )  # fmt: skip


def to_see(script: str, logs: str) -> str:
    """How a person sees why a script fails: by its log, or where it left none by its own run."""
    if logs:
        return f"tail {logs}/*.log"
    return f"bin/{WRAPPERS[script]} --now" if script in WRAPPERS else f"bin/run_{script}.sh"
