"""The proxy lets by what stands on its list, by name and port, and remembers what does not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from orchestrator.adapters import proxy
from orchestrator.adapters.proxy import Proxy
from tests.adapters.test_hello import first_words

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
    "words",
    [
        b"", b"nonsense\r\n\r\n", b"CONNECT\r\n\r\n", b"CONNECT api.test:x HTTP/1.1\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\nHost: evil.test\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\nX: y\nHost: evil.test\r\n\r\n",
        b"GET http://api.test/ HTTP/1.1\r\nX: y\rHost: evil.test\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_by_nothing(words: bytes) -> None:
    assert asked(words) == b""


def test_many_refused_names_are_not_all_remembered() -> None:
    made = Proxy(Path("socket"), ())
    for number in range(1000):
        made.allows(f"host-{number}.test", 443)
    assert len(made.refused) == proxy.NAMED_LIMIT


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("127.0.0.1", True), ("127.8.9.10", True), ("0.0.0.0", True), ("169.254.169.254", True),
        ("::1", True), ("::", True), ("fe80::1", True), ("::ffff:127.0.0.1", True),
        ("::ffff:169.254.169.254", True), ("64:ff9b::7f00:1", True), ("2002:7f00:1::", True),
        ("fd00:ec2::254", True), ("224.0.0.1", True), ("100.100.100.200", True),
        ("10.1.2.3", False), ("192.0.2.7", False), ("2606:4700::1", False),
        ("::ffff:192.0.2.7", False), ("64:ff9b::c000:207", False),
    ],
)  # fmt: skip
def test_an_address_is_this_machine_s_in_any_guise(address: str, ours: bool) -> None:
    assert proxy._is_ours(ip_address(address)) is ours


class Listening:
    """A server of this machine that keeps what it is told, and answers in a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection:
                    self.heard += connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")


@pytest.fixture
def here() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.socket.close()


def through(entry: str, words: bytes) -> bytes:
    with proxy.served((entry,)) as made, socket.socket(socket.AF_UNIX) as near:
        near.settimeout(10)
        near.connect(str(made.path))
        near.sendall(words)
        answer = b""
        while part := near.recv(65_536):
            answer += part
        return answer


def test_a_name_that_leads_to_this_machine_is_not_followed(here: Listening) -> None:
    """`ip6-localhost` is a name of /etc/hosts, as a name of somebody's own server could be."""
    name = next(
        (one for one in ("ip6-localhost", socket.gethostname()) if leads_here(one)), None
    )
    if name is None:
        pytest.skip("no name of this machine leads to its loopback; add one to /etc/hosts")
    words = f"CONNECT {name}:{here.port} HTTP/1.1\r\n\r\n".encode()
    answer = through(f"{name}:{here.port}", words)
    assert answer.startswith(b"HTTP/1.1 502 ") and b"leads to this machine" in answer
    assert here.heard == b""
    direct = f"CONNECT 127.0.0.1:{here.port} HTTP/1.1\r\n\r\nhi".encode()
    assert b"hello" in through(f"127.0.0.1:{here.port}", direct)


def leads_here(name: str) -> bool:
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(name, 1, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return all(proxy._is_ours(ip_address(one)) for one in found)


def test_the_host_that_is_asked_is_the_one_that_was_allowed(here: Listening) -> None:
    """One address serves many hosts, and the list names one of them."""
    at = f"127.0.0.1:{here.port}"
    words = (
        f"GET http://{at}/a?b HTTP/1.1\r\nHost: evil.test\r\nhost : evil.test\r\n"
        "X: y\r\n evil.test\r\nConnection: keep-alive\r\n\r\n"
    ).encode()
    assert b"hello" in through(at, words)
    assert here.heard.startswith(b"GET /a?b HTTP/1.1\r\n")
    assert here.heard.lower().count(b"host") == 1 and b"evil" not in here.heard
    assert f"Host: {at}".encode() in here.heard


def test_a_program_that_opens_too_many_connections_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxy, "MOST_CONNECTIONS", 3)
    with proxy.served(("api.test",)) as made, contextlib.ExitStack() as opened:
        held = [opened.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(4)]
        for one in held:
            one.settimeout(10)
            one.connect(str(made.path))
        assert held[3].recv(1) == b"", "hung up on"
        held[0].sendall(b"CONNECT evil.test:443 HTTP/1.1\r\n\r\n")
        assert held[0].recv(12) == b"HTTP/1.1 403"


def begun(entry: str, host: str, port: int, words: bytes) -> bytes:
    """What the proxy passes on of the first words through a tunnel; "" where it hangs up."""
    near, far = socket.socketpair()
    connection = proxy._Connection.__new__(proxy._Connection)
    connection.request = far
    connection.server = proxy._Server.__new__(proxy._Server)
    connection.server.proxy = Proxy(Path("socket"), (entry,))
    with near, far:
        near.sendall(words)
        near.shutdown(socket.SHUT_WR)
        try:
            return connection._begun(host, port, b"")
        except ValueError:
            return b""


@pytest.mark.parametrize(
    ("host", "port", "named", "passes"),
    [
        ("api.test", 443, "api.test", True),
        ("api.test", 443, "evil.test", False),
        ("api.test", 443, None, False),
        ("b.cdn.test", 443, "a.cdn.test", True),  # both are on the list
        ("10.1.2.3", 443, None, True),
        ("10.1.2.3", 443, "evil.test", False),
    ],
)
def test_a_tunnel_leads_to_the_host_that_it_was_asked_for(
    host: str, port: int, named: str | None, passes: bool
) -> None:
    """An address of a CDN serves everybody: the name within says whom."""
    words = first_words(named)
    passed = begun("*.cdn.test", host, port, words)
    assert passed == (words if passes else b"")


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (b"GET /a HTTP/1.1\r\nHost: evil.test\r\n\r\n", b"GET /a HTTP/1.1\r\nHost: api.test\r\n"),
        (b"GET http://evil.test/a HTTP/1.1\r\nHost: api.test\r\n\r\n", b""),
        (b"SSH-2.0-x\r\n", b""),
    ],
)
def test_so_does_one_without_a_cipher(words: bytes, passed: bytes) -> None:
    said = begun("api.test", "api.test", 80, words)
    assert said.startswith(passed) and bool(said) is bool(passed) and b"evil" not in said
    assert begun("api.test", "api.test", 443, words) == b""
