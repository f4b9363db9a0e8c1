"""The screen of everything: at a terminal, in a pipe, for a program, and until `q`."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from orchestrator import health
from orchestrator.adapters import files
from orchestrator.commands.status import __main__ as status
from orchestrator.commands.status import screen
from orchestrator.overview import look, requests
from orchestrator.records.overview import Overview
from orchestrator.records.requests import RequestStat
from orchestrator.records.task import State
from orchestrator.texts import overview as texts
from orchestrator.texts import screen as fitting
from orchestrator.world import World
from tests.support.office import SLUG, an_office
from tests.support.still import NOW, a_task, a_world, environment


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An installation with something of each kind, which the command finds."""
    world = a_world(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for number in range(1, 30):
        a_task(world, number, title=f"A title that is rather long, of task number {number}")
    note = "the tests of this repository need a database that is not here; no agent can make one"
    a_task(world, 40, State.ESCALATED, note=note)
    a_task(world, 41, State.FAILED, title="宽字符的标题 wide letters", note="no worktree")
    (world.mailroom.folder(State.INBOX) / "half.md").write_text("---\nrepo: ma")
    return world


def told(world: World, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    before, sys.stdout = sys.stdout, out
    try:
        code = status.main([*words])
    finally:
        sys.stdout = before
    return code, out.getvalue()


def test_in_a_pipe_it_is_plain_lines_and_nothing_is_cut(world: World) -> None:
    code, text = told(world)
    assert code == 0 and "\x1b" not in text
    assert "that is not here; no agent can make one" in text
    assert "and 21 more: bin/task.sh list" in text and "half.md" in text
    assert text.count("A title") == texts.MOST
    assert told(world, "--all")[1].count("A title") == 29
    assert told(world, "--watch")[0] == 0, "without a terminal it is printed once"


def test_for_a_program_it_is_one_object(world: World) -> None:
    code, text = told(world, "--json")
    overview = msgspec.json.decode(text, type=Overview)
    assert code == 0 and len(overview.waiting) == 29 and len(overview.calling) == 2
    assert set(json.loads(text)) == set(Overview.__struct_fields__)


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_wider_than_the_terminal(world: World, width: int) -> None:
    seen = look.look(world)
    for words, _ in screen.lines(seen, world.zone, width, texts.MOST):
        assert fitting.cells(words) <= width, words


@pytest.mark.parametrize("height", [10, 24, 50, 200])
def test_a_small_screen_holds_something_of_each_kind(world: World, height: int) -> None:
    shown = screen.fitted(lambda: (look.look(world), world.zone), 80, height)
    assert len(shown) == height and shown[-1][0] == "q ends it"


def test_what_a_person_must_know_is_wrapped_and_not_cut(world: World) -> None:
    lines = [words for words, _ in screen.lines(look.look(world), world.zone, 80, texts.MOST)]
    assert "make one" in " ".join(" ".join(lines).split())


def test_a_config_that_does_not_load_is_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.paths.root / "config.yaml").write_text("nonsense: 1\n")
    assert status.main([]) == 20
    assert "nothing can be said" in capsys.readouterr().err


def test_it_stays_until_q_and_leaves_the_terminal_as_it_was(world: World, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    found = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    found["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    found.pop("NO_COLOR", None)
    child = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.commands.status", "--watch"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=found,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"q ends it" not in shown and select.select([ours], [], [], 60)[0]:
        shown += os.read(ours, 65_536)
    os.write(ours, b"q")
    try:
        while select.select([ours], [], [], 60)[0]:
            shown += os.read(ours, 65_536)
    except OSError:  # its end of the terminal is closed: it has gone
        pass
    assert child.wait(60) == 0, shown.decode(errors="replace")
    os.close(ours)
    assert b"\x1b[?1049h" in shown and b"\x1b[?1049l" in shown and b"Traceback" not in shown


# --- where the requests go -------------------------------------------------------------------


def test_each_run_leaves_a_line_of_what_it_asked(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        health.count_requests(office.world)
        used = requests.look(office.world)
        kinds = {one.kind: one for one in used.uses}
        assert kinds["query Labelled"].hour == 1 and kinds["query Labelled"].hour_points >= 1
        assert kinds["write: comment"].day == 1
        assert all(str(issue) not in kind and "maria" not in kind for kind in kinds)
        assert sum(one.hour for one in used.uses) == health.requests_made(office.world)


def test_hours_and_days_are_told_apart_and_odd_lines_passed_over(world: World) -> None:
    files.make_folder(world.paths.requests.parent)
    for hours, script in ((30, "old"), (5, "pr_monitor"), (0.5, "pr_monitor")):
        stat = RequestStat(
            at=NOW - timedelta(hours=hours), script=script, kinds={"query Board": (2, 3)}
        )
        files.append_line(world.paths.requests, msgspec.json.encode(stat), durable=False)
    with world.paths.requests.open("ab") as log:
        log.write(b"{\n\xff\n")
    [one] = requests.look(world).uses
    assert (one.script, one.hour, one.hour_points, one.day, one.day_points) == (
        "pr_monitor", 2, 3, 4, 6,
    )  # fmt: skip


def test_it_is_shown_by_script_and_kind(world: World) -> None:
    assert "no run of a script" in told(world, "--api")[1]
    world.limits.asked("query Board", points=4)
    world.limits.told(5000, 4711, int(world.clock.now().timestamp()) + 600, {})
    health.count_requests(world)
    used = requests.look(world)
    assert used.allowances[0].remaining == 4711 and used.uses[0].kind == "query Board"
    code, text = told(world, "--api", "--json")
    assert code == 0 and set(json.loads(text)) == {"at", "uses", "allowances", "closed"}
    assert SLUG not in text
