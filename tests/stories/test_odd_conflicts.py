"""Conflicts that are no two texts: both sides reach the agent, and nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from tests.stories.test_merge_safety import a_person, pushes
from tests.support.office import COMPLETE, Office, an_office, says


def reviewed(office: Office) -> int:
    """A task whose agent made a folder `notes` and a file, in review."""
    issue = office.ready("Add notes")
    office.dispatch()
    office.queue()
    assert office.state_of(issue) is State.REVIEW, office.told()
    return issue


def conflicting(prompt: str) -> str:
    return prompt.partition("## Conflicting files")[2]


def test_a_file_on_the_base_where_the_branch_has_a_folder_is_put_together(tmp_path: Path) -> None:
    asked: list[str] = []

    def agent(folder: Path, prompt: str) -> str:
        asked.append(conflicting(prompt))
        place = folder / ("more" if (folder / "notes").is_file() else "notes")
        place.mkdir()
        (place / "first.txt").write_text("first note\n")
        (folder / "second.txt").write_text("second\n")
        return COMPLETE.format(summary="Wrote notes.")

    with an_office(tmp_path, agent=agent) as office:
        issue = reviewed(office)
        pushes(office, tmp_path, "main", {"notes": "a person's notes\n"})
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()
        assert "rework: conflicts with main in notes, notes/first.txt" in office.told()
        assert len(asked) == 2 and "(a folder)" in asked[1]
        assert "a person's notes" in asked[1] and "first note" in asked[1]
        assert office.file("notes") == "a person's notes\n"
        assert office.file("more/first.txt") == "first note\n"
        assert office.file("second.txt") == "second\n"


def test_a_file_that_the_base_renamed_gets_the_branchs_change_under_its_new_name(
    tmp_path: Path,
) -> None:
    def agent(folder: Path, prompt: str) -> str:
        place = next(p for p in (folder / "READ.md", folder / "README.md") if p.exists())
        place.write_text(place.read_text().replace("# Library", "# Our library"))
        return COMPLETE.format(summary="Named it.")

    with an_office(tmp_path, agent=agent) as office:
        text = office.file("README.md") or ""
        pushes(office, tmp_path / "a", "main", {"README.md": f"# Library\n\n{LINES}"})
        issue = reviewed(office)
        person = a_person(office, tmp_path / "b")
        person.git("mv", "README.md", "READ.md")
        person.commit({"READ.md": f"# Library of Maria\n\n{LINES}"})
        person.git("push", "-q", "origin", "HEAD:main")
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()
        assert "rework: conflicts with main in READ.md" in office.told() and text
        assert (office.file("READ.md") or "").startswith("# Our library of Maria\n")
        assert office.file("README.md") is None


LINES = "".join(f"line {n}\n" for n in range(20))


def test_where_the_base_has_a_submodule_now_the_file_of_the_branch_goes_elsewhere(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def agent(folder: Path, prompt: str) -> str:
        asked.append(conflicting(prompt))
        (folder / ("elsewhere" if (folder / "sub").is_dir() else "sub")).write_text("mine\n")
        return COMPLETE.format(summary="Wrote it.")

    with an_office(tmp_path, agent=agent) as office:
        issue = reviewed(office)
        person = a_person(office, tmp_path)
        person.git("update-index", "--add", "--cacheinfo", f"160000,{'3' * 40},sub")
        person.git("commit", "-q", "-m", "A submodule")
        person.git("push", "-q", "origin", "HEAD:main")
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(asked) == 2 and f"(a submodule at commit `{'3' * 40}`)" in asked[1]
        assert "mine" in asked[1] and "leave this path as the base has it" in asked[1]
        assert office.file("elsewhere") == "mine\n"
        person.git("fetch", "-q")
        tree = person.git("ls-tree", "-r", "origin/main").stdout
        assert f"160000 commit {'3' * 40}\tsub" in tree


def test_who_puts_nothing_of_the_branch_into_a_conflict_is_followed_by_another(
    tmp_path: Path,
) -> None:
    def first(folder: Path, prompt: str) -> str:
        if not conflicting(prompt):
            (folder / "README.md").write_text("# By the agent\n")
            (folder / "first.txt").write_text("first\n")
        return COMPLETE.format(summary="All done.")

    def second(folder: Path, prompt: str) -> str:
        page = folder / "README.md"
        page.write_text(page.read_text() + "\nBy the agent.\n")
        return COMPLETE.format(summary="Put it in.")

    agents = {"first": first, "second": second, "third": says(None)}
    with an_office(tmp_path, agents=agents) as office:
        issue = reviewed(office)
        pushes(office, tmp_path, "main", {"README.md": "# By a person\n"})
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()
        made = office.task(issue).attempts
        assert [(one.agent, one.code) for one in made][1:] == [
            ("first", BlockerCode.NO_DIFF_PRODUCED), ("second", BlockerCode.NONE),
        ]  # fmt: skip
        assert office.file("README.md") == "# By a person\n\nBy the agent.\n"
