"""Steps for a person: one checklist, and what is ticked in it counts wherever it is told again."""

from __future__ import annotations

from pathlib import Path

from orchestrator.records.task import State
from orchestrator.whereabouts.account import Account, Reason
from tests.commands.test_why import ask
from tests.support.office import SLUG, Office, an_office

ASKS = (
    "STATUS: partial\nBLOCKER_CODE: environment_failure\nSUMMARY: Half of it.\n"
    "MANUAL_STEPS:\n- Buy a disk\n- Set the clock\n"
)
STOPS = "STATUS: blocked\nBLOCKER_CODE: manual_intervention_required\nSUMMARY: I need the disk.\n"


def an_issue_with_steps(office: Office, *, tick: str) -> int:
    """The first agent leaves two steps, a person ticks one, the second agent stops."""

    def stops(folder: Path, prompt: str) -> str:
        [comment] = lists(office, issue)
        text = comment["body"].replace(f"- [ ] {tick}", f"- [x] {tick}")
        office.api.patch(f"/repos/{SLUG}/issues/comments/{comment['id']}", json={"body": text})
        return STOPS

    office.executor.scripts["second"] = stops
    issue = office.ready("Store it")
    office.work_until_quiet(4)
    assert office.state_of(issue) is State.ESCALATED, office.told()
    return issue


def lists(office: Office, issue: int) -> list[dict[str, str]]:
    found = office.api.get(f"/repos/{SLUG}/issues/{issue}/comments?per_page=100").json()
    return [one for one in found if "tick each one" in one["body"]]


def steps_of(told: object) -> list[str]:
    assert isinstance(told, Account)
    return [one.text for one in told.findings if one.reason is Reason.STEPS]


def test_who_is_called_hears_of_the_steps_that_are_not_ticked(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=lambda *_: ASKS) as office:
        issue = an_issue_with_steps(office, tick="Set the clock")
        [called] = [one for one in office.comments(issue) if "A person is needed" in one]
        note = office.task(issue).note
        for text in (called, note.partition("not ticked yet")[2]):
            assert "- Buy a disk" in text and "Set the clock" not in text
        assert len(lists(office, issue)) == 1


def test_why_names_the_open_steps_until_they_are_ticked(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=lambda *_: ASKS) as office:
        issue = an_issue_with_steps(office, tick="Set the clock")
        [open_] = steps_of(ask(office, str(issue)))
        assert open_ == "1 of the steps for a person are open: Buy a disk"
        [perhaps] = steps_of(ask(office, str(issue), offline=True))
        assert "perhaps ticked already: Buy a disk; Set the clock" in perhaps
        [comment] = lists(office, issue)
        text = comment["body"].replace("[ ]", "[x]")
        office.api.patch(f"/repos/{SLUG}/issues/comments/{comment['id']}", json={"body": text})
        assert steps_of(ask(office, str(issue))) == []


def test_a_list_that_cannot_be_read_is_open_as_it_was_written(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=lambda *_: ASKS) as office:

        def stops(folder: Path, prompt: str) -> str:
            [comment] = lists(office, issue)
            office.api.delete(f"/repos/{SLUG}/issues/comments/{comment['id']}")
            return STOPS

        office.executor.scripts["second"] = stops
        issue = office.ready("Store it")
        office.work_until_quiet(4)
        note = office.task(issue).note
        assert "- Buy a disk\n- Set the clock" in note, office.told()
