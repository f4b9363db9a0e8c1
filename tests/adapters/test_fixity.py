"""What stands at a path is known again, and every way of changing it is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters import fixity


def replaced(path: Path) -> None:
    held = path.read_bytes()
    path.write_bytes(b"another")
    path.write_bytes(held)


def with_an_older_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(b"xxxx")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def into_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def into_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("change", [replaced, with_an_older_time, into_a_link, into_a_pipe])
def test_each_change_is_seen(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "sub" / "test_a.py"
    path.parent.mkdir()
    path.write_bytes(b"test")
    before = fixity.of_folder(tmp_path, lambda path: path.endswith(".py"))
    assert fixity.of_paths(tmp_path, before) == before
    change(path)
    after = fixity.of_paths(tmp_path, before)
    assert after != before and list(after) == ["sub/test_a.py"]


@pytest.mark.parametrize("how", ["removed", "under a file"])
def test_what_is_gone_is_left_out(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "a.py").write_text("x")
    before = fixity.of_folder(tmp_path, lambda path: True)
    assert list(before) == ["sub/a.py"]
    (folder / "a.py").unlink()
    if how == "under a file":
        folder.rmdir()
        folder.write_text("")
    assert fixity.of_paths(tmp_path, before) == {}


def test_git_s_own_files_are_no_part_of_it(tmp_path: Path) -> None:
    for place in (".git", "sub/.git"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.py").write_text("x")
    assert list(fixity.of_folder(tmp_path, lambda path: True)) == ["sub/.git/a.py"]
