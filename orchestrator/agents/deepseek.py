"""DeepSeek through opencode, asked at the first of its providers that has a key.

Of the open-source agent programs that install from an index and speak to any OpenAI-compatible
endpoint, opencode alone ends with a failure when the provider refuses, tells the HTTP status in a
field of its own, counts tokens, resumes a session, takes the prompt on standard input and needs no
file in the repository. qwen-code and aider end with 0 on a refused key, aider commits by itself
and leaves files, mini-swe-agent does not run as installed and has no session.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from orchestrator.agents import base, events
from orchestrator.agents.base import Credential, Failure, Launch, Requirements
from orchestrator.agents.refusals import Told
from orchestrator.records import regex
from orchestrator.records.config import ProviderConfig
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.usage import Usage

PROGRAM = "opencode"
KEY = "DEEPSEEK_API_KEY"  # what the program reads it from, whichever provider it is for
# Errors of requests that it makes again are told on standard error alone, by its log.
ASK = ("run", "--format", "json", "--print-logs", "--log-level", "ERROR")
FREE = ("--auto",)
QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
}
LOGGED = regex.late(r'level=ERROR .*?error\.error="(?P<said>(?:[^"\\]|\\.)*)"')
GONE = "Session not found"


class Provider(Struct, frozen=True, kw_only=True):
    """Where DeepSeek's models are sold: `variable` or a field of `secrets.json` holds the key.

    `folder` and `names` are the variables for the folder of that file and for the model's name.
    """

    base_url: str
    model: str
    variable: str
    fields: tuple[str, ...]
    folder: str
    names: str


CHAIN = {
    "openrouter": Provider(
        base_url="https://openrouter.ai/api/v1", model="deepseek/deepseek-chat",
        variable="OPENROUTER_API_KEY", fields=("openRouterApiKey",),
        folder="DEEPSEEK_OPENROUTER_CONFIG", names="DEEPSEEK_OPENROUTER_MODEL",
    ),
    "nanogpt": Provider(
        base_url="https://nano-gpt.com/api/v1", model="deepseek-chat",
        variable="NANOGPT_API_KEY", fields=("nanoGptApiKey", "openAiApiKey"),
        folder="DEEPSEEK_NANOGPT_CONFIG", names="DEEPSEEK_NANOGPT_MODEL",
    ),
    "chutes": Provider(
        base_url="https://llm.chutes.ai/v1", model="deepseek-ai/DeepSeek-V3-0324",
        variable="CHUTES_API_KEY", fields=("chutesApiKey", "openAiApiKey"),
        folder="DEEPSEEK_CHUTES_CONFIG", names="DEEPSEEK_CHUTES_MODEL",
    ),
}  # fmt: skip


class DeepSeek(base.Configured):
    """Runs `opencode run`; its configuration is one variable, so that no file has to be made."""

    def requirements(self) -> Requirements:
        return Requirements(
            programs=(self._config.command or (PROGRAM,))[:1],
            minimum=(1, 1),
            credentials=tuple(
                one for name, provider in CHAIN.items() for one in _keys(name, provider)
            ),
            install="npm install -g opencode-ai",
            sign_in="OPENROUTER_API_KEY=..., at the top of the crontab",
        )

    def order(self, launch: Launch) -> AttemptOrder:
        effort = base.effort(self._config, launch)
        account = launch.account if launch.account in CHAIN else next(iter(CHAIN))
        model = self._model(launch, account)
        argv = (
            *(self._config.command or (PROGRAM,)), *ASK,
            *(() if launch.thinking else FREE), "-m", f"{account}/{model}",
            *(("--variant", effort) if effort else ()),
            *(("--session", launch.session) if launch.session else ()),
        )  # fmt: skip
        url = self._base_url(account)
        settings = _settings(account, url, model, tools=not launch.thinking)
        key = launch.key or launch.environment.get(CHAIN[account].variable, "")
        made = base.order(
            launch, self._config, argv=argv, stdin=launch.prompt.encode("utf-8", "replace"),
            extra={**QUIET, "OPENCODE_CONFIG_CONTENT": settings, **({KEY: key} if key else {})},
        )  # fmt: skip
        return base.structured(msgspec.structs.replace(made, account=account))

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        """The sum over its steps; None for the numbers where the log lost some of them."""
        told = list(events.lines(report.output_tail, _Event))
        session = next((one.sessionID for one in told if one.sessionID), None)
        steps = [one.part for one in told if one.type == "step_finish"]
        used = [one["tokens"] for one in steps if isinstance(one, dict) and _counted(one)]
        if not used or report.dropped:
            return Usage(session_id=session) if session else None
        caches = [one["cache"] if isinstance(one.get("cache"), dict) else {} for one in used]
        cached = events.total(*(events.count(one.get("read")) for one in caches))
        fresh = events.total(*(events.count(one.get("input")) for one in used))
        kept = events.total(*(events.count(one.get("write")) for one in caches))
        costs = [events.amount(one.get("cost")) or 0.0 for one in steps if isinstance(one, dict)]
        return Usage(
            input_tokens=events.total(fresh, cached, kept),
            output_tokens=events.total(
                *(events.count(one.get(key)) for one in used for key in ("output", "reasoning"))
            ),
            cached_tokens=cached,
            cost_usd=sum(costs) or None,  # it knows no price of a provider that we describe
            session_id=session,
        )

    def read_answer(self, report: AttemptReport) -> str:
        told = events.lines(report.output_tail, _Event)
        said = [one.part.get("text") for one in told if one.type == "text" and _is_part(one.part)]
        return events.words(*said[::-1])

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        return base.failure(report, now, _told(report))

    def _base_url(self, account: str) -> str:
        said = self._config.providers.get(account, ProviderConfig())
        return said.base_url or CHAIN[account].base_url

    def _model(self, launch: Launch, account: str) -> str:
        """The provider's own word first: each calls the same model by another name."""
        said = self._config.providers.get(account, ProviderConfig()).model
        chosen = said or base.model(self._config, launch)
        return chosen or launch.environment.get(CHAIN[account].names) or CHAIN[account].model


class _Event(Struct):
    type: str = ""
    sessionID: str | None = None
    part: Any = None
    error: Any = None


def _keys(account: str, provider: Provider) -> tuple[Credential, ...]:
    """Where the key of one provider may be: the environment, then the files of older runners."""
    paths: tuple[str, ...] = (
        f"${provider.folder}/secrets.json", f"${provider.folder}/data/secrets.json",
        f"${provider.folder}",
    )  # fmt: skip
    if account == "openrouter":  # where the program that wrote it keeps it when nobody says so
        paths += ("~/.cline/data/secrets.json", "~/.cline/secrets.json")
    named = Credential(account=account, variable=provider.variable)
    files = [Credential(account=account, paths=paths, field=field) for field in provider.fields]
    return (named, *files)


def _settings(account: str, base_url: str, model: str, *, tools: bool) -> str:
    """The program's configuration as JSON; the key is not in it, only the variable's name."""
    limit = {"context": 128_000, "output": 16_384}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": account,
        "options": {"baseURL": base_url, "apiKey": f"{{env:{KEY}}}"},
        "models": {model: {"name": model, "limit": limit}},
    }
    whole: dict[str, Any] = {
        "provider": {account: provider}, "enabled_providers": [account],
        "small_model": f"{account}/{model}", "autoupdate": False, "share": "disabled",
    }  # fmt: skip
    if not tools:
        whole["tools"] = {"*": False}
    return msgspec.json.encode(whole).decode()


def _is_part(part: Any) -> bool:
    return isinstance(part, dict)


def _counted(step: Any) -> bool:
    return isinstance(step.get("tokens"), dict)


def _told(report: AttemptReport) -> Told | None:
    """The error that it ended with, else the last that its log tells of a request made again."""
    told = list(events.lines(report.output_tail, _Event))
    for one in reversed(told):
        if one.type == "error":
            return _error(one.error)
        if one.type != "step_start":
            break
    if GONE in report.error_tail[-500:] and not told:
        return Told(message=GONE, session_gone=True)
    logged = list(LOGGED.finditer(report.error_tail))
    return Told(message=logged[-1]["said"], final=False) if logged else None


def _error(error: Any) -> Told:
    data = error.get("data") if isinstance(error, dict) else None
    data = data if isinstance(data, dict) else {}
    name = events.words(error.get("name")) if isinstance(error, dict) else ""
    headers = data.get("responseHeaders")
    wait = headers.get("retry-after") if isinstance(headers, dict) else None
    seconds = re.fullmatch(r"\d{1,8}(?:\.\d+)?", wait) if isinstance(wait, str) else None
    return Told(
        message=events.words(data.get("message"), error, name, "it ended with an error"),
        status=events.count(data.get("statusCode")),
        retry_after=float(seconds[0]) if seconds else None,
    )
