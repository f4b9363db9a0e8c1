"""What we ran ourselves on a work before it left this machine, and how it ended."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Ground(StrEnum):
    """On which files a command ran: the work's, or the base's with the work's tests."""

    HEAD = "head"
    BASE = "base"


class Run(Struct, frozen=True, kw_only=True):
    """One command in a clean checkout; `exit_code` is None where it could not be started.

    `sandbox` is the layer that was active, in a word, "" where nobody said; `network` what it
    could reach.
    """

    what: str
    ground: Ground
    command: str
    exit_code: int | None
    seconds: float
    timed_out: bool = False
    sandbox: str = ""
    network: str = ""

    @property
    def passed(self) -> bool:
        return self.exit_code == 0 and not self.timed_out


class Evidence(Struct, frozen=True, kw_only=True):
    """All runs for one attempt, in order.

    `tree` is git's name of the files that were tested, `base_sha` the commit they are compared
    with, `head_sha` the commit that holds them, with the memory entry that we add. `tests` are
    the paths of the work that were put on the base. `remark` says, in a sentence, what was not
    shown and why.
    """

    task_id: str
    attempt: int
    base_sha: str
    tree: str
    head_sha: str = ""
    runs: tuple[Run, ...] = ()
    tests: tuple[str, ...] = ()
    remark: str = ""
