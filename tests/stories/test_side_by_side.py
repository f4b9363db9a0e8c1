"""Parts that meet: red checks beside a review, two workflows at once, a second break of a base."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from orchestrator import groundwork, workspace
from orchestrator.records.task import State
from tests.stories import test_base_after_merge as bases
from tests.stories.test_merge_safety import hold, pushes
from tests.stories.test_questions import asked, asks_first, says_on, until_asked
from tests.stories.test_red_checks import Ci, in_review, look, on_branches
from tests.stories.test_reviews import Answering, objects, requested, reviewed, threads
from tests.support import forge, hostile
from tests.support.office import COMPLETE, SEED, SLUG, writes


def workflows(**named: str) -> dict[str, Any]:
    """The usual seed with these workflows in place of its own."""
    repo = SEED["repos"][0]
    files = {f".github/workflows/{name}.yml": text for name, text in named.items()}
    return {**SEED, "repos": [{**repo, "files": {"README.md": "# Library\n", **files}}]}


def test_each_of_two_workflows_that_fail_by_chance_is_run_again(tmp_path: Path) -> None:
    second = forge.GREEN_WORKFLOW.replace("test:", "lint:")
    runs: dict[tuple[str, str], int] = {}

    def says(order: Any) -> str:
        if order.branch == "main":
            return "success"
        place = (order.sha, str(order.run_id))
        runs[place] = runs.get(place, 0) + 1
        return "failure" if runs[place] == 1 else "success"

    seed = workflows(ci=forge.GREEN_WORKFLOW, lint=second)
    with in_review(tmp_path, cast(Ci, says), seed=seed) as (office, issue, agent):
        look(office, 5)
        assert sorted(runs.values()) == [2, 2], office.told()
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(agent.prompts) == 1


def test_a_base_without_checks_of_its_own_delays_no_repair(tmp_path: Path) -> None:
    only_pulls = forge.GREEN_WORKFLOW.replace("push", "pull_request")
    seed = workflows(ci=only_pulls)
    with in_review(tmp_path, on_branches("failure"), seed=seed) as (office, issue, _):
        pushes(office, tmp_path, "main", {"other.txt": "o\n"})
        look(office, 5)
        assert office.state_of(issue) is State.INBOX, office.told()


def test_who_asks_for_changes_while_red_checks_are_repaired_is_heard(tmp_path: Path) -> None:
    verdicts = on_branches("failure")
    with in_review(tmp_path, verdicts) as (office, issue, _):
        look(office, 3)
        assert office.state_of(issue) is State.INBOX, office.told()
        verdicts.says = lambda branch, run: "success"
        office.executor.scripts["first"] = agent = Answering("1: fixed", "2: fixed")
        told = {"event": "REQUEST_CHANGES", "body": "Please mend this.", "comments": [
            {"path": "a.txt", "line": 1, "body": "Rename this."}
        ]}  # fmt: skip
        number = office.pulls()[-1]["number"]
        office.api.post(f"/repos/{SLUG}/pulls/{number}/reviews", json=told)
        office.queue()
        office.pass_time(12)
        assert office.state_of(issue) is State.REVIEW, office.told()
        look(office)
        assert office.state_of(issue) is State.INBOX, office.told()
        office.queue()
        assert "Rename this." in agent.prompts[-1] and "Please mend this." in agent.prompts[-1]
        assert requested(office) == ["maria"] and threads(office)[0][0]
        office.pass_time(12)
        look(office, 3)
        assert office.state_of(issue) is State.REVIEW and len(agent.prompts) == 2, office.told()


def test_a_comment_made_during_a_round_reaches_the_next_one(tmp_path: Path) -> None:
    with reviewed(tmp_path, "Rename this.") as (office, issue):
        prompts: list[str] = []

        def work(folder: Path, prompt: str) -> str:
            prompts.append(prompt)
            (folder / "first.txt").write_text(f"{len(prompts)}\n")
            if len(prompts) == 1:
                says_on(office, office.pulls()[-1]["number"], "And mind the gap.")
            return COMPLETE.format(summary="Did it.")

        office.executor.scripts["first"] = work
        for _ in range(2):
            office.monitor()
            office.queue()
            office.pass_time(10)
            objects(office)
        office.monitor()
        assert len(prompts) == 2 and "mind the gap" not in prompts[0]
        assert "mind the gap" in prompts[1]
        assert office.task(issue).review_rounds == 3
        texts = [item.text for item in office.task(issue).repair_items]
        assert not any("mind the gap" in text for text in texts), texts


def test_a_base_that_breaks_twice_in_a_day_is_told_twice(tmp_path: Path) -> None:
    base = bases.Base("failure")
    with bases.merged(tmp_path, base) as (office, issue):
        bases.looks(office)
        bases.told_once(office, issue)
        bases.switch(office).unlink()
        pushes(office, tmp_path, "main", {"mended.txt": "m\n"})
        base.words = []
        office.pass_time(60)
        office.executor.scripts["first"] = writes("second.txt", "2\n")
        other = office.ready("Add second.txt")
        office.dispatch()
        office.queue()
        office.pass_time(30)
        office.monitor()
        base.words = ["failure"]
        office.monitor()
        assert office.state_of(other) is State.DONE, office.told()
        bases.looks(office)
        assert bases.switch(office).exists(), office.told()
        assert office.told().count("ALERT") == 2, office.told()


def test_a_word_on_an_issue_that_was_handed_over_for_something_else_starts_nothing(
    tmp_path: Path,
) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        for name in ("first", "second", "third"):
            (tmp_path / "bin" / name).unlink()
        says_on(office, issue, "Blue, please.")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.ESCALATED and office.task(issue).round == 2
        office.pass_time(30)
        says_on(office, issue, "What is going on here?")
        office.dispatch()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.task(issue).round == 2


def test_what_a_stranger_says_below_a_question_costs_no_request_a_tick(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        says_on(office, issue, "Pink!", who="eve")
        office.dispatch()
        before = office.world.read.door.requests_made
        office.dispatch()
        assert office.world.read.door.requests_made - before == 1


def test_what_was_half_made_for_a_review_that_was_taken_back_is_no_ground(tmp_path: Path) -> None:
    with reviewed(tmp_path, "Rename this.") as (office, issue):
        head = office.task(issue).pushed[-1]

        def half(folder: Path, prompt: str) -> str:
            (folder / "first.txt").write_text("half\n")
            objects(office, event="APPROVE")
            return "STATUS: partial\nBLOCKER_CODE: none\nSUMMARY: Half of it.\n"

        office.executor.scripts["first"] = half
        office.monitor()
        office.queue()
        task = office.task(issue)
        assert office.state_of(issue) is State.REVIEW, office.told()
        git = workspace.of(office.world).git(task.repo)
        assert len(task.attempts) == 2 and groundwork.newest(git, task) == head


def test_a_switch_set_while_a_tick_runs_stops_repairs_too(tmp_path: Path) -> None:
    with reviewed(tmp_path, "Rename this.") as (office, issue):
        office.world.paths.off_d.mkdir(exist_ok=True)
        bad = hostile.between(office.github)
        switch = bases.switch(office)
        late = hostile.overtaken_by(lambda: switch.write_text("holiday\n"))
        bad.on("POST", r"/graphql$", late, times=1)
        office.monitor()
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert "holiday" in office.told()
        switch.unlink()
        office.monitor()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_hold_of_hours_is_looked_at_ever_more_seldom(tmp_path: Path) -> None:
    with reviewed(tmp_path, "Rename it.") as (office, issue):
        clock = office.github.clock
        assert clock is not None

        def works(folder: Path, prompt: str) -> str:
            hold(office, True)
            return Answering("1: fixed", "2: fixed")(folder, prompt)

        office.executor.scripts["first"] = works
        office.monitor()
        office.queue()
        waits = []
        for hours in (0, 2, 200):
            clock.advance(hours * 3600)
            office.queue()
            until = office.task(issue).not_before
            assert office.state_of(issue) is State.BLOCKED and until is not None, office.told()
            waits.append(round((until - clock.moment).total_seconds() / 60))
        assert waits == [10, 30, 60]
