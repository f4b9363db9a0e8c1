"""A month of ticks with 20 repositories: `python -m tests.bench.month [--days N]`, by the hour.

As `tests.bench.budget` counts, over a forge in this process: 40 pull requests of ours wait for a
person, and people file ten issues a day, close them and set their cards Done, which are archived
two weeks later.

Not each of 95,000 ticks is run. One is counted as the last one that was run where that one found
the same facts, changed nothing at GitHub or in any file, and no moment lies between at which the
clock alone may change a verdict: the thresholds of the simulator, the days after which a card is
archived, each full hour. Of those that are only counted one in twenty is run all the same, drawn at
random, and must ask for exactly what it was to be counted as: one that does not, or that changes
anything, fails the bench.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct, structs

from orchestrator.records.order import AttemptOrder, AttemptReport
from tests.bench import budget, idle
from tests.bench.budget import CRON, DAY, HOUR, MINUTE, Office, Scene, Spent
from tests.sim import forges
from tests.sim.idleness import Changes, Inputs
from tests.support import forge

SCENE = Scene(repositories=20, pulls=2, inside=True)
ISSUES_A_DAY = 10
ONE_IN = 20
LIMIT = 5000  # points, and REST requests, of a token and an hour
# Written by every tick and read by none for a decision: what is left of the limits; and when the
# board was last read, which a tick that moves a card may save a request by, within the hour.
NOTES = ("limits.json", "board-maria-1.json")


class Seen(Struct, frozen=True):
    """A tick that was run: its facts before it, and what it asked for."""

    inputs: Inputs
    at: datetime
    spent: tuple[Spent, ...]
    same: bool  # it changed nothing, so that the next one finds the same


class Asked(Exception):
    """Somebody started an agent or a model."""


class Nobody:
    """The executor of a month in which nobody is to be asked anything."""

    def run(self, order: AttemptOrder) -> AttemptReport:
        raise Asked(" ".join(order.argv))


class Board:
    """The first board of the account, as a person uses it."""

    def __init__(self, session: forge.Session) -> None:
        self.session = session
        told = session.query(
            """query {viewer{projectV2(number: 1){id field(name: "Status"){
              ...on ProjectV2SingleSelectField{id options{id name}}}}}}"""
        )["data"]["viewer"]["projectV2"]
        self.id, self.field = told["id"], told["field"]["id"]
        self.options = {option["name"]: option["id"] for option in told["field"]["options"]}

    def add(self, issue: str, status: str) -> None:
        """A card for an issue, with a status."""
        made = self.session.query(
            """mutation($board: ID!, $issue: ID!) {addProjectV2ItemById(
              input: {projectId: $board, contentId: $issue}){item{id}}}""",
            board=self.id, issue=issue,
        )  # fmt: skip
        self.session.query(
            """mutation($board: ID!, $item: ID!, $field: ID!, $option: String!) {
              updateProjectV2ItemFieldValue(input: {projectId: $board, itemId: $item,
                fieldId: $field, value: {singleSelectOptionId: $option}}){clientMutationId}}""",
            board=self.id, item=made["data"]["addProjectV2ItemById"]["item"]["id"],
            field=self.field, option=self.options[status],
        )  # fmt: skip

    def cards(self) -> int:
        """Those that are not archived."""
        told = self.session.query("query {viewer{projectV2(number: 1){items{totalCount}}}}")
        return int(told["data"]["viewer"]["projectV2"]["items"]["totalCount"])


class Month:
    """Cron over an office, tick by tick; `samples` were run to prove those that were counted."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        office.executor = Nobody()
        self.rng = random.Random(seed)
        self.last: dict[str, Seen] = {}
        self.changes = {script: Changes(script) for script in CRON}
        self.folder = Folder(office.root)
        self.files = 1
        self.due: list[datetime] = []
        self.run = self.counted = self.samples = self.done = 0
        self.strange: list[str] = []

    @property
    def now(self) -> datetime:
        return self.office.clock.now()

    def inputs(self) -> Inputs:
        return Inputs(forges.changes(self.office.github.forge), (self.files,), 0)

    def minute(self, number: int) -> None:
        for script, (every, _) in CRON.items():
            if number * MINUTE % every == 0:
                self.turn(script, full_hour=number * MINUTE % HOUR == 0)
        clock = self.office.github.clock
        assert clock is not None
        clock.advance(MINUTE)
        before = forges.changes(self.office.github.forge)
        self.office.github.forge.tick()
        if forges.changes(self.office.github.forge) != before:
            self.note()

    def turn(self, script: str, *, full_hour: bool) -> None:
        """Run a tick, or count it as the last one."""
        known = self.last.get(script)
        if known is None or full_hour or not self.is_same(script, known):
            self.played(script)
        elif self.rng.randrange(ONE_IN) == 0:
            self.samples += 1
            self.proved(script, known)
        else:
            self.counted += 1
            hour = int((self.now - self.office.meter.began).total_seconds() // HOUR)
            self.office.meter.spent += [structs.replace(one, hour=hour) for one in known.spent]

    def is_same(self, script: str, known: Seen) -> bool:
        moment = self.changes[script].next_after(known.at)
        moments = (moment, self.due[0] if self.due else None)
        passed = any(one is not None and one <= self.now for one in moments)
        return known.same and known.inputs == self.inputs() and not passed

    def proved(self, script: str, known: Seen) -> None:
        """Run what would have been counted: it must be that, and nothing else."""
        seen = self.played(script)
        if shown(seen.spent) != shown(known.spent) or not seen.same:
            self.strange.append(f"{script} at {self.now}: {shown(seen.spent)}, same: {seen.same}")

    def played(self, script: str) -> Seen:
        """Run it, and note what it saw, asked for and changed."""
        while self.due and self.due[0] <= self.now:
            heapq.heappop(self.due)
        self.run += 1
        meter, before, files = self.office.meter, self.inputs(), self.folder.version()
        there = len(meter.spent)
        self.office.tick(script)
        if self.folder.version() != files:
            self.files += 1
        after = self.inputs()
        if after != before:
            self.note()
        seen = Seen(before, self.now, tuple(meter.spent[there:]), after == before)
        self.last[script] = seen
        return seen

    def note(self) -> None:
        for changes in self.changes.values():
            changes.note(self.inputs(), self.now)

    def people(self, day: int) -> None:
        """Ten issues are filed, closed, and set Done on the board."""
        session = self.office.github.session(idle.TOKEN)
        board = Board(session)
        for number in range(ISSUES_A_DAY):
            repo = f"maria/part-{number % self.office.scene.repositories:02}"
            issue = {"title": f"Done by hand on day {day}: {number}"}
            made = session.post(f"/repos/{repo}/issues", json=issue).json()
            board.add(made["node_id"], "Done")
            session.patch(f"/repos/{repo}/issues/{made['number']}", json={"state": "closed"})
            self.done += 1
        heapq.heappush(self.due, self.now + timedelta(days=14))
        self.note()


class Folder:
    """What lies below a folder, but the notes that decide nothing; `version` is of the contents."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, tuple[os.stat_result, bytes]] = {}

    def version(self) -> int:
        there: dict[str, tuple[os.stat_result, bytes]] = {}
        for place, _, names in os.walk(self.root):
            for name in names:
                if name not in NOTES:
                    path = os.path.join(place, name)
                    there[path] = self.read(path)
        self.known = there
        return hash(tuple(sorted((path, content) for path, (_, content) in there.items())))

    def read(self, path: str) -> tuple[os.stat_result, bytes]:
        now, before = os.stat(path), self.known.get(path)
        if before and (now.st_mtime_ns, now.st_ino, now.st_size) == (
            before[0].st_mtime_ns, before[0].st_ino, before[0].st_size
        ):
            return before
        return now, hashlib.sha256(Path(path).read_bytes()).digest()


def shown(spent: tuple[Spent, ...]) -> list[tuple[str, int, bool]]:
    return [(one.what, one.points, one.free) for one in spent]


@contextmanager
def a_month(scene: Scene = SCENE, seed: int = 1) -> Iterator[Month]:
    place = Path(tempfile.mkdtemp(prefix="agent-os-month-"))
    try:
        with budget.an_office(place, scene) as office:
            yield Month(office, seed)
    finally:
        shutil.rmtree(place)


def told(month: Month, days: int, polls: list[float], cards: list[int]) -> bool:
    """Print what the month cost; whether it kept to its numbers."""
    meter = month.office.meter
    ticks = month.run + month.counted
    print(f"{ticks} ticks in {days} days: {month.run} were run, {month.counted} counted as the "
          f"last one; {month.samples} of those that were run were drawn to prove it, "
          f"{len(month.strange)} of them were another")  # fmt: skip
    for one in month.strange[:5]:
        print(f"    {one}")
    share, rest = meter.most_points / LIMIT, meter.most_rest / LIMIT
    print(f"the worst hour: {meter.most_points} points ({share:.1%} of a token's {LIMIT}), "
          f"{meter.most_rest} REST requests ({rest:.1%}), {meter.most_requests} of both kinds")
    for what, count in Counter(one.what for one in meter.spent).most_common(5):
        points = sum(one.points for one in meter.spent if one.what == what)
        print(f"    {count / days / 24:8.2f} an hour ({points / days / 24:.2f} points) {what}")
    print(f"{month.done} issues were closed; cards on the board, and points of an hour without "
          "deeds, at the end of each day:")  # fmt: skip
    print("    " + ", ".join(f"{n}: {p:.0f}" for n, p in zip(cards, polls, strict=True)))
    print(f"workers started: {len(month.office.started)}; agents and models asked: 0, for whoever "
          "asks one here ends the bench")  # fmt: skip
    steady = polls[16:] or polls
    return (
        not month.strange and meter.most_points <= LIMIT / 4 and meter.most_rest <= LIMIT / 4
        and not month.office.started and max(steady) <= steady[0]
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn to prove the rest")
    asked = parser.parse_args()
    polls: list[float] = []
    cards: list[int] = []
    with a_month(seed=asked.seed) as month:
        for day in range(asked.days):
            month.people(day)
            before = len(month.office.meter.spent)
            for minute in range(DAY // MINUTE):
                month.minute(minute)
            spent = month.office.meter.spent[before:]
            last = max(one.hour for one in spent)
            polls.append(sum(one.points for one in spent if one.hour == last))
            cards.append(Board(month.office.github.session(idle.TOKEN)).cards())
            progress(day, asked.days, month)
        good = told(month, asked.days, polls, cards)
    print("kept" if good else "MISSED")
    return 0 if good else 1


def progress(day: int, days: int, month: Month) -> None:
    said = f"day {day + 1} of {days}: {month.run} ticks run, {month.counted} counted"
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
