"""An office whose person sits at a phone: the forge, Telegram, and the chat script over both.

    with a_room(tmp_path) as room:
        issue = room.office.ready("Add a file")
        room.office.work_until_quiet()
        room.tick()                      # a minute of run_telegram.sh
        room.shown                       # what the phone shows
        room.asks("/retry 1")            # says it, and gives the answer
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator import chat, escalation
from orchestrator.records.verdicts import Escalate
from tests.support import bot_api
from tests.support.bot_api import Telegram
from tests.support.office import Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


class Room:
    """`tick` is one minute of run_telegram.sh."""

    def __init__(self, office: Office, telegram: Telegram) -> None:
        self.office = office
        self.telegram = telegram
        self.world = office.world

    def tick(self) -> int:
        return self.office._tick("chat", chat.story)

    def later(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    def happens(self, kind: str, reason: str = "", **details: Any) -> None:
        self.world.events.add(kind, reason=reason, **details)

    def gives_up(self, issue: int, why: str = "it is too hard") -> None:
        """The task of an issue is escalated, without any agent's run."""
        [repository] = self.world.config.repositories
        task = self.office.task(issue)
        lock = self.world.locks.try_task(task.task_id)
        assert lock is not None
        with lock:
            escalation.escalate(self.world, repository, task, Escalate(why), by="test")

    def escalated(self) -> int:
        """An issue whose task waits for a person, as the phone shows."""
        issue = self.office.ready("Add a file")
        self.office.dispatch()
        self.gives_up(issue)
        self.tick()
        return issue

    def asks(self, text: str) -> str:
        """What is answered to it, and nothing else in that tick."""
        before = len(self.shown)
        self.telegram.says(text)
        assert self.tick() in {0, 10}, self.office.told()
        new = self.shown[before:]
        assert len(new) == 1, new
        return new[0]

    @property
    def shown(self) -> list[str]:
        return self.telegram.shown()


@contextmanager
def a_room(tmp_path: Path, **more: Any) -> Iterator[Room]:
    """The chat has been read to its end once, as after an installation."""
    repository = {**QUICK, **more.pop("repository", {})}
    with bot_api.served() as telegram:
        chat_config = {
            "telegram_bot_token": telegram.token, "telegram_api_url": telegram.url,
            "telegram_chat_id": telegram.chat, **more.pop("config", {}),
        }  # fmt: skip
        with an_office(tmp_path, repository=repository, config=chat_config, **more) as office:
            room = Room(office, telegram)
            assert room.tick() == 0, office.told()
            yield room
            room.world.notify.close()
