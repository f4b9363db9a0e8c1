"""The one writer: whole files or none, nothing overwritten by accident, nothing read blindly."""

from __future__ import annotations

import os
import socket
import stat
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.adapters import files, kernel
from orchestrator.adapters.files import Changed, NotReadable


def names(folder):
    return sorted(os.listdir(folder))


@pytest.fixture(params=["renameat2", "link"])
def any_kernel(request, monkeypatch):
    """The same behaviour where the kernel or the file system does not know renameat2 (Q2)."""
    if request.param == "link":
        monkeypatch.setattr(kernel, "_renameat2", None)


def test_a_written_file_is_private_and_alone(tmp_path):
    files.write_durably(tmp_path / "a", b"x" * 100_000, replace=False)
    assert (tmp_path / "a").read_bytes() == b"x" * 100_000
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert names(tmp_path) == ["a"]


def test_a_file_that_exists_is_replaced_only_when_asked(tmp_path, any_kernel):
    files.write_durably(tmp_path / "a", b"one", replace=False)
    with pytest.raises(FileExistsError):
        files.write_durably(tmp_path / "a", b"two", replace=False)
    assert (tmp_path / "a").read_bytes() == b"one"
    files.write_durably(tmp_path / "a", b"three", replace=True)
    assert (tmp_path / "a").read_bytes() == b"three"
    assert names(tmp_path) == ["a"]


def test_a_failing_disk_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch):
    """F8, Q13: an fsync that fails fails the write."""
    files.write_durably(tmp_path / "a", b"old", replace=False)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_durably(tmp_path / "a", b"new", replace=True)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_swap_replaces_only_the_version_that_was_read(tmp_path, any_kernel):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    _, stamp = files.read_stamped(path, 100)
    files.swap_durably(path, b"two", expected=stamp)
    assert path.read_bytes() == b"two"
    with pytest.raises(Changed):
        files.swap_durably(path, b"three", expected=stamp)
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["a"]


def test_a_swap_never_brings_back_what_a_person_moved_away(tmp_path, any_kernel):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    _, stamp = files.read_stamped(path, 100)
    path.rename(tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        files.swap_durably(path, b"two", expected=stamp)
    assert names(tmp_path) == ["b"]


def test_a_save_between_look_and_exchange_is_given_back(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    _, stamp = files.read_stamped(path, 100)
    real = kernel.rename

    def save_first(source, target, how):
        monkeypatch.setattr(kernel, "rename", real)
        (tmp_path / "editor").write_bytes(b"a person's")
        (tmp_path / "editor").rename(path)
        real(source, target, how)

    monkeypatch.setattr(kernel, "rename", save_first)
    with pytest.raises(Changed):
        files.swap_durably(path, b"two", expected=stamp)
    assert path.read_bytes() == b"a person's"
    assert names(tmp_path) == ["a"]


def test_a_move_never_covers_another_file(tmp_path, any_kernel):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in/a").write_text("one")
    (tmp_path / "out/a").write_text("two")
    with pytest.raises(FileExistsError):
        files.move_durably(tmp_path / "in/a", tmp_path / "out/a")
    files.move_durably(tmp_path / "in/a", tmp_path / "out/b")
    assert names(tmp_path / "in") == []
    assert (tmp_path / "out/b").read_text() == "one"
    with pytest.raises(FileNotFoundError):
        files.move_durably(tmp_path / "in/a", tmp_path / "out/c")


def test_logs_are_private(tmp_path):
    files.append_line(tmp_path / "events.jsonl", b"{}", durable=False)
    os.close(files.open_log(tmp_path / "agent.log"))
    for name in ("events.jsonl", "agent.log"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_lines_survive_a_torn_one(tmp_path):
    """Q11: readers skip a torn last line, the next writer closes it."""
    log = tmp_path / "log.jsonl"
    files.append_line(log, b"one", durable=True)
    with log.open("ab") as stream:
        stream.write(b"torn")
    assert list(files.read_lines(log)) == [b"one"]
    files.append_line(log, b"two", durable=False)
    assert list(files.read_lines(log)) == [b"one", b"torn", b"two"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_tail_holds_whole_lines_only(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"first\nsecond\nthird\ntor")
    assert files.read_lines_tail(log, 1000) == [b"first", b"second", b"third"]
    assert files.read_lines_tail(log, 12) == [b"third"]
    assert files.read_lines_tail(log, 16) == [b"second", b"third"]
    assert files.read_lines_tail(tmp_path / "none", 10) == []


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"torn", []),
        (b"one\n", [b"one"]),
        (b"one\ntwo\n", [b"two", b"one"]),
        (b"one\r\n\n  \nthree\ntorn", [b"three", b"one"]),
        (b"\none\n", [b"one"]),
    ],
)
def test_a_log_is_read_from_its_end(tmp_path, text, lines, block):
    log = tmp_path / "log"
    log.write_bytes(text)
    assert list(files.read_lines_backwards(log, block)) == lines
    assert list(files.read_lines_backwards(tmp_path / "none")) == []
    assert list(files.read_lines(tmp_path / "none")) == []


def test_a_log_is_rotated_by_rename_and_bounded(tmp_path):
    log = tmp_path / "log.jsonl"
    for number in range(5):
        files.append_line(log, b"%d" % number, durable=False)
        os.utime(log, (number, number))
        files.rotate(log, 1, keep=2)
    assert not log.exists()
    assert [part.read_bytes() for part in files.rotated(log)] == [b"3\n", b"4\n"]
    files.rotate(log, 1, keep=2)


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "socket", "large", "closed"])
def test_only_a_regular_file_of_a_sane_size_is_read(tmp_path, monkeypatch, kind):
    """Q9, F11: neither a FIFO that waits for ever nor a link that leads elsewhere."""
    path = tmp_path / "a"
    monkeypatch.chdir(tmp_path)
    listener = socket.socket(socket.AF_UNIX)
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        listener.bind("a")
    elif kind == "large":
        path.write_bytes(b"x" * 101)
    elif os.geteuid() == 0:
        pytest.skip("root may read everything")
    else:
        path.touch(0o000)
    with listener, pytest.raises(NotReadable) as told:
        files.read_bounded(path, 100)
    assert str(told.value).startswith("a ")
    assert str(told.value).endswith(".")


def test_a_file_of_just_the_limit_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100)
    assert files.read_bounded(tmp_path / "a", 100) == b"x" * 100


def test_folders_are_private_and_a_file_in_the_way_is_told(tmp_path):
    files.make_folder(tmp_path / "a/b")
    files.make_folder(tmp_path / "a/b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    (tmp_path / "c").touch()
    with pytest.raises(NotADirectoryError):
        files.make_folder(tmp_path / "c/d")


def test_only_what_lies_inside_is_removed(tmp_path):
    fence, outside = tmp_path / "fence", tmp_path / "outside"
    for folder in (fence / "a/b", outside):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    (fence / "door").symlink_to(outside)
    for wrong in (fence, outside, fence / "..", fence / "door/file", fence / "a/../../outside"):
        with pytest.raises(NotReadable, match="not removed"):
            files.remove_tree(wrong, inside=fence)
    files.remove_tree(fence / "door", inside=fence)
    (fence / "a/b").chmod(0o500)
    files.remove_tree(fence / "a", inside=fence)
    files.remove_tree(fence / "never was", inside=fence)
    assert names(fence) == []
    assert names(outside) == ["file"]


def test_what_crashed_writers_left_is_swept_after_36_hours(tmp_path):
    """F1."""
    (tmp_path / ".T.md.0123.tmp").touch()
    (tmp_path / ".key").touch()
    (tmp_path / "T.md").touch()
    soon, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (35, 37))
    assert files.sweep_temporary(tmp_path, 36 * 3600, soon) == 0
    assert files.sweep_temporary(tmp_path, 36 * 3600, later) == 1
    assert names(tmp_path) == [".key", "T.md"]


def test_a_temporary_folder_is_gone_afterwards(tmp_path):
    with files.temporary_folder(tmp_path) as folder:
        (folder / "x").mkdir()
    assert names(tmp_path) == []


def test_removing_tells_whether_there_was_something(tmp_path):
    (tmp_path / "a").touch()
    assert files.remove_file(tmp_path / "a")
    assert not files.remove_file(tmp_path / "a")
