"""What an agent is to us: an order to an executor, and what its failure means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec import Struct, structs

from orchestrator.agents import refusals, resets
from orchestrator.agents.refusals import Told
from orchestrator.records import regex
from orchestrator.records.config import AgentConfig
from orchestrator.records.errors import AgentOSError
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.quota import Learnt, Window
from orchestrator.records.result import BlockerCode
from orchestrator.records.usage import Usage

RESULT_FILE = ".agent_result.md"
# All that every agent sees of our environment; HOME is a private folder (S2).
ALWAYS = ("PATH", "LANG")
# Not even by config: each of these hands over our credentials, or changes what a program runs.
NEVER = regex.late(
    r"(?:GIT|GH|GITHUB|TELEGRAM|PYTHON|LD|DYLD|BASH|AGENT_OS|ORCH)_?.*"
    r"|NODE_OPTIONS|ENV|IFS|HOME|SSH_AUTH_SOCK|PERL5OPT|RUBYOPT",
    re.IGNORECASE,
)
ARGUMENT_LIMIT = 131_000  # Linux takes 128 KiB in one argument


class Launch(Struct, frozen=True, kw_only=True):
    """One attempt as an adapter sees it; paths are absolute, `environment` is all of ours.

    `prompt_path` is where the caller has written the prompt, for programs that read a file.
    `timeout_seconds` is the limit of the task, `agent_timeout_seconds` what the repository says
    for this agent. `root` is our own folder and `python` our interpreter. `session` is the
    conversation to take up again, "" for a new one. `key` is the login that was found for it:
    the secret, and in `account` whose it is. `contained`: it starts in a sandbox or not at all.
    `thinking`: it only answers, by what it prints, and is given no tool; `model` is then the one
    to ask, "" for the usual.
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
    task_type: str = ""
    session: str = ""
    account: str = ""
    key: str = ""
    contained: bool = False
    thinking: bool = False
    model: str = ""


class Credential(Struct, frozen=True, kw_only=True):
    """One way to be logged in: a variable that holds the secret, or files that do.

    A path begins with `~/` for the operator's HOME, or with `$NAME/` for a folder that a variable
    names; the first that exists counts. With a `field` a file is JSON and holds the secret there.
    """

    account: str = ""
    variable: str = ""
    paths: tuple[str, ...] = ()
    field: str = ""


class Login(Struct, frozen=True, kw_only=True):
    """A path below the operator's HOME that the program needs in its own, where it exists."""

    path: str
    writable: bool = False


class Requirements(Struct, frozen=True, kw_only=True):
    """What must be there for an agent to start at all; where it is not, no attempt is made.

    `programs` all, `credentials` any one, in this order; `variables` all. `minimum` is the
    oldest version of the first program whose options are the ones we use. `login` is what a
    sandbox lends it, and `install` how a person gets the program, `sign_in` how its login.
    """

    programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    minimum: tuple[int, ...] = ()
    credentials: tuple[Credential, ...] = ()
    login: tuple[Login, ...] = ()
    install: str = ""
    sign_in: str = ""


class Failure(NamedTuple):
    """Why an agent's run says nothing about the task, in the contract's word and in ours.

    `until` is when its provider will serve it again, where it said so, as `learnt` tells, and
    `window` which of its limits was reached. `session_gone`: the
    conversation to take up again is not there, and nothing was done.
    """

    code: BlockerCode
    reason: str
    until: datetime | None = None
    session_gone: bool = False
    window: Window = Window.UNKNOWN
    learnt: Learnt = Learnt.ASSUMED


class PromptTooLarge(AgentOSError):
    """A prompt that this agent cannot be given the way it takes its prompt."""


class Agent(Protocol):
    """One adapter per kind of agent; all of it is decided without touching anything."""

    @property
    def name(self) -> str: ...

    @property
    def deaf(self) -> bool:
        """Whether no word on its work reaches it, so that it would do the same again."""

    def requirements(self) -> Requirements:
        """What the caller looks for before it starts the agent."""

    def order(self, launch: Launch) -> AttemptOrder:
        """The program with its whole environment; raises PromptTooLarge."""

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        """What the run used, None where nothing was told; `before` is what its session had used."""

    def read_answer(self, report: AttemptReport) -> str:
        """The last words of a run that was only to think, "" where there are none."""

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        """What went wrong with the program itself, None where its result file is to be read.

        `now` is in this machine's zone: a time without a zone in what it says is meant so.
        """


class Configured:
    """What every adapter begins with: its part of the config, and the name that stands there."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def deaf(self) -> bool:
        return False


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
    names: Iterable[str] = (),
    extra: Mapping[str, str] | None = None,
) -> AttemptOrder:
    """The order that every adapter ends with: its own argv in the folder, limits and log given.

    `names` are the variables that its program reads, besides those that the config names.

    The timeout is the repository's for this agent, else the agent's own, else the task's.
    """
    own = None if config.timeout_minutes is None else config.timeout_minutes * 60
    return AttemptOrder(
        argv=argv,
        folder=launch.folder,
        home=launch.home,
        stdin=stdin,
        environment=environment(launch.environment, (*names, *config.environment), extra),
        timeout_seconds=launch.agent_timeout_seconds or own or launch.timeout_seconds,
        idle_timeout_seconds=launch.idle_timeout_seconds,
        log_path=launch.log_path,
        result_file=None if launch.thinking else RESULT_FILE,
        account=launch.account,
    )


def logins(config: AgentConfig, *known: Credential) -> tuple[Credential, ...]:
    """The known ways to be logged in, and any variable that the config hands to the program."""
    named = {one.variable for one in known}
    return (*known, *(Credential(variable=one) for one in config.environment if one not in named))


def structured(given: AttemptOrder) -> AttemptOrder:
    """The order of a program that prints JSON: all of its output is read, errors stay apart."""
    apart = given.log_path.removesuffix(".log") + ".errors.log"
    return structs.replace(given, tail_limit=given.output_limit, error_path=apart)


def model(config: AgentConfig, launch: Launch) -> str:
    """The model for this type of task, "" for the program's own choice."""
    return launch.model or config.models.get(launch.task_type) or config.model


def effort(config: AgentConfig, launch: Launch) -> str:
    return config.efforts.get(launch.task_type) or config.effort


def failure(report: AttemptReport, now: datetime, told: Told | None = None) -> Failure | None:
    """What any program's end means: a result file outweighs an exit code, a timeout does not.

    `told` is the error in the program's own fields; without one the end of its output is read.
    An error that it was still trying to get over explains only a run that failed.
    """
    no_word = report.result is None and not report.result_problem
    said = told or refusals.in_text(report.error_tail) or refusals.in_text(report.output_tail)
    stopped = report.timed_out or report.silent
    failed = stopped or report.exit_code != 0
    if no_word and said is not None and report.exit_code is not None and (said.final or failed):
        code = refusals.code_of(said)
        if code is not None or said.session_gone:
            return _refusal(code, said, now)
        if told is not None and told.final and not stopped:
            return Failure(BlockerCode.RUNNER_FAILURE, f"it failed: {told.message[:300]}")
    if report.exceeded:
        return Failure(BlockerCode.RUNNER_FAILURE, f"it was stopped: {report.exceeded}")
    if report.silent:
        heard = f"nothing was heard of it any more; it was stopped after {report.seconds:.0f} s"
        return Failure(BlockerCode.TIMEOUT, heard)
    if report.timed_out:
        return Failure(BlockerCode.TIMEOUT, f"it was stopped after {report.seconds:.0f} s")
    if report.exit_code is None:
        return Failure(BlockerCode.ENVIRONMENT_FAILURE, report.problem)
    if report.exit_code == 0 or not no_word:
        return None
    return _exit(report)


def _refusal(code: BlockerCode | None, said: Told, now: datetime) -> Failure:
    words = said.message[: refusals.LONGEST]
    match code:
        case BlockerCode.QUOTA_LIMITED:
            until, learnt = _until(said, now)
            window = refusals.window_of(said)
            if window is Window.CREDIT and until is not None:
                window = Window.UNKNOWN  # what comes back by itself is no money
            why = f"its provider refuses it: {words}"
            return Failure(code, why, until, window=window, learnt=learnt)
        case BlockerCode.MISSING_CREDENTIALS:
            return Failure(code, f"its own login does not work: {words}")
        case BlockerCode.ENVIRONMENT_FAILURE:
            return Failure(code, f"its model cannot be had: {words}")
        case BlockerCode.PROMPT_TOO_LARGE:
            return Failure(code, f"the prompt is too long for it: {words}")
    gone = f"its earlier session is not there: {words}"
    return Failure(BlockerCode.RUNNER_FAILURE, gone, session_gone=True)


def _until(said: Told, now: datetime) -> tuple[datetime | None, Learnt]:
    """The end of a refusal, a field of the program before its words, and which of the two."""
    if said.resets_at is not None and (found := resets.at(said.resets_at, now)):
        return found, Learnt.FIELD
    if said.retry_after is not None and (found := resets.after(said.retry_after, now)):
        return found, Learnt.FIELD
    found = resets.told(said.message, now)
    return found, Learnt.MESSAGE if found else Learnt.ASSUMED


def _exit(report: AttemptReport) -> Failure:
    """What an exit code means where nothing else was said."""
    exit_code = report.exit_code or 0
    last = last_words(report.error_tail) or last_words(report.output_tail)
    said = f"; its last words: {last}" if last else ""
    if exit_code in {126, 127}:
        why = "not executable" if exit_code == 126 else "not found"
        return Failure(BlockerCode.ENVIRONMENT_FAILURE, f"a program was {why}{said}")
    if exit_code < 0:
        return Failure(
            BlockerCode.RUNNER_FAILURE,
            f"it was ended by signal {-exit_code}, perhaps for lack of memory{said}",
        )
    return Failure(BlockerCode.RUNNER_FAILURE, f"it ended with exit code {exit_code}{said}")


def last_words(output: str, limit: int = 300) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:limit] if lines else ""
