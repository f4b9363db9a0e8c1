"""bin/doctor.sh: each fault is planted in an installation that is well, and found alone."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from orchestrator import tenancy
from orchestrator.adapters.clock import Clock
from orchestrator.commands.doctor import __main__ as doctor
from orchestrator.commands.doctor import sheet
from orchestrator.commands.doctor.patient import meet
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.health import Health
from tests.support import bot_api, forge
from tests.support.office import CONFIG, SLUG, HandClock

CODE = Path(__file__).resolve().parents[2]
WORKFLOW = {".github/workflows/ci.yml": forge.GREEN_WORKFLOW}
REAL = ("git", "gh", "bwrap")
HELPERS = {"robot": "write", "nina": "write"}
SEED: dict[str, Any] = {
    **forge.SEED,
    "issues": [],
    "users": [
        *forge.SEED["users"], {"login": "nina", "token": "narrow-token", "scopes": "repo"}
    ],
    "repos": [{**repo, "collaborators": HELPERS} for repo in forge.SEED["repos"]],
}  # fmt: skip


@dataclass
class Home:
    """An installation on this machine, and its GitHub; all is well until a test spoils it."""

    folder: Path
    github: forge.Github
    chats: bot_api.Telegram
    config: dict[str, Any] = field(default_factory=dict)
    wrong: timedelta = timedelta()
    cron: bool = True

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def file(self) -> Path:
        return self.root / "config.yaml"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ORCH_ROOT": str(self.root), "HOME": str(self.folder), "PATH": str(self.programs)
        }  # fmt: skip

    @property
    def repository(self) -> dict[str, Any]:
        found: dict[str, Any] = self.config["github_projects"]["work"]["repos"][0]
        return found

    def settle(self) -> None:
        for place in (self.root / "runtime" / "logs", self.programs, self.folder / "proc" / "7"):
            place.mkdir(parents=True)
        for name in REAL:
            found = shutil.which(name)
            if found:
                (self.programs / name).symlink_to(found)
        for name in ("first", "second", "third"):
            self.program(name, "")
        jobs = "".join(
            f"* * * * * {CODE}/bin/{name} >> {self.root}/runtime/logs/{name}.log 2>&1\n"
            for name in (
                "run_dispatcher.sh", "run_queue.sh", "run_pr_monitor.sh", "run_watchdog.sh"
            )
        )
        self.crontab(f"# mine\nSHELL=/bin/sh\n\n{jobs}")
        (self.folder / "proc" / "7" / "comm").write_text("cron\n")
        (self.folder / "proc" / "1").mkdir()
        (self.folder / "proc" / "1" / "comm").write_text("systemd\n")
        project = {"project_number": 1, "repos": [{"github_repo": SLUG, "test_command": "true"}]}
        self.config = {
            **CONFIG, "github_api_url": self.github.url, "github_projects": {"work": project}
        }  # fmt: skip

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def crontab(self, text: str) -> None:
        (self.folder / "jobs").write_text(text)
        self.program("crontab", f'while read -r line; do echo "$line"; done < {self.folder}/jobs')

    def telegram(self, token: str = bot_api.TOKEN, chat: str = bot_api.CHAT) -> None:
        self.config |= {
            "telegram_bot_token": token, "telegram_chat_id": chat,
            "telegram_api_url": self.chats.url,
        }  # fmt: skip

    def written(self) -> None:
        if not self.file.exists():
            self.file.write_text(yaml.safe_dump(self.config))
            self.file.chmod(0o600)

    def look(self, *, offline: bool = False) -> list[Diagnosis]:
        self.written()
        assert self.github.clock is not None
        clock = HandClock(self.github.clock)
        clock.wrong = self.wrong
        patient = replace(meet(self.environment, clock), proc=self.folder / "proc")
        parts = doctor.HERE if offline else doctor.HERE + doctor.ELSEWHERE
        return doctor.examined(patient, parts, sheet.Sheet(io.StringIO(), quiet=True, plain=True))

    def api(self, method: str, path: str, body: Any = None) -> None:
        answer = self.github.session("maria-token").request(method, path, json=body)
        assert answer.status_code < 300, answer.text


@contextmanager
def a_home(tmp_path: Path) -> Iterator[Home]:
    hand = forge.Clock()
    with forge.served(
        tmp_path / "forge", SEED, clock=hand, runner=forge.PretendedRunner()
    ) as github, bot_api.served() as chats:
        home = Home(tmp_path, github, chats)
        home.settle()
        yield home


def bad(found: list[Diagnosis]) -> set[tuple[str, str]]:
    return {(one.check, one.about) for one in found if one.level is Level.WRONG}


def test_nothing_is_wrong_with_one_that_is_well(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        found = home.look()
        assert not bad(found), found
        assert doctor.verdict(found) == doctor.WELL
        assert not {one.level for one in found} & {Level.UNKNOWN}
        assert not list(home.root.rglob("events.jsonl")), "it writes nothing"


# --- the faults, each with the check and the subject that it is found under -------------------


def no_git(home: Home) -> None:
    (home.programs / "git").unlink()


def old_git(home: Home) -> None:
    home.program("git", "echo git version 2.30.1")


def no_gh(home: Home) -> None:
    (home.programs / "gh").unlink(missing_ok=True)


def token_scopes(home: Home) -> None:
    home.config["github_token"] = "narrow-token"


def no_token(home: Home) -> None:
    del home.config["github_token"]


def dead_token(home: Home) -> None:
    home.config["github_token"] = "ghp_revoked"


def board_options(home: Home) -> None:
    home.config["github_projects"]["work"]["ready_value"] = "Todo"


def no_board(home: Home) -> None:
    home.config["github_projects"]["work"]["project_number"] = 77


def board_field(home: Home) -> None:
    home.config["github_projects"]["work"]["status_field"] = "State"


def unreachable(home: Home) -> None:
    home.repository["github_repo"] = "maria/nowhere"


def no_ci(home: Home) -> None:
    home.repository["github_repo"] = "maria/secret"


def protection(home: Home) -> None:
    home.api(
        "PUT", f"/repos/{SLUG}/branches/main/protection",
        {
            "required_status_checks": None, "enforce_admins": True, "restrictions": None,
            "required_pull_request_reviews": {"required_approving_review_count": 2},
        },
    )  # fmt: skip


def merge_method(home: Home) -> None:
    home.api("PATCH", f"/repos/{SLUG}", {"allow_squash_merge": False})


def clock_skew(home: Home) -> None:
    home.wrong = timedelta(minutes=7)


def disk_full(home: Home) -> None:
    home.config["min_free_disk_gb"] = 10_000_000


def cron_stopped(home: Home) -> None:
    shutil.rmtree(home.folder / "proc" / "7")


def no_jobs(home: Home) -> None:
    home.crontab("0 5 * * * /usr/bin/backup\n")


def other_jobs(home: Home) -> None:
    home.crontab("* * * * * /old/agent-os/bin/run_queue.sh >> /tmp/x 2>&1\n")


def log_folder(home: Home) -> None:
    (home.root / "runtime" / "logs").rmdir()


def log_of_a_job(home: Home) -> None:
    text = (home.folder / "jobs").read_text()
    gone = f"{home.root}/runtime/logs/run_queue.sh.log"
    home.crontab(text.replace(gone, "logs/queue.log"))


def open_config(home: Home) -> None:
    home.written()
    home.file.chmod(0o644)


def broken_config(home: Home) -> None:
    home.config["max_attemps"] = 4


def not_logged_in(home: Home) -> None:
    home.program("claude", "echo 2.1.0")
    home.config["agents"]["claude"] = {"kind": "claude", "sandbox": "none", "command": ["claude"]}
    home.config["agent_fallbacks"] = {**CONFIG["agent_fallbacks"], "docs": ["claude"]}


def stale_lock(home: Home) -> None:
    store = home.root / "runtime" / "repos" / "maria__library.git"
    store.mkdir(parents=True)
    (store / "packed-refs.lock").write_text("")
    os.utime(store / "packed-refs.lock", (0, 0))


def two_installations(home: Home) -> None:
    other = home.folder / "other" / "runtime"
    (other / "locks").mkdir(parents=True)
    mailbox = home.root / "runtime" / "mailbox"
    mailbox.mkdir()
    tenant = tenancy.Tenant(
        runtime=str(other), machine=tenancy.machine(), since=Clock().now()
    )
    (mailbox / tenancy.NAME).write_bytes(msgspec.json.encode(tenant))


def failing(home: Home) -> None:
    assert home.github.clock is not None
    now = home.github.clock.moment
    health = home.root / "runtime" / "health"
    health.mkdir(parents=True)
    note = Health(
        script="pr_monitor", pid=1, started=now, ended=now, exit_code=1, seconds=1,
        failing_since=now,
    )  # fmt: skip
    (health / "pr_monitor.json").write_bytes(msgspec.json.encode(note))


def telegram_token(home: Home) -> None:
    home.telegram(token="1:wrong")


def telegram_chat(home: Home) -> None:
    home.telegram(chat="99")


def half_a_telegram(home: Home) -> None:
    home.config["telegram_chat_id"] = "4711"


def idle_switch(home: Home) -> None:
    (home.root / "runtime" / "off.d").mkdir()
    (home.root / "runtime" / "off.d" / "pr_monitr").write_text("typo")


def stray_task(home: Home) -> None:
    stray = home.root / "runtime" / "mailbox" / "inbox" / "a wish.txt"
    stray.parent.mkdir(parents=True)
    stray.write_text("Make it better.\n")
    os.utime(stray, (0, 0))


FAULTS: tuple[tuple[Callable[[Home], None], str, str], ...] = (
    (no_git, "git", ""),
    (old_git, "git", ""),
    (token_scopes, "scopes", ""),
    (no_token, "token", ""),
    (dead_token, "token", ""),
    (board_options, "board", "maria/1"),
    (board_field, "board", "maria/1"),
    (no_board, "board", "maria/77"),
    (unreachable, "repository", "maria/nowhere"),
    (no_ci, "ci", "maria/secret"),
    (protection, "protection", SLUG),
    (merge_method, "protection", SLUG),
    (clock_skew, "clock", ""),
    (disk_full, "disk", ""),
    (cron_stopped, "cron", ""),
    (no_jobs, "crontab", ""),
    (other_jobs, "crontab", ""),
    (log_folder, "folder", "{root}/runtime/logs"),
    (log_of_a_job, "log-folder", "run_queue.sh"),
    (open_config, "private", "{root}/config.yaml"),
    (broken_config, "config", "{root}/config.yaml"),
    (not_logged_in, "agent", "claude"),
    (stale_lock, "locks", "{root}/runtime/repos/maria__library.git/packed-refs.lock"),
    (two_installations, "mailbox", "{root}/runtime/mailbox"),
    (failing, "health", "pr_monitor"),
    (stray_task, "inbox", "{root}/runtime/mailbox/inbox/a wish.txt"),
    (telegram_token, "telegram", ""),
    (telegram_chat, "telegram", ""),
    (half_a_telegram, "telegram", ""),
    (idle_switch, "off", "runtime/off.d/pr_monitr"),
)
# What a fault brings with it: a config that does not load is one more line, and a job without
# its own folder as well.
BESIDES = {
    "open_config": {"config"}, "log_folder": {"log-folder"}, "not_logged_in": {"chain"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("plant", "check", "about"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS]
)
def test_a_fault_is_found_with_what_mends_it(
    tmp_path: Path, plant: Callable[[Home], None], check: str, about: str
) -> None:
    with a_home(tmp_path) as home:
        plant(home)
        found = home.look()
        named = about.format(root=home.root)
        assert (check, named) in bad(found), found
        others = bad(found) - {(check, named)}
        assert {other for other, _ in others} <= BESIDES.get(plant.__name__, set()), others
        [one] = [f for f in found if (f.check, f.about, f.level) == (check, named, Level.WRONG)]
        assert one.mend and one.sentence
        assert doctor.verdict(found) in {doctor.WRONG, doctor.TOKEN}
        assert "robot-token" not in str(found)


def test_a_run_by_hand_does_not_hide_that_nothing_starts_the_scripts(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        cron_stopped(home)
        no_jobs(home)
        health = home.root / "runtime" / "health"
        health.mkdir()
        assert home.github.clock is not None
        now = home.github.clock.moment
        by_hand = Health(
            script="", pid=1, started=now, ended=now, exit_code=0, seconds=1, last_success=now
        )

        def note(**more: Any) -> None:
            for name in ("github_dispatcher", "supervisor", "pr_monitor"):
                told = msgspec.structs.replace(by_hand, script=name, **more)
                (health / f"{name}.json").write_bytes(msgspec.json.encode(told))

        note()
        assert {check for check, _ in bad(home.look(offline=True))} == {"cron", "crontab"}
        note(scheduler="systemd", scheduled=now)
        assert not bad(home.look(offline=True))


def test_an_agent_that_cannot_start_is_one_line_with_its_cure_once(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        home.config["agent_fallbacks"] = {
            **CONFIG["agent_fallbacks"], "docs": ["codex"], "design": ["codex"],
        }  # fmt: skip
        found = [one for one in home.look(offline=True) if one.check in {"agent", "chain"}]
        [codex] = [one for one in found if one.about == "codex"]
        assert codex.sentence == "its program codex is not on PATH"
        assert codex.mend == "npm install -g @openai/codex, then: codex login"
        [chain] = [one for one in found if one.check == "chain"]
        assert chain.sentence.startswith("nobody for design, docs:")


def test_a_refused_token_is_named_by_where_it_came_from(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        kept = home.root / "token"
        kept.write_text("ghp_revoked")
        kept.chmod(0o600)
        del home.config["github_token"]
        home.config["github_token_file"] = str(kept)
        [token] = [one for one in home.look() if one.check == "token"]
        web = home.github.url
        assert token.sentence.startswith(f"{web} refuses the token from {kept}: ")
        assert token.mend == f"Make a new one at {web}/settings/tokens and put it into {kept}"


def test_an_empty_config_and_a_token_file_that_is_gone_say_what_helps(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        home.file.touch(0o600)
        [one] = [one for one in home.look(offline=True) if one.check == "config"]
        assert one.mend == "bin/init.sh" and one.sentence.startswith("is empty")
        copy = home.root / "runtime" / "state" / "last_good_config.yaml"
        copy.parent.mkdir()
        copy.write_text("github_token_file: gone\n")
        [one] = [one for one in home.look(offline=True) if one.check == "config"]
        assert one.mend == f"cp {copy} {home.file}"
        home.file.write_text("github_token_file: gone\n")
        [one] = [one for one in home.look(offline=True) if one.check == "config"]
        assert one.mend == "bin/init.sh" and "gone: not there" in one.sentence


def test_what_mends_it_fits_a_terminal_of_a_hundred_columns() -> None:
    long = " ".join(["chmod", *(f"/somewhere/number/{number}" for number in range(9))])
    for mend in (long, f"{long}, or not"):
        one = Diagnosis(check="x", level=Level.WRONG, sentence="Bad.", mend=mend)
        texts = [text for text, _ in sheet.lines(one)][1:]
        assert len(texts) > 1 and max(map(len, texts)) <= 100
        whole = "\n".join(texts)
        assert whole.replace(" \\\n", " ").split()[1:] == mend.split() or ", " in mend


def test_whoever_reads_only_its_first_lines_sees_no_traceback(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        home.written()
        ended = subprocess.run(
            ["sh", "-c", f"{sys.executable} -m orchestrator.commands.doctor --offline | head -n 1"],
            cwd="/", env={**home.environment, "PYTHONPATH": str(CODE), "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ended.stdout == "Config\n" and not ended.stderr


def test_a_lane_without_merges_needs_no_ci_and_no_rule(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        no_ci(home)
        protection(home)
        home.repository["automation_mode"] = "dispatcher_only"
        found = home.look()
        assert not bad(found)
        assert [one for one in found if one.check == "ci"][0].level is Level.NOTE


def test_a_bot_that_may_write_is_well_and_hears_nothing(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        home.telegram()
        [one] = [one for one in home.look() if one.check == "telegram"]
        assert one.level is Level.OK and not home.chats.shown()


def test_a_program_that_only_helps_is_a_note(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        no_gh(home)
        [one] = [one for one in home.look(offline=True) if one.about == "gh"]
        assert one.level is Level.NOTE and one.mend == "apt-get install gh"


def test_no_bubblewrap_is_found_where_agents_need_it(tmp_path: Path) -> None:
    """Hidden by a namespace where it is installed: it is looked for in /usr/bin, whatever PATH."""
    with a_home(tmp_path) as home:
        home.config["agents"] = {
            name: {"command": [name]} for name in ("first", "second", "third")
        }
        home.written()
        told = doctor_of(home, hidden=shutil.which("bwrap"))
        [one] = [f for f in told["findings"] if f["check"] == "sandbox"]
        assert one["level"] == "wrong" and one["mend"] == "apt-get install bubblewrap"
        assert "first, second, third may start in one only" in one["sentence"]


def test_as_json_and_as_a_program(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        home.written()
        told = doctor_of(home)
        assert told["counts"]["ok"] == sum(f["level"] == "ok" for f in told["findings"])
        words = {(f["check"], f["level"]) for f in told["findings"]}
        assert ("config", "ok") in words and ("git", "ok") in words


def doctor_of(home: Home, *, hidden: str | None = None) -> dict[str, Any]:
    """What `bin/doctor.sh --offline --json` says, perhaps without a program of this machine."""
    argv = [sys.executable, "-m", "orchestrator.commands.doctor", "--offline", "--json"]
    if hidden:
        argv = [hidden, "--dev-bind", "/", "/", "--ro-bind", "/dev/null", hidden, "--", *argv]
        (home.programs / "bwrap").unlink(missing_ok=True)
    environment = {**home.environment, "PYTHONPATH": str(CODE)}
    ended = subprocess.run(
        argv, cwd="/", env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["exit_code"] == ended.returncode, ended.stderr
    return told


def test_without_a_network_it_says_so_and_goes_on(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        home.config["github_api_url"] = "http://127.0.0.1:9"
        found = home.look()
        assert not bad(found)
        [one] = [one for one in found if one.level is Level.UNKNOWN]
        assert one.check == "github" and doctor.verdict(found) == doctor.UNSEEN


def test_on_paper_each_finding_is_a_line_with_its_mend_below(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        old_git(home)
        found = home.look(offline=True)
        out = io.StringIO()
        paper = sheet.Sheet(out, quiet=False, plain=True)
        paper.part("Machine", found)
        paper.end(found)
        text = out.getvalue()
        assert "  wrong   git 2.30.1 is too old" in text
        assert "\n          → apt-get install git\n" in text
        assert text.endswith("1 to mend: do what stands behind the arrows, then look again\n")
        assert max(map(len, text.splitlines())) <= 100 + len(str(tmp_path))


def test_a_tick_leaves_the_mailbox_of_another_installation_alone(tmp_path: Path) -> None:
    with a_home(tmp_path) as home:
        two_installations(home)
        home.written()
        argv = [sys.executable, "-m", "orchestrator.supervisor", "--now"]
        environment = {**home.environment, "PYTHONPATH": str(CODE)}

        def tick() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                argv, cwd="/", env=environment, capture_output=True, text=True, check=False,
                timeout=60,
            )  # fmt: skip

        refused = tick()
        assert refused.returncode == 20 and "belongs to the installation with" in refused.stdout
        (home.folder / "other" / "runtime" / "locks").rmdir()  # given up, or moved here
        assert tick().returncode == 0
        mine = msgspec.json.decode((home.root / "runtime/mailbox" / tenancy.NAME).read_bytes())
        assert mine["runtime"] == str(home.root / "runtime")
