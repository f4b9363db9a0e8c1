"""A proxy on a port of its own that writes down every request on its way to a forge."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

# What belongs to one connection and is made anew by the next sender.
HOP = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str


class Recorded:
    """`url` is what to talk to; `requests` are those to the API, `transfers` those of git."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.requests: list[Request] = []
        self.transfers: list[Request] = []


def is_git(path: str) -> bool:
    return ".git/" in path


@contextmanager
def recording(target: str) -> Iterator[Recorded]:
    recorded = Recorded(target)

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            raw = self._body()
            told = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            request = Request(self.command, self.path, told, raw.decode("utf-8", "replace"))
            (recorded.transfers if is_git(self.path) else recorded.requests).append(request)
            upstream = HTTPConnection(urlsplit(target).netloc)
            # The forge names itself in its answers by the host that it was asked as.
            headers = {**told, "Host": urlsplit(recorded.url).netloc}
            upstream.request(self.command, self.path, body=raw, headers=headers)
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            upstream.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, format: str, *args: object) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    recorded.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield recorded
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
