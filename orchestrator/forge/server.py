"""The forge as one WSGI callable, and the background events that it runs when told the time."""

from __future__ import annotations

import hashlib
import json
import re
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from orchestrator.forge import (
    accounts,
    actions,
    ci,
    faults,
    faulty,
    merging,
    moments,
    operator,
    pulls,
    pushes,
    records,
    routes,
    smart_http,
    workflows,
)
from orchestrator.forge.queries import engine
from orchestrator.forge.state import Refused, Settings, State
from orchestrator.forge.web import Answer, Call, Unknown

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
RATE_MESSAGE = "API rate limit exceeded for user ID {}. Please wait until the limit resets."
DOCUMENTATION = "https://docs.github.com/rest"


def build(
    data_dir: Path | str, *, clock: Callable[[], datetime] = moments.utc_now,
    ci_runner: workflows.Runner | None = None, settings: Settings | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Forge:
    """A forge over this folder; what a crash left half done is finished first.

    Only a request that meets the fault `slow` waits, by `sleep`.
    """
    data = Path(data_dir)
    runner = ci_runner or ci.Local(data / "ci")
    forge = Forge(State(data, clock, runner, settings or Settings()), sleep)
    forge.recover()
    return forge


class Forge:
    def __init__(self, state: State, sleep: Callable[[float], None] = time.sleep) -> None:
        self.state = state
        self.quotas = accounts.Quotas()
        self.faults = faults.Faults(state, sleep)
        self.key = operator.key(state.data)

    def recover(self) -> None:
        with self.state.lock, self.state.store.transaction():
            merging.finish_interrupted(self.state)
            pushes.record_all(self.state)
            actions.recover(self.state)

    def advance(self, now: datetime | None = None) -> int:
        """Run what is due by now; how much that was."""
        moment = now or self.state.clock()
        with self.state.lock:
            with self.state.store.transaction():
                done = pulls.compute_due(self.state, moment.timestamp())
                done += actions.settle(self.state, moment)
                done += actions.begin(self.state, moment)
            self.faults.past.remember()
            return done

    def tick(self) -> None:
        """One turn of the clock; a fault in it is logged, and the next turn comes."""
        try:
            self.advance()
        except Exception:
            self.log("errors.log", f"advance\n{traceback.format_exc()}")

    def pushed(self, full_name: str, login: str) -> list[str]:
        """Somebody wrote to the bare repository directly; treat it as a push of theirs."""
        owner, _, name = full_name.partition("/")
        with self.state.lock, self.state.store.transaction():
            repo = accounts.find_repo(self.state, owner, name)
            person = accounts.find_user(self.state, login)
            if repo is None or person is None:
                raise LookupError(f"no repository {full_name} or no user {login}")
            return pushes.record(self.state, repo, person)

    def close(self) -> None:
        with self.state.lock:
            self.state.runner.stop()
            self.state.store.close()

    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Any request; raises faults.Dropped where there is no socket to cut."""
        if operator.matches(environ["PATH_INFO"]):
            return operator.answer(self.faults, self.key, environ, start_response)
        met = self.faults.meet(environ)
        if met:
            return faulty.answer(self.faults, met, self.honest, environ, start_response)
        return self.honest(environ, start_response)

    def honest(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Any request, answered as it should be."""
        match = smart_http.matches(environ["PATH_INFO"])
        if match:
            reply = self.transfer(match, environ)
            start_response(reply.status, reply.headers)
            return reply.body
        answer = self.answered(environ, raw_path(environ))
        body = b"" if answer.status in (204, 304) else encode(answer)
        if environ["REQUEST_METHOD"] == "GET" and answer.status == HTTPStatus.OK:
            answer, body = self.unless_known(environ, answer, body)
        headers = [
            ("Content-Type", answer.content_type), ("Content-Length", str(len(body))),
            ("Date", moments.header(self.state.clock())),
            ("X-GitHub-Media-Type", "github.v3; format=json"), *answer.headers,
        ]
        if answer.status == HTTPStatus.NO_CONTENT:
            headers = [h for h in headers if h[0] not in ("Content-Type", "Content-Length")]
        status = HTTPStatus(answer.status)
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def unless_known(self, environ: Environ, answer: Answer, body: bytes) -> tuple[Answer, bytes]:
        """With the mark of its content; to who has that already, only so much, and for nothing."""
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        headers = (*answer.headers, ("ETag", etag))
        if environ.get("HTTP_IF_NONE_MATCH") != etag:
            return msgspec.structs.replace(answer, headers=headers), body
        self.quotas.give_back(accounts.secret_of(environ.get("HTTP_AUTHORIZATION", "")))
        links = tuple(header for header in headers if header[0] != "Link")
        return msgspec.structs.replace(answer, status=304, headers=links), b""

    def transfer(self, match: re.Match[str], environ: Environ) -> smart_http.Reply:
        """A fetch or a push, whatever happens."""
        try:
            return smart_http.serve(self.state, match, environ)
        except Exception as error:
            self.log("errors.log", f"{environ['PATH_INFO']}\n{traceback.format_exc()}")
            return smart_http.plain("500 Internal Server Error", f"{error}\n")

    def answered(self, environ: Environ, path: str) -> Answer:
        """The answer to an API request, whatever happens."""
        request = f"{environ['REQUEST_METHOD']} {path}"
        try:
            with self.state.lock:
                with faulty.seen(self.faults, environ) as state:
                    answer = self.api(state, environ, path)
                self.faults.past.remember()
                return answer
        except Refused as refused:
            return refusal(refused)
        except Unknown as unknown:
            return self.unknown(str(unknown))
        except Exception as error:
            self.log("errors.log", f"{request}\n{traceback.format_exc()}")
            return Answer({"message": f"Server Error: {error}"}, 500)

    def unknown(self, what: str) -> Answer:
        self.log("unknown.log", what)
        return Answer({"message": f"the forge does not know {what}"}, 501)

    def log(self, name: str, line: str) -> None:
        with (self.state.data / name).open("a") as file:
            file.write(f"{self.state.now()} {line}\n")

    def api(self, state: State, environ: Environ, path: str) -> Answer:
        viewer = accounts.identify(state, environ.get("HTTP_AUTHORIZATION", ""))
        method = environ["REQUEST_METHOD"]
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        base = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
        base += environ.get("SCRIPT_NAME", "")  # where it is mounted below an address
        call = Call(state, viewer, method, path, base, {}, query, payload(environ),
                    environ.get("HTTP_ACCEPT", ""), faulty.shift(environ))
        if (method, path) == ("POST", "/graphql"):
            return self.graphql(call)
        if (method, path) == ("GET", "/rate_limit"):
            return Answer(self.limits(viewer), headers=self.standing(viewer, "core"))
        return self.rest(call)

    def rest(self, call: Call) -> Answer:
        found = routes.find(call.method, call.path)
        if found is None:
            raise Unknown(f"{call.method} {call.path}")
        route, params = found
        strange = sorted(set(call.query) - route.query)
        if strange:
            raise Unknown(f"the parameter {', '.join(strange)} of {call.method} {call.path}")
        quota = self.quota(call.viewer, "core")
        if quota.remaining <= 0:
            user = call.viewer.user
            text = RATE_MESSAGE.format(user.id if user else 0)
            return Answer({"message": text, "documentation_url": DOCUMENTATION}, 403,
                          self.standing(call.viewer, "core"))
        self.quotas.spend(call.viewer, quota, 1)
        known = Call(call.state, call.viewer, call.method, call.path, call.base, params,
                     call.query, call.payload, call.accept, call.slipped)
        try:
            answer = route.answer(known)
        except Refused as refused:
            refused.headers = self.standing(call.viewer, "core")
            raise
        standing = self.standing(call.viewer, "core")
        return Answer(answer.body, answer.status, (*answer.headers, *standing),
                      answer.content_type)

    def graphql(self, call: Call) -> Answer:
        accounts.signed_in(call.viewer)
        quota = self.quota(call.viewer, "graphql")
        if quota.remaining <= 0:
            text = RATE_MESSAGE.format(call.viewer.user.id if call.viewer.user else 0)
            body = {"errors": [{"type": "RATE_LIMITED", "message": text}]}
            return Answer(body, headers=self.standing(call.viewer, "graphql"))

        def spend(cost: int) -> accounts.Quota:
            return self.quotas.spend(call.viewer, quota, cost)

        return Answer(engine.execute(call, spend), headers=self.standing(call.viewer, "graphql"))

    def quota(self, viewer: accounts.Viewer, resource: str) -> accounts.Quota:
        settings = self.state.settings
        limit = settings.graphql_limit if resource == "graphql" else settings.rest_limit
        return self.quotas.look(viewer, resource, limit, self.state.clock())

    def standing(self, viewer: accounts.Viewer, resource: str) -> tuple[tuple[str, str], ...]:
        quota = self.quota(viewer, resource)
        # Of a fine-grained token, or an app's, GitHub tells no scopes: it has none.
        classic = viewer.user and not viewer.secret.startswith(("github_pat_", "ghs_"))
        scopes = (("X-OAuth-Scopes", viewer.scopes),) if classic else ()
        return (
            ("X-RateLimit-Limit", str(quota.limit)),
            ("X-RateLimit-Remaining", str(quota.remaining)),
            ("X-RateLimit-Used", str(quota.used)),
            ("X-RateLimit-Reset", str(quota.reset)),
            ("X-RateLimit-Resource", resource), *scopes,
        )

    def limits(self, viewer: accounts.Viewer) -> records.Json:
        resources = {}
        for name in ("core", "graphql", "search"):
            quota = self.quota(viewer, name)
            resources[name] = {
                "limit": quota.limit, "used": quota.used, "remaining": quota.remaining,
                "reset": quota.reset,
            }
        return {"resources": resources, "rate": resources["core"]}


def raw_path(environ: Mapping[str, Any]) -> str:
    """The path as it was sent: an encoded slash of a name is not one that divides the path."""
    raw: str = environ.get("RAW_URI") or quote(environ["PATH_INFO"])
    # A request through a proxy names the whole address.
    path = raw.partition("://")[2].partition("/")[2] if "://" in raw else raw.removeprefix("/")
    return "/" + path.partition("?")[0]


def payload(environ: Mapping[str, Any]) -> Any:
    length = smart_http.length_of(dict(environ))
    raw = environ["wsgi.input"].read(*([] if length is None else [length]))
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise Refused(400, "Problems parsing JSON") from None


def encode(answer: Answer) -> bytes:
    if isinstance(answer.body, str):
        return answer.body.encode()
    if answer.body is None:
        return b""
    try:
        return msgspec.json.encode(answer.body)
    except UnicodeEncodeError:
        # A byte of git's that is no UTF-8 can only be told escaped.
        return json.dumps(answer.body).encode()


def refusal(refused: Refused) -> Answer:
    body: records.Json = {
        "message": refused.message, "documentation_url": DOCUMENTATION,
        "status": str(refused.status),
    }
    if refused.errors is not None:
        body["errors"] = refused.errors
    return Answer(body, refused.status, refused.headers)
