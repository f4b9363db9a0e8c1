"""How an app finds its installations, and gets a token for one."""

from __future__ import annotations

import json

from orchestrator.forge import accounts, apps, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import people
from orchestrator.forge.state import Refused, not_found
from orchestrator.forge.web import Answer, Call, Route, get, listing, paged

PERMISSIONS = {
    "contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read",
    "checks": "read", "statuses": "read", "actions": "write", "organization_projects": "write",
}


def signer(call: Call) -> records.App:
    app = call.viewer.app
    if app is None:
        raise Refused(401, "A JSON web token could not be decoded")
    return app


def installation(call: Call, place: records.Installation) -> Json:
    app = call.state.store.need(records.App, place.app_row)
    account = call.state.store.need(records.User, place.account_id)
    api = call.url(f"/app/installations/{place.id}")
    return {
        "id": place.id, "app_id": app.app_id, "app_slug": app.slug, "target_id": account.id,
        "target_type": account.kind, "account": people.user(call, account),
        "repository_selection": "selected", "access_tokens_url": f"{api}/access_tokens",
        "repositories_url": call.url("/installation/repositories"),
        "html_url": call.site(f"/settings/installations/{place.id}"),
        "permissions": PERMISSIONS, "events": [], "single_file_name": None,
        "created_at": place.created_at, "updated_at": place.created_at,
        "suspended_by": people.user(call, account) if place.suspended_at else None,
        "suspended_at": place.suspended_at,
    }


def list_installations(call: Call) -> Answer:
    return paged(
        call, apps.places(call.state, signer(call)), lambda row: installation(call, row)
    )


def of_account(call: Call) -> Answer:
    app = signer(call)
    account = accounts.find_user(call.state, call.params["account"])
    if account is None:
        raise not_found()
    return Answer(installation(call, apps.place_on(call.state, app, account.id)))


def of_repository(call: Call) -> Answer:
    app = signer(call)
    repo = accounts.find_repo(call.state, call.params["owner"], call.params["repo"])
    if repo is None:
        raise not_found()
    place = apps.place_on(call.state, app, repo.owner_id)
    if repo.id not in json.loads(place.repo_ids):
        raise not_found()
    return Answer(installation(call, place))


def make_token(call: Call) -> Answer:
    app = signer(call)
    place = call.state.store.get(records.Installation, call.number("installation_id"))
    if place is None or place.app_row != app.id:
        raise not_found()
    call.fields()
    made = apps.token_for(call.state, place)
    body = {
        "token": made.secret, "expires_at": made.expires_at, "permissions": PERMISSIONS,
        "repository_selection": "selected",
    }
    return Answer(body, 201)


ROUTES = (
    listing("/app/installations", list_installations),
    Route("POST", "/app/installations/{installation_id}/access_tokens", make_token),
    get("/users/{account}/installation", of_account),
    get("/orgs/{account}/installation", of_account),
    get("/repos/{owner}/{repo}/installation", of_repository),
)
