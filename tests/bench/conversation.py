"""The Telegram conversation of one escalation: `python -m tests.bench.conversation`.

The real scripts on a forge, and a Bot API server on this machine: three agents give up, a person
presses a button, the one that they chose does it, and the merge is told.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from orchestrator.records.task import State
from tests.support.office import AgentScript, says, writes
from tests.support.phone import Room, a_room

GIVES_UP = (
    "STATUS: blocked\nBLOCKER_CODE: test_failure\n"
    "SUMMARY: The tests of the parser fail, and I could not find out why.\n"
)
ISSUE = "Read dates with a day first"


def better_the_second_time() -> AgentScript:
    """An agent that gives up once and then finds it."""
    tries = iter(range(10))

    def work(folder: Path, prompt: str) -> object:
        done = writes("dates.txt", "day first\n", "Dates are read with the day first.")
        return says(GIVES_UP)(folder, prompt) if next(tries) == 0 else done(folder, prompt)

    return work  # type: ignore[return-value]


def agents() -> dict[str, AgentScript]:
    return {"first": says(GIVES_UP), "second": better_the_second_time(), "third": says(GIVES_UP)}


def play(room: Room) -> int:
    """From Ready to done, with a tick of the chat after each of the other scripts' rounds."""
    issue = room.office.ready(ISSUE)
    for _ in range(4):
        room.office.round()
        room.tick()
    room.telegram.press("Give to second")
    room.tick()
    for _ in range(4):
        room.office.round()
        room.tick()
    return issue


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, a_room(Path(folder), agents=agents()) as room:
        issue = play(room)
        print(room.telegram.conversation())  # noqa: T201 - what this program is for
        return 0 if room.office.state_of(issue) is State.DONE else 1


if __name__ == "__main__":
    sys.exit(main())
