"""A model behind the HTTP APIs of Anthropic, OpenAI and Google, on this machine, without a mind.

    with model_api.served(command="printf 'x\\n' > a.txt") as model:
        environment = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "k"}
        ...                                   # a real agent program runs the command, then ends
        model.requests                        # what it sent, in order

In its first answer the model calls the agent program's own shell tool with `command`, in the next
it says that it is done. With a `refusal` it answers nothing but that. It knows what it has done
from the conversation that each request carries, as the real ones do. Formats: the providers' API
references for Messages, Responses, Chat Completions and generateContent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

SHELLS = ("Bash", "exec_command", "shell_command", "shell", "bash", "run_shell_command")
SAID = "Done: the command ran and there is nothing left to do."
# What every answered request is billed for, in tokens: read, of them from the cache, written.
READ, CACHED, WRITTEN = 1200, 500, 34


class Refusal(NamedTuple):
    """An answer that is an error: its status, the body and headers as a provider sends them."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    """One request: its path, the credential it carried, its body."""

    path: str
    credential: str
    body: Mapping[str, Any]


class Model:
    """The WSGI application; `command` may be a function of the whole request as JSON text."""

    def __init__(
        self, command: str | Callable[[str], str], refusal: Refusal | None, said: str
    ) -> None:
        self.command = command
        self.refusal = refusal
        self.said = said
        self.requests: list[Asked] = []
        self.url = ""
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        return self.answer(request)(environ, start_response)

    def answer(self, request: Request) -> Response:
        if request.method != "POST":
            return _json({"error": {"message": "Not found", "type": "not_found"}}, 404)
        body = request.get_json(force=True, silent=True) or {}
        path = request.path
        with self._lock:
            self.requests.append(Asked(path, _credential(request), body))
        if self.refusal is not None:
            return _json(self.refusal.body, self.refusal.status, self.refusal.headers)
        if path.endswith("/count_tokens") or path.endswith(":countTokens"):
            return _json({"input_tokens": READ, "totalTokens": READ})
        for ending, speak in SPEAKERS.items():
            if path.endswith(ending):
                return speak(self, body)
        return _json({"error": {"message": f"no such route: {path}"}}, 404)

    def next_command(self, body: Mapping[str, Any]) -> str:
        return self.command if isinstance(self.command, str) else self.command(json.dumps(body))


@contextmanager
def served(
    command: str | Callable[[str], str] = "true",
    *,
    refusal: Refusal | None = None,
    said: str = SAID,
) -> Iterator[Model]:
    """A model on a port of its own of this machine; `said` are its last words."""
    model = Model(command, refusal, said)
    server = make_server("127.0.0.1", 0, model, threaded=True, request_handler=_Quiet)
    model.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        return


# --- Anthropic: POST /v1/messages -----------------------------------------------------------------


def _anthropic(model: Model, body: Mapping[str, Any]) -> Response:
    tools = {tool.get("name"): tool for tool in body.get("tools", ())}
    shell = next((name for name in SHELLS if name in tools), None)
    acted = any(
        part.get("type") == "tool_result"
        for message in body.get("messages", ())
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )
    block: dict[str, Any] = {"type": "text", "text": model.said}
    if shell is not None and not acted:
        given = {"command": model.next_command(body), "description": "Run the command"}
        block = {"type": "tool_use", "id": "toolu_01", "name": shell, "input": given}
    usage = {
        "input_tokens": READ, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED, "output_tokens": WRITTEN,
    }  # fmt: skip
    stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
    message = {
        "id": "msg_01", "type": "message", "role": "assistant", "model": body.get("model", ""),
        "content": [block], "stop_reason": stop, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    if not body.get("stream"):
        return _json(message)
    if block["type"] == "tool_use":
        empty = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    else:
        empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": model.said}
    opening = {**message, "content": [], "stop_reason": None}
    return _events(
        ("message_start", {"message": opening}),
        ("content_block_start", {"index": 0, "content_block": empty}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}),
        ("message_stop", {}),
    )


# --- OpenAI: POST /v1/responses -------------------------------------------------------------------


def _responses(model: Model, body: Mapping[str, Any]) -> Response:
    shell = next(
        (tool["name"] for tool in body.get("tools", ()) if tool.get("name") in SHELLS), None
    )
    given = body.get("input")
    items = given if isinstance(given, list) else []
    acted = any(str(item.get("type", "")).endswith("_call_output") for item in items)
    item: dict[str, Any]
    if shell is not None and not acted:
        command = model.next_command(body)
        names = {"exec_command": "cmd", "shell_command": "command"}
        arguments: dict[str, Any] = (
            {names[shell]: command} if shell in names else {"command": ["sh", "-c", command]}
        )
        item = {
            "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": shell,
            "arguments": json.dumps(arguments), "status": "completed",
        }  # fmt: skip
    else:
        item = {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": model.said, "annotations": []}],
        }  # fmt: skip
    usage = {
        "input_tokens": READ, "input_tokens_details": {"cached_tokens": CACHED},
        "output_tokens": WRITTEN, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": READ + WRITTEN,
    }  # fmt: skip
    done = {
        "id": "resp_1", "object": "response", "status": "completed",
        "model": body.get("model", ""), "output": [item], "usage": usage,
    }  # fmt: skip
    if not body.get("stream"):
        return _json(done)
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    return _events(
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": item}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": done}),
    )


# --- OpenAI and those like it: POST /v1/chat/completions ------------------------------------------


def _chat(model: Model, body: Mapping[str, Any]) -> Response:
    names = [tool.get("function", {}).get("name") for tool in body.get("tools", ())]
    shell = next((name for name in SHELLS if name in names), None)
    acted = any(message.get("role") == "tool" for message in body.get("messages", ()))
    said: dict[str, Any] = {"role": "assistant", "content": model.said}
    stop = "stop"
    if shell is not None and not acted:
        arguments = {
            "command": model.next_command(body), "description": "Run the command",
            "is_background": False,
        }  # fmt: skip
        if shell == "bash":
            del arguments["is_background"]
        call = {
            "index": 0, "id": "call_1", "type": "function",
            "function": {"name": shell, "arguments": json.dumps(arguments)},
        }  # fmt: skip
        said, stop = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    usage = {
        "prompt_tokens": READ, "completion_tokens": WRITTEN, "total_tokens": READ + WRITTEN,
        "prompt_tokens_details": {"cached_tokens": CACHED},
    }  # fmt: skip
    head = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": body.get("model", "")}
    if not body.get("stream"):
        choice = {"index": 0, "message": said, "finish_reason": stop}
        whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        return _json(whole)
    chunk = {**head, "object": "chat.completion.chunk"}
    first = {"index": 0, "delta": said, "finish_reason": None}
    last: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": stop}
    return _data(
        {**chunk, "choices": [first]},
        {**chunk, "choices": [last]},
        {**chunk, "choices": [], "usage": usage},
        closing="data: [DONE]\n\n",
    )


# --- Google: POST /v1beta/models/NAME:generateContent and :streamGenerateContent ------------------


def _gemini(model: Model, body: Mapping[str, Any]) -> dict[str, Any]:
    declared = [
        function.get("name")
        for tool in body.get("tools", ())
        for function in tool.get("functionDeclarations", ())
    ]
    shell = next((name for name in SHELLS if name in declared), None)
    acted = any(
        "functionResponse" in part
        for content in body.get("contents", ())
        for part in content.get("parts", ())
    )
    asked = body.get("generationConfig", {})
    part: dict[str, Any] = {"text": model.said}
    if asked.get("responseMimeType") == "application/json":
        # The program asks a small model which model the task needs.
        choice = {"complexity_reasoning": "one command", "complexity_score": 10}
        part = {"text": json.dumps({**choice, "reasoning": "one command", "model_choice": "flash"})}
    elif shell is not None and not acted:
        given = {"command": model.next_command(body), "description": "Run the command"}
        part = {"functionCall": {"name": shell, "args": given}}
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": READ, "cachedContentTokenCount": CACHED,
            "candidatesTokenCount": WRITTEN, "totalTokenCount": READ + WRITTEN,
        },
        "modelVersion": "stub-model",
    }  # fmt: skip


def _gemini_whole(model: Model, body: Mapping[str, Any]) -> Response:
    return _json(_gemini(model, body))


def _gemini_stream(model: Model, body: Mapping[str, Any]) -> Response:
    return _data(_gemini(model, body))


SPEAKERS: Mapping[str, Callable[[Model, Mapping[str, Any]], Response]] = {
    "/messages": _anthropic,
    "/responses": _responses,
    "/chat/completions": _chat,
    ":generateContent": _gemini_whole,
    ":streamGenerateContent": _gemini_stream,
}


# --- how answers are put on the wire --------------------------------------------------------------


def _credential(request: Request) -> str:
    headers = request.headers
    bearer = headers.get("Authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer


def _json(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        json.dumps(value), status, dict(headers or {}), content_type="application/json"
    )


def _events(*events: tuple[str, dict[str, Any]]) -> Response:
    """Named server-sent events, each with its name in its data, numbered."""
    text = "".join(
        f"event: {name}\ndata: {json.dumps({'type': name, 'sequence_number': number, **data})}\n\n"
        for number, (name, data) in enumerate(events)
    )
    return Response(text, content_type="text/event-stream")


def _data(*chunks: Mapping[str, Any], closing: str = "") -> Response:
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return Response(text + closing, content_type="text/event-stream")
