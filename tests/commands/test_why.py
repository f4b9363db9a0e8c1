"""Why an issue or task is where it is: one story for each reason, and nothing is ever written."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from orchestrator import alerts, conditions, cooling, hands, updating
from orchestrator.commands import why
from orchestrator.overview import look
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.health import Health
from orchestrator.records.task import Attempt, BaseAfter, MergeMark, State
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import messages
from orchestrator.whereabouts import paper, place, question, telling
from orchestrator.whereabouts.account import Account, Finding, Reason, Unknown
from tests.stories.test_archived_repositories import archive
from tests.stories.test_reviews import BRAKES, Answering, one_round, reviewed
from tests.stories.test_second_rounds import in_need, ready_again
from tests.support import forge, hostile
from tests.support.crash import Killed, a_new_process
from tests.support.office import (
    REPOSITORY,
    SEED,
    SLUG,
    Office,
    an_office,
    meanwhile,
    says,
    writes,
)
from tests.support.still import a_task, a_world

CODE = Path(__file__).resolve().parents[2]
QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
NAMES = ("first", "second", "third")
PARTIAL = "STATUS: partial\nBLOCKER_CODE: environment_failure\nSUMMARY: The shelf is locked.\n"


def tree(office: Office) -> dict[str, tuple[int, str]]:
    """Every file below the root, with its time and content."""
    found = {}
    for path in sorted(office.world.paths.root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = (path.stat().st_mtime_ns, digest)
        else:
            found[str(path)] = (0, "")
    return found


def ask(office: Office, *words: str, offline: bool = False) -> Account | Unknown:
    """A new process asks; whatever the answer, not a file of ours has changed."""
    before = tree(office)
    bad = hostile.between(office.github)
    built = why.built(office.world.environment)
    assert not isinstance(built, why.Refused), built
    world = replace(built, clock=office.world.clock)
    told = telling.account(world, question.read(words), unasked=why.OFFLINE * offline)
    why.show(world, told, io.StringIO())
    assert tree(office) == before
    sent = [(method, path) for method, path in bad.seen if method != "GET"]
    assert all(path.endswith("graphql") for _, path in sent), sent
    assert not (offline and bad.seen)
    return told


def answer(office: Office, *words: object, offline: bool = False) -> Account:
    told = ask(office, *map(str, words), offline=offline)
    assert isinstance(told, Account), told
    return told


def reasons(told: Account) -> dict[Reason, str]:
    return {finding.reason: finding.text for finding in told.findings}


def steps(told: Account) -> str:
    return "\n".join(finding.step for finding in told.findings)


def test_a_number_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        told = telling.account(office.world, question.read([f"{SLUG}#99"]))
        assert isinstance(told, Unknown)
        assert told.sentence.startswith(f"there is no issue or pull request #99 in {SLUG}")
        told = telling.account(office.world, question.read([f"{SLUG}#0"]))
        assert isinstance(told, Unknown) and told.asked == f"{SLUG}#0"


def test_a_task_whose_issue_is_not_there_is_told_all_the_same(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        file = office.world.mailroom.folder(State.BLOCKED) / "mine.md"
        file.write_text(f"---\nrepo: {SLUG}\nissue: 99\n---\nA goal.\n")
        told = answer(office, 99)
        assert told.state == "blocked" and Reason.NO_TIME in reasons(told)
        assert reasons(told)[Reason.UNREAD].startswith("there is no issue or pull request #99 in ")


def test_what_can_be_done_with_what_is_done(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        told = steps(answer(office, issue))
        assert told == (
            "to have it done anew, reopen it and set it Ready: "
            f"gh issue reopen {issue} -R {SLUG}; "
            f"to take it back: bin/task.sh revert {SLUG}#{issue}"
        )
        [found] = office.world.mailroom.read_state(State.DONE)
        alone = structs.replace(found.task, issue=None, merge=None)
        [done] = place.done(office.world, structs.replace(found, task=alone))
        assert done.step.startswith("to have it done anew, drop a new file into ")
        assert done.step.endswith("/inbox/")


# --- an issue that is not dispatched --------------------------------------------------------


def test_nobody_set_it_ready(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        told = answer(office, office.issue("Some day"))
        assert "lacks the label ready" in reasons(told)[Reason.NEVER_READY]
        assert "--add-label ready" in steps(told) and told.title == "Some day"


def test_where_no_board_is_no_card_is_to_be_set(tmp_path: Path) -> None:
    boards = {"work": {"repos": [REPOSITORY]}}
    with an_office(tmp_path, config={"github_projects": boards}) as office:
        told = steps(answer(office, office.issue("Some day"))).splitlines()
        assert f"gh issue edit 1 -R {SLUG} --add-label ready" in told


def test_its_card_is_in_another_column(tmp_path: Path) -> None:
    card = {"repo": SLUG, "title": "Some day", "status": "Backlog"}
    with an_office(tmp_path, seed={**SEED, "issues": [card]}) as office:
        told = answer(office, 1)
        assert "its card shows Backlog" in reasons(told)[Reason.NEVER_READY]
        assert "set its card to Ready, or: gh issue edit 1 " in steps(told)


def test_its_board_cannot_be_read(tmp_path: Path) -> None:
    boards = {"work": {"project_number": 99, "repos": [REPOSITORY]}}
    with an_office(tmp_path, config={"github_projects": boards}) as office:
        told = answer(office, office.ready("Go"))
        assert "the board maria/99 is not there" in reasons(told)[Reason.BOARD]


def test_its_ready_came_while_it_is_at_work(tmp_path: Path) -> None:
    """A second Ready while the task is under way is told by its task, not as a new one."""
    with an_office(tmp_path) as office:
        issue = dispatched(office)
        ready_again(office, issue)
        told = answer(office, issue)
        assert told.state == "inbox" and "under way" in reasons(told)[Reason.USED_UP]


@pytest.mark.parametrize(
    ("repository", "labels", "said"),
    [
        ({"excluded_labels": ["wip"]}, ("wip",), "bears wip"),
        ({"required_labels": ["ok"]}, (), "lacks ok"),
        ({}, ("hold",), "bears hold"),
    ],
)
def test_a_label_speaks_against_it(
    tmp_path: Path, repository: dict[str, list[str]], labels: tuple[str, ...], said: str
) -> None:
    with an_office(tmp_path, repository=repository) as office:
        told = answer(office, office.ready("Not now", labels=labels))
        assert said in reasons(told)[Reason.NOT_WANTED]
        assert "gh issue edit" in steps(told)


def test_its_author_may_not_write(tmp_path: Path) -> None:
    with an_office(tmp_path, repository={"trust": "author"}) as office:
        issue = office.issue("From outside", token="eve-token")
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        told = answer(office, issue)
        assert "needs triage" in reasons(told)[Reason.NOT_WANTED]
        assert not office.comments(issue)


def test_what_helps_an_outsiders_issue_is_told_the_same_everywhere(tmp_path: Path) -> None:
    with an_office(tmp_path, repository={"trust": "author"}) as office:
        issue = office.issue("From outside", token="eve-token")
        office.api.post(
            f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]},
            headers={"Authorization": "token maria-token"},
        )  # fmt: skip
        told = steps(answer(office, issue))
        assert "`trusted_authors: [eve]` or `trust: actor`" in told
        office.dispatch()
        assert told in office.comments(issue)[0]


def test_what_it_depends_on_is_open(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        first = office.issue("First")
        told = answer(office, office.ready("Second", f"Depends on #{first}\n"))
        assert reasons(told)[Reason.NOT_WANTED] == f"waits for #{first}"


def test_it_waits_for_itself(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("A circle", "Depends on #2\n")
        office.issue("Back", f"Depends on #{issue}\n")
        told = answer(office, issue)
        assert "waits for itself" in reasons(told)[Reason.NOT_WANTED]
        assert not office.comments(issue)


def test_what_it_depends_on_is_not_there(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        told = answer(office, office.ready("Second", "Depends on #999\n"))
        assert reasons(told)[Reason.NOT_WANTED].startswith("waits: #999 does not exist, or ")
        assert "take the number out of the issue's text" in steps(told)


def test_a_circle_for_which_it_was_put_back_is_why_still(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("A circle", "Depends on #1\n")
        office.dispatch()
        told = answer(office, issue)
        assert Reason.NEVER_READY in reasons(told)
        assert f"waits for itself (#{issue} -> #{issue})" in reasons(told)[Reason.NOT_WANTED]
        assert "change the Depends on lines, then set it Ready again" in steps(told)


@pytest.mark.parametrize("name", ["off", f"off.d/{SLUG.replace('/', '__')}"])
def test_its_repository_is_switched_off(tmp_path: Path, name: str) -> None:
    with an_office(tmp_path) as office:
        switch = office.world.paths.runtime / name
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("moving house\n")
        told = answer(office, office.ready("Later"))
        assert "moving house" in reasons(told)[Reason.OFF] and f"rm {switch}" in steps(told)
        assert Reason.NOTHING not in reasons(told)


@pytest.mark.parametrize(
    "name", ["off", f"off.d/{SLUG.replace('/', '__')}", "off.d/github_dispatcher"]
)
def test_what_is_set_ready_again_under_a_switch_is_not_promised(tmp_path: Path, name: str) -> None:
    """The dispatcher takes nothing up; of an end that nobody set Ready the switch is no reason."""
    with in_need(tmp_path) as (office, issue, _):
        switch = office.world.paths.runtime / name
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("moving house\n")
        assert Reason.OFF not in reasons(answer(office, issue))
        ready_again(office, issue)
        told = answer(office, issue)
        assert "moving house" in reasons(told)[Reason.OFF] and f"rm {switch}" in steps(told)
        assert not {Reason.NOTHING, Reason.READ_ONLY} & reasons(told).keys()
        switch.unlink()
        told = answer(office, issue)
        assert Reason.NOTHING in reasons(told)
        assert "run_dispatcher.sh has left no word yet" in machine(told), "it is next"


def test_the_switch_is_named_as_it_lies_there_whatever_its_letters(tmp_path: Path) -> None:
    """GitHub and the config may differ in case: the file that stops it is the one to remove."""
    with an_office(tmp_path, repository={"github_repo": "Maria/Library"}) as office:
        waiting, begun = office.ready("Later"), office.issue("Begun")
        (office.world.paths.inbox / "begun.md").write_text(
            f"---\nrepo: {SLUG}\nissue: {begun}\n---\nA goal.\n"
        )
        switch = office.world.paths.switch("Maria/Library")
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("moving house\n")
        for issue in (waiting, begun):
            assert f"rm {switch}" in steps(answer(office, issue))


def test_more_are_ready_than_a_tick_takes(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"max_dispatch_per_tick": 1}) as office:
        office.ready("One")
        told = answer(office, office.ready("Two"))
        assert "2 issues are Ready, and a tick takes 1" in reasons(told)[Reason.TICK_LIMIT]


def test_nothing_stands_in_its_way(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        told = answer(office, office.ready("Go"))
        assert "next tick of run_dispatcher.sh" in reasons(told)[Reason.NOTHING]
        assert "bin/run_dispatcher.sh --now" in steps(told)


def test_it_is_closed(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.issue("Over")
        office.close(issue)
        told = answer(office, issue)
        assert Reason.CLOSED in reasons(told) and "gh issue reopen" in steps(told)


def test_its_repository_is_not_in_the_config(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        told = answer(office, "maria/elsewhere#3")
        assert "maria/elsewhere" in reasons(told)[Reason.NOT_CONFIGURED]


def test_github_does_not_answer_or_is_not_asked(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add it")
        assert "not asked: --offline" in reasons(answer(office, issue, offline=True))[Reason.UNREAD]
        built = why.built(office.world.environment)
        assert not isinstance(built, why.Refused)
        bad = hostile.between(office.github)
        bad.on("GET", "/issues/", hostile.answers(403, "Forbidden"), times=9)
        told = telling.account(built, question.read([str(issue)]))
        assert isinstance(told, Account)
        assert "could not be asked" in reasons(told)[Reason.UNREAD]


# --- a task that waits on this machine ------------------------------------------------------


def dispatched(office: Office, title: str = "Add first.txt") -> int:
    issue = office.ready(title)
    office.dispatch()
    return issue


def test_a_task_that_nothing_holds_up(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        told = answer(office, dispatched(office), offline=True)
        assert told.state == "inbox" and "bin/run_queue.sh --now" in steps(told)
        assert any("dispatched" in line for line in told.said)


def test_an_order_to_end_is_told_until_it_is_carried_out(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue, room = dispatched(office), office.world.mailroom
        task = room.move(office.task(issue), State.PROCESSING, by="queue")
        room.update(structs.replace(task, cancel="not wanted."))
        told = "a person cancelled it: not wanted; the next tick of run_queue.sh moves it to "
        assert told in reasons(answer(office, issue, offline=True))[Reason.CANCELLED]
        room.move(office.task(issue), State.INBOX, by="queue")
        found = reasons(answer(office, issue, offline=True))
        assert told in found[Reason.CANCELLED] and Reason.NOTHING not in found
        [waits] = look.look(office.world).waiting
        assert waits.why.startswith(told)
        office.queue()
        assert office.state_of(issue) is State.CANCELLED


def test_what_a_person_put_back_is_told_as_the_round_that_begins(tmp_path: Path) -> None:
    """Who had their turn in the round before have it again, and its end is no order any more."""
    with an_office(tmp_path, agent=says(PARTIAL)) as office:
        issue = dispatched(office)
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        path = office.world.mailroom.path(State.ESCALATED, office.task(issue).task_id)
        os.rename(path, office.world.mailroom.folder(State.INBOX) / path.name)
        told = answer(office, issue, offline=True)
        assert Reason.NO_AGENT not in reasons(told), reasons(told)
        assert "put it back: round 2 begins" in told.findings[0].text
        assert "takes it up" in reasons(told)[Reason.NOTHING]
        [waits] = look.look(office.world).waiting
        assert "takes it up" in waits.why


def test_all_workers_are_busy_and_by_whom(tmp_path: Path) -> None:
    """The question is put while the agent of another task works."""
    seen: list[Account] = []

    with an_office(tmp_path) as office:
        def nosy(folder: Path, prompt: str) -> object:
            seen.append(answer(office, 2, offline=True))
            seen.append(answer(office, 1, offline=True))
            return writes("first.txt", "done\n")(folder, prompt)

        office.executor.scripts["first"] = nosy  # type: ignore[assignment]
        office.ready("One")
        office.ready("Two")
        office.dispatch()
        office.queue()
    waits, works = seen[:2]
    busy = reasons(waits)[Reason.SLOT_BUSY]
    assert "all 1 workers are busy" in busy and "library-1-one" in busy and "first for" in busy
    assert Reason.REPOSITORY_BUSY in reasons(waits)
    assert "attempt 1 runs: first" in reasons(works)[Reason.WORKING]
    assert "tail -f" in steps(works)


def test_no_agent_is_left_that_could_run(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = dispatched(office)
        for name in ("first", "second", "third"):
            (tmp_path / "bin" / name).unlink()
        told = answer(office, issue, offline=True)
        assert "not on PATH" in reasons(told)[Reason.NO_AGENT]
        assert Reason.NOTHING not in reasons(told), "what cannot start is not next"


def test_a_spent_budget_is_raised_and_no_agent_installed_for_it(tmp_path: Path) -> None:
    spent = {**QUICK, "budgets": {"task": {"hard_stop_attempts": 1}}}
    with an_office(tmp_path, repository=spent, agent=says(None)) as office:
        issue = dispatched(office)
        task = office.task(issue)
        made = Attempt(
            n=1, agent="first", started=task.created, judged=task.created, settled=task.created,
            verdict=AttemptVerdict.REWORK,
        )  # fmt: skip
        office.world.mailroom.update(structs.replace(task, attempts=(made,)))
        told = answer(office, issue, offline=True)
        assert "for this task" in reasons(told)[Reason.NO_AGENT]
        assert "Raise the budget" in steps(told) and "install" not in steps(told)


def test_an_epic_needs_no_agent_for_its_next_look(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Weeks", "- [ ] Read weeks\n- [ ] Show weeks\n", labels=("epic",))
        office.dispatch()
        for name in NAMES:
            (tmp_path / "bin" / name).unlink()
        told = reasons(answer(office, issue, offline=True))
        assert Reason.NO_AGENT not in told and "next tick" in told[Reason.NOTHING]
        assert "next tick" in look.look(office.world).waiting[0].why
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()


def test_it_is_put_off_until_a_time(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"timezone": "Asia/Tokyo"}) as office:
        issue = dispatched(office)
        until = office.world.clock.now() + timedelta(hours=2)
        office.world.mailroom.move(
            structs.replace(office.task(issue), not_before=until, tries=2, note="no disk"),
            State.BLOCKED, by="queue",
        )  # fmt: skip
        told = answer(office, issue, offline=True)
        [finding] = told.findings
        assert finding.reason is Reason.NOT_BEFORE and finding.until == until
        assert "after 2 tries" in finding.text and "no disk" in finding.text
        out = io.StringIO()
        built = why.built(office.world.environment)
        assert not isinstance(built, why.Refused)
        why.show(replace(built, clock=office.world.clock), told, out)
        assert "20:00 JST (in 2 h)" in " ".join(out.getvalue().split())


def dies(folder: Path, prompt: str) -> str:
    raise Killed("the machine ran out of memory")


ALL_DIE = dict.fromkeys(NAMES, dies)


def rest(office: Office) -> None:
    for name in NAMES:
        cooling.of(office.world).refused(name, office.world.clock.now() + timedelta(hours=3))


@pytest.mark.parametrize("crashes", [1, 2])
def test_a_crash_is_why_it_waits_only_where_it_is_the_second(tmp_path: Path, crashes: int) -> None:
    """After the first it may go on at once; that every agent rests then is another reason."""
    with an_office(tmp_path, agents=ALL_DIE, repository=QUICK) as office:
        issue = dispatched(office)
        for _ in range(crashes):
            with pytest.raises(Killed):
                office.queue()
            a_new_process(office)
        if crashes == 1:
            rest(office)
        office.queue()
        waits = reasons(answer(office, issue, offline=True))[Reason.NOT_BEFORE]
        [shown] = look.look(office.world).waiting
        for said in (waits, shown.why):
            assert ("crashed, the second in a row" in said) is (crashes == 2), said
            assert ("every agent rests" in said) is (crashes == 1), said


def test_an_old_wait_is_no_reason_for_a_new_one(tmp_path: Path) -> None:
    """Every agent rested, which is over; by now it waits because of its crashes."""
    with an_office(tmp_path, agents=ALL_DIE, repository=QUICK) as office:
        issue = dispatched(office)
        rest(office)
        office.queue()
        told = reasons(answer(office, issue, offline=True))
        assert "every agent rests" in told[Reason.NOT_BEFORE]
        office.pass_time(4 * 3600)
        for _ in range(2):
            with pytest.raises(Killed):
                office.queue()
            a_new_process(office)
        office.queue()
        waits = reasons(answer(office, issue, offline=True))[Reason.NOT_BEFORE]
        assert "crashed, the second in a row" in waits and "every agent rests" not in waits


@pytest.mark.parametrize("brake", BRAKES)
def test_work_that_a_label_keeps_back_says_which(tmp_path: Path, brake: str) -> None:
    with reviewed(tmp_path, "Rename it.") as (office, issue):
        answering = Answering("1: fixed", "2: fixed - renamed")
        office.executor.scripts["first"] = meanwhile(lambda: BRAKES[brake](office, True), answering)
        one_round(office)
        office.queue()
        rest(office)
        told = reasons(answer(office, issue, offline=True))
        assert "bears hold" in told[Reason.NOT_BEFORE], told
        assert Reason.COOLING not in told, "no agent is needed to push what is made"
        office.pass_time(900)
        assert Reason.COOLING not in reasons(answer(office, issue, offline=True))


def test_what_a_label_keeps_from_being_begun_says_which(tmp_path: Path) -> None:
    """After a try that failed, too; and no more where it is off and its agents crash."""
    with an_office(tmp_path, agents=ALL_DIE, repository=QUICK, seed=LABELLED) as office:
        issue, url = dispatched(office), f"/repos/{SLUG}/issues/1/labels"
        office.world.mailroom.update(structs.replace(office.task(issue), tries=1))
        office.api.post(url, json={"labels": ["hold"]})
        office.queue()
        waits = reasons(answer(office, issue, offline=True))[Reason.NOT_BEFORE]
        assert "issue #1 bears hold: no agent begins" in waits and "could start" not in waits
        office.api.delete(f"{url}/hold")
        office.pass_time(900)
        for _ in range(2):
            with pytest.raises(Killed):
                office.queue()
            a_new_process(office)
        office.queue()
        waits = reasons(answer(office, issue, offline=True))[Reason.NOT_BEFORE]
        assert "crashed, the second in a row" in waits and "bears hold" not in waits


def test_what_could_not_be_finished_says_so_whatever_held_it_before(tmp_path: Path) -> None:
    with reviewed(tmp_path, "Rename it.") as (office, issue):
        hold, bad = next(iter(BRAKES.values())), hostile.between(office.github)
        answering = Answering("1: fixed", "2: fixed - renamed")
        office.executor.scripts["first"] = meanwhile(lambda: hold(office, True), answering)
        one_round(office)
        office.queue()
        hold(office, False)
        office.pass_time(900)
        bad.on("GET", "/pulls/", hostile.answers(502, "Bad Gateway"), times=99)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        waits = reasons(answer(office, issue, offline=True))[Reason.NOT_BEFORE]
        assert "its last step could not be finished" in waits and "bears hold" not in waits


def test_an_epic_says_how_many_of_its_parts_are_open(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Weeks", "- [ ] Read weeks\n- [ ] Show weeks\n", labels=("epic",))
        office.dispatch()
        office.queue()
        told = reasons(answer(office, issue, offline=True))
        assert "2 of 2 parts are open" in told[Reason.NOT_BEFORE]
        [shown] = look.look(office.world).waiting
        assert shown.why == "2 of 2 parts are open"


def test_a_person_blocked_it_without_a_time(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = dispatched(office)
        [path] = office.world.mailroom.folder(State.INBOX).glob("*.md")
        path.rename(office.world.mailroom.folder(State.BLOCKED) / path.name)
        told = answer(office, issue, offline=True)
        assert Reason.NO_TIME in reasons(told) and f"mv {told.file}" in steps(told)


def test_its_worker_died(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=dies) as office:
        issue = dispatched(office)
        with pytest.raises(Killed):
            office.queue()
        office.world.locks.release_all()
        told = answer(office, issue, offline=True)
        assert Reason.DEAD_WORKER in reasons(told)
        assert [one.verdict for one in told.tried] == ["not judged"]


def test_its_repository_left_the_config(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        inbox = office.world.mailroom.folder(State.INBOX)
        (inbox / "tidy.md").write_text("---\nrepo: maria/gone\n---\n\nTidy up.\n")
        told = answer(office, "tidy", offline=True)
        assert "maria/gone is not in the config" in reasons(told)[Reason.NOT_CONFIGURED]


# --- what holds for the whole machine ---------------------------------------------------------


def machine(told: Account) -> str:
    return "\n".join(finding.text for finding in told.machine)


def test_its_script_never_ran_or_failed_or_is_silent(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue, now = dispatched(office), office.world.clock.now()
        assert "run_queue.sh has left no word yet" in machine(answer(office, issue, offline=True))
        word = Health(
            script="supervisor", pid=1, started=now, ended=now, exit_code=30, seconds=1.0
        )
        path = office.world.paths.health / "supervisor.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(msgspec.json.encode(word))
        assert "exit code 30" in machine(answer(office, issue, offline=True))
        path.write_bytes(msgspec.json.encode(structs.replace(word, exit_code=0)))
        assert machine(answer(office, issue, offline=True)) == ""
        office.world.clock.sleep(7200)
        assert "ended last 2.0 h ago" in machine(answer(office, issue, offline=True))


def test_a_refused_token_is_told_once(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"github_token": "ghp_wrong"}) as office:
        issue = office.ready("Later")
        with contextlib.suppress(GitHubTrouble):
            office.dispatch()
        alerts.alert(office.world, conditions.TOKEN, "GitHub refuses the token (401)")
        told = telling.account(office.world, question.read([str(issue)]))
        assert isinstance(told, Account)
        shown = [line for line, _ in paper.lines(told, office.world.clock.now(), str)]
        page = " ".join(" ".join(shown).split())
        assert page.count("refused the token") == 1 and "refuses the token" not in page
        assert "GitHub is not asked: as above" in page


def test_no_room_on_the_disk_and_an_alert_that_stands(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"min_free_disk_gb": 9_000_000}) as office:
        issue = office.ready("Later")
        alerts.alert(office.world, "base red", "main of maria/library is red")
        told = machine(answer(office, issue))
        assert "nothing new starts" in told and "main of maria/library is red" in told


@pytest.mark.parametrize("what", ["disk", "update", "github"])
def test_no_tick_is_promised_where_nothing_new_starts(tmp_path: Path, what: str) -> None:
    config = {"min_free_disk_gb": 9_000_000} if what == "disk" else {}
    with an_office(tmp_path, config=config) as office:
        world = office.world
        (world.paths.inbox / "tidy.md").write_text(f"---\nrepo: {SLUG}\n---\n\nTidy up.\n")
        if what == "update":
            mark = world.paths.state / updating.WAITING
            mark.write_text("")
            begun = world.clock.now().timestamp() - 40 * 60
            os.utime(mark, (begun, begun))
        if what == "github":
            world.limits.heard(GitHubTrouble(Trouble.RATE, "403"), {"retry-after": "3600"})
        told = telling.account(world, question.read(["tidy"]), unasked=why.OFFLINE)
        assert isinstance(told, Account)
        assert "nothing new" in machine(told) or "GitHub is not asked" in machine(told)
        assert "next tick" not in reasons(told)[Reason.NOTHING]
        [shown] = look.look(world).waiting
        assert "next tick" not in shown.why


def test_all_its_agents_are_cooling_down(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = dispatched(office)
        for name in ("first", "second", "third"):
            cooling.of(office.world).refused(name, office.world.clock.now() + timedelta(hours=3))
        told = answer(office, issue, offline=True)
        [rests] = [one for one in told.findings if one.reason is Reason.COOLING]
        assert rests.until is not None and "first skipped" in rests.text
        assert Reason.NOTHING not in reasons(told)
        files = [str(cooling.of(office.world).path(name)) for name in ("first", "second", "third")]
        assert rests.step == f"to ask a provider again at once: rm {' '.join(files)}"
        office.queue()
        waiting = answer(office, issue, offline=True)
        assert waiting.state == "blocked" and rests.step in steps(waiting)


# --- what ended -----------------------------------------------------------------------------


def test_an_escalated_task_says_who_tried_what_and_how_to_go_on(tmp_path: Path) -> None:
    everybody = dict.fromkeys(("first", "second", "third"), says(PARTIAL))
    with an_office(tmp_path, agents=everybody) as office:
        issue = dispatched(office)
        for _ in range(4):
            office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        told = answer(office, issue, offline=True)
        assert Reason.PERSON in reasons(told)
        assert [one.agent for one in told.tried] == ["first", "second", "third"]
        assert told.tried[0].code == "environment_failure"
        assert f"set #{issue} Ready again, or: bin/task.sh retry {SLUG}#{issue}" in steps(told)
        assert not machine(told)  # the alert is of this task, and told already


def test_a_switch_that_keeps_an_answer_from_being_heard_is_named(tmp_path: Path) -> None:
    asks = (
        "STATUS: blocked\nBLOCKER_CODE: missing_context\nSUMMARY: I cannot choose.\n"
        "BLOCKERS:\n- Which colour?\n"
    )
    with an_office(tmp_path, agent=says(asks)) as office:
        issue = dispatched(office)
        office.queue()
        told = answer(office, issue, offline=True)
        assert Reason.OFF not in reasons(told) and "answer in a comment" in steps(told)
        office.world.paths.off.write_text("moving house\n")
        told = answer(office, issue, offline=True)
        assert "moving house" in reasons(told)[Reason.OFF]


def test_what_is_to_be_copied_is_neither_broken_nor_marked() -> None:
    """Neither by a line's end, nor by what keeps a mention harmless on GitHub."""
    command = "`npm install -g @anthropic-ai/claude-code`"
    told = Account(asked="x", findings=(
        Finding(reason=Reason.PERSON, text=f"{'word ' * 16}{command} for @\u200broot"),
    ))  # fmt: skip
    out = io.StringIO()
    paper.show(paper.lines(told, forge.START, str), out, plain=True)
    assert f"{command} for @root\n" in out.getvalue()


def test_what_no_agent_could_start_is_told_as_that(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = dispatched(office)
        for name in ("first", "second", "third"):
            (tmp_path / "bin" / name).unlink()
        office.queue()
        told = answer(office, issue, offline=True)
        assert told.state == "escalated" and messages.NEEDED_TO_START in told.findings[-1].text
        why = "no agent is left: first skipped: its program first is not on PATH"
        assert sum(why in line for line in told.said) == 1, "log, alert and event said the same"


def test_a_cancelled_and_a_done_task_say_so(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = dispatched(office)
        office.work_until_quiet()
        assert "merged as" in reasons(answer(office, issue, offline=True))[Reason.DONE]
        other = dispatched(office, "Another")
        office.close(other, "not_planned")
        office.queue()
        assert "closed" in reasons(answer(office, other, offline=True))[Reason.CANCELLED]
        assert f"gh issue reopen {other} -R " in steps(answer(office, other)).splitlines()[0]


@pytest.mark.parametrize("state", [State.DONE, State.FAILED])
def test_what_a_person_put_aside_is_told_as_that(tmp_path: Path, state: State) -> None:
    with an_office(tmp_path) as office:
        issue = dispatched(office)
        [path] = office.world.mailroom.folder(State.INBOX).glob("*.md")
        path.rename(office.world.mailroom.folder(state) / path.name)
        for _ in range(2):  # before anybody has seen it, and after
            told = str(reasons(answer(office, issue, offline=True)))
            assert f"a person put it into {state}/" in told
            assert "delivered" not in told and "no agent could" not in told
            office.queue()


@pytest.mark.parametrize("to", [State.CANCELLED, State.ESCALATED])
def test_what_a_person_moved_is_told_without_the_reason_of_before(
    tmp_path: Path, to: State
) -> None:
    with in_need(tmp_path) as (office, issue, _):
        task, room = office.task(issue), office.world.mailroom
        assert "a person is needed" in str(answer(office, issue, offline=True).findings)
        path = room.path(State.ESCALATED, task.task_id)
        for state in (State.FAILED, to):
            path = path.rename(room.path(state, task.task_id))
            os.utime(path, (1, 1))  # long after our last write
            office.queue()
        told = str(answer(office, issue, offline=True).findings)
        assert f"a person put it into {to}/" in told
        assert "a person is needed" not in told and "no result file" not in told


def test_a_cancel_by_command_is_told_with_its_reason(tmp_path: Path) -> None:
    with in_need(tmp_path) as (office, issue, _):
        hands.cancel(office.world, office.task(issue).task_id, by="cli", why="Another way.")
        told = reasons(answer(office, issue, offline=True))
        assert told[Reason.CANCELLED] == "cancelled: Another way."


def test_what_broke_its_base_is_not_told_as_over(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    mark = MergeMark(head_sha="a" * 40, base_sha="b" * 40, sha="c" * 40, verified=True)
    red = structs.replace(mark, after=BaseAfter.RED)
    a_task(world, 1, State.DONE, merge=red)
    [found] = world.mailroom.read_state(State.DONE)
    [told] = place.done(world, found)
    assert "main failed its checks after it" in told.text
    switch = world.paths.switch(SLUG)
    switch.parent.mkdir(exist_ok=True)
    switch.write_text("main fails test")
    [told] = place.done(world, found)
    assert "main fails test" in told.text and "nothing is left to do" not in told.text
    assert f"rm {switch}" in told.step


def test_a_file_in_quarantine_is_found_by_its_name(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        place = office.world.mailroom.folder(State.QUARANTINE)
        (place / "garden.md").write_text("no task at all")
        told = answer(office, "garden", offline=True)
        assert Reason.QUARANTINE in reasons(told) and "mend" in steps(told)


def test_why_a_file_was_set_aside_is_told_wherever_it_is_named(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        odd = office.world.mailroom.folder(State.INBOX) / "garden.md"
        odd.write_text("no task at all")
        os.utime(odd, (1, 1))
        office.queue()
        why = "inbox/garden.md: It does not begin with front matter"
        assert why in reasons(answer(office, "garden", offline=True))[Reason.QUARANTINE]
        [line] = look.look(office.world).odd
        assert line.startswith(f"quarantine/garden.md: {why}") and "mv " in line


def test_a_reason_is_told_once(tmp_path: Path) -> None:
    everybody = dict.fromkeys(("first", "second", "third"), says(PARTIAL))
    with an_office(tmp_path, agents=everybody) as office:
        issue = dispatched(office)
        for _ in range(4):
            office.queue()
        told = answer(office, issue, offline=True)
        out = io.StringIO()
        paper.show(paper.lines(told, office.world.clock.now(), str), out, plain=True)
        shown = " ".join(out.getvalue().split())
        assert "judged" in shown and "escalated" in shown
        last = told.tried[-1].reason
        assert last and shown.casefold().count(last.casefold()) == 1
        assert shown.casefold().count(": partial with") == 1 + 2, "each of the others has its own"
        assert shown.count("Code: `") == 0 and "(environment_failure)" in shown


# --- a pull request that is not merged ------------------------------------------------------


def in_review(office: Office, seconds: float = 10) -> int:
    issue = dispatched(office)
    office.queue()
    office.pass_time(seconds)
    return issue


def holds(office: Office) -> None:
    [pull] = office.pulls()
    url = f"/repos/{SLUG}/issues/{pull['number']}/labels"
    office.api.post(url, json={"labels": ["hold"]})


def nothing(office: Office) -> None:
    del office


LABELS = [{"name": name, "color": "d73a4a", "description": ""} for name in ("ready", "hold")]
LABELLED = {**SEED, "repos": [{**SEED["repos"][0], "labels": LABELS}]}
NO_CI = {**SEED, "repos": [{**SEED["repos"][0], "files": {"README.md": "# Library\n"}}]}


@pytest.mark.parametrize(
    ("more", "deed", "said", "step"),
    [
        ({"repository": QUICK}, nothing, "merge: every check is green", "bin/run_pr_monitor.sh"),
        ({"seed": LABELLED}, holds, "it bears the label hold", "take the label off"),
        ({"seed": NO_CI}, nothing, "no check has reported yet", "allow_no_ci"),
        ({"repository": {"merge": "approved"}}, nothing, "approving review", "--approve"),
        (
            {"repository": {"automation_mode": "dispatcher_only"}}, nothing, "lane leaves",
            "gh pr merge",
        ),
        ({"verdict": lambda run: "failure"}, nothing, "run again: failed", "gh pr checks"),
    ],
)  # fmt: skip
def test_why_it_is_not_merged(
    tmp_path: Path, more: dict[str, object], deed: Callable[[Office], None], said: str, step: str
) -> None:
    with an_office(tmp_path, **more) as office:  # type: ignore[arg-type]
        issue = in_review(office)
        deed(office)
        told = answer(office, issue)
        assert any(words in str(reasons(told)) for words in said.split("|")), told.findings
        assert step in steps(told)
        assert told.pull_request == f"{SLUG}#{office.pulls()[0]['number']}"


def test_a_base_that_is_red_itself_is_why_no_agent_is_sent(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK, verdict=lambda run: "failure") as office:
        work = forge.clone(office.github.git_url(SLUG, "maria-token"), tmp_path / "maria")
        issue = in_review(office)
        work.commit({"other.txt": "o\n"})  # so that the base has checks of its own
        work.git("push", "-q", "origin", "HEAD:main")
        office.pass_time(12)
        for _ in range(2):  # before anybody has fetched that base, and after
            told = reasons(answer(office, issue))[Reason.PULL_REQUEST]
            assert ": wait: main is red itself: test" in told
            office.monitor()
        assert not office.task(issue).reruns, office.told()


def test_a_merge_without_an_answer_is_not_told_as_in_order(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = in_review(office)
        mark = MergeMark(head_sha=office.task(issue).pushed[-1], base_sha="a" * 40)
        office.world.mailroom.update(structs.replace(office.task(issue), merge=mark))
        told = reasons(answer(office, issue))[Reason.PULL_REQUEST]
        assert "an earlier merge call had no clear answer" in told


def test_a_repository_that_is_closed_to_us_is_why(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue, waits = in_review(office), office.ready("Later")
        archive(office)
        told = reasons(answer(office, issue))
        assert f"nothing can be written in {SLUG}" in told[Reason.READ_ONLY]
        told = reasons(answer(office, waits))
        assert f"nothing can be written in {SLUG}" in told[Reason.READ_ONLY]
        assert Reason.NOTHING not in told


def test_green_and_settling_until_a_time(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = in_review(office)
        office.monitor()
        told = answer(office, issue)
        [finding] = told.findings
        assert finding.reason is Reason.SETTLING
        assert finding.until == office.world.clock.now() + timedelta(seconds=120)
        assert not finding.step, "no command makes the head any older"


def test_where_github_is_not_asked_the_last_look_is_told(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = in_review(office, seconds=0)
        assert Reason.PULL_REQUEST not in reasons(answer(office, issue, offline=True))
        office.monitor()
        told = reasons(answer(office, issue, offline=True))
        assert "looked last: wait: still running: test" in told[Reason.PULL_REQUEST]
        assert "not asked" in told[Reason.UNREAD]


def test_running_checks_and_when_a_person_is_called(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = in_review(office, seconds=0)
        [finding] = answer(office, issue).findings
        assert "still running: test" in finding.text and finding.until is not None
        assert "--watch" in finding.step


def test_another_pull_request_goes_first(tmp_path: Path) -> None:
    agents = {"first": writes("a.txt", "a\n"), "second": writes("b.txt", "b\n")}
    with an_office(tmp_path, agents=agents) as office:
        one = office.ready("One")
        two = office.ready("Two", "## Agent\n\nsecond\n")
        office.dispatch()
        office.queue()
        office.queue()
        office.pass_time(10)
        office.monitor()
        office.pass_time(150)
        front = office.task(one).pull_request
        assert front is not None and office.state_of(two) is State.REVIEW, office.told()
        told = answer(office, two)
        assert f"another one of this base goes first (#{front.number})" in str(reasons(told))


def test_a_frozen_repository_is_why_nothing_is_merged(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = in_review(office)
        switch = office.world.paths.switch(SLUG)
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("the trees differ")
        told = answer(office, issue)
        assert "the trees differ" in reasons(told)[Reason.OFF]


# --- how it may be asked --------------------------------------------------------------------


def test_the_many_names_of_one_task(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = in_review(office)
        task = office.task(issue)
        assert task.pull_request is not None
        number = task.pull_request.number
        for words in (
            (f"{issue}",), (f"#{issue}",), (f"{SLUG}#{issue}",), (f"library#{issue}",),
            (task.task_id,), ("add-first",), (f"{task.task_id}.md",), ("pr", f"{number}"),
            (f"https://github.com/{SLUG}/issues/{issue}",),
            (f"https://github.com/{SLUG}/pull/{number}",), (f"{SLUG}#{number}",),
        ):  # fmt: skip
            assert answer(office, *words, offline=True).task_id == task.task_id, words


def test_what_is_not_known_gets_suggestions(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        dispatched(office)
        dispatched(office, "Add second.txt")
        for word in ("frist", "add"):
            told = ask(office, word, offline=True)
            assert isinstance(told, Unknown) and told.suggestions, word
            assert told.suggestions[0].startswith(f"{SLUG}#1 ")
        assert isinstance(ask(office, "xyzzy", offline=True), Unknown)


def test_the_program_ends_with_2_for_the_unknown_and_prints_plain_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_office(tmp_path) as office:
        for key, value in office.world.environment.items():
            monkeypatch.setenv(key, value)
        issue = dispatched(office)
        assert why.main([str(issue), "--offline"]) == 0
        said = capsys.readouterr().out
        assert "What you can do" in said and "\x1b" not in said
        assert why.main([str(issue), "--offline", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["findings"][0]["reason"] == "nothing"
        assert why.main(["xyzzy", "--offline"]) == 2
        monkeypatch.setenv("AGENT_OS_CONFIG", str(tmp_path / "nowhere.yaml"))
        assert why.main(["1"]) == 20
        assert "nowhere.yaml" in capsys.readouterr().err


def test_nothing_has_run_yet(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("First of all")
        for folder in reversed(list(office.world.paths.mailbox.rglob("*"))):
            folder.rmdir()
        assert Reason.NOTHING in reasons(answer(office, issue))


def test_the_wrapper_starts_it(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ORCH_ROOT": str(tmp_path)}
    ended = subprocess.run(
        [CODE / "bin" / "why.sh", "12"], env=environment, capture_output=True, text=True,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 20 and "config.yaml" in ended.stderr, ended.stderr
