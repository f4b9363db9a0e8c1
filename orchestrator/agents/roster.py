"""Which agents this installation has, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.agents.base import Agent
from orchestrator.agents.claude import Claude
from orchestrator.agents.codex import Codex
from orchestrator.agents.command import Command
from orchestrator.agents.deepseek import DeepSeek
from orchestrator.agents.gemini import Gemini
from orchestrator.agents.patch import Patch
from orchestrator.records.config import PATCH, AgentConfig, AgentKind

KINDS: Mapping[AgentKind, Callable[[AgentConfig], Agent]] = {
    AgentKind.COMMAND: Command,
    AgentKind.PATCH: Patch,
    AgentKind.CODEX: Codex,
    AgentKind.CLAUDE: Claude,
    AgentKind.GEMINI: Gemini,
    AgentKind.DEEPSEEK: DeepSeek,
}
NAMED = (AgentKind.CODEX, AgentKind.CLAUDE, AgentKind.GEMINI, AgentKind.DEEPSEEK)


def build(configs: Mapping[str, AgentConfig]) -> dict[str, Agent]:
    """An adapter for every configured agent and for each one that is built in.

    A name that is not in the answer is unknown here: the caller passes over it and says so.
    """
    known = {kind.value: AgentConfig(name=kind.value, kind=kind) for kind in NAMED}
    known |= {PATCH.name: PATCH, **configs}
    return {name: KINDS[config.kind](config) for name, config in known.items()}
