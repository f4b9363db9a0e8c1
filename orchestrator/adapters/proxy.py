"""The proxy through which a contained program reaches the named hosts and nothing else (S5)."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.adapters import files, hello

PORTS = (443, 80)  # of a host that is named without one
HEAD_LIMIT = 65_536
CONNECT_SECONDS = 30.0
CHUNK = 65_536
MOST_CONNECTIONS = 256  # at once; each costs this process a thread
TRANSLATED = ip_network("64:ff9b::/96")
METADATA = {ip_address("fd00:ec2::254"), ip_address("100.100.100.200"), ip_address("192.0.0.192")}
NAMED_LIMIT = 50  # refused hosts that are remembered


class Proxy:
    """Listens on a Unix socket; `refused` are the addresses that were asked for in vain.

    A host is a name, `*.name` for all below it, or either with `:port`. Addresses are looked up
    here, since a contained program has no other network than this. Only for `served`.
    """

    def __init__(self, path: Path, hosts: Sequence[str]) -> None:
        self.path = path
        self.hosts = tuple(host.lower() for host in hosts)
        self.refused: dict[str, None] = {}

    def allows(self, host: str, port: int) -> bool:
        """Whether this address is on the list; else it is remembered as refused."""
        wanted = host.lower().rstrip(".")
        if any(_fits(wanted, port, one) for one in self.hosts):
            return True
        if len(self.refused) < NAMED_LIMIT:
            self.refused[f"{wanted[:200]}:{port}"] = None
        return False


@contextlib.contextmanager
def served(hosts: Sequence[str]) -> Iterator[Proxy]:
    """A proxy for one order, in a folder of its own; gone, with its connections, afterwards."""
    with files.temporary_folder() as folder:
        proxy = Proxy(folder / "socket", hosts)
        with _Server(proxy) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield proxy
            finally:
                server.shutdown()
                thread.join()
                server.cut_all()


def _fits(host: str, port: int, entry: str) -> bool:
    name, _, named_port = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
    if port not in PORTS if not named_port else str(port) != named_port:
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._room = threading.Semaphore(MOST_CONNECTIONS)
        super().__init__(str(proxy.path), _Connection)
        os.chmod(proxy.path, 0o600)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A program that opens more than it may is hung up on."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def keep(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def cut_all(self) -> None:
        """End what is still open, so that no thread of ours waits for a program that is dead."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is the program's affair; it is told nothing more."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        self.server.keep(self.request)
        try:
            self._serve()
        except (OSError, ValueError):
            return
        finally:
            self.server.forget(self.request)

    def _serve(self) -> None:
        head, rest = _head(self.request)
        method, target, version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        plain = method != "CONNECT"
        address = urlsplit(target if plain else f"//{target}")
        host, port = address.hostname or "", address.port or 80
        if (plain and address.scheme != "http") or not self.server.proxy.allows(host, port):
            self._say(403, f"{host} is not on the list of hosts that this agent may reach")
            return
        try:
            there = connected(host, port)
        except OSError as error:
            self._say(502, f"{host} cannot be reached: {error}")
            return
        with there:
            there.settimeout(None)
            if plain:
                path = (address.path or "/") + (f"?{address.query}" if address.query else "")
                line = f"{method} {path} {version}"
                there.sendall(_asked_directly(head, line, host, port) + rest)
            else:
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                there.sendall(self._begun(host, port, rest))
            self.server.keep(there)
            try:
                _relay(self.request, there)
            finally:
                self.server.forget(there)

    def _begun(self, host: str, port: int, said: bytes) -> bytes:
        """The first words through a tunnel, which on the usual ports are for its host as well.

        One address serves many hosts: what the tunnel was asked for says little. Raises
        ValueError where they are for another, or cannot be read.
        """
        if port == 80:
            head, rest = _head(self.request, said)
            line = head.split(b"\r\n", 1)[0].decode("latin-1")
            if not line.partition(" ")[2].startswith("/"):
                raise ValueError("a request for another place")
            return _asked_directly(head, line, host, port) + rest
        if port != 443:
            return said
        self.request.settimeout(CONNECT_SECONDS)
        while (named := hello.host(said)) is None:
            part = self.request.recv(CHUNK)
            if not part:
                raise ValueError("no first words")
            said += part
        self.request.settimeout(None)
        fits = named in {"", host.rstrip(".")} if _address(host) else named == host.rstrip(".")
        if not fits and not self.server.proxy.allows(named or "a host without a name", port):
            raise ValueError("another host than the tunnel's")
        return said

    def _say(self, status: int, sentence: str) -> None:
        body = (sentence + "\n").encode("utf-8", "replace")
        head = f"HTTP/1.1 {status} Refused\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        self.request.sendall(head.encode() + b"Content-Type: text/plain\r\n\r\n" + body)


def _head(connection: socket.socket, said: bytes = b"") -> tuple[bytes, bytes]:
    """The head of the first request, and what came after it; raises ValueError for no request."""
    connection.settimeout(CONNECT_SECONDS)
    while b"\r\n\r\n" not in said:
        part = connection.recv(CHUNK)
        if not part or len(said) > HEAD_LIMIT:
            raise ValueError("no request")
        said += part
    connection.settimeout(None)
    head, _, rest = said.partition(b"\r\n\r\n")
    if any(sign in head.replace(b"\r\n", b"") for sign in b"\r\n\0"):
        raise ValueError("a line that some servers take for two")
    return head, rest


def connected(host: str, port: int) -> socket.socket:
    """A connection to a host of the list; never to this machine by a name of somebody else's.

    Whoever answers for a name may say that it lies here, or where clouds keep their credentials.
    An address of that kind is reached where the list itself names it, or `localhost`.
    """
    named = host == "localhost" or _address(host) is not None
    failed: OSError = PermissionError("its name leads to this machine or its own network")
    for family, kind, protocol, _, place in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        found = _address(str(place[0]))
        if not named and (found is None or _is_ours(found)):
            continue
        there = socket.socket(family, kind, protocol)
        try:
            there.settimeout(CONNECT_SECONDS)
            there.connect(place)
        except OSError as error:
            there.close()
            failed = error
            continue
        return there
    raise failed


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _is_ours(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is an address of this machine or of the link that it hangs on, in any guise."""
    inner = None
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (
            IPv4Address(int(address) & 0xFFFFFFFF) if address in TRANSLATED else None
        )
    address = inner or address
    return (
        address.is_loopback or address.is_link_local or address.is_unspecified
        or address.is_multicast or address in METADATA
    )  # fmt: skip


def _asked_directly(head: bytes, line: str, host: str, port: int) -> bytes:
    """The head as the host itself wants it: one request, since its next may be for another, and
    for this host, since one address serves many."""
    kept = [
        field
        for field in head.split(b"\r\n")[1:]
        if field[:1] not in {b" ", b"\t"}  # a field's second line, which nobody writes any more
        and not field.lower().startswith(b"proxy-")
        and field.partition(b":")[0].strip().lower() not in {b"connection", b"keep-alive", b"host"}
    ]
    said = f"[{host}]" if ":" in host else host
    asked = f"Host: {said}" if port == 80 else f"Host: {said}:{port}"
    fields = (line.encode("latin-1"), asked.encode("latin-1"), *kept, b"Connection: close")
    return b"\r\n".join((*fields, b"", b""))


def _relay(here: socket.socket, there: socket.socket) -> None:
    """Pass on both ways until both have said their last, or one is gone."""
    other = {here: there, there: here}
    while other:
        for side in select.select(tuple(other), (), ())[0]:
            part = side.recv(CHUNK)
            if part:
                (there if side is here else here).sendall(part)
            else:
                with contextlib.suppress(OSError):
                    (there if side is here else here).shutdown(socket.SHUT_WR)
                del other[side]
