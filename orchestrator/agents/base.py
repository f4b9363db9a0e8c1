"""What an agent is to us: an order to an executor, and what its failure means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.config import AgentConfig
from orchestrator.records.errors import AgentOSError
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.result import BlockerCode

RESULT_FILE = ".agent_result.md"
# All that every agent sees of our environment; HOME is a private folder (S2).
ALWAYS = ("PATH", "LANG")
# Not even by config: each of these hands over our credentials, or changes what a program runs.
NEVER = regex.late(
    r"(?:GIT|GH|GITHUB|TELEGRAM|PYTHON|LD|DYLD|BASH|AGENT_OS|ORCH)_?.*"
    r"|NODE_OPTIONS|ENV|IFS|HOME|SSH_AUTH_SOCK|PERL5OPT|RUBYOPT",
    re.IGNORECASE,
)
# How providers say "not now": out of quota or credit, too many at once, too busy.
REFUSED = regex.late(
    r"hit your (?:[\w-]+ ){0,3}limit|usage limit|rate[ _-]?limit|too many requests"
    r"|exceeded your (?:\w+ ){0,2}quota|exhausted your (?:\w+ ){0,2}quota|quota exceeded"
    r"|insufficient[ _](?:quota|balance|credits?)|credit balance is too low"
    r"|request rejected \(429\)|\b429\b.{0,40}too many|at capacity|\boverloaded\b",
    re.IGNORECASE,
)
PARAGRAPH = 8  # lines of a last paragraph that are read
ARGUMENT_LIMIT = 131_000  # Linux takes 128 KiB in one argument


class Launch(Struct, frozen=True, kw_only=True):
    """One attempt as an adapter sees it; paths are absolute, `environment` is all of ours.

    `prompt_path` is where the caller has written the prompt, for programs that read a file.
    `timeout_seconds` is the limit of the task, `agent_timeout_seconds` what the repository says
    for this agent. `root` is our own folder and `python` our interpreter.
    """

    prompt: str
    prompt_path: str
    folder: str
    home: str
    log_path: str
    timeout_seconds: float
    agent_timeout_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    test_command: str = ""
    environment: Mapping[str, str] = {}
    root: str = ""
    python: str = "python3"


class Requirements(Struct, frozen=True, kw_only=True):
    """What must be there for an agent to start at all; where it is not, no attempt is made."""

    programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


class Failure(NamedTuple):
    """Why an agent's run says nothing about the task, in the contract's word and in ours."""

    code: BlockerCode
    reason: str


class PromptTooLarge(AgentOSError):
    """A prompt that this agent cannot be given the way it takes its prompt."""


class Agent(Protocol):
    """One adapter per kind of agent; all of it is decided without touching anything."""

    @property
    def name(self) -> str: ...

    def requirements(self) -> Requirements:
        """What the caller looks for before it starts the agent."""

    def order(self, launch: Launch) -> AttemptOrder:
        """The program with its whole environment; raises PromptTooLarge."""

    def read_failure(self, report: AttemptReport) -> Failure | None:
        """What went wrong with the program itself, None where its result file is to be read."""


def environment(
    ours: Mapping[str, str], names: Iterable[str], extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The allow-list: the few names that every agent sees, the named ones, and `extra` (S2)."""
    allowed = (*ALWAYS, *(name for name in names if not NEVER.fullmatch(name)))
    seen = {name: ours[name] for name in allowed if name in ours}
    return {"LANG": "C.UTF-8", **seen, "TERM": "dumb", **(extra or {})}


def order(
    launch: Launch,
    config: AgentConfig,
    *,
    argv: tuple[str, ...],
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
) -> AttemptOrder:
    """The order that every adapter ends with: its own argv in the folder, limits and log given.

    The timeout is the repository's for this agent, else the agent's own, else the task's.
    """
    own = None if config.timeout_minutes is None else config.timeout_minutes * 60
    return AttemptOrder(
        argv=argv,
        folder=launch.folder,
        home=launch.home,
        stdin=stdin,
        environment=environment(launch.environment, config.environment, extra),
        timeout_seconds=launch.agent_timeout_seconds or own or launch.timeout_seconds,
        idle_timeout_seconds=launch.idle_timeout_seconds,
        log_path=launch.log_path,
        result_file=RESULT_FILE,
    )


def failure(report: AttemptReport) -> Failure | None:
    """What any program's end means: a result file outweighs an exit code, a timeout does not."""
    no_word = report.result is None and not report.result_problem
    refusal = refused(report.output_tail) if no_word else ""
    if refusal:
        # Whatever its exit code: some end with 0, some wait to be asked again until they are ended.
        return Failure(BlockerCode.QUOTA_LIMITED, f"its provider refuses it: {refusal}")
    if report.exceeded:
        return Failure(BlockerCode.RUNNER_FAILURE, f"it was stopped: {report.exceeded}")
    if report.silent:
        said = f"nothing was heard of it any more; it was stopped after {report.seconds:.0f} s"
        return Failure(BlockerCode.TIMEOUT, said)
    if report.timed_out:
        return Failure(BlockerCode.TIMEOUT, f"it was stopped after {report.seconds:.0f} s")
    if report.exit_code is None:
        return Failure(BlockerCode.ENVIRONMENT_FAILURE, report.problem)
    if report.exit_code == 0 or report.result is not None or report.result_problem:
        return None
    last = last_words(report.output_tail)
    said = f"; its last words: {last}" if last else ""
    if report.exit_code in {126, 127}:
        why = "not executable" if report.exit_code == 126 else "not found"
        return Failure(BlockerCode.ENVIRONMENT_FAILURE, f"a program was {why}{said}")
    if report.exit_code < 0:
        return Failure(
            BlockerCode.RUNNER_FAILURE,
            f"it was ended by signal {-report.exit_code}, perhaps for lack of memory{said}",
        )
    return Failure(BlockerCode.RUNNER_FAILURE, f"it ended with exit code {report.exit_code}{said}")


def refused(output: str) -> str:
    """The words by which a provider says "not now", where a failed run ends with them; else ""."""
    words = closing_words(output)
    return words if REFUSED.search(words) else ""


def closing_words(output: str, limit: int = 600) -> str:
    """What a run ends with: the message of a JSON error, else the last paragraph, on one line.

    Nothing before it is read: there an agent may talk about limits of any kind.
    """
    text = output.rstrip()
    start = text.rfind("\n{")
    for candidate in (text.rpartition("\n")[2], text[start + 1 :] if start >= 0 else text):
        ending = _ending(candidate)
        if ending is not None:
            return " ".join(_message(ending).split())[:limit]
    paragraph = text.rpartition("\n\n")[2].split("\n")[-PARAGRAPH:]
    return " ".join(" ".join(paragraph).split())[-limit:]


def _ending(text: str) -> _Ending | None:
    if not text.startswith("{"):
        return None
    try:
        return msgspec.json.decode(text, type=_Ending)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _message(told: _Ending) -> str:
    """The error that an object tells under one of the names that programs use; else ""."""
    error = told.error
    if isinstance(error, dict):
        inner = error.get("data") if isinstance(error.get("data"), dict) else error
        error = inner.get("message") if isinstance(inner, dict) else ""
    result = told.result if told.is_error else ""
    said = (error, told.message, result)
    return next((words for words in said if isinstance(words, str) and words), "")


class _Ending(Struct):
    """The fields of a last JSON object in which a program says what went wrong."""

    error: Any = None
    message: Any = None
    result: Any = None
    is_error: bool = False


def last_words(output: str, limit: int = 300) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:limit] if lines else ""
