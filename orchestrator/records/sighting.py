"""What was seen of a check on one head: the evidence by which flaky checks are known."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    GREEN = "green"
    RED = "red"


class Sighting(Struct, frozen=True, kw_only=True):
    """One line of `checks.jsonl`: how one run of a check ended on one head.

    `run` tells two runs of the same check on the same head apart.
    """

    repo: str
    check: str
    head: str
    outcome: Outcome
    at: datetime
    run: str = ""
