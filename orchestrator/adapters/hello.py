"""Which host the first words of a TLS connection ask for; the proxy lets no other one through."""

from __future__ import annotations

HANDSHAKE, CLIENT_HELLO, SERVER_NAME = 22, 1, 0
RECORD_HEAD, MESSAGE_HEAD = 5, 4
LONGEST = 65_536


class NoHello(ValueError):
    """Something else than the beginning of a TLS connection."""


def host(said: bytes) -> str | None:
    """The name in a client's first message, "" where it names none; None where more is to come.

    Raises NoHello.
    """
    message = _message(said)
    if message is None:
        return None
    try:
        return _named(message).lower().rstrip(".")
    except (IndexError, UnicodeDecodeError) as error:
        raise NoHello("the message is torn") from error


def _message(said: bytes) -> bytes | None:
    """The first message, which may lie in several records."""
    held, at = b"", 0
    while len(said) >= at + RECORD_HEAD:
        size = int.from_bytes(said[at + 3 : at + RECORD_HEAD])
        if said[at] != HANDSHAKE or said[at + 1] != 3 or not size:
            raise NoHello("no record of a handshake")
        held += said[at + RECORD_HEAD : at + RECORD_HEAD + size]
        at += RECORD_HEAD + size
        if held[:1] not in {b"", bytes([CLIENT_HELLO])}:
            raise NoHello("another message comes first")
        if len(held) < MESSAGE_HEAD:
            continue
        whole = MESSAGE_HEAD + int.from_bytes(held[1:MESSAGE_HEAD])
        if whole > LONGEST:
            raise NoHello("the first message is too long")
        if len(held) >= whole > MESSAGE_HEAD:
            return held[MESSAGE_HEAD:whole]
    if said[:1] not in {b"", bytes([HANDSHAKE])} or len(said) > 2 * LONGEST:
        raise NoHello("no handshake")
    return None


def _named(message: bytes) -> str:
    at = 2 + 32  # the version, and what is random
    for width in (1, 2, 1):  # the session, the ciphers, the compressions
        at += width + _number(message, at, width)
    end = at + 2 + (_number(message, at, 2) if at < len(message) else 0)
    at += 2
    while at < end:
        kind, size = _number(message, at, 2), _number(message, at + 2, 2)
        if kind == SERVER_NAME:
            length = _number(message, at + 7, 2)  # behind the size of the list, and a kind
            return message[at + 9 : at + 9 + length].decode("ascii")
        at += 4 + size
    return ""


def _number(message: bytes, at: int, width: int) -> int:
    if at + width > len(message):
        raise IndexError(at)
    return int.from_bytes(message[at : at + width])
