"""The person's crontab, read and replaced whole by the program of that name."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.adapters import files, process
from orchestrator.adapters.process import CannotStart
from orchestrator.records.errors import AgentOSError

PROGRAM = "crontab"
SECONDS = 20.0
NONE_YET = ("no crontab for", "can't open your crontab", "no such file")


class NoCrontab(AgentOSError):
    """There is no crontab program, or this user may not have a crontab; the text says which."""

    exit_code = 20


class Crontab:
    """What `crontab -l` tells and `crontab -` takes; `environment` is all that it sees."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {
            name: environment[name]
            for name in ("PATH", "HOME", "USER", "LOGNAME", "LANG")
            if name in environment
        }

    def read(self) -> str:
        """The whole text; "" where there is none yet. Raises NoCrontab."""
        code, out, said = self._run("-l")
        if code == 0:
            return out.decode("utf-8", "surrogateescape")
        if any(words in said.lower() for words in NONE_YET):
            return ""
        raise NoCrontab(f"crontab -l refused: {said or f'exit code {code}'}")

    def write(self, text: str) -> None:
        """Replace it, or remove it where nothing is left. Raises NoCrontab; nothing was changed."""
        if text:
            code, _, said = self._run("-", stdin=text.encode("utf-8", "surrogateescape"))
        else:
            code, _, said = self._run("-r")
        if code != 0:
            raise NoCrontab(
                f"crontab did not take the new text: {said or f'exit code {code}'}; "
                "it is as it was before"
            )

    def _run(self, argument: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        program = files.find_program(PROGRAM, self.environment.get("PATH", ""))
        if program is None:
            raise NoCrontab("there is no crontab program here: apt-get install cron")
        try:
            ended = process.run(
                (program, argument), cwd="/", environment=self.environment, stdin=stdin,
                timeout_seconds=SECONDS,
            )  # fmt: skip
        except CannotStart as error:
            raise NoCrontab(str(error)) from error
        return ended.exit_code, ended.stdout, ended.stderr.decode("utf-8", "replace").strip()


def commands(text: str) -> tuple[str, ...]:
    """What the jobs of a crontab start; lines that cron would not understand are left out."""
    import crontab  # type: ignore[import-untyped]

    jobs = crontab.CronTab(tab=text)
    return tuple(str(job.command) for job in jobs if job.is_enabled() and job.is_valid())
