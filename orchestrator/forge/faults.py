"""What this forge does wrong, when it is told to: which requests, how often, until when, and how.

    forge.faults.add("apply-then-500", method="PUT", path=r"/pulls/\\d+/merge$")
    forge.faults.add("429", login="robot", times=3)
    forge.faults.add("graphql-errors", operation="Board", until=noon)
    forge.faults.add("stale", method="GET", path="/comments", seconds=60, until=noon)

Without `times` and without `until` a fault is met once. `path` is searched in the path, and in the
path with its query; `operation` is the name in a GraphQL document; `login` spares everybody else.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import msgspec

from orchestrator.forge import accounts, past, smart_http
from orchestrator.forge.state import State

Environ = dict[str, Any]
T = TypeVar("T")
OPERATION = re.compile(r"^\s*(query|mutation)\s+(\w+)", re.MULTILINE)
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
PRIMARY = "API rate limit exceeded for user ID 1."
TIMED_OUT = (
    "Something went wrong while executing your query. This may be the result of a timeout, or it"
    " could be a GitHub bug."
)


class Dropped(ConnectionError):
    """The connection broke before a word of the answer; a served forge cuts the socket instead."""


class Kind(StrEnum):
    # How a request ends: `applied` says whether it was done all the same.
    REFUSED = "refused"
    DROPPED = "dropped"
    LIMITED = "limited"
    ERRORS = "errors"
    PARTIAL = "partial"
    # What a read is shown: the first from the past, the others from a world that is not so.
    STALE = "stale"
    LATE_CHECKS = "late-checks"
    NULL_MERGEABLE = "null-mergeable"
    STILL_OPEN = "still-open"
    SHIFTED = "shifted"
    # What happens meanwhile.
    RERUN = "rerun"
    SLOW = "slow"


VIEWS = {Kind.STALE, Kind.LATE_CHECKS, Kind.NULL_MERGEABLE, Kind.STILL_OPEN, Kind.SHIFTED}
ENDINGS = {Kind.REFUSED, Kind.DROPPED, Kind.LIMITED, Kind.ERRORS, Kind.PARTIAL}
GRAPHQL_ONLY = {Kind.ERRORS, Kind.PARTIAL}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong; what a field means depends on the kind.

    `seconds`: how old a stale answer is, how late a check appears, how slow the answer is, what
    `retry-after` or the reset of a limit says (0: nothing). `reads`: a stale answer is that many
    reads old. `shift`: by how many rows a later page slips. `bare`: without `x-ratelimit` headers.
    `at`: the dotted path in GraphQL's data that is missing.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    operation: str = ""
    login: str = ""
    times: int | None = None
    until: datetime | None = None
    applied: bool = False
    status: int = 0
    message: str = ""
    headers: dict[str, str] = {}
    bare: bool = False
    seconds: float = 0
    reads: int = 0
    shift: int = 1
    at: str = ""


# The usual ones by name; every field may be told otherwise when one is added.
CATALOGUE: Mapping[str, Fault] = {
    "500": Fault(kind=Kind.REFUSED, status=500, message="Server Error"),
    "502": Fault(kind=Kind.REFUSED, status=502),
    "503": Fault(kind=Kind.REFUSED, status=503),
    "drop": Fault(kind=Kind.DROPPED),
    "apply-then-500": Fault(kind=Kind.REFUSED, status=500, message="Server Error", applied=True),
    "apply-then-502": Fault(kind=Kind.REFUSED, status=502, applied=True),
    "apply-then-drop": Fault(kind=Kind.DROPPED, applied=True),
    "401": Fault(kind=Kind.REFUSED, status=401, message="Bad credentials"),
    "403": Fault(
        kind=Kind.REFUSED, status=403, message="Resource not accessible by personal access token"
    ),
    "404": Fault(kind=Kind.REFUSED, status=404, message="Not Found"),
    "403-secondary": Fault(kind=Kind.LIMITED, status=403, message=SECONDARY),
    "403-retry-after": Fault(kind=Kind.LIMITED, status=403, message=SECONDARY, seconds=60),
    "429": Fault(kind=Kind.LIMITED, status=429, message=SECONDARY, bare=True),
    "429-retry-after": Fault(kind=Kind.LIMITED, status=429, message=SECONDARY, seconds=60),
    "graphql-secondary": Fault(kind=Kind.LIMITED, status=200, message=SECONDARY),
    "primary": Fault(kind=Kind.LIMITED, status=403, message=PRIMARY, seconds=3600),
    "graphql-errors": Fault(kind=Kind.ERRORS, message=TIMED_OUT),
    "apply-then-graphql-errors": Fault(kind=Kind.ERRORS, message=TIMED_OUT, applied=True),
    "partial": Fault(kind=Kind.PARTIAL, message=TIMED_OUT),
    "stale": Fault(kind=Kind.STALE, seconds=60),
    "stale-reads": Fault(kind=Kind.STALE, reads=1),
    "late-checks": Fault(kind=Kind.LATE_CHECKS, seconds=60),
    "rerun": Fault(kind=Kind.RERUN),
    "null-mergeable": Fault(kind=Kind.NULL_MERGEABLE),
    "still-open": Fault(kind=Kind.STILL_OPEN),
    "shifted": Fault(kind=Kind.SHIFTED),
    "slow": Fault(kind=Kind.SLOW, seconds=10),
}


class Rule(NamedTuple):
    """A fault in force; `met` counts the requests that it met."""

    number: int
    name: str
    fault: Fault
    met: int

    def over(self, now: datetime) -> bool:
        times = self.fault.times
        if times is None and self.fault.until is None:
            times = 1
        late = self.fault.until is not None and now >= self.fault.until
        return late or (times is not None and self.met >= times)


class Request(NamedTuple):
    """What a fault is chosen by."""

    method: str
    path: str
    query: str
    operation: str
    login: str

    @property
    def reads(self) -> bool:
        """Only what changes nothing may be shown another world."""
        if self.path == "/graphql":
            return not self.operation.startswith("mutation ")
        return self.method == "GET" and not smart_http.matches(self.path)


class Faults:
    """The faults in force, oldest first; `history` are those that were met, in their order."""

    def __init__(self, state: State, sleep: Callable[[float], None] = time.sleep) -> None:
        self.state = state
        self.sleep = sleep
        self.rules: dict[int, Rule] = {}
        self.history: list[tuple[str, str, str]] = []
        self.answers: dict[str, list[Any]] = {}
        self.past = past.Past(state)
        self.last = 0
        self.lock = threading.Lock()

    def add(self, name: str, **fields: Any) -> int:
        """Put a fault of the catalogue in force, with these fields; its number.

        Raises LookupError for a name that is not there, ValueError or TypeError for a field.
        """
        if name not in CATALOGUE:
            known = ", ".join(CATALOGUE)
            raise LookupError(f"no fault is called {name!r}; there are {known}")
        fault = msgspec.structs.replace(CATALOGUE[name], **fields)
        re.compile(fault.path)
        with self.lock:
            self.last += 1
            self.rules[self.last] = Rule(self.last, name, fault, 0)
        if fault.kind is Kind.STALE and fault.seconds:
            self.past.watch()
        return self.last

    def remove(self, number: int) -> bool:
        """Whether it was still in force."""
        with self.lock:
            return self.rules.pop(number, None) is not None

    def clear(self) -> None:
        with self.lock:
            self.rules.clear()
            self.answers.clear()
        self.past.forget()

    def met(self, number: int) -> int:
        """How often it was met; one that is over or removed has to be asked of `history`."""
        rule = self.rules.get(number)
        return rule.met if rule else sum(str(number) == one for one, *_ in self.history)

    def meet(self, environ: Environ) -> list[Fault]:
        """The faults that this request meets: the first ending, and everything else that fits."""
        if not self.rules:
            return []
        self.let_go()
        if not self.rules:
            return []
        request = understood(self.state, environ)
        with self.lock:
            return list(self._met(request))

    def let_go(self) -> None:
        """Forget the faults that are over, and the past when nobody asks for it any more."""
        now = self.state.clock()
        with self.lock:
            for rule in list(self.rules.values()):
                if rule.over(now):
                    del self.rules[rule.number]
            lagging = any(rule.fault.kind is Kind.STALE for rule in self.rules.values())
        if not lagging:
            self.past.forget()

    def earlier(self, fault: Fault, environ: Environ, told: T) -> T:
        """What the same question was answered so many reads ago; at first the truth."""
        asked = (fault, environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
        with self.lock:
            answers = self.answers.setdefault(repr(asked), [])
            answers.append(told)
            del answers[: -fault.reads - 1]
            found: T = answers[0]
            return found

    def _met(self, request: Request) -> Iterator[Fault]:
        ended = False
        for rule in list(self.rules.values()):
            fault = rule.fault
            if (ended and fault.kind in ENDINGS) or not fits(fault, request):
                continue
            ended = ended or fault.kind in ENDINGS
            self.rules[rule.number] = rule._replace(met=rule.met + 1)
            self.history.append((str(rule.number), rule.name, f"{request.method} {request.path}"))
            yield fault


def fits(fault: Fault, request: Request) -> bool:
    whole = f"{request.path}?{request.query}"
    graphql = request.path == "/graphql"
    operation = request.operation.partition(" ")[2]
    merging = request.method == "PUT" and request.path.endswith("/merge")
    return (
        fault.method in ("", request.method)
        and fault.operation in ("", operation)
        and fault.login.lower() in ("", request.login.lower())
        and bool(re.search(fault.path, request.path) or re.search(fault.path, whole))
        and (graphql or fault.kind not in GRAPHQL_ONLY)
        and (
            fault.kind not in VIEWS
            or request.reads
            or (fault.kind is Kind.STILL_OPEN and merging)
        )
    )


def understood(state: State, environ: Environ) -> Request:
    """What is asked; the body of a GraphQL request is read, and put back."""
    path = environ["PATH_INFO"]
    operation = ""
    if path == "/graphql":
        raw = environ["wsgi.input"].read(smart_http.length_of(environ) or 0)
        environ["wsgi.input"] = io.BytesIO(raw)
        environ["CONTENT_LENGTH"] = str(len(raw))
        operation = operation_of(raw)
    secret = accounts.secret_of(environ.get("HTTP_AUTHORIZATION", ""))
    return Request(
        environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), operation,
        accounts.login_of(state, secret),
    )


def operation_of(raw: bytes) -> str:
    """`query Board` or `mutation SetStatus`; a document without a name is a nameless query."""
    try:
        told = json.loads(raw)
    except ValueError:
        return ""
    text = str(told.get("query", "")) if isinstance(told, dict) else ""
    match = OPERATION.search(text)
    kind = "mutation" if text.lstrip().startswith("mutation") else "query"
    return f"{match[1]} {match[2]}" if match else f"{kind} "
