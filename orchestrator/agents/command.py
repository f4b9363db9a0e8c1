"""Any program as an agent: five lines of config say how it is called and how it is asked."""

from __future__ import annotations

from datetime import datetime

from orchestrator.agents import base
from orchestrator.agents.base import Failure, Launch, PromptTooLarge, Requirements
from orchestrator.records.config import PromptBy
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.usage import Usage

PROMPT = "{prompt}"
PROMPT_FILE = "{prompt_file}"


class Command(base.Configured):
    """Runs `config.command`; a word `{prompt}` or `{prompt_file}` in it says where the prompt goes.

    Without such a word the prompt, or the path of its file, is the last argument.
    """

    def requirements(self) -> Requirements:
        return Requirements(programs=self._config.command[:1])

    def order(self, launch: Launch) -> AttemptOrder:
        argv, stdin = self._config.command, b""
        match self._config.prompt:
            case PromptBy.STDIN:
                stdin = launch.prompt.encode("utf-8", "replace")
            case PromptBy.FILE:
                argv = _filled(argv, PROMPT_FILE, launch.prompt_path)
            case PromptBy.ARGUMENT:
                argv = _filled(argv, PROMPT, _as_argument(launch.prompt, self.name))
        return base.order(launch, self._config, argv=argv, stdin=stdin)

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        return None

    def read_answer(self, report: AttemptReport) -> str:
        return report.output_tail

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        return base.failure(report, now)


def _filled(argv: tuple[str, ...], word: str, value: str) -> tuple[str, ...]:
    if any(word in part for part in argv):
        return tuple(part.replace(word, value) for part in argv)
    return (*argv, value)


def _as_argument(prompt: str, name: str) -> str:
    size = len(prompt.encode("utf-8", "replace"))
    if size > base.ARGUMENT_LIMIT:
        raise PromptTooLarge(
            f"The prompt has {size} bytes and {name} takes it as an argument, which may have "
            f"{base.ARGUMENT_LIMIT}; set `prompt: stdin` or `prompt: file` for this agent."
        )
    return prompt.replace("\0", "")
