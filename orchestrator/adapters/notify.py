"""The only door to Telegram: letters out, redacted here, and what people say there in.

The library is loaded by whoever sends or asks, late: it costs a quarter of a second. Neither its
exceptions nor the addresses that it asks, which hold the token, ever leave this module (S19).
"""

from __future__ import annotations

import hmac
import os
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from orchestrator.adapters.clock import Clock
from orchestrator.records.errors import AgentOSError, Trouble
from orchestrator.records.letter import Button, Heard, Letter, Style, Written
from orchestrator.texts import letters

if TYPE_CHECKING:
    import ssl

    import telegram
    from telegram.error import RetryAfter

PUBLIC = "https://api.telegram.org"
SECONDS = 10  # for each step of a request, and twice that for all of it
LONG_POLL = 10
MOST_UPDATES = 100
KINDS = "%5B%22message%22%2C%22callback_query%22%5D"  # a list of two, as a query spells it
SILENCE = {"ok": True, "result": []}
# With one of these the library goes another way.
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
LONGEST_COMMAND = 4096
LOUD = ("httpx", "httpcore", "telegram", "asyncio")  # at INFO and below they log addresses
# How a "Bad Request" says that the chat is closed to us, whatever the letter.
CLOSED = (
    "not enough rights", "administrator rights", "no rights to send", "no write access",
    "write_forbidden", "plain_forbidden", "chat_admin_required", "chat_restricted",
    "user_restricted", "user_banned_in_channel", "topic_closed",
)  # fmt: skip
NEEDS_A_PERSON = frozenset({Trouble.AUTH, Trouble.PERMISSION, Trouble.CONFLICT})
Answer = TypeVar("Answer")


class TelegramTrouble(AgentOSError):
    """Telegram said no, or did not answer; `trouble` says what the caller may do about it.

    AUTH and PERMISSION need a person, VALIDATION is this one letter's, CONFLICT a second reader of
    the bot; all others pass, after `wait` seconds at least. `ambiguous`: it may have been done.
    """

    def __init__(
        self, trouble: Trouble, sentence: str, *, wait: float = 0, ambiguous: bool = False
    ) -> None:
        super().__init__(sentence)
        self.trouble = trouble
        self.wait = wait
        self.ambiguous = ambiguous

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """C13: 20 where the config needs a person, else 10: the next tick tries again."""
        return 20 if self.trouble in NEEDS_A_PERSON else 10


@cache
def _authorities() -> ssl.SSLContext:
    """Whom we believe: read once, where the library would do it three times for each line."""
    import httpx

    return httpx.create_ssl_context()


class _Line:
    """One open connection, and the loop that the library wants to run in."""

    def __init__(self, token: str, api_url: str) -> None:
        import asyncio
        import logging

        import telegram
        from telegram.request import HTTPXRequest

        for name in LOUD:
            logging.getLogger(name).setLevel(logging.WARNING)
        self.way = HTTPXRequest(
            connection_pool_size=1, connect_timeout=SECONDS, read_timeout=SECONDS,
            write_timeout=SECONDS, pool_timeout=SECONDS, httpx_kwargs={"verify": _authorities()},
        )  # fmt: skip
        self.bot = telegram.Bot(
            token, base_url=f"{api_url}/bot", base_file_url=f"{api_url}/file/bot",
            request=self.way, get_updates_request=self.way,
        )  # fmt: skip
        self.loop = asyncio.new_event_loop()

    def run(self, call: Callable[[telegram.Bot], Awaitable[Answer]], seconds: float) -> Answer:
        import asyncio

        async def asked() -> Answer:
            return await asyncio.wait_for(call(self.bot), seconds)

        with _unwarned():
            return self.loop.run_until_complete(asked())

    def close(self) -> None:
        self.loop.run_until_complete(self.way.shutdown())
        self.loop.close()


class Notify:
    """One bot. Every text passes `redact` on its way out; raises nothing but TelegramTrouble."""

    def __init__(self, *, token: str, api_url: str, redact: Callable[[str], str]) -> None:
        self.token = token
        self.api_url = api_url.rstrip("/")
        self.redact = redact
        self._line: _Line | None = None

    def __repr__(self) -> str:
        return "Notify(...)"

    def name(self) -> str:
        """What the bot is called; raises where the token is wrong."""
        return str(self._ask(lambda bot: bot.get_me()).username or "")

    def title(self, chat: str) -> str:
        """What a chat is called; raises where the bot cannot write there."""
        found = self._ask(lambda bot: bot.get_chat(chat))
        return str(found.title or found.full_name or found.username or chat)

    def send(self, chat: str, letter: Letter) -> int:
        """The id of the new message."""
        said = letters.written(letter, self.redact)
        sent = self._ask(
            lambda bot: bot.send_message(
                chat, said.text, entities=_entities(said), reply_markup=_keyboard(letter),
                disable_notification=letter.quiet, link_preview_options=_no_preview(),
            )
        )  # fmt: skip
        return int(sent.message_id)

    def edit(self, chat: str, message: int, letter: Letter) -> None:
        """Replace a message of ours; one that says this already is what was wanted."""
        said = letters.written(letter, self.redact)
        try:
            self._ask(
                lambda bot: bot.edit_message_text(
                    said.text, chat_id=chat, message_id=message, entities=_entities(said),
                    reply_markup=_keyboard(letter), link_preview_options=_no_preview(),
                )
            )  # fmt: skip
        except TelegramTrouble as trouble:
            if "not modified" not in str(trouble):
                raise

    def answer(self, callback: str, text: str) -> None:
        """Show a word where a button was pressed; one pressed too long ago is answered no more."""
        said = self.redact(text)[:200]
        try:
            self._ask(lambda bot: bot.answer_callback_query(callback, said))
        except TelegramTrouble as trouble:
            if trouble.trouble is not Trouble.VALIDATION:
                raise

    def updates(self, after: int, *, wait: int = 0) -> tuple[Heard, ...]:
        """What was said and pressed since the update `after`, which Telegram then forgets.

        Each is read by itself: one that is not as it should be says so, and hides no other.
        """
        if self._line is None and not wait and self._is_silent(after):
            return ()
        asked = {
            "offset": after + 1, "limit": MOST_UPDATES, "timeout": wait,
            "allowed_updates": ["message", "callback_query"],
        }  # fmt: skip

        async def told(bot: telegram.Bot) -> list[Heard]:
            raw: Any = await bot.do_api_request(
                "getUpdates", api_kwargs=asked, read_timeout=SECONDS + wait
            )
            return [_understood(one, bot) for one in raw if _number(one)]

        return tuple(self._ask(told, seconds=2 * SECONDS + wait))

    def _is_silent(self, after: int) -> bool:
        """Whether nothing was said since, asked without the library, whose start costs far more
        than the question; whatever is in doubt is left to the library."""
        from http import client

        if not self.token or any(os.environ.get(name) for name in PROXIES):
            return False
        parts = urlsplit(self.api_url)
        way = client.HTTPSConnection if parts.scheme == "https" else client.HTTPConnection
        asked = f"offset={after + 1}&limit=1&allowed_updates={KINDS}"
        try:
            with closing(way(parts.netloc, timeout=SECONDS)) as line:
                line.request("GET", f"{parts.path}/bot{self.token}/getUpdates?{asked}")
                told = line.getresponse()
                return told.status == client.OK and msgspec.json.decode(told.read(1000)) == SILENCE
        except (OSError, ValueError, client.HTTPException, msgspec.MsgspecError):
            return False

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _ask(
        self, call: Callable[[telegram.Bot], Awaitable[Answer]], *, seconds: float = 2 * SECONDS
    ) -> Answer:
        from telegram.error import TelegramError

        if not self.token:
            raise TelegramTrouble(Trouble.AUTH, "no telegram_bot_token is set")
        try:
            self._line = self._line or _Line(self.token, self.api_url)
            return self._line.run(call, seconds)
        except TelegramError as error:
            raise self._trouble(error) from None
        except TimeoutError:
            said = f"Telegram did not answer within {seconds:.0f} seconds"
            raise TelegramTrouble(Trouble.NETWORK, said, ambiguous=True) from None

    def _trouble(self, error: Exception) -> TelegramTrouble:
        """The library's exception in our words, without an address."""
        from httpx import ConnectError, ConnectTimeout, PoolTimeout
        from telegram import error as errors

        detail = self.redact(str(error)).replace(self.token, "[redacted]")[:300]
        match error:
            case errors.RetryAfter():
                wait = _seconds(error)
                return TelegramTrouble(
                    Trouble.RATE, f"Telegram asks us to wait {wait:.0f} seconds", wait=wait
                )
            case errors.InvalidToken():
                said = f"Telegram refuses the token ({detail}); see telegram_bot_token"
                return TelegramTrouble(Trouble.AUTH, said)
            case errors.Forbidden() | errors.ChatMigrated():
                said = f"Telegram lets us write nothing in that chat ({detail})"
                return TelegramTrouble(Trouble.PERMISSION, f"{said}; see telegram_chat_id")
            case errors.BadRequest() if "chat not found" in detail.lower():
                said = f"Telegram knows no such chat ({detail}); see telegram_chat_id"
                return TelegramTrouble(Trouble.PERMISSION, said)
            case errors.BadRequest() if any(words in detail.lower() for words in CLOSED):
                said = f"Telegram lets us write nothing in that chat ({detail})"
                return TelegramTrouble(Trouble.PERMISSION, f"{said}; give the bot the right to")
            case errors.BadRequest():
                return TelegramTrouble(Trouble.VALIDATION, f"Telegram takes it not: {detail}")
            case errors.Conflict():
                return TelegramTrouble(Trouble.CONFLICT, f"somebody else reads this bot: {detail}")
        cause = error.__cause__
        if cause is not None:
            sent = not isinstance(cause, (ConnectError, ConnectTimeout, PoolTimeout))
            said = f"no answer from Telegram ({type(cause).__name__})"
            return TelegramTrouble(Trouble.NETWORK, said, ambiguous=sent)
        return TelegramTrouble(Trouble.SERVER, f"Telegram is in trouble: {detail}", ambiguous=True)


def pair(
    token: str,
    code: str,
    until: datetime,
    *,
    api_url: str = PUBLIC,
    clock: Clock | None = None,
    redact: Callable[[str], str] = str,
) -> str | None:
    """The id of the chat in which somebody sends `/start CODE` before `until`; None if nobody does.

    Raises TelegramTrouble where the token is wrong or something else reads this bot. What else was
    said to the bot before is dropped.
    """
    clock, after = clock or Clock(), 0
    notify = Notify(token=token, api_url=api_url, redact=redact)
    try:
        while True:
            left = (until - clock.now()).total_seconds()
            for heard in notify.updates(after, wait=max(0, min(LONG_POLL, int(left)))):
                after = heard.update
                word = heard.text.partition(" ")[2].strip()
                begins = heard.text.startswith("/start")
                if begins and hmac.compare_digest(word.encode(), code.encode()):
                    notify.updates(after)
                    return heard.chat
            if left <= 0:
                return None
            clock.sleep(0.2)
    finally:
        notify.close()


@contextmanager
def _unwarned() -> Iterator[None]:
    """The library warns of its own attribute, in which it says how long to wait, and of asking
    for updates as they came."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _seconds(error: RetryAfter) -> float:
    with _unwarned():
        wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _entities(said: Written) -> list[Any]:
    import telegram

    return [
        telegram.MessageEntity(
            type=one.style.value if one.style is not Style.PLAIN else "text_link",
            offset=one.offset, length=one.length, url=one.link or None,
        )
        for one in said.entities
    ]  # fmt: skip


def _keyboard(letter: Letter) -> Any:
    import telegram

    if not letter.buttons:
        return None

    def key(button: Button) -> Any:
        return telegram.InlineKeyboardButton(button.label, callback_data=button.data)

    rows = [[key(button) for button in row] for row in letter.buttons]
    return telegram.InlineKeyboardMarkup(rows)


def _no_preview() -> Any:
    import telegram

    return telegram.LinkPreviewOptions(is_disabled=True)


def _number(raw: Any) -> int:
    number = raw.get("update_id") if isinstance(raw, dict) else None
    return number if isinstance(number, int) else 0


def _understood(raw: Any, bot: telegram.Bot) -> Heard:
    """One update as it came; the library's exceptions over a broken one are of any kind."""
    import telegram

    try:
        return _heard(telegram.Update.de_json(raw, bot))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        return Heard(update=_number(raw), broken=type(error).__name__)


def _heard(update: telegram.Update) -> Heard:
    """One update as a value; what is neither a message nor a press is empty but for its number."""
    message, pressed = update.message, update.callback_query
    if pressed is not None:
        there, who = pressed.message, pressed.from_user
        return Heard(
            update=update.update_id, chat=str(there.chat.id) if there else "",
            message=there.message_id if there else 0, sender=str(who.id), name=who.full_name,
            callback=pressed.id, data=str(pressed.data or ""),
        )  # fmt: skip
    if message is None:
        return Heard(update=update.update_id)
    author = message.from_user
    return Heard(
        update=update.update_id, chat=str(message.chat.id), message=message.message_id,
        sender=str(author.id) if author else "", name=author.full_name if author else "",
        text=(message.text or "")[:LONGEST_COMMAND],
    )  # fmt: skip
