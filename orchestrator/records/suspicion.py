"""What a diff does that work does not need: found by rule, for the agent and for a person."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Weight(StrEnum):
    """What takes a suspicion away: a reason, an honest fix and no reason, or a person alone."""

    REASON = "reason"
    MEND = "mend"
    PERSON = "person"


class Suspicion(Struct, frozen=True, kw_only=True):
    """One finding: `line` counts from 1 in the file as it is now, 0 where it has no line there.

    `rule` is a stable word, `said` a sentence for a person without the path.
    """

    path: str
    line: int = 0
    rule: str
    said: str
    weight: Weight

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path
