"""Which agents rest after their provider refused them: one small file an agent, for all processes.

A cache: lost, each agent is refused once more and the file is there again.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

import msgspec

from orchestrator.adapters import files, slips
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.files import NotReadable
from orchestrator.records.quota import Learnt, Window
from orchestrator.rules import cooldown
from orchestrator.rules.cooldown import Rest

_LARGEST = 10_000
_TRIES = 5


class Cooldowns:
    """The rests under `folder`; a disk that fails makes nobody wait and stops nothing."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock

    def until(self, agent: str) -> datetime | None:
        """When the agent may start again; None where it may now."""
        rest = self._read(agent)[0]
        return rest.until if rest is not None and rest.until > self.clock.now() else None

    def rest(self, agent: str) -> Rest | None:
        """All that is remembered of its refusals; None for one that is served."""
        return self._read(agent)[0]

    def may_start(self, agent: str) -> bool:
        """Whether this process may start the agent now.

        After a rest only the first that asks may, and the others when it has had some minutes:
        where the provider still refuses, one start is lost and not one for each worker.
        """
        while True:
            rest, stamp = self._read(agent)
            now = self.clock.now()
            if rest is None:
                return True
            if rest.until > now:
                return False
            alone = Rest(
                until=now + cooldown.PROBE, count=rest.count, alone=True, window=rest.window
            )
            if self._swapped(agent, alone, stamp):
                return True

    def refused(
        self,
        agent: str,
        hint: datetime | None,
        *,
        window: Window = Window.UNKNOWN,
        learnt: Learnt = Learnt.MESSAGE,
    ) -> Rest:
        """Let the agent rest until `hint`, or for a wait that grows with each refusal in a row."""
        for _ in range(_TRIES):
            before, stamp = self._read(agent)
            after = cooldown.rest(before, hint, self.clock.now(), window=window, learnt=learnt)
            if after == before or self._swapped(agent, after, stamp):
                break
        return after

    def worked(self, agent: str) -> None:
        """The agent was served: what was counted against it is forgotten."""
        with contextlib.suppress(OSError):
            files.remove_file(self.path(agent))

    def path(self, agent: str) -> Path:
        return slips.path(self.folder, agent)

    def _read(self, agent: str) -> tuple[Rest | None, files.Stamp | None]:
        try:
            known, stamp = files.read_stamped(self.path(agent), _LARGEST)
        except (OSError, NotReadable):
            return None, None
        try:
            rest = msgspec.json.decode(known, type=Rest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None, stamp
        return (rest if cooldown.credible(rest, self.clock.now()) else None), stamp

    def _swapped(self, agent: str, rest: Rest, stamp: files.Stamp | None) -> bool:
        """Whether ours was written; False when another process was quicker."""
        return slips.first(self.path(agent), msgspec.json.encode(rest), stamp)
