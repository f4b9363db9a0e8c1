"""Conflicts that are no two texts: both sides reach the agent, and nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import attempts, reaper, settle
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from tests.stories.test_merge_safety import a_person, pushes
from tests.stories.test_salvage import PARTIAL, kept
from tests.support.crash import Killed, a_new_process
from tests.support.office import COMPLETE, AgentScript, Office, an_office, says


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


def test_of_very_many_conflicting_paths_some_are_named(tmp_path: Path) -> None:
    many = [f"pages/{n:03d}.txt" for n in range(60)]

    def agent(folder: Path, prompt: str) -> str:
        (folder / "pages").mkdir(exist_ok=True)
        for name in many:
            (folder / name).write_text("ours, and theirs\n" if conflicting(prompt) else "ours\n")
        return COMPLETE.format(summary="Wrote them.")

    with an_office(tmp_path, agent=agent) as office:
        issue = reviewed(office)
        pushes(office, tmp_path, "main", dict.fromkeys(many, "theirs\n"))
        for _ in range(5):
            office.pass_time(30)
            office.monitor()
        task = office.task(issue)
        assert task.repair.endswith("pages/018.txt, pages/019.txt and 40 more"), task.repair
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()


BY_AGENT = {"README.md": "# By the agent\n", "notes.txt": "agent's notes\n"}
BY_PERSON = {"README.md": "# By a person\n", "notes.txt": "a person's notes\n"}
HALF = PARTIAL.replace("missing_context", "timeout")
LIMIT = AttemptReport(
    exit_code=1, seconds=2, output_tail="You've hit your session limit \u00b7 resets 11:30am (UTC)"
)


def repaired_by(
    first: AgentScript, prompts: list[str], second: AgentScript | None = None
) -> dict[str, AgentScript]:
    """Three files by one agent, whose repair of two is `first`; the next puts them together."""

    def begins(folder: Path, prompt: str) -> str | bytes | AttemptReport | None:
        if conflicting(prompt):
            return first(folder, prompt)
        for name, text in {**BY_AGENT, "own.txt": "own\n"}.items():
            (folder / name).write_text(text)
        return COMPLETE.format(summary="All done.")

    def ends(folder: Path, prompt: str) -> str | bytes | AttemptReport | None:
        prompts.append(conflicting(prompt))
        if second is not None:
            return second(folder, prompt)
        for name, text in BY_AGENT.items():
            path = folder / name
            path.write_text(path.read_text() + text)
        return COMPLETE.format(summary="Put it together.")

    return {"first": begins, "second": ends, "third": says(None)}


def does_half(result: str | AttemptReport) -> AgentScript:
    def work(folder: Path, prompt: str) -> str | AttemptReport:
        (folder / "README.md").write_text("# By the agent and a person\n")
        return result

    return work


HALF_WAY: dict[str, AgentScript] = {
    "says that it is done": says(COMPLETE.format(summary="All done.")),
    "changed nothing": says(HALF),
    "came half way": does_half(HALF),
    "was refused half way": does_half(LIMIT),
}


@pytest.mark.parametrize("how", HALF_WAY)
def test_what_a_repair_left_in_conflict_is_the_next_agents_whole(
    tmp_path: Path, how: str
) -> None:
    """Half a merge is no ground to go on from: the branch's side of the rest would be gone."""
    prompts: list[str] = []
    with an_office(tmp_path, agents=repaired_by(HALF_WAY[how], prompts)) as office:
        issue = reviewed(office)
        pushes(office, tmp_path, "main", BY_PERSON)
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(prompts) == 1 and all(text in prompts[0] for text in BY_AGENT.values())
        assert all(text in prompts[0] for text in BY_PERSON.values())
        for name, text in BY_PERSON.items():
            assert office.file(name) == text + BY_AGENT[name]
        if "half way" in how:
            assert kept(office, issue, "README.md") == "# By the agent and a person\n"
            repair = structs.replace(office.task(issue), attempts=office.task(issue).attempts[1:2])
            assert len(reaper.counted(repair)) == 1, "it was an attempt, whoever ended it"


def test_the_next_agent_that_does_nothing_either_merges_nothing(tmp_path: Path) -> None:
    """It used to be told of no conflict any more, and what it left as it was counted as whole."""
    idle = says(COMPLETE.format(summary="Nothing left to do."))
    agents = repaired_by(does_half(HALF), [], second=idle)
    with an_office(tmp_path, agents=agents) as office:
        issue = reviewed(office)
        pushes(office, tmp_path, "main", BY_PERSON)
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert all(office.file(name) == text for name, text in BY_PERSON.items())


@pytest.mark.parametrize("when", ["commit", "judged"])
def test_a_worker_that_dies_at_its_commit_leaves_the_whole_conflict(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is there and nobody has judged it, or it is judged as no end of the conflict."""
    prompts: list[str] = []
    first = does_half(COMPLETE.format(summary="All done.") if when == "commit" else HALF)
    with an_office(tmp_path, agents=repaired_by(first, prompts)) as office:
        issue = reviewed(office)
        pushes(office, tmp_path, "main", BY_PERSON)
        for _ in range(5):
            office.pass_time(20)
            office.monitor()
        assert office.state_of(issue) is State.INBOX, office.told()
        room, name = (attempts, "commit") if when == "commit" else (settle, "settle")
        whole = getattr(room, name)

        def dies(*given: object, **more: object) -> None:
            if when == "commit":
                whole(*given, **more)
            raise Killed

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(room, name, dies)
            office.queue()
        a_new_process(office)
        office.executor.scripts["first"] = office.executor.scripts["second"]
        office.pass_time(60)
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(prompts) == 1 and all(text in prompts[0] for text in BY_AGENT.values())
        for name, text in BY_PERSON.items():
            assert office.file(name) == text + BY_AGENT[name]
