"""GitHub Apps: who signs as one, where it is installed, and the tokens of its installations."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta

from orchestrator.forge import moments, records
from orchestrator.forge.state import Refused, State, not_found

LASTS = timedelta(hours=1)
# An assertion may be made for ten minutes, counted from now.
LONGEST = 600
EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which "
    "the assertion expires"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
TOO_EARLY = (
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was "
    "issued"
)
SUSPENDED = "This installation has been suspended"


def is_assertion(secret: str) -> bool:
    """Whether this is a signature, and no token that anybody was given."""
    return secret.startswith("ey") and secret.count(".") == 2


def signed(state: State, secret: str) -> records.App:
    """The app that made this assertion; raises Refused as GitHub does."""
    import jwt

    try:
        said = jwt.decode(secret, options={"verify_signature": False})
        app = state.store.first(records.App, "app_id = ?", int(said["iss"]))
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        raise Refused(401, "A JSON web token could not be decoded") from None
    if app is None:
        raise Refused(404, "Integration not found", kind="NOT_FOUND")
    try:
        jwt.decode(
            secret, app.public_key, algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError):
        raise Refused(401, "A JSON web token could not be decoded") from None
    now = state.clock().timestamp()
    if said.get("exp", 0) <= now:
        raise Refused(401, EXPIRED)
    if said["exp"] > now + LONGEST:
        raise Refused(401, TOO_FAR)
    if said.get("iat", now + 1) > now:
        raise Refused(401, TOO_EARLY)
    return app


def holder(state: State, secret: str) -> records.User | None:
    """The app's own account, for a token of an installation that still counts."""
    token = state.store.first(records.InstallationToken, "secret = ?", secret)
    if token is None or moments.parse(token.expires_at) <= state.clock():
        return None
    place = state.store.need(records.Installation, token.installation_id)
    if place.suspended_at:
        raise Refused(403, SUSPENDED, kind="FORBIDDEN")
    app = state.store.need(records.App, place.app_row)
    return state.store.need(records.User, app.user_id)


def make(
    state: State, app_id: int, slug: str, public_key: str, bot: records.User
) -> records.App:
    return state.store.add(
        records.App(app_id=app_id, slug=slug, public_key=public_key, user_id=bot.id)
    )


def install(
    state: State, app: records.App, account: records.User, repos: list[records.Repo]
) -> records.Installation:
    """On that account, for these of its repositories; its bot may write to them."""
    now = state.now()
    place = state.store.add(
        records.Installation(
            app_row=app.id, account_id=account.id, created_at=now,
            repo_ids=json.dumps([repo.id for repo in repos]),
        )
    )
    for repo in repos:
        state.store.add(
            records.Collaborator(repo_id=repo.id, user_id=app.user_id, permission="write")
        )
    return place


def suspend(state: State, place: records.Installation, *, suspended: bool) -> None:
    state.store.change(place, suspended_at=state.now() if suspended else None)


def places(state: State, app: records.App) -> list[records.Installation]:
    return state.store.select(records.Installation, "app_row = ? order by id", app.id)


def place_on(state: State, app: records.App, account_id: int) -> records.Installation:
    where = "app_row = ? and account_id = ?"
    found = state.store.first(records.Installation, where, app.id, account_id)
    if found is None:
        raise not_found()
    return found


def token_for(state: State, place: records.Installation) -> records.InstallationToken:
    if place.suspended_at:
        raise Refused(403, SUSPENDED, kind="FORBIDDEN")
    ends = moments.text(state.clock() + LASTS)
    secret = f"ghs_{secrets.token_hex(18)}"
    return state.store.add(
        records.InstallationToken(secret=secret, installation_id=place.id, expires_at=ends)
    )
