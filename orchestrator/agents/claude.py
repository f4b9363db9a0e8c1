"""Claude Code: asked once without a terminal, and read by the events that it prints as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from orchestrator.agents import base, events
from orchestrator.agents.base import Credential, Failure, Launch, Login, Requirements
from orchestrator.agents.refusals import Told
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.usage import Usage

PROGRAM = "claude"
SECRETS = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN")
SEES = (*SECRETS, "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL")
ASK = ("-p", "--output-format", "stream-json", "--verbose", "--strict-mcp-config")
# Where nothing contains it, it keeps its own guard: edits only below its folder.
GUARDED = (
    "--permission-mode", "acceptEdits",
    "--allowedTools", "Bash,Edit,Write,NotebookEdit,Read,Glob,Grep,WebFetch,WebSearch,Task",
)  # fmt: skip
FREE = ("--dangerously-skip-permissions",)
THINKING = ("--tools", "")
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "3",  # its own ten take minutes; waiting is our business
    "DISABLE_AUTOUPDATER": "1",
}


class Claude(base.Configured):
    """Runs `claude -p`; a result is its last `result` event, whatever its exit code says."""

    def requirements(self) -> Requirements:
        return Requirements(
            programs=(self._config.command or (PROGRAM,))[:1],
            minimum=(2, 1),
            credentials=base.logins(
                self._config, *(Credential(variable=name) for name in SECRETS),
                Credential(paths=("~/.claude/.credentials.json",)),
            ),
            login=(Login(path=".claude/.credentials.json", writable=True),),
            install="npm install -g @anthropic-ai/claude-code", sign_in="claude, and /login there",
        )  # fmt: skip

    def order(self, launch: Launch) -> AttemptOrder:
        model, effort = base.model(self._config, launch), base.effort(self._config, launch)
        argv = (
            *(self._config.command or (PROGRAM,)), *ASK,
            *(THINKING if launch.thinking else FREE if launch.contained else GUARDED),
            *(("--model", model) if model else ()),
            *(("--effort", effort) if effort else ()),
            *(("--resume", launch.session) if launch.session else ()),
        )  # fmt: skip
        # As root it refuses to work without asking, but where it is told that it is contained.
        inside = {"IS_SANDBOX": "1"} if launch.contained else {}
        made = base.order(
            launch, self._config, argv=argv, stdin=launch.prompt.encode("utf-8", "replace"),
            names=SEES, extra=QUIET | inside,
        )  # fmt: skip
        return base.structured(made)

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        """Of this run alone, also where it went on with an earlier session."""
        told = list(events.lines(report.output_tail, _Event))
        session = next((one.session_id for one in told if one.session_id), None)
        end = _end(told)
        if end is None:
            return Usage(session_id=session) if session else None
        used = end.usage if isinstance(end.usage, dict) else {}
        cached = events.count(used.get("cache_read_input_tokens"))
        models = list(end.modelUsage) if isinstance(end.modelUsage, dict) else []
        return Usage(
            input_tokens=events.total(
                events.count(used.get("input_tokens")),
                events.count(used.get("cache_creation_input_tokens")), cached,
            ),
            output_tokens=events.count(used.get("output_tokens")),
            cached_tokens=cached,
            cost_usd=events.amount(end.total_cost_usd),
            model=models[0] if len(models) == 1 else next(filter(None, map(_model, told)), None),
            session_id=session,
        )  # fmt: skip

    def read_answer(self, report: AttemptReport) -> str:
        end = _end(list(events.lines(report.output_tail, _Event)))
        return events.words(end.result) if end else ""

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        return base.failure(report, now, _told(report))


class _Event(Struct):
    """The fields of any event that are read; versions differ, so each may be anything."""

    type: str = ""
    subtype: Any = None
    session_id: str | None = None
    is_error: Any = None
    api_error_status: Any = None
    api_error: Any = None
    error: Any = None
    error_status: Any = None
    errors: Any = None
    result: Any = None
    usage: Any = None
    modelUsage: Any = None
    total_cost_usd: Any = None
    model: Any = None
    rate_limit_info: Any = None


def _end(told: list[_Event]) -> _Event | None:
    return next((one for one in reversed(told) if one.type == "result"), None)


def _model(event: _Event) -> str | None:
    return event.model if event.subtype == "init" and isinstance(event.model, str) else None


def _told(report: AttemptReport) -> Told | None:
    """The error it ended with, or the one that it was still trying to get over."""
    told = list(events.lines(report.output_tail, _Event))
    resets = next((at for one in reversed(told) if (at := _rejected(one)) is not None), None)
    window = next((name for one in reversed(told) if (name := _limit(one))), "")
    end = _end(told)
    if end is not None:
        if end.is_error is not True and not str(end.subtype).startswith("error"):
            return None
        several = end.errors if isinstance(end.errors, list) else []
        message = events.words(end.result, end.error, *several, end.subtype)
        gone = "No conversation found" in f"{message} {report.error_tail[-500:]}"
        status = events.count(end.api_error_status)
        kind = events.words(end.api_error)
        return Told(
            message=message, status=status, kind=kind, window=window, resets_at=resets,
            session_gone=gone,
        )  # fmt: skip
    last = told[-1] if told else None
    if last is None or (last.subtype != "api_retry" and _rejected(last) is None):
        return None
    kind = events.words(last.error) or "usage limit"
    status = events.count(last.error_status)
    return Told(
        message=kind, status=status, kind=kind, window=window, resets_at=resets, final=False
    )


def _limit(event: _Event) -> str:
    """Its own word for the limit that stops it now."""
    info = event.rate_limit_info
    if _rejected(event) is None or not isinstance(info, dict):
        return ""
    return events.words(info.get("rateLimitType"))


def _rejected(event: _Event) -> float | None:
    """When a limit ends that stops it now; a warning, or one that it may exceed, stops nothing."""
    info = event.rate_limit_info
    if event.type != "rate_limit_event" or not isinstance(info, dict):
        return None
    if info.get("status") != "rejected" or info.get("isUsingOverage") is True:
        return None
    return events.amount(info.get("resetsAt")) or 0.0
