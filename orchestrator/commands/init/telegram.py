"""A Telegram bot for this installation: its token, and the chat in which its operator sits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from orchestrator import settings
from orchestrator.adapters import files, notify
from orchestrator.adapters.notify import TelegramTrouble
from orchestrator.commands.init.scene import Scene, placed
from orchestrator.commands.init.voice import Voice
from orchestrator.records.errors import ConfigError

KEPT_AT = "~/.config/agent-os/telegram-token"
MINUTES = 5
ASKED = """\
A Telegram bot tells you what needs you, and takes a few commands. @BotFather makes one with
/newbot, and gives its token."""


def pair(scene: Scene, voice: Voice) -> Mapping[str, str]:
    """The keys of the config for the bot and its chat; {} where none is wanted or it failed."""
    wishes, config = scene.wishes, scene.config
    if config.telegram_bot_token is not None and config.telegram_chat_id:
        voice.item("there", "a Telegram bot and its chat are in the config", "green")
        return {}
    if wishes.telegram is False or not (wishes.telegram_token_file or voice.asks):
        return {}
    if not wishes.telegram_token_file:
        voice.title("Telegram")
        voice.say(ASKED)
    home = scene.world.environment.get("HOME") or str(Path.home())
    file = wishes.telegram_token_file or KEPT_AT
    place = placed(file, home)
    if place.exists():
        token = settings.kept(place)
    elif voice.asks:
        token = voice.ask("The bot's token (not shown), or Enter for no Telegram", secret=True)
    else:
        raise ConfigError((f"--telegram-token-file {file}: not there",))
    if not token:
        return {}
    chat = wishes.telegram_chat_id or paired(scene, voice, token)
    if not chat:
        return {}
    if not place.exists() and not wishes.dry_run:
        files.make_folder(place.parent)
        files.write_durably(place, f"{token}\n".encode(), replace=True)
    return {"telegram_bot_token_file": file, "telegram_chat_id": chat}


def paired(scene: Scene, voice: Voice, token: str) -> str:
    """The chat from which somebody sends the code that is shown here."""
    if scene.wishes.dry_run:
        voice.item("would", "wait for you to send the bot a code, to learn your chat [dry run]")
        return ""
    code = secrets.token_hex(3)
    until = scene.world.clock.now() + timedelta(minutes=MINUTES)
    voice.say(f"Send this to the bot within {MINUTES} minutes:  /start {code}", "bold")
    try:
        chat = notify.pair(
            token, code, until, api_url=scene.config.telegram_api_url, clock=scene.world.clock,
            redact=scene.world.redact,
        )  # fmt: skip
    except TelegramTrouble as trouble:
        voice.item("FAILED", f"Telegram: {trouble}", "red")
        voice.remains("Telegram is not paired.", "bin/init.sh --telegram")
        return ""
    if chat is None:
        voice.item("FAILED", "nobody sent the code in time", "yellow")
        voice.remains("Telegram is not paired.", "bin/init.sh --telegram")
        return ""
    voice.item("ok", "the bot knows your chat", "green")
    return chat
