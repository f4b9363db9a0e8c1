"""The built-in agent that applies the diff in the task; it needs no account and no network."""

from __future__ import annotations

from datetime import datetime

from orchestrator.agents import base
from orchestrator.agents.base import Failure, Launch, Requirements
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.usage import Usage

PROGRAM = "bin/patch_agent"
TEST_VARIABLE = "AGENT_OS_TEST_COMMAND"


class Patch(base.Configured):
    """Runs `bin/patch_agent` with our own interpreter, apart from every Python setting."""

    @property
    def deaf(self) -> bool:
        return True

    def requirements(self) -> Requirements:
        return Requirements()

    def order(self, launch: Launch) -> AttemptOrder:
        test = {TEST_VARIABLE: launch.test_command} if launch.test_command else {}
        return base.order(
            launch,
            self._config,
            argv=(launch.python, "-I", f"{launch.root}/{PROGRAM}"),
            stdin=launch.prompt.encode("utf-8", "replace"),
            extra=test,
        )

    def read_usage(self, report: AttemptReport, before: Usage | None = None) -> Usage | None:
        return None

    def read_answer(self, report: AttemptReport) -> str:
        return ""

    def read_failure(self, report: AttemptReport, now: datetime) -> Failure | None:
        return base.failure(report, now)
