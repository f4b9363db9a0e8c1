"""A GitHub App's key: a token for an hour, bought with its private key, shared by processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_read import Door
from orchestrator.adapters.limits import Limits
from orchestrator.records.config import AppConfig
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules import access

T = TypeVar("T")

# A push or a page may take a while: a token that ends so soon is not begun with.
MARGIN = timedelta(minutes=5)
LARGEST = 100_000
# Of the ten minutes that GitHub allows: as GitHub advises, begun a minute ago.
BEGUN, LASTS = 60, 480
SKEW_SECONDS = 30.0


class Kept(Struct, frozen=True, kw_only=True):
    """A token, and between which moments of this machine's clock it is used."""

    identity: str
    token: str
    since: datetime
    until: datetime

    def serves(self, identity: str, now: datetime) -> bool:
        return self.identity == identity and self.since <= now < self.until


class Account(Struct, frozen=True):
    login: str = ""


class Installation(Struct, frozen=True):
    id: int
    account: Account | None = None
    suspended_at: datetime | None = None


class Made(Struct, frozen=True):
    token: str
    expires_at: datetime


class Signature(Key):
    """The app itself, which may only ask for its installations and for their tokens."""

    def __init__(self, app: AppConfig, clock: Clock) -> None:
        super().__init__("")
        self.app = app
        self.clock = clock
        self.ahead = 0.0  # seconds by which GitHub's clock is ahead of this machine's

    def reveal(self) -> str:
        import jwt

        now = int(self.clock.now().timestamp() + self.ahead)
        claims = {"iat": now - BEGUN, "exp": now + LASTS, "iss": self.app.id}
        try:
            return jwt.encode(claims, self.app.key.reveal(), algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise GitHubTrouble(
                Trouble.AUTH,
                "github_app.key_file holds no private RSA key that can be read; make a new one on "
                "the app's page and save it there as it was downloaded",
            ) from error


class AppKey(Key):
    """The token of one installation; `learned` is told each, so that no text of ours holds it.

    `door` makes a way to GitHub for the app's own signature. Two processes may buy a token in the
    same moment: both are good.
    """

    def __init__(
        self,
        app: AppConfig,
        owners: Sequence[str],
        *,
        door: Callable[[Key], Door],
        cache: Path,
        clock: Clock,
        learned: Callable[[str], None],
    ) -> None:
        self.app = app
        self.owners = owners
        self.cache = cache
        self.clock = clock
        self._learned = learned
        self._signature = Signature(app, clock)
        self._door = door(self._signature)
        self._held: Kept | None = None
        self._refused: set[str] = set()
        self._limits: Limits | None = None

    @property
    def identity(self) -> str:
        where = self.app.installation_id or " ".join(self.owners[:1]).lower()
        return f"{access.APP} {self.app.id} at {where}"

    def reveal(self) -> str:
        now = self.clock.now()
        if self._held is None or not self._held.serves(self.identity, now):
            self._held = self._read(now) or self._bought()
        return self._held.token

    def renew(self, refused: str) -> bool:
        """Forget that token, once; what is refused again is refused."""
        if refused in self._refused:
            return False
        self._refused.add(refused)
        known = self._read(self.clock.now())
        if known is not None and known.token == refused:
            files.remove_file(self.cache)
        self._held = None
        return True

    def heed(self, limits: Limits) -> None:
        self._limits = limits

    def _read(self, now: datetime) -> Kept | None:
        """What this or another process keeps, if it is good for a while."""
        try:
            kept = msgspec.json.decode(files.read_bounded(self.cache, LARGEST), type=Kept)
        except (OSError, files.NotReadable, msgspec.MsgspecError, RecursionError):
            return None
        if not kept.serves(self.identity, now) or kept.token in self._refused:
            return None
        self._learned(kept.token)
        return kept

    def _bought(self) -> Kept:
        with self._explained():
            number = self.app.installation_id or self._installation()
            path = f"/app/installations/{number}/access_tokens"
            made = self._signed(lambda: self._door.post(path, {}, Made))
        now = self.clock.now()
        # By GitHub's own clock, whatever this machine's says.
        lasts = made.expires_at - (date_of(self._door.headers.get("date", "")) or now)
        kept = Kept(
            identity=self.identity, token=made.token, since=now, until=now + lasts - MARGIN
        )
        self._learned(kept.token)
        files.make_folder(self.cache.parent)
        files.write_cache(self.cache, msgspec.json.encode(kept))
        return kept

    def _installation(self) -> int:
        """The installation on the account that owns our repositories."""
        path = "/app/installations?per_page=100"
        found = self._signed(lambda: list(self._door.pages(path, Installation)))
        by_login = {one.account.login.lower(): one for one in found if one.account}
        there = next((by_login[o.lower()] for o in self.owners if o.lower() in by_login), None)
        if there is None:
            logins = tuple(one.account.login for one in found if one.account)
            raise GitHubTrouble(
                Trouble.AUTH, access.not_installed(self.app.id, self.owners, logins)
            )
        if there.suspended_at is not None:
            raise GitHubTrouble(Trouble.AUTH, access.suspended(self.app.id))
        return there.id

    def _signed(self, ask: Callable[[], T]) -> T:
        """Ask as the app; where this machine's clock is wrong, once more by GitHub's."""
        try:
            return ask()
        except GitHubTrouble as trouble:
            there = date_of(self._door.headers.get("date", ""))
            if trouble.status != 401 or there is None:
                raise
            ahead = (there - self.clock.now()).total_seconds()
            if abs(ahead) <= SKEW_SECONDS or self._signature.ahead:
                raise
            self._signature.ahead = ahead
            return ask()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say of a refusal what it is that a person can mend; what concerns everybody is told
        everybody, as of any other request (A3, A11)."""
        try:
            yield
        except GitHubTrouble as trouble:
            limit = trouble.trouble is Trouble.RATE
            said = "" if limit else access.app_refused(self.app.id, trouble.status, str(trouble))
            told = GitHubTrouble(Trouble.AUTH, said, status=trouble.status) if said else trouble
            if self._limits is not None:
                told = self._limits.heard(told, self._door.headers)
                self._limits.refusal = str(told) if told.trouble is Trouble.AUTH else ""
            if told is trouble:
                raise
            raise told from trouble


def date_of(words: str) -> datetime | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(words).astimezone(UTC)
    return None
