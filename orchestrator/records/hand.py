"""What came of something that a person did by hand."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """Whether it was done; `busy` may be tried again later, `refused` not as it was asked."""

    DONE = "done"
    ALREADY = "already"
    BUSY = "busy"
    REFUSED = "refused"


class Said(Struct, frozen=True, kw_only=True):
    """The outcome, and the sentence that tells it to the person."""

    outcome: Outcome
    sentence: str

    @property
    def done(self) -> bool:
        """Whether things stand now as the person wanted."""
        return self.outcome in {Outcome.DONE, Outcome.ALREADY}
