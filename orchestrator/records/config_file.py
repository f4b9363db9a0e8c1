"""What config.yaml may say, level by level; a key left out or left empty is None."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from orchestrator.records.config import (
    AgentKind,
    AutomationMode,
    MergeMethod,
    MergePolicy,
    Network,
    Period,
    PromptBy,
    Routing,
    Sandbox,
    Trust,
)
from orchestrator.records.task import TaskType

Amount = Annotated[float, Meta(ge=0, le=10_000_000)]  # a YAML .inf or .nan is no amount
Weight = Annotated[float, Meta(ge=-1_000_000, le=1_000_000)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=0, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1)]
Texts = tuple[Text, ...]
HOURS = "^([01]?[0-9]|2[0-3]):[0-5][0-9]-([01]?[0-9]|2[0-3]):[0-5][0-9]$"
Hours = Annotated[str, Meta(pattern=HOURS, examples=["22:00-07:00"])]
Place = tuple[str | int, ...]  # keys and list positions, from the top of the file
Block = dict[str, Any]
# Strings below these keys may hold `~` and `${NAME}`, and a placeholder there is a problem.
EXPANDED = frozenset({
    "root_dir", "mailbox_dir", "logs_dir", "worktrees_dir", "objectives_dir", "evidence_dir",
    "path", "local_repo", "repo", "allowed_repos", "repo_objectives",
    "github_owner", "github_repo", "github_repos", "website_github_repo",
    "github_token", "github_token_file", "key_file", "github_api_url", "github_web_url",
    "telegram_bot_token", "telegram_bot_token_file", "telegram_chat_id", "telegram_api_url",
    "telegram_user_ids", "dashboard_shared_secret",
    "url", "command", "verified_packages_file", "library_catalog_file", "credential_file",
    "login", "readable", "command_readable",
})  # fmt: skip
EXPANDED_KEYS = frozenset({"repo_configs"})  # here the keys themselves are paths
SECRETS = ("github_token", "telegram_bot_token", "dashboard_shared_secret")


class Fault(Struct, frozen=True):
    """Something wrong at one place of the file."""

    path: Place
    sentence: str


class BudgetFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `budgets`."""

    soft_warn_usd: Amount | None = None
    hard_stop_usd: Amount | None = None
    soft_warn_tokens: Count | None = None
    hard_stop_tokens: Count | None = None
    soft_warn_attempts: Count | None = None
    hard_stop_attempts: Count | None = None
    period: Period | None = None


class OwnBudgetsFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`budgets` of a project or a repository: what each repository and each task may use."""

    repository: BudgetFile | None = None
    task: BudgetFile | None = None


class BudgetsFile(OwnBudgetsFile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`budgets` at the top: also what all may use together, and each agent."""

    day: BudgetFile | None = None
    default: BudgetFile | None = None
    per_agent: dict[str, BudgetFile | None] | None = None


class PriceFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model's prices, in USD for a million tokens."""

    input: Amount
    output: Amount
    cached: Amount | None = None


class CostFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`cost_tracking`: what runs cost whose programs do not say so."""

    default_price_multiplier: Amount | None = None
    provider_multipliers: dict[str, Amount] | None = None
    agent_models: dict[str, Text] | None = None
    model_overrides: dict[str, PriceFile] | None = None


class EveryLevel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Keys that may stand at the top, in a project and in a repository; the nearest wins."""

    automation_mode: AutomationMode | None = None
    base_branch: Text | None = None
    default_allow_push: bool | None = None
    default_agent: Text | None = None
    default_task_type: TaskType | None = None
    format_issues: bool | None = None
    epic_parts_ready: bool | None = None
    agent_fallbacks: dict[str, Texts] | None = None
    agent_timeout_minutes: dict[str, Amount] | None = None
    routing: Routing | None = None
    max_runtime_minutes: Amount | None = None
    max_attempts: Positive | None = None
    max_parallel_per_repo: Positive | None = None
    setup_command: Text | None = None
    setup_timeout_minutes: Amount | None = None
    retry_wait_minutes: Amount | None = None
    overlap_wait_minutes: Amount | None = None
    test_command: Text | None = None
    test_timeout_minutes: Amount | None = None
    idle_timeout_minutes: Amount | None = None
    command_sandbox: Sandbox | None = None
    command_readable: Texts | None = None
    command_network: Network | None = None
    test_network: Network | None = None
    allowed_hosts: Texts | None = None
    max_memory_gb: Amount | None = None
    max_disk_gb: Amount | None = None
    max_processes: Positive | None = None
    merge: MergePolicy | None = None
    merge_method: MergeMethod | None = None
    settle_seconds: Amount | None = None
    min_head_age_seconds: Amount | None = None
    min_ci_seconds: Amount | None = None
    required_checks: Texts | None = None
    allow_no_ci: bool | None = None
    trust: Trust | None = None
    trusted_board: bool | None = None
    trusted_authors: Texts | None = None
    excluded_labels: Texts | None = None
    required_labels: Texts | None = None
    priority_weights: dict[str, Weight] | None = None
    plan_size: Count | None = None
    sprint_cadence_days: Amount | None = None
    groomer_cadence_days: Amount | None = None
    planner_allow_early_refresh: bool | None = None
    planner_agents: Texts | None = None
    planner_claude_model: Text | None = None
    # Blocks of later rooms: accepted, kept, merged key by key.
    planning_research: Block | None = None
    production_feedback: Block | None = None
    planning_signals: Block | None = None
    outcome_attribution: Block | None = None
    product_inspection: Block | None = None
    external_signals: Block | None = None
    quality_harness: Block | None = None
    tool_registry: Block | None = None
    library_scout: Block | None = None
    semantic_dedup: Block | None = None
    system_architect: Block | None = None
    dependency_watcher: Block | None = None
    deploy_watchdog: Block | None = None
    blocker_regression_alerts: Block | None = None
    incident_router: Block | None = None


class RepositoryFile(EveryLevel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a project's `repos`."""

    github_repo: Text | None = None
    path: Text | None = None
    local_repo: Text | None = None
    repo: Text | None = None
    key: Text | None = None
    visibility: Literal["public", "private", "internal"] | None = None
    website_repo_key: Text | None = None
    website_github_repo: Text | None = None
    budgets: OwnBudgetsFile | None = None


class ProjectFile(EveryLevel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `github_projects`: a board and its repositories."""

    project_number: Positive | None = None
    github_owner: Text | None = None
    status_field: Text | None = None
    backlog_value: Text | None = None
    ready_value: Text | None = None
    in_progress_value: Text | None = None
    blocked_value: Text | None = None
    done_value: Text | None = None
    repos: tuple[RepositoryFile, ...] | None = None
    budgets: OwnBudgetsFile | None = None


class CheckoutFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `repo_configs`, which goes by checkout path or folder name."""

    test_command: Text | None = None


class ProviderFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of an agent's `providers`."""

    base_url: Text | None = None
    model: Text | None = None


class AllowedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One window of an agent's `quota`."""

    usd: Amount | None = None
    tokens: Count | None = None
    attempts: Count | None = None


class QuotaFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent's `quota`: what its plan allows, as far as a person knows."""

    five_hours: AllowedFile | None = None
    week: AllowedFile | None = None


class AgentFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of `agents`: any program is an agent."""

    kind: AgentKind | None = None
    command: tuple[str, ...] | str | None = None
    prompt: PromptBy | None = None
    timeout_minutes: Amount | None = None
    environment: Texts | None = None
    sandbox: Sandbox | None = None
    network: Network | None = None
    hosts: Texts | None = None
    login: Texts | None = None
    readable: Texts | None = None
    model: Text | None = None
    models: dict[str, Text] | None = None
    effort: Text | None = None
    efforts: dict[str, Text] | None = None
    providers: dict[str, ProviderFile] | None = None
    account: Text | None = None
    quota: QuotaFile | None = None


class AppFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`github_app`: the app that opens GitHub in place of a token."""

    id: Positive | Text
    key_file: Text
    installation_id: Positive | None = None


class PromptBytesFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each section of a prompt may take."""

    total: Annotated[int, Meta(ge=12_000, le=1_000_000)] | None = None
    task: Bytes | None = None
    comments: Bytes | None = None
    repairs: Bytes | None = None
    conflicts: Bytes | None = None
    tests: Bytes | None = None
    memory: Bytes | None = None
    recent: Bytes | None = None
    direction: Bytes | None = None
    evidence: Bytes | None = None
    attempts: Bytes | None = None
    board: Bytes | None = None


class GlobalFile(EveryLevel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The top level of config.yaml."""

    root_dir: Text | None = None
    mailbox_dir: Text | None = None
    logs_dir: Text | None = None
    worktrees_dir: Text | None = None
    objectives_dir: Text | None = None
    evidence_dir: Text | None = None
    github_owner: str | None = None
    github_token: str | None = None
    github_token_file: Text | None = None
    github_app: AppFile | None = None
    github_api_url: Text | None = None
    github_web_url: Text | None = None
    github_projects: dict[str, ProjectFile | None] | None = None
    github_repos: dict[str, Text] | None = None
    github_repo: Text | None = None
    allowed_repos: Texts | None = None
    repo_configs: dict[str, CheckoutFile | None] | None = None
    repo_objectives: dict[str, Text] | None = None
    agents: dict[str, AgentFile | None] | None = None
    budgets: BudgetsFile | None = None
    cost_tracking: CostFile | None = None
    max_parallel_workers: Positive | None = None
    max_dispatch_per_tick: Positive | None = None
    jitter_seconds: Amount | None = None
    archive_done_days: Amount | None = None
    timezone: Text | None = None
    healthcheck_url: Text | None = None
    self_merge: bool | None = None
    min_free_disk_percent: Amount | None = None
    min_free_disk_gb: Amount | None = None
    worktrees_keep_days: Amount | None = None
    worktrees_keep_gb: Amount | None = None
    attempts_keep_days: Amount | None = None
    attempts_keep_gb: Amount | None = None
    logs_keep_days: Amount | None = None
    logs_keep_gb: Amount | None = None
    commit_name: Text | None = None
    commit_email: Text | None = None
    telegram_bot_token: str | None = None
    telegram_bot_token_file: Text | None = None
    telegram_chat_id: int | str | None = None
    telegram_user_ids: tuple[int | Text, ...] | None = None
    telegram_api_url: Text | None = None
    quiet_hours: Hours | None = None
    digest_hour: Annotated[int, Meta(ge=0, le=23)] | None = None
    prompt_bytes: PromptBytesFile | None = None
    formatter_model: Text | None = None
    decomposer_model: Text | None = None
    # Older names of keys that now stand on every level, and of the board's words.
    default_base_branch: Text | None = None
    default_max_attempts: Positive | None = None
    github_project_number: Positive | None = None
    github_project_status_field: Text | None = None
    github_project_backlog_value: Text | None = None
    github_project_ready_value: Text | None = None
    github_project_in_progress_value: Text | None = None
    github_project_blocked_value: Text | None = None
    github_project_done_value: Text | None = None
    # Accepted and kept for rooms that come later.
    max_processing_minutes: Amount | None = None
    stall_watchdog_interval_minutes: Amount | None = None
    dashboard_bind_address: Text | None = None
    dashboard_auth_backend: Literal["tailscale", "shared_secret"] | None = None
    dashboard_allowed_users: Texts | None = None
    dashboard_shared_secret: str | None = None
    dashboard_readonly_fallback: bool | None = None
    backlog_depth_multiplier: Amount | None = None
    target_backlog_depth: Count | None = None
    blocked_escalation_attempt_threshold: Count | None = None
    blocked_escalation_age_hours: Amount | None = None
    recent_adr_limit: Count | None = None
