"""The whole installation at one moment, as a status screen, a chat and a program read it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Off(Struct, frozen=True, kw_only=True):
    """Something that is switched off: `name` is "everything", a script or owner/name.

    `frozen` is a stop of ours after a merge that broke its base; `idle` stops nothing known.
    """

    name: str
    since: datetime
    why: str
    frozen: bool
    idle: bool


class Running(Struct, frozen=True, kw_only=True):
    """A task that a worker holds; `agent` is "" between attempts, `lines` its last words.

    One whose worker is gone is not `alive`.
    """

    name: str
    task_id: str
    title: str
    agent: str
    attempt: int
    since: datetime
    alive: bool
    lines: tuple[str, ...]
    log: str


class Waiting(Struct, frozen=True, kw_only=True):
    """A task in inbox/ or blocked/: why it has not begun, and until when; in the order of turns."""

    name: str
    task_id: str
    title: str
    state: str
    priority: str
    first: bool
    why: str
    until: datetime | None


class Open(Struct, frozen=True, kw_only=True):
    """A task with an open pull request, and what the last look at that decided."""

    name: str
    task_id: str
    title: str
    pull_request: str
    url: str
    since: datetime | None
    verdict: str


class Calling(Struct, frozen=True, kw_only=True):
    """A task that needs a person, and the commands that go on with it."""

    name: str
    task_id: str
    title: str
    state: str
    since: datetime | None
    why: str
    commands: tuple[str, ...]


class Steps(Struct, frozen=True, kw_only=True):
    """Steps for a person that a task left; `known` says that GitHub was asked which are ticked."""

    name: str
    task_id: str
    steps: tuple[str, ...]
    known: bool


class Agent(Struct, frozen=True, kw_only=True):
    """An agent of any chain: whether it could start now, and what it achieved lately."""

    name: str
    ready: bool
    why: str
    until: datetime | None
    achieved: tuple[str, ...]


class Cost(Struct, frozen=True, kw_only=True):
    """What all attempts of today used; of `unknown` of them nobody told the cost."""

    attempts: int
    tokens: int
    usd: float
    unknown: int


class Limit(Struct, frozen=True, kw_only=True):
    """One limit of a budget: what was used of it, 1.0 being all."""

    name: str
    measure: str
    used: float
    limit: float
    share: float


class Script(Struct, frozen=True, kw_only=True):
    """The last run of a script; what was never run has no times."""

    name: str
    ended: datetime | None
    seconds: float
    exit_code: int
    requests: int
    failing_since: datetime | None
    problem: str


class Alert(Struct, frozen=True, kw_only=True):
    """What was called out in the last day."""

    at: datetime
    text: str


class Disk(Struct, frozen=True, kw_only=True):
    """Room where we write, in bytes; `problem` is "" while there is enough."""

    free: int
    whole: int
    problem: str


class Overview(Struct, frozen=True, kw_only=True):
    """Everything at once. The names of its fields are promised: `bin/status.sh --json` prints them.

    `odd` are files that could not be read, a sentence each. `github` says why GitHub is not asked
    now. `finished` are the tasks that were done today.
    """

    at: datetime
    root: str
    config: tuple[str, ...]
    off: tuple[Off, ...]
    running: tuple[Running, ...]
    waiting: tuple[Waiting, ...]
    pull_requests: tuple[Open, ...]
    calling: tuple[Calling, ...]
    steps: tuple[Steps, ...]
    finished: tuple[str, ...]
    agents: tuple[Agent, ...]
    quotas: tuple[str, ...]
    cost: Cost
    budgets: tuple[Limit, ...]
    scripts: tuple[Script, ...]
    alerts: tuple[Alert, ...]
    github: str
    disk: Disk
    odd: tuple[str, ...]
    folders: dict[str, int]
