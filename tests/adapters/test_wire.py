"""Pushes that take only what they expect to replace, and a token that is seen nowhere."""

from __future__ import annotations

import base64
import os
import socket
import threading
from pathlib import Path

import pytest

from orchestrator.adapters import wire
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.git import ZERO, Git
from orchestrator.adapters.store import Store
from orchestrator.adapters.wire import (
    AlreadyThere,
    ForbiddenPush,
    Pushed,
    Refused,
    Wire,
    push_words,
)
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.support import repos
from tests.support.repos import Origin

REF = "refs/heads/agent/task-1"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


@pytest.fixture
def store(tmp_path: Path, origin: Origin) -> Git:
    folder = tmp_path / "store.git"
    folder.mkdir()
    made = Git(folder)
    made.run("init", "--bare", "--quiet", str(folder))
    Wire().fetch(folder, origin.bare.as_uri(), ("+refs/heads/*:refs/remotes/origin/*",))
    return made


def made(store: Git, origin: Origin, message: str, parent: str | None = None) -> str:
    base = parent or str(origin.tip())
    return store.commit(
        "refs/heads/agent/local",
        tree=store.text("rev-parse", f"{base}^{{tree}}"),
        parents=(base,),
        message=message,
        identity=repos.WHO,
    )


def push(store: Git, origin: Origin, sha: str, expected: str) -> object:
    return Wire().push(store.git_dir, origin.bare.as_uri(), sha, REF, expected=expected)


def test_ls_knows_exactly_the_ref_asked_for(origin: Origin) -> None:
    origin.commit({"x": "x"}, branch="other/refs/heads/main")
    assert Wire().ls(origin.bare.as_uri(), "refs/heads/main") == origin.tip()
    assert Wire().ls(origin.bare.as_uri(), "refs/heads/nothing") is None


def test_a_branch_is_created_moved_and_found_there(store: Git, origin: Origin) -> None:
    first = made(store, origin, "first")
    second = made(store, origin, "second", first)
    assert push(store, origin, first, "") == Pushed()
    assert push(store, origin, first, "") == AlreadyThere()
    assert push(store, origin, first, first) == AlreadyThere()
    assert push(store, origin, second, first) == Pushed()
    assert push(store, origin, second, first) == AlreadyThere()
    assert origin.tip("agent/task-1") == second


def test_the_fetch_of_a_whole_repository_has_more_time_than_a_later_one(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    class Timed(Git):
        def __init__(self, git_dir: Path, *, extra: dict[str, str], timeout_seconds: float) -> None:
            super().__init__(git_dir, extra=extra, timeout_seconds=timeout_seconds)
            given.append(timeout_seconds)

    monkeypatch.setattr(wire, "Git", Timed)
    store = Store(tmp_path / "store.git")
    store.make()
    for _ in range(2):
        refspecs = ("+refs/heads/main:refs/remotes/origin/main",)
        Wire(timeout_seconds=50).fetch(store.folder, origin.bare.as_uri(), refspecs)
    assert given == [50 * wire.FIRST, 50]


def test_what_git_says_of_a_fetch_that_failed_is_the_error_and_no_advice(
    store: Git, origin: Origin
) -> None:
    store.run("update-ref", "refs/remotes/origin/x/y", str(origin.tip()))
    with pytest.raises(GitHubTrouble, match="git said: error: cannot lock ref") as told:
        Wire().fetch(
            store.git_dir, origin.bare.as_uri(), ("+refs/heads/main:refs/remotes/origin/x",)
        )
    assert "warning" not in str(told.value) and "forced" not in str(told.value)


def test_what_somebody_else_pushed_is_never_replaced(store: Git, origin: Origin) -> None:
    ours = made(store, origin, "ours")
    theirs = origin.commit({"theirs": "x"}, branch="agent/task-1")
    for expected in ("", ours, str(origin.tip())):
        outcome = push(store, origin, ours, expected)
        assert isinstance(outcome, Refused)
        assert outcome.remote_sha == theirs
    assert origin.tip("agent/task-1") == theirs


def test_a_fetch_in_between_does_not_weaken_the_lease(store: Git, origin: Origin) -> None:
    first = made(store, origin, "first")
    push(store, origin, first, "")
    theirs = origin.commit({"theirs": "x"}, branch="agent/task-1")
    Wire().fetch(store.git_dir, origin.bare.as_uri(), ("+refs/heads/*:refs/remotes/origin/*",))
    again = made(store, origin, "again")
    assert push(store, origin, again, first) == Refused(theirs, "[rejected] (stale info)")


def test_history_may_be_rewritten_where_it_stands_as_expected(store: Git, origin: Origin) -> None:
    first, other = made(store, origin, "first"), made(store, origin, "other")
    push(store, origin, first, "")
    assert push(store, origin, other, first) == Pushed()


def test_a_branch_is_deleted_only_where_it_stands_as_expected(store: Git, origin: Origin) -> None:
    first = made(store, origin, "first")
    push(store, origin, first, "")
    url = origin.bare.as_uri()
    refused = Wire().delete(store.git_dir, url, REF, expected=str(origin.tip()))
    assert isinstance(refused, Refused)
    assert Wire().delete(store.git_dir, url, REF, expected=first) == Pushed()
    assert Wire().delete(store.git_dir, url, REF, expected=first) == AlreadyThere()
    assert origin.tip("agent/task-1") is None


def test_a_rule_of_the_remote_is_a_refusal_with_its_words(store: Git, origin: Origin) -> None:
    hook = origin.bare / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no workflow scope' >&2\nexit 1\n")
    hook.chmod(0o755)
    outcome = push(store, origin, made(store, origin, "first"), "")
    assert isinstance(outcome, Refused)
    assert outcome.remote_sha is None
    assert "hook declined" in outcome.reason


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main",
        "refs/tags/agent/x",
        "refs/heads/agent/",
        "refs/heads/agent/../main",
        "refs/heads/agent/x:refs/heads/main",
        "+refs/heads/agent/x",
        "agent/x",
        "refs/heads/agent/x y",
    ],
)
def test_no_other_ref_is_ever_pushed(store: Git, origin: Origin, ref: str) -> None:
    sha = str(origin.tip())
    with pytest.raises(ForbiddenPush):
        Wire().push(store.git_dir, origin.bare.as_uri(), sha, ref, expected="")
    with pytest.raises(ForbiddenPush):
        Wire().delete(store.git_dir, origin.bare.as_uri(), ref, expected=sha)


@pytest.mark.parametrize(("sha", "expected"), [("HEAD", ""), ("", ""), (ZERO, "main"), (ZERO, "x")])
def test_names_are_not_taken_for_shas(store: Git, origin: Origin, sha: str, expected: str) -> None:
    with pytest.raises(ForbiddenPush):
        push(store, origin, sha, expected)
    with pytest.raises(ForbiddenPush):
        Wire().delete(store.git_dir, origin.bare.as_uri(), REF, expected="")


def test_the_words_of_a_push_have_a_lease_with_its_sha_and_no_force() -> None:
    words = push_words("https://github.com/a/b.git", REF, target="1" * 40, expected="2" * 40)
    assert f"--force-with-lease={REF}:{'2' * 40}" in words
    assert {"--porcelain", "--atomic"} <= set(words)
    assert "--force" not in words
    assert not [word for word in words if word.startswith("+")]
    new = push_words("https://github.com/a/b.git", REF, target="1" * 40, expected="")
    assert f"--force-with-lease={REF}:" in new


def test_a_missing_repository_and_a_missing_branch_are_told(store: Git, origin: Origin) -> None:
    for url, ref in (
        ((origin.bare.parent / "nothing.git").as_uri(), "refs/heads/main"),
        (origin.bare.as_uri(), "refs/heads/nothing"),
    ):
        with pytest.raises(GitHubTrouble) as told:
            Wire().fetch(store.git_dir, url, (f"+{ref}:refs/remotes/origin/x",))
        assert told.value.trouble is Trouble.NOT_FOUND
        assert url in str(told.value)


def test_a_server_that_is_not_there_is_the_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(GitHubTrouble) as told:
        Wire().ls(f"http://127.0.0.1:{port}/a/b.git", "refs/heads/main")
    assert told.value.trouble is Trouble.NETWORK


def answering(status: bytes) -> tuple[str, list[bytes], threading.Thread]:
    """A server that gives one answer to each request, and keeps the requests."""
    listening = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        with listening:
            listening.settimeout(20)
            connection, _ = listening.accept()
            with connection:
                while not b"".join(heard).endswith(b"\r\n\r\n"):
                    heard.append(connection.recv(65536))
                connection.sendall(
                    b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

    thread = threading.Thread(target=serve)
    thread.start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/a/b.git", heard, thread


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (b"401 Unauthorized", Trouble.AUTH),
        (b"403 Forbidden", Trouble.PERMISSION),
        (b"404 Not Found", Trouble.NOT_FOUND),
        (b"429 Too Many Requests", Trouble.RATE),
        (b"503 Service Unavailable", Trouble.NETWORK),
        (b"301 Moved\r\nLocation: http://127.0.0.1:1/x/info/refs", Trouble.NOT_FOUND),
    ],
)
def test_answers_of_a_server_are_told_apart(status: bytes, trouble: Trouble) -> None:
    url, heard, thread = answering(status)
    with pytest.raises(GitHubTrouble) as told:
        Wire(Key("ghp_verysecret")).ls(url, "refs/heads/main")
    thread.join()
    assert told.value.trouble is trouble
    pair = base64.b64encode(b"x-access-token:ghp_verysecret")
    assert b"Authorization: Basic " + pair in b"".join(heard)
    assert "ghp_verysecret" not in str(told.value)
    assert pair.decode() not in str(told.value)


def test_the_token_is_in_no_argument_no_config_and_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Git, origin: Origin
) -> None:
    """Every git that runs is written down by a git of ours that stands before it on the PATH."""
    shim, written = tmp_path / "shim", tmp_path / "written"
    shim.mkdir()
    real = os.environ["PATH"]
    (shim / "git").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {written}\nPATH={real} exec git "$@"\n'
    )
    (shim / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim}:{real}")
    secret = "ghp_verysecret"
    pair = base64.b64encode(f"x-access-token:{secret}".encode()).decode()
    wire, url = Wire(Key(secret)), origin.bare.as_uri()
    sha = made(store, origin, "first")
    wire.fetch(store.git_dir, url, ("+refs/heads/main:refs/remotes/origin/main",))
    wire.push(store.git_dir, url, sha, REF, expected="")
    wire.delete(store.git_dir, url, REF, expected=sha)
    with pytest.raises(GitHubTrouble):
        wire.ls("http://127.0.0.1:1/a/b.git", "refs/heads/main")
    words = written.read_text()
    assert "--atomic" in words
    assert secret not in words
    assert pair not in words
    assert secret not in (store.git_dir / "config").read_text()
    assert secret not in repr(wire.__dict__)
