"""GitHub in the same process: requests are calls of the forge, and meet the plan's faults."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from orchestrator.forge import server
from tests.sim.interface import FaultKind, FaultPlan, Request
from tests.sim.processes import Process, Time
from tests.support.forge import Transport, body_of

URL = "http://127.0.0.1:9"  # nobody is there: no request leaves this process
# By which name of the forge's catalogue a fault is played; the others are played here.
PLAYED: dict[FaultKind, tuple[str, dict[str, Any]]] = {
    FaultKind.DROPPED: ("drop", {}),
    FaultKind.APPLIED_DROPPED: ("apply-then-drop", {}),
    FaultKind.SERVER: ("502", {}),
    FaultKind.APPLIED_SERVER: ("apply-then-500", {}),
    FaultKind.SECONDARY: ("403-retry-after", {}),
    FaultKind.SECONDARY_BARE: ("429", {}),
    FaultKind.EXHAUSTED: ("primary", {"seconds": 60}),
    FaultKind.GRAPHQL_ERRORS: ("graphql-errors", {}),
    FaultKind.UNAUTHORISED: ("401", {}),
    FaultKind.PARTIAL: ("partial", {}),
    FaultKind.LATE_CHECKS: ("late-checks", {}),
    FaultKind.NULL_MERGEABLE: ("null-mergeable", {}),
    FaultKind.STILL_OPEN: ("still-open", {}),
    FaultKind.SHIFTED: ("shifted", {}),
}
# After these the request was not carried out.
UNAPPLIED = {
    FaultKind.DROPPED, FaultKind.SERVER, FaultKind.SECONDARY, FaultKind.SECONDARY_BARE,
    FaultKind.EXHAUSTED, FaultKind.GRAPHQL_ERRORS, FaultKind.UNAUTHORISED,
}  # fmt: skip
SLOW_SECONDS = 30.0


class Weather:
    """Rolls the dice of the plan's faults; in the calm there are none."""

    def __init__(self, faults: tuple[FaultPlan, ...], time: Time, rng: random.Random) -> None:
        self.faults = [(fault, re.compile(fault.path)) for fault in faults]
        self.began = time.moment
        self.time = time
        self.rng = rng
        self.calm = False
        self.met = 0

    def meets(self, method: str, path: str) -> FaultKind | None:
        if self.calm or not self.faults:
            return None
        at = (self.time.moment - self.began).total_seconds()
        for fault, pattern in self.faults:
            if not fault.since <= at < fault.until or fault.method not in ("", method):
                continue
            if (method == "GIT") != (fault.method == "GIT") or not pattern.search(path):
                continue
            if self.rng.random() < fault.chance:
                return fault.kind
        return None


class Watched(Transport):
    """A simulated process's way to the forge: a door before each request, a line after it."""

    def __init__(
        self,
        forge: server.Forge,
        process: Process,
        weather: Weather,
        door: Callable[[Process, str, str], None],
        log: list[Request],
        earlier: dict[tuple[Any, ...], requests.Response],
        order: Callable[[], int],
    ) -> None:
        super().__init__(forge.wsgi)
        self.forge = forge
        self.process = process
        self.weather = weather
        self.door = door
        self.log = log
        self.earlier = earlier
        self.order = order

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        process, parts = self.process, urlsplit(request.url or "")
        method, path, raw = request.method or "", parts.path, body_of(request)
        what = f"{path} {'mutation' if b'mutation' in raw[:60] else 'query'}"
        named = what if path == "/graphql" else path
        self.door(process, method, named)
        process.requests += 1
        kind = self.weather.meets(method, named)
        if kind is FaultKind.SLOW:
            process.wait(SLOW_SECONDS)
        question = (method, path, parts.query, raw)
        reads = method == "GET" or named == "/graphql query"
        if kind in {FaultKind.GRAPHQL_ERRORS, FaultKind.PARTIAL} and path != "/graphql":
            kind = None
        if kind is FaultKind.STALE and not (reads and question in self.earlier):
            kind = None
        if kind is not None:
            process.faults += 1
            self.weather.met += 1
        response, said = None, 0
        try:
            with process.elsewhere():
                if kind is FaultKind.STALE:
                    response = self.earlier[question]
                else:
                    response = self._played(request, kind)
                    said = response.status_code
        except requests.ConnectionError:
            if kind is FaultKind.APPLIED_DROPPED:
                said = 200
            raise
        finally:
            self.log.append(
                Request(
                    at=process.time.moment, process=process.name, script=process.script,
                    method=method, path=path, query=parts.query, body=raw,
                    status=response.status_code if response is not None else 0, answered=said,
                    applied=kind is not FaultKind.STALE and kind not in UNAPPLIED,
                    answer=response.content if response is not None else b"", fault=kind,
                    order=self.order(),
                )
            )  # fmt: skip
        if reads and kind is None:
            self.earlier[question] = response
        return response

    def _played(
        self, request: requests.PreparedRequest, kind: FaultKind | None
    ) -> requests.Response:
        if kind is None or kind is FaultKind.SLOW:
            return super().send(request)
        name, fields = PLAYED[kind]
        number = self.forge.faults.add(name, times=1, **fields)
        try:
            return super().send(request)
        finally:
            self.forge.faults.remove(number)
