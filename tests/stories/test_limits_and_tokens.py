"""GitHub wants to be left alone, or refuses the token: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator import alerts, conditions, supervisor, tick
from orchestrator.adapters import events
from orchestrator.forge import accounts, records
from orchestrator.forge.faults import CATALOGUE, SECONDARY
from orchestrator.records.task import State
from orchestrator.rules.pacing import Points
from tests.support import repos
from tests.support.office import SLUG, Office, a_world, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
OURS = "robot"


@contextmanager
def quick_office(tmp_path: Path, **more: Any) -> Iterator[Office]:
    with an_office(tmp_path, repository=QUICK, **more) as office:
        office.world = replace(office.world, spawn=no_worker)
        yield office


def no_worker(argv: Sequence[str], **_: Any) -> int:
    """Stores may be packed at any time, which asks GitHub nothing."""
    assert "--pack" in argv, "a worker was started"
    return 0


def add(office: Office, name: str, **fields: Any) -> int:
    """A fault that meets only our own scripts."""
    return office.github.forge.faults.add(name, login=OURS, **fields)


def ended(office: Office, issue: int) -> tuple[object, ...]:
    """All that can be seen of an issue's end, in the file and on GitHub."""
    task = office.task(issue)
    shown = office.api.get(f"/repos/{SLUG}/issues/{issue}").json()
    on_main = repos.git(office.github.bare(SLUG), "log", "--format=%s", "main").splitlines()
    marks = [mark.state for mark in task.marks]
    return (
        office.state_of(issue), [bool(pull["merged_at"]) for pull in office.pulls()],
        len(office.comments(issue)), office.executor.agent_runs, len(on_main), shown["state"],
        sorted(label["name"] for label in shown["labels"]), task.tries, len(task.attempts),
        marks[-1], len([mark for mark in marks if mark is State.REVIEW]),
    )  # fmt: skip


def worked(office: Office, issue: int, pause: int = 60) -> tuple[object, ...]:
    for _ in range(14):
        office.dispatch()
        office.pass_time(pause + 1)  # an agent takes longer than the dispatcher's minute
        office.round(45)
        if office.folders()[State.DONE]:
            break
    return ended(office, issue)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    with quick_office(tmp_path_factory.mktemp("calm")) as office:
        return worked(office, office.ready("Add first.txt"))


WRITES = {
    "the status comment": {"method": "POST", "path": r"/issues/\d+/comments$"},
    "its edit": {"method": "PATCH", "path": r"/issues/comments/\d+$"},
    "the pull request": {"method": "POST", "path": r"/pulls$"},
    "the merge": {"method": "PUT", "path": r"/merge$"},
    "the label": {"method": "DELETE", "path": r"/labels/ready$"},
    "the push": {"path": r"git-receive-pack"},
}
CASES = [
    *((write, limit) for write in list(WRITES)[:4] for limit in ("403-secondary", "429")),
    ("the status comment", "primary"),
    ("the pull request", "403-retry-after"),
    ("the merge", "primary"),
    ("the label", "429-retry-after"),
    ("the push", "429"),
]


@pytest.mark.parametrize(("write", "limit"), CASES)
def test_a_limit_in_the_middle_loses_nothing_and_repeats_nothing(
    tmp_path: Path, undisturbed: tuple[object, ...], write: str, limit: str
) -> None:
    """F37: and while it lasts, GitHub hears nothing of us."""
    with quick_office(tmp_path) as office:
        number = add(office, limit, **WRITES[write])
        issue = office.ready("Add first.txt")
        pause = 3600 if "primary" in office.github.forge.faults.rules[number].name else 60
        assert worked(office, issue, pause) == undisturbed, office.told()
        assert office.github.forge.faults.met(number) == 1
        assert sum("nobody asks it again before " in line for line in office.said) == 1


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("SetStatus", "graphql-secondary"), ("SetStatus", "primary"),
        ("AddToBoard", "graphql-secondary"), ("Issues", "graphql-secondary"),
        ("Labelled", "primary"), ("Labelled", "graphql-secondary"),
        ("PullRequests", "graphql-secondary"),
    ],
)  # fmt: skip
def test_a_limit_that_comes_as_success_is_one(
    tmp_path: Path, undisturbed: tuple[object, ...], operation: str, name: str
) -> None:
    """F37, A2: HTTP 200 with an error."""
    with quick_office(tmp_path) as office:
        number = add(office, name, operation=operation)
        issue = office.ready("Add first.txt")
        pause = 3600 if "primary" in office.github.forge.faults.rules[number].name else 60
        assert worked(office, issue, pause) == undisturbed, office.told()
        assert office.github.forge.faults.met(number) == 1


def test_a_long_pause_ends_every_tick_at_once_and_moves_no_file(tmp_path: Path) -> None:
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        add(office, "primary", seconds=1800)
        assert office.dispatch() == 10
        before = office.task(issue)
        supervised = partial(supervise, office)
        heard = len(office.github.forge.faults.history)
        met = add(office, "500", times=999)
        for _ in range(5):
            office.said.clear()
            began = office.world.clock.now()
            for script in (office.dispatch, office.queue, office.monitor, supervised):
                assert script() == (0 if script == office.monitor else 10), office.told()
            assert office.world.clock.now() - began < timedelta(seconds=1), "nobody sleeps"
            assert all(" UTC" in line for line in office.said), office.told()
            office.pass_time(60)
        assert office.github.forge.faults.met(met) == 0 and heard == 1, "GitHub is left alone"
        assert office.task(issue) == before, "not even a mark"
        assert office.executor.agent_runs == []
        office.github.forge.faults.clear()
        office.pass_time(1800)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_new_work_waits_for_the_last_fifth_and_merges_go_on(tmp_path: Path) -> None:
    """A4."""
    with quick_office(tmp_path) as office:
        under_way = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        later = office.ready("Another thing")
        spend(office, 4100)
        assert office.dispatch() == 0
        assert "not for new work" in office.told()
        with pytest.raises(LookupError):
            office.task(later)
        for _ in range(3):
            office.pass_time(30)
            office.monitor()
        assert office.state_of(under_way) is State.DONE, office.told()
        spend(office, 500)
        office.dispatch()
        office.dispatch()
        assert sum("ALERT" in line and "requests" in line for line in office.said) == 1
        office.pass_time(3600)
        office.dispatch()
        assert office.state_of(later) is State.INBOX, office.told()


def spend(office: Office, count: int) -> None:
    quotas = office.github.forge.quotas
    for key, (used, reset) in quotas.windows.items():
        if key[0] == "robot-token":
            quotas.windows[key] = (used + count, reset)


def test_a_revoked_token_stops_everything_once_and_a_new_one_resumes_it(tmp_path: Path) -> None:
    """F38: one alert, exit 30, no attempt burned, no file moved; then `recovered`."""
    with quick_office(tmp_path) as office:
        waiting, reviewed = office.ready("Another thing"), office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        before = {issue: office.task(issue) for issue in (waiting, reviewed)}
        supervised = partial(supervise, office)
        add(office, "401", times=None, until=office.world.clock.now() + timedelta(hours=5))
        for _ in range(30):
            for script in (office.dispatch, supervised, office.queue, office.monitor):
                assert script() == 30, office.told()
            office.pass_time(60)
        asked = len(office.github.forge.faults.history)
        assert 2 <= asked <= 4, f"{asked} requests in half an hour"
        assert told_of(office, "alert") == 1 and office.told().count("ALERT ") == 1
        assert {issue: office.task(issue) for issue in before} == before, "not even a mark"
        office.github.forge.faults.clear()
        office.said.clear()
        renew(office, tmp_path, "another-token-of-robot")
        office.work_until_quiet()
        assert told_of(office, "recovered") == 1, office.told()
        assert [office.state_of(issue) for issue in before] == [State.DONE] * 2, office.told()
        assert all(len(office.task(issue).attempts) == 1 for issue in before)


def test_a_token_that_works_again_by_itself_is_noticed(tmp_path: Path) -> None:
    """F38: an outage that looked like a revocation."""
    with quick_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        add(office, "401", times=1)
        assert office.dispatch() == 30
        assert office.dispatch() == 30, "nobody knocks again at once"
        office.pass_time(301)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert (told_of(office, "alert"), told_of(office, "recovered")) == (1, 1)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_a_write_that_meets_a_revoked_token_burns_nothing(
    tmp_path: Path, undisturbed: tuple[object, ...], method: str
) -> None:
    """F38: in the middle of a settle."""
    with quick_office(tmp_path) as office:
        path = {"POST": "/pulls$", "PATCH": "/comments/", "PUT": "/merge$", "DELETE": "/labels/"}
        number = add(office, "401", method=method, path=path[method])
        issue = office.ready("Add first.txt")
        assert worked(office, issue, 300) == undisturbed, office.told()
        assert office.github.forge.faults.met(number) == 1
        assert (told_of(office, "alert"), told_of(office, "recovered")) == (1, 1)


def test_a_clock_that_is_off_is_told_once_and_when_it_is_right_again(tmp_path: Path) -> None:
    """A11: resets are judged by the server's Date, ages by ours."""
    with quick_office(tmp_path) as office:
        limits = office.world.limits
        for skew in (2.0, 45.0, 45.0, 0.5, 0.5):
            limits.skew = skew
            tick.told(office.world, lambda world: None)
        assert told_of(office, "alert") == 1 and told_of(office, "recovered") == 1
        assert "45 s ahead of GitHub's" in office.told()


def test_a_clock_that_is_off_by_just_about_what_matters_is_told_once(tmp_path: Path) -> None:
    """GitHub's `Date` is in whole seconds, ours is not."""
    with quick_office(tmp_path) as office:
        for skew in (-29.8, -30.6, -29.9, -30.1, -29.8, -26.0):
            office.world.limits.skew = skew
            tick.told(office.world, lambda world: None)
        assert (told_of(office, "alert"), told_of(office, "recovered")) == (1, 0), office.told()
        office.world.limits.skew = -1.0
        tick.told(office.world, lambda world: None)
        assert told_of(office, "recovered") == 1


def test_scopes_that_a_classic_token_lacks_are_told_once_and_when_they_are_there(
    tmp_path: Path,
) -> None:
    """A11: by the answers that come anyway."""
    with quick_office(tmp_path) as office:
        scopes(office, "gist")
        asked = requests_of(office, office.dispatch)
        office.monitor()
        office.dispatch()
        assert told_of(office, "alert") == 1 and "lacks the scope `repo`" in office.told()
        scopes(office, "repo, project")
        assert requests_of(office, office.dispatch) == asked, "nothing is asked for it"
        office.dispatch()
        assert told_of(office, "recovered") == 1, office.told()


@pytest.mark.parametrize("secret", ["ghp_" + "a" * 36, "github_pat_of_robot"])
def test_another_token_ends_the_alert_of_the_scopes_that_the_old_one_lacked(
    tmp_path: Path, secret: str
) -> None:
    with quick_office(tmp_path) as office:
        scopes(office, "gist")
        office.dispatch()
        assert told_of(office, "alert") == 1
        renew(office, tmp_path, secret)
        scopes(office, "repo, project", secret)
        assert office.dispatch() == 0, office.told()
        assert (told_of(office, "alert"), told_of(office, "recovered")) == (1, 1), office.told()


def test_of_the_last_requests_of_an_hour_is_told_once_a_day_and_then_of_their_end(
    tmp_path: Path,
) -> None:
    """Every hour has as many again: its end says nothing while something else uses them up."""
    with quick_office(tmp_path) as office:
        known, clock = office.world.limits.points, office.world.clock
        for _ in range(23):
            reset = clock.now().timestamp() + 600
            for left in (100, 600, 900, 4000):
                known["core"] = Points(limit=5000, remaining=left, reset=reset)
                tick.told(office.world, lambda world: None)
            clock.sleep(3600)
        assert (told_of(office, "alert"), told_of(office, "recovered")) == (1, 0)
        clock.sleep(3601)
        tick.told(office.world, lambda world: None)
        assert (told_of(office, "alert"), told_of(office, "recovered")) == (1, 1)


def test_of_a_fine_grained_token_no_scopes_are_missed(tmp_path: Path) -> None:
    """A11: GitHub tells none, which says nothing."""
    with quick_office(tmp_path) as office:
        renew(office, tmp_path, "github_pat_of_robot")
        assert office.dispatch() == 0
        assert told_of(office, "alert") == 0, office.told()


def test_a_repository_that_the_token_cannot_work_in_is_told_once(tmp_path: Path) -> None:
    """A11: not to be seen, or only to be read; and when that is over."""
    with quick_office(tmp_path) as office:
        for level, words in ((None, "may not see it"), ("read", "only the role read in")):
            admit(office, level)
            office.said.clear()
            assert [office.dispatch(), office.dispatch()] == [10, 10], office.told()
            assert office.told().count("ALERT ") == 1, office.told()
            assert office.told().count(words) == 2, "each tick that ends with 10 says why"
            admit(office, "write")
            assert office.dispatch() == 0
            assert f"recovered: {SLUG} is open to the token again" in office.told()


def scopes(office: Office, told: str, secret: str = "robot-token") -> None:
    """A person changes what the token may do; the token stays the same."""
    state = office.github.forge.state
    with state.lock:
        token = state.store.first(records.Token, "secret = ?", secret)
        assert token is not None
        state.store.change(token, scopes=told)


def admit(office: Office, level: str | None) -> None:
    """The owner gives the token's account this role in the repository, or hides it."""
    state = office.github.forge.state
    owner, name = SLUG.split("/")
    with state.lock:
        repo, robot = accounts.find_repo(state, owner, name), accounts.find_user(state, OURS)
        assert repo is not None and robot is not None
        state.store.change(repo, private=level is None)
        where = "repo_id = ? and user_id = ?"
        row = state.store.first(records.Collaborator, where, repo.id, robot.id)
        assert row is not None
        state.store.change(row, permission=level or "none")


def requests_of(office: Office, script: Callable[[], int]) -> int:
    before = office.world.read.door.requests_made
    script()
    return office.world.read.door.requests_made - before


def test_the_forge_says_what_github_says() -> None:
    assert CATALOGUE["403-secondary"].message == SECONDARY


def told_of(office: Office, kind: str) -> int:
    since = office.world.clock.now() - timedelta(days=30)
    return sum(event.kind == kind for event in events.read(office.world.paths.events, since))


def renew(office: Office, tmp_path: Path, secret: str) -> None:
    """The operator puts a new token of the same person into the config."""
    forge = office.github.forge
    robot = accounts.find_user(forge.state, OURS)
    assert robot is not None
    with forge.state.lock:
        forge.state.store.add(records.Token(secret=secret, user_id=robot.id))
    world = a_world(tmp_path, office.github, office.executor, QUICK, {"github_token": secret})
    office.world = replace(world, say=office.said.append, spawn=no_worker)


def supervise(office: Office) -> int:
    return office._tick("supervisor", supervisor.story)


def test_another_token_that_is_taken_ends_the_alert_of_the_old(tmp_path: Path) -> None:
    with quick_office(tmp_path) as office:
        limits, place = office.world.limits, alerts.place(office.world, conditions.TOKEN)
        limits.was_refused = True
        conditions.tell(office.world)
        assert place.exists()
        limits.was_refused, limits.name, limits.skew = False, "another", 0.0
        conditions.tell(office.world)
        assert not place.exists() and "GitHub takes the token again" in office.told()
