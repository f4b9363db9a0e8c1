"""The name in the first message of TLS, as real clients write it and as liars might."""

from __future__ import annotations

import ssl

import pytest

from orchestrator.adapters import hello


def first_words(name: str | None) -> bytes:
    """What the library of Python says first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(message: bytes, size: int) -> bytes:
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


@pytest.mark.parametrize(
    ("name", "found"), [("api.test", "api.test"), ("API.Test", "api.test"), (None, "")]
)
def test_the_name_is_found_in_one_record_or_in_many(name: str | None, found: str) -> None:
    said = first_words(name)
    assert hello.host(said) == found
    assert hello.host(in_records(said[5:], 7)) == found


def test_until_it_is_whole_more_is_asked_for() -> None:
    said = first_words("api.test")
    assert {hello.host(said[:size]) for size in range(len(said))} == {None}


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-x",
        b"\x15\x03\x01\x00\x02\x02\x28",  # an alert
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",  # the other side's message
        b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x00\x08\x01\x00\x00\x04abcd",
    ],
)
def test_what_is_none_is_no_hello(said: bytes) -> None:
    with pytest.raises(hello.NoHello):
        hello.host(said)
