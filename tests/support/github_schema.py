"""Checks REST answers against GitHub's own description; anything that differs is a failure.

`check(method, path, status, text)` raises `Mismatch`. `Validated` wraps a WSGI callable: each
answer that passes through it is checked, and what is wrong is kept in `problems`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.forge import server
from tests.support.fitting import Fits, Fitting

if TYPE_CHECKING:
    import jsonschema

DATA = Path(__file__).resolve().parents[1] / "forge" / "data"
GIT = re.compile(r"/(info/refs|git-upload-pack|git-receive-pack)$")
DIFF = re.compile(r"application/vnd\.github\.v3\.(diff|patch)")
# What the forge answers and GitHub's description does not list.
OWN = re.compile(r"^/(forge/.*|graphql)$")
PARTS = {"path": ".*"}  # left out, it is the top folder


class Mismatch(AssertionError):
    """An answer that GitHub would not give."""


def plain(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type of its own."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: plain(part) for name, part in schema.items() if name != "nullable"}
    if schema.get("nullable") is not True:
        return told
    if "enum" in told:
        told["enum"] = [*told["enum"], None]
    if isinstance(told.get("type"), str):
        return told | {"type": [told["type"], "null"]}
    return {"anyOf": [told, {"type": "null"}]}


@cache
def description() -> dict[str, Any]:
    document: dict[str, Any] = plain(json.loads((DATA / "openapi.json").read_text()))
    return document


@cache
def operations() -> tuple[tuple[str, re.Pattern[str], str, dict[str, Any]], ...]:
    found = []
    slashes = {"ref", "branch", "path", "basehead"}
    for path, methods in description()["paths"].items():
        pattern = re.sub(
            r"\{(\w+)\}",
            lambda match: PARTS.get(match[1], ".+" if match[1] in slashes else "[^/]+"),
            path.replace(".", r"\."),
        )
        for method, operation in methods.items():
            found.append((method.upper(), re.compile(pattern), path, operation))
    # The longest template first: /commits/{ref}/status before /commits/{ref}.
    return tuple(sorted(found, key=lambda entry: -len(entry[2])))


def told_schema(path: str, method: str, status: str) -> dict[str, Any] | None:
    """What GitHub says of that answer; None for one without a body."""
    response = description()["paths"][path][method.lower()]["responses"][status]
    content = response.get("content", {}).get("application/json")
    return content and content["schema"]


@cache
def validator(path: str, method: str, status: str) -> jsonschema.Draft202012Validator:
    import jsonschema

    whole = {**(told_schema(path, method, status) or {}), "components": description()["components"]}
    return jsonschema.Draft202012Validator(whole)


@cache
def fitting() -> Fitting:
    return Fitting(description()["components"]["schemas"])


@cache
def fits(path: str, method: str, status: str) -> Fits:
    return fitting().made_of(told_schema(path, method, status) or {})


def check_body(method: str, path: str, body: Any) -> None:
    """Raise Mismatch unless GitHub describes such a request; None for one without a body."""
    import jsonschema

    template, operation = operation_for(method, path)
    if body is None:
        return
    if "requestBody" not in operation:
        raise Mismatch(f"{method} {path}: GitHub takes no body there")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    strange = set(body) - set(schema.get("properties", body)) if isinstance(body, dict) else ()
    if strange:
        raise Mismatch(f"{method} {template}: GitHub knows no {', '.join(sorted(strange))} there")
    whole = {**schema, "components": description()["components"]}
    errors = list(jsonschema.Draft202012Validator(whole).iter_errors(body))
    if errors:
        raise Mismatch(f"{method} {template}: {errors[0].message[:300]}")


def operation_for(method: str, path: str) -> tuple[str, dict[str, Any]]:
    for known, pattern, template, operation in operations():
        if known == method and pattern.fullmatch(path):
            return template, operation
    raise Mismatch(f"{method} {path} is not in GitHub's description")


def check(method: str, path: str, status: int, text: str) -> None:
    """Raise Mismatch unless GitHub could have answered so."""
    if GIT.search(path) or OWN.match(path):
        return
    if status == 501:
        raise Mismatch(f"{method} {path}: {text}")
    if status == 401:
        assert json.loads(text)["message"]
        return
    if status == 304 and method == "GET" and not text:
        return
    template, operation = operation_for(method, path)
    if str(status) not in operation["responses"]:
        if status >= 500 or status < 400:
            raise Mismatch(f"{method} {path}: GitHub never answers {status}: {text[:500]}")
        assert json.loads(text)["message"]
        return
    answer = (template, method, str(status))
    if told_schema(*answer) is None:
        if text and status < 400:
            raise Mismatch(f"{method} {path} ({status}): GitHub's answer has no body")
        return
    body = json.loads(text)
    if fits(*answer)(body):
        return
    errors = sorted(validator(*answer).iter_errors(body), key=lambda error: len(error.path))
    told = "; ".join(f"{list(e.absolute_path)}: {e.message[:300]}" for e in errors[:5])
    raise Mismatch(f"{method} {path} ({status}): {told}")


class Validated:
    """A WSGI callable whose REST answers are all checked on their way out."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        self.problems: list[str] = []

    def raise_problems(self) -> None:
        if self.problems:
            raise Mismatch("\n".join(self.problems))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        told: list[str] = []

        def remember(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            told.extend((status, dict(headers).get("Content-Type", "")))
            return start_response(status, headers, *rest)

        path = server.raw_path(environ)
        if GIT.search(path):
            return self.app(environ, start_response)
        body = b"".join(self.app(environ, remember))
        other = bool(DIFF.match(told[1]))
        if environ.get("forge.faults") or other:  # told to be wrong, or in another form
            return [body]
        try:
            check(environ["REQUEST_METHOD"], path, int(told[0].split()[0]), body.decode())
        except AssertionError as problem:
            self.problems.append(str(problem))
        return [body]
