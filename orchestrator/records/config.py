"""What the scripts know of their configuration: resolved once, typed and frozen."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from orchestrator.records.task import Priority, TaskType

# The built-in chains, used where `agent_fallbacks` says nothing.
EVERY_AGENT = ("codex", "claude", "gemini", "deepseek")
DEBUGGERS = ("claude", "codex", "gemini", "deepseek")
THINKERS = ("claude", "codex")
FALLBACKS: dict[str, tuple[str, ...]] = {
    TaskType.IMPLEMENTATION.value: EVERY_AGENT,
    TaskType.DEBUGGING.value: DEBUGGERS,
    TaskType.ARCHITECTURE.value: THINKERS,
    TaskType.RESEARCH.value: THINKERS,
    TaskType.DOCS.value: THINKERS,
    TaskType.DESIGN.value: THINKERS,
    TaskType.CONTENT.value: THINKERS,
    TaskType.BROWSER_AUTOMATION.value: DEBUGGERS,
}
PRIORITY_WEIGHTS = {
    Priority.HIGH.value: 30.0,
    Priority.NORMAL.value: 10.0,
    Priority.LOW.value: 0.0,
}


class AutomationMode(StrEnum):
    """How far we go on our own: up to the merge, or up to the pull request."""

    FULL = "full"
    DISPATCHER_ONLY = "dispatcher_only"


class MergePolicy(StrEnum):
    """Whether green checks are enough, or a maintainer must approve first."""

    AUTO = "auto"
    APPROVED = "approved"


class MergeMethod(StrEnum):
    """The three ways GitHub merges a pull request."""

    SQUASH = "squash"
    MERGE = "merge"
    REBASE = "rebase"


class Trust(StrEnum):
    """Who needs write permission before an issue is worked on, besides whoever set it Ready."""

    AUTHOR = "author"
    ACTOR = "actor"


class AgentKind(StrEnum):
    """Which adapter drives an agent; `command` is any program."""

    COMMAND = "command"
    PATCH = "patch"
    CODEX = "codex"
    CLAUDE = "claude"
    GEMINI = "gemini"
    DEEPSEEK = "deepseek"


class PromptBy(StrEnum):
    """How a program gets its prompt."""

    STDIN = "stdin"
    FILE = "file"
    ARGUMENT = "argument"


class Sandbox(StrEnum):
    """What happens where no sandbox can be made: no start, a logged start, or none wanted."""

    REQUIRED = "required"
    AUTO = "auto"
    NONE = "none"


class Network(StrEnum):
    """What a contained program reaches: everything, the hosts of a list, or nothing."""

    ALLOW = "allow"
    PROVIDERS = "providers"
    NONE = "none"


class Routing(StrEnum):
    """Whether the chain is followed as it is written, or reordered by what its agents achieved."""

    FIXED = "fixed"
    EVIDENCE = "evidence"


class Period(StrEnum):
    """How long a budget is for, in the config's timezone; a task's is for its whole round."""

    DAY = "day"
    MONTH = "month"


class Secret:
    """A value that is used but never shown: `reveal` gives it away, no encoder can."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


class AppConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A GitHub App that opens GitHub in place of a token; without a number its owner's is found."""

    id: str
    key: Secret
    installation_id: int | None = None


class BoardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One GitHub project, and what its Status options are called."""

    owner: str
    number: int
    status_field: str = "Status"
    backlog: str = "Backlog"
    ready: str = "Ready"
    in_progress: str = "In Progress"
    blocked: str = "Blocked"
    done: str = "Done"

    @property
    def name(self) -> str:
        return f"{self.owner}/{self.number}"


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where one provider of an agent is asked, and what the model is called there."""

    base_url: str = ""
    model: str = ""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """At `soft_warn_*` a person hears of it once; at `hard_stop_*` nothing more is started.

    Money is in USD; tokens are all that went in and came out, those from a cache included.
    None: no limit.
    """

    soft_warn_usd: float | None = None
    hard_stop_usd: float | None = None
    soft_warn_tokens: int | None = None
    hard_stop_tokens: int | None = None
    soft_warn_attempts: int | None = None
    hard_stop_attempts: int | None = None
    period: Period = Period.DAY


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """What all work together may use, and each agent; `default` is of those `per_agent` omits."""

    day: Budget | None = None
    default: Budget | None = None
    per_agent: dict[str, Budget] = {}

    def of_agent(self, name: str) -> Budget | None:
        return self.per_agent.get(name, self.default)


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """USD for a million tokens; without `cached`, those from a cache cost as much as others."""

    input: float
    output: float
    cached: float | None = None


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """What a run costs whose program does not say so: by model, times its agent's multiplier."""

    models: dict[str, Price] = {}
    agent_models: dict[str, str] = {}
    multiplier: float = 1
    multipliers: dict[str, float] = {}


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's plan allows in one of its windows; None: not known."""

    usd: float | None = None
    tokens: int | None = None
    attempts: int | None = None


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One agent by name: which adapter, which program, what it may see and for how long.

    `models` and `efforts` go by task type and win over `model` and `effort`; "" leaves the
    choice to the program. `providers` change the chain of an agent that has one.
    """

    name: str
    kind: AgentKind = AgentKind.COMMAND
    command: tuple[str, ...] = ()
    prompt: PromptBy = PromptBy.STDIN
    timeout_minutes: float | None = None
    environment: tuple[str, ...] = ()
    sandbox: Sandbox = Sandbox.REQUIRED
    network: Network = Network.ALLOW
    hosts: tuple[str, ...] = ()
    login: tuple[str, ...] = ()  # of the operator's HOME, lent writable at the same place
    readable: tuple[str, ...] = ()

    model: str = ""
    models: dict[str, str] = {}
    effort: str = ""
    efforts: dict[str, str] = {}
    providers: dict[str, ProviderConfig] = {}

    account: str = ""  # whose quota it uses, where that is not its own alone
    quota: dict[str, Allowed] = {}  # by the window: five_hours, week


# The one agent that is there without a word of config.
PATCH = AgentConfig(
    name="patch", kind=AgentKind.PATCH, sandbox=Sandbox.AUTO, network=Network.NONE
)


class PromptBytes(msgspec.Struct, frozen=True, kw_only=True):
    """How many bytes of a prompt each of its sections may take, and all of them together."""

    total: int = 120_000  # what one argument of a program may hold on Linux is a little more
    task: int = 32_000
    comments: int = 6_000
    repairs: int = 17_000
    conflicts: int = 12_000
    tests: int = 4_500
    memory: int = 10_000
    recent: int = 5_000
    direction: int = 6_000
    evidence: int = 5_000
    attempts: int = 10_000
    board: int = 2_500


class RepositoryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that holds for one repository, whichever level of the file said it."""

    slug: str
    clone_url: str
    project: str | None = None
    key: str | None = None
    path: str | None = None
    board: BoardConfig | None = None
    more_boards: tuple[BoardConfig, ...] = ()  # of other projects that list it too
    objective: str | None = None
    visibility: str | None = None
    website_repo_key: str | None = None
    website_github_repo: str | None = None

    automation_mode: AutomationMode = AutomationMode.FULL
    base_branch: str | None = None  # None: whatever GitHub calls the default branch
    default_allow_push: bool = True

    default_agent: str = "auto"
    default_task_type: TaskType = TaskType.IMPLEMENTATION
    epic_parts_ready: bool = False  # whether the parts of an epic are set Ready when they are made
    format_issues: bool = True  # by an agent of planner_agents, where one can be asked
    agent_fallbacks: dict[str, tuple[str, ...]] = msgspec.field(default_factory=FALLBACKS.copy)
    agent_timeout_minutes: dict[str, float] = {}
    routing: Routing = Routing.FIXED
    repository_budget: Budget | None = None
    task_budget: Budget | None = None
    max_runtime_minutes: float = 40
    max_attempts: int = 4
    max_parallel_per_repo: int = 1
    setup_command: str | None = None
    setup_timeout_minutes: float = 15
    retry_wait_minutes: float = 5
    overlap_wait_minutes: float = 60
    test_command: str | None = None
    test_timeout_minutes: float = 5
    idle_timeout_minutes: float = 30  # 0: an agent may be silent for as long as it may run
    command_sandbox: Sandbox = Sandbox.AUTO  # of setup_command and test_command
    command_readable: tuple[str, ...] = ()  # what they may read beside the system
    command_network: Network = Network.PROVIDERS
    test_network: Network | None = None  # None: none after a setup_command, else command_network
    allowed_hosts: tuple[str, ...] = ()  # beside those of package indexes and of the agent
    max_memory_gb: float = 0  # 0: three quarters of the machine's
    max_disk_gb: float = 5
    max_processes: int = 1000

    merge: MergePolicy = MergePolicy.AUTO
    merge_method: MergeMethod = MergeMethod.SQUASH
    settle_seconds: float = 60
    min_head_age_seconds: float = 120
    min_ci_seconds: float = 0
    required_checks: tuple[str, ...] = ()
    allow_no_ci: bool = False

    trust: Trust = Trust.AUTHOR
    trusted_board: bool = True
    trusted_authors: tuple[str, ...] = ()
    excluded_labels: tuple[str, ...] = ()
    required_labels: tuple[str, ...] = ()
    priority_weights: dict[str, float] = msgspec.field(default_factory=PRIORITY_WEIGHTS.copy)

    plan_size: int = 5
    sprint_cadence_days: float = 7
    groomer_cadence_days: float = 7
    planner_allow_early_refresh: bool = True
    planner_agents: tuple[str, ...] = THINKERS
    planner_claude_model: str = "opus"
    blocks: dict[str, dict[str, Any]] = {}  # blocks that no code has typed yet, merged by key

    @property
    def owner(self) -> str:
        return self.slug.partition("/")[0]

    @property
    def boards(self) -> tuple[BoardConfig, ...]:
        """Where its issues may be set Ready; one that is on none of them goes to the first."""
        return (self.board, *self.more_boards) if self.board else self.more_boards

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]


class TokenOrigin(msgspec.Struct, frozen=True):
    """Where GitHub's token was found; `name` is the file's or the variable's, where it has one."""

    place: Literal["config", "file", "environment", "gh"]
    name: str = ""


class BrokenRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository whose part of the config is wrong: left alone until that is mended."""

    name: str
    problems: tuple[str, ...]
    project: str | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration: what holds everywhere, and one value for each repository."""

    root_dir: str
    mailbox_dir: str
    logs_dir: str
    worktrees_dir: str
    objectives_dir: str
    evidence_dir: str
    repositories: tuple[RepositoryConfig, ...] = ()
    broken: tuple[BrokenRepository, ...] = ()
    agents: dict[str, AgentConfig] = {}
    budgets: Budgets = Budgets()
    pricing: Pricing = Pricing()
    source: str = ""  # the file this was read from

    github_owner: str = ""
    github_token: Secret | None = None
    token_origin: TokenOrigin | None = None
    github_app: AppConfig | None = None
    github_api_url: str = "https://api.github.com"
    github_graphql_url: str = "https://api.github.com/graphql"
    github_web_url: str = "https://github.com"
    telegram_bot_token: Secret | None = None
    telegram_chat_id: str | None = None
    telegram_user_ids: tuple[str, ...] = ()  # empty: whoever is in that chat
    telegram_api_url: str = "https://api.telegram.org"
    quiet_hours: str = ""  # "22:00-07:00" in `timezone`
    digest_hour: int = 8
    secret_files: tuple[str, ...] = ()  # that a key names, so that no agent sees them

    max_parallel_workers: int = 1
    max_dispatch_per_tick: int = 5
    self_merge: bool = False  # whether changes of this program itself need no person
    jitter_seconds: float = 20
    archive_done_days: float = 14  # 0: what is done stays on the board
    timezone: str = "UTC"
    healthcheck_url: str = ""  # read by bin/watchdog itself, which loads nothing of ours
    min_free_disk_percent: float = 5
    min_free_disk_gb: float = 2
    worktrees_keep_days: float = 14
    worktrees_keep_gb: float = 10
    attempts_keep_days: float = 30
    attempts_keep_gb: float = 2
    logs_keep_days: float = 30
    logs_keep_gb: float = 1
    commit_name: str = "Agent OS"
    commit_email: str = "agent-os@localhost"
    prompt_bytes: PromptBytes = PromptBytes()
    formatter_model: str = "haiku"
    decomposer_model: str = "haiku"
    settings: dict[str, Any] = {}  # accepted keys that no code has typed yet
    blocks: dict[str, dict[str, Any]] = {}

    def agent(self, name: str) -> AgentConfig | None:
        """The agent called so, configured or built in."""
        if name in self.agents:
            return self.agents[name]
        if name == AgentKind.PATCH:
            return PATCH
        if name in set(AgentKind) - {AgentKind.COMMAND}:
            return AgentConfig(name=name, kind=AgentKind(name), network=Network.PROVIDERS)
        return None

    @property
    def signed_in(self) -> bool:
        """Whether anything opens GitHub to us."""
        return self.github_token is not None or self.github_app is not None

    @property
    def boards(self) -> tuple[BoardConfig, ...]:
        return tuple(dict.fromkeys(one for repo in self.repositories for one in repo.boards))

    def repository(self, name: str) -> RepositoryConfig | None:
        """The repository called so: by slug in any case, key, checkout, or unambiguous name."""
        wanted = name.rstrip("/").lower()
        for repo in self.repositories:
            if wanted == repo.slug.lower() or name in {repo.key, repo.path}:
                return repo
        named = [repo for repo in self.repositories if repo.name.lower() == wanted]
        return named[0] if len(named) == 1 else None
