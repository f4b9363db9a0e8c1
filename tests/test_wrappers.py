"""bin/ as cron starts it: from anywhere, with next to no environment (C1, C13)."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator import health, tick
from orchestrator.adapters.clock import Clock
from orchestrator.records.scripts import WRAPPERS as WRAPPED

CODE = Path(__file__).resolve().parents[1]
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "nobody"}
WRAPPERS = {
    "run_dispatcher.sh": ("dispatcher", "github_dispatcher"),
    "run_queue.sh": ("queue", "supervisor"),
    "run_pr_monitor.sh": ("pr_monitor", "pr_monitor"),
    "run_telegram.sh": ("telegram", "chat"),
    "run_daily_digest.sh": ("daily_digest", "daily_digest"),
}
# Stands for a script: tells what it was given, and does what its first argument says.
STAND_IN = """\
import json, os, sys, time
names = ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONPYCACHEPREFIX",
         "PYTHONDONTWRITEBYTECODE", "CLAUDE_BIN")
print(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "umask": os.umask(0),
                  "environment": {name: os.environ.get(name) for name in names}}), flush=True)
word = sys.argv[1] if len(sys.argv) > 1 else "0"
time.sleep(30) if word == "hang" else sys.exit(int(word) if word.isdigit() else 0)
"""
# Ends in order, like every script of ours: says so, with the code of the signal.
ORDERLY = """\
import pathlib, signal, sys, time
there = pathlib.Path(sys.argv[1])
def end(number, frame):
    there.write_text("ended in order")
    sys.exit(128 + number)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
there.write_text("running")
time.sleep(60)
"""


def run(
    program: Path | list[str], *arguments: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """A program with exactly this environment, from /, without a terminal."""
    words = program if isinstance(program, list) else [str(program)]
    return subprocess.run(
        [*words, *arguments],
        cwd="/",
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
        timeout=120,
    )


def shell(
    checkout: Path, program: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """A few lines of bash after common.sh."""
    script = f'. "{checkout}/bin/common.sh"\n{program}'
    return run(["/bin/bash", "-c", script], environment=environment)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with our bin/, nothing to install, and no .venv."""
    root = tmp_path / "check out"
    shutil.copytree(CODE / "bin", root / "bin", ignore=shutil.ignore_patterns("demo"))
    (root / "requirements.txt").write_text("")
    (root / "runtime").mkdir()
    return root


@pytest.fixture
def installed(checkout: Path) -> Path:
    """The same with a .venv that only has this Python, and stand-ins for the scripts."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    package = checkout / "orchestrator"
    package.mkdir()
    for name in ("__init__", *(module for _, module in WRAPPERS.values())):
        (package / f"{name}.py").write_text("" if name == "__init__" else STAND_IN)
    return checkout


# --- the environment --------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_starts_its_script_from_anywhere_without_an_environment(
    installed: Path, wrapper: str
) -> None:
    ended = run(installed / "bin" / wrapper, "--repo", "me/my web", environment={})
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    name, _ = WRAPPERS[wrapper]
    assert told["argv"] == ["--repo", "me/my web"]
    assert told["cwd"] == str(installed)
    assert told["umask"] == 0o077
    environment = told["environment"]
    assert environment["LANG"] == "C.UTF-8"
    assert environment["PYTHONPATH"] == str(installed)
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["PYTHONPYCACHEPREFIX"] == str(installed / "runtime" / "pycache")
    assert "." not in environment["PATH"].split(":")
    assert Path(environment["HOME"]).is_absolute()
    assert ended.stderr.startswith("=== 20")
    assert f" {name} --repo me/my web ===" in ended.stderr


def test_our_bytecode_is_kept_whatever_the_environment_says(installed: Path) -> None:
    environment = {**CRON, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = run(installed / "bin" / "run_queue.sh", environment=environment)
    assert ended.returncode == 0
    assert list((installed / "runtime" / "pycache").rglob("*.pyc"))


def test_the_root_is_found_through_a_link(installed: Path, tmp_path: Path) -> None:
    link = tmp_path / "agent-os-queue"
    link.symlink_to(installed / "bin" / "run_queue.sh")
    ended = run(link, environment=CRON)
    assert ended.returncode == 0, ended.stderr
    assert f'"cwd": "{installed}"' in ended.stdout


def program(path: Path, words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {words}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "folder",
    [
        ".local/bin", ".npm-global/bin", ".npm/bin", ".nvm/versions/node/v20.1.0/bin", ".bun/bin",
        ".cargo/bin", ".pyenv/shims", ".pyenv/bin",
    ],
)  # fmt: skip
def test_a_program_of_the_user_is_found_under_cron(
    checkout: Path, tmp_path: Path, folder: str
) -> None:
    home = tmp_path / "home"
    program(home / folder / "some-agent", "found")
    ended = shell(checkout, "some-agent", {**CRON, "HOME": str(home)})
    assert ended.stdout == "found\n", ended.stderr


def test_a_prefix_of_npm_is_read_from_its_settings(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    program(home / "tools" / "bin" / "some-agent", "found")
    (home / ".npmrc").write_text("fund=false\nprefix=~/tools\n")
    assert shell(checkout, "some-agent", {**CRON, "HOME": str(home)}).stdout == "found\n"


def test_the_newest_node_comes_first(checkout: Path, tmp_path: Path) -> None:
    versions = tmp_path / "home" / ".nvm" / "versions" / "node"
    for version in ("v9.11.2", "v22.2.0", "v20.19.1"):
        program(versions / version / "bin" / "claude", version)
    program(versions / "v9.11.2" / "bin" / "codex", "only in the oldest")
    environment = {**CRON, "HOME": str(tmp_path / "home")}
    assert shell(checkout, "claude", environment).stdout == "v22.2.0\n"
    assert shell(checkout, "codex", environment).stdout == "only in the oldest\n"


def test_a_named_program_wins_with_what_lies_beside_it(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    program(home / ".local" / "bin" / "claude", "the usual one")
    named = program(tmp_path / "mine" / "claude", "the named one")
    program(tmp_path / "mine" / "node", "its node")
    environment = {**CRON, "HOME": str(home), "CLAUDE_BIN": str(named)}
    ended = shell(checkout, 'claude; node; echo "$CLAUDE_BIN"', environment)
    assert ended.stdout == f"the named one\nits node\n{named}\n"
    del environment["CLAUDE_BIN"]
    found = shell(checkout, 'echo "$CLAUDE_BIN"', environment)
    assert found.stdout == f"{home}/.local/bin/claude\n"


def test_a_named_program_that_is_not_there_is_told(checkout: Path, tmp_path: Path) -> None:
    environment = {**CRON, "HOME": str(tmp_path), "GEMINI_BIN": "/no/gemini"}
    ended = shell(checkout, "true", environment)
    assert ended.returncode == 0
    assert ended.stderr == "GEMINI_BIN=/no/gemini: no such program; unset it or mend it\n"


# --- exit codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ""),
        (1, "a fault of ours"),
        (2, "called in a way that it does not know"),
        (10, "degraded"),
        (20, "needs you"),
        (30, "token"),
    ],
)
def test_exit_codes_pass_through_and_are_logged(installed: Path, code: int, words: str) -> None:
    ended = run(installed / "bin" / "run_pr_monitor.sh", str(code), environment=CRON)
    assert ended.returncode == code
    logged = [line for line in ended.stderr.splitlines() if "exit code" in line]
    assert len(logged) == (1 if code else 0)
    assert words in "".join(logged)


def heeds_an_interrupt() -> None:
    """Tests that a shell runs in the background ignore it, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("limit", ["0", "20"])
@pytest.mark.parametrize(("asked", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_the_wrapper_ends_its_script_in_order(
    installed: Path, tmp_path: Path, asked: signal.Signals, code: int, limit: str
) -> None:
    (installed / "orchestrator" / "supervisor.py").write_text(ORDERLY)
    words = f'. "{installed}/bin/common.sh"\nrun_script queue supervisor {limit} "{tmp_path}/there"'
    with (tmp_path / "log").open("wb") as log:
        wrapper = subprocess.Popen(
            ["/bin/bash", "-c", words], env=CRON, stdin=subprocess.DEVNULL, stderr=log,
            start_new_session=True, preexec_fn=heeds_an_interrupt,  # noqa: PLW1509
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "there").exists():
        assert wrapper.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    wrapper.send_signal(asked)
    assert wrapper.wait(60) == code, (tmp_path / "log").read_text()
    assert (tmp_path / "there").read_text() == "ended in order"
    assert "stopped from outside" in (tmp_path / "log").read_text()


def test_the_watchdog_needs_no_installation(checkout: Path) -> None:
    health = checkout / "runtime" / "health"
    health.mkdir()
    (health / "supervisor.json").write_text("torn")
    ended = run(checkout / "bin" / "run_watchdog.sh", "--every", "queue=60", environment={})
    assert ended.returncode == 0, ended.stderr
    assert "watchdog ALERT" in ended.stdout
    assert " watchdog --every queue=60" in ended.stderr


def test_a_script_that_hangs_is_ended(installed: Path) -> None:
    ended = shell(installed, "run_script queue supervisor 0.5 hang", CRON)
    assert ended.returncode == 124
    assert "ran longer than its time limit" in ended.stderr


def test_a_real_script_started_twice_at_once_does_no_harm(tmp_path: Path) -> None:
    """Without a config both say so; the lock itself is proved with the scripts."""
    environment = {**CRON, "ORCH_ROOT": str(tmp_path)}
    command = [str(CODE / "bin" / "run_dispatcher.sh")]
    both = [
        subprocess.Popen(
            command, cwd="/", env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 20, said
        assert b"config.yaml" in said
        assert b"Traceback" not in said


# --- the first use ------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_without_a_venv_cron_makes_nothing_and_says_what_to_run(
    checkout: Path, wrapper: str
) -> None:
    before = sorted(checkout.rglob("*"))
    ended = run(checkout / "bin" / wrapper, environment=CRON)
    assert ended.returncode == 20
    assert f"Run this once: {checkout}/bin/init.sh" in ended.stderr
    assert sorted(checkout.rglob("*")) == before


def test_an_unfinished_install_is_not_used(installed: Path) -> None:
    (installed / ".venv" / "installing").touch()
    ended = run(installed / "bin" / "run_queue.sh", environment=CRON)
    assert ended.returncode == 20
    assert "not finished" in ended.stderr


# Stands for Python, its venv and its pip: quick, and it notes what it was asked for.
INSTALLER = """\
#!/bin/sh
case "$*" in
    --version) echo "Python 3.11.0" ;;
    "-m venv "*) echo venv >> "$NOTES"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    "-m pip "*) echo pip >> "$NOTES"; sleep 0.2; ! grep no-such requirements.txt ;;
esac
"""


@pytest.fixture
def first_use(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine whose Python is the INSTALLER; NOTES is where it writes."""
    python = program(tmp_path / "python" / "python3", "")
    python.write_text(INSTALLER)
    notes = tmp_path / "notes"
    notes.touch()
    path = f"{python.parent}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(tmp_path / "home"), "NOTES": str(notes)}


def test_two_first_uses_install_once(checkout: Path, first_use: dict[str, str]) -> None:
    command = ["/bin/bash", "-c", f'. "{checkout}/bin/common.sh"; ensure_venv']
    both = [
        subprocess.Popen(command, env=first_use, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = "".join(process.communicate(timeout=120)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0], said
    assert Path(first_use["NOTES"]).read_text() == "venv\npip\n"
    assert "First use: making .venv with Python 3.11.0" in said
    assert shell(checkout, "ensure_venv", first_use).stderr == ""


def test_an_interrupted_install_heals_itself(checkout: Path, first_use: dict[str, str]) -> None:
    shell(checkout, "ensure_venv", first_use)
    (checkout / ".venv" / "installing").touch()
    (checkout / ".venv" / "half a package").touch()
    ended = shell(checkout, "ensure_venv", first_use)
    assert ended.returncode == 0
    assert "interrupted" in ended.stderr
    assert not (checkout / ".venv" / "half a package").exists()
    assert not (checkout / ".venv" / "installing").exists()


def test_changed_requirements_are_installed(checkout: Path, first_use: dict[str, str]) -> None:
    shell(checkout, "ensure_venv", first_use)
    (checkout / "requirements.txt").write_text("# changed\n")
    ended = shell(checkout, "ensure_venv", first_use)
    assert ended.stderr == "Installing what requirements.txt names into .venv.\nInstalled.\n"
    assert Path(first_use["NOTES"]).read_text() == "venv\npip\npip\n"


def test_an_install_that_fails_says_so(checkout: Path, first_use: dict[str, str]) -> None:
    (checkout / "requirements.txt").write_text("no-such-package\n")
    ended = shell(checkout, "ensure_venv", first_use)
    assert ended.returncode == 20
    assert "Start this again to go on." in ended.stderr


def a_poor_machine(tmp_path: Path, *names: str) -> str:
    """bash lines after which PATH has only these programs, and a few that nobody lacks."""
    folder = tmp_path / "poor"
    folder.mkdir()
    for name in ("id", *names):
        found = shutil.which(name) or ""
        (folder / name).symlink_to(found)
    return f'PATH="{folder}"\n'


@pytest.mark.parametrize(
    ("missing", "call", "package"),
    [("git", "need_git", "git"), ("Python 3.11", "find_python", "python3 python3-venv")],
)
def test_a_missing_program_is_named_with_its_install_command(
    checkout: Path, tmp_path: Path, missing: str, call: str, package: str
) -> None:
    program(tmp_path / "apt" / "apt-get", "")
    ended = shell(checkout, a_poor_machine(tmp_path) + f'PATH+=":{tmp_path}/apt"\n{call}', CRON)
    assert ended.returncode == 20
    assert missing in ended.stderr
    assert f"apt-get install -y {package}" in ended.stderr


def fake_python(path: Path, *, version_ok: bool, venv: bool) -> None:
    program(path, "")
    path.write_text(
        "#!/bin/sh\n"
        f'case "$2" in *version_info*) exit {0 if version_ok else 1};; esac\n'
        f"exit {0 if venv else 1}\n"
    )


def test_a_python_without_venv_is_named(checkout: Path, tmp_path: Path) -> None:
    poor = a_poor_machine(tmp_path)
    fake_python(tmp_path / "poor" / "python3", version_ok=True, venv=False)
    program(tmp_path / "poor" / "apt-get", "")
    ended = shell(checkout, poor + "find_python", CRON)
    assert ended.returncode == 20
    assert "python3-venv is missing" in ended.stderr
    assert "apt-get install -y python3-venv" in ended.stderr


def test_a_shim_that_stands_for_nothing_is_passed_over(checkout: Path, tmp_path: Path) -> None:
    poor = a_poor_machine(tmp_path)
    fake_python(tmp_path / "poor" / "python3", version_ok=False, venv=False)
    fake_python(tmp_path / "poor" / "python3.13", version_ok=False, venv=False)
    fake_python(tmp_path / "poor" / "python3.11", version_ok=True, venv=True)
    ended = shell(checkout, poor + "find_python", CRON)
    assert ended.stdout == f"{tmp_path}/poor/python3.11"


@pytest.mark.parametrize("script", [*WRAPPERS, "test.sh", "demo.sh", "why.sh", "task.sh"])
def test_every_program_of_bin_may_be_started(script: str) -> None:
    assert os.access(CODE / "bin" / script, os.X_OK)


# --- --help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "wrapper"), sorted(WRAPPED.items()))
def test_a_usage_speaks_of_the_command_as_it_is_typed(
    name: str, wrapper: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"orchestrator.{name}")
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert told.startswith(f"usage: bin/{wrapper} [-h]") and "exit codes:" in told
    assert ("--back" in told) == (name == "autopull")
    with pytest.raises(SystemExit):
        module.main(["--dry-rum"])
    assert f"bin/{wrapper}: error:" in capsys.readouterr().err


def test_a_usage_is_told_without_a_banner_and_needs_nothing(checkout: Path) -> None:
    for program, words in (
        ("run_watchdog.sh", "[--every SCRIPT=SECONDS]\n"), ("test.sh", "[PYTEST ARGUMENTS]\n")
    ):  # fmt: skip
        told = run(checkout / "bin" / program, "--help", environment=CRON)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.startswith(f"usage: bin/{program} [-h] {words}")
        assert not (checkout / ".venv").exists()


def test_a_repository_that_is_not_in_the_config_is_a_slip_of_the_pen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("github_repos: {w: me/web}\ngithub_owner: me\n")
    (tmp_path / "runtime").mkdir()
    environment = {"ORCH_ROOT": str(tmp_path), "HOME": str(tmp_path), "PATH": ""}
    code = tick.run(
        "pr_monitor", lambda world: None, ["--repo", "me/wep"], about="", environment=environment
    )
    assert code == 2 and not (tmp_path / "runtime" / "health").exists()
    assert capsys.readouterr().err == (
        "pr_monitor: nothing was done: --repo me/wep: no such repository in config.yaml; it has: "
        "me/web\n"
    )


def test_a_fault_before_the_story_is_one_line_and_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty() -> int:
        raise KeyError("github_token: s3cret")

    assert tick.caught(health.Visit("pr_monitor", tmp_path, Clock()), faulty) == tick.BUG
    said = capsys.readouterr().err
    assert said.startswith("pr_monitor: nothing was done, for a fault of ours (KeyError at ")
    assert said.count("\n") == 1 and "s3cret" not in said


def test_a_command_that_meets_what_nobody_foresaw_says_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "github_token: s3cret"

    def faulty() -> int:
        raise KeyError(words)

    monkeypatch.setenv("ORCH_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["/x/orchestrator/commands/task/__main__.py"])
    assert tick.answered(faulty) == tick.BUG
    said = capsys.readouterr().err
    assert said.startswith("task: stopped by a fault of ours (KeyError at test_wrappers.py:")
    kept = (tmp_path / "runtime" / "logs" / "trouble.log").read_text()
    assert "in faulty" in kept and said.count("\n") == 1 and words not in said + kept

    def closed() -> int:
        raise PermissionError(13, "Permission denied", "x.json")

    assert tick.answered(closed) == tick.DEGRADED
    assert capsys.readouterr().err == "task: [Errno 13] Permission denied: 'x.json'\n"


def test_a_last_run_that_cannot_be_read_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("github_repos: {w: me/web}\ngithub_owner: me\n")
    folder = tmp_path / "runtime" / "health"
    folder.mkdir(parents=True)
    (folder / "pr_monitor.json").write_text('{"a":' + "[" * 5000)
    environment = {"ORCH_ROOT": str(tmp_path), "HOME": str(tmp_path), "PATH": ""}
    code = tick.run("pr_monitor", lambda world: None, [], about="", environment=environment)
    assert code == tick.AUTH and "no token" in capsys.readouterr().out


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01", "soon"])
def test_a_time_that_nothing_can_be_reckoned_from_is_refused(
    moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        tick.run("pr_monitor", lambda world: None, ["--now", moment], about="", environment={})
    assert "is no time; write it as" in capsys.readouterr().err
