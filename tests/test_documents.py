"""What our documents say is so: files, commands, wrappers and keys that they name are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from orchestrator import settings
from orchestrator.records.config import Config
from orchestrator.records.errors import AgentOSError, ConfigError, GitHubTrouble, Trouble
from orchestrator.records.task import State
from orchestrator.texts import cron

CODE = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    "README.md", "CODEBASE.md", "bin/README.md", "orchestrator/README.md", "tests/README.md",
    "objectives/README.md",
]  # fmt: skip
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


def test_every_command_of_the_readme_may_be_run() -> None:
    commands = re.findall(r"^    (bin/\S+)([^\n#]*)", README, re.M)
    assert {"bin/demo.sh", "bin/test.sh"} <= {program for program, _ in commands}
    for program, arguments in commands:
        assert (CODE / program).stat().st_mode & 0o100, program
        assert set(shlex.split(arguments)) <= {"--dry-run", "--keep", "--stay"}, arguments


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


def test_the_keys_of_the_readme_stand_in_the_example() -> None:
    example = (CODE / "example.config.yaml").read_text()
    for key in set(re.findall(r"`(\w+): ?[\w-]*`", README)) - {"repo"}:
        assert re.search(rf"^[#\s-]*{key}:", example, re.M), key


def test_the_exit_codes_of_the_readme_are_those_of_the_code() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.M)}
    ours = {
        AgentOSError.exit_code,
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
    for document in DOCUMENTS[2:]:
        assert len((CODE / document).read_text().splitlines()) < 30


def test_ci_runs_what_we_run() -> None:
    workflow = yaml.safe_load((CODE / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    *prepared, ran = [step["run"] for step in job["steps"] if "run" in step]
    assert ran == "bin/test.sh"
    assert all(step.startswith("sudo ") for step in prepared), "only what the machine lacks"
    assert all(step.get("uses", "actions/").startswith("actions/") for step in job["steps"])
    assert {"push", "pull_request"} == set(workflow[True])
    assert (CODE / ".ci" / "run").read_text().rstrip().endswith('exec bin/test.sh "$@"')
