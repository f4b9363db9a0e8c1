"""The guards of conftest hold: a test cannot reach the person who runs it."""

from __future__ import annotations

import os
import pwd
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from orchestrator import settings
from tests import conftest


def test_the_home_is_not_the_persons(surroundings: Path) -> None:
    assert Path.home() == surroundings
    assert Path(pwd.getpwuid(os.getuid()).pw_dir) != surroundings


def test_the_default_root_is_not_this_checkout() -> None:
    root = settings.root_of(os.environ)
    assert root != Path(__file__).resolve().parents[1]
    assert not root.exists()


def test_a_connection_to_the_world_raises() -> None:
    with socket.socket() as connection, pytest.raises(Exception, match="stay on this machine"):
        connection.connect(("192.0.2.1", 443))


def test_what_ignores_the_guard_meets_a_dead_end() -> None:
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)


def test_no_token_of_the_person_is_seen() -> None:
    assert not set(conftest.FORGOTTEN) & os.environ.keys()
