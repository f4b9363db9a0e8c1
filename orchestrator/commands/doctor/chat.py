"""Telegram: whether the bot is known and may write where it is to write. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.adapters.notify import TelegramTrouble
from orchestrator.commands.doctor.patient import Patient
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.errors import Trouble

PAIR = "bin/init.sh, which pairs the bot with your chat"
TO_BE_MENDED = frozenset({Trouble.AUTH, Trouble.PERMISSION, Trouble.VALIDATION})


def telegram(patient: Patient) -> Iterator[Diagnosis]:
    if patient.world is None:
        return
    world, config = patient.world, patient.world.config
    token, chat = config.telegram_bot_token, config.telegram_chat_id
    if token is None and not chat:
        yield Diagnosis(
            check="telegram", level=Level.NOTE, mend=PAIR,
            sentence="is not set up: what needs you stands in the logs and in bin/status.sh only",
        )  # fmt: skip
        return
    if token is None or not chat:
        key = "telegram_bot_token" if token is None else "telegram_chat_id"
        yield Diagnosis(
            check="telegram", level=Level.WRONG, sentence=f"{key} is not set, the other is",
            mend=PAIR,
        )  # fmt: skip
        return
    try:
        bot, title = world.notify.name(), world.notify.title(chat)
    except TelegramTrouble as trouble:
        wrong = trouble.trouble in TO_BE_MENDED
        yield Diagnosis(
            check="telegram", level=Level.WRONG if wrong else Level.UNKNOWN,
            sentence=world.redact(str(trouble)), mend=PAIR if wrong else "",
        )  # fmt: skip
        return
    finally:
        world.notify.close()
    yield Diagnosis(
        check="telegram", level=Level.OK, sentence=f"@{bot} may write to {title}"
    )
