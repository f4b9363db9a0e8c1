"""What a person may do with one task by hand."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator import reverting, workspace
from orchestrator.adapters import history, mailroom
from orchestrator.adapters.git import Identity, Inline
from orchestrator.commands.task import __main__ as command
from orchestrator.commands.task import listing
from orchestrator.overview import look
from orchestrator.records.task import Attempt, PullRequestLink, State
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.whereabouts import question, telling
from orchestrator.whereabouts.account import Account
from orchestrator.world import World
from tests.stories.test_merge_safety import pushes
from tests.support import repos
from tests.support.crash import Killed, Reaper, fresh, with_reaper
from tests.support.office import SLUG, Office, an_office, writes
from tests.support.still import NOW, a_task, a_world, environment

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


@contextmanager
def merged(tmp_path: Path, **more: Any) -> Iterator[tuple[Office, int]]:
    """An office in which first.txt was added by a pull request, and merged."""
    more["repository"] = {**QUICK, **more.get("repository", {})}
    with an_office(tmp_path, **more) as office:
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        office.said.clear()
        yield office, issue


def revert(office: Office, *words: str) -> int:
    asked = command.arguments(["revert", *words])
    return int(asked.act(office.world, asked))


def why(office: Office, *words: str, unasked: str = "") -> str:
    """The reasons that bin/why.sh tells."""
    told = telling.account(office.world, question.read(words), unasked=unasked)
    assert isinstance(told, Account)
    return "; ".join(finding.text for finding in told.findings)


def reverts(office: Office) -> list[dict[str, Any]]:
    return [pull for pull in office.pulls() if pull["head"]["ref"].startswith("agent/revert-")]


def test_it_is_offered_once_by_whatever_name_it_is_asked_for(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        task = office.task(issue)
        number = str(task.pull_request.number)  # type: ignore[union-attr]
        names = ([f"#{issue}"], ["pr", number], [f"{SLUG}#{number}"], [task.task_id])
        for name in names:
            assert revert(office, *name) == command.DONE, office.told()
        [pull] = reverts(office)
        assert pull["title"] == f'Revert "Add first.txt" (reverts #{number})'
        assert pull["base"]["ref"] == "main" and "loses #" not in pull["body"]
        branch = pull["head"]["ref"]
        assert office.file("first.txt", branch) is None
        assert office.file("CODEBASE.md", branch) == office.file("CODEBASE.md")
        assert office.file("README.md", branch) == office.file("README.md")
        assert office.told().count(f"/{SLUG}/pull/{pull['number']} (open)") == len(names)


def test_nobody_but_a_person_merges_it(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        revert(office, str(issue))
        for _ in range(3):
            office.round(300)
        [pull] = reverts(office)
        assert pull["state"] == "open" and office.file("first.txt") == "done\n"
        where = f"pull request #{pull['number']}"
        for words in ([str(issue)], ["pr", str(pull["number"])]):
            assert f"{where} is to take it back, for you to merge" in why(office, *words)
            assert f"{where} is to take it back" in why(office, *words, unasked="--offline")
        [shown] = look.look(office.world).pull_requests
        assert shown.pull_request == f"{SLUG}#{pull['number']}"
        assert shown.verdict == "takes it back once you merge it"
        assert shown.since == office.task(issue).merge.revert_made  # type: ignore[union-attr]
        answer = office.api.put(f"/repos/{SLUG}/pulls/{pull['number']}/merge", json={})
        assert answer.status_code == 200
        assert office.file("first.txt") is None
        revert(office, str(issue))
        assert len(reverts(office)) == 1 and "(merged)" in office.told()
        assert f"it was taken back by {where}" in why(office, str(issue))
        assert not look.look(office.world, live=True).pull_requests


@pytest.mark.parametrize("end", ["merged", "closed"])
@pytest.mark.parametrize("lost", [False, True])
def test_its_end_is_noted_and_nobody_is_shown_it_for_ever(
    tmp_path: Path, end: str, lost: bool
) -> None:
    with merged(tmp_path) as (office, issue):
        revert(office, str(issue))
        [pull] = reverts(office)
        where = f"/repos/{SLUG}/pulls/{pull['number']}"
        if end == "merged":
            assert office.api.put(f"{where}/merge", json={}).status_code == 200
        else:
            office.api.patch(where, json={"state": "closed"})
        if lost:
            shutil.rmtree(reverting.following(office.world))
        assert look.look(office.world).pull_requests, "nobody has looked yet"
        office.round(300)
        assert office.task(issue).merge.revert_end == end  # type: ignore[union-attr]
        assert not look.look(office.world).pull_requests
        assert not reverting.open_ones(office.world)
        told = {"merged": "it was taken back by", "closed": "somebody closed it unmerged"}
        assert told[end] in why(office, str(issue), unasked="--offline")


def test_after_one_that_somebody_closed_another_is_opened(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        revert(office, str(issue))
        [pull] = reverts(office)
        office.api.patch(f"/repos/{SLUG}/pulls/{pull['number']}", json={"state": "closed"})
        assert revert(office, str(issue)) == command.DONE
        assert revert(office, str(issue)) == command.DONE
        first, second = sorted(reverts(office), key=lambda one: one["number"])
        assert second["head"]["ref"] == f"{first['head']['ref']}-again2"
        assert (first["state"], second["state"]) == ("closed", "open")
        assert office.task(issue).merge.revert == second["number"]  # type: ignore[union-attr]


def later_task(office: Office, path: str = "later.txt") -> None:
    """Another task is merged, with its own entry in CODEBASE.md."""
    office.executor.scripts["first"] = writes(path, "later\n")
    later = office.ready(f"Add {path}")
    office.work_until_quiet()
    assert office.state_of(later) is State.DONE, office.told()


def test_later_tasks_never_clash_with_it(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        revert(office, str(issue))
        later_task(office)
        [pull] = reverts(office)
        answer = office.api.put(f"/repos/{SLUG}/pulls/{pull['number']}/merge", json={})
        assert answer.status_code == 200, answer.text
        assert office.file("first.txt") is None and office.file("later.txt") == "later\n"


def clashing(office: Office, issue: int, email: str) -> str:
    """Its branch as older versions made it, with the page changed too, and a task merged since."""
    revert(office, str(issue))
    [pull] = reverts(office)
    branch, head = str(pull["head"]["ref"]), str(pull["head"]["sha"])
    room = workspace.of(office.world)
    git = room.git(SLUG)
    [commit] = history.commits(git, (head,))
    older = git.commit(
        "refs/heads/older", tree=commit.tree, parents=commit.parents, message=commit.message,
        identity=Identity(name="Agent OS", email=email, moment=commit.committed),
        files=(Inline(path="CODEBASE.md", text=None),),
    )  # fmt: skip
    room.push(SLUG, branch, older, expected=head)
    later_task(office)
    return branch


def test_one_that_clashes_is_remade_where_it_is(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        branch = clashing(office, issue, office.world.config.commit_email)
        object.__setattr__(office.world, "dry_run", True)
        assert revert(office, str(issue), "--dry-run") == command.DONE
        assert "clashes with main and would be remade" in office.told()
        object.__setattr__(office.world, "dry_run", False)
        assert revert(office, str(issue)) == command.DONE
        [pull] = reverts(office)
        assert pull["head"]["ref"] == branch and "was remade on it" in office.told()
        answer = office.api.put(f"/repos/{SLUG}/pulls/{pull['number']}/merge", json={})
        assert answer.status_code == 200, answer.text
        assert office.file("first.txt") is None and office.file("later.txt") == "later\n"


def test_what_somebody_else_pushed_to_it_is_left_alone(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        branch = clashing(office, issue, "ann@example.com")
        before = office.api.get(f"/repos/{SLUG}/branches/{branch}").json()["commit"]["sha"]
        with pytest.raises(reverting.CannotRevert, match="commits of somebody else"):
            revert(office, str(issue))
        after = office.api.get(f"/repos/{SLUG}/branches/{branch}").json()["commit"]["sha"]
        assert after == before


@pytest.mark.parametrize("method", ["squash", "merge", "rebase"])
def test_only_that_task_is_taken_back(tmp_path: Path, method: str) -> None:
    with merged(tmp_path, repository={"merge_method": method}) as (office, issue):
        pushes(office, tmp_path, "main", {"hand.txt": "by a person\n"})
        later_task(office)
        assert revert(office, str(issue)) == command.DONE, office.told()
        [pull] = reverts(office)
        branch = pull["head"]["ref"]
        changed = repos.git(office.github.bare(SLUG), "diff", "--name-only", "main", branch)
        assert changed.split() == ["first.txt"]


@pytest.mark.parametrize("words", [("--dry-run",), ()])
def test_what_does_not_come_back_by_itself_is_told_with_its_paths(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with merged(tmp_path) as (office, issue):
        pushes(office, tmp_path, "main", {"first.txt": "another line\n"})
        with pytest.raises(reverting.CannotRevert, match="changed the same lines.*: first.txt"):
            revert(office, str(issue), *words)
        assert not reverts(office)
        branches = [b["name"] for b in office.api.get(f"/repos/{SLUG}/branches").json()]
        assert branches == ["main"]


def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        object.__setattr__(office.world, "dry_run", True)
        assert revert(office, str(issue), "--dry-run") == command.DONE
        assert "it would be taken back [dry run]" in office.told() and not reverts(office)


def test_what_was_not_merged_cannot_be_taken_back(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        with pytest.raises(reverting.CannotRevert, match="it was not merged"):
            revert(office, str(issue))
        assert revert(office, "nothing-like-this") == command.UNKNOWN


def test_a_merge_that_a_new_round_forgot_is_not_denied(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        again = mailroom.new_round(office.task(issue))
        office.world.mailroom.move(again, State.BLOCKED, by="person")
        with pytest.raises(reverting.CannotRevert, match="if it was before, Revert on pull req"):
            revert(office, str(issue))


@pytest.mark.parametrize("switch", ["off", "off.d/maria__library"])
def test_only_the_switch_of_everything_stops_a_persons_own_order(
    tmp_path: Path, switch: str
) -> None:
    with merged(tmp_path) as (office, issue):
        path = office.world.paths.runtime / switch
        path.parent.mkdir(exist_ok=True)
        path.write_text("looking into it\n")
        stopped = switch == "off"
        assert revert(office, str(issue)) == (command.BUSY if stopped else command.DONE)
        assert len(reverts(office)) == (0 if stopped else 1)


def test_killed_at_any_step_it_goes_on_and_makes_one(tmp_path: Path) -> None:
    with merged(tmp_path) as (office, issue):
        steps = 0
        for at in range(1, 9):
            reaper = Reaper(at)
            office.world = with_reaper(fresh(office), reaper)
            with contextlib.suppress(Killed):
                revert(office, str(issue))
            office.world.locks.release_all()
            steps = max(steps, len(reaper.names))
            office.pass_time(40)
        office.world = fresh(office)
        assert revert(office, str(issue)) == command.DONE
        assert len(reverts(office)) == 1 and steps >= 3


def test_the_program_tells_what_it_did_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with merged(tmp_path) as (office, issue):
        for name, value in office.world.environment.items():
            if name != "PATH":
                monkeypatch.setenv(name, value)
        assert command.main(["revert", "--dry-run", str(issue)]) == command.DONE
        assert "it would be taken back [dry run]" in capsys.readouterr().out
        assert command.main(["revert", "4711"]) == command.UNKNOWN
        office.world.paths.root.joinpath("config.yaml").write_text("nonsense: 1\n")
        assert command.main(["revert", str(issue)]) == command.CONFIG
        assert "nothing was done" in capsys.readouterr().err


# --- asking, and doing by hand ---------------------------------------------------------------


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An installation in which nothing moves, which the commands find."""
    world = a_world(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return world


def run(*words: str) -> int:
    return command.main([*words])


def test_a_list_filters_by_state_and_repository(
    still: World, capsys: pytest.CaptureFixture[str]
) -> None:
    a_task(still, 1)
    a_task(still, 2, State.ESCALATED, note="Which page?")
    a_task(still, 3, State.DONE)
    assert run("list") == command.DONE
    told = capsys.readouterr().out
    assert f"{SLUG}#1" in told and "Which page?" in told and f"{SLUG}#3" not in told
    assert run("list", "--state", "escalated,done", "--json") == command.DONE
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["state"]) for one in listed] == [
        (f"{SLUG}#3", "done"), (f"{SLUG}#2", "escalated"),
    ]  # fmt: skip
    assert run("list", "--repo", "nobody/nothing") == command.DONE
    assert "no such tasks" in capsys.readouterr().out
    assert run("list", "--state", "nowhere") == command.UNKNOWN
    assert "known: inbox" in capsys.readouterr().out


def test_a_list_on_a_narrow_terminal_breaks_no_words(still: World) -> None:
    why = "Which of the two pages is meant, the one for readers or the one for librarians?"
    for number in range(1, 4):
        a_task(still, number, State.ESCALATED, note=why)
    found = listing.gathered(still, listing.USUAL, "")
    shown = [words for words, _ in listing.laid_out(still, found, 100)]
    assert max(map(len, shown)) <= 100 and len(shown) <= 3 + 3 * 4
    assert all(word in " ".join(shown).split() for word in why.split())
    assert shown[0].startswith("3 tasks") and shown[2] == "escalated"


def test_a_task_is_shown_with_its_history_files_and_cost(
    still: World, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Attempt(
        n=1, agent="first", started=NOW, judged=NOW, settled=NOW, reason="no diff",
        verdict=AttemptVerdict.ESCALATE,
    )  # fmt: skip
    task = a_task(still, 7, State.ESCALATED, note="Which page?", attempts=(made,))
    folder = still.paths.attempt(task.task_id, 1)
    folder.mkdir(parents=True)
    (folder / "agent.log").write_text('{"type":"x","part":{"text":"I looked"}}\n\x1b[2Jdone\n')
    assert run("show", "7") == command.DONE
    told = capsys.readouterr().out
    for words in ("Which page?", "no diff", "History", "agent.log", "priority: prio:normal"):
        assert words in told
    assert "--offline" not in told, "nobody gave that here"
    assert run("log", "7") == command.DONE
    assert capsys.readouterr().out.splitlines()[1:] == ["I looked", "done"]
    assert run("log", "7", "--raw", "--follow") == command.DONE, "nothing runs: it ends"
    assert '"type":"x"' in capsys.readouterr().out
    assert run("log", "7", "-n", "3") == command.UNKNOWN
    assert "there is one of attempt 1" in capsys.readouterr().out
    assert run("log", "7", "-n", "0") == command.UNKNOWN, "they are counted from 1"
    assert "no log of attempt 0; there is one of attempt 1" in capsys.readouterr().out


def test_a_log_before_any_attempt_is_told_as_that(
    still: World, capsys: pytest.CaptureFixture[str]
) -> None:
    a_task(still, 9)
    assert run("log", "9") == command.UNKNOWN
    assert f"no attempt has begun yet; bin/why.sh {SLUG}#9 says why" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["115"], ["#115"], ["library#115"], [f"{SLUG}#115"], ["pr", "234"], ["20260504"]]
)
def test_a_task_is_named_in_many_ways(
    still: World, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    link = PullRequestLink(number=234, node_id="PR_234")
    task = a_task(still, 115, State.REVIEW, pull_request=link)
    if words == ["20260504"]:
        words = [task.task_id[5:30]]
    assert run("show", *words) == command.DONE
    assert f"{SLUG}#115" in capsys.readouterr().out


def test_a_word_that_fits_several_says_which(
    still: World, capsys: pytest.CaptureFixture[str]
) -> None:
    a_task(still, 1, State.ESCALATED, title="Add a page")
    a_task(still, 2, State.ESCALATED, title="Add another")
    assert run("retry", "library-") == command.UNKNOWN
    told = capsys.readouterr().out
    assert f"bin/task.sh retry {SLUG}#1" in told and f"bin/task.sh retry {SLUG}#2" in told
    assert run("give", "third", "nothing-like-this") == command.UNKNOWN


def test_hands_of_the_command_line(still: World, capsys: pytest.CaptureFixture[str]) -> None:
    a_task(still, 1, State.ESCALATED)
    a_task(still, 2)
    a_task(still, 3, State.DONE)
    room = still.mailroom
    assert run("retry", "--dry-run", "1") == command.DONE and room.counts()[State.ESCALATED] == 1
    assert run("give", "second", f"{SLUG}#1") == command.DONE and room.counts()[State.INBOX] == 2
    assert run("give", "1", "third") == command.DONE, "the agent may be named last"
    assert run("give", "claude", "1") == command.UNKNOWN
    assert "cannot start here: its program claude is not on PATH" in capsys.readouterr().out
    assert run("give", "second", "1") == command.DONE
    assert run("next", "2") == command.DONE
    assert "before all others" in capsys.readouterr().out
    first, second = sorted(room.list_state(State.INBOX), key=lambda task: task.issue or 0)
    assert first.agent == "second" and second.next_at is not None
    assert run("retry", "3") == command.UNKNOWN
    assert run("approve", "2") == command.UNKNOWN
