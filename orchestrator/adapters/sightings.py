"""The ledger of checks: how each run of a check ended on each head, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from orchestrator.adapters import files
from orchestrator.records.sighting import Sighting

LIMIT_BYTES = 4_000_000
KEPT_PARTS = 2


class Sightings:
    """Appends to and reads one file; lost, the checks are taken for ones never seen before."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, seen: Iterable[Sighting]) -> None:
        files.make_folder(self.path.parent)
        for one in seen:
            files.append_line(self.path, msgspec.json.encode(one), durable=False)
        files.rotate(self.path, LIMIT_BYTES, KEPT_PARTS)

    def read(self, repo: str, since: datetime) -> tuple[Sighting, ...]:
        """Those of one repository not older than `since`, oldest first; a torn line is skipped."""
        decoder = msgspec.json.Decoder(Sighting)
        found = []
        for part in (*files.rotated(self.path), self.path):
            for line in files.read_lines(part):
                try:
                    one = decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue
                if one.repo == repo and one.at >= since:
                    found.append(one)
        return tuple(found)
