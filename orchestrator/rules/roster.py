"""Which agents exist, and whether the config speaks only of those."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.config import (
    AgentConfig,
    AgentKind,
    Allowed,
    Network,
    PromptBy,
    ProviderConfig,
    Sandbox,
)
from orchestrator.records.config_file import AgentFile, EveryLevel, Fault, GlobalFile, Place
from orchestrator.records.task import TaskType

NAME = regex.late(r"[a-z0-9][a-z0-9_-]{0,39}")
BUILT_IN = frozenset(kind.value for kind in AgentKind) - {AgentKind.COMMAND.value}
RESERVED = frozenset({"auto", "none", AgentKind.COMMAND.value})
TASK_TYPES = tuple(kind.value for kind in TaskType)
PROVIDERS = ("openrouter", "nanogpt", "chutes")
WITH_MODELS = frozenset({
    AgentKind.CODEX.value, AgentKind.CLAUDE.value, AgentKind.GEMINI.value, AgentKind.DEEPSEEK.value
})  # fmt: skip
WITH_EFFORTS = WITH_MODELS - {AgentKind.GEMINI.value}
KEYS_OF_SOME = {
    "model": WITH_MODELS, "models": WITH_MODELS, "effort": WITH_EFFORTS, "efforts": WITH_EFFORTS,
    "providers": frozenset({AgentKind.DEEPSEEK.value}),
}  # fmt: skip
WINDOWS = ("five_hours", "week")
OURS = frozenset({"GITHUB_TOKEN", "GH_TOKEN", "TELEGRAM_BOT_TOKEN"})


class Stranger(Struct, frozen=True):
    """A word that should be one of a closed set and is not."""

    path: Place
    what: str
    word: str
    words: tuple[str, ...]


def agent(name: str, said: AgentFile) -> AgentConfig | Fault:
    """One agent as the config describes it, or why it cannot run."""
    place: Place = ("agents", name)
    if not NAME.fullmatch(name) or name in RESERVED:
        return Fault(place, "an agent's name is short lower-case text, and not auto or none")
    kind = said.kind or (AgentKind(name) if name in BUILT_IN and not said.command else None)
    kind = kind or AgentKind.COMMAND
    try:
        command = words(said.command)
    except ValueError as wrong:
        return Fault((*place, "command"), f"cannot be split into words: {wrong}")
    if kind is AgentKind.COMMAND and not command:
        return Fault(place, "needs a command, such as [my-agent, --quiet]")
    if wrong_key := misplaced(place, kind, said):
        return wrong_key
    names = said.environment or ()
    if secret := next((name for name in names if name in OURS), None):
        return Fault((*place, "environment"), f"{secret} is ours; no agent may see it")
    return AgentConfig(
        name=name,
        kind=kind,
        command=command,
        prompt=said.prompt or PromptBy.STDIN,
        timeout_minutes=said.timeout_minutes,
        environment=names,
        sandbox=said.sandbox or sandbox(kind),
        network=said.network or network(kind, said),
        hosts=said.hosts or (),
        login=said.login or (),
        readable=said.readable or (),
        model=said.model or "",
        models=said.models or {},
        effort=said.effort or "",
        efforts=said.efforts or {},
        providers={
            key: ProviderConfig(base_url=one.base_url or "", model=one.model or "")
            for key, one in (said.providers or {}).items()
        },
        account=said.account or "",
        quota=quota(said),
    )


def quota(said: AgentFile) -> dict[str, Allowed]:
    """What the plan of its account allows, by window."""
    windows = {name: getattr(said.quota, name) for name in WINDOWS} if said.quota else {}
    return {
        name: Allowed(usd=one.usd, tokens=one.tokens, attempts=one.attempts)
        for name, one in windows.items()
        if one is not None
    }


def misplaced(place: Place, kind: AgentKind, said: AgentFile) -> Fault | None:
    """The first key that this kind of agent does not have, or that names no task type."""
    for name in ("models", "efforts"):
        for key in getattr(said, name) or ():
            if key not in TASK_TYPES:
                return Fault((*place, name, key), f"no task type; known: {', '.join(TASK_TYPES)}")
    for name, kinds in KEYS_OF_SOME.items():
        if getattr(said, name) and kind not in kinds:
            having = ", ".join(sorted(kinds))
            return Fault((*place, name), f"means nothing for {kind}; {having} have it")
    for key in said.providers or ():
        if key not in PROVIDERS:
            return Fault((*place, "providers", key), f"no provider; known: {', '.join(PROVIDERS)}")
    return None


def sandbox(kind: AgentKind) -> Sandbox:
    """What a kind of agent needs where the config says nothing: the built-in one does no harm."""
    return Sandbox.AUTO if kind is AgentKind.PATCH else Sandbox.REQUIRED


def network(kind: AgentKind, said: AgentFile) -> Network:
    """What a kind of agent may reach: of a program that we do not know, we know no hosts."""
    if kind is AgentKind.PATCH:
        return Network.NONE
    return Network.PROVIDERS if kind is not AgentKind.COMMAND or said.hosts else Network.ALLOW


def words(command: tuple[str, ...] | str | None) -> tuple[str, ...]:
    return tuple(shlex.split(command)) if isinstance(command, str) else command or ()


def strangers(level: EveryLevel, place: Place, agents: Mapping[str, object]) -> Iterator[Stranger]:
    """Agents and task types that one level of the config speaks of and that do not exist."""
    known = tuple(sorted(BUILT_IN | agents.keys()))
    spoken: list[tuple[Place, str]] = [
        ((*place, "agent_fallbacks", kind, index), name)
        for kind, chain in (level.agent_fallbacks or {}).items()
        for index, name in enumerate(chain)
    ]
    spoken += [
        ((*place, "agent_timeout_minutes", name), name)
        for name in level.agent_timeout_minutes or ()
    ]
    spoken += [
        ((*place, "planner_agents", i), name) for i, name in enumerate(level.planner_agents or ())
    ]
    if level.default_agent and level.default_agent != "auto":
        spoken.append(((*place, "default_agent"), level.default_agent))
    if isinstance(level, GlobalFile):
        spoken += counted(level, place)
    for path, name in spoken:
        if name not in known:
            yield Stranger(path, "agent", name, known)
    for kind in level.agent_fallbacks or ():
        if kind not in TASK_TYPES:
            yield Stranger((*place, "agent_fallbacks", kind), "task type", kind, TASK_TYPES)


def counted(top: GlobalFile, place: Place) -> list[tuple[Place, str]]:
    """The agents whose budgets or prices the top level names."""
    costs, budgets = top.cost_tracking, top.budgets
    tables: list[tuple[Place, Mapping[str, object] | None]] = [
        ((*place, "budgets", "per_agent"), budgets.per_agent if budgets else None),
        ((*place, "cost_tracking", "agent_models"), costs.agent_models if costs else None),
        (
            (*place, "cost_tracking", "provider_multipliers"),
            costs.provider_multipliers if costs else None,
        ),
    ]
    return [((*path, name), name) for path, table in tables for name in table or ()]
