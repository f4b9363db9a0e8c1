"""What our documents say is so: files, commands, wrappers and keys that they name are there."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from orchestrator import settings
from orchestrator.records.config import Config
from orchestrator.records.errors import AgentOSError, ConfigError, GitHubTrouble, Misused, Trouble
from orchestrator.records.task import State
from orchestrator.texts import cron

CODE = Path(__file__).resolve().parents[1]
TEMPLATES = {"bin/demo", "orchestrator/texts/templates"}  # words for others
DOCUMENTS = sorted(
    str(path.relative_to(CODE))
    for folder in ("", ".github", "bin", "objectives", "orchestrator", "tests")
    for path in ((CODE / folder).rglob("*.md") if folder else CODE.glob("*.md"))
    if not any(str(path.relative_to(CODE)).startswith(f"{place}/") for place in TEMPLATES)
    and "data" not in path.parts[:-2]
)
EXAMPLE = (CODE / "example.config.yaml").read_text()
README = (CODE / "README.md").read_text()
# Folders that only an installation that has run contains.
GROWS = ("runtime/", "config.yaml", ".venv", "inbox/", "mailbox/", "escalated/")
TOP = {path.name for path in CODE.iterdir()}


def named_files(text: str) -> set[str]:
    """Every path in backticks that begins with a name of our top level, braces opened."""
    found = set()
    for words in re.findall(r"`([^`\n]+)`", text):
        for word in words.split():
            if word.partition("/")[0] in TOP and "*" not in word and "<" not in word:
                found |= opened(word)
    return {path for path in found if not path.startswith(GROWS)}


def opened(word: str) -> set[str]:
    match = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", word)
    return {match[1] + one + match[3] for one in match[2].split(",")} if match else {word}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_files_it_names_are_there(document: str) -> None:
    text = (CODE / document).read_text()
    missing = {path for path in named_files(text) if not (CODE / path).exists()}
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_its_links_lead_somewhere(document: str) -> None:
    folder = (CODE / document).parent
    for target in re.findall(r"\]\(([^)#]+)\)", (CODE / document).read_text()):
        assert "://" in target or (folder / target).exists(), target


def test_the_modules_on_the_map_are_there() -> None:
    """The map of CODEBASE.md names modules as they are called inside orchestrator/."""
    table = re.search(r"## Map\n(.*?)\n## ", (CODE / "CODEBASE.md").read_text(), re.S)
    assert table
    for words in re.findall(r"`([^`\n]+)`", table[1]):
        for path in opened(words):
            places = (CODE / path, CODE / "orchestrator" / path)
            assert "*" in path or any(place.exists() for place in places), path


def test_the_two_commands_stand_in_the_readme() -> None:
    commands = set(re.findall(r"^    (bin/\S+)", README, re.M))
    assert {"bin/demo.sh", "bin/test.sh"} <= commands


def test_the_crontab_names_each_wrapper_once_and_logs_where_cron_can_write() -> None:
    block = re.search(r"```crontab\n(.*?)```", README, re.S)
    assert block
    shown = [" ".join(line.split()) for line in block[1].splitlines()]
    offered = tuple(line.removeprefix("# ") for line in shown if line.startswith("# "))
    assert offered == cron.jobs("/path/to/agent-os", cron.OFFERED)
    installed = tuple(line for line in shown if not line.startswith("#"))
    assert installed == cron.jobs("/path/to/agent-os"), "what bin/init.sh installs"
    wrappers = [wrapper for _, wrapper, _ in (*cron.JOBS, *cron.OFFERED)]
    assert sorted(wrappers) == sorted(path.name for path in (CODE / "bin").glob("run_*.sh"))
    assert (CODE / "runtime" / "logs" / ".gitkeep").exists()


def test_the_five_lines_of_config_are_understood(tmp_path: Path) -> None:
    block = re.search(r"^    github_owner: .*?(?=\n\n)", README, re.M | re.S)
    assert block
    text = "\n".join(line.removeprefix("    ") for line in block[0].splitlines())
    token = tmp_path / ".config" / "agent-os" / "github-token"
    token.parent.mkdir(parents=True)
    token.write_text("not-a-real-token")
    token.chmod(0o600)
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("yourname", "somebody"))
    path.chmod(0o600)
    config = settings.load(path, {"HOME": str(tmp_path), "ORCH_ROOT": str(tmp_path)})
    assert isinstance(config, Config)
    assert [repository.slug for repository in config.repositories] == ["somebody/web"]
    assert not config.broken


NO_KEYS = {"repo", "run", "area"}  # of a task's file, a workflow, a commit's first word


@pytest.mark.parametrize("document", DOCUMENTS)
def test_its_keys_stand_in_the_example(document: str) -> None:
    text = (CODE / document).read_text()
    for key in set(re.findall(r"`(\w+): ?[\w-]*`", text)) - NO_KEYS:
        assert re.search(rf"^[#\s{{-]*{key}:", EXAMPLE, re.M), key


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_names_in_it_are_known(document: str) -> None:
    """A word with an underscore is a key, or stands in our sources."""
    found = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", (CODE / document).read_text()))
    assert not {name for name in found if name not in EXAMPLE and name not in sources()}


@cache
def sources() -> str:
    places = [*(CODE / "orchestrator").rglob("*.py"), CODE / "bin" / "common.sh"]
    names = [path.name for path in (CODE / "tests").rglob("*") if path.is_dir()]
    return "".join((*(path.read_text() for path in places), *names))


@cache
def helped(program: str) -> str:
    """What a program says of itself and of each of its verbs."""
    argv = [str(CODE / program), "--help"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "NO_COLOR": "1", "COLUMNS": "200"}

    def say(*words: str) -> str:
        done = subprocess.run(
            [argv[0], *words, "--help"], env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    first = say()
    verbs = re.findall(r"^    (\w+) {2,}", first, re.M)
    return first + "".join(say(verb) for verb in verbs)


WITHOUT_HELP = {"bin/test.sh", "bin/common.sh"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_its_commands_are_there_and_know_their_options(document: str) -> None:
    text = (CODE / document).read_text()
    lines = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ {4}(\S.*)$", text, re.M)
    for line in lines:
        for match in re.finditer(r"(?:^|[\s;/])(bin/\w+\.sh)((?: [^#;|>]*)?)", line):
            program, words = match[1], match[2].split()
            assert (CODE / program).is_file(), f"{document}: {line}"
            assert (CODE / program).stat().st_mode & 0o100, program
            if program in WITHOUT_HELP:
                continue
            for word in words:
                option = re.match(r"--[a-z][\w-]*", word)
                assert not option or option[0] in helped(program), f"{document}: {line}"
            if program == "bin/task.sh" and words:
                assert words[0] in helped(program), f"{document}: {line}"


def test_the_exit_codes_of_the_readme_are_those_of_the_code() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.M)}
    ours = {
        AgentOSError.exit_code,
        Misused.exit_code,
        ConfigError.exit_code,
        GitHubTrouble(Trouble.AUTH, "").exit_code,
        GitHubTrouble(Trouble.RATE, "").exit_code,
    }
    assert codes == ours | {0, 124}


def test_the_folders_of_the_mailbox_are_called_as_documented() -> None:
    assert set(re.findall(r"`(\w+)/`", README)) <= {str(state) for state in State}


def test_the_documents_are_short() -> None:
    assert len(README.splitlines()) < 300
    assert len((CODE / "CODEBASE.md").read_text().splitlines()) < 150
    for document in DOCUMENTS:
        if document.endswith("/README.md"):
            assert len((CODE / document).read_text().splitlines()) < 30, document


def test_each_folder_has_a_page() -> None:
    """Every folder of ours with modules or data in it, down to the families."""
    families = [
        path for top in ("orchestrator", "tests") for path in (CODE / top).iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ]  # fmt: skip
    folders = [CODE / "bin", CODE / "objectives", CODE / "orchestrator", CODE / "tests", *families]
    assert not [str(path) for path in folders if not (path / "README.md").is_file()]


def test_ci_runs_what_we_run() -> None:
    workflow = yaml.safe_load((CODE / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    *prepared, ran = [step["run"] for step in job["steps"] if "run" in step]
    assert ran == "bin/test.sh"
    assert all(step.startswith("sudo ") for step in prepared), "only what the machine lacks"
    assert all(step.get("uses", "actions/").startswith("actions/") for step in job["steps"])
    assert {"push", "pull_request"} == set(workflow[True])
    assert (CODE / ".ci" / "run").read_text().rstrip().endswith('exec bin/test.sh "$@"')


def test_each_night_runs_what_takes_too_long_by_day() -> None:
    folder = CODE / ".github" / "workflows"
    by_day = yaml.safe_load((folder / "ci.yml").read_text())["jobs"]["test"]["steps"]
    workflow = yaml.safe_load((folder / "nightly.yml").read_text())
    assert {"schedule", "workflow_dispatch"} == set(workflow[True])
    job = workflow["jobs"]["night"]
    *prepared, made, ran = job["steps"]
    assert [step.get("uses", step.get("run")) for step in prepared] == [
        step.get("uses", step.get("run")) for step in by_day[:-1]
    ]
    assert made["run"].startswith("bin/test.sh ") and "( ${{ matrix.run }} )" in ran["run"]
    runs = [one["run"] for one in job["strategy"]["matrix"]["include"]]
    for words in ("-m tests.bench.kill", "AGENT_OS_BREAK_SAFEGUARDS=1", "-m tests.sim --seeds"):
        assert sum(words in run for run in runs) == 1
    for word in " ".join((made["run"], *runs)).split():
        if word.startswith(("bin/", "tests/")):
            assert (CODE / word).exists(), word
