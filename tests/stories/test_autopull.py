"""An installation goes on to newer versions of itself, and back: real clones, a real forge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from orchestrator import updating
from orchestrator.adapters.checkout import AVOID, PREVIOUS, TARGET
from orchestrator.adapters.locks import Locks
from orchestrator.records.task import State
from tests.support import forge, repos
from tests.support.office import an_office

CODE = Path(__file__).resolve().parents[2]
SLUG = "maria/agent-os"
MARK = "orchestrator/records/errors.py"
WORKFLOW = ".github/workflows/ci.yml"


class Installation:
    """A clone of this program, and the forge that it was cloned from."""

    def __init__(self, folder: Path, github: forge.Github) -> None:
        self.folder = folder
        self.github = github
        self.code = folder / "agent-os"
        self.author = folder / "author"
        self.verdict = "success"

    def settle(self, bytecode: Path) -> None:
        copied(CODE, self.author)
        (self.author / WORKFLOW).write_text(forge.GREEN_WORKFLOW)
        repos.git(self.author, "init", "--quiet", "-b", "main")
        self.commit("the first version")
        where = self.github.git_url(SLUG, "maria-token")
        repos.git(self.author, "push", "--quiet", "--force", where, "main")
        repos.git(self.folder, "clone", "--quiet", where, str(self.code))
        repos.git(self.code, "remote", "set-url", "origin", f"{self.github.url}/{SLUG}.git")
        (self.code / ".venv").symlink_to(CODE / ".venv")
        (self.code / "runtime" / "pycache").symlink_to(bytecode)
        data = {
            "github_owner": "maria", "github_token": "robot-token", "jitter_seconds": 0,
            "github_api_url": self.github.url, "min_free_disk_gb": 0, "min_free_disk_percent": 0,
            "github_projects": {"all": {"repos": [{"github_repo": SLUG}]}},
        }  # fmt: skip
        (self.code / "config.yaml").write_text(yaml.safe_dump(data))
        (self.code / "config.yaml").chmod(0o600)

    def commit(self, message: str) -> str:
        repos.git(self.author, "add", "--all")
        repos.git(self.author, "commit", "--quiet", "-m", message)
        return repos.git(self.author, "rev-parse", "HEAD").strip()

    def publish(self, message: str, path: str = MARK, text: str = "") -> str:
        """A newer version on the forge, whose checks have run."""
        target = self.author / path
        target.write_text(target.read_text() + (text or f"\n# {message}\n"))
        sha = self.commit(message)
        where = self.github.git_url(SLUG, "maria-token")
        repos.git(self.author, "push", "--quiet", where, "main")
        self.github.pass_time(30)
        return sha

    def pull(self, *words: str, later: int = 30) -> subprocess.CompletedProcess[str]:
        """A tick of cron's, some minutes after what happened last."""
        assert self.github.clock is not None
        now = self.github.clock.moment + timedelta(minutes=later)
        return subprocess.run(
            [str(self.code / "bin" / "run_autopull.sh"), "--now", now.isoformat(), *words],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)}, cwd="/",
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    @property
    def head(self) -> str:
        return repos.git(self.code, "rev-parse", "HEAD").strip()

    def ref(self, name: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.code), "rev-parse", "--quiet", "--verify", name],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.strip()


def copied(source: Path, target: Path) -> None:
    """The files of this checkout as they stand, without what was built in it."""
    listed = repos.git(source, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if not name.startswith("tests/") and (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


@pytest.fixture
def here(tmp_path: Path, bytecode: Path) -> Iterator[Installation]:
    seed = {
        **forge.SEED, "issues": [],
        "repos": [{"name": SLUG, "files": {"README.md": "x"}, "collaborators": {"robot": "write"}}],
    }  # fmt: skip
    runner = forge.PretendedRunner(lambda order: installation.verdict)
    with forge.served(tmp_path / "forge", seed, clock=forge.Clock(), runner=runner) as github:
        installation = Installation(tmp_path, github)
        installation.settle(bytecode)
        yield installation


def test_a_remote_on_this_machine_says_what_updates_it(here: Installation) -> None:
    """And the doctor reads it from the word that the script leaves."""
    repos.git(here.code, "remote", "set-url", "origin", str(here.folder / "elsewhere"))
    done = subprocess.run(
        [str(here.code / "bin" / "run_autopull.sh"), "--now"],
        env={"PATH": os.environ["PATH"], "HOME": str(here.folder)}, cwd="/",
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 20 and "does not update itself" in done.stdout
    health = here.code / "runtime" / "health" / "autopull.json"
    said = json.loads(health.read_bytes())["said"]
    assert said.endswith(f"; run: git -C {here.code} pull --ff-only")


def test_it_goes_on_when_green_and_back_by_one_command(here: Installation) -> None:
    first = here.head
    second = here.publish("second")
    early = here.pull(later=5)
    assert early.returncode == 0 and here.head == first, early.stderr
    assert "is green only since a moment ago" in early.stdout
    done = here.pull()
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.head == second and here.ref(PREVIOUS) == first and not here.ref(TARGET)
    assert "# second" in (here.code / MARK).read_text()
    assert repos.git(here.code, "status", "--porcelain", "-uno") == ""
    assert "updated from" in done.stdout and "back: bin/run_autopull.sh --back" in done.stdout
    again = here.pull()
    assert again.returncode == 0 and "nothing newer is there" in again.stdout

    back = here.pull("--back")
    assert back.returncode == 0, back.stdout + back.stderr
    assert here.head == first and here.ref(AVOID) == second
    stays = here.pull()
    assert here.head == first and "was gone back from" in stays.stdout
    third = here.publish("third")
    here.pull()
    assert here.head == third


def test_red_work_is_never_taken_and_what_lies_before_it_is(here: Installation) -> None:
    second = here.publish("second")
    here.verdict = "failure"
    here.publish("third, which is red")
    done = here.pull()
    assert done.returncode == 0 and here.head == second, done.stdout + done.stderr
    assert "is red: " in here.pull().stdout and here.head == second


def test_a_version_that_does_not_run_here_is_not_taken(here: Installation) -> None:
    first = here.head
    here.publish("broken", text="\nimport nothing_of_this_name\n")
    done = here.pull()
    assert here.head == first
    assert "ALERT version" in done.stdout and "its self-test fails" in done.stdout
    assert "nothing_of_this_name" in done.stdout and "token" not in done.stdout


def test_a_version_that_is_not_taken_while_an_older_one_waits_holds_nothing_up(
    here: Installation,
) -> None:
    first, second = here.head, here.publish("second")
    slot = Locks(here.code / "runtime" / "locks").try_worker_slot(1)
    assert slot is not None
    here.pull()
    waits = here.code / "runtime" / "state" / "update_waits"
    assert here.head == first and waits.read_text() == second
    here.publish("broken", text="\nraise SystemExit(9)\n")
    done = here.pull()
    assert here.head == first and "its self-test fails" in done.stdout
    assert not waits.exists()


def test_a_worker_whose_slot_the_config_does_not_reach_any_more_is_waited_for(
    here: Installation,
) -> None:
    """`max_parallel_workers` is 1, and was more when that one began."""
    first = here.head
    here.publish("second")
    locks = Locks(here.code / "runtime" / "locks")
    idle = locks.try_worker_slot(2)
    busy = Locks(here.code / "runtime" / "locks").try_worker_slot(2)
    assert idle is not None and busy is not None and busy.name == "slot-2"
    idle.release()
    assert "1 workers are at work" in here.pull().stdout and here.head == first


def test_what_is_not_a_plain_fast_forward_is_left_to_its_owner(here: Installation) -> None:
    here.publish("second")
    first = here.head
    (here.code / MARK).write_text("# mine\n" + (here.code / MARK).read_text())
    done = here.pull()
    assert done.returncode == 20 and here.head == first
    assert f"has changes of yours ({MARK})" in done.stdout
    repos.git(here.code, "commit", "--quiet", "-a", "-m", "mine")
    done = here.pull()
    assert done.returncode == 20 and "has commits that its remote lacks" in done.stdout
    repos.git(here.code, "checkout", "--quiet", "--detach", "HEAD^")
    done = here.pull()
    assert done.returncode == 20 and "is on no branch" in done.stdout


def test_it_waits_for_what_runs_and_then_nothing_new_begins(here: Installation) -> None:
    first, second = here.head, here.publish("second")
    with_worker = Locks(here.code / "runtime" / "locks")
    slot = with_worker.try_worker_slot(1)
    assert slot is not None
    done = here.pull()
    assert done.returncode == 0 and here.head == first, done.stderr
    assert f"{second[:12]} waits: 1 workers are at work" in done.stdout
    waits = here.code / "runtime" / "state" / "update_waits"
    assert waits.exists()
    slot.release()
    here.pull()
    assert here.head == second and not waits.exists()


def test_an_exchange_that_was_killed_is_finished_by_the_wrapper(here: Installation) -> None:
    second = here.publish("second", path="orchestrator/tick.py")
    repos.git(here.code, "fetch", "--quiet", here.github.git_url(SLUG, "maria-token"), "main")
    repos.git(here.code, "update-ref", TARGET, second)
    (here.code / "orchestrator" / "tick.py").write_text("half of a fi")  # killed in its middle
    (here.code / ".git" / "index.lock").write_text("")
    (here.code / ".venv").rename(here.code / ".venv.next")
    done = here.pull()
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.head == second and not here.ref(TARGET)
    assert repos.git(here.code, "status", "--porcelain", "-uno") == ""


def test_changes_of_this_program_itself_wait_for_a_person(here: Installation) -> None:
    config = here.code / "config.yaml"
    code = (
        "from pathlib import Path; from orchestrator import settings; "
        f"print(settings.load(Path({str(config)!r}), {{}}).repositories[0].merge)"
    )

    def policy() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(here.code), "HOME": "/"},
            cwd="/", capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    assert policy() == "approved"
    config.write_text(config.read_text() + "self_merge: true\n")
    assert policy() == "auto"


def test_new_libraries_come_in_an_environment_of_their_own(here: Installation) -> None:
    """What is asked for is a folder of this machine, so that no index is asked."""
    first = here.head
    (here.author / "requirements.txt").write_text("no-such-library-anywhere @ file:///none\n")
    here.publish("wants what cannot be had")
    done = here.pull()
    assert done.returncode == 20 and here.head == first
    assert "libraries could not be installed" in done.stdout
    assert (here.code / ".venv").is_symlink() and here.pull("--dry-run").returncode == 0


def test_libraries_that_are_there_change_places_with_the_files(here: Installation) -> None:
    first = here.head
    wanted = (here.author / "requirements.txt").read_text() + "# and a word\n"
    second = here.publish("other libraries", path="requirements.txt", text="# and a word\n")
    beside = here.code / ".venv.next"  # as a run that was killed after installing leaves it
    beside.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (beside / name).symlink_to((CODE / ".venv" / name).resolve())
    (beside / "requirements.installed").write_text(wanted)
    done = here.pull()
    assert done.returncode == 0 and here.head == second, done.stdout + done.stderr
    assert (here.code / ".venv" / "requirements.installed").read_text() == wanted
    assert (here.code / ".venv.previous").is_symlink() and not beside.exists()
    back = here.pull("--back")
    assert back.returncode == 0 and here.head == first, back.stdout + back.stderr
    assert (here.code / ".venv").is_symlink()


def test_nothing_new_begins_while_an_update_has_waited_for_long(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add a file")
        office.dispatch()
        waits = office.world.paths.state / updating.WAITING
        for minutes, state in ((40, State.INBOX), (400, State.REVIEW)):
            waits.write_text("x")
            moment = office.world.clock.now().timestamp() - 60 * minutes
            os.utime(waits, (moment, moment))
            office.queue()
            assert office.state_of(issue) is state
        assert "an update has waited for 40 minutes" in office.told()
