"""Which agents this installation has, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.agents.base import Agent
from orchestrator.agents.command import Command
from orchestrator.agents.patch import Patch
from orchestrator.records.config import PATCH, AgentConfig, AgentKind

KINDS: Mapping[AgentKind, Callable[[AgentConfig], Agent]] = {
    AgentKind.COMMAND: Command,
    AgentKind.PATCH: Patch,
}


def build(configs: Mapping[str, AgentConfig]) -> dict[str, Agent]:
    """An adapter for every configured agent of a kind we have, and the built-in `patch`.

    A name that is not in the answer is unknown here: the caller passes over it and says so.
    """
    known = {PATCH.name: PATCH, **configs}
    return {
        name: KINDS[config.kind](config) for name, config in known.items() if config.kind in KINDS
    }
