"""F18 to F29: heads and bases that move, checks that do not say what they seem to, platforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records.task import State
from orchestrator.rules import ci, obstacles
from tests.stories.test_merge_safety import (
    LABELLED,
    MERGE,
    NO_CI,
    a_person,
    an_open_pull_request,
    merged,
    monitor,
    pushes,
    squashed_by_hand,
    tip,
)
from tests.support import hostile, repos
from tests.support.office import SEED, SLUG, Office


def status(office: Office, sha: str, state: str, context: str) -> None:
    body = {"state": state, "context": context}
    assert office.api.post(f"/repos/{SLUG}/statuses/{sha}", json=body).status_code == 201


def test_f18_the_head_moves_between_verdict_and_merge(tmp_path: Path) -> None:
    """A head is pushed between verdict and merge =>
    409, the verdict is void, and the new head must pass anew."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, branch = hostile.between(office.github), office.task(issue).branch
        moves = hostile.overtaken_by(lambda: pushes(office, tmp_path, branch, {"evil.txt": "x"}))
        bad.on("PUT", MERGE, moves)
        monitor(office)
        assert bad.count("PUT", MERGE) == 1 and not merged(office), office.told()
        assert office.state_of(issue) is State.REVIEW and office.file("evil.txt") is None


def test_f19_the_base_moves_between_verdict_and_merge(tmp_path: Path) -> None:
    """The base moves between verdict and merge => brought in by our own Update, and its own green
    run is waited for."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, before = hostile.between(office.github), office.task(issue).pushed
        moves = hostile.overtaken_by(lambda: pushes(office, tmp_path, "main", {"new.txt": "n"}))
        bad.on("GET", r"/pulls/\d+$", moves)
        office.monitor()
        assert not merged(office) and "main moved on to" in office.told()
        monitor(office, 4)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.task(issue).pushed) == len(before) + 1
        assert office.file("new.txt") == "n"


def test_f20_a_pull_request_of_three_seconds_without_a_check(tmp_path: Path) -> None:
    """A pull request 3 s old with zero checks => it waits; merged only when a check has passed and
    settled."""
    usual = {"settle_seconds": 60, "min_head_age_seconds": 120}
    with an_open_pull_request(tmp_path, seed={**SEED, "repos": [NO_CI]}, repository=usual) as (
        office, issue,
    ):  # fmt: skip
        monitor(office, 3, 1)
        assert not merged(office) and office.state_of(issue) is State.REVIEW
        assert "no check has reported yet" in office.told()
        status(office, office.task(issue).pushed[-1], "success", "lint")
        monitor(office, 2, 10)
        assert not merged(office), "green, and too young"
        monitor(office, 14, 10)
        assert merged(office), office.told()


def test_f21_a_repository_without_ci(tmp_path: Path) -> None:
    """A repository without CI => a person is told once: no CI."""
    with an_open_pull_request(tmp_path, seed={**SEED, "repos": [NO_CI]}) as (office, issue):
        monitor(office)
        office.world.clock.sleep(ci.NO_CI.total_seconds() + 60)
        monitor(office, 6)
        assert office.state_of(issue) is State.ESCALATED and not merged(office)
        assert "No CI" in office.task(issue).note and len(office.comments(issue)) == 2


@pytest.mark.parametrize("word", ["skipped", "neutral"])
def test_f22_checks_that_are_skipped_or_neutral_alone(tmp_path: Path, word: str) -> None:
    """All checks are skipped or neutral => not green; one success beside them is."""
    with an_open_pull_request(tmp_path, verdict=lambda order: word) as (office, issue):
        monitor(office, 4)
        assert not merged(office), office.told()
        status(office, office.task(issue).pushed[-1], "success", "lint")
        monitor(office)
        assert merged(office), office.told()


@pytest.mark.parametrize("code", [403, 500])
def test_f23_checks_that_cannot_be_read(tmp_path: Path, code: int) -> None:
    """What is required, or what the checks say, answers 403 or 500 while the rest is green =>
    it waits, and merges when it can be read."""
    with an_open_pull_request(tmp_path) as (office, _):
        bad = hostile.between(office.github)
        bad.on("GET", r"/rules/branches/", hostile.answers(code, "Forbidden"), times=99)
        monitor(office)
        assert not merged(office), office.told()
        bad.calm()
        bad.on("POST", r"/graphql$", hostile.answers(code), times=99)
        monitor(office)
        assert not merged(office), office.told()
        bad.calm()
        office.pass_time(300)
        monitor(office)
        assert merged(office), office.told()


def test_f24_a_green_run_is_run_again_and_red(tmp_path: Path) -> None:
    """A green run is run again under the same name and is red now => the latest counts: red."""
    with an_open_pull_request(tmp_path, repository={"settle_seconds": 60}) as (office, issue):
        head = office.task(issue).pushed[-1]
        status(office, head, "success", "lint")
        monitor(office, 1)
        status(office, head, "failure", "lint")
        office.pass_time(90)
        office.monitor()
        assert not merged(office) and "failed: lint" in office.told(), office.told()


def unknown(body: bytes) -> bytes:
    return body.replace(b'"MERGEABLE"', b'"UNKNOWN"')


def test_f25_whether_it_can_be_merged_is_not_known(tmp_path: Path) -> None:
    """mergeable is null for ten looks =>
    it waits, with no merge and no update; a person is told after hours; known, it is merged."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, pushed = hostile.between(office.github), office.task(issue).pushed
        bad.on("POST", r"/graphql$", hostile.rewritten(unknown), times=99)
        monitor(office, 10)
        assert not merged(office) and office.task(issue).pushed == pushed
        assert "GitHub has not said whether it can be merged" in office.told()
        assert office.state_of(issue) is State.REVIEW, office.told()
        bad.calm()
        monitor(office)
        assert merged(office), office.told()


def test_f25_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("POST", r"/graphql$", hostile.rewritten(unknown), times=99)
        monitor(office, 2)
        office.world.clock.sleep(obstacles.UNKNOWN_TO_GITHUB.total_seconds())
        monitor(office, 2)
        assert office.state_of(issue) is State.ESCALATED and not merged(office), office.told()


def a_push_meets_our_update(tmp_path: Path, *, fetched: bool) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        branch = office.task(issue).branch
        pushes(office, tmp_path / "base", "main", {"new.txt": "n"})
        person, theirs = a_person(office, tmp_path), list[str]()
        store = office.world.paths.store(SLUG)

        def push_first() -> None:
            person.git("fetch", "-q")
            person.git("checkout", "-q", "-B", "mine", f"origin/{branch}")
            theirs.append(person.commit({"theirs.txt": "t"}))
            person.git("push", "-q", "origin", f"HEAD:{branch}")
            if fetched:  # a cronjob, an editor: whatever fetches makes a bare lease worthless
                address = office.github.git_url(SLUG, "robot-token")
                where = "+refs/heads/*:refs/remotes/origin/*"
                repos.git(store, "fetch", "-q", address, where)

        bad = hostile.between(office.github)
        first = r"/info/refs\?service=git-receive-pack"
        bad.on("GET", first, hostile.overtaken_by(push_first))
        monitor(office, 5)
        assert "update refused" in office.told(), office.told()
        assert theirs and tip(office, branch) == theirs[0], "their commit stands"
        assert not merged(office)


def test_f26_a_person_pushes_while_we_update(tmp_path: Path) -> None:
    """A person pushes a fix while we update =>
    the explicit lease refuses, their commit survives, the verdict is made anew."""
    a_push_meets_our_update(tmp_path, fetched=False)


def test_f27_something_fetches_between_update_and_push(tmp_path: Path) -> None:
    """git fetch runs in our store between update and push =>
    still refused: the lease names a SHA."""
    a_push_meets_our_update(tmp_path, fetched=True)


def test_f28_the_merged_tree_is_not_the_tested_one(tmp_path: Path) -> None:
    """The result of the squash is not the tested tree =>
    seen in the same tick; the repository is frozen, told with both SHAs; nothing is reverted."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, head = hostile.between(office.github), office.task(issue).pushed[-1]
        moves = hostile.overtaken_by(lambda: pushes(office, tmp_path, "main", {"new.txt": "n"}))
        bad.on("PUT", MERGE, moves)
        office.monitor()
        frozen = office.world.paths.switch(SLUG).read_text()
        assert head in frozen and str(office.pulls()[-1]["merge_commit_sha"]) in frozen
        assert office.state_of(issue) is State.ESCALATED, office.told()
        at = tip(office, "main")
        monitor(office)
        office.ready("Something else")
        office.dispatch()
        assert tip(office, "main") == at and not office.folders()[State.INBOX]


def test_f29_the_work_is_on_the_base_already(tmp_path: Path) -> None:
    """The branch was squash-merged already and is judged again =>
    an empty diff is a merge that has happened: no empty commit, no new pull request."""
    with an_open_pull_request(tmp_path, seed=LABELLED) as (office, issue):
        squashed_by_hand(office, tmp_path, issue)
        at = tip(office, "main")
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert tip(office, "main") == at and len(office.pulls()) == 1 and not merged(office)
