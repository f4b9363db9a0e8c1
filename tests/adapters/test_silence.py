"""What is a sign of life of a program, and for how long its silence is borne (F6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.clock import Clock
from orchestrator.adapters.silence import Silence

START = datetime(2040, 1, 1, tzinfo=UTC)  # later than any folder that is made meanwhile


class HandClock(Clock):
    """Goes on when a test says so."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


def writes(path: Path, clock: HandClock, ahead: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    at = clock.moment.timestamp() + ahead
    os.utime(path, (at, at))


SIGNS: dict[str, Callable[[Path, HandClock], None]] = {
    "prints": lambda place, clock: shout(place / "log"),
    "writes into its folder": lambda place, clock: writes(place / "tree" / "a" / "b.txt", clock),
    "writes into its home": lambda place, clock: writes(place / "home" / ".x" / "t.jsonl", clock),
    "writes in the future": lambda place, clock: writes(place / "tree" / "f", clock, 9e6),
}


def shout(log: Path) -> None:
    with log.open("a") as stream:
        stream.write("still here\n")


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_begins_the_count_anew_and_silence_ends_it(tmp_path: Path, sign: str) -> None:
    clock, places = HandClock(), (str(tmp_path / "tree"), str(tmp_path / "home"))
    log = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        silence = Silence(log, places, 60, clock)
        for _ in range(5):
            clock.moment += timedelta(seconds=50)
            assert not silence.over()
            SIGNS[sign](tmp_path, clock)
            if "future" in sign:
                break
        clock.moment += timedelta(seconds=50)
        assert not silence.over()
        clock.moment += timedelta(seconds=61)
        silence.over()
        clock.moment += timedelta(seconds=61)
        assert silence.over()
    finally:
        os.close(log)


def test_without_a_limit_silence_is_borne_for_ever(tmp_path: Path) -> None:
    clock = HandClock()
    log = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT)
    try:
        silence = Silence(log, (), None, clock)
        clock.moment += timedelta(days=30)
        assert not silence.over()
    finally:
        os.close(log)
