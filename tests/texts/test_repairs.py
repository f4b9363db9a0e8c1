"""What is told of red checks: bounded, and deaf to what a log says."""

from __future__ import annotations

from orchestrator.records.task import RepairItem, RepairKind
from orchestrator.texts import repairs

HEAD = "a" * 40


def item(text="", where="lint", url="https://github.com/o/r/actions/runs/1/job/2"):
    return RepairItem(number=1, kind=RepairKind.CHECK, where=where, text=text, url=url)


def test_a_log_loses_its_stamps_its_colours_and_what_follows_the_failure():
    raw = (
        "2026-01-05T09:00:00.1234567Z \x1b[31;1mbad\x1b[0m\r\n"
        "2026-01-05T09:00:01.1234567Z ##[error]exit code 1\n"
        "2026-01-05T09:00:02.1234567Z Post job cleanup.\n"
    )
    assert repairs.log_text(raw) == "bad\n##[error]exit code 1"
    assert repairs.log_text("no mark\nat all\n") == "no mark\nat all"
    assert repairs.log_text("") == ""


def test_the_comment_names_the_checks_with_links_and_folds_their_logs():
    said = repairs.failure_comment((item("E501\n```\nend"),), HEAD, "Next.", marker="<!-- m -->")
    assert "Checks failed on `aaaaaaaaaaaa`" in said and "Next." in said
    assert "- [lint](https://github.com/o/r/actions/runs/1/job/2)" in said
    assert "<summary>lint</summary>\n\n````\nE501\n```\nend\n````\n\n</details>" in said
    assert said.endswith("\n\n<!-- m -->")


def test_a_name_or_an_address_cannot_become_something_else():
    evil = item("x", where="a](http://evil) @maria <img> closes #3", url="javascript:alert(1)")
    said = repairs.failure_comment((evil,), HEAD, "Next.", marker="")
    assert "javascript" not in said and "](http" not in said and "<img" not in said
    assert "@maria" not in said


def test_the_comment_is_bounded_and_keeps_the_end_of_each_log():
    log = "\n".join(f"line {n}" for n in range(20_000))
    items = tuple(item(log, where=f"check {n}") for n in range(20))
    said = repairs.failure_comment(items, HEAD, "Next.", marker="")
    assert len(said.encode()) < 30_000 and said.count("line 19999") == 20
    ticks = repairs.failure_comment((item("`" * 50_000),), HEAD, "Next.", marker="")
    assert len(ticks.encode()) < 30_000
