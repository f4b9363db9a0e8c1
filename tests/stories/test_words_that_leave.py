"""A canary goes into every door, in many forms, and we look at what came out on the other side.

The other side is the forge (issues, comments, pull requests, branches, commits, files) and every
file under `runtime/` (mailbox, events, effects, logs), and each line that was said (I7, S15, F34).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.records.order import AttemptReport
from orchestrator.records.task import State
from tests.support import leaks
from tests.support.office import SLUG, AgentScript, Office, an_office

CANARY = "8123456789:" + "AAF3kq9ZtXw1bLr7Yv2NcPmD5sJh0GeUoQi"
FORMS = {
    "plain": ("plain", ()),
    "base64": ("base64", ()),
    "hex": ("hex in capitals", ()),
    "percent": ("plain", ("percent",)),
    "invisible": ("plain", ("invisible characters",)),
    "colours": ("plain", ("colours",)),
    "wrapped": ("base64", ("spaced out",)),
    "escapes": ("plain", ("unicode escapes",)),
}
EVERYTHING = """\
STATUS: {status}
BLOCKER_CODE: {code}
SUMMARY: It is {said} now.
DONE:
- wrote {said}
FILES_CHANGED:
- {said}
TESTS_RUN:
- echo {said}
DECISIONS:
- {said}
RISKS:
- {said}
BLOCKERS:
- {said}
ATTEMPTED_APPROACHES:
- {said}
MANUAL_STEPS:
- export T={said}
NEXT_STEP: {said}
"""


def form_of(name: str) -> str:
    code, layouts = FORMS[name]
    text = leaks.CODES[code](CANARY, leaks.random.Random(7))
    for layout in layouts:
        text = leaks.LAYOUTS[layout](text, leaks.random.Random(7))
    return text


def fold(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def came_out(office: Office) -> dict[str, str]:
    """Everything that anybody else may read, by where it was found."""
    api = office.api
    found = {"said": office.told()}
    for issue in api.get(f"/repos/{SLUG}/issues?state=all&per_page=100").json():
        number = issue["number"]
        found[f"comments of #{number}"] = "\n".join(office.comments(number))
    for pull in office.pulls():
        number = pull["number"]
        found[f"pull request #{number}"] = f"{pull['title']}\n{pull['body']}\n{pull['head']['ref']}"
        commits = api.get(f"/repos/{SLUG}/pulls/{number}/commits").json()
        found[f"commits of #{number}"] = "\n".join(one["commit"]["message"] for one in commits)
    found["branches"] = str(api.get(f"/repos/{SLUG}/branches").json())
    found["CODEBASE.md"] = office.file("CODEBASE.md") or ""
    runtime = office.world.paths.runtime
    for path in sorted(runtime.rglob("*")):
        local = str(path.relative_to(runtime))
        found[f"name {local}"] = local
        if path.is_file() and ".git" not in local and not local.startswith(("repos", "state/last")):
            found[local] = path.read_bytes().decode("utf-8", "replace")
    return found


def leaked(office: Office, said: str) -> list[str]:
    ways = {fold(way(CANARY, leaks.random.Random(7))) for way in leaks.CODES.values()}
    core = {fold(CANARY), fold(CANARY)[::-1], CANARY.encode().hex(), fold(said)} | ways
    windows = {way[i : i + 20] for way in core for i in range(len(way) - 19)}
    # What stands before the secret in some of the forms is none.
    windows -= {w for w in windows if w in fold("Authorization: Basic https://x-access-token:")}
    return [
        where for where, text in came_out(office).items()
        if any(folded[i : i + 20] in windows for folded in [fold(text)]
               for i in range(max(0, len(folded) - 19)))
    ]  # fmt: skip


def says_everywhere(said: str, status: str, code: str) -> AgentScript:
    def work(folder: Path, prompt: str) -> str:
        (folder / "a.txt").write_text("harmless\n")
        return EVERYTHING.format(status=status, code=code, said=said.replace("\n", " "))

    return work


@pytest.mark.parametrize("name", FORMS)
def test_no_door_lets_our_token_out(tmp_path: Path, name: str) -> None:
    """One agent delivers and tells it everywhere, another gives up and does the same."""
    said = form_of(name)
    config = {"telegram_bot_token": CANARY, "telegram_chat_id": "1"}
    with an_office(tmp_path, config=config) as office:
        office.executor.scripts["first"] = says_everywhere(said, "complete", "none")
        shipped = office.ready(f"Use {said[:150]}", f"Goal: it is {said}\n\n## Context\n{said}\n")
        office.work_until_quiet(4)
        office.executor.scripts["first"] = says_everywhere(
            said, "blocked", "manual_intervention_required"
        )
        given_up = office.ready("Give up")
        office.work_until_quiet(4)
        assert office.state_of(shipped) is State.DONE, office.told()
        assert office.state_of(given_up) is State.ESCALATED, office.told()
        assert "redacted" in office.task(given_up).note + str(came_out(office))
        assert leaked(office, said) == []


def test_neither_a_crash_nor_a_log_nor_the_name_of_a_file_lets_it_out(tmp_path: Path) -> None:
    def names(folder: Path, prompt: str) -> str:
        (folder / f"{CANARY.replace(':', '_')}.txt").write_text("x\n")
        return EVERYTHING.format(status="complete", code="none", said="a")

    def fails(folder: Path, prompt: str) -> AttemptReport:
        return AttemptReport(exit_code=1, seconds=1, output_tail=f"Error: {CANARY}\n")

    def breaks(folder: Path, prompt: str) -> str:
        raise ValueError(f"no {CANARY}")

    config = {"telegram_bot_token": CANARY, "telegram_chat_id": "1"}
    scripts = {"first": names, "second": fails, "third": breaks}
    with an_office(tmp_path, agents=scripts, config=config) as office:
        issue = office.ready("Leak")
        for _ in range(4):
            office.round()
        assert "ValueError" in office.told() and len(office.executor.agent_runs) >= 3
        assert office.task(issue).attempts[0].code != "none"
        assert leaked(office, CANARY) == []
        store = office.world.paths.runtime / "repos"
        gits = [p for p in store.rglob("*.git") if p.is_dir()] if store.is_dir() else []
        for git in gits:
            refs = subprocess.run(
                ["git", "--git-dir", str(git), "for-each-ref", "refs/remotes"],
                capture_output=True, text=True, check=False,
            ).stdout  # fmt: skip
            assert fold(CANARY) not in fold(refs)
