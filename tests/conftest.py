"""Keeps every test away from the person who runs it: no real home, no network, no real root."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers

LOOPBACK = ("127.", "::1", "localhost")
# A dead end on this machine, for programs that a test starts and no patch of ours can reach.
NOWHERE = "http://127.0.0.1:9"
PINNED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Test Person",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "Test Person",
    "GIT_COMMITTER_EMAIL": "test@localhost",
    "GIT_TERMINAL_PROMPT": "0",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "http_proxy": NOWHERE,
    "https_proxy": NOWHERE,
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
# What a person's shell may hold and no test may see.
FORGOTTEN = (
    "LC_ALL", "GITHUB_TOKEN", "GH_TOKEN", "GH_HOST", "TELEGRAM_BOT_TOKEN", "AGENT_OS_CONFIG",
    "CODEX_BIN", "CLAUDE_BIN", "GEMINI_BIN", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE",
    "XDG_CONFIG_HOME", "AGENT_OS_ATTEMPT", "ALL_PROXY", "all_proxy",
)  # fmt: skip

# A busy machine is no failure, and the same tests run today and tomorrow. To search further than
# that, run one file with --hypothesis-profile=default.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.load_profile("house")
# Nor may they hang on which other modules happen to be loaded, whose constants would be drawn too.
providers._get_local_constants = lambda: providers._local_constants


class NetworkForbidden(Exception):
    """A test tried to leave this machine."""


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the session's own, and a root that is not there, so that using it by mistake fails.

    Yields the home. A test that needs a root makes one and says so.
    """
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PINNED.items():
            patch.setenv(name, value)
        for name in FORGOTTEN:
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("ORCH_ROOT", str(home / "no-root-was-chosen"))
        time.tzset()
        yield home
    time.tzset()


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be linked as runtime/pycache: Python's own modules are compiled once, not per checkout."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    shared = folder / "bytecode"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Connections beyond this machine raise, whoever opens them."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: Any) -> None:
        check(self, address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        check(self, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        yield


def check(connection: socket.socket, address: Any) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    if not str(address[0]).startswith(LOOPBACK):
        raise NetworkForbidden(f"a test tried to reach {address}; tests stay on this machine")


def pytest_collection_finish() -> None:
    """What was collected stays to the end: it need not be looked through for garbage."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.freeze()


# Begun last, they would be waited for alone.
LONGEST = ("stories/test_demo.py", "stories/test_forty_at_once.py", "stories/test_autopull.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next(
        (place for place, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)
    ))  # fmt: skip
