"""One small file for each name: of all processes that look at the same moment, one is first."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters import files, slips


@pytest.mark.parametrize("other", ["base red:maria/libraryX", "base-red-maria-library", "x" * 300])
def test_names_that_look_alike_have_files_of_their_own(tmp_path: Path, other: str) -> None:
    one, two = slips.path(tmp_path, "base red:maria/library"), slips.path(tmp_path, other)
    assert one != two and {one.parent, two.parent} == {tmp_path}
    assert max(len(one.name), len(two.name)) < 80


def test_the_first_writes_and_who_saw_the_same_as_it_does_not(tmp_path: Path) -> None:
    place = slips.path(tmp_path / "alerts", "disk")
    assert slips.first(place, b"one", None) and not slips.first(place, b"two", None)
    _, seen = files.read_stamped(place, 100)
    assert slips.first(place, b"three", seen) and not slips.first(place, b"four", seen)
    assert place.read_bytes() == b"three"
    place.unlink()
    assert not slips.first(place, b"five", seen)


def test_a_disk_that_fails_silences_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert slips.first(tmp_path / "file" / "slip.json", b"one", None)
