"""The proxy lets by what stands on its list, by name and port, and remembers what does not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator.adapters import proxy
from orchestrator.adapters.proxy import Proxy

TABLE = [
    ("api.test", "api.test", 443, True),
    ("api.test", "API.test.", 443, True),
    ("api.test", "api.test", 80, True),
    ("api.test", "api.test", 22, False),
    ("api.test:8080", "api.test", 8080, True),
    ("api.test:8080", "api.test", 443, False),
    ("api.test", "evil-api.test", 443, False),
    ("api.test", "api.test.evil.test", 443, False),
    ("*.test", "a.b.test", 443, True),
    ("*.test", "test", 443, False),
    ("*.test", "eviltest", 443, False),
    ("127.0.0.1:9", "127.0.0.1", 9, True),
]


@pytest.mark.parametrize(("entry", "host", "port", "allowed"), TABLE)
def test_a_host_is_on_the_list_or_not(entry: str, host: str, port: int, allowed: bool) -> None:
    made = Proxy(Path("socket"), (entry,))
    assert made.allows(host, port) is allowed
    assert bool(made.refused) is not allowed


def asked(words: bytes) -> bytes:
    with proxy.served(("api.test",)) as made, socket.socket(socket.AF_UNIX) as here:
        here.settimeout(10)
        here.connect(str(made.path))
        here.sendall(words)
        here.shutdown(socket.SHUT_WR)
        answer = b""
        while part := here.recv(65_536):
            answer += part
        return answer


@pytest.mark.parametrize(
    "words",
    [
        b"CONNECT evil.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.test:22 HTTP/1.1\r\nHost: api.test:443\r\n\r\n",
        b"GET http://evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"GET ftp://api.test/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n",
        b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_on_it_is_refused_with_its_name(words: bytes) -> None:
    assert asked(words).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "words", [b"", b"nonsense\r\n\r\n", b"CONNECT\r\n\r\n", b"CONNECT api.test:x HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_is_answered_by_nothing(words: bytes) -> None:
    assert asked(words) == b""


def test_many_refused_names_are_not_all_remembered() -> None:
    made = Proxy(Path("socket"), ())
    for number in range(1000):
        made.allows(f"host-{number}.test", 443)
    assert len(made.refused) == proxy.NAMED_LIMIT
