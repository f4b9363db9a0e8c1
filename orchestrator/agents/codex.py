"""Codex: `codex exec` with the prompt on standard input, read by the events that it prints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from orchestrator.agents import base, events
from orchestrator.agents.base import Credential, Failure, Launch, Login, Requirements
from orchestrator.agents.refusals import Told
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.usage import Usage

PROGRAM = "codex"
SECRETS = ("CODEX_API_KEY", "OPENAI_API_KEY")
ASK = ("exec", "--json", "--skip-git-repo-check")
# Where something else contains it, a second sandbox inside the first only breaks commands.
FREE = ("--dangerously-bypass-approvals-and-sandbox",)
GUARDED = ("--sandbox", "workspace-write")
THINKING = ("--sandbox", "read-only")  # it has a shell always; here one that changes nothing


class Codex(base.Configured):
    """Runs `codex exec`; it ended well when its last turn completed."""

    def requirements(self) -> Requirements:
        return Requirements(
            programs=(self._config.command or (PROGRAM,))[:1],
            minimum=(0, 100),
            credentials=base.logins(
                self._config, *(Credential(variable=name) for name in SECRETS),
                Credential(paths=("~/.codex/auth.json",)),
            ),
            login=(Login(path=".codex/auth.json", writable=True), Login(path=".codex/config.toml")),
            install="npm install -g @openai/codex", sign_in="codex login",
        )  # fmt: skip

    def order(self, launch: Launch) -> AttemptOrder:
        model, effort = base.model(self._config, launch), base.effort(self._config, launch)
        argv = (
            *(self._config.command or (PROGRAM,)), *ASK,
            *(THINKING if launch.thinking else FREE if launch.contained else GUARDED),
            *(("--model", model) if model else ()),
            *(("-c", f'model_reasoning_effort="{effort}"') if effort else ()),
            *(("resume", launch.session) if launch.session else ()), "-",
        )  # fmt: skip
        # It takes a key from the environment under this name only.
        key = launch.environment.get("CODEX_API_KEY") or launch.environment.get("OPENAI_API_KEY")
        made = base.order(
            launch, self._config, argv=argv, stdin=launch.prompt.encode("utf-8", "replace"),
            names=SECRETS, extra={"CODEX_API_KEY": key} if key else None,
        )  # fmt: skip
        return base.structured(made)

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        """Of this run alone: it counts a resumed session from its beginning, so that goes off."""
        told = list(events.lines(report.output_tail, _Event))
        session = next((one.thread_id for one in told if one.thread_id), None)
        counted = [one.usage for one in told if one.type == "turn.completed"]
        used = counted[-1] if counted and isinstance(counted[-1], dict) else {}
        if not used and not session:
            return None
        usage = Usage(
            input_tokens=events.count(used.get("input_tokens")),
            output_tokens=events.count(used.get("output_tokens")),
            cached_tokens=events.count(used.get("cached_input_tokens")),
            session_id=session,
        )
        return _since(before, usage) if before and before.session_id == session else usage

    def read_answer(self, report: AttemptReport) -> str:
        items = [one.item for one in events.lines(report.output_tail, _Event)]
        told = [one for one in items if isinstance(one, dict)]
        said = [one.get("text") for one in told if one.get("type") == "agent_message"]
        return events.words(*said[::-1])

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        return base.failure(report, now, _told(report))


class _Event(Struct):
    type: str = ""
    thread_id: str | None = None
    message: Any = None
    error: Any = None
    usage: Any = None
    item: Any = None


def _since(before: Usage, usage: Usage) -> Usage:
    """What was used beyond `before`; unknown where either is, or where it counts anew."""
    fields = ("input_tokens", "output_tokens", "cached_tokens")
    then = [getattr(before, name) for name in fields]
    now = [getattr(usage, name) for name in fields]
    if None in then or None in now:
        return Usage(session_id=usage.session_id)
    left = [b - a for a, b in zip(then, now, strict=True)]
    if min(left) < 0:
        return usage
    return structs.replace(usage, **dict(zip(fields, left, strict=True)))


def _told(report: AttemptReport) -> Told | None:
    """The error of the failed turn, or the last one that it was still trying to get over.

    Errors inside the work (an `item`) are the agent's business: one stands in every good run.
    """
    told = list(events.lines(report.output_tail, _Event))
    if any(one.type == "turn.completed" for one in told[-1:]):
        return None
    for one in reversed(told):
        if one.type == "turn.failed":
            inner = one.error.get("message") if isinstance(one.error, dict) else one.error
            return Told(message=events.words(inner, "its turn failed"))
        if one.type == "error":
            message = events.words(one.message)
            return Told(message=message, final=not message.startswith("Reconnecting"))
        if one.type.startswith("item."):
            return None  # it went on after whatever was before
    lost = [line for line in report.error_tail.splitlines() if "no rollout found" in line]
    return Told(message=lost[-1], session_gone=True) if lost and not told else None
