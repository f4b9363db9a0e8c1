"""What is told in the chat: each step, once, grouped, at the right hour, whatever Telegram does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import chat, outbox
from orchestrator.records.config import MergePolicy
from orchestrator.rules import notices
from orchestrator.texts import letters
from tests.support.bot_api import Fault
from tests.support.office import SLUG, an_office, says
from tests.support.phone import a_room

ASKS = (
    "STATUS: blocked\nBLOCKER_CODE: missing_context\nSUMMARY: I cannot choose.\nBLOCKERS:\n"
    "- Which colour do you want?\n"
)


def test_the_way_to_done_is_told_in_a_letter_a_tick(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        issue = room.office.ready("Add a file")
        room.office.dispatch()
        room.office.queue()
        room.tick()
        [letter] = room.shown
        assert letter.splitlines()[0] == f"library#{issue} Add a file"
        for words in ("Dispatched", "Started: attempt 1 by first", "Complete", "Pull request #"):
            assert words in letter
        assert room.telegram.newest().quiet and any(
            link.endswith(f"/{SLUG}/issues/{issue}") for link in room.telegram.newest().links
        )
        room.office.work_until_quiet()
        room.tick()
        assert "Done and verified" in room.shown[-1] and not room.telegram.newest().quiet
        told = len(room.shown)
        room.tick()
        assert len(room.shown) == told


def test_an_escalation_makes_a_sound_and_has_buttons(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.escalated()
        message = room.telegram.newest()
        assert "Escalated: it needs you" in message.text and not message.quiet
        assert message.labels == ["Retry", "Close", "Give to first", "Give to second"]
        assert message.text.count("needs a person") <= 1, "the alert says it again"


def test_a_question_is_told_with_the_command_that_answers_it(tmp_path: Path) -> None:
    with a_room(tmp_path, agent=says(ASKS)) as room:
        issue = room.office.ready("Paint it")
        room.office.work_until_quiet(3)
        room.tick()
        assert "It asks: Which colour do you want?" in room.shown[-1]
        assert f"/answer library#{issue} ..." in room.shown[-1]


def test_work_that_waits_for_approval_has_its_button(tmp_path: Path) -> None:
    with a_room(tmp_path, repository={"merge": MergePolicy.APPROVED.value}) as room:
        room.office.ready("Add a file")
        room.office.round()
        room.tick()
        assert room.telegram.newest().labels == ["Approve", "Close"]


def test_the_same_alert_is_told_once_a_day_and_again_after_it_was_over(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        for _ in range(3):
            room.happens("alert", "the disk is full", key="disk")
            room.tick()
        assert len([text for text in room.shown if "the disk is full" in text]) == 1
        room.happens("recovered", "there is room", key="disk")
        room.tick()
        room.happens("alert", "the disk is full", key="disk")
        room.tick()
        assert len([text for text in room.shown if "the disk is full" in text]) == 2


def test_trouble_that_comes_back_before_its_end_was_told_is_the_last_word(tmp_path: Path) -> None:
    quiet = {"quiet_hours": "20:00-09:30", "timezone": "Europe/Berlin"}  # it is 10:00 there
    with a_room(tmp_path, config=quiet) as room:
        refused = {"kind": "alert", "reason": "GitHub refuses the token", "key": "token of GitHub"}
        room.later(9 * 3600)
        room.happens(**refused)
        room.tick()
        room.later(3 * 3600)
        room.happens("recovered", "GitHub takes the token again", key="token of GitHub")
        room.tick()
        assert len(room.shown) == 1, "an end waits for the morning"
        room.later(4 * 3600)
        room.happens(**refused)
        for hours in (0, 0, 8):
            room.later(3600 * hours)
            room.tick()
            assert len(room.shown) == 2 and "refuses the token" in room.shown[-1]


def test_trouble_that_ends_and_comes_back_within_a_minute_is_told_again(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.happens("alert", "the disk is full", key="disk")
        room.tick()
        room.happens("recovered", "there is room", key="disk")
        room.happens("alert", "the disk is full", key="disk")
        for _ in range(2):
            room.tick()
        assert ["disk is full" in text for text in room.shown] == [True, True]


def test_quiet_hours_hold_back_all_but_what_is_urgent(tmp_path: Path) -> None:
    quiet = {"quiet_hours": "20:00-09:30", "timezone": "Europe/Berlin"}  # it is 10:00 there
    with a_room(tmp_path, config=quiet) as room:
        room.later(11 * 3600)
        room.happens("alert", "a budget is spent", key="budget")
        room.happens("alert", "GitHub refuses the token", key="token abc")
        room.tick()
        assert len(room.shown) == 1 and "refuses the token" in room.shown[0]
        room.later(13 * 3600)
        room.tick()
        assert len(room.shown) == 2 and "a budget is spent" in room.shown[1]


FAILS: dict[str, Fault] = {
    "nobody answers": Fault(closed=True),
    "it is in trouble": Fault(502, "Bad Gateway"),
    "it asks us to wait": Fault(429, "Too Many Requests: retry after 90", wait=90),
    "the token is refused": Fault(401, "Unauthorized"),
    "the bot is blocked": Fault(403, "Forbidden: bot was blocked by the user"),
    "the bot may not write": Fault(400, "Bad Request: not enough rights to send text messages"),
}


@pytest.mark.parametrize("how", FAILS)
def test_after_an_outage_nothing_is_lost_and_nothing_told_twice(tmp_path: Path, how: str) -> None:
    with a_room(tmp_path) as room:
        room.happens("alert", "one", key="1")
        room.happens("cooling", "two")
        room.telegram.fail(FAILS[how]._replace(only="sendMessage"))
        assert room.tick() in {10, 20}, room.office.told()
        assert room.shown == []
        calls = len(room.telegram.calls)
        assert room.tick() == 10 and len(room.telegram.calls) == calls, "it is left alone a while"
        room.later(120)
        assert room.tick() == 0
        assert [text.splitlines()[0].split(": ")[-1] for text in room.shown] == ["one", "two"]


def test_a_letter_that_was_sent_before_a_later_one_failed_is_not_sent_again(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.happens("alert", "one", key="1")
        room.tick()
        room.happens("cooling", "two")
        room.happens("quarantined", "three")
        room.telegram.fail(Fault(500, only="sendMessage"))
        room.tick()
        room.later(120)
        room.tick()
        told = "\n".join(room.shown)
        assert [told.count(word) for word in ("one", "two", "three")] == [1, 1, 1]


def test_after_a_long_outage_one_summary_stands_for_everything(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        for number in range(notices.MOST_PENDING + 200):
            room.happens("cooling" if number % 2 else "alert", f"thing {number}", key=f"k{number}")
        issue = room.office.ready("Add a file")
        room.office.dispatch()
        room.gives_up(issue)
        room.tick()
        [letter] = room.shown
        assert letters.units(letter) <= letters.LIMIT and "steps in one letter" in letter
        assert f"library#{issue}: it is too hard" in letter and "202 older ones" in letter
        room.tick()
        assert len(room.shown) == 1


def test_what_reaches_nobody_for_hours_is_an_alert_and_fails_the_script(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.happens("cooling", "two")
        for _ in range(8):
            room.telegram.fail(Fault(502, "Bad Gateway", only="getUpdates"))
            assert room.tick() == 10
            room.later(3600)
        [line] = [line for line in room.office.said if line.startswith("ALERT")]
        assert "nothing has reached the chat since" in line and "telegram.log" in line
        room.telegram.faults.clear()
        assert room.tick() == 0
        assert any("the chat is reached again" in line for line in room.office.said)
        assert sum("two" in text for text in room.shown) == 1


def test_killed_between_letters_it_goes_on_with_the_next(tmp_path: Path) -> None:
    """At the worst one letter comes twice: the one whose answer nobody wrote down."""
    with a_room(tmp_path) as room:
        for kind in ("cooling", "quarantined", "alert"):
            room.happens(kind, f"of {kind}", key=kind)
        send, sent = room.world.notify.send, iter(range(10))

        def killed(chat_id: str, letter: Any) -> int:
            number = send(chat_id, letter)
            if next(sent) == 1:
                raise KeyboardInterrupt
            return number

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room.world.notify, "send", killed)
            room.tick()
        room.tick()
        assert [sum(f"of {kind}" in text for text in room.shown) for kind in
                ("cooling", "quarantined", "alert")] == [1, 2, 1]  # fmt: skip


def test_the_trail_is_read_on_through_a_rotation(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.happens("cooling", "before")
        path = room.world.paths.events
        path.rename(path.with_name("events-20260105T090000.000000Z.jsonl"))
        room.happens("quarantined", "behind")
        path.open("ab").write(b'{"torn')
        room.tick()
        told = "\n".join(room.shown)
        assert told.count("before") == told.count("behind") == 1


@pytest.mark.parametrize("lost", [b"", b"{", b"[" * 100_000, b'{"x": ' + b"[" * 100_000, None])
def test_without_its_memory_it_begins_at_the_end_of_the_trail(
    tmp_path: Path, lost: bytes | None
) -> None:
    with a_room(tmp_path) as room:
        room.happens("cooling", "old")
        path = outbox.place(room.world)
        path.unlink() if lost is None else path.write_bytes(lost)
        assert room.tick() == 0 and room.shown == []
        room.happens("cooling", "new")
        room.tick()
        assert len(room.shown) == 1 and "new" in room.shown[0]


def test_a_folder_in_the_place_of_its_memory_is_told_and_nothing_is_sent_twice(
    tmp_path: Path,
) -> None:
    with a_room(tmp_path) as room:
        outbox.place(room.world).unlink(missing_ok=True)
        outbox.place(room.world).mkdir(parents=True)
        room.happens("cooling", "new")
        assert room.tick() != 0 and room.shown == []
        assert "is a folder, where our memory of the chat belongs" in room.office.told()


def test_a_dry_run_shows_what_it_would_send_and_sends_nothing(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.happens("cooling", "first rests")
        object.__setattr__(room.world, "dry_run", True)
        assert room.tick() == 0
        assert "would send" in room.office.told() and "first rests" in room.office.told()
        object.__setattr__(room.world, "dry_run", False)
        room.tick()
        assert len(room.shown) == 1


def test_secrets_and_hostile_words_reach_no_phone(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        token = room.world.config.github_token
        assert token is not None
        said = f"it said {token.reveal()} /off @maria <b>&amp; https://evil.x\n"
        room.happens("cooling", said * 9)
        room.tick()
        [text] = room.shown
        assert token.reveal() not in text and "/off" not in text and "@maria" not in text
        assert "<b>&amp;" in text and "://evil" not in text


def test_without_a_chat_nothing_is_done(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        assert office._tick("chat", chat.story) == 0
        assert "nobody is written to" in office.told()


def test_every_row_has_words_and_every_word_a_row() -> None:
    from orchestrator.texts import notices as words

    assert set(words.SAID) == set(notices.ROWS)


def test_a_letter_that_telegram_never_takes_holds_up_nothing(tmp_path: Path) -> None:
    with a_room(tmp_path) as room:
        room.happens("cooling", "one")
        room.happens("quarantined", "two")
        room.telegram.fail(Fault(400, "Bad Request: something", only="sendMessage"))
        assert room.tick() == 0
        assert len(room.shown) == 1 and "two" in room.shown[0]
        assert "a letter was dropped" in room.office.told()
        room.tick()
        assert len(room.shown) == 1
