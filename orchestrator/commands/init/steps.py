"""What is to be done, one thing at a time: shown first, then carried out, and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from orchestrator.commands.init.voice import Voice
from orchestrator.records.errors import AgentOSError


class Step(Struct, frozen=True, kw_only=True):
    """`act` does it and says what came of it, "" for just what was planned; None: nothing to do.

    `lines` are shown below it, as they will stand in a file.
    """

    said: str
    act: Callable[[], str] | None = None
    lines: tuple[str, ...] = ()


def show(voice: Voice, steps: Sequence[Step]) -> None:
    for step in steps:
        if step.act is None:
            voice.item("there", step.said, "green")
            continue
        voice.item("will", step.said)
        for line in step.lines:
            voice.console.print(f"          {line}", style="dim", soft_wrap=True, markup=False)


def carry_out(voice: Voice, steps: Sequence[Step], redact: Callable[[str], str]) -> int:
    """Each step in turn; one that fails is told, and the next one follows. The worst exit code."""
    worst = 0
    for step in steps:
        if step.act is None:
            continue
        try:
            said = step.act()
        except AgentOSError as error:
            told = redact(str(error))
            voice.item("FAILED", f"{step.said}: {told}", "red")
            voice.remains(f"Not done: {step.said} ({told})", "bin/init.sh")
            worst = max(worst, error.exit_code)
        else:
            voice.item("done", said or step.said, "green")
    return worst
