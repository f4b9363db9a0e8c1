"""What holds for the whole installation, worked out from the top level of the config."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from orchestrator.records.config import (
    AgentConfig,
    Budgets,
    Period,
    Price,
    Pricing,
    PromptBytes,
    Secret,
)
from orchestrator.records.config_file import AgentFile, Fault, GlobalFile, PromptBytesFile
from orchestrator.rules import allowlist, hosts, precedence, roster

PUBLIC_API = "https://api.github.com"
AS_SAID = (
    "max_parallel_workers", "max_dispatch_per_tick", "jitter_seconds", "timezone",
    "archive_done_days",
    "commit_name", "commit_email", "formatter_model", "decomposer_model", "healthcheck_url",
    "telegram_api_url", "quiet_hours", "digest_hour",
    "self_merge",
    "min_free_disk_percent", "min_free_disk_gb", "worktrees_keep_days", "worktrees_keep_gb",
    "attempts_keep_days", "attempts_keep_gb", "logs_keep_days", "logs_keep_gb",
)  # fmt: skip
UNTYPED = (
    "max_processing_minutes", "stall_watchdog_interval_minutes", "dashboard_bind_address",
    "dashboard_auth_backend", "dashboard_allowed_users", "dashboard_readonly_fallback",
    "backlog_depth_multiplier", "target_backlog_depth", "blocked_escalation_attempt_threshold",
    "blocked_escalation_age_hours", "recent_adr_limit",
)  # fmt: skip


def values(top: GlobalFile, here: str, root: str, home: str) -> tuple[dict[str, Any], list[Fault]]:
    """The fields of Config but for repositories and tokens, and the faults found on the way."""
    web, wrong_doors = doors(top)
    agents, wrong_agents = roster_of(top)
    said = {name: getattr(top, name) for name in AS_SAID}
    chat = top.telegram_chat_id
    whole = {
        **folders(top, here, root, home),
        **web,
        **{name: value for name, value in said.items() if value is not None},
        "agents": agents,
        "budgets": budgets(top),
        "pricing": pricing(top),
        "prompt_bytes": prompt_bytes(top.prompt_bytes),
        "github_owner": top.github_owner or "",
        "telegram_chat_id": None if chat in {None, ""} else str(chat),
        "telegram_user_ids": tuple(str(one) for one in top.telegram_user_ids or ()),
        "settings": untyped(top),
        "blocks": precedence.blocks((top,)),
    }
    return whole, [*wrong_doors, *wrong_agents]


def folders(top: GlobalFile, here: str, root: str, home: str) -> dict[str, str]:
    """Where things lie; what is said is relative to the config file, what is not to the root."""
    if top.root_dir:
        root = allowlist.absolute(top.root_dir, here)
    default = {
        "root_dir": root,
        "mailbox_dir": f"{root}/runtime/mailbox",
        "logs_dir": f"{root}/runtime/logs",
        "worktrees_dir": f"{root}/runtime/worktrees",
        "objectives_dir": f"{here}/objectives",
        "evidence_dir": f"{home}/.local/share/agent-os/evidence",
    }
    return {
        name: allowlist.absolute(getattr(top, name) or folder, here)
        for name, folder in default.items()
    }


def doors(top: GlobalFile) -> tuple[dict[str, str], list[Fault]]:
    addresses = {"github_api_url": top.github_api_url, "github_web_url": top.github_web_url}
    faults = [
        Fault((name,), sentence)
        for name, url in addresses.items()
        if url and (sentence := hosts.trouble(url))
    ]
    api = (top.github_api_url or PUBLIC_API).rstrip("/")
    if faults:
        return {}, faults
    graphql, web = hosts.doors(api)
    web = (top.github_web_url or web).rstrip("/")
    return {"github_api_url": api, "github_graphql_url": graphql, "github_web_url": web}, []


def roster_of(top: GlobalFile) -> tuple[dict[str, AgentConfig], list[Fault]]:
    agents = [roster.agent(name, said or AgentFile()) for name, said in (top.agents or {}).items()]
    sound = {agent.name: agent for agent in agents if isinstance(agent, AgentConfig)}
    return sound, [fault for fault in agents if isinstance(fault, Fault)]


def budgets(top: GlobalFile) -> Budgets:
    """What all may use together a day, and each agent a month, as the earlier system counted."""
    said = top.budgets
    if said is None:
        return Budgets()
    each = {
        name: made
        for name, one in (said.per_agent or {}).items()
        if (made := precedence.budget(one, Period.MONTH)) is not None
    }
    return Budgets(
        day=precedence.budget(said.day, Period.DAY),
        default=precedence.budget(said.default, Period.MONTH),
        per_agent=each,
    )


def pricing(top: GlobalFile) -> Pricing:
    said = top.cost_tracking
    if said is None:
        return Pricing()
    multiplier = said.default_price_multiplier
    return Pricing(
        models={
            name: Price(input=one.input, output=one.output, cached=one.cached)
            for name, one in (said.model_overrides or {}).items()
        },
        agent_models=said.agent_models or {},
        multiplier=1 if multiplier is None else multiplier,
        multipliers=said.provider_multipliers or {},
    )


def prompt_bytes(said: PromptBytesFile | None) -> PromptBytes:
    """The budgets of a prompt; what is not said keeps its default."""
    given = structs.asdict(said) if said else {}
    return PromptBytes(**{name: size for name, size in given.items() if size is not None})


def untyped(top: GlobalFile) -> dict[str, Any]:
    kept = {name: value for name in UNTYPED if (value := getattr(top, name)) is not None}
    if top.dashboard_shared_secret:
        kept["dashboard_shared_secret"] = Secret(top.dashboard_shared_secret)
    return kept
