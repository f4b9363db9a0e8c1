"""A canary goes into every door, in many forms, and we look at what came out on the other side.

The other side is the forge (issues, comments, pull requests, branches, commits, files) and every
file under `runtime/` (mailbox, events, effects, logs), and each line that was said (I7, S15, F34).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator.executors.local import Local
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.task import State
from tests.support import leaks, tokens
from tests.support.office import CONFIG, SLUG, AgentScript, Office, an_office

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


@pytest.mark.parametrize("renewed", [False, True])
def test_no_key_of_another_agent_s_login_leaves(tmp_path: Path, renewed: bool) -> None:
    """One program prints what it found in the login of another, which renewed it meanwhile."""
    key = tokens.made("<A48>", leaks.random.Random(9))
    login = tmp_path / ".codex" / "auth.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"OPENAI_API_KEY": "" if renewed else key}))

    def tells(folder: Path, prompt: str) -> str:
        login.write_text(json.dumps({"tokens": {"access_token": key}}))
        (folder / "a.txt").write_text("harmless\n")
        return EVERYTHING.format(status="complete", code="none", said=key[:30])

    def copies(folder: Path, prompt: str) -> str:
        (folder / "b.txt").write_text(f"{key}\n")
        return EVERYTHING.format(status="complete", code="none", said="a")

    agents = {"agents": {**CONFIG["agents"], "codex": {"sandbox": "none"}}}
    with an_office(tmp_path, agents={"first": tells, "second": copies}, config=agents) as office:
        issue = office.ready("Leak")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        found = came_out(office)
        assert [where for where, text in found.items() if key[:12] in text] == []
        office.executor.scripts["first"] = copies
        office.ready("Leak more")
        office.dispatch()
        office.queue()
        assert "one of our own secrets in 'b.txt'" in office.told()


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_what_an_attempt_leaves_is_its_owner_s_alone(tmp_path: Path, umask: int) -> None:
    """The raw log and the rest may hold anything; only what is redacted leaves (S19)."""
    before = os.umask(umask)
    try:
        with an_office(tmp_path) as office:
            real, scripted = Local(), office.executor.run
            command = f"echo {CANARY}; mkdir -p $HOME/kept && echo x > $HOME/kept/file; exit 3"

            def run(order: AttemptOrder) -> AttemptReport:
                if order.argv[0] == "/bin/sh":
                    return scripted(order)
                return real.run(structs.replace(order, argv=("/bin/sh", "-c", command)))

            office.executor.run = run  # type: ignore[method-assign]
            office.world.redact.learn(CANARY)
            office.ready("Leak")
            office.work_until_quiet(2)
            attempts = office.world.paths.attempts
            logs = list(attempts.rglob("agent.log"))
            assert logs and CANARY in logs[0].read_text()
            told = [where for where, text in came_out(office).items() if CANARY[11:23] in text]
            assert all(where.endswith("agent.log") for where in told)
            for path in (attempts, *attempts.rglob("*")):
                if "home" not in path.parts[len(attempts.parts) :]:  # nobody gets below 0700
                    assert path.stat().st_mode & 0o077 == 0, path
    finally:
        os.umask(before)
