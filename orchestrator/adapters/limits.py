"""What GitHub allows one token, kept by all processes together in one small file (A3, A4).

Whoever is told to slow down, or that the token is refused, writes it down; everybody looks before
each request. The file is a cache: lost, GitHub says the same again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.locks import LockBusy, Locks
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules import access, pacing
from orchestrator.rules.pacing import PATIENCE, Account, Points, Purpose, Signal, Write

LARGEST = 100_000


class Ledger(Struct, frozen=True):
    """All tokens that are known, each by a name that does not tell it."""

    accounts: dict[str, Account] = {}


class Limits:
    """The limits of one token; without `paced` only pauses count (a forge has no abuse limits)."""

    def __init__(
        self, *, path: Path, locks: Locks, clock: Clock, token: str, paced: bool = True,
        spoken: Callable[[datetime], str] = "{:%Y-%m-%dT%H:%M:%SZ}".format, remedy: str = "",
    ) -> None:  # fmt: skip
        self.path = path
        self.locks = locks
        self.clock = clock
        self.name = hashlib.sha256(token.encode()).hexdigest()[:12]
        self.kind = access.kind_of(token)
        self.remedy = remedy  # what a person does about a token that is refused
        self.paced = paced
        self._spoken = spoken
        # What the answers of this process said by the way.
        self.points: dict[str, Points] = {}
        self.skew: float | None = None
        self.scopes: str | None = None
        self.recovered: list[str] = []
        self.used: dict[str, tuple[int, int]] = {}  # by kind: requests, and points
        self.was_refused = False
        self.refusal = ""  # why an app got no token, where this process heard it
        self.is_taken = False  # the token, by the API's last word in this process
        self._ledger = Ledger()
        self._version: tuple[int, int, int] | None = None

    def before_read(self) -> None:
        """Sit a short pause out; raises GitHubTrouble when it is a long one, or no use at all."""
        while (seconds := self._pause()) > 0:
            self.clock.sleep(seconds)

    def before_write(self, write: Write) -> None:
        """As `before_read`, and then wait for our turn among all processes."""
        self.before_read()
        if not self.paced:
            return
        waits: list[float] = []

        def take(account: Account) -> Account:
            now = self._now()
            waits.append(pacing.wait_for(write, account, now))
            return account if waits[-1] > PATIENCE else pacing.taken(write, account, now)

        self._change(take)
        if waits[-1] > PATIENCE:
            raise self._too_long(self._now() + waits[-1], "many of us write to GitHub at once")
        if waits[-1] > 0:
            self.clock.sleep(waits[-1])
            self.before_read()

    def await_turn(self, write: Write) -> None:
        """Wait until such a write could leave at once, and take no turn.

        For who looks once more before a write: what was seen before a wait is old after it.
        """
        self.before_read()
        now = self._now()
        seconds = pacing.wait_for(write, self._account(), now) if self.paced else 0.0
        if seconds > PATIENCE:
            raise self._too_long(now + seconds, "many of us write to GitHub at once")
        if seconds > 0:
            self.clock.sleep(seconds)

    def asked(self, kind: str, requests: int = 1, points: int = 1) -> None:
        """Count what goes to GitHub, in this process; whoever ends it writes it down."""
        before = self.used.get(kind, (0, 0))
        self.used[kind] = (before[0] + requests, before[1] + points)

    def closed(self) -> GitHubTrouble | None:
        """Why nobody should begin anything that needs GitHub now; None when there is no reason."""
        try:
            self._pause()
        except GitHubTrouble as trouble:
            return trouble
        return None

    def heard(self, trouble: GitHubTrouble, headers: Mapping[str, str]) -> GitHubTrouble:
        """The same trouble; what concerns everybody is written down for everybody (A3, A11)."""
        if trouble.trouble is Trouble.AUTH:
            self._refused()
        if trouble.trouble is not Trouble.RATE:
            return trouble
        said = f"{trouble}; {self._limited(signal_of(headers))}"
        return GitHubTrouble(Trouble.RATE, said, status=trouble.status)

    def _limited(self, signal: Signal) -> str:
        now = self._now()
        account = self._change(
            lambda known: structs.replace(
                known, pause=pacing.pause_after(signal, now, known.pause)
            )
        )
        assert account.pause is not None
        return f"nobody asks it again before {self._at(account.pause.until)}"

    def _refused(self) -> None:
        self.was_refused, self.is_taken = True, False
        now = self._now()
        # An app that was mended has the same name still, which nobody can see before asking.
        longest = pacing.LEAST_REFUSAL if self._is_app else pacing.LONGEST_REFUSAL
        self._change(
            lambda known: structs.replace(
                known, refusal=pacing.refusal_after(now, known.refusal, longest)
            )
        )

    def answered(self, headers: Mapping[str, str]) -> None:
        """Note what an answer tells of points and time; costs no write unless that matters."""
        signal, now = signal_of(headers), self._now()
        self.is_taken = True
        self.scopes = headers.get("x-oauth-scopes", self.scopes)
        if self.skew is None and signal.date is not None:
            self.skew = now - signal.date
        if any(account.refusal for account in self._ledger.accounts.values()):
            self._restore()
        self._note(signal, now)

    def told(self, limit: int, remaining: int, reset: int, headers: Mapping[str, str]) -> None:
        """Note the points of GraphQL, as its answer tells them; they count before its headers.

        `reset` in seconds since 1970, by GitHub's clock.
        """
        signal = structs.replace(
            signal_of(headers), limit=limit, remaining=remaining, reset=reset, resource="graphql"
        )
        self._note(signal, self._now())

    def _note(self, signal: Signal, now: float) -> None:
        points = pacing.points_of(signal, now)
        if points is not None:
            self.points[signal.resource] = points
        known = self._account()
        if pacing.noted(known, signal, now) is not known:
            self._change(lambda account: pacing.noted(account, signal, now))

    def reserved(self, purpose: Purpose) -> str:
        """Why this must wait for the next hour of points; "" when it need not (A4)."""
        return pacing.cut(purpose, self._known_points(), self._now())

    def share(self) -> float:
        """What is left of the scarcest of GitHub's allowances, 0 to 1."""
        return pacing.share(self._known_points().values(), self._now())

    def _known_points(self) -> dict[str, Points]:
        return {**self._account().points, **self.points}

    def _restore(self) -> None:
        """GitHub takes our token: whichever was refused, that is over."""
        with suppress(OSError, LockBusy), self.locks.alone("limits"):
            ledger = self._look()
            self.recovered += [n for n, each in ledger.accounts.items() if each.refusal]
            kept = {
                name: structs.replace(each, refusal=None)
                for name, each in ledger.accounts.items()
                if name == self.name or each.refusal is None
            }
            self._keep(Ledger(kept))

    def _pause(self) -> float:
        """The seconds to wait, at most PATIENCE; raises GitHubTrouble for more."""
        account, now = self._account(), self._now()
        self.was_refused = False
        if account.refusal is not None and pacing.left(account.refusal, now) > 0:
            self.was_refused = True
            new = "" if self._is_app else "A new one counts at once; "
            raise GitHubTrouble(
                Trouble.AUTH,
                f"GitHub refused the token at {self._at(account.refusal.at)}; nothing was asked "
                f"and every task stays where it is. {self.remedy}. "
                f"{new}this one is tried again after {self._at(account.refusal.until)}",
            )
        seconds = pacing.left(account.pause, now)
        if seconds > PATIENCE:
            raise self._too_long(now + seconds, "GitHub asked us to slow down")
        return seconds

    @property
    def _is_app(self) -> bool:
        return self.kind is access.TokenKind.APP

    def _too_long(self, until: float, why: str) -> GitHubTrouble:
        return GitHubTrouble(
            Trouble.RATE,
            f"{why}; this tick ends, its work is kept, and the next one after "
            f"{self._at(until)} goes on",
        )

    def _at(self, moment: float) -> str:
        """As a person reads it in a log."""
        return self._spoken(datetime.fromtimestamp(moment, UTC))

    def _now(self) -> float:
        return self.clock.now().timestamp()

    def _account(self) -> Account:
        return self._look().accounts.get(self.name, Account())

    def _look(self) -> Ledger:
        """The file, read again only when it is another one than last time."""
        try:
            status = os.stat(self.path)
            version = (status.st_ino, status.st_mtime_ns, status.st_size)
            if version != self._version:
                raw = files.read_bounded(self.path, LARGEST)
                self._ledger, self._version = msgspec.json.decode(raw, type=Ledger), version
        except FileNotFoundError:
            self._ledger, self._version = Ledger(), None
        except (OSError, files.NotReadable, msgspec.MsgspecError, RecursionError):
            self._version = None
        return self._ledger

    def _change(self, change: Callable[[Account], Account]) -> Account:
        """Change our account in the file; where the disk fails, at least we remember it."""
        try:
            with self.locks.alone("limits"):
                accounts = self._look().accounts
                changed = change(accounts.get(self.name, Account()))
                self._keep(Ledger({**accounts, self.name: changed}))
        except (OSError, LockBusy):
            changed = change(self._ledger.accounts.get(self.name, Account()))
            self._ledger = Ledger({**self._ledger.accounts, self.name: changed})
        return changed

    def _keep(self, ledger: Ledger) -> None:
        self._ledger = ledger
        files.make_folder(self.path.parent)
        files.write_cache(self.path, msgspec.json.encode(ledger))
        self._version = None


def signal_of(headers: Mapping[str, str]) -> Signal:
    """What the headers say (names in lower case); what cannot be read says nothing."""
    date = _moment(headers.get("date", ""))
    return Signal(
        retry_after=retry_after(headers.get("retry-after", ""), date),
        limit=whole(headers.get("x-ratelimit-limit")),
        remaining=whole(headers.get("x-ratelimit-remaining")),
        reset=whole(headers.get("x-ratelimit-reset")),
        resource=headers.get("x-ratelimit-resource", "core"),
        date=date,
    )


def retry_after(words: str, date: float | None) -> float | None:
    """Seconds, or the moment that HTTP allows in their place."""
    seconds = whole(words)
    if seconds is not None:
        return float(seconds)
    moment = _moment(words)
    return None if moment is None or date is None else moment - date


@lru_cache(maxsize=1)
def _moment(words: str) -> float | None:
    """Of an answer whose points count the same date is read twice."""
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(words).timestamp()
    return None


def whole(words: str | None) -> int | None:
    return int(words) if words and words.isdecimal() and len(words) < 16 else None
