"""Gemini CLI: asked once without a terminal, read by its events and by the error it ends with."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from orchestrator.agents import base, events
from orchestrator.agents.base import Credential, Failure, Launch, Login, Requirements
from orchestrator.agents.refusals import Told
from orchestrator.records import regex
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.usage import Usage

PROGRAM = "gemini"
SECRETS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
SEES = (*SECRETS, "GOOGLE_GEMINI_BASE_URL", "GOOGLE_CLOUD_PROJECT", "GOOGLE_GENAI_USE_VERTEXAI")
ASK = ("--output-format", "stream-json", "--skip-trust")
FREE = ("--yolo",)  # without it every tool that changes something is refused, as nobody allows it
# It waits longer and longer after each refusal, and says so on standard error.
TRYING = regex.late(r"^Attempt \d+ failed with status (?P<status>\d{3})\. Retrying", re.MULTILINE)
SETTINGS = ".gemini/settings.json"
BY_KEY = '{"security":{"auth":{"selectedType":"gemini-api-key"}}}'
GONE = "Error resuming session"


class Gemini(base.Configured):
    """Runs `gemini`; its exit code is an HTTP status cut to a byte, so its words come first."""

    def requirements(self) -> Requirements:
        return Requirements(
            programs=(self._config.command or (PROGRAM,))[:1],
            minimum=(0, 40),
            credentials=base.logins(
                self._config, *(Credential(variable=name) for name in SECRETS),
                Credential(paths=("~/.gemini/oauth_creds.json",)),
            ),
            login=(
                Login(path=".gemini/oauth_creds.json", writable=True),
                Login(path=".gemini/google_accounts.json"), Login(path=SETTINGS),
            ),
            install="npm install -g @google/gemini-cli", sign_in="gemini, and log in there",
        )  # fmt: skip

    def order(self, launch: Launch) -> AttemptOrder:
        model = base.model(self._config, launch)
        argv = (
            *(self._config.command or (PROGRAM,)), *ASK,
            *(() if launch.thinking else FREE),
            *(("--model", model) if model else ()),
            *(("--resume", launch.session) if launch.session else ()),
        )  # fmt: skip
        made = base.order(
            launch, self._config, argv=argv, stdin=launch.prompt.encode("utf-8", "replace"),
            names=SEES, extra={"GEMINI_CLI_NO_RELAUNCH": "1"},
        )  # fmt: skip
        # Without a word it guesses from the variables how to log in, and guesses wrong.
        keyed = any(launch.environment.get(name) for name in SECRETS)
        made = structs.replace(made, home_files={SETTINGS: BY_KEY} if keyed else {})
        return base.structured(made)

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        """Of this run alone, summed over the models it asked; it reckons no cost."""
        whole = events.last(report.output_tail, _Event)
        told = list(events.lines(report.output_tail, _Event)) or ([whole] if whole else [])
        session = next((one.session_id for one in told if one.session_id), None)
        stats = next((one.stats for one in reversed(told) if isinstance(one.stats, dict)), None)
        if stats is None:
            return Usage(session_id=session) if session else None
        told_of = stats.get("models")
        models: dict[str, Any] = told_of if isinstance(told_of, dict) else {}
        each = [_tokens(one) for one in models.values()]
        main = max(models, key=lambda name: _tokens(models[name])[0] or 0, default=None)
        return Usage(
            input_tokens=events.total(*(one[0] for one in each)),
            output_tokens=events.total(*(one[1] for one in each)),
            cached_tokens=events.total(*(one[2] for one in each)),
            model=main,
            session_id=session,
        )

    def read_answer(self, report: AttemptReport) -> str:
        """What it said after the last tool; it tells its words in pieces."""
        said: list[str] = []
        for one in events.lines(report.output_tail, _Event):
            if one.type == "message" and one.role == "assistant":
                said.append(events.words(one.content))
            elif one.type.startswith("tool"):
                said = []
        return "".join(said)

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        return base.failure(report, now, _told(report))


class _Event(Struct):
    type: str = ""
    session_id: str | None = None
    role: Any = None
    content: Any = None
    status: Any = None
    stats: Any = None
    error: Any = None


def _tokens(told: Any) -> tuple[int | None, int | None, int | None]:
    """Read, written and cached; thinking is written too, in whichever of its two formats."""
    if not isinstance(told, dict):
        return None, None, None
    inner = told.get("tokens")
    if isinstance(inner, dict):
        written = events.total(*(events.count(inner.get(k)) for k in ("candidates", "thoughts")))
        return events.count(inner.get("prompt")), written, events.count(inner.get("cached"))
    read, all_ = events.count(told.get("input_tokens")), events.count(told.get("total_tokens"))
    written = events.count(told.get("output_tokens"))
    if read is not None and all_ is not None and written is not None:
        written = max(written, all_ - read)
    return read, written, events.count(told.get("cached"))


def _told(report: AttemptReport) -> Told | None:
    """The error in its last event, or in the object at the end of standard error.

    A run that it was still trying to make is known by its last complaint there.
    """
    told = list(events.lines(report.output_tail, _Event))
    end = next((one for one in reversed(told) if one.type == "result"), None)
    ended = events.last(report.error_tail, _Event)
    for one in (end, ended):
        if one is not None and isinstance(one.error, dict):
            code = events.count(one.error.get("code"))
            message = events.words(one.error.get("message"), one.error.get("type"))
            return Told(message=message, status=code if code and code >= 400 else None)
    if end is not None:
        return None
    lost = next((line for line in report.error_tail.splitlines() if line.startswith(GONE)), "")
    if lost:
        return Told(message=lost, session_gone=True)
    tries = list(TRYING.finditer(report.error_tail))
    if not tries:
        return None
    said = report.error_tail[tries[-1].start() :].splitlines()[0]
    return Told(message=said, status=int(tries[-1]["status"]), final=False)
