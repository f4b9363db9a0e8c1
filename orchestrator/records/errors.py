"""Errors, named for what the caller can do about them."""

from __future__ import annotations

from enum import StrEnum

Paths = tuple[tuple[str | int, ...], ...]


class AgentOSError(Exception):
    """Anything we raise on purpose; its text is written for the person who reads it."""

    exit_code = 1


class ConfigError(AgentOSError):
    """The config does not load; every problem is told, one sentence each."""

    exit_code = 20

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Misused(AgentOSError):
    """A person asked for something that is not there; nothing was done."""

    exit_code = 2


class UnsafeName(AgentOSError):
    """A task id or repository name that could leave the folder it belongs in."""


class Trouble(StrEnum):
    """The kinds of failure that GitHub and the network have (A6)."""

    AUTH = "auth"
    PERMISSION = "permission"
    RATE = "rate"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    CONFLICT = "conflict"
    READ_ONLY = "read_only"  # nobody may write in that repository for now
    VALIDATION = "validation"
    SERVER = "server"
    NETWORK = "network"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class GitHubTrouble(AgentOSError):
    """GitHub said no, or did not answer; `trouble` says what the caller may do about it.

    `ambiguous` is true for a write that may have happened although no answer says so (M10, E1).
    `paths` are the parts of a GraphQL answer that it is about; none where it is about the whole.
    """

    def __init__(
        self, trouble: Trouble, sentence: str, *, status: int = 0, paths: Paths = ()
    ) -> None:
        super().__init__(sentence)
        self.trouble = trouble
        self.status = status
        self.paths = paths

    @property
    def ambiguous(self) -> bool:
        return self.trouble in {Trouble.SERVER, Trouble.NETWORK}

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """C13: 30 where the token is refused, else 10: degraded, and the next tick tries again."""
        return 30 if self.trouble is Trouble.AUTH else 10


class OutcomeUnknown(AgentOSError):
    """A write whose outcome is not known yet; nothing is repeated, a later tick looks (E1)."""

    exit_code = 10


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end (C14); like its parent it passes through every net."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """As a shell would tell it: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.number


class SwitchedOff(AgentOSError):
    """A person's `runtime/off`, or a freeze of ours, stands before this step."""

    exit_code = 0
