"""Nothing that an agent made is lost when its worktree or its branch goes away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import housekeeping, salvage, workspace
from orchestrator.adapters import history
from orchestrator.adapters.git import Git
from orchestrator.records.task import State
from orchestrator.records.verdicts import AttemptVerdict
from tests.stories.test_merge_safety import pushes
from tests.support import repos
from tests.support.crash import Killed
from tests.support.office import COMPLETE, SLUG, Office, an_office, meanwhile, says, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
PARTIAL = (
    "STATUS: partial\nBLOCKER_CODE: missing_context\nSUMMARY: Half of it.\nDONE:\n- Half of it.\n"
    "BLOCKERS:\n- The rest is not known.\nNEXT_STEP: Say more.\n"
)


def half(path: str, text: str = "half\n", result: str = PARTIAL):  # type: ignore[no-untyped-def]
    def work(folder: Path, prompt: str) -> str:
        (folder / path).write_text(text)
        return result

    return work


def store(office: Office) -> Git:
    return workspace.of(office.world).git(SLUG)


def kept(office: Office, issue: int, path: str) -> str | None:
    """A file of the salvaged work; None where nothing was salvaged."""
    git = store(office)
    found = git.ref(f"refs/salvage/{office.task(issue).task_id}")
    return history.read_file(git, found, path) if found else None


def told(office: Office, issue: int) -> int:
    """How many comments of the issue name the ref and the command."""
    name = f"refs/salvage/{office.task(issue).task_id}"
    command = f"git -C runtime/repos/maria__library.git log -p {name}"
    return sum(command in comment for comment in office.comments(issue))


def no_worktree(office: Office) -> bool:
    return not [path for path in office.world.paths.worktrees.glob("*/*") if path.is_dir()]


def test_what_the_gate_refused_is_kept_when_its_worktree_goes(tmp_path: Path) -> None:
    def refused(folder: Path, prompt: str) -> str:
        (folder / "idea.txt").write_text("worth a look\n")
        (folder / "link").symlink_to("/etc/passwd")
        return COMPLETE.format(summary="Linked it.")

    agents = {"first": refused, "second": writes("x.txt", "x\n")}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add x")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert kept(office, issue, "idea.txt") == "worth a look\n"
        assert office.file("idea.txt") is None and no_worktree(office)
        assert told(office, issue) == 1


def test_a_file_that_git_cannot_take_is_its_attempts_trouble_and_no_crash(tmp_path: Path) -> None:
    """The next agent is asked, and what the first made is kept by its bytes."""

    def unlucky(folder: Path, prompt: str) -> str:
        (folder / ".gitattributes").write_text("*.rc working-tree-encoding=UTF-16\n")
        (folder / "menu.rc").write_text("z")
        return COMPLETE.format(summary="Made a menu.")

    agents = {"first": unlucky, "second": writes("menu.txt", "menu\n")}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Make a menu")
        office.work_until_quiet()
        task = office.task(issue)
        assert task.state is State.DONE, office.told()
        assert [one.agent for one in task.attempts] == ["first", "second"]
        assert kept(office, issue, "menu.rc") == "z"


def test_a_verdict_stands_where_the_store_does_not_take_the_work(tmp_path: Path) -> None:
    """The folder stays, and is salvaged before the next attempt begins."""
    in_the_way = list[Path]()

    def refused(folder: Path, prompt: str) -> str:
        (folder / "idea.txt").write_text("worth a look\n")
        (folder / "link").symlink_to("/etc/passwd")
        blob = repos.git(folder, "hash-object", "idea.txt")
        in_the_way.append(office.world.paths.store(SLUG) / "objects" / blob[:2])
        in_the_way[0].write_text("no folder\n")
        return COMPLETE.format(summary="Linked it.")

    agents = {"first": refused, "second": writes("first.txt", "done\n")}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        assert "its work stays where it is" in office.told()
        assert office.task(issue).attempts[0].verdict is not AttemptVerdict.CRASHED
        in_the_way[0].unlink()
        office.pass_time(3600)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert [one.agent for one in office.task(issue).attempts] == ["first", "second"]
        assert kept(office, issue, "idea.txt") == "worth a look\n"


def test_partial_work_is_kept_when_nobody_could_finish_it(tmp_path: Path) -> None:
    stuck = PARTIAL.replace("missing_context", "dependency_blocked")  # no question to anybody
    agents = {
        name: half(f"{name}.txt", result=stuck) for name in ("first", "second", "third")
    }
    with an_office(tmp_path, agents=agents) as office:
        issue = office.ready("Hard")
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        made = next(a.agent for a in office.task(issue).attempts)
        assert kept(office, issue, f"{made}.txt") == "half\n" and no_worktree(office)
        assert told(office, issue) == 2  # the status comment and the escalation


def test_nothing_is_said_to_be_kept_where_nothing_was_made(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=says(None)) as office:
        issue = office.ready("Impossible")
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED
        assert "salvage" not in "".join(office.comments(issue))
        assert not list(store(office).git_dir.glob("refs/salvage/*"))


def test_a_cancelled_task_s_work_is_kept_and_told(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Never mind")
        closes = meanwhile(lambda: office.close(issue), writes("x.txt", "x\n"))
        office.executor.scripts["first"] = closes
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert kept(office, issue, "x.txt") == "x\n" and no_worktree(office)
        assert told(office, issue) == 1


def test_a_crash_that_ends_the_task_leaves_its_work_by_name(tmp_path: Path) -> None:
    def dies(folder: Path, prompt: str) -> str:
        (folder / "unfinished.txt").write_text("so far\n")
        raise Killed("kill -9")

    with an_office(tmp_path, agent=dies, config={"default_max_attempts": 1}) as office:
        issue = office.ready("Too much")
        office.dispatch()
        with pytest.raises(Killed):
            office.queue()
        office.world.locks.release_all()
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert kept(office, issue, "unfinished.txt") == "so far\n"
        assert told(office, issue) == 2


def test_the_work_of_an_earlier_round_is_kept_when_the_base_has_moved(tmp_path: Path) -> None:
    one = {"default_max_attempts": 1}
    with an_office(tmp_path, agent=half("mine.txt"), repository=QUICK, config=one) as office:
        issue = office.ready("Hard")
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        made = office.task(issue).attempts[0].head_sha
        pushes(office, tmp_path, "main", {"mine.txt": "of somebody else\n"})
        office.executor.scripts["first"] = writes("mine.txt", "anew\n")
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("mine.txt") == "anew\n"
        git = store(office)
        assert git.is_ancestor(made, str(git.ref(f"refs/salvage/{office.task(issue).task_id}")))


def red_then_half(office: Office, issue: int) -> None:
    """A pull request with red checks, and a repair of it that went half-way and was not pushed."""
    office.executor.scripts["first"] = half("repair.txt")
    for _ in range(2):  # what is red is run again before it is repaired
        office.pass_time(20)
        office.monitor()
    office.queue()
    assert office.state_of(issue) is State.ESCALATED, office.told()


@pytest.mark.parametrize("person", ["merges", "closes"])
def test_a_repair_that_was_not_pushed_outlives_what_a_person_decides(
    tmp_path: Path, person: str
) -> None:
    agents = {name: half(f"{name}.txt") for name in ("second", "third")}
    with an_office(
        tmp_path, agents=agents, repository=QUICK, verdict=lambda order: "failure"
    ) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        red_then_half(office, issue)
        number = office.task(issue).pull_request.number  # type: ignore[union-attr]
        if person == "merges":
            answer = office.api.put(f"/repos/{SLUG}/pulls/{number}/merge", json={})
            assert answer.status_code == 200
        else:
            office.api.patch(f"/repos/{SLUG}/pulls/{number}", json={"state": "closed"})
        office.monitor()
        expected = State.DONE if person == "merges" else State.CANCELLED
        assert office.state_of(issue) is expected, office.told()
        assert kept(office, issue, "repair.txt") == "half\n" and no_worktree(office)
        assert told(office, issue) >= 1


@pytest.mark.parametrize("over", [True, False])
def test_salvaged_work_goes_after_its_days_and_only_of_tasks_that_are_over(
    tmp_path: Path, over: bool
) -> None:
    with an_office(tmp_path, agent=half("x.txt"), config={"default_max_attempts": 1}) as office:
        issue = office.ready("Hard")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        if over:
            task = office.task(issue)
            office.world.mailroom.move(task, State.CANCELLED, by="person")
        git, name = store(office), f"refs/salvage/{office.task(issue).task_id}"
        made = history.commits(git, (str(git.ref(name)),))[0].committed
        hand = office.github.clock
        assert hand is not None
        hand.moment = made + salvage.KEPT - timedelta(minutes=1)
        assert salvage.prune(office.world, SLUG) == 0 and git.ref(name)
        hand.moment = made + salvage.KEPT + timedelta(minutes=1)
        housekeeping.maintain_stores(office.world)
        assert (git.ref(name) is None) is over
        assert (f"{name} (" in office.told()) is over


def test_its_days_count_from_the_end_of_the_task_and_not_from_the_work(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=half("x.txt"), config={"default_max_attempts": 1}) as office:
        issue = office.ready("Hard")
        office.dispatch()
        office.queue()
        git, name = store(office), f"refs/salvage/{office.task(issue).task_id}"
        made = history.commits(git, (str(git.ref(name)),))[0].committed
        hand = office.github.clock
        assert hand is not None and office.state_of(issue) is State.ESCALATED, office.told()
        hand.moment = made + salvage.KEPT + timedelta(days=1)  # its person had no time before
        ended = office.world.clock.now()
        office.world.mailroom.move(office.task(issue), State.CANCELLED, by="person")
        hand.moment = ended + salvage.KEPT - timedelta(minutes=1)
        assert salvage.prune(office.world, SLUG) == 0 and git.ref(name), office.told()
        hand.moment = ended + salvage.KEPT + timedelta(minutes=1)
        assert salvage.prune(office.world, SLUG) == 1 and not git.ref(name), office.told()
