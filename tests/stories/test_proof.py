"""Our own proof before a pull request: a clean checkout, a bug's test on the base, the evidence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import housekeeping, workspace
from orchestrator.executors.local import Local
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from orchestrator.texts import evidence
from tests.stories.test_questions import patch
from tests.stories.test_tampering import in_turn, leaves
from tests.support import forge
from tests.support.contained import LAYER, needs_bubblewrap
from tests.support.office import SEED, SLUG, Office, an_office, says, writes

CI = ".github/workflows/ci.yml"
WRONG, RIGHT = "def add(a, b):\n    return a - b\n", "def add(a, b):\n    return a + b\n"
TEST = "from total import add\n\n\ndef test_adds():\n    assert add(1, 2) == 3\n"
FILES = {"README.md": "# Library\n", CI: forge.GREEN_WORKFLOW, "total.py": WRONG,
         ".gitignore": "build/\n"}  # fmt: skip
REPO = {**SEED["repos"][0], "files": FILES}
LIBRARY = {**SEED, "repos": [REPO, *SEED["repos"][1:]]}
MENDED = leaves(("total.py", RIGHT), ("tests/test_total.py", TEST))
SAME = "def test_nothing():\n    assert 1 + 1 == 2\n"


def adds(folder: Path) -> int:
    """The test command: red where the test is there and the code is wrong."""
    test = folder / "tests/test_total.py"
    wrong = "a - b" in (folder / "total.py").read_text()
    return int(wrong and test.exists() and "add(1, 2)" in test.read_text())


def a_bug(office: Office, tests: Callable[[Path], int] = adds) -> int:
    office.executor.tests = tests
    issue = office.ready("Sums are off", labels=("bug",))
    for _ in range(6):
        office.round()
    return issue


def seen_of(office: Office, issue: int, attempt: int = 1) -> dict[str, Any]:
    folder = office.world.paths.attempt(office.task(issue).task_id, attempt)
    found: dict[str, Any] = json.loads((folder / "evidence.json").read_text())
    return found


def test_what_an_agent_leaves_untracked_or_in_its_home_does_not_make_the_tests_pass(
    tmp_path: Path,
) -> None:
    agent = leaves(("first.txt", "done\n"), ("build/ok", "x"), (".agent_result.md", "x"))
    with an_office(tmp_path, agent=agent, seed=LIBRARY) as office:
        seen: list[set[str]] = []

        def tests(folder: Path) -> int:
            seen.append({entry.name for entry in folder.iterdir()})
            return 0 if (folder / "build/ok").exists() else 1

        office.executor.tests = tests
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        assert office.task(issue).attempts[0].code is BlockerCode.TEST_FAILURE, office.told()
        expected = {".git", ".github", ".gitignore", "README.md", "first.txt", "total.py"}
        assert seen[0] == expected
        homes = {order.home for order in office.executor.orders}
        assert len(homes) == len(office.executor.orders)


def test_nothing_is_checked_out_without_a_diff_a_test_command_or_a_complete_result(
    tmp_path: Path,
) -> None:
    blocked = "STATUS: blocked\nBLOCKER_CODE: missing_context\n\nSUMMARY: what?\n\nBLOCKERS:\n- x\n"

    def asks(folder: Path, prompt: str) -> str:
        (folder / "first.txt").write_text("begun\n")
        return blocked

    with an_office(tmp_path, agent=asks) as office:
        office.ready("Add first.txt")
        office.round()
        assert [order.argv[0] for order in office.executor.orders] == ["first"], office.told()


def test_a_bug_whose_test_fails_on_the_base_is_delivered_with_the_evidence(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=MENDED, seed=LIBRARY) as office:
        issue = a_bug(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.executor.agent_runs) == 1
        found = seen_of(office, issue)
        runs = [(run["ground"], run["exit_code"]) for run in found["runs"]]
        assert runs == [("head", 0), ("base", 1)]
        assert found["tests"] == ["tests/test_total.py"]
        assert found["head_sha"] == office.task(issue).attempts[0].head_sha
        [pull] = office.pulls()
        assert "On the base the tests of this change fail" in pull["body"]
        block = pull["body"].partition(evidence.BEGIN)[2].partition(evidence.END)[0]
        assert "<details>" in block and found["tree"] in block and found["base_sha"] in block


def test_an_agent_that_no_question_reaches_is_not_asked_and_its_work_is_a_persons(
    tmp_path: Path,
) -> None:
    only = {"agents": {"patch": {"sandbox": "none"}}, "agent_fallbacks": {"debugging": ["patch"]}}
    with an_office(tmp_path, seed=LIBRARY, config=only) as office:
        office.executor.scripts[sys.executable] = patch
        office.executor.tests = adds
        note = "Replace `a - b` with `a + b` in `total.py`"
        issue = office.ready("Sums are off", note, labels=("bug",))
        for _ in range(6):
            office.round()
        assert len(office.task(issue).attempts) == 1, office.told()
        assert office.state_of(issue) is State.REVIEW, office.told()
        [pull] = office.pulls()
        assert pull["merged_at"] is None
        assert any("no test comes with it" in body for body in office.comments(pull["number"]))


def test_an_escalation_names_what_was_wrong_with_the_work_and_not_that_nothing_followed(
    tmp_path: Path,
) -> None:
    nothing = says("STATUS: blocked\nBLOCKER_CODE: runner_failure\nSUMMARY: All is there.\n")
    agents = {"first": leaves(("total.py", RIGHT)), "second": nothing, "third": nothing}
    with an_office(tmp_path, agents=agents, seed=LIBRARY) as office:
        office.executor.tests = lambda folder: 1
        issue = office.ready("Sums are off")
        office.work_until_quiet(8)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert [one.agent for one in office.task(issue).attempts] == ["first", "second", "third"]
        [call] = [text for text in office.comments(issue) if "A person is needed" in text]
        headline = call.partition("made). ")[2]
        assert headline.startswith("It says complete, and our own test run fails; third then")
        assert headline.index("test run fails") < headline.index("All is there")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (leaves(("total.py", RIGHT)), "no test comes with it"),
        (leaves(("total.py", RIGHT), ("tests/test_total.py", SAME)), "passes on the base"),
        (leaves(("tests/test_total.py", SAME)), "passes on the base"),
    ],
)
def test_a_bug_that_is_not_shown_to_be_gone_is_asked_about_once_and_then_a_person_s(
    tmp_path: Path, agent: Any, said: str
) -> None:
    with an_office(tmp_path, agent=agent, seed=LIBRARY) as office:
        issue = a_bug(office)
        task = office.task(issue)
        codes = [attempt.code for attempt in task.attempts]
        assert codes == [BlockerCode.UNEXPLAINED_CHANGE, BlockerCode.NONE], office.told()
        assert said in task.attempts[0].reason
        assert office.state_of(issue) is State.REVIEW, office.told()
        [pull] = office.pulls()
        assert pull["merged_at"] is None
        assert any(said in body for body in office.comments(pull["number"]))
        office.api.post(
            f"/repos/{SLUG}/issues/{pull['number']}/labels", json={"labels": ["approved"]}
        )
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


SETUP = {"setup_command": "setup", "test_command": "tests", "retry_wait_minutes": 1}


def sets_up(office: Office, fails: Callable[[Path], bool]) -> None:
    """The setup command fails as told; the tests pass."""

    def run(folder: Path) -> int:
        return int(office.executor.orders[-1].argv[-1] == "setup" and fails(folder))

    office.executor.tests = run


@pytest.mark.parametrize(
    ("blips", "runs", "verdicts"),
    [
        (1, 1, ["deliver"]),
        (2, 2, ["interrupted", "deliver"]),
        (99, 4, ["interrupted", "interrupted", "interrupted", "escalate"]),
    ],
    ids=["chance", "an index is down", "for ever"],
)
def test_a_setup_that_fails_on_the_base_too_is_not_the_agent_s_failure(
    tmp_path: Path, blips: int, runs: int, verdicts: list[str]
) -> None:
    """After each run of the agent two runs of the setup fail, until there were so many."""
    down, left = 0, blips

    def agent(folder: Path, prompt: str) -> str:
        nonlocal down
        down = 2
        return str(writes("first.txt", "done\n")(folder, prompt))

    def fails(folder: Path) -> bool:
        nonlocal down, left
        if not down or not left:
            return False
        down, left = down - 1, left - 1
        return True

    with an_office(tmp_path, agent=agent, repository={**SETUP, "max_attempts": 1}) as office:
        sets_up(office, fails)
        issue = office.ready("Add first.txt")
        for _ in range(5):
            office.pass_time(600)
            office.work_until_quiet()
        task = office.task(issue)
        assert [str(one.verdict) for one in task.attempts] == verdicts, office.told()
        assert office.executor.agent_runs == ["first"] * runs
        if verdicts[-1] == "deliver":
            assert office.state_of(issue) is State.DONE, office.told()
        else:
            assert task.attempts[-1].code is BlockerCode.ENVIRONMENT_FAILURE
            assert task.attempts[-1].head_sha, "its work is kept"


def test_a_setup_that_only_the_work_breaks_is_a_failure_of_the_work(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes("first.txt", "broken\n"), repository=SETUP) as office:
        sets_up(office, lambda folder: (folder / "first.txt").exists())
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        assert office.task(issue).attempts[0].code is BlockerCode.TEST_FAILURE, office.told()


def test_an_agent_that_is_asked_for_the_test_and_brings_it_is_merged(tmp_path: Path) -> None:
    agent = in_turn(leaves(("total.py", RIGHT)), MENDED)
    with an_office(tmp_path, agent=agent, seed=LIBRARY) as office:
        issue = a_bug(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.executor.agent_runs) == 2


@pytest.mark.parametrize("more", [{"test_command": None}, {}])
def test_texts_and_repositories_without_tests_are_exempt_and_it_says_so(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    agent = leaves(("total.py", RIGHT)) if more else leaves(("README.md", "# The library\n"))
    with an_office(tmp_path, agent=agent, seed=LIBRARY, repository=more) as office:
        issue = a_bug(office)
        assert office.state_of(issue) is State.DONE, office.told()
        remark = seen_of(office, issue)["remark"]
        assert ("test_command" if more else "no test runs") in remark
        assert evidence.BEGIN in office.pulls()[0]["body"]


def test_a_repair_puts_its_evidence_in_the_place_of_the_earlier(tmp_path: Path) -> None:
    agent = in_turn(writes("first.txt", "one\n"), writes("first.txt", "two\n"))
    verdicts = iter(["failure", "failure"])
    with an_office(
        tmp_path, agent=agent, verdict=lambda job: next(verdicts, "success")
    ) as office:
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        assert len(office.executor.agent_runs) == 2, office.told()
        [pull] = office.pulls()
        first, second = seen_of(office, issue, 1), seen_of(office, issue, 2)
        assert first["tree"] not in pull["body"] and second["tree"] in pull["body"]
        assert pull["body"].count(evidence.BEGIN) == 1


def test_what_a_killed_test_run_left_is_cleared_and_no_work(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        left = office.world.paths.clean(SLUG, office.task(issue).task_id)
        orphan = office.world.paths.clean(SLUG, "task-of-yore")
        for folder in (left, orphan):
            folder.mkdir(parents=True)
            (folder / "half").write_text("x")
        housekeeping.prune(office.world)
        assert left.exists() and not orphan.exists()
        office.queue()
        assert not left.exists()
        assert office.file("half", office.task(issue).branch) is None
        assert workspace.of(office.world).salvaged(SLUG, "task-of-yore") == ""


def contained(office: Office) -> Callable[[AttemptOrder], AttemptReport]:
    """Commands run for real, as far as this machine contains them, and agents as scripted."""
    real, scripted = Local(), office.executor.run
    office.world.environment["PATH"] += ":/usr/bin:/bin"  # type: ignore[index]
    return lambda order: real.run(order) if order.argv[0] == "/bin/sh" else scripted(order)


def test_tests_that_ask_git_find_a_repository_of_their_own(tmp_path: Path) -> None:
    """The real executor, as far as this machine contains programs: nothing leads to the store."""
    command = (
        "git ls-files | grep -q first.txt && git log --oneline | grep -q . && "
        "git rev-parse --verify -q main && git commit -qam kept && git checkout -qb mine"
    )
    with an_office(tmp_path, repository={"test_command": command}) as office:
        office.executor.run = contained(office)  # type: ignore[method-assign]
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        store = workspace.of(office.world).git(SLUG)
        assert office.state_of(issue) is State.DONE, office.told()
        assert store.ref("refs/heads/mine") is None
        wanted = "bubblewrap" if LAYER.program else "none"
        assert seen_of(office, issue)["runs"][0]["sandbox"] == wanted


def test_a_run_that_changes_what_it_tests_proves_nothing_unless_the_base_does_so_too(
    tmp_path: Path,
) -> None:
    """A build script takes the red test away: no rule of the diff sees that, the proof does."""
    repo = {**REPO, "files": {**FILES, "tests/test_total.py": TEST, "tests/test_old.py": SAME}}
    seed = {**LIBRARY, "repos": [repo, *LIBRARY["repos"][1:]]}
    agent = leaves(("total.py", WRONG + "#\n"), ("build.toml", "hook = 1\n"))
    with an_office(tmp_path, agent=agent, seed=seed) as office:

        def tests(folder: Path) -> int:
            (folder / "tests/test_old.py").write_text("# formatted\n" + SAME)  # its habit
            build = folder / "build.toml"
            if build.exists() and "hook = 1" in build.read_text():
                (folder / "tests/test_total.py").unlink()
            return adds(folder)

        office.executor.tests = tests
        honest = leaves(("total.py", RIGHT), ("build.toml", "hook = 0\n"))
        office.executor.scripts["second"] = honest
        issue = office.ready("Mend the sums")
        office.work_until_quiet()
        first, _ = office.task(issue).attempts
        assert first.code is BlockerCode.TEST_FAILURE, office.told()
        assert "it proves nothing" in first.reason
        remark = seen_of(office, issue)["remark"]
        assert "tests/test_total.py is gone" in remark and "test_old" not in remark
        prompt = office.world.paths.attempt(office.task(issue).task_id, 2) / "prompt.md"
        assert "tests/test_total.py is gone" in prompt.read_text()
        assert office.state_of(issue) is State.DONE, office.told()


@needs_bubblewrap
def test_commands_see_what_the_config_shows_them_of_a_hidden_place(tmp_path: Path) -> None:
    """What a test needs of the operator's disks or home is named, and nothing beside it is seen."""
    there = tmp_path / "there"
    there.mkdir()
    for name in ("tool", "secret"):
        (there / name).write_text(f"{name}\n")
    shown = f"cat {there}/tool && ! cat {there}/secret"
    repository = {"test_command": shown, "command_readable": [f"{there}/tool"]}
    with an_office(tmp_path, repository=repository) as office:
        office.executor.run = contained(office)  # type: ignore[method-assign]
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        assert seen_of(office, issue)["runs"][0]["exit_code"] == 0, office.told()


def test_a_new_file_that_differs_from_another_only_by_case_goes_nowhere(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:

        def both(folder: Path, prompt: str) -> Any:
            (folder / "same.txt").write_text("c\n")
            return writes("Same.txt", "a\n")(folder, prompt)

        office.executor.scripts["first"] = both
        issue = office.ready("Add it")
        office.dispatch()
        office.queue()
        assert not office.pulls(), office.told()
        said = office.task(issue).attempts[0].reason
        assert "'same.txt' only by case" in said or "'Same.txt' only by case" in said, said
