"""The door to Telegram, against a Bot API server on this machine."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.clock import Clock
from orchestrator.adapters.notify import PROXIES, Notify, TelegramTrouble, pair
from orchestrator.records.errors import Trouble
from orchestrator.records.letter import Button, Letter, Span, Style
from orchestrator.texts.redact import Redactor
from tests.support import bot_api
from tests.support.bot_api import Fault, Telegram

CODE = Path(__file__).resolve().parents[2]
HELLO = Letter(lines=((Span("Hello "), Span("world", Style.BOLD)),))


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    with bot_api.served() as served:
        yield served


@pytest.fixture
def notify(telegram: Telegram) -> Iterator[Notify]:
    door = Notify(token=telegram.token, api_url=telegram.url, redact=Redactor([telegram.token]))
    yield door
    door.close()


def test_a_letter_arrives_with_its_styles_links_and_buttons(
    telegram: Telegram, notify: Notify
) -> None:
    row = (Span("😀 "), Span("Merged", Style.BOLD), Span(" "), Span("#3", link="https://x.y/3"))
    letter = Letter(lines=(row,), buttons=((Button("Retry", "r:1"),),), quiet=True)
    number = notify.send(telegram.chat, letter)
    [message] = telegram.messages
    assert (message.number, message.text, message.quiet) == (number, "😀 Merged #3", True)
    assert message.links == ["https://x.y/3"] and message.labels == ["Retry"]
    assert [(e["offset"], e["length"]) for e in message.entities] == [(3, 6), (10, 2)]


def test_a_message_is_edited_once_and_the_same_again_is_no_trouble(
    telegram: Telegram, notify: Notify
) -> None:
    number = notify.send(telegram.chat, HELLO)
    for _ in range(2):
        notify.edit(telegram.chat, number, Letter(lines=((Span("Done"),),)))
    assert telegram.shown() == ["Done"]


def test_what_was_said_and_pressed_is_heard_until_it_is_let_go(
    telegram: Telegram, notify: Notify
) -> None:
    notify.send(telegram.chat, Letter(lines=HELLO.lines, buttons=((Button("Retry", "r:1"),),)))
    telegram.says("/status")
    telegram.press("Retry")
    said, pressed = notify.updates(0)
    assert (said.text, said.chat, said.sender) == ("/status", telegram.chat, bot_api.PERSON)
    assert (pressed.data, pressed.chat, pressed.name) == ("r:1", telegram.chat, "Maria")
    assert notify.updates(0) == (said, pressed)
    assert notify.updates(said.update) == (pressed,)
    assert notify.updates(pressed.update) == ()
    notify.answer(pressed.callback, "Seen")
    notify.answer("of last week", "Seen")
    assert telegram.answered == ["Seen"]


CLOSED = (
    "not enough rights to send text messages to the chat",
    "need administrator rights in the channel chat",
    "have no rights to send a message",
    "have no write access to the chat",
    "CHAT_WRITE_FORBIDDEN",
    "CHAT_SEND_PLAIN_FORBIDDEN",
    "CHAT_ADMIN_REQUIRED",
    "CHAT_RESTRICTED",
    "TOPIC_CLOSED",
)


@pytest.mark.parametrize(
    ("fault", "trouble", "ambiguous"),
    [
        (Fault(401, "Unauthorized"), Trouble.AUTH, False),
        (Fault(404, "Not Found"), Trouble.AUTH, False),
        (Fault(403, "Forbidden: bot was blocked by the user"), Trouble.PERMISSION, False),
        (Fault(400, "Bad Request: chat not found"), Trouble.PERMISSION, False),
        *((Fault(400, f"Bad Request: {said}"), Trouble.PERMISSION, False) for said in CLOSED),
        (Fault(400, "Bad Request: message is too long"), Trouble.VALIDATION, False),
        (Fault(400, "Bad Request: message can't be edited"), Trouble.VALIDATION, False),
        (Fault(409, "Conflict: terminated by other getUpdates request"), Trouble.CONFLICT, False),
        (Fault(429, "Too Many Requests: retry after 7", wait=7), Trouble.RATE, False),
        (Fault(500), Trouble.SERVER, True),
        (Fault(502, "Bad Gateway"), Trouble.SERVER, True),
        (Fault(closed=True), Trouble.NETWORK, True),
    ],
)
def test_each_failure_says_what_the_caller_may_do(
    telegram: Telegram, notify: Notify, fault: Fault, trouble: Trouble, ambiguous: bool
) -> None:
    telegram.fail(fault)
    with pytest.raises(TelegramTrouble) as raised:
        notify.send(telegram.chat, HELLO)
    assert raised.value.trouble is trouble and raised.value.ambiguous is ambiguous
    assert raised.value.wait == fault.wait
    assert telegram.token not in str(raised.value) and raised.value.__cause__ is None
    notify.send(telegram.chat, HELLO)
    assert telegram.shown() == ["Hello world"]


def test_where_nobody_listens_nothing_was_sent(telegram: Telegram) -> None:
    door = Notify(token=telegram.token, api_url="http://127.0.0.1:9", redact=str)
    with pytest.raises(TelegramTrouble, match="ConnectError") as raised:
        door.send(telegram.chat, HELLO)
    assert raised.value.trouble is Trouble.NETWORK and not raised.value.ambiguous
    door.close()


def test_a_server_that_never_answers_is_left_alone(
    telegram: Telegram, notify: Notify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.adapters.notify.SECONDS", 0.05)
    held = threading.Event()
    telegram.fail(Fault(held=held))
    with pytest.raises(TelegramTrouble) as raised:
        notify.send(telegram.chat, HELLO)
    assert raised.value.trouble is Trouble.NETWORK and raised.value.ambiguous
    held.set()


def test_the_token_is_in_no_log_at_any_level(
    telegram: Telegram, notify: Notify, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    notify.send(telegram.chat, HELLO)
    telegram.fail(Fault(closed=True), Fault(500))
    for _ in range(2):
        with pytest.raises(TelegramTrouble):
            notify.updates(0)
    assert telegram.token not in caplog.text and telegram.token not in repr(notify)


def test_a_secret_and_the_token_itself_are_never_sent(telegram: Telegram, notify: Notify) -> None:
    number = notify.send(telegram.chat, Letter(lines=((Span(f"it is {telegram.token}"),),)))
    notify.edit(telegram.chat, number, Letter(lines=((Span("bot"), Span(telegram.token)),)))
    notify.answer("press-1", telegram.token)
    assert telegram.token not in f"{telegram.shown()} {telegram.answered} {telegram.log}"


def test_whoever_only_has_the_door_does_not_load_the_library() -> None:
    loads = "import sys; from orchestrator import world; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", loads], cwd=CODE, capture_output=True, text=True, check=True
    )
    assert not {"telegram", "httpx", "asyncio"} & set(ran.stdout.split())


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_proxy")
def test_where_nothing_was_said_the_library_is_not_started(
    telegram: Telegram, notify: Notify
) -> None:
    telegram.says("old")
    [old] = notify.updates(0)
    notify.close()
    assert notify.updates(old.update) == () and notify._line is None
    telegram.says("new")
    assert [one.text for one in notify.updates(old.update)] == ["new"] and notify._line


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("fault", [Fault(502, "Bad Gateway"), Fault(closed=True)])
def test_a_doubt_is_left_to_the_library(telegram: Telegram, notify: Notify, fault: Fault) -> None:
    telegram.fail(fault, fault)
    with pytest.raises(TelegramTrouble):
        notify.updates(0)
    telegram.says("new")
    telegram.fail(fault)
    notify.close()
    assert [one.text for one in notify.updates(0)] == ["new"]


def test_title_and_name_tell_whether_token_and_chat_are_right(
    telegram: Telegram, notify: Notify
) -> None:
    assert (notify.name(), notify.title(telegram.chat)) == ("office_bot", "Maria")
    with pytest.raises(TelegramTrouble, match="telegram_chat_id"):
        notify.title("99")
    for token in ("", "1:wrong", "nonsense"):
        door = Notify(token=token, api_url=telegram.url, redact=str)
        with pytest.raises(TelegramTrouble, match="telegram_bot_token") as raised:
            door.name()
        assert raised.value.trouble is Trouble.AUTH
        door.close()


def test_pairing_finds_the_chat_that_says_the_code(telegram: Telegram) -> None:
    until = Clock().now() + timedelta(seconds=30)
    telegram.says("/start", chat="5")
    telegram.says("/start wrong-code", chat="6")
    telegram.says("hello code-77", chat="6")
    telegram.says("/start code-77")
    telegram.says("/start code-77", chat="8")
    assert pair(telegram.token, "code-77", until, api_url=telegram.url) == telegram.chat
    past = Clock().now()
    assert pair(telegram.token, "other", past, api_url=telegram.url) is None
    with pytest.raises(TelegramTrouble):
        pair("1:wrong", "code-77", until, api_url=telegram.url)
