"""Files without a byte in them fill a disk, too."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.adapters import files
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.watch import EVERY_SECONDS, Watch
from orchestrator.records.order import Limits


class Stepping(Clock):
    """A clock on which every look is due."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        self.at += EVERY_SECONDS
        return self.at


class OfFewFiles(Watch):
    """On a disk that takes a hundred files, some of them somebody else's."""

    elsewhere = 0

    def _room_of_files(self) -> int:
        return 100 - self.elsewhere - sum(map(files.count, self.places))


def watched(place: Path) -> OfFewFiles:
    limits = Limits(memory_bytes=None, disk_bytes=None, processes=None)
    return OfFewFiles(os.getpid(), limits, (str(place),), Stepping())


def test_who_makes_half_of_the_files_that_a_disk_takes_is_stopped(tmp_path: Path) -> None:
    watch = watched(tmp_path)
    for number in range(49):
        (tmp_path / str(number)).touch()
    assert not watch.over()
    (tmp_path / "last").touch()
    assert watch.over() and "50 files" in watch.exceeded


def test_those_of_others_are_not_counted_against_it(tmp_path: Path) -> None:
    watch = watched(tmp_path)
    (tmp_path / "mine").touch()
    watch.elsewhere = 90
    assert not watch.over()
    for number in range(3):
        (tmp_path / str(number)).touch()
    assert not watch.over(), "of nine that were left it made three"
