"""What the real programs printed when they ran: read from the recordings in tests/data."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.agents import roster
from orchestrator.agents.base import Agent
from orchestrator.records.config import AgentConfig, AgentKind
from orchestrator.records.order import AttemptReport

FOLDER = Path(__file__).resolve().parents[1] / "data" / "agent_outputs"
CASES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
# The adapter that reads a program's recordings; the others are `command` agents.
ADAPTERS = {
    "claude": AgentKind.CLAUDE, "codex": AgentKind.CODEX, "gemini": AgentKind.GEMINI,
    "opencode": AgentKind.DEEPSEEK,
}  # fmt: skip


def agent(case: str) -> Agent:
    kind = ADAPTERS.get(case.partition("-")[0], AgentKind.COMMAND)
    config = AgentConfig(name="mine", kind=kind, command=("mine",))
    return roster.build({"mine": config})["mine"]


def report(case: str, *, errors_first: bool = False) -> AttemptReport:
    """The run as our executor tells it; without a result file, as none of them wrote one."""
    told = json.loads((FOLDER / f"{case}.json").read_text())
    out, err = ((FOLDER / f"{case}.{end}").read_text() for end in ("out", "err"))
    apart = case.partition("-")[0] in ADAPTERS
    mixed = err + out if errors_first else out + err
    return AttemptReport(
        exit_code=told["exit"], seconds=told["secs"], timed_out=told["timed_out"],
        output_tail=out if apart else mixed, error_tail=err if apart else "",
    )  # fmt: skip
