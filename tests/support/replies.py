"""A server of one's own: answers each request with the next prepared reply, and counts them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """`status` 0 hangs up without an answer."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Replies:
    """`next` are the replies still to be given; the last one is repeated. `seen` are requests.

    `tokens` are what they were signed with, "" for none.
    """

    def __init__(self, *replies: Reply) -> None:
        self.next = list(replies)
        self.seen: list[str] = []
        self.tokens: list[str] = []
        self.url = ""

    def take(self) -> Reply:
        return self.next.pop(0) if len(self.next) > 1 else self.next[0]


@contextmanager
def replying(*replies: Reply) -> Iterator[Replies]:
    kept = Replies(*replies)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept.seen.append(f"{self.command} {self.path}")
            kept.tokens.append(self.headers.get("Authorization") or "")
            reply = kept.take()
            if reply.status == 0:
                self.connection.close()
                return
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in (*reply.headers, ("Content-Length", str(len(raw)))):
                self.send_header(name, value.replace("{url}", kept.url))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
