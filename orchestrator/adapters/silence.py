"""Whether a running program has given no sign of life for too long: no output, no file changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.adapters import reading
from orchestrator.adapters.clock import Clock

LOOKED_AT = 20_000  # entries below a place; a larger tree is taken for alive


class Silence:
    """Counts from the last sign: growth of the log, or a file written below one of `places`.

    Many agents print nothing before their end, yet keep a transcript in their home and write
    into their folder; those trees are walked once per `limit_seconds` of silence, not before.
    """

    def __init__(
        self,
        log: int,
        places: Sequence[str],
        limit_seconds: float | None,
        clock: Clock | None = None,
    ) -> None:
        self.log = log
        self.places = places
        self.limit_seconds = limit_seconds
        self.clock = clock or Clock()
        self._size = os.fstat(log).st_size
        self._since = self.clock.monotonic()
        self._last_write = self.clock.now().timestamp()

    def over(self) -> bool:
        """Whether it has lasted too long; asked often, it costs one look at the log's size."""
        if self.limit_seconds is None:
            return False
        size, now = os.fstat(self.log).st_size, self.clock.monotonic()
        if size != self._size:
            self._size, self._since = size, now
        if now - self._since < self.limit_seconds:
            return False
        wall = self.clock.now().timestamp()
        newest = max((reading.newest_change(Path(p), LOOKED_AT) for p in self.places), default=0.0)
        written = min(newest, wall)  # a time in the future is a program's fancy: it wrote now
        if newest == self._last_write or wall - written >= self.limit_seconds:
            return True
        self._last_write, self._since = newest, now - (wall - written)
        return False
