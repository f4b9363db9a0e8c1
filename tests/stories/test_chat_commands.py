"""What the chat asks for is done once, by the configured person alone, and answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator import chat, remote, tick
from orchestrator.adapters import events
from orchestrator.records.config import Config
from orchestrator.records.task import State
from orchestrator.rules.orders import Verb
from tests.bench import conversation
from tests.stories.test_chat import ASKS
from tests.stories.test_second_rounds import sent_back
from tests.support import hostile
from tests.support.bot_api import Fault
from tests.support.forge import START
from tests.support.office import SLUG, writes, writes_anew
from tests.support.phone import Room, a_room

LABELS = r"/issues/\d+/labels$"


def issues(room: Room) -> list[dict[str, Any]]:
    return list(room.office.api.get(f"/repos/{SLUG}/issues?state=all").json())


def audit(room: Room) -> list[str]:
    return [
        line for line in room.world.paths.events.read_text().splitlines() if '"telegram"' in line
    ]


# --- commands --------------------------------------------------------------------------------


def test_help_names_every_command(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        for words in ("/help", "/start", "/start code-5"):
            assert "/new" in room.asks(words)
        assert "slash" in room.asks("do something")
        assert "/next TASK" in room.asks("/next")


def test_an_update_that_cannot_be_read_is_said_and_hides_no_other(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.telegram.says("/status")
        del room.telegram.updates[-1]["message"]["date"]
        room.telegram.updates.append({"update_id": 900_000, "callback_query": {"id": "x"}})
        room.telegram.updates.append({"update_id": 900_001, "message": "what?"})
        room.telegram.says("/help")
        room.telegram.updates[-1]["update_id"] = 900_002
        room.tick()
        assert len(room.shown) == 1 and "/new" in room.shown[0], room.office.told()
        assert room.office.told().count("cannot be read (KeyError) and is passed over") == 1
        assert room.office.told().count("and is passed over") == 3, room.office.told()
        room.tick()
        assert len(room.shown) == 1 and room.office.told().count("and is passed over") == 3


def test_an_issue_from_the_phone_is_ready_and_gets_done(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        answer = room.asks("/new library Add first.txt\n\nWith some words in it.")
        [issue] = issues(room)
        assert answer.splitlines()[1].startswith(f"library#{issue['number']} is Ready")
        assert issue["title"] == "Add first.txt" and "With some words" in issue["body"]
        room.office.work_until_quiet()
        assert room.office.state_of(issue["number"]) is State.DONE, room.office.told()
        assert len(audit(room)) == 1


def test_an_issue_for_no_repository_of_ours_is_refused(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        assert "known: library" in room.asks("/new books Write one") and not issues(room)


@pytest.mark.parametrize("lost", ["answer", "all"])
def test_an_update_that_is_seen_twice_makes_one_issue(tmp_path: Path, lost: str) -> None:
    """Killed after the deed: before its answer, or before anything was written down."""
    with a_room(tmp_path) as room:
        room.telegram.says("/new library Add first.txt")
        room.telegram.fail(Fault(502, "Bad Gateway", only="sendMessage"))
        room.tick()
        if lost == "all":
            for path in room.world.paths.effects.glob("chat*"):
                path.unlink()
        room.later(120)
        room.tick()
        assert len(issues(room)) == 1
        assert len(room.shown) == 1 and "is Ready" in room.shown[0]


@pytest.mark.parametrize(
    "fault", [hostile.answers(502), hostile.applied_then(500)], ids=["not done", "done"]
)
def test_an_issue_from_the_phone_is_set_ready_though_its_label_met_trouble(
    tmp_path: Path, fault: hostile.Fault
) -> None:
    with a_room(tmp_path) as room:
        hostile.between(room.office.github).on("POST", LABELS, fault)
        room.telegram.says("/new library Add first.txt")
        for _ in range(2):
            room.tick()
            room.later(100)
        [issue] = issues(room)
        assert [label["name"] for label in issue["labels"]] == ["ready"]
        assert len(room.shown) == 1 and "is Ready" in room.shown[0]


@pytest.mark.parametrize(("status", "minutes"), [(502, 6), (401, 1), (403, 1)])
def test_an_issue_that_is_not_set_ready_holds_up_no_other_command(
    tmp_path: Path, status: int, minutes: int
) -> None:
    with a_room(tmp_path) as room:
        bad = hostile.between(room.office.github)
        bad.on("POST", LABELS, hostile.answers(status, "No"), times=99)
        room.telegram.says("/new library Add first.txt")
        room.telegram.says("/off until Monday")
        for _ in range(minutes):
            room.tick()
            room.later(60)
        assert room.world.paths.off.exists() and len(issues(room)) == 1
        assert "library#1 is not Ready, set its label" in room.shown[0]
        assert len(audit(room)) == 2


def test_a_command_that_is_seen_twice_is_carried_out_once(tmp_path: Path) -> None:
    """Killed before its answer; meanwhile the task has come back to where it was."""
    with a_room(tmp_path) as room:
        issue = room.escalated()
        room.telegram.says(f"/retry {issue}")
        room.telegram.fail(Fault(502, "Bad Gateway", only="sendMessage"))
        room.tick()
        room.gives_up(issue)
        room.later(120)
        room.tick()
        assert room.office.task(issue).round == 2
        assert room.office.state_of(issue) is State.ESCALATED
        assert any("round 2 begins" in text for text in room.shown)


def test_the_answer_to_an_agents_question_begins_its_next_round(tmp_path: Path) -> None:
    prompts: list[str] = []

    def asks_first(folder: Path, prompt: str) -> Any:
        prompts.append(prompt)
        return ASKS if len(prompts) == 1 else writes("x.txt", "x\n")(folder, prompt)

    with a_room(tmp_path, agent=asks_first) as room:
        issue = room.office.ready("Paint it")
        room.office.work_until_quiet(3)
        room.tick()
        room.office.pass_time(30)
        assert "the next round begins" in room.asks(f"/answer {issue} Blue, please.")
        room.office.pass_time(5)
        room.office.work_until_quiet()
        assert room.office.state_of(issue) is State.DONE, room.office.told()
        assert "Blue, please." in prompts[1] and "aos:fx" not in prompts[1]
        assert len([text for text in room.office.comments(issue) if "Blue" in text]) == 1


def test_next_puts_a_task_before_the_others(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        first, second = room.office.ready("One"), room.office.ready("Two")
        room.office.dispatch()
        room.tick()
        assert "before all others" in room.asks(f"/next library#{second}")
        room.office.queue()
        trail = events.read(room.world.paths.events, START)
        assert [one.issue for one in trail if one.kind == "started"] == [second, first]


def test_retry_and_give_begin_a_new_round(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        issue = room.escalated()
        assert "round 2 begins" in room.asks(f"/retry {issue}")
        assert room.office.state_of(issue) is State.INBOX
        room.gives_up(issue)
        room.tick()
        assert "second first" in room.asks(f"/give {issue} second")
        assert room.office.task(issue).agent == "second"
        assert "no task" in room.asks("/retry 99").lower()


def test_off_and_pause_stop_and_the_chat_goes_on_listening(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        assert "everything is off" in room.asks("/off until Monday")
        assert room.world.paths.off.read_text() == "until Monday\n"
        assert "Off\neverything" in room.asks("/status")
        assert "goes on" in room.asks("/on")
        room.asks("/off library")
        assert room.world.stopped(SLUG) and not room.world.stopped("queue")
        room.asks("/pause")
        assert room.world.stopped("supervisor") and not room.world.stopped("pr_monitor")
        assert "Still off" in room.asks("/resume") and not room.world.stopped("supervisor")
        room.asks("/resume library")
        assert not room.world.stopped(SLUG)
        assert "nobody would hear you" in room.asks("/off chat")
        assert "no such repository" in room.asks("/on nothing")
        assert len(audit(room)) == 10


def test_the_tick_itself_runs_while_everything_is_off_and_without_a_token(tmp_path: Path) -> None:


    with a_room(tmp_path) as room:
        room.world.paths.off.write_text("holiday")
        config: Config = structs.replace(room.world.config, github_token=None)
        object.__setattr__(room.world, "config", config)
        object.__setattr__(room.world, "script", "chat")
        room.telegram.says("/status")
        assert tick.within(room.world, chat.story, alone=True, hurried=True) == 0
        assert "holiday" in room.shown[-1]
        room.world.paths.off_d.mkdir()
        room.world.paths.switch("chat").write_text("enough")
        room.telegram.says("/status")
        assert tick.within(room.world, chat.story, alone=True, hurried=True) == 0
        assert len(room.shown) == 1


def test_status_tasks_and_why_tell_where_things_stand(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        assert "0 done" in room.asks("/status") and "None is" in room.asks("/tasks")
        issue = room.escalated()
        assert "1 escalated" in room.asks("/status")
        assert f"library#{issue} escalated: Add a file" in room.asks("/tasks")
        told = room.asks(f"/why {issue}")
        assert "Why" in told and "What you can do" in told
        assert "no task" in room.asks("/why nonsense")


@pytest.mark.parametrize(
    "text", ["/new library " + "word " * 800, "/answer 1 \u202e\x00😀 <b>", "/why ../../etc", "/"]
)
def test_odd_and_long_words_are_answered_too(tmp_path: Path, text: str) -> None:
    with a_room(tmp_path) as room:
        room.office.ready("Add a file")
        room.office.dispatch()
        room.tick()
        assert room.asks(text)
        assert room.asks("/status")


# --- who is heard ----------------------------------------------------------------------------


def test_another_chat_is_never_answered_and_told_once_a_day(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        for _ in range(3):
            room.telegram.says("/off", chat="99", person="99")
            room.tick()
        assert room.shown == [] and not room.world.paths.off.exists()
        told = [line for line in room.office.said if "not admitted" in line]
        assert len(told) == 1 and "chat 99" in told[0]


def test_in_a_group_only_the_configured_people_are_heard(tmp_path: Path) -> None:
    with a_room(tmp_path, config={"telegram_user_ids": [4711]}) as room:
        issue = room.escalated()
        room.telegram.says("/off", person="13")
        room.telegram.press("Retry", person="13")
        room.tick()
        assert len(room.shown) == 1 and not room.world.paths.off.exists()
        assert room.office.state_of(issue) is State.ESCALATED
        assert "Agents\nfirst" in room.asks("/status")


# --- buttons ---------------------------------------------------------------------------------


def test_a_button_pressed_twice_does_it_once_and_says_who(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        issue = room.escalated()
        room.telegram.press("Give to second", times=2)
        room.tick()
        task = room.office.task(issue)
        assert (task.round, task.agent) == (2, "second")
        message = room.telegram.newest()
        assert message.labels == [] and "Maria: give second" in message.text
        assert "Escalated: it needs you" in message.text
        assert "round 2 begins" in room.telegram.answered[0]
        assert "Done already" in room.telegram.answered[1]


def test_close_ends_the_task_and_its_issue(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        issue = room.escalated()
        room.telegram.press("Close")
        room.tick()
        assert room.office.state_of(issue) is State.CANCELLED
        [found] = issues(room)
        assert (found["state"], found["state_reason"]) == ("closed", "not_planned")


def test_an_approval_lets_the_work_be_merged(tmp_path: Path) -> None:
    with a_room(tmp_path, repository={"merge": "approved"}) as room:
        issue = room.office.ready("Add a file")
        room.office.round()
        room.office.round()
        room.tick()
        assert room.office.state_of(issue) is State.REVIEW
        room.office.pass_time(60)
        room.telegram.press("Approve")
        room.tick()
        assert "approved as it stands" in room.telegram.newest().text
        room.office.work_until_quiet()
        assert room.office.state_of(issue) is State.DONE, room.office.told()


def test_an_old_button_approves_no_work_that_was_made_since(tmp_path: Path) -> None:
    with a_room(tmp_path, repository={"merge": "approved"}, agent=writes_anew("x.txt")) as room:
        office = room.office
        issue = office.ready("Add a file")
        office.round()
        office.round()
        room.tick()
        old, head = room.telegram.newest(), office.task(issue).pushed[-1]
        office.pass_time(60)
        sent_back(office, issue)
        office.queue()
        office.pass_time(60)
        assert office.task(issue).pushed[-1] != head, office.told()
        room.telegram.press("Approve", message=old)
        room.tick()
        assert "may have newer work than this button" in room.telegram.answered[-1]
        office.work_until_quiet()
        assert office.state_of(issue) is State.REVIEW, office.told()
        room.asks(f"/approve {issue}")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_buttons_of_an_earlier_round_or_an_earlier_week_do_nothing(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        issue = room.escalated()
        old = room.telegram.newest()
        room.asks(f"/retry {issue}")
        room.telegram.press("Retry", message=old)
        room.tick()
        assert "in round 2 by now" in room.telegram.answered[-1]
        room.later(60)
        room.gives_up(issue)
        room.tick()
        later = room.telegram.newest()
        room.later(49 * 3600)
        room.telegram.press("Retry", message=later)
        room.tick()
        assert "older than 48 hours" in room.telegram.answered[-1]
        assert room.office.task(issue).round == 2
        room.later(20 * 24 * 3600)
        room.happens("cooling", "time goes by")
        room.telegram.press("Retry", message=later)
        room.tick()
        assert "not known any more" in room.telegram.answered[-1]


def test_killed_after_a_press_it_is_not_done_again(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        issue = room.escalated()
        room.telegram.press("Retry")
        room.telegram.fail(Fault(502, "Bad Gateway", only="editMessageText"))
        assert room.tick() == 10
        room.gives_up(issue)
        room.later(120)
        room.tick()
        assert room.office.task(issue).round == 2
        message = next(one for one in room.telegram.messages if "Maria: retry" in one.text)
        assert message.labels == []


def test_a_fault_of_ours_in_one_update_leaves_the_next_one_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with a_room(tmp_path) as room:
        monkeypatch.setitem(remote.ANSWERS, Verb.TASKS, broken)  # type: ignore[arg-type]
        room.telegram.says("/tasks")
        room.telegram.says("/status")
        assert room.tick() == 1
        assert len(room.shown) == 1 and "Agents\nfirst" in room.shown[0]
        assert room.tick() == 0


def test_the_conversation_of_one_escalation(tmp_path: Path) -> None:
    """Three agents give up, a person gives it to one of them, and the merge is told."""
    with a_room(tmp_path, agents=conversation.agents()) as room:
        issue = conversation.play(room)
        assert room.office.state_of(issue) is State.DONE, room.office.told()
        told = room.telegram.conversation()
        order = [
            "Started: attempt 1 by first", "the next agent is asked", "Escalated: it needs you",
            "[person] presses [Give to second]", "round 2 begins, second first",
            "Started: attempt 4 by second", "Complete, the pull request is open", "Merged",
            "Done and verified",
        ]  # fmt: skip
        places = [told.find(words) for words in order]
        assert -1 not in places and places == sorted(places), told[:900]
        assert told.count("Escalated: it needs you") == 2, "once sent, and once edited"
