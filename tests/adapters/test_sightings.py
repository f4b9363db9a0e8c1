"""The ledger of checks survives a torn line and keeps repositories apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from orchestrator.adapters.sightings import Sightings
from orchestrator.records.sighting import Outcome, Sighting

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
RED = Sighting(repo="o/r", check="test", head="a", outcome=Outcome.RED, at=NOON, run="1")


def test_what_was_added_is_read_back_for_its_repository_and_time(tmp_path: Path) -> None:
    ledger = Sightings(tmp_path / "metrics" / "checks.jsonl")
    assert ledger.read("o/r", NOON) == ()
    old = structs.replace(RED, at=NOON - timedelta(days=31))
    ledger.add([old, RED, structs.replace(RED, repo="o/other")])
    with ledger.path.open("ab") as stream:
        stream.write(b'{"repo": "o/r", "che')
    green = structs.replace(RED, outcome=Outcome.GREEN, run="2")
    ledger.add([green])
    assert ledger.read("o/r", NOON) == (RED, green)
