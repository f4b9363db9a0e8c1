"""A forge for each seed, copied from one that was seeded once, and its pretended CI."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator.forge import records, seed, server, workflows
from orchestrator.forge.state import Settings
from tests.sim.interface import OWNER, ROBOT, SLUGS, STRANGER, CiOutcome, CiWeather, Plan
from tests.sim.processes import Time
from tests.support.forge import PretendedRunner

# Files bear the machine's time while the world has its own. A world that lies in the past sees
# every file of its own as younger than now, so no rule about age ever takes a living file for an
# old one; what a person left long ago is given an old date by `Stage.save` and `Stage.move`.
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SETTINGS = Settings(mergeable_delay=2.0, rest_limit=10**9, graphql_limit=10**9)
WORKFLOW = """\
name: CI
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: "true"
"""
FILES = {
    "README.md": "# A library\n\nSmall and useful.\n",
    "notes.txt": "one\ntwo\nthree\n",
    "src/app.txt": "app\n",
    ".github/workflows/ci.yml": WORKFLOW,
}
SEED: dict[str, Any] = {
    "users": [{"login": who, "token": f"{who}-token"} for who in (OWNER, ROBOT, STRANGER)],
    "repos": [
        {
            "name": slug, "files": FILES, "collaborators": {ROBOT: "write"},
            "labels": ["ready", "hold", "approved", "blocked"],
        }
        for slug in SLUGS
    ],
    "boards": [{"owner": OWNER, "title": "Work"}],
    "issues": [],
}  # fmt: skip

HAPPENINGS = ("insert", "update", "delete")
ISSUE_CHANGES = (
    ("issues", "insert", "when new.is_pull = 0"),
    ("issues", "update", "when new.is_pull = 0"),
    ("comments", "insert", ""),
    *(
        (table, happening, "")
        for table in ("issue_labels", "items", "item_values", "repos", "collaborators", "labels")
        for happening in HAPPENINGS
    ),
)


def place() -> Path:
    """A folder of this process's own, in memory where the machine offers that."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    return Path(tempfile.mkdtemp(prefix="agent-os-sim-", dir=memory if usable else None))


def template(folder: Path) -> Path:
    """A seeded forge's folder, to be copied; closed, so that no journal is left beside it."""
    made = server.build(folder, clock=Time(START), ci_runner=PretendedRunner(), settings=SETTINGS)
    seed.apply(made.state, seed.read(SEED), folder)
    made.advance()
    made.close()
    for samples in folder.glob("git/*/*/hooks/*.sample"):
        samples.unlink()
    return folder


class SimRunner:
    """Runs nothing: the weather says how each job ends, and when."""

    def __init__(self, weather: CiWeather, rng: random.Random) -> None:
        self.weather = weather
        self.rng = rng
        self.orders: list[tuple[datetime, workflows.JobOrder, CiOutcome]] = []
        self.running: list[tuple[datetime, workflows.JobOrder, CiOutcome]] = []

    def start(self, order: workflows.JobOrder, now: datetime) -> None:
        outcome = self.weather(order, self.rng)
        self.orders.append((now, order, outcome))
        if outcome.conclusion:
            self.running.append((now + timedelta(seconds=outcome.seconds), order, outcome))

    def finished(self, now: datetime) -> Sequence[workflows.JobReport]:
        ended = [one for one in self.running if one[0] <= now]
        self.running = [one for one in self.running if one[0] > now]
        return [
            workflows.JobReport(order.check_id, outcome.conclusion, outcome.summary)
            for _, order, outcome in ended
        ]

    def stop(self) -> None:
        self.running.clear()

    def next_due(self) -> datetime | None:
        return min((due for due, _, _ in self.running), default=None)


def opened(source: Path, folder: Path, time: Time, runner: SimRunner) -> server.Forge:
    """A forge of its own over a copy of the template."""
    copied(str(source), str(folder))
    forge = server.build(
        folder, clock=time, ci_runner=runner, settings=SETTINGS, sleep=lambda seconds: None
    )
    # Nobody else reads its file, and nothing of it outlives the seed.
    for pragma in ("locking_mode = exclusive", "journal_mode = memory", "synchronous = off"):
        forge.state.store.connection.execute(f"pragma {pragma}")
    watch_issues(forge)
    return forge


def copied(source: str, folder: str) -> None:
    """A copy in which git's objects, which nobody ever writes again, are the very same files."""
    os.mkdir(folder)
    with os.scandir(source) as entries:
        for entry in entries:
            there = f"{folder}/{entry.name}"
            if entry.is_dir():
                copied(entry.path, there)
            elif "/objects/" in entry.path:
                os.link(entry.path, there)
            else:
                shutil.copy(entry.path, there)


def watch_issues(forge: server.Forge) -> None:
    """Count the changes that could make an issue Ready, wait or go on: see `issue_changes`."""
    connection = forge.state.store.connection
    connection.execute("create temp table issue_changes (n integer)")
    connection.execute("insert into issue_changes values (0)")
    for table, happening, when in ISSUE_CHANGES:
        connection.execute(
            f"create temp trigger seen_{table}_{happening} after {happening} on main.{table} "
            f"{when} begin update issue_changes set n = n + 1; end"
        )


def issue_changes(forge: server.Forge) -> int:
    """A version of all that the dispatcher reads; pull requests and checks do not move it."""
    row = forge.state.store.connection.execute("select n from issue_changes").fetchone()
    return int(row[0])


def next_due(forge: server.Forge, runner: SimRunner) -> datetime | None:
    """When something happens at the forge by itself; None when nothing will."""
    connection = forge.state.store.connection
    row = connection.execute("select min(due) from issues where due is not null").fetchone()
    # Not the moment itself: a float that was rounded down would never be due.
    known = datetime.fromtimestamp(row[0] + 0.001, UTC) if row[0] is not None else None
    moments = [moment for moment in (known, runner.next_due()) if moment is not None]
    return min(moments, default=None)


def end(plan: Plan) -> datetime:
    """The last moment at which anything begins."""
    return START + timedelta(seconds=plan.horizon + plan.calm)


def changes(forge: server.Forge) -> int:
    return forge.state.store.connection.total_changes


def troubles(forge: server.Forge) -> list[str]:
    """What the forge complains of: its own faults, and routes or fields it does not know."""
    found = []
    for name in ("errors.log", "unknown.log"):
        path = forge.state.data / name
        if path.exists():
            found += [f"{name}: {line}" for line in path.read_text().splitlines()]
    return found


def runs(forge: server.Forge) -> list[records.CheckRun]:
    return forge.state.store.select(records.CheckRun)


