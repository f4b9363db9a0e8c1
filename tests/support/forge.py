"""Forges for tests: one inside this process with a clock set by hand, and real served ones.

    with forge.inside(tmp_path, seed) as github:        # no socket, no thread, no waiting
        github.session("maria-token").get("/user")
        github.pass_time(1)                              # mergeable is known, CI jobs have moved

    with forge.served(tmp_path, seed) as github:         # a thread with a port of its own
        github.url, github.git_url("maria/library", "maria-token")

    with forge.process(tmp_path, seed) as github:        # python -m orchestrator.forge
        github.kill(); github.start()

`seed` is the mapping that orchestrator/forge/seed.py describes. Each REST answer of `inside` and
`served` is checked against GitHub's description; a 501 fails the test.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import requests
import yaml
from requests.adapters import BaseAdapter
from requests.utils import get_encoding_from_headers

from orchestrator.forge import __main__ as command
from orchestrator.forge import records, server, workflows
from orchestrator.forge import seed as forge_seed
from orchestrator.forge.faults import Dropped
from orchestrator.forge.state import Settings
from tests.support import github_schema

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
INSIDE = "http://forge.test"
WAIT = 30.0
GREEN_WORKFLOW = """\
name: CI
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: test ! -e broken
"""
SEED: dict[str, Any] = {
    "users": [
        {"login": "maria", "token": "maria-token", "name": "Maria"},
        {"login": "robot", "token": "robot-token"},
        {"login": "eve", "token": "eve-token"},
    ],
    "repos": [
        {
            "name": "maria/library",
            "files": {"README.md": "# Library\n", ".github/workflows/ci.yml": GREEN_WORKFLOW},
            "collaborators": {"robot": "write"},
            "labels": ["ready", {"name": "bug", "color": "d73a4a", "description": "Wrong"}],
        },
        {"name": "maria/secret", "private": True, "files": {"README.md": "# Secret\n"}},
    ],
    "issues": [
        {
            "repo": "maria/library", "title": "Add a thing", "body": "Please.",
            "labels": ["bug"], "status": "Ready",
        },
        {"repo": "maria/library", "title": "Add another", "author": "eve", "status": "Backlog"},
    ],
    "boards": [{"owner": "maria", "title": "Work"}],
}


class Clock:
    """Time that only passes when a test says so."""

    def __init__(self, moment: datetime = START) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> datetime:
        self.moment += timedelta(seconds=seconds)
        return self.moment


def green(order: workflows.JobOrder) -> str:
    return "success"


class PretendedRunner:
    """Runs nothing: each job ends after `seconds` with the conclusion that `verdict` gives."""

    def __init__(
        self, verdict: Callable[[workflows.JobOrder], str] = green, seconds: float = 5
    ) -> None:
        self.verdict = verdict
        self.seconds = seconds
        self.running: list[tuple[datetime, workflows.JobOrder]] = []
        self.orders: list[workflows.JobOrder] = []

    def start(self, order: workflows.JobOrder, now: datetime) -> None:
        self.orders.append(order)
        self.running.append((now + timedelta(seconds=self.seconds), order))

    def finished(self, now: datetime) -> Sequence[workflows.JobReport]:
        done = [order for due, order in self.running if due <= now]
        self.running = [(due, order) for due, order in self.running if due > now]
        return [workflows.JobReport(order.check_id, self.verdict(order)) for order in done]

    def stop(self) -> None:
        self.running.clear()


def body_of(request: requests.PreparedRequest) -> bytes:
    body = request.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)


class Transport(BaseAdapter):
    """Lets `requests` talk to a WSGI callable without a socket.

    Raises ConnectionError where the forge cuts the connection.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        super().__init__()
        self.app = app

    def send(
        self, request: requests.PreparedRequest, *_: Any, **__: Any
    ) -> requests.Response:
        parts = urlsplit(request.url or "")
        raw, path = body_of(request), parts.path or "/"
        environ = {
            "REQUEST_METHOD": request.method, "PATH_INFO": unquote(path),
            "RAW_URI": path, "QUERY_STRING": parts.query, "HTTP_HOST": parts.netloc,
            "wsgi.url_scheme": parts.scheme, "wsgi.input": io.BytesIO(raw),
            "CONTENT_LENGTH": str(len(raw)),
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        }
        for name, value in request.headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        response = requests.Response()
        response.request, response.url = request, request.url or ""

        def begin(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            response.status_code = int(status.split(maxsplit=1)[0])
            response.reason = status.partition(" ")[2]
            response.headers.update(headers)

        try:
            response._content = b"".join(self.app(environ, begin))
        except Dropped as dropped:
            raise requests.ConnectionError(str(dropped), request=request) from dropped
        # As over a socket; without it each reader of `text` guesses.
        response.encoding = get_encoding_from_headers(response.headers)
        return response

    def close(self) -> None:
        return


class Session(requests.Session):
    """A signed-in session that takes paths instead of addresses."""

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__()
        self.url = url
        self.trust_env = False
        if token:
            self.headers["Authorization"] = f"token {token}"

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        address = str(url) if "://" in str(url) else self.url + str(url)
        return super().request(method, address, *args, **more)

    def query(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer of a GraphQL request, errors included."""
        told = self.post("/graphql", json={"query": document, "variables": variables})
        answer: dict[str, Any] = told.json()
        return answer


class Github:
    """A forge that answers in this process; `forge` is the server object itself."""

    def __init__(self, forge: server.Forge, clock: Clock | None, url: str) -> None:
        self.forge = forge
        self.clock = clock
        self.url = url
        self.app = github_schema.Validated(forge.wsgi)
        # Who answers where it is served; a test may put something hostile in between.
        self.front: Callable[..., Iterable[bytes]] = self.app
        self.data = forge.state.data

    def answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return self.front(environ, start)

    def session(self, token: str | None = "maria-token") -> Session:
        session = Session(self.url, token)
        if self.url == INSIDE:
            session.mount("http://", Transport(self.app))
        return session

    def git_url(self, full_name: str, token: str) -> str:
        return self.url.replace("://", f"://x:{token}@") + f"/{full_name}.git"

    def bare(self, full_name: str) -> Path:
        """The bare repository itself; tell the forge with `forge.pushed(full_name, login)`."""
        return self.data / "git" / f"{full_name}.git"

    def pass_time(self, seconds: float = 1) -> None:
        """Let time pass second by second; what is due on the way happens on the way."""
        assert self.clock is not None
        left = seconds
        while left > 0:
            step = left if self.at_rest() else min(1, left)
            self.clock.advance(step)
            self.forge.advance()
            left -= step

    def at_rest(self) -> bool:
        """Whether time alone changes nothing: no job runs or waits, nothing is being computed."""
        state = self.forge.state
        runner = state.runner
        if not isinstance(runner, PretendedRunner):
            return False
        with state.lock:
            waiting = state.store.first(records.CheckRun, "job is not null and status = 'queued'")
            due = state.store.first(records.Issue, "due is not null")
            return not (runner.running or waiting or due)


def build(
    data: Path, seed: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime],
    runner: workflows.Runner | None = None, settings: Settings | None = None,
) -> server.Forge:
    forge = server.build(
        data, clock=clock, ci_runner=runner, settings=settings,
        sleep=clock.advance if isinstance(clock, Clock) else time.sleep,
    )
    forge_seed.apply(forge.state, forge_seed.read(dict(SEED if seed is None else seed)), data)
    return forge


@contextmanager
def inside(
    data: Path, seed: Mapping[str, Any] | None = None, *,
    runner: workflows.Runner | None = None, settings: Settings | None = None,
    clock: Clock | None = None,
) -> Iterator[Github]:
    """A forge without sockets; pushes go to `bare` directly and are told by `forge.pushed`."""
    hand = clock or Clock()
    forge = build(
        data, seed, clock=hand, runner=runner or PretendedRunner(), settings=settings
    )
    github = Github(forge, hand, INSIDE)
    try:
        yield github
    finally:
        forge.close()
    github.app.raise_problems()


@contextmanager
def served(
    data: Path, seed: Mapping[str, Any] | None = None, *, clock: Clock | None = None,
    runner: workflows.Runner | None = None, settings: Settings | None = None,
) -> Iterator[Github]:
    """A forge on a free port of this machine, in threads; with a clock it ticks by itself."""
    quick = settings or Settings(mergeable_delay=0.05)
    usual = clock or (lambda: datetime.now(UTC))
    forge = build(data, seed, clock=usual, runner=runner, settings=quick)
    github = Github(forge, clock, "")
    listener = command.listen(forge, "127.0.0.1", 0)
    listener.app = github.answer
    github.url = f"http://127.0.0.1:{listener.server_port}"
    stop = threading.Event()
    serving = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    ticking = threading.Thread(target=tick, args=(forge, clock, stop), daemon=True)
    serving.start()
    ticking.start()
    try:
        yield github
    finally:
        stop.set()
        listener.shutdown()
        listener.server_close()
        ticking.join()
        forge.close()
    github.app.raise_problems()


def tick(forge: server.Forge, clock: Clock | None, stop: threading.Event) -> None:
    """Turn the forge's clock; one that is set by hand only after something has happened."""
    before = None
    while not stop.wait(0.02):
        now = clock and (clock.moment, forge.state.store.connection.total_changes)
        if now is None or now != before:
            forge.tick()
        before = now


class Process:
    """`python -m orchestrator.forge`, to be killed and started again on the same data."""

    def __init__(self, data: Path, seed_file: Path) -> None:
        self.data = data
        self.seed_file = seed_file
        self.port_file = data.parent / f"{data.name}.port"
        self.popen: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        self.port_file.unlink(missing_ok=True)
        words = [
            sys.executable, "-m", "orchestrator.forge", "--data", str(self.data), "--port", "0",
            "--seed", str(self.seed_file), "--port-file", str(self.port_file),
        ]
        root = Path(__file__).resolve().parents[2]
        self.popen = subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL)
        eventually(lambda: self.port_file.exists() or self.popen_ended())
        self.url = f"http://127.0.0.1:{self.port_file.read_text().strip()}"

    def popen_ended(self) -> bool:
        return self.popen is not None and self.popen.poll() is not None

    def session(self, token: str | None = "maria-token") -> Session:
        return Session(self.url, token)

    def git_url(self, full_name: str, token: str) -> str:
        return self.url.replace("://", f"://x:{token}@") + f"/{full_name}.git"

    def kill(self) -> None:
        assert self.popen is not None
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def end(self) -> int:
        assert self.popen is not None
        self.popen.terminate()
        return self.popen.wait(WAIT)


@contextmanager
def process(data: Path, seed: Mapping[str, Any] | None = None) -> Iterator[Process]:
    data.parent.mkdir(parents=True, exist_ok=True)
    seed_file = data.parent / f"{data.name}.seed.yaml"
    seed_file.write_text(yaml.safe_dump(dict(SEED if seed is None else seed)))
    found = Process(data, seed_file)
    found.start()
    try:
        yield found
    finally:
        if not found.popen_ended():
            found.kill()


def eventually(true: Callable[[], Any], seconds: float = WAIT) -> Any:
    """Wait until something is so, and give it; fail the test when it never is."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)
    return found


class Clone(NamedTuple):
    """A person's working copy."""

    folder: Path
    name: str = "Robot"
    email: str = "robot@users.noreply.github.com"

    def git(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["git", "-c", f"user.name={self.name}", "-c", f"user.email={self.email}", *words],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={
                "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent",
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C",
            },
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()

    def branch(self, name: str, start: str = "origin/main") -> None:
        self.git("checkout", "-q", "--no-track", "-b", name, start)


def clone(url: str | Path, folder: Path) -> Clone:
    folder.mkdir(parents=True)
    copy = Clone(folder)
    copy.git("clone", "-q", str(url), ".")
    return copy
