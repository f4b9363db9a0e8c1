"""Who can start, and with which login: every reason why not costs no attempt and is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cooling, readiness
from orchestrator import world as worlds
from orchestrator.readiness import Ready
from orchestrator.records.task import TaskType
from orchestrator.rules.routing import Unavailable
from tests.support.office import Office, an_office

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"
LOOSE = {"sandbox": "none", "network": "allow"}
AGENTS: dict[str, Any] = {
    "agents": {
        "first": {"command": ["first"], **LOOSE},
        **{name: LOOSE for name in ("claude", "codex", "gemini", "deepseek")},
    },
    "agent_fallbacks": {"implementation": ["deepseek", "first"]},
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, config=AGENTS) as made:
        for program in ("claude", "codex", "gemini", "opencode"):
            install(made, program)
        yield made


def install(office: Office, name: str, text: str = "#!/bin/sh\necho 9.9.9\n") -> None:
    program = Path(office.world.environment["PATH"]) / name
    program.write_text(text)
    program.chmod(0o755)


def look(
    office: Office, name: str, kind: TaskType = TaskType.IMPLEMENTATION, **environment: str
) -> Ready | Unavailable:
    known = {**office.world.environment, **environment}
    return readiness.look(replace(office.world, environment=known), name, kind)


def why_not(office: Office, name: str, **environment: str) -> str:
    found = look(office, name, **environment)
    assert isinstance(found, Unavailable)
    return found.told


def secrets(folder: Path, content: object = None, **fields: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secrets.json"
    path.write_text(content if isinstance(content, str) else json.dumps(fields))
    return path


def test_a_key_in_the_environment_comes_before_one_in_a_file(
    office: Office, tmp_path: Path
) -> None:
    secrets(tmp_path / "or", openRouterApiKey=KEY)
    found = look(
        office, "deepseek", OPENROUTER_API_KEY="sk-or-v1-env-0123456789",
        DEEPSEEK_OPENROUTER_CONFIG=str(tmp_path / "or"),
    )  # fmt: skip
    assert found == Ready(account="openrouter", key="sk-or-v1-env-0123456789")


@pytest.mark.parametrize("below", ["", "data"])
def test_else_the_file_in_the_named_folder_is_read(
    office: Office, tmp_path: Path, below: str
) -> None:
    secrets(tmp_path / "or" / below, openRouterApiKey=KEY)
    folder = str(tmp_path / "or")
    found = look(office, "deepseek", DEEPSEEK_OPENROUTER_CONFIG=folder)
    assert found == Ready(account="openrouter", key=KEY)


def test_the_variable_may_name_the_file_itself_or_nothing_at_all(
    office: Office, tmp_path: Path
) -> None:
    path = secrets(tmp_path / "or", openRouterApiKey=KEY)
    named = look(office, "deepseek", DEEPSEEK_OPENROUTER_CONFIG=str(path))
    assert named == Ready(account="openrouter", key=KEY)
    secrets(Path(office.world.environment["HOME"]) / ".cline" / "data", openRouterApiKey=KEY)
    assert look(office, "deepseek") == Ready(account="openrouter", key=KEY)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"openRouterApiKey": "YOUR_OPENROUTER_API_KEY"}', "is a placeholder"),
        ('{"openRouterApiKey": "<your key>"}', "is a placeholder"),
        ('{"openRouterApiKey": "sk-or-v1-..."}', "is a placeholder"),
        ('{"openRouterApiKey": "changeme"}', "is a placeholder"),
        ('{"openRouterApiKey": "xxxxxxxxxxxx"}', "is a placeholder"),
        ('{"openRouterApiKey": "${OPENROUTER_API_KEY}"}', "is a placeholder"),
        ('{"openRouterApiKey": ""}', "has no openRouterApiKey"),
        ('{"openRouterApiKey": 5}', "has no openRouterApiKey"),
        ('{"other": "x"}', "has no openRouterApiKey"),
        ("[]", "has no openRouterApiKey"),
        ("{", "is not JSON"),
    ],
)
def test_a_key_that_is_none_is_skipped_with_the_reason(
    office: Office, tmp_path: Path, content: str, words: str
) -> None:
    secrets(tmp_path / "or", content)
    folder = str(tmp_path / "or")
    said = why_not(office, "deepseek", DEEPSEEK_OPENROUTER_CONFIG=folder)
    assert words in said and "not logged in" in said
    # The next provider of the chain takes its place.
    found = look(
        office, "deepseek", DEEPSEEK_OPENROUTER_CONFIG=folder, CHUTES_API_KEY="cpk_0123456789",
    )  # fmt: skip
    assert found == Ready(account="chutes", key="cpk_0123456789")


def test_a_file_that_is_a_folder_is_unreadable_and_said_so(office: Office, tmp_path: Path) -> None:
    (tmp_path / "or" / "secrets.json").mkdir(parents=True)
    said = why_not(office, "deepseek", DEEPSEEK_OPENROUTER_CONFIG=str(tmp_path / "or"))
    assert "cannot be read" in said


def test_the_chain_is_openrouter_then_nanogpt_then_chutes(office: Office) -> None:
    keys = {
        "OPENROUTER_API_KEY": "sk-or-0123456789", "NANOGPT_API_KEY": "nano-0123456789",
        "CHUTES_API_KEY": "cpk_0123456789",
    }  # fmt: skip
    asked = []
    for name in tuple(keys):
        found = look(office, "deepseek", **keys)
        assert isinstance(found, Ready)
        asked.append(found.account)
        keys[name] = "your-key-here"
    assert asked == ["openrouter", "nanogpt", "chutes"]
    assert "CHUTES_API_KEY is a placeholder" in why_not(office, "deepseek", **keys)


def test_a_provider_that_refused_rests_and_the_next_one_is_asked(office: Office) -> None:
    keys = {"OPENROUTER_API_KEY": "sk-or-0123456789", "NANOGPT_API_KEY": "nano-0123456789"}
    hour = office.world.clock.now() + timedelta(hours=1)
    cooling.of(office.world).refused("deepseek.openrouter", hour)
    assert look(office, "deepseek", **keys) == Ready(account="nanogpt", key="nano-0123456789")
    cooling.of(office.world).refused("deepseek.nanogpt", hour + timedelta(hours=1))
    found = look(office, "deepseek", **keys)
    assert isinstance(found, Unavailable) and found.until == hour


@pytest.mark.parametrize(
    ("agent", "variable", "file"),
    [
        ("claude", "ANTHROPIC_API_KEY", ".claude/.credentials.json"),
        ("codex", "OPENAI_API_KEY", ".codex/auth.json"),
        ("gemini", "GEMINI_API_KEY", ".gemini/oauth_creds.json"),
    ],
)
def test_a_login_is_a_variable_or_the_program_s_own_file(
    office: Office, agent: str, variable: str, file: str
) -> None:
    assert f"{variable}" in why_not(office, agent)
    assert f"{variable} is a placeholder" in why_not(office, agent, **{variable: "<key>"})
    assert isinstance(look(office, agent, **{variable: KEY}), Ready)
    path = Path(office.world.environment["HOME"]) / file
    path.parent.mkdir()
    path.write_text("")
    assert "is empty" in why_not(office, agent)
    path.write_text("{}")
    assert look(office, agent) == Ready()


def test_a_program_that_is_missing_or_too_old_is_said_with_the_way_to_get_it(
    office: Office,
) -> None:
    install(office, "claude", "#!/bin/sh\necho '1.0.44 (Claude Code)'\n")
    old = why_not(office, "claude", ANTHROPIC_API_KEY=KEY)
    assert "claude is 1.0.44, older than 2.1" in old and "npm install" in old
    (Path(office.world.environment["PATH"]) / "codex").unlink()
    assert "codex is not on PATH (`npm install" in why_not(office, "codex", OPENAI_API_KEY=KEY)


def test_a_version_is_asked_once_for_each_installation(office: Office, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    script = f"#!/bin/sh\necho x >> {asked}\necho 2.{{}}.0\n"
    install(office, "claude", script.format(5))
    for _ in range(4):
        assert isinstance(look(office, "claude", ANTHROPIC_API_KEY=KEY), Ready)
    assert asked.read_text() == "x\n"
    install(office, "claude", script.format(10))
    assert isinstance(look(office, "claude", ANTHROPIC_API_KEY=KEY), Ready)
    assert asked.read_text() == "x\nx\n"


def test_a_program_that_tells_no_version_may_be_somebody_s_wrapper(office: Office) -> None:
    install(office, "claude", "#!/bin/sh\nexit 1\n")
    assert isinstance(look(office, "claude", ANTHROPIC_API_KEY=KEY), Ready)


def test_a_task_of_the_browser_needs_one_and_the_web(office: Office, tmp_path: Path) -> None:
    kind = TaskType.BROWSER_AUTOMATION
    found = look(office, "first", kind)
    assert isinstance(found, Unavailable) and "needs a browser" in found.reason
    kept = tmp_path / "browsers"
    (kept / "chromium-1187").mkdir(parents=True)
    assert look(office, "first", kind, PLAYWRIGHT_BROWSERS_PATH=str(kept)) == Ready()
    install(office, "firefox")
    assert look(office, "first", kind) == Ready()
    patch = look(office, "patch", kind)
    assert isinstance(patch, Unavailable) and "its network is none" in patch.reason
    assert look(office, "first") == Ready()


def test_who_cannot_run_is_skipped_costs_nothing_and_is_told(office: Office) -> None:
    issue = office.ready("Add it")
    office.work_until_quiet()
    made = office.task(issue).attempts
    assert [one.agent for one in made] == ["first"], office.told()
    assert "deepseek skipped: it is not logged in" in office.told()


def test_a_key_that_was_found_is_in_no_text_of_ours(office: Office, tmp_path: Path) -> None:
    secrets(tmp_path / "or", openRouterApiKey=KEY)
    known = {
        **office.world.environment, "DEEPSEEK_OPENROUTER_CONFIG": str(tmp_path / "or"),
        "ANTHROPIC_API_KEY": "plain-words-0123456789",
    }  # fmt: skip
    held = worlds.secrets(office.world.config, known, office.world.agents)
    assert {KEY, "plain-words-0123456789"} <= set(held)
