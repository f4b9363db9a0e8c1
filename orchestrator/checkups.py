"""What is asked about red checks: what was seen of them before, and what the base says of them."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import msgspec
from msgspec import Struct

from orchestrator import workspace
from orchestrator.adapters import files, history
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.sighting import Outcome, Sighting
from orchestrator.records.tracker import Check, CheckState
from orchestrator.rules import checks, failures, flakes
from orchestrator.rules.checks import Checks
from orchestrator.rules.facts import Facts, Obstacle
from orchestrator.rules.redness import Base
from orchestrator.world import World

# What the ledger and the base may turn into something else.
RED = frozenset({Obstacle.RED, Obstacle.RED_AND_RUNNING, Obstacle.RUN_AGAIN, Obstacle.BASE_OPEN})
OUTCOMES = {CheckState.PASS: Outcome.GREEN, CheckState.RED: Outcome.RED}
REMEMBERED = 50  # commits of bases


class Told(Struct, frozen=True, kw_only=True):
    """What the checks of one commit of a base said when they were asked last."""

    sha: str
    summary: Checks

    @property
    def over(self) -> bool:
        """Of a commit that the base has left behind: where nothing ran, nothing will."""
        return not self.summary.pending

    @property
    def settled_at_tip(self) -> bool:
        return self.over and not self.summary.none and not self.summary.red


class Checkups:
    """One tick's questions: the ledger is read once a repository, each base is asked once.

    What bases said lies in a cache file, so that a base that was green is not asked again; losing
    it costs a request for each base below a red pull request. Who is `quiet` fetches nothing, and
    writes nothing down.
    """

    def __init__(self, world: World, *, quiet: bool = False) -> None:
        self.world = world
        self.quiet = quiet or world.dry_run
        self.path = world.paths.state / "base_checks.json"
        self.before = self._read()
        self.now = dict(self.before)
        self.asked: set[tuple[str, str, str]] = set()
        self.seen: dict[str, tuple[Sighting, ...]] = {}

    def save(self) -> None:
        if self.now != self.before:
            newest = dict(list(self.now.items())[-REMEMBERED:])
            files.write_cache(self.path, msgspec.json.encode(newest))

    def history(self, repo: str) -> tuple[Sighting, ...]:
        if repo not in self.seen:
            since = flakes.since(self.world.clock.now())
            self.seen[repo] = self.world.sightings.read(repo, since)
        return self.seen[repo]

    def note(self, repo: str, head: str, found: Iterable[Check]) -> None:
        """Add to the ledger what it does not hold yet of the runs that have ended on a head."""
        if self.quiet:
            return
        held = {(one.check, one.head, one.run) for one in self.history(repo)}
        new = tuple(
            Sighting(
                repo=repo, check=check.name, head=head, run=check.run,
                outcome=OUTCOMES[checks.check_state(check)], at=self.world.clock.now(),
            )
            for check in ended(found)
            if (check.name, head, check.run) not in held
        )  # fmt: skip
        if new:
            self.world.sightings.add(new)
            self.seen[repo] = (*self.history(repo), *new)

    def base(self, facts: Facts, tip: str) -> Base:
        """What the base at `tip`, and the commit of it that the head stands on, say of the checks.

        One request in a tick for each base's tip, and one for what lies below its heads; what has
        to wait for the next one is `later`. What GitHub will never tell is left out: it must not
        keep a repair from being made.
        """
        repo, base = facts.pull.repo, facts.pull.base
        git = workspace.of(self.world).git(repo)
        head = facts.pull.head_sha
        stored = git.has_commit(head) and (not self.quiet or git.has_commit(tip))
        below = history.merge_base(git, tip, head) if stored else None
        at_tip, waits = self._of((repo, base), tip, tip=True)
        below_it, waits_too = at_tip, False
        if below and below != tip:
            below_it, waits_too = self._of((repo, base), below, tip=False)
        return Base(name=base, tip=at_tip, below=below_it, later=waits or waits_too)

    def _of(self, place: tuple[str, str], sha: str, *, tip: bool) -> tuple[Checks | None, bool]:
        """The summary, None where it is not known, and whether a later look may know it."""
        name = f"{place[0]}@{sha}"
        known = self.now.get(name)
        if known is not None and (known.settled_at_tip if tip else known.over):
            return known.summary, False
        # The tip and what lies below are counted apart: a tip that is asked at each look, red or
        # without checks of its own, would keep the others from being asked for ever.
        turn = (*place, "tip" if tip else "below")
        if turn in self.asked:
            return (known.summary if known else None), known is None
        self.asked.add(turn)
        try:
            found = self.world.read.commit_checks(place[0], sha)
        except GitHubTrouble as trouble:
            if trouble.trouble in failures.PASSING:
                raise
            self.world.say(f"{place[0]}: the checks of {place[1]} are not readable: {trouble}")
            found = None
        if found is None:
            return None, False
        self.note(place[0], sha, found)
        told = Told(sha=sha, summary=checks.summary(found))
        self.now.pop(name, None)
        self.now[name] = told
        return told.summary, False

    def _read(self) -> dict[str, Told]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Told])
        except (OSError, msgspec.MsgspecError, RecursionError):
            return {}


def ended(found: Iterable[Check]) -> tuple[Check, ...]:
    """The newest runs that say something about the commit: green or red, and over."""
    return tuple(one for one in checks.latest(found) if checks.check_state(one) in OUTCOMES)


def digest(found: Iterable[Check]) -> str:
    """A short name for what has ended so far: while it stays, there is nothing new to note."""
    told = sorted((one.name, one.run, one.conclusion) for one in ended(found))
    return f"{crc32(repr(told).encode()):08x}"
