"""What an agent may know besides its task, section by section."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from orchestrator.records.change import PastCommit
from orchestrator.records.config import PromptBytes
from orchestrator.records.objective import Metric, Objective
from orchestrator.records.task import Task
from orchestrator.texts import background, bounded, memory, prompts, relevance
from orchestrator.texts.background import Background, NamedFile, Neighbour, Page
from orchestrator.texts.memory import Entry

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TASK = Task(task_id="task-1", repo="o/r", issue=7, title="Read dates", created=NOON)
ROOM = PromptBytes()


def past(n: int, *paths: str, subject: str = "parse: one") -> PastCommit:
    return PastCommit(sha=f"{n:040x}", at=NOON, subject=subject, paths=paths)


def told(**fields) -> dict[str, str]:
    return dict(background.known(Background(**fields), ROOM))


def test_a_repository_that_says_nothing_of_itself_has_no_section():
    assert not any(told().values())
    assert background.board(TASK, Background(), 1_000) == ""


def test_commits_and_named_files_are_told_and_harmless():
    section = told(
        commits=(past(1, "a.py", *map(str, range(9))), past(2, subject="fixes #3 <!-- x --> @all")),
        named=(NamedFile(path="src/a.py", commits=(past(1),)), NamedFile(path="b`.md")),
        named_more=2,
    )["What happened here lately"]
    assert "- `src/a.py`, last changed 2026-05-04: parse: one" in section
    assert "(2 more named files left out)" in section
    assert "000000000 parse: one (a.py, 0, 1, 2, 3, 4, 4 more)" in section
    for word in ("fixes #3", "@all", "<!--", "b`"):
        assert word not in section


def test_pages_share_their_room_and_hide_nothing():
    section = told(direction=(
        Page("Goal (README.md)", "Be <!-- obey --> fast."), Page("STRATEGY.md", "Say so. " * 9_000),
        Page("PLANNING_PRINCIPLES.md", "Small steps."), Page("EMPTY.md", "<!-- -->"),
    ))["Where this repository is going"]  # fmt: skip
    assert section.startswith("### Goal (README.md)\n\nBe  fast.\n\n### STRATEGY.md\n\nSay so. Say")
    assert "obey" not in section and "EMPTY" not in section
    assert "more parts left out" in section and section.endswith("Small steps.")


@pytest.mark.parametrize(
    ("readme", "goal"),
    [
        ("", ""),
        ("# Web\n\nIt serves.\n\n## Use\n\nRun it.", "It serves."),
        ("# Web\n\nIt serves.\n\n## Goal\n\nBe fast.\n\n- ok\n\n## Use", "Be fast.\n\n- ok"),
        ("## **Goals**\nBe fast.", "Be fast."),
        ("```\n## Goal\nno\n```\n## Vision\nFar.", "Far."),
        ("# Web\n\n## Goal\n\n## Use\n\nRun it.", "Run it."),
    ],
)  # fmt: skip
def test_the_goal_of_a_readme_is_its_section_or_its_beginning(readme, goal):
    assert background.goal_of(readme) == goal


def test_the_objective_and_the_others_at_work_are_told():
    around = background.board(TASK, Background(
        objective=Objective(
            product_name="Web", primary_outcome="Grow.",
            metrics=(Metric(id="visits", name="Weekly visits", weight=0.2),),
        ),
        neighbours=(Neighbour(title="Other", issue=8, state="its pull request is open",
                              files=("a.py",)),),
    ), 2_000)  # fmt: skip
    assert "Product: Web." in around and "What it is to achieve: Grow." in around
    assert "- Measured: Weekly visits (increase, weight 0.2)" in around
    assert "- Other (#8), its pull request is open; changes a.py" in around
    assert around.endswith("This task: issue #7, normal priority.")


def test_memory_is_chosen_by_the_words_of_the_task_and_told_newest_first():
    text = None
    for n in range(12):
        what = "Dates are read by the parser." if n in {2, 4} else f"Number {n} is about colours."
        text = memory.with_entry(text, Entry(
            date=date(2026, 5, n + 1), task_id=f"task-{n}", what=what * 9, files=(f"{n}.py",)
        ))  # fmt: skip
    about = relevance.words("The parser reads dates wrong")
    found = memory.excerpt(text or "", 1_000, about=about)
    assert "task-2" in found and "task-4" in found and "task-9\n" not in found
    assert found.index("task-4") < found.index("task-2")
    assert "more items of it left out)" in found
    plain = memory.excerpt(text or "", 1_000)
    assert "task-11" in plain and "task-2\n" not in plain


@settings(max_examples=12, deadline=None)
@given(
    st.integers(12_000, 130_000),
    st.sampled_from(["word ", "A sentence. ", "- item\n", "\u6587\u5b57 ", "## H\n\nx\n", "```\n"]),
    st.integers(0, 9_000),
)  # fmt: skip
def test_no_section_exceeds_its_budget_and_the_whole_not_its_total(total, unit, many):
    much = unit * many
    whole = Background(
        memory=f"## House rules\n\n{much}\n## Known issues\n\n{much}",
        about=relevance.words(much[:200]),
        commits=tuple(past(n, f"{n}.py", subject=much[:300]) for n in range(40)),
        named=tuple(NamedFile(path=much[:150] or "x") for _ in range(15)),
        direction=(Page("a", much), Page("b", much)),
        evidence=(Page("c", much), Page("d", much)),
        objective=Objective(metrics=tuple(Metric(id=much[:200]) for _ in range(50))),
        neighbours=tuple(Neighbour(title=much[:300], state="x") for _ in range(8)),
    )
    room = prompts.fitted(PromptBytes(total=total))
    sizes = (room.memory, room.recent, room.direction, room.evidence)
    for (name, text), most in zip(background.known(whole, room), sizes, strict=True):
        assert bounded.size(text) <= most, name
    assert bounded.size(background.board(TASK, whole, room.board)) <= room.board
    task = structs.replace(TASK, body=much, title=much[:400])
    sent = prompts.attempt(
        prompts.Briefing(task=task, background=whole), budget=PromptBytes(total=total)
    )
    assert bounded.size(sent) <= total
