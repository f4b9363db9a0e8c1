"""Nothing is merged that was not proven; each refusal has a twin that differs in one fact (T12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator import hands, landing, settle, workspace
from orchestrator.records.task import State, Task
from tests.support import forge, hostile, repos
from tests.support.office import SEED, SLUG, Office, an_office, appends, meanwhile, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
MERGE = r"/pulls/\d+/merge$"
LABELS = [
    {"name": name, "color": "d73a4a", "description": "For a person to set."}
    for name in ("ready", "hold", "approved")
]
LABELLED = {**SEED, "repos": [{**SEED["repos"][0], "labels": LABELS}]}
NO_CI = {**SEED["repos"][0], "files": {"README.md": "# Library\n"}}


@contextmanager
def an_open_pull_request(tmp_path: Path, **more: Any) -> Iterator[tuple[Office, int]]:
    """An office with one pull request in review; its checks have run, nobody has judged it."""
    more["repository"] = {**QUICK, **more.get("repository", {})}
    more.setdefault("seed", LABELLED)
    with an_office(tmp_path, **more) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        office.pass_time(10)
        yield office, issue


def url(office: Office, what: str = "") -> str:
    return f"/repos/{SLUG}/pulls/{office.pulls()[-1]['number']}{what}"


def a_person(office: Office, folder: Path, login: str = "maria") -> forge.Clone:
    """A working copy with every branch, whose commits bear a person's name."""
    made = forge.clone(office.github.git_url(SLUG, f"{login}-token"), folder / login)
    return forge.Clone(made.folder, login.title(), f"{login}@example.org")


def pushes(office: Office, folder: Path, branch: str, files: dict[str, str]) -> str:
    person = a_person(office, folder)
    person.git("checkout", "-q", "-B", branch, f"origin/{branch}")
    sha = person.commit(files)
    person.git("push", "-q", "origin", f"HEAD:{branch}")
    return sha


def squashed_by_hand(office: Office, folder: Path, issue: int) -> None:
    """The task's whole work comes to the base by a person's commit."""
    person = a_person(office, folder)
    person.git("checkout", "-q", "main")
    person.git("merge", "-q", "--squash", f"origin/{office.task(issue).branch}")
    person.git("commit", "-q", "-m", "By hand")
    person.git("push", "-q", "origin", "main")


def tip(office: Office, ref: str) -> str:
    return repos.git(office.github.bare(SLUG), "rev-parse", ref)


def merged(office: Office) -> bool:
    return bool(office.pulls()[-1]["merged_at"])


def monitor(office: Office, times: int = 3, seconds: float = 10) -> None:
    for _ in range(times):
        office.monitor()
        office.pass_time(seconds)


# --- the head and the base that were judged -------------------------------------------------


def test_a_head_that_moves_in_the_last_moment_is_not_merged(tmp_path: Path) -> None:
    """F18: between our last look and the merge; only the SHA that we send can stop this."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, branch = hostile.between(office.github), office.task(issue).branch
        late = hostile.overtaken_by(
            lambda: pushes(office, tmp_path, branch, {"evil.txt": "unseen"})
        )
        bad.on("PUT", MERGE, late)
        monitor(office)
        assert bad.count("PUT", MERGE) == 1 and not merged(office), office.told()
        assert office.state_of(issue) is State.REVIEW
        assert office.file("evil.txt") is None


def test_a_base_that_moves_before_the_last_look_is_brought_in_first(tmp_path: Path) -> None:
    """F19: an Update of ours, and its own green run, before anything is merged."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, before = hostile.between(office.github), office.task(issue).pushed
        moves = hostile.overtaken_by(lambda: pushes(office, tmp_path, "main", {"new.txt": "n"}))
        bad.on("GET", r"/pulls/\d+$", moves)
        office.monitor()
        assert "main moved on to" in office.told() and not merged(office)
        monitor(office, 4)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.task(issue).pushed) == len(before) + 1
        assert office.file("new.txt") == "n" and office.file("first.txt") == "done\n"


@pytest.mark.parametrize("settle", [0, 60])
def test_green_must_hold_for_the_settle_time(tmp_path: Path, settle: int) -> None:
    with an_open_pull_request(tmp_path, repository={"settle_seconds": settle}) as (office, _):
        monitor(office, 3, 10)
        assert merged(office) is (settle == 0), office.told()
        office.pass_time(40)
        office.monitor()
        assert merged(office), office.told()


@pytest.mark.parametrize("age", [0, 120])
def test_a_young_head_is_not_merged_however_green(tmp_path: Path, age: int) -> None:
    with an_open_pull_request(tmp_path, repository={"min_head_age_seconds": age}) as (office, _):
        monitor(office, 3, 10)
        assert merged(office) is (age == 0), office.told()
        office.pass_time(120)
        office.monitor()
        assert merged(office), office.told()


# --- checks ---------------------------------------------------------------------------------


def test_without_checks_it_waits_and_then_a_person_is_told_once(tmp_path: Path) -> None:
    """F20, F21."""
    seed = {**SEED, "repos": [NO_CI]}
    with an_open_pull_request(tmp_path, seed=seed) as (office, issue):
        monitor(office)
        assert office.state_of(issue) is State.REVIEW, "young, and nothing has reported"
        office.world.clock.sleep(16 * 60)
        monitor(office)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert "No CI" in office.task(issue).note and not merged(office)
        assert len(office.comments(issue)) == 2, "the status, and one that asks for a person"


def test_a_repository_that_may_have_no_ci_is_merged(tmp_path: Path) -> None:
    seed = {**SEED, "repos": [NO_CI]}
    lenient = {"allow_no_ci": True}
    with an_open_pull_request(tmp_path, seed=seed, repository=lenient) as (office, _):
        monitor(office)
        assert merged(office), office.told()


@pytest.mark.parametrize("word", ["skipped", "neutral", "success"])
def test_only_a_success_is_green(tmp_path: Path, word: str) -> None:
    """F22."""
    with an_open_pull_request(tmp_path, verdict=lambda order: word) as (office, issue):
        monitor(office)
        assert merged(office) is (word == "success"), office.told()
        if word != "success":
            office.world.clock.sleep(3700)
            monitor(office)
            assert office.state_of(issue) is State.ESCALATED, office.told()


@pytest.mark.parametrize("later", ["success", "failure", "pending"])
def test_the_latest_word_of_a_check_counts(tmp_path: Path, later: str) -> None:
    """F24: green, run again, and now something else."""
    with an_open_pull_request(tmp_path, repository={"settle_seconds": 60}) as (office, issue):
        head = office.task(issue).pushed[-1]

        def reports(state: str) -> None:
            body = {"state": state, "context": "lint"}
            assert office.api.post(f"/repos/{SLUG}/statuses/{head}", json=body).status_code == 201

        reports("success")
        monitor(office, 1)
        reports(later)
        office.pass_time(90)
        office.monitor()
        assert merged(office) is (later == "success"), office.told()
        assert (office.state_of(issue) is State.INBOX) is (later == "failure")


@pytest.mark.parametrize("ruleset", [True, False], ids=["ruleset", "protection"])
def test_a_check_that_the_branch_requires_must_have_passed(tmp_path: Path, ruleset: bool) -> None:
    rule = {"main": {"required": ["deploy"], "ruleset": ruleset}}
    seed = {**SEED, "repos": [{**SEED["repos"][0], "protection": rule}]}
    with an_open_pull_request(tmp_path, seed=seed) as (office, issue):
        monitor(office)
        assert not merged(office) and "not reported yet: deploy" in office.told()
        head = office.task(issue).pushed[-1]
        body = {"state": "success", "context": "deploy"}
        office.api.post(f"/repos/{SLUG}/statuses/{head}", json=body)
        monitor(office)
        assert merged(office), office.told()


def test_a_conflict_on_which_a_required_check_never_starts_is_repaired(tmp_path: Path) -> None:
    """GitHub starts no workflow on a conflicting head, whatever else reports on it."""
    rule = {"main": {"required": ["deploy"]}}
    seed = {**SEED, "repos": [{**SEED["repos"][0], "protection": rule}]}
    ours = appends("README.md", "ours\n")
    with an_open_pull_request(tmp_path, seed=seed, agent=ours) as (office, issue):
        pushes(office, tmp_path, "main", {"README.md": "# Another\n"})
        monitor(office)
        assert office.state_of(issue) is State.INBOX, office.told()
        assert "conflicts with main in README.md" in office.task(issue).note


def test_what_the_branch_requires_must_be_readable(tmp_path: Path) -> None:
    """F23, M4: unknown is not none."""
    with an_open_pull_request(tmp_path) as (office, _):
        bad = hostile.between(office.github)
        bad.on("GET", r"/rules/branches/", hostile.answers(403, "Forbidden"), times=99)
        monitor(office)
        assert not merged(office), office.told()
        bad.calm()
        monitor(office)
        assert merged(office), office.told()


def test_what_stays_unreadable_is_told_to_a_person_after_hours(tmp_path: Path) -> None:
    """Unknown is never green, and nobody would ever look at a pull request that only waits."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("GET", r"/rules/branches/", hostile.answers(403, "Forbidden"), times=99)
        monitor(office)
        office.pass_time(7 * 3600)
        monitor(office)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        said = office.task(issue).note
        assert "Which checks main requires could not be read" in said and not merged(office)


# --- people ---------------------------------------------------------------------------------


def hold(office: Office, on: bool) -> None:
    where = url(office, "/labels").replace("/pulls/", "/issues/")
    if on:
        office.api.post(where, json={"labels": ["hold"]})
    else:
        office.api.delete(f"{where}/hold")


def objection(office: Office, on: bool) -> None:
    office.api.post(url(office, "/reviews"), json={
        "event": "REQUEST_CHANGES" if on else "APPROVE", "body": "Hm.",
    })  # fmt: skip


def hold_the_issue(office: Office, on: bool) -> None:
    where = f"/repos/{SLUG}/issues/1/labels"
    if on:
        office.api.post(where, json={"labels": ["Hold"]})
    else:
        office.api.delete(f"{where}/hold")


BRAKES: dict[str, Callable[[Office, bool], object]] = {
    "hold": hold, "hold on its issue": hold_the_issue,
}  # fmt: skip


@pytest.mark.parametrize("brake", BRAKES)
def test_a_brake_holds_until_it_is_taken_off(tmp_path: Path, brake: str) -> None:
    with an_open_pull_request(tmp_path) as (office, _):
        BRAKES[brake](office, True)
        monitor(office)
        assert not merged(office), office.told()
        BRAKES[brake](office, False)
        monitor(office)
        assert merged(office), office.told()


@pytest.mark.parametrize("base", ["main", "next"])
def test_one_on_hold_is_in_nobody_elses_way(tmp_path: Path, base: str) -> None:
    """As well where GitHub links no issue, since the base is not the default branch."""
    with an_office(tmp_path, repository={**QUICK, "base_branch": base}, seed=LABELLED) as office:
        if base == "next":
            repos.git(office.github.bare(SLUG), "branch", "next", "main")
            office.github.forge.pushed(SLUG, "maria")
        first = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        hold_the_issue(office, True)
        office.executor.scripts["first"] = writes("second.txt", "s\n")
        second = office.ready("Add second.txt")
        office.dispatch()
        office.queue()
        office.pass_time(10)
        monitor(office, 4)
        assert office.state_of(second) is State.DONE, office.told()
        assert office.state_of(first) is State.REVIEW
        assert len(office.task(first).pushed) == 1, "nobody updates what is on hold"
        hold_the_issue(office, False)
        monitor(office, 5)
        assert office.state_of(first) is State.DONE, office.told()


def test_a_brake_of_the_last_moment_is_seen(tmp_path: Path) -> None:
    """E8: after the verdict, before the merge."""
    with an_open_pull_request(tmp_path) as (office, _):
        bad = hostile.between(office.github)
        bad.on("GET", r"/pulls/\d+$", hostile.overtaken_by(lambda: hold(office, True)))
        monitor(office)
        assert not merged(office) and "it now bears the label hold" in office.told()


def test_a_hold_of_the_last_moment_on_the_issue_is_seen(tmp_path: Path) -> None:
    """E8: as well where GitHub links no issue, since the base is not the default branch."""
    with an_open_pull_request(tmp_path) as (office, _):
        bad = hostile.between(office.github)
        held = hostile.overtaken_by(lambda: hold_the_issue(office, True))
        bad.on("GET", r"/issues/\d+$", held)
        monitor(office)
        assert not merged(office), office.told()
        assert "not merged after all: its issue #1 bears the label hold" in office.told()


@pytest.mark.parametrize("slow", [r"/issues/\d+$", r"/pulls/\d+$"], ids=["tick", "look"])
def test_a_review_that_came_while_it_was_slow_is_heeded(tmp_path: Path, slow: str) -> None:
    """E8: what was read minutes ago is no ground for a merge; the machine slept in its tick, or
    between two requests of the very last look."""
    with an_open_pull_request(tmp_path) as (office, _):

        def meanwhile() -> None:
            office.pass_time(200)
            objection(office, True)

        bad = hostile.between(office.github)
        bad.on("GET", slow, hostile.overtaken_by(meanwhile))
        office.monitor()
        assert not merged(office) and "since this tick began" in office.told()


@pytest.mark.parametrize("what", ["off", "closed"])
def test_what_a_person_stopped_during_the_last_look_is_not_merged(
    tmp_path: Path, what: str
) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):

        def meanwhile() -> None:
            if what == "closed":
                office.pass_time(200)
                office.close(issue, "not_planned")
            else:
                switch = office.world.paths.switch(SLUG)
                switch.parent.mkdir(exist_ok=True)
                switch.write_text("wait")

        bad = hostile.between(office.github)
        bad.on("GET", r"/pulls/\d+$", hostile.overtaken_by(meanwhile))
        monitor(office)
        assert not merged(office), office.told()


def test_looks_that_never_become_fresh_merge_nothing(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, _):
        bad = hostile.between(office.github)
        slow = hostile.overtaken_by(lambda: office.pass_time(200))
        bad.on("GET", r"/pulls/\d+$", slow, times=landing.LOOKS)
        office.monitor()
        assert not merged(office) and "took too long to be acted on" in office.told()
        monitor(office)
        assert merged(office), office.told()


class StandsStill:
    """A mailroom on a disk that stands still once, while the mark of a merge is written."""

    def __init__(self, office: Office) -> None:
        self.inner = office.world.mailroom
        self.office: Office | None = office

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def update(self, task: Task) -> Task:
        if task.merge is not None and self.office is not None:
            self.office.pass_time(200)
            self.office = None
        return self.inner.update(task)


def test_a_look_that_grew_old_while_its_mark_was_written_merges_nothing(tmp_path: Path) -> None:
    """Whatever a person merged in between would be in the base, untested beside this."""
    with an_open_pull_request(tmp_path) as (office, issue):
        stalled: Any = StandsStill(office)
        office.world = replace(office.world, mailroom=stalled)
        office.monitor()
        assert not merged(office) and "took too long to be acted on" in office.told()
        assert office.task(issue).merge is None
        monitor(office)
        assert merged(office), office.told()


def test_a_worktree_that_its_worker_left_goes_with_the_merge(tmp_path: Path) -> None:
    """I11: the store was busy when the worker wanted to clear it away."""
    with an_open_pull_request(tmp_path) as (office, issue):
        task, room = office.task(issue), workspace.of(office.world)
        tree = room.prepare(task, task.attempts[-1].head_sha)
        assert tree.path.exists()
        monitor(office)
        assert merged(office) and not tree.path.exists(), office.told()


def test_a_slow_tick_merges_what_is_still_in_order(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("GET", rf"/issues/{issue}$", hostile.overtaken_by(lambda: office.pass_time(120)))
        monitor(office)
        assert merged(office), office.told()


def test_changes_that_a_reviewer_asks_for_are_made_before_the_merge(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        objection(office, True)
        office.monitor()
        assert office.state_of(issue) is State.INBOX and not merged(office), office.told()
        office.executor.scripts["first"] = writes("first.txt", "better\n")
        office.queue()
        office.pass_time(10)
        monitor(office)
        assert not merged(office), "the reviewer has not looked again"
        objection(office, False)
        monitor(office)
        assert merged(office) and office.file("first.txt") == "better\n", office.told()


def test_a_persons_commit_is_kept_and_only_their_approval_lets_it_through(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        theirs = pushes(office, tmp_path, office.task(issue).branch, {"theirs.txt": "hand made"})
        office.pass_time(10)
        monitor(office)
        assert not merged(office) and tip(office, office.task(issue).branch) == theirs
        objection(office, False)
        monitor(office)
        assert merged(office) and office.file("theirs.txt") == "hand made", office.told()


@pytest.mark.parametrize("kept", [True, False])
def test_a_pull_request_without_our_mark_is_not_ours_any_more(tmp_path: Path, kept: bool) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        body = office.pulls()[-1]["body"] if kept else f"Closes #{issue}"
        office.api.patch(url(office), json={"body": body + "\n\nBy Maria."})
        monitor(office)
        assert merged(office) is kept, office.told()
        assert office.state_of(issue) is (State.DONE if kept else State.ESCALATED)


def test_an_update_never_overwrites_a_persons_commit(tmp_path: Path) -> None:
    """F26, F27: they push while we update; the lease names the SHA that we know."""
    with an_open_pull_request(tmp_path) as (office, issue):
        branch = office.task(issue).branch
        pushes(office, tmp_path / "base", "main", {"new.txt": "n"})
        bad = hostile.between(office.github)
        theirs: list[str] = []
        person = a_person(office, tmp_path)

        def push_first() -> None:
            person.git("fetch", "-q")
            person.git("checkout", "-q", "-B", "mine", f"origin/{branch}")
            theirs.append(person.commit({"theirs.txt": "t"}))
            person.git("push", "-q", "origin", f"HEAD:{branch}")

        # Before git asks where the branch stands: later, the server alone would notice.
        first = r"/info/refs\?service=git-receive-pack"
        bad.on("GET", first, hostile.overtaken_by(push_first))
        monitor(office, 2)
        assert "update refused" in office.told(), office.told()
        assert theirs and tip(office, branch) == theirs[0]
        monitor(office)
        assert tip(office, branch) == theirs[0] and not merged(office), office.told()


# --- a merge call without a clear answer ----------------------------------------------------


def test_a_merge_that_never_gets_an_answer_is_a_persons_turn_after_an_hour(
    tmp_path: Path,
) -> None:
    """M10: each call may have merged; after an hour a fresh read says that none of them has."""
    with an_open_pull_request(tmp_path) as (office, issue):
        office.executor.scripts["first"] = writes("second.txt", "s\n")
        other = office.ready("Add second.txt")
        office.dispatch()
        office.queue()
        bad = hostile.between(office.github)
        first = rf"/pulls/{office.task(issue).pull_request.number}/merge$"
        bad.on("PUT", first, hostile.answers(502), times=999)
        monitor(office, 4, 20 * 60)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert "no clear answer to its merge" in office.task(issue).note
        calls = bad.count("PUT", first)
        monitor(office, 4)
        assert bad.count("PUT", first) == calls, "nobody calls again"
        assert office.state_of(other) is State.DONE, office.told()


@contextmanager
def in_order_for_hours(tmp_path: Path) -> Iterator[tuple[Office, int, hostile.Hostile]]:
    """A pull request that would have been merged two hours ago, had the last look come through."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("GET", r"/pulls/\d+$", hostile.answers(503), times=99)
        monitor(office, 2)
        office.pass_time(2 * 3600)
        bad.calm()
        yield office, issue, bad


def test_one_unclear_answer_is_no_persons_turn_however_long_it_was_in_order(
    tmp_path: Path,
) -> None:
    with in_order_for_hours(tmp_path) as (office, issue, bad):
        bad.on("PUT", MERGE, hostile.answers(502))
        office.monitor()
        assert bad.count("PUT", MERGE) == 1 and office.state_of(issue) is State.REVIEW
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_merge_that_shows_after_an_hour_without_an_answer_is_recorded(tmp_path: Path) -> None:
    """The last call did merge: it is proved by the next tick, and nobody is called."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("PUT", MERGE, hostile.answers(502), times=3)
        bad.on("PUT", MERGE, hostile.applied_then(502))
        monitor(office, 4, 20 * 60)
        assert bad.count("PUT", MERGE) == 4 and office.state_of(issue) is State.REVIEW
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert not [one for one in office.comments(issue) if "person" in one]


def test_a_merge_that_github_shows_late_is_recorded_of_an_escalated_task_too(
    tmp_path: Path,
) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("PUT", MERGE, hostile.answers(502), times=999)
        monitor(office, 4, 20 * 60)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        bad.calm()
        head = office.task(issue).pushed[-1]
        assert office.api.put(url(office, "/merge"), json={"sha": head}).status_code == 200
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_merge_just_made_is_looked_for_longer_than_once(tmp_path: Path) -> None:
    """However long it was in order before: the fetch that follows may be a moment behind."""
    with in_order_for_hours(tmp_path) as (office, issue, bad):
        elsewhere = b'{"sha": "' + b"e" * 40 + b'", "merged": true, "message": "done"}'
        bad.on("PUT", MERGE, hostile.rewritten(lambda body: elsewhere))
        office.monitor()
        assert "looks again" in office.told()
        assert office.state_of(issue) is State.REVIEW, office.told()


# --- what is merged already, or frozen ------------------------------------------------------


def test_a_merge_with_another_tree_freezes_the_repository(tmp_path: Path) -> None:
    """F28: the base moves inside the merge call; seen in the same tick, told, not reverted."""
    with an_open_pull_request(tmp_path) as (office, issue):
        other = office.ready("Something else")
        office.executor.scripts["first"] = writes("other.txt", "o\n")
        bad = hostile.between(office.github)
        moves = hostile.overtaken_by(lambda: pushes(office, tmp_path, "main", {"new.txt": "n"}))
        bad.on("PUT", MERGE, moves)
        office.monitor()
        switch = office.world.paths.switch(SLUG)
        assert merged(office) and "does not hold the tree" in switch.read_text(), office.told()
        assert office.state_of(issue) is State.ESCALATED
        at = tip(office, "main")
        monitor(office)
        office.dispatch()
        assert not office.folders()[State.INBOX], "frozen: nothing starts"
        assert tip(office, "main") == at
        assert office.world.paths.events.read_text().count('"frozen"') == 1
        switch.unlink()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE and not switch.exists(), office.told()
        assert office.state_of(other) is State.DONE, office.told()


def test_work_that_reached_the_base_another_way_is_done(tmp_path: Path) -> None:
    """F29: no empty merge, no reopened pull request."""
    with an_open_pull_request(tmp_path) as (office, issue):
        squashed_by_hand(office, tmp_path, issue)
        at = tip(office, "main")
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert tip(office, "main") == at and not merged(office)
        assert office.pulls()[-1]["state"] == "closed"


def test_a_base_that_is_not_the_default_branch(tmp_path: Path) -> None:
    """GitHub closes no issue from there; we do."""
    with an_office(tmp_path, repository={**QUICK, "base_branch": "next"}) as office:
        repos.git(office.github.bare(SLUG), "branch", "next", "main")
        office.github.forge.pushed(SLUG, "maria")
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("first.txt", "next") == "done\n"
        assert office.file("first.txt", "main") is None
        assert office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["state"] == "closed"


@pytest.mark.parametrize("theirs", [True, False])
def test_a_branch_that_somebody_else_made_is_left_alone(tmp_path: Path, theirs: bool) -> None:
    """A second installation, or a chance; its twin is our own push, cut short and repeated."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        branch = office.task(issue).branch
        if theirs:
            repos.git(office.github.bare(SLUG), "branch", branch, "main")
            office.github.forge.pushed(SLUG, "maria")
        office.work_until_quiet()
        assert (office.state_of(issue) is State.ESCALATED) is theirs, office.told()
        assert ("second installation?" in office.task(issue).note) is theirs
        if theirs:
            assert tip(office, branch) == tip(office, "main") and office.pulls() == []


# --- approval -------------------------------------------------------------------------------


def approve(office: Office, how: str) -> None:
    if how == "review":
        objection(office, False)
    else:
        where = url(office, "/labels").replace("/pulls/", "/issues/")
        office.api.post(where, json={"labels": ["approved"]})


@pytest.mark.parametrize("how", ["review", "label"])
def test_an_approval_lets_it_through_and_covers_our_update(tmp_path: Path, how: str) -> None:
    with an_open_pull_request(tmp_path, repository={"merge": "approved"}) as (office, issue):
        monitor(office)
        assert not merged(office) and "waits for a maintainer" in office.told()
        approve(office, how)
        pushes(office, tmp_path, "main", {"new.txt": "n"})
        monitor(office, 5)
        assert merged(office), office.told()
        assert len(office.task(issue).pushed) == 2, "it was updated after the approval"


@pytest.mark.parametrize("how", ["review", "label"])
def test_work_after_an_approval_voids_it(tmp_path: Path, how: str) -> None:
    again = appends("README.md", "more\n")
    with an_open_pull_request(
        tmp_path, repository={"merge": "approved"}, agent=again
    ) as (office, issue):
        approve(office, how)
        head = office.task(issue).pushed[-1]
        red = {"state": "failure", "context": "lint"}
        office.api.post(f"/repos/{SLUG}/statuses/{head}", json=red)
        office.monitor()
        assert office.state_of(issue) is State.INBOX, office.told()
        office.queue()
        assert office.task(issue).pushed[-1] != head
        office.pass_time(10)
        monitor(office)
        assert not merged(office), office.told()
        if how == "review":
            approve(office, how)
            monitor(office)
            assert merged(office), office.told()


@pytest.mark.parametrize("skew", [0, 900], ids=["clock right", "clock ahead"])
@pytest.mark.parametrize("seen", [False, True])
def test_a_label_set_while_work_is_made_approves_nothing_of_it(
    tmp_path: Path, seen: bool, skew: float
) -> None:
    """Its commit is as old as its attempt's beginning, and nobody has seen it before its push."""
    with an_open_pull_request(
        tmp_path, repository={"merge": "approved"}, agent=appends("README.md", "more\n")
    ) as (office, issue):
        head = office.task(issue).pushed[-1]
        red = {"state": "failure", "context": "lint"}
        office.api.post(f"/repos/{SLUG}/statuses/{head}", json=red)
        office.monitor()
        assert office.state_of(issue) is State.INBOX, office.told()
        office.world.clock.wrong += timedelta(seconds=skew)  # type: ignore[attr-defined]
        office.world.limits.skew = skew

        def takes_time() -> None:
            office.pass_time(300)
            if not seen:
                approve(office, "label")
            office.pass_time(300)

        work = meanwhile(takes_time, appends("README.md", "unseen\n"))
        office.executor.scripts = {**office.executor.scripts, "first": work}
        office.queue()
        assert office.task(issue).pushed[-1] != head, office.told()
        office.pass_time(10)
        if seen:
            approve(office, "label")
        monitor(office)
        assert merged(office) is seen, office.told()


@pytest.mark.parametrize("repaired", [False, True], ids=["once made", "repaired before"])
def test_a_repair_begins_at_a_persons_commit_that_was_approved(
    tmp_path: Path, repaired: bool
) -> None:
    """What it makes on top holds their commit still, and so waits for an approval again."""
    with an_open_pull_request(tmp_path, agent=appends("README.md", "ours\n")) as (office, issue):
        if repaired:
            pushes(office, tmp_path / "c", "main", {"README.md": "# Before\n"})
            monitor(office)
            office.queue()
            assert len(office.task(issue).attempts) == 2, office.told()
        branch = office.task(issue).branch
        theirs = pushes(office, tmp_path / "a", branch, {"theirs.txt": "a person's\n"})
        objection(office, False)
        pushes(office, tmp_path / "b", "main", {"README.md": "# Another\n"})
        monitor(office)
        assert "rework: conflicts with main in README.md" in office.told()
        office.work_until_quiet()
        head = office.task(issue).pushed[-1]
        assert repos.git(office.github.bare(SLUG), "merge-base", theirs, head) == theirs
        assert office.state_of(issue) is State.REVIEW and "not ours" in office.told()
        objection(office, False)
        monitor(office, 5)
        assert merged(office), office.told()
        assert office.file("theirs.txt") == "a person's\n"


def test_a_persons_commit_that_refused_our_push_is_kept_by_the_next_one(tmp_path: Path) -> None:
    """What was made beside it was never pushed, and is newer than it, but no ground to go on."""
    ours = appends("README.md", "ours\n")
    with an_open_pull_request(tmp_path, agent=ours) as (office, issue):
        branch, theirs = office.task(issue).branch, list[str]()

        def overtakes() -> None:
            files = {"theirs.txt": "a person's\n"}
            theirs.append(pushes(office, tmp_path / "a", branch, files))

        pushes(office, tmp_path / "b", "main", {"README.md": "# Before\n"})
        monitor(office)
        office.executor.scripts = {**office.executor.scripts, "first": meanwhile(overtakes, ours)}
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        office.executor.scripts = {**office.executor.scripts, "first": ours}
        objection(office, False)
        assert hands.retry(office.world, office.task(issue).task_id, by="cli")
        office.work_until_quiet()
        head = office.task(issue).pushed[-1]
        assert repos.git(office.github.bare(SLUG), "merge-base", theirs[0], head) == theirs[0]
        assert len(office.task(issue).attempts) == 3, office.told()


def test_work_that_goes_on_from_elsewhere_is_not_pushed_over_the_branch(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        task = office.task(issue)
        stands, bare = task.pushed[-1], office.github.bare(SLUG)
        beside = structs.replace(task.attempts[-1], head_sha=repos.git(bare, "rev-parse", "main"))
        objection = settle.push(office.world, task, beside, is_open=True)
        assert stands[:12] in objection and "nothing was pushed" in objection
        assert repos.git(bare, "rev-parse", task.branch) == stands


def test_an_approval_by_somebody_without_write_access_counts_for_nothing(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path, repository={"merge": "approved"}) as (office, _):
        eve = office.github.session("eve-token")
        assert eve.post(url(office, "/reviews"), json={"event": "APPROVE"}).status_code == 200
        monitor(office)
        assert not merged(office), office.told()
