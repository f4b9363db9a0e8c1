"""How a fault looks from outside: the answer that is wrong, late, old, or never comes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec

from orchestrator.forge import checks, moments, records, smart_http
from orchestrator.forge.faults import Dropped, Environ, Fault, Faults, Kind
from orchestrator.forge.state import State

App = Callable[..., Iterable[bytes]]
VIEWS = "forge.views"
PAGE = b"<html><body><h1>Unicorn!</h1></body></html>"
WORDS = {401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests", 502: "Bad Gateway"}
# A world that is not so, for one read: each is undone when the answer stands.
LATE_CHECKS = (
    "delete from statuses where created_at > ?1",
    "delete from check_runs where suite_id in (select id from suites where created_at > ?1)",
    "delete from suites where created_at > ?1",
)
NULL_MERGEABLE = ("update issues set mergeable = null where is_pull = 1 and ?1 = ?1",)
STILL_OPEN = (
    "update issues set state = 'open', merged_at = null, merged_by_id = null, merge_sha = null,"
    " closed_at = null, closed_by_id = null where merged_at is not null and ?1 = ?1",
)


class Answered(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def code(self) -> int:
        return int(self.status.split()[0])


def answer(
    faults: Faults, met: Sequence[Fault], app: App, environ: Environ, start: Callable[..., Any]
) -> Iterable[bytes]:
    """One request that meets faults, from its body to its answer; `app` is the honest forge."""
    environ["forge.faults"] = [fault.kind.value for fault in met]
    environ[VIEWS] = [fault for fault in met if fault.kind in SHOWN]
    for fault in met:
        if fault.kind is Kind.RERUN:
            run_again(faults.state)
    ending = next((fault for fault in met if fault.kind in ENDS), None)
    if ending is None or ending.applied or ending.kind is Kind.PARTIAL:
        told = asked(app, environ)
    else:
        swallow(environ)
        told = Answered("200 OK", [], b"")
    for fault in met:
        if fault.kind is Kind.STILL_OPEN and environ["REQUEST_METHOD"] == "PUT":
            reopen(faults.state, environ["PATH_INFO"])
            told = page(Fault(kind=Kind.REFUSED, status=500, message="Server Error"))
        if fault.kind is Kind.STALE and fault.reads:
            told = faults.earlier(fault, environ, told)
        if fault.kind is Kind.SLOW:
            faults.sleep(fault.seconds)
    if ending is not None:
        if ending.kind is Kind.DROPPED:
            drop(environ)
        told = ENDS[ending.kind](faults.state, ending, environ, told)
    dated = ("Date", moments.header(faults.state.clock()))
    kept = [h for h in told.headers if h[0].lower() not in ("content-length", "date")]
    start(told.status, [*kept, ("Content-Length", str(len(told.body))), dated])
    return [told.body]


def asked(app: App, environ: Environ) -> Answered:
    began: list[Any] = []
    body = b"".join(app(environ, lambda *told: began.append(told)))
    return Answered(began[0][0], list(began[0][1]), body)


def swallow(environ: Environ) -> None:
    """Read the body, so that a connection that stays open can serve the next request."""
    length = smart_http.length_of(environ)
    environ["wsgi.input"].read(*([] if length is None else [length]))


def drop(environ: Environ) -> None:
    connection = environ.get("werkzeug.socket")
    if connection is None:
        raise Dropped(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} was cut off")
    connection.shutdown(socket.SHUT_RDWR)


# --- endings ----------------------------------------------------------------------------------


def page(fault: Fault) -> Answered:
    """GitHub's JSON where there is a message, else what its gateway says."""
    status = f"{fault.status} {WORDS.get(fault.status, 'Fault')}"
    headers = list(fault.headers.items())
    if not fault.message:
        return Answered(status, [("Content-Type", "text/html"), *headers], PAGE)
    body = {"message": fault.message, "documentation_url": "https://docs.github.com/rest"}
    kind = ("Content-Type", "application/json; charset=utf-8")
    return Answered(status, [kind, *headers], json.dumps(body).encode())


def refused(state: State, fault: Fault, environ: Environ, told: Answered) -> Answered:
    return page(fault)


def cut(state: State, fault: Fault, environ: Environ, told: Answered) -> Answered:
    return Answered("500 Cut", [], b"")


def limited(state: State, fault: Fault, environ: Environ, told: Answered) -> Answered:
    """A limit: the hour's points are gone, or too much at once (GitHub tells the two apart)."""
    primary = fault.message.startswith("API rate limit")
    headers = dict(fault.headers)
    reset = int(state.clock().timestamp() + (fault.seconds if primary else 3600))
    if not fault.bare:
        headers |= {
            "X-RateLimit-Limit": "5000", "X-RateLimit-Used": "5000" if primary else "100",
            "X-RateLimit-Remaining": "0" if primary else "4900", "X-RateLimit-Reset": str(reset),
        }
    if fault.seconds and not primary:
        headers["Retry-After"] = str(int(fault.seconds))
    graphql = environ["PATH_INFO"] == "/graphql"
    if not graphql or (fault.status != 200 and not primary):
        return page(msgspec.structs.replace(fault, headers=headers, status=fault.status))
    kind = {"type": "RATE_LIMITED"} if primary else {}
    body = {"errors": [{**kind, "message": fault.message}]}
    return Answered("200 OK", [("Content-Type", "application/json"), *headers.items()],
                    json.dumps(body).encode())


def errors(state: State, fault: Fault, environ: Environ, told: Answered) -> Answered:
    body = {"data": None, "errors": [{"message": fault.message}]}
    return Answered("200 OK", [("Content-Type", "application/json")], json.dumps(body).encode())


def partial(state: State, fault: Fault, environ: Environ, told: Answered) -> Answered:
    """The true answer with a hole in it, and an error that names the hole."""
    body = json.loads(told.body)
    data = body.get("data")
    if told.code() != 200 or not isinstance(data, dict):
        return told
    path = steps(fault.at) if fault.at else hole(data)
    if not path:
        return told
    inner: Any = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = None
    found = {"message": fault.message, "path": path}
    body["errors"] = [*body.get("errors", ()), found]
    return told._replace(body=json.dumps(body).encode())


def hole(data: dict[str, Any]) -> list[str | int]:
    """The last of the first list that holds something; without a list the first field."""
    waiting: list[tuple[list[str | int], Any]] = [([], data)]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, list) and value:
            return [*path, len(value) - 1]
        if isinstance(value, dict):
            waiting.extend(([*path, key], inner) for key, inner in value.items())
    return [next(key for key in data if key != "rateLimit")]


def steps(at: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in at.split(".")]


ENDS: dict[Kind, Callable[[State, Fault, Environ, Answered], Answered]] = {
    Kind.REFUSED: refused,
    Kind.DROPPED: cut,
    Kind.LIMITED: limited,
    Kind.ERRORS: errors,
    Kind.PARTIAL: partial,
}


# --- what is shown, and what happens meanwhile ------------------------------------------------


SHOWN = {Kind.STALE, Kind.LATE_CHECKS, Kind.NULL_MERGEABLE, Kind.STILL_OPEN, Kind.SHIFTED}


@contextmanager
def seen(faults: Faults, environ: Environ) -> Iterator[State]:
    """The state that this request is answered from, in one transaction; call it with the lock."""
    views: Sequence[Fault] = environ.get(VIEWS, ())
    state = faults.state
    for fault in views:
        if fault.kind is Kind.STALE and fault.seconds:
            state = faults.past.ago(fault.seconds)
    with state.store.transaction():
        wrong = [statement for fault in views for statement in distortion(state, fault)]
        if not wrong or environ["REQUEST_METHOD"] == "PUT":
            yield state
            return
        with state.store.undone():
            for statement, value in wrong:
                state.store.connection.execute(statement, [value])
            yield state


def distortion(state: State, fault: Fault) -> Iterator[tuple[str, str]]:
    statements = {
        Kind.LATE_CHECKS: LATE_CHECKS,
        Kind.NULL_MERGEABLE: NULL_MERGEABLE,
        Kind.STILL_OPEN: STILL_OPEN,
    }
    then = moments.text(state.clock() - timedelta(seconds=fault.seconds))
    yield from ((statement, then) for statement in statements.get(fault.kind, ()))


def shift(environ: Environ) -> int:
    """By how many rows a later page of a listing has slipped since the first was read."""
    views: Sequence[Fault] = environ.get(VIEWS, ())
    return sum(fault.shift for fault in views if fault.kind is Kind.SHIFTED)


def run_again(state: State) -> None:
    """The check that ended last is queued once more, as a new run of the same name."""
    with state.lock, state.store.transaction():
        where = "job is not null and status = 'completed' order by completed_at desc, id desc"
        run = state.store.first(records.CheckRun, where)
        if run is not None:
            fresh = msgspec.structs.replace(
                run, status="queued", conclusion=None, started_at=None, completed_at=None,
                title=None, summary=None, text=None,
            )  # fmt: skip
            checks.report(state, state.store.add(fresh), checks.Reported(status="queued"))


def reopen(state: State, path: str) -> None:
    """The merge is in git and GitHub does not know of it."""
    number = int(path.split("/")[-2])
    with state.lock, state.store.transaction():
        state.store.connection.execute(f"{STILL_OPEN[0]} and number = ?2", ["", number])
