"""Telegram's Bot API on this machine, as far as we use it, with a person at the other end.

    with bot_api.served() as telegram:
        config = {"telegram_api_url": telegram.url, "telegram_bot_token": telegram.token,
                  "telegram_chat_id": telegram.chat}
        telegram.says("/status")                 # what the person in the chat does
        telegram.press("Retry")                  # the newest message with such a button
        telegram.shown()                         # the chat as it stands: texts of the bot
        print(telegram.conversation())           # all of it in order, as text
        telegram.fail(bot_api.Fault(429, wait=7))    # the next request is answered so

It refuses what Telegram refuses: a wrong token or chat, an empty or overlong text, entities that
lie outside of it, callback data of more than 64 bytes, a text that an edit does not change.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

TOKEN = "123456789:AAF-a_token_of_a_bot_that_is_not_there"
CHAT, PERSON = "4711", "4711"
LIMIT = 4096
ENTITIES = {"bold", "italic", "code", "text_link"}


class Fault(NamedTuple):
    """How a request goes wrong; `wait` is sent as retry_after, `closed` breaks the connection off.

    `done` does first what was asked: the answer is lost, the message is there. `only` is the one
    method that it happens to.
    """

    status: int = 500
    description: str = "Internal Server Error"
    wait: int = 0
    closed: bool = False
    done: bool = False
    only: str = ""
    held: threading.Event | None = None  # answered when somebody sets it


class Refused(Exception):
    """What Telegram answers instead of a result."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status


class Message:
    """One message as the chat shows it now."""

    def __init__(self, number: int, author: str, text: str) -> None:
        self.number = number
        self.author = author
        self.text = text
        self.entities: list[dict[str, Any]] = []
        self.keys: list[list[dict[str, str]]] = []
        self.quiet = False

    @property
    def labels(self) -> list[str]:
        return [key["text"] for row in self.keys for key in row]

    @property
    def links(self) -> list[str]:
        return [one["url"] for one in self.entities if one["type"] == "text_link"]


class Telegram:
    """The WSGI application; every bot with the token is the same one."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.chat = CHAT
        self.chats = {CHAT}
        self.url = ""
        self.messages: list[Message] = []
        self.updates: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.answered: list[str] = []
        self.log: list[str] = []
        self.faults: list[Fault] = []
        self._numbers = iter(range(1, 1_000_000))
        self._news = threading.Condition()

    # --- what the person does ------------------------------------------------------------------

    def says(self, text: str, *, chat: str = CHAT, person: str = PERSON) -> None:
        message = Message(next(self._numbers), "person", text)
        if chat == self.chat:
            self.messages.append(message)
        self.log.append(f"[person] {text}" if chat == self.chat else f"[{chat}] {text}")
        self._update("message", _shown(message, chat, person))

    def press(
        self, label: str, *, message: Message | None = None, times: int = 1, person: str = PERSON
    ) -> None:
        there = message or next(one for one in reversed(self.messages) if label in one.labels)
        [key] = [key for row in there.keys for key in row if key["text"] == label]
        for _ in range(times):
            self.log.append(f"[person] presses [{label}]")
            number = next(self._numbers)
            pressed = {
                "id": f"press-{number}", "from": _person(person), "chat_instance": "1",
                "message": _shown(there, self.chat, "bot"), "data": key["callback_data"],
            }  # fmt: skip
            self._update("callback_query", pressed)

    def fail(self, *faults: Fault) -> None:
        self.faults += faults

    # --- what they see -------------------------------------------------------------------------

    def shown(self) -> list[str]:
        return [message.text for message in self.messages if message.author == "bot"]

    def newest(self) -> Message:
        return [message for message in self.messages if message.author == "bot"][-1]

    def conversation(self) -> str:
        return "\n\n".join(self.log)

    # --- the API -------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        said, _, method = request.path.removeprefix("/bot").partition("/")
        self.calls.append(method)
        fault = next((one for one in self.faults if one.only in {"", method}), None)
        try:
            if not request.path.startswith("/bot") or ":" not in said:
                raise Refused(404, "Not Found")
            if said != self.token:
                raise Refused(401, "Unauthorized")
            if fault is None:
                return _json({"ok": True, "result": self.do(method, request.values)})
            self.faults.remove(fault)
            if fault.held is not None:
                fault.held.wait(60)
            if fault.done:
                self.do(method, request.values)
        except Refused as refused:
            said = str(refused)
            told = {"ok": False, "error_code": refused.status, "description": said}
            return _json(told, refused.status)
        if fault.closed:
            raise ConnectionAbortedError("broken off, as was asked for")
        more = {"parameters": {"retry_after": fault.wait}} if fault.wait else {}
        told = {"ok": False, "error_code": fault.status, "description": fault.description}
        return _json({**told, **more}, fault.status)

    def do(self, method: str, form: Mapping[str, str]) -> Any:
        found = getattr(self, f"do_{method}", None)
        if found is None:
            raise Refused(404, "Not Found: method not found")
        return found(form)

    def do_getMe(self, form: Mapping[str, str]) -> Any:  # noqa: N802 - Telegram's names
        return {"id": 1, "is_bot": True, "first_name": "Office", "username": "office_bot"}

    def do_getChat(self, form: Mapping[str, str]) -> Any:  # noqa: N802
        self._known(form["chat_id"])
        return {
            "id": int(form["chat_id"]), "type": "private", "first_name": "Maria",
            "accent_color_id": 1, "max_reaction_count": 1,
            "accepted_gift_types": dict.fromkeys(GIFTS, False),
        }  # fmt: skip

    def do_sendMessage(self, form: Mapping[str, str]) -> Any:  # noqa: N802
        self._known(form["chat_id"])
        message = Message(next(self._numbers), "bot", "")
        self._write(message, form)
        message.quiet = form.get("disable_notification", "").lower() == "true"
        self.messages.append(message)
        self._tell(message, "bot")
        return _shown(message, form["chat_id"], "bot")

    def do_editMessageText(self, form: Mapping[str, str]) -> Any:  # noqa: N802
        number = int(form["message_id"])
        message = next((one for one in self.messages if one.number == number), None)
        if message is None or message.author != "bot":
            raise Refused(400, "Bad Request: message to edit not found")
        before = (message.text, message.keys)
        self._write(message, form)
        if before == (message.text, message.keys):
            raise Refused(400, "Bad Request: message is not modified")
        self._tell(message, f"bot, in place of message {number}")
        return _shown(message, form["chat_id"], "bot")

    def do_answerCallbackQuery(self, form: Mapping[str, str]) -> Any:  # noqa: N802
        if not form["callback_query_id"].startswith("press-"):
            raise Refused(400, "Bad Request: query is too old and response timeout expired")
        self.answered.append(form.get("text", ""))
        self.log.append(f"[bot, where it was pressed] {form.get('text', '')}")
        return True

    def do_getUpdates(self, form: Mapping[str, str]) -> Any:  # noqa: N802
        offset = int(form.get("offset", 0))
        with self._news:
            self.updates = [one for one in self.updates if one["update_id"] >= offset]
            if not self.updates:
                self._news.wait(min(2, float(form.get("timeout", 0))))
            return self.updates[: int(form.get("limit", 100))]

    # --- the pieces ----------------------------------------------------------------------------

    def _known(self, chat: str) -> None:
        if chat not in self.chats:
            raise Refused(400, "Bad Request: chat not found")

    def _write(self, message: Message, form: Mapping[str, str]) -> None:
        text, entities = form["text"], json.loads(form.get("entities", "[]"))
        length = len(text.encode("utf-16-le")) // 2
        if not text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if length > LIMIT:
            raise Refused(400, "Bad Request: message is too long")
        for one in entities:
            if one["type"] not in ENTITIES or one["offset"] + one["length"] > length:
                raise Refused(400, f"Bad Request: can't parse entities: {one}")
            if one["type"] == "text_link" and not one["url"].startswith(("http://", "https://")):
                raise Refused(400, f"Bad Request: wrong url {one['url']}")
        keys = json.loads(form.get("reply_markup", "{}")).get("inline_keyboard", [])
        for key in (key for row in keys for key in row):
            if not 1 <= len(key["callback_data"].encode()) <= 64:
                raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        message.text, message.entities, message.keys = text, entities, keys

    def _tell(self, message: Message, who: str) -> None:
        keys = " ".join(f"[{label}]" for label in message.labels)
        links = [f"<{link}>" for link in dict.fromkeys(message.links)]
        self.log.append("\n".join(filter(None, [f"[{who}] {message.text}", *links, keys])))

    def _update(self, kind: str, what: dict[str, Any]) -> None:
        with self._news:
            self.updates.append({"update_id": next(self._numbers), kind: what})
            self._news.notify_all()


GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription",
         "gifts_from_channels")  # fmt: skip


def _person(number: str) -> dict[str, Any]:
    return {"id": int(number), "is_bot": False, "first_name": "Maria"}


def _shown(message: Message, chat: str, author: str) -> dict[str, Any]:
    bot = {"id": 1, "is_bot": True, "first_name": "Office"}
    return {
        "message_id": message.number, "date": 1_767_603_600, "text": message.text,
        "chat": {"id": int(chat), "type": "private"},
        "from": bot if author == "bot" else _person(author),
    }  # fmt: skip


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


class Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any, **more: Any) -> None:
        pass

    def log(self, *args: Any, **more: Any) -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def served() -> Iterator[Telegram]:
    """A bot without messages, on a port of its own."""
    telegram = Telegram()
    server = make_server("127.0.0.1", 0, telegram, threaded=True, request_handler=Quiet)
    telegram.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield telegram
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
