"""What the engine of the simulator and its content (plans, agents, people, invariants) agree on.

The engine asks `plan.draw(seed)` for a Plan, finds agents, people and CI by the names in it, and
after each step hands a Seen to every invariant. Nothing here imports either side.

Times of a plan are seconds after its start. All chance comes from the `random.Random` that is
handed in, so that a seed is one history; never iterate over a set of strings where order counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Struct

from orchestrator.records.effect import Effect
from orchestrator.records.event import Event
from orchestrator.records.task import State, Task

if TYPE_CHECKING:
    import requests

    from orchestrator.forge import server, workflows
    from orchestrator.paths import Paths
    from orchestrator.records.config import Config
    from orchestrator.world import World

# The people of the forge, each with the token `<login>-token`: maria owns the repositories, robot
# is our token's account (write), eve is a stranger.
OWNER, ROBOT, STRANGER = "maria", "robot", "eve"
# The repositories that every simulated forge has; a plan names those that the config lists.
# Each has README.md, a .github/workflows/ci.yml with one job `test`, and CODEBASE.md is absent.
SLUGS = ("maria/library", "maria/tools", "maria/site")
BASE = "main"
# A login of the agents: it stands in our environment under this name, and the config hands it to
# every agent (`environment`). It must never be seen again, and neither must robot's token.
AGENT_KEY_NAME = "CANARY_API_KEY"
AGENT_KEY = "sk-ant-" + "api03-canaryQ7wE9rT2yU4iO6pA8sD0fG1hJ3kL5zXcV"

ALL_HONEST = {"first": "honest", "second": "honest", "third": "honest"}


# --- the plan: what a seed draws ---------------------------------------------------------------


class RepositoryPlan(Struct, frozen=True, kw_only=True):
    """A configured repository, with the keys that its entry of config.yaml has besides."""

    slug: str = SLUGS[0]
    overrides: dict[str, Any] = {}


class IssuePlan(Struct, frozen=True, kw_only=True):
    """An issue that somebody opens `at`, and that is set Ready `ready_after` seconds later.

    `after` are positions in `Plan.issues` of issues that arrive earlier: the body gets their
    numbers as `Depends on: #n`. With `on_board` Ready is the board's status, else the label.
    `agent` is the requested agent, written into the body as its `agent:` line.
    """

    at: float
    title: str
    body: str = ""
    slug: str = SLUGS[0]
    labels: tuple[str, ...] = ()
    author: str = OWNER
    ready_after: float | None = 0.0
    on_board: bool = False
    after: tuple[int, ...] = ()
    agent: str = ""


class DeedPlan(Struct, frozen=True, kw_only=True):
    """Something a person does `at` (or the machine suffers), by the name of a function."""

    at: float
    name: str
    arguments: dict[str, Any] = {}


class FaultKind(StrEnum):
    """How one request to GitHub, or one git transfer, goes wrong."""

    DROPPED = "dropped"  # never arrived; the connection broke
    APPLIED_DROPPED = "applied-dropped"  # did its work; the answer was lost
    SERVER = "502"  # refused by the front, nothing applied
    APPLIED_SERVER = "applied-500"  # did its work, answered 500
    SECONDARY = "403-secondary"  # secondary rate limit, with Retry-After
    SECONDARY_BARE = "429-bare"  # 429 without any header
    EXHAUSTED = "403-exhausted"  # primary limit: X-RateLimit-Remaining 0, -Reset in a minute
    GRAPHQL_ERRORS = "200-errors"  # GraphQL only: HTTP 200, data null, errors
    STALE = "stale"  # the answer that the same read had before, if it was asked before
    SLOW = "slow"  # answers after half a minute of the world's time
    UNAUTHORISED = "401"  # as after a revoked token
    PARTIAL = "partial"  # GraphQL only: the true answer with a hole, and an error that names it
    LATE_CHECKS = "late-checks"  # a read that does not know the checks of the last minute
    NULL_MERGEABLE = "null-mergeable"
    STILL_OPEN = "still-open"  # merged, and shown as open; on a merge: done, answered 500
    SHIFTED = "shifted"  # a later page of a listing slipped by one row


class FaultPlan(Struct, frozen=True, kw_only=True):
    """From `since` until `until` each request that fits goes wrong with `chance`.

    `method` "" is any; "GIT" are fetch, ls, push and delete by git (DROPPED, APPLIED_DROPPED,
    SERVER and UNAUTHORISED exist there). `path` is a regular expression searched in the path; for
    GraphQL the path is "/graphql mutation" or "/graphql query", for git "fetch|ls|push|delete
    owner/name".
    """

    kind: FaultKind
    chance: float
    since: float = 0.0
    until: float = 1e12
    method: str = ""
    path: str = ""


class CiOutcome(Struct, frozen=True, kw_only=True):
    """A CI job ends after `seconds` with a conclusion of GitHub's; "" never ends."""

    seconds: float = 60.0
    conclusion: str = "success"
    summary: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that a seed decides before anything happens; the rest is the engine's dice.

    `agents` are names of the config's agents with the name of their personality; `tests` is the
    personality of a repository's own test_command ("" passes always); `ci` names the CI weather.
    `crash_chance` is asked at each door of each process, `switch_chance` likewise for handing the
    baton to another process that could run. After `horizon` the world is calm: no faults, no
    crashes, no further deeds; it must then become quiet within `calm` seconds.
    """

    seed: int
    repositories: tuple[RepositoryPlan, ...] = (RepositoryPlan(),)
    issues: tuple[IssuePlan, ...] = ()
    agents: dict[str, str] = msgspec.field(default_factory=ALL_HONEST.copy)
    fallbacks: tuple[str, ...] = ("first", "second", "third")
    config: dict[str, Any] = {}
    tests: str = ""
    ci: str = "green"
    deeds: tuple[DeedPlan, ...] = ()
    faults: tuple[FaultPlan, ...] = ()
    crash_chance: float = 0.0
    switch_chance: float = 0.05
    horizon: float = 6 * 3600.0
    calm: float = 3 * 86400.0


# --- agents, tests and CI ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Job:
    """One order to the executor: an agent that works in `folder`, or a test or setup command.

    `attempt` counts from 1 for the task. `facts` outlives the job: one dictionary for each
    (personality, task), for what an agent wants to remember, such as that it was tried before.
    """

    folder: Path
    prompt: str
    agent: str
    task_id: str
    slug: str
    attempt: int
    rng: random.Random
    facts: dict[str, Any]
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a job; `seconds` pass in the world's time before anybody sees it.

    `crash` kills the worker that waits for it (an out-of-memory kill takes both). `exit_code`
    None is a program that could not be started; `problem` says why. Without a `result`, what
    stands in the folder as `.agent_result.md` is read as production reads it, pipes and all.
    """

    seconds: float = 300.0
    exit_code: int | None = 0
    result: bytes | None = None
    output_tail: str = ""
    timed_out: bool = False
    crash: bool = False
    problem: str = ""


Personality = Callable[[Job], Outcome]
CiWeather = Callable[["workflows.JobOrder", random.Random], CiOutcome]


# --- people ---------------------------------------------------------------------------------------


class Act(Struct, frozen=True, kw_only=True):
    """What a deed really did, to what; told by the deed itself through `Stage.act`.

    `kind` is a word of tests.sim.people; `number` is an issue or a pull request, `file` a name in
    the mailbox or of a switch.
    """

    order: int
    at: datetime
    kind: str
    slug: str = ""
    number: int | None = None
    branch: str = ""
    sha: str = ""
    task_id: str = ""
    file: str = ""


class Stage(Protocol):
    """What a deed may touch. A deed is one step: nobody acts between its lines."""

    plan: Plan
    rng: random.Random
    root: Path
    mailbox: Path
    paths: Paths
    forge: server.Forge
    issue_numbers: Sequence[int | None]  # by position in Plan.issues; None: not opened yet

    @property
    def live(self) -> Sequence[str]:
        """The names of our processes that run now."""
        ...

    def now(self) -> datetime: ...

    def session(self, login: str = OWNER) -> requests.Session:
        """Takes paths ("/repos/...") instead of addresses; never meets faults. `.query(...)`."""
        ...

    def tasks(self) -> list[tuple[State, Path, Task | None]]:
        """Every file of the mailbox, sorted by name; None where it cannot be read."""
        ...

    def bare(self, slug: str) -> Path:
        """The forge's own bare repository."""
        ...

    def commit(
        self,
        slug: str,
        branch: str,
        files: Mapping[str, str | None],
        *,
        message: str = "A person's commit",
        login: str = OWNER,
        parent: str | None = None,
        force: bool = False,
    ) -> str:
        """A commit on top of the branch (or `parent`), pushed and told to the forge; its SHA."""
        ...

    def command(self, what: str, act: Callable[[World], int]) -> None:
        """A program that a person starts on this machine, as one of our processes; its exit code
        is what `act` gives."""
        ...

    def tip(self, slug: str, branch: str) -> str | None: ...

    def delete_branch(self, slug: str, branch: str, *, login: str = OWNER) -> None: ...

    def move(self, file: Path, to: State) -> Path:
        """`mv` by a person who is slower than ten seconds (the file's times say so)."""
        ...

    def save(self, file: Path, text: str) -> None:
        """A person's editor: a new file over the old name, finished a minute ago."""
        ...

    def remove(self, path: Path) -> None:
        """`rm -rf`, without any door."""
        ...

    def kill(self, script: str = "") -> int:
        """kill -9 of the processes of that script ("" all) now; how many died."""
        ...

    def note(self, line: str) -> None:
        """A line of the history."""
        ...

    def act(self, kind: str, **facts: Any) -> None:
        """Write down an Act (its order and time are the engine's), for the invariants."""
        ...


Deed = Callable[..., None]  # (stage: Stage, **arguments)


# --- what the invariants see ---------------------------------------------------------------


class StepKind(StrEnum):
    TICK = "tick"  # a script's tick or a worker ended
    CRASH = "crash"
    DEED = "deed"
    PROVEN = "proven"  # a tick that should have changed nothing was run to prove it
    PAUSE = "pause"  # an agent or a sleeper began to wait
    END = "end"  # the calm is over


class Step(Struct, frozen=True, kw_only=True):
    kind: StepKind
    at: datetime
    process: str
    script: str = ""
    said: tuple[str, ...] = ()
    exit_code: int | None = None


class Request(Struct, frozen=True, kw_only=True):
    """A request of one of our processes. `applied`: the forge carried it out (a read counts too).

    `order` counts requests, pushes, agent runs and acts together, as they happened.
    `status` is what our process saw (0: no answer); `answered` what the forge said (0: not asked).
    """

    at: datetime
    process: str
    script: str
    method: str
    path: str
    query: str
    body: bytes
    status: int
    answered: int
    applied: bool
    answer: bytes
    fault: FaultKind | None = None
    order: int = 0

    @property
    def mutates(self) -> bool:
        if self.path == "/graphql":
            return b"mutation" in self.body[:200]
        return self.method != "GET"


class Push(Struct, frozen=True, kw_only=True):
    """A ref of the forge's repository that moved; `process` is ours, or "person:<login>"."""

    at: datetime
    process: str
    slug: str
    ref: str
    old: str | None
    new: str | None
    order: int = 0


class AgentRun(Struct, kw_only=True):
    """`ended` is None while it runs; of a worker that was killed it is the moment of the kill."""

    process: str
    agent: str
    personality: str
    task_id: str
    slug: str
    attempt: int
    started: datetime
    ended: datetime | None = None
    outcome: Outcome | None = None
    killed: bool = False
    is_test: bool = False
    prompt: str = ""
    order: int = 0


class Filed(Struct, frozen=True, kw_only=True):
    """A file of the mailbox; `task` is None where it cannot be read."""

    state: State
    path: Path
    task: Task | None
    problem: str = ""


class Seen(Struct, kw_only=True):
    """The whole world after a step. The logs only grow; what is new begins at the `*_from` marks.

    `live` are the names of our processes that run now; `began` is the order at which each of ours
    was started; `memory` is the invariants' own, empty at the start of a seed.
    `removed_by_person` are file names that a deed took from the mailbox.
    """

    plan: Plan
    step: Step
    now: datetime
    calm: bool
    forge: server.Forge
    config: Config
    paths: Paths
    mailbox: Mapping[State, tuple[Filed, ...]]
    effects: Mapping[str, tuple[Effect, ...]]
    events: Sequence[Event]
    requests: Sequence[Request]
    pushes: Sequence[Push]
    runs: Sequence[AgentRun]
    deeds: Sequence[tuple[datetime, str, Mapping[str, Any]]]
    said: Sequence[tuple[datetime, str, str]]  # when, process, line
    live: Sequence[str]
    issue_numbers: Sequence[int | None]
    memory: dict[str, Any]
    acts: Sequence[Act] = ()
    began: Mapping[str, int] = {}
    requests_from: int = 0
    pushes_from: int = 0
    events_from: int = 0

    def tasks(self) -> list[tuple[State, Task]]:
        return [(f.state, f.task) for files in self.mailbox.values() for f in files if f.task]


Invariant = Callable[[Seen], list[str]]


# --- where the content is found -----------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the engine takes from the world's modules; a test of the engine brings its own.

    draw: tests.sim.plan.draw · agents: tests.sim.personalities.ALL · tests: same table ·
    deeds: tests.sim.people.ALL · weather: tests.sim.weather.ALL · invariants: invariants.ALL.
    """

    draw: Callable[[int], Plan]
    personalities: Mapping[str, Personality]
    deeds: Mapping[str, Deed]
    weather: Mapping[str, CiWeather]
    invariants: Sequence[Invariant]
