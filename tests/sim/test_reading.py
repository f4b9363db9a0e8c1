"""What wakes a script of the simulated machine, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records.task import Mark, State, Task
from tests.sim import forges, reading
from tests.sim.idleness import Habit, Inputs
from tests.sim.interface import Filed

NOTHING = Inputs(0, (), 0)


@pytest.mark.parametrize(
    ("seen", "now", "wanted"),
    [
        (None, NOTHING, True),
        (Inputs(3, (), 0), Inputs(3, (), 0), False),
        (Inputs(3, (), 0), Inputs(4, (), 0), True),
        (Inputs(3, (7,), 0), NOTHING, False),
        (NOTHING, Inputs(0, (0, 7), 0), True),
        (Inputs(3, (7,), 0), Inputs(0, (7,), 0), False),
        (NOTHING, Inputs(0, (), 1), True),
    ],
)
def test_a_tick_is_wanted_where_there_is_news(
    seen: Inputs | None, now: Inputs, *, wanted: bool
) -> None:
    habit = Habit()
    if seen is not None:
        habit.ran(seen, forges.START, idle=True)
    assert habit.wants(now) is wanted


def test_who_did_something_looks_again_while_there_is_anything_to_do() -> None:
    habit = Habit()
    habit.ran(Inputs(3, (), 0), forges.START, idle=False)
    assert habit.wants(Inputs(3, (), 0))
    assert not habit.wants(NOTHING)


def test_who_met_trouble_is_run_again_though_there_is_nothing_to_do() -> None:
    habit = Habit()
    habit.ran(NOTHING, forges.START, idle=True, again=True)
    assert habit.wants(NOTHING)


def test_an_empty_mailbox_leaves_nothing_to_do() -> None:
    read = reading.readings(dict.fromkeys(State, ()))
    assert (read.odd, read.asks, read.follows) == (False, False, False)


def filed(state: State, name: str, marked: State) -> Filed:
    task = Task(
        task_id=name, repo="maria/library", created=forges.START,
        marks=(Mark(state=marked, at=forges.START, by="test"),),
    )  # fmt: skip
    return Filed(state=state, path=Path(f"{state}/{name}.md"), task=task, problem="")


ONE = "task-20260105T090000Z-maria-library-1-one"
OTHER = "task-20260105T090000Z-maria-library-2-other"


@pytest.mark.parametrize(
    ("files", "odd"),
    [
        ([filed(State.INBOX, ONE, State.INBOX)], False),
        ([filed(State.REVIEW, ONE, State.INBOX)], True),
        ([filed(State.INBOX, ONE, State.INBOX), filed(State.DONE, ONE, State.DONE)], True),
        ([filed(State.INBOX, ONE, State.INBOX), filed(State.DONE, OTHER, State.DONE)], False),
        ([Filed(state=State.BLOCKED, path=Path("x.md"), task=None, problem="broken")], True),
    ],
)
def test_the_reaper_is_woken_by_what_is_out_of_place(files: list[Filed], *, odd: bool) -> None:
    box = {state: tuple(one for one in files if one.state is state) for state in State}
    assert reading.odd(box) is odd
