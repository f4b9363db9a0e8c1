"""What every part of the forge works on: the store, the clock, the settings and the CI runner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from orchestrator.forge import making, moments, records, store, workflows


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this forge behaves; the defaults are GitHub's, except that it thinks faster.

    Of the CI jobs that pass, `ci_flaky` (0 to 1) are told as failed, by dice that `ci_seed` sets:
    the same commit, job and repetition always fall the same way.
    """

    mergeable_delay: float = 0.3
    ci_slots: int = 2
    ci_seconds: float = 600
    ci_flaky: float = 0.0
    ci_seed: int = 0
    rest_limit: int = 5000
    graphql_limit: int = 5000
    site: str = "http://127.0.0.1"


class Refused(Exception):
    """An answer that is not yes: an HTTP status for REST, a kind of error for GraphQL."""

    def __init__(
        self, status: int, message: str, *, kind: str = "UNPROCESSABLE",
        errors: Sequence[records.Json | str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.errors = errors
        self.headers: tuple[tuple[str, str], ...] = ()


class State:
    def __init__(
        self, data: Path, clock: Callable[[], datetime], runner: workflows.Runner,
        settings: Settings,
    ) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self.clock = clock
        self.runner = runner
        self.settings = settings
        self.store = store.Store(data / "forge.sqlite")
        # One request or background event at a time; git transfers and CI jobs run outside it.
        self.lock = threading.RLock()

    def now(self) -> str:
        return moments.text(self.clock())

    def path(self, repo: records.Repo) -> Path:
        return self.data.joinpath("git", repo.owner, f"{repo.name}.git")

    def signature(self, user: records.User) -> making.Identity:
        return making.Identity(user.name or user.login, user.email, self.clock())

    def web_flow(self) -> making.Identity:
        """Who commits what is merged through the site."""
        return making.Identity("GitHub", "noreply@github.com", self.clock())


def not_found(what: str = "Not Found") -> Refused:
    return Refused(404, what, kind="NOT_FOUND")


def invalid(resource: str, field: str, code: str = "invalid", message: str = "") -> Refused:
    error: records.Json = {"resource": resource, "field": field, "code": code}
    if message:
        error["message"] = message
    return Refused(422, "Validation Failed", errors=[error])
