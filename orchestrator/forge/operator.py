"""The forge's own switchboard over HTTP, for whoever runs it and holds the key in its folder.

    curl -H "X-Forge-Key: $(cat DATA/operator.key)" URL/forge/faults                  what is on
    curl -H … -d '{"name": "502", "method": "POST", "times": 3}' URL/forge/faults     one more
    curl -H … -X DELETE URL/forge/faults/7      (or all of them: URL/forge/faults)

GitHub has nothing of the kind; a token of a user opens nothing here.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.forge import faults, smart_http

PATH = re.compile(r"/forge/faults(?:/(\d+))?")


def matches(path: str) -> bool:
    return path.startswith("/forge/faults")


def key(data: Path) -> str:
    """The operator's key, made at the first start and readable by nobody else."""
    path = data / "operator.key"
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_hex(16)}\n")
    return path.read_text().strip()


def answer(
    switchboard: faults.Faults, mine: str, environ: dict[str, Any],
    start_response: Callable[..., Any],
) -> Iterable[bytes]:
    raw = environ["wsgi.input"].read(smart_http.length_of(environ) or 0)
    status, body = switched(switchboard, mine, environ, raw)
    encoded = json.dumps(body).encode()
    start_response(
        status,
        [("Content-Type", "application/json"), ("Content-Length", str(len(encoded)))],
    )
    return [encoded]


def switched(
    switchboard: faults.Faults, mine: str, environ: dict[str, Any], raw: bytes
) -> tuple[str, Any]:
    match = PATH.fullmatch(environ["PATH_INFO"])
    method = environ["REQUEST_METHOD"]
    if not hmac.compare_digest(environ.get("HTTP_X_FORGE_KEY", "").encode(), mine.encode()):
        return "403 Forbidden", {"message": "this is for who holds operator.key of the forge"}
    if match is None:
        return "404 Not Found", {"message": "there is only /forge/faults here"}
    if method == "GET":
        return "200 OK", listed(switchboard)
    if method == "POST" and match[1] is None:
        return added(switchboard, raw)
    if method == "DELETE" and match[1] is None:
        switchboard.clear()
        return "200 OK", []
    if method == "DELETE":
        if switchboard.remove(int(match[1])):
            return "200 OK", listed(switchboard)
        return "404 Not Found", {"message": f"no fault {match[1]} is in force"}
    return "405 Method Not Allowed", {"message": f"{method} does nothing here"}


def listed(switchboard: faults.Faults) -> list[dict[str, Any]]:
    switchboard.let_go()
    return [
        {
            "number": rule.number, "name": rule.name, "met": rule.met,
            "fault": msgspec.to_builtins(rule.fault),
        }
        for rule in list(switchboard.rules.values())
    ]


def added(switchboard: faults.Faults, raw: bytes) -> tuple[str, Any]:
    """The body is a fault's fields with the name of the catalogue in place of its kind."""
    try:
        told = json.loads(raw)
        name = told.pop("name")
        known = faults.CATALOGUE.get(name)
        if known is None:
            raise LookupError(f"no fault is called {name!r}; there are {list(faults.CATALOGUE)}")
        told.setdefault("kind", known.kind.value)
        fields = msgspec.convert(told, faults.Fault)
        number = switchboard.add(name, **{field: getattr(fields, field) for field in told})
    except (ValueError, TypeError, KeyError, LookupError, AttributeError, re.error) as error:
        return "422 Unprocessable Entity", {"message": f"not a fault: {error}"}
    return "201 Created", {"number": number}
