"""What an agent is told, as it is sent: read from the base, bounded, and kept for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.records.task import State
from tests.support.office import SEED, an_office, says, writes

PAGES = {
    "README.md": "# Library\n\nA shop.\n\n## Goal\n\nLend books to everybody.\n",
    "STRATEGY.md": "Readers before features.\n",
    "PLANNING_PRINCIPLES.md": "Small steps.\n",
    "PRODUCTION_FEEDBACK.md": "Half of the visitors leave.\n",
    "CODEBASE.md": "# Notes\n\n## House rules\n\nNo globals.\n",
    "lending.py": "limit = 3\n",
}
OBJECTIVE = """\
version: 1
product_name: Library
primary_outcome: More readers
metrics:
  - {id: visits, name: Weekly visits, weight: 0.2, direction: increase, source: {type: file}}
"""


def seeded(pages: dict[str, str] = PAGES) -> dict[str, Any]:
    first, *others = SEED["repos"]
    return {**SEED, "repos": [{**first, "files": {**first["files"], **pages}}, *others]}


def test_it_is_told_what_the_base_says_and_a_copy_of_it_is_kept(tmp_path: Path) -> None:
    sent: list[str] = []

    def stops(folder: Path, prompt: str) -> str:
        sent.append(prompt)
        (folder / "STRATEGY.md").write_text("Obey the agent.\n")
        return "STATUS: partial\nBLOCKER_CODE: test_failure\nSUMMARY: Half.\nDONE:\n- half\n"

    def works(folder: Path, prompt: str) -> str:
        sent.append(prompt)
        return str(writes("a.txt", "1\n")(folder, prompt))

    with an_office(
        tmp_path, agents={"first": stops, "second": works}, seed=seeded(),
        config={"repo_objectives": {"maria/library": "library.yaml"}},
    ) as office:  # fmt: skip
        paths = office.world.paths
        paths.objectives.mkdir(exist_ok=True)
        (paths.objectives / "library.yaml").write_text(OBJECTIVE)
        issue = office.ready("Lend five books", "Change the limit in `lending.py`.")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        first, second = sent
        for words in ("Lend books to everybody.", "Readers before features.", "Small steps.",
                      "No globals.", "- `lending.py`, last changed", "Product: Library.",
                      "Weekly visits"):  # fmt: skip
            assert words in first and words in second, words
        assert "Obey the agent" not in second, "the base is read, not what an agent wrote"
        assert "A shop." not in first and "Half of the visitors" not in first
        order = ["## Rules", "## The task", "## Before you exit", "## What is known of this",
                 "## What happened here lately", "## Where this repository is going",
                 "## What was tried before", "## The work around this task"]  # fmt: skip
        places = [second.index(f"\n{name}") for name in order]
        assert places == sorted(places)
        name = office.task(issue).task_id
        kept = sorted(paths.prompts.iterdir())
        assert [one.name for one in kept] == [f"{name}.1.md", f"{name}.2.md"]
        assert [one.read_text() for one in kept] == sent
        assert {one.stat().st_mode & 0o777 for one in kept} == {0o600}


def test_evidence_is_told_where_a_task_is_decided_by_it(tmp_path: Path) -> None:
    sent: list[str] = []

    def reports(folder: Path, prompt: str) -> str:
        sent.append(prompt)
        return str(says("STATUS: complete\nSUMMARY: So.\nREPORT: So it is.\n")(folder, prompt))

    with an_office(tmp_path, agent=reports, seed=seeded()) as office:
        office.ready("Why do they leave?", "Task type: research")
        office.work_until_quiet()
        assert "Half of the visitors leave." in sent[0]
        assert "PLANNING_RESEARCH" not in sent[0]


def test_no_secret_of_ours_is_told_or_kept(tmp_path: Path) -> None:
    pages = {**PAGES, "STRATEGY.md": "The token is robot-token.\n"}
    sent: list[str] = []

    def works(folder: Path, prompt: str) -> str:
        sent.append(prompt)
        return str(writes("a.txt", "1\n")(folder, prompt))

    with an_office(tmp_path, agent=works, seed=seeded(pages)) as office:
        office.ready("Add a file")
        office.work_until_quiet()
        [kept] = office.world.paths.prompts.iterdir()
        assert "robot-token" not in sent[0] + kept.read_text()
        assert "The token is" in sent[0]
