"""How long to wait before the next request to GitHub, and for whom the rest of an hour is kept.

All times are seconds since 1970, by this machine's clock; only what GitHub names is judged by its
own `Date` (A11). A value that a clock put back makes nonsense of is void, never obeyed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct, structs

# What nobody names is a minute, then twice as long each time (GitHub: "at least one minute").
LEAST_PAUSE = 60.0
LONGEST_GUESS = 3600.0
# A limit is hourly; whatever a header says, after this long it is asked again.
LONGEST_PAUSE = 7200.0
# A longer wait is not slept: the tick ends, its locks are free, and a later one goes on.
PATIENCE = 60.0
# A limit met again so soon after a pause is the same trouble, which a longer pause answers.
SAME_TROUBLE = 600.0
# A refused token is tried again by one request of whoever comes first, ever more seldom.
LEAST_REFUSAL = 300.0
LONGEST_REFUSAL = 3600.0
DOUBLINGS = 10  # strikes are counted on for as long as it lasts


class Write(StrEnum):
    """What a write is to GitHub: it counts them apart."""

    EDIT = "edit"  # labels, cards, an edited text
    NOTICE = "notice"  # tells people of something, creates no text: a merge, a close
    CONTENT = "content"  # creates text and tells people of it


class Bucket(Struct, frozen=True):
    """One token each `every` seconds, at most `burst` saved up."""

    name: str
    every: float
    burst: int


WRITES = Bucket("writes", 1.0, 5)
CONTENT_MINUTE = Bucket("content-minute", 1.0, 15)
CONTENT_HOUR = Bucket("content-hour", 9.0, 60)
NOTICES = Bucket("notices", 3.0, 5)
# GitHub stops at 80 and 500 texts; a bucket gives its burst and its rate, together less than that.
BUCKETS: Mapping[Write, tuple[Bucket, ...]] = {
    Write.EDIT: (WRITES,),
    Write.NOTICE: (WRITES, NOTICES),
    Write.CONTENT: (WRITES, CONTENT_MINUTE, CONTENT_HOUR, NOTICES),
}


class Pause(Struct, frozen=True, kw_only=True):
    """Nobody asks GitHub between `at` and `until`; `strikes` limits were met in a row."""

    at: float
    until: float
    strikes: int = 1


class Points(Struct, frozen=True, kw_only=True):
    """What is left of one of GitHub's hourly allowances, until `reset`."""

    limit: int
    remaining: int
    reset: float


class Account(Struct, frozen=True, kw_only=True):
    """What all processes know together of one token."""

    pause: Pause | None = None
    refusal: Pause | None = None
    buckets: dict[str, float] = {}
    points: dict[str, Points] = {}


class Signal(Struct, frozen=True, kw_only=True):
    """What an answer said of limits; `date` is the server's time."""

    retry_after: float | None = None
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    resource: str = "core"
    date: float | None = None


class Purpose(StrEnum):
    """What a request would be for: the less it can wait, the later it is cut (A4)."""

    PLANNING = "planning"
    NEW_WORK = "new work"


RESERVE: Mapping[Purpose, float] = {Purpose.PLANNING: 0.5, Purpose.NEW_WORK: 0.2}
ALARM = 0.1
BANDS = (*RESERVE.values(), ALARM)


def pause_after(signal: Signal, now: float, before: Pause | None) -> Pause:
    """The pause that a limit asks for: what GitHub says, else a minute, doubled in a row (A3)."""
    before = before if before is not None and before.at <= now else None
    standing = before is not None and now < before.until
    again = before is not None and now < before.until + SAME_TROUBLE
    # What was under way when the pause began is answered late, and is no new trouble.
    strikes = before.strikes + (not standing) if before and again else 1
    if signal.retry_after is not None:
        seconds = max(1.0, signal.retry_after)
    elif signal.remaining == 0 and signal.reset is not None:
        server_now = signal.date if signal.date is not None else now
        seconds = max(1.0, signal.reset - server_now + 1)
    else:
        seconds = min(LONGEST_GUESS, LEAST_PAUSE * 2 ** min(strikes - 1, DOUBLINGS))
    until = now + min(LONGEST_PAUSE, seconds)
    if before is not None and standing:
        until = max(until, before.until)
    return Pause(at=now, until=until, strikes=strikes)


def refusal_after(now: float, before: Pause | None, longest: float = LONGEST_REFUSAL) -> Pause:
    """How long nobody tries a token that GitHub refused."""
    before = before if before is not None and before.at <= now else None
    standing = before is not None and now < before.until
    strikes = before.strikes + (not standing) if before else 1
    seconds = min(longest, LEAST_REFUSAL * 2 ** min(strikes - 1, DOUBLINGS))
    return Pause(at=now, until=now + seconds, strikes=strikes)


def left(pause: Pause | None, now: float) -> float:
    """The seconds that a pause still lasts; one from the future is a clock's mistake."""
    if pause is None or pause.at > now:
        return 0.0
    return max(0.0, pause.until - now)


def wait_for(write: Write, account: Account, now: float) -> float:
    """The seconds until every bucket of this kind of write has a token."""
    return max(max(0.0, _due(bucket, account, now) - now) for bucket in BUCKETS[write])


def taken(write: Write, account: Account, now: float) -> Account:
    """The account after one token of each bucket is taken, now or as soon as there is one."""
    buckets = dict(account.buckets)
    for bucket in BUCKETS[write]:
        buckets[bucket.name] = max(_spent(bucket, account, now), now) + bucket.every
    return structs.replace(account, buckets=buckets)


def _due(bucket: Bucket, account: Account, now: float) -> float:
    return _spent(bucket, account, now) - (bucket.burst - 1) * bucket.every


def _spent(bucket: Bucket, account: Account, now: float) -> float:
    """Until when the tokens are spent; further ahead than all who wait could bring it is void."""
    spent = account.buckets.get(bucket.name, now)
    furthest = bucket.burst * bucket.every + PATIENCE + 1  # the second is for what is rounded
    return spent if spent <= now + furthest else now


def noted(account: Account, signal: Signal, now: float) -> Account:
    """The account with the points that an answer names, if anybody would decide otherwise."""
    points = points_of(signal, now)
    if points is None:
        return account
    known = account.points.get(signal.resource)
    if _band(points, now) == _band(known, now):
        return account
    return structs.replace(account, points={**account.points, signal.resource: points})


def points_of(signal: Signal, now: float) -> Points | None:
    """What an answer says is left, its end by our own clock; None where it says nothing."""
    if signal.remaining is None or signal.reset is None or not signal.limit:
        return None
    skew = now - signal.date if signal.date is not None else 0.0
    return Points(limit=signal.limit, remaining=signal.remaining, reset=signal.reset + skew)


def share(points: Iterable[Points], now: float) -> float:
    """What is left of the scarcest allowance, 0 to 1; one whose hour is over is full again."""
    return min((each.remaining / each.limit for each in points if each.reset > now), default=1.0)


def cut(purpose: Purpose, points: Mapping[str, Points], now: float) -> str:
    """Why a request for this purpose must wait for the next hour; "" when it need not (A4)."""
    there = share(points.values(), now)
    if there >= RESERVE[purpose]:
        return ""
    return (
        f"{there:.0%} of this hour's requests to GitHub are left, and the last "
        f"{RESERVE[purpose]:.0%} are not for {purpose}"
    )


def _band(points: Points | None, now: float) -> int:
    """How many of the thresholds are undercut; what nobody knows counts as plenty."""
    if points is None or points.reset <= now:
        return 0
    return sum(points.remaining / points.limit < band for band in BANDS)
