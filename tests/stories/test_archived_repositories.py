"""While nobody may write in a repository its tasks wait, at no cost, and go on by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator import hands, housekeeping, readonly
from orchestrator.forge import accounts, records
from orchestrator.records.task import State
from tests.stories.test_merge_safety import pushes
from tests.support import hostile
from tests.support.crash import Killed, a_new_process
from tests.support.office import SLUG, Office, an_office, meanwhile, says, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
BLOCKED = (
    "STATUS: blocked\nBLOCKER_CODE: missing_credentials\nSUMMARY: No key.\nBLOCKERS:\n"
    "- A key for the shop.\n"
)
COMMENTS = r"/issues/\d+/comments$"
HOUR = readonly.AGAIN.total_seconds()


def archive(office: Office, archived: bool = True) -> None:
    answer = office.api.patch(f"/repos/{SLUG}", json={"archived": archived})
    assert answer.status_code == 200, answer.text


def nobody_was_called(office: Office, issue: int) -> bool:
    """Only the one alert of the repository, however many ticks went by."""
    return office.told().count("ALERT") == office.told().count(
        f"ALERT {SLUG}: its tasks wait"
    ) == 1 and not any("person is needed" in comment for comment in office.comments(issue))


def permit(office: Office, level: str, *, private: bool = False) -> None:
    state = office.github.forge.state
    repo, robot = accounts.find_repo(state, *SLUG.split("/")), accounts.find_user(state, "robot")
    assert repo and robot
    where = "repo_id = ? and user_id = ?"
    [row] = state.store.select(records.Collaborator, where, repo.id, robot.id)
    state.store.change(row, permission=level)
    state.store.change(repo, private=private)


def may_only_read(office: Office, out: bool = True) -> None:
    permit(office, "read" if out else "write")


def sees_nothing(office: Office, out: bool = True) -> None:
    permit(office, "none" if out else "write", private=out)


Close = Callable[[Office, bool], None]
CLOSED: tuple[tuple[Close, str], ...] = (
    (archive, "Unarchive it or take it off the config"),
    (may_only_read, "Give that account write access"),
    (sees_nothing, "Check github_repo; the token's owner must open it to the token."),
)


@pytest.mark.parametrize(("closed", "mend"), CLOSED, ids=("archived", "read only", "unseen"))
def test_no_agent_starts_there(tmp_path: Path, closed: Close, mend: str) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.dispatch()
        closed(office, True)
        for _ in range(7):
            office.queue()
            office.pass_time(HOUR)
        assert office.state_of(issue) is State.BLOCKED and not office.executor.agent_runs
        assert mend in office.task(issue).note
        assert nobody_was_called(office, issue), office.told()
        closed(office, False)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert f"recovered: {SLUG} is open to the token again" in office.told()


@pytest.mark.parametrize(("closed", "_"), CLOSED, ids=("archived", "read only", "unseen"))
@pytest.mark.parametrize("hours", [2, 30])
def test_what_an_agent_made_meanwhile_is_delivered_when_it_opens(
    tmp_path: Path, hours: int, closed: Close, _: str
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        work = writes("x.txt", "x\n")
        office.executor.scripts["first"] = meanwhile(lambda: closed(office, True), work)
        issue = office.ready("Add it")
        office.dispatch()
        for _ in range(hours):
            office.queue()
            office.pass_time(HOUR)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        told = office.told().count(f"ALERT {SLUG}: its tasks wait")
        assert told == 1 + hours // 24 == office.told().count("ALERT"), office.told()
        closed(office, False)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"] and len(office.pulls()) == 1
        assert not office.task(issue).note


@pytest.mark.parametrize("closed", [archive, may_only_read, sees_nothing])
@pytest.mark.parametrize("behind", [False, True])
def test_a_pull_request_waits_there_however_long(
    tmp_path: Path, closed: Close, behind: bool
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.dispatch()
        office.queue()
        office.pass_time(10)
        if behind:  # it would be updated, not merged
            pushes(office, tmp_path / "person", "main", {"new.txt": "n"})
        closed(office, True)
        for hours in (1, 2, 30, 1):  # of what GitHub does not show a person hears after a day
            office.monitor()
            office.pass_time(hours * HOUR)
        assert office.state_of(issue) is State.REVIEW, office.told()
        told = office.told()
        assert told.count("ALERT") == told.count(f"ALERT {SLUG}: its tasks wait") > 0, told
        assert not any("person is needed" in comment for comment in office.comments(issue))
        closed(office, False)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def later(office: Office) -> None:
    office.pass_time(housekeeping.EVERY.total_seconds())
    housekeeping.sweep(office.world)


@contextmanager
def untold(tmp_path: Path) -> Iterator[tuple[Office, int, hostile.Hostile]]:
    """An escalation whose comment GitHub refuses, until `calm`."""
    with an_office(tmp_path, agent=says(BLOCKED), repository=QUICK) as office:
        bad, issue = hostile.between(office.github), office.ready("Add it")
        office.dispatch()
        bad.on("POST", COMMENTS, hostile.answers(403, "Resource not accessible"), times=99)
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        yield office, issue, bad


def test_an_escalation_that_could_not_be_told_is_told_later_and_once(tmp_path: Path) -> None:
    with untold(tmp_path) as (office, issue, bad):
        [status] = office.comments(issue)
        later(office)
        assert office.comments(issue) == [status]
        bad.calm()
        for _ in range(3):
            later(office)
        _, call = office.comments(issue)
        assert call.startswith("**A person is needed**") and "A key for the shop" in call, call
        assert "set this issue to Ready again" in call


def test_of_what_a_person_put_into_escalated_nothing_is_told(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.dispatch()
        task = office.task(issue)
        office.world.mailroom.move(task, State.ESCALATED, by="a person")
        before = office.comments(issue)
        later(office)
        assert office.comments(issue) == before


def test_a_refusal_to_show_the_repository_is_waited_for_too(tmp_path: Path) -> None:
    """Single sign-on, a list of addresses, an organisation that wants another kind of token."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue, bad = office.ready("Add it"), hostile.between(office.github)
        office.dispatch()
        bad.on("GET", rf"/repos/{SLUG}$", hostile.answers(403, "Resource protected"), times=99)
        for _ in range(7):
            office.queue()
            office.pass_time(HOUR)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        assert "Resource protected" in office.task(issue).note
        assert nobody_was_called(office, issue), office.told()
        bad.calm()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_what_a_person_ended_ends_in_an_archive_as_well(tmp_path: Path) -> None:
    """As people do it: the issues are closed, then the repository is archived."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.dispatch()
        office.queue()
        office.close(issue)
        archive(office)
        office.monitor()
        assert office.state_of(issue) is State.CANCELLED, office.told()


def test_a_last_crash_in_an_archive_is_handed_over_once_and_told_when_it_opens(
    tmp_path: Path,
) -> None:
    def dies(folder: Path, prompt: str) -> str:
        archive(office)
        raise Killed

    with an_office(tmp_path, agent=dies, repository={"max_attempts": 1}) as office:
        issue = office.ready("Add it")
        office.dispatch()
        with pytest.raises(Killed):
            office.queue()
        a_new_process(office)
        for _ in range(3):
            office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.told().count("needs a person") == 1
        archive(office, False)
        later(office)
        later(office)
        calls = [one for one in office.comments(issue) if one.startswith("**A person is needed**")]
        assert len(calls) == 1


def test_what_is_told_late_is_of_this_round(tmp_path: Path) -> None:
    """An earlier round asked a question, which nobody waits for any more."""
    question = BLOCKED.replace("missing_credentials", "missing_context")
    agents = {"first": says(question), "second": says(None), "third": says(None)}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        bad, issue = hostile.between(office.github), office.ready("Add it")
        office.dispatch()
        office.queue()
        assert "**A question.**" in office.comments(issue)[-1]
        office.executor.scripts["first"] = says(None)
        hands.retry(office.world, office.task(issue).task_id, by="cli")
        bad.on("POST", COMMENTS, hostile.answers(403, "Resource not accessible"), times=99)
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        bad.calm()
        later(office)
        call = office.comments(issue)[-1]
        assert call.startswith("**A person is needed**") and "fallback_exhausted" in call, call


def test_of_a_closed_issue_nobody_is_told_late(tmp_path: Path) -> None:
    with untold(tmp_path) as (office, issue, bad):
        bad.calm()
        office.close(issue)
        before = office.comments(issue)
        for _ in range(2):
            later(office)
        assert office.comments(issue) == before


def test_an_issue_that_is_gone_is_asked_for_once_and_not_every_hour(tmp_path: Path) -> None:
    with untold(tmp_path) as (office, issue, bad):
        bad.calm()
        asked = rf"/issues/{issue}$"
        before = bad.count("GET", asked)
        bad.on("GET", asked, hostile.answers(404, "Not Found"), times=99)
        for _ in range(3):
            later(office)
        assert bad.count("GET", asked) == before + 1, office.told()
