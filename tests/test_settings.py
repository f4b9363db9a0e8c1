"""A config loads as one typed value, or every problem of it is told at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from orchestrator import settings
from orchestrator.records import config_file
from orchestrator.records.config import (
    AgentKind,
    AutomationMode,
    Config,
    Network,
    PromptBy,
    ProviderConfig,
    RepositoryConfig,
    Sandbox,
)
from orchestrator.records.errors import ConfigError

HOUSE = Path(__file__).resolve().parents[1]
LEGACY = HOUSE / "tests/data/legacy.config.yaml"
EXAMPLE = HOUSE / "example.config.yaml"


def load(folder: Path, text: str, mode: int = 0o600, **environment: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(mode)
    return settings.load(path, {"HOME": "/home/me", "ORCH_ROOT": str(folder)} | environment)


def problems(folder: Path, text: str, mode: int = 0o600, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(folder, text, mode, **environment)
    assert refused.value.exit_code == 20
    return list(refused.value.problems)


def one(text: str = "") -> str:
    return f"github_projects:\n  p:\n    repos:\n      - github_repo: me/web\n{text}"


# --- What a sound config becomes ------------------------------------------------------------------


def test_an_empty_file_is_a_config_with_nothing_to_do(tmp_path: Path) -> None:
    whole = load(tmp_path, "# nothing yet\n")
    assert whole.repositories == whole.broken == ()
    assert whole.root_dir == str(tmp_path)
    assert whole.worktrees_dir == f"{tmp_path}/runtime/worktrees"
    assert whole.objectives_dir == f"{tmp_path}/objectives"
    assert whole.evidence_dir == "/home/me/.local/share/agent-os/evidence"
    assert whole.github_token is None


def test_find(tmp_path: Path) -> None:
    assert settings.find(tmp_path, {}) == tmp_path / "config.yaml"
    assert settings.find(tmp_path, {"AGENT_OS_CONFIG": "/etc/a.yaml"}) == Path("/etc/a.yaml")
    assert settings.root_of({}) == HOUSE
    assert settings.root_of({"ORCH_ROOT": "/srv/a"}) == Path("/srv/a")


def test_home_and_environment_are_filled_in_where_a_path_or_an_address_stands(
    tmp_path: Path,
) -> None:
    text = "mailbox_dir: ~/mail\nworktrees_dir: ${DISK}/trees\nlogs_dir: logs\n" + one(
        "        path: ~/web\n        test_command: make ${TARGET}\n"
        "        planning_research: {sources: [{path: '~/x', url: 'https://${SITE}/'}]}\n"
    )
    whole = load(tmp_path, text, DISK="/big", SITE="a.example.com")
    assert whole.mailbox_dir == "/home/me/mail"
    assert whole.worktrees_dir == "/big/trees"
    assert whole.logs_dir == f"{tmp_path}/logs"
    (web,) = whole.repositories
    assert (web.path, web.test_command) == ("/home/me/web", "make ${TARGET}")
    sources = web.blocks["planning_research"]["sources"]
    assert sources == [{"path": "/home/me/x", "url": "https://a.example.com/"}]


def test_agents_are_any_program(tmp_path: Path) -> None:
    text = """
agents:
  mine:
    command: "~/bin/mine --model 'big one' $${KEPT}"
    prompt: file
    timeout_minutes: 3
    environment: [MY_KEY]
    sandbox: none
  codex: {sandbox: auto, model: big, models: {docs: small}, efforts: {architecture: high}}
  deepseek: {network: providers, providers: {chutes: {model: deep, base_url: "http://x/v1"}}}
default_agent: mine
agent_fallbacks: {docs: [mine, patch]}
"""
    whole = load(tmp_path, text)
    mine = whole.agents["mine"]
    assert mine.kind is AgentKind.COMMAND
    assert mine.command == ("/home/me/bin/mine", "--model", "big one", "${KEPT}")
    assert (mine.prompt, mine.timeout_minutes, mine.environment) == (PromptBy.FILE, 3, ("MY_KEY",))
    assert whole.agents["codex"].kind is AgentKind.CODEX
    codex, deepseek = whole.agents["codex"], whole.agents["deepseek"]
    assert codex.sandbox is Sandbox.AUTO
    assert (codex.model, codex.models, codex.effort) == ("big", {"docs": "small"}, "")
    assert codex.efforts == {"architecture": "high"}
    assert deepseek.network is Network.PROVIDERS
    assert deepseek.providers == {"chutes": ProviderConfig(base_url="http://x/v1", model="deep")}


@pytest.mark.parametrize(
    ("text", "environment", "token"),
    [
        ("#", {"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}, "a GITHUB_TOKEN"),
        ("#", {"GH_TOKEN": "b"}, "b GH_TOKEN"),
        ("github_token: ${MINE}", {"MINE": "c", "GITHUB_TOKEN": "a"}, "c config"),
        ("github_token: literal", {}, "literal config"),
        ("github_token_file: token", {"GITHUB_TOKEN": "a"}, "kept token"),
        ("#", {}, None),
    ],
)
def test_tokens(tmp_path: Path, text: str, environment: dict[str, str], token: str | None) -> None:
    """Each with the place that it came from."""
    (tmp_path / "token").write_text("kept\n")
    (tmp_path / "token").chmod(0o600)
    found = load(tmp_path, text, **environment)
    if token is None:
        assert found.github_token is found.token_origin is None
        return
    assert found.github_token and found.token_origin
    where = Path(found.token_origin.name).name or found.token_origin.place
    assert f"{found.github_token.reveal()} {where}" == token


def test_a_file_that_a_full_disk_emptied_is_no_config(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, "")
    assert "config.yaml: is empty" in problem and problem.endswith("run: bin/init.sh")


def test_a_token_file_that_is_gone_says_what_makes_it(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, "github_token_file: gone")
    assert "the token of GitHub belongs there" in problem and problem.endswith("run: bin/init.sh")
    (tmp_path / "config.yaml").write_text("github_token_file: gone")
    found = settings.load(tmp_path / "config.yaml", {"HOME": "/home/me"}, tokenless=True)
    assert found.github_token is None and found.token_origin
    assert found.token_origin.name == str(tmp_path / "gone")


def test_repositories_named_outside_a_project(tmp_path: Path) -> None:
    text = """
github_owner: me
github_repos: {l: lib, w: me/web}
github_repo: you/other
allowed_repos: [/code/lib, /code/web, /code/nobody]
github_projects:
  p: {project_number: 1, repos: [{github_repo: me/web}]}
"""
    whole = load(tmp_path, text)
    found = {repo.slug: (repo.key, repo.path, repo.project) for repo in whole.repositories}
    assert found == {
        "me/web": ("w", "/code/web", "p"),
        "me/lib": ("l", "/code/lib", None),
        "you/other": (None, None, None),
    }
    assert [board.number for board in whole.boards] == [1]
    (broken,) = whole.broken
    assert broken.name == "/code/nobody" and "has no name on GitHub" in broken.problems[0]


# --- The two example files ------------------------------------------------------------------------


def test_the_earlier_example_loads_once_its_placeholders_are_filled(tmp_path: Path) -> None:
    text = LEGACY.read_text()
    filled = text.replace("/path/to", "/srv").replace("yourname", "me")
    filled = filled.replace("YOUR_BOT_TOKEN", "1:a").replace("YOUR_CHAT_ID", "42")
    whole = load(tmp_path, filled)
    assert whole.broken == ()
    first, second = whole.repositories
    assert (first.slug, first.path, first.key) == ("me/repo1", "/srv/repo1", "repo1")
    assert (first.test_command, second.test_command) == ("pytest -q", "npm test")
    assert (first.groomer_cadence_days, second.groomer_cadence_days) == (0.5, 3.5)
    assert second.automation_mode is AutomationMode.DISPATCHER_ONLY
    assert first.blocks["planning_research"]["enabled"] is True
    assert first.blocks["planning_research"]["max_sources"] == 4
    assert first.base_branch == "main"
    assert first.board is not None and first.board.number == 1
    assert whole.mailbox_dir == "/home/me/agent-os/runtime/mailbox"
    assert (whole.worktrees_dir, whole.telegram_chat_id) == ("/srv/worktrees", "42")


def test_the_earlier_example_names_every_placeholder(tmp_path: Path) -> None:
    said = problems(tmp_path, LEGACY.read_text())
    keys = {sentence.split(": ")[1] for sentence in said}
    assert keys >= {
        "worktrees_dir", "github_owner", "telegram_bot_token", "telegram_chat_id",
        "allowed_repos[0]", "github_repos.repo1", "github_projects.product.repos[1].path",
        "github_projects.product.repos[0].github_repo", "repo_configs./path/to/repo1",
    }  # fmt: skip
    assert all(re.match(r"config\.yaml:\d+: ", sentence) for sentence in said)


def uncommented(text: str) -> str:
    return re.sub(r"^( *)#(?=\S|  )", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("change", [str, uncommented])
def test_our_example_loads(tmp_path: Path, change: type[str]) -> None:
    text = change(EXAMPLE.read_text()).replace("yourname", "${ME}").replace("yourorg", "us")
    text = re.sub(r"(?m)^github_app: .*$", "", text)  # it stands in place of a token
    tokens = {"GITHUB_TOKEN": "a", "TELEGRAM_BOT_TOKEN": "b", "DASHBOARD_SECRET": "c"}
    whole = load(tmp_path, text, mode=0o644, ME="me", **tokens)
    assert whole.broken == () and [repo.slug for repo in whole.repositories] == ["me/web"]


def test_our_example_as_it_is_names_its_placeholders(tmp_path: Path) -> None:
    said = problems(tmp_path, EXAMPLE.read_text())
    assert ["github_owner" in said[0], "github_repo" in said[1], len(said)] == [True, True, 2]


def test_our_example_shows_every_key(tmp_path: Path) -> None:
    data = yaml.safe_load(uncommented(EXAMPLE.read_text()))
    project = data["github_projects"]["web"]
    common = {*config_file.EveryLevel.__struct_fields__, "budgets"}
    budgets = data["budgets"]
    each = [*budgets["per_agent"].values()]
    each += [budgets[name] for name in set(budgets) - {"per_agent"}]
    shown = {
        config_file.GlobalFile: set(data),
        config_file.ProjectFile: set(project) | common,
        config_file.RepositoryFile: set(project["repos"][0]) | common,
        config_file.AgentFile: set().union(*data["agents"].values()),
        config_file.BudgetsFile: set(budgets),
        config_file.BudgetFile: set().union(*each),
        config_file.CostFile: set(data["cost_tracking"]),
        config_file.PriceFile: set(data["cost_tracking"]["model_overrides"]["my-model"]),
        config_file.QuotaFile: set(data["agents"]["claude"]["quota"]),
        config_file.AllowedFile: set().union(*data["agents"]["claude"]["quota"].values()),
        config_file.ProviderFile: set(data["agents"]["deepseek"]["providers"]["openrouter"]),
    }
    for kind, keys in shown.items():
        assert keys == set(kind.__struct_fields__)
    assert EXAMPLE.read_text().startswith("# yaml-language-server: $schema=.github/config.schema.")


def test_what_the_example_shows_are_the_defaults() -> None:
    data = yaml.safe_load(uncommented(EXAMPLE.read_text()))
    default = RepositoryConfig(slug="a/b", clone_url="")
    examples = {
        "base_branch", "setup_command", "test_command", "required_checks", "trusted_authors",
        "excluded_labels", "required_labels", "agent_timeout_minutes", "allowed_hosts",
        "command_readable",
        "test_network",
    }  # fmt: skip
    for name in set(default.__struct_fields__) & set(data) - examples:
        value = msgspec.json.decode(msgspec.json.encode(getattr(default, name)))
        assert value == data[name], name


def test_the_objective_example_is_whole() -> None:
    data = yaml.safe_load((HOUSE / "example.objective.yaml").read_text())
    assert data["interpretation_scores"]["inconclusive"] == -0.35
    assert {m["id"]: m["weight"] for m in data["metrics"]} == {
        "traffic": 0.2, "conversion": 0.35, "retention": 0.25, "arpu": 0.2,
    }  # fmt: skip
    for metric in data["metrics"]:
        assert {"source", "outcome_check", "direction", "name"} <= set(metric)
        assert metric["source"]["path"] != metric["outcome_check"]["path"]


def test_the_schema_for_editors_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert settings.main(["--schema"]) == 0
    committed = (HOUSE / ".github/config.schema.json").read_text()
    assert json.loads(capsys.readouterr().out) == json.loads(committed)
    assert settings.main([]) == 2


# --- Cost -----------------------------------------------------------------------------------------

FAST = """
import sys, time
from pathlib import Path
from orchestrator import settings
costs = []
for _ in range(7):
    start = time.process_time()
    whole = settings.load(Path(sys.argv[1]), {"HOME": "/home/me"})
    costs.append(time.process_time() - start)
assert len(whole.repositories) == 50
heavy = {"jsonschema", "rapidfuzz", "requests", "github", "rich"} & set(sys.modules)
print(min(costs), *heavy)
"""


def test_fifty_repositories_cost_little_and_load_nothing_heavy(tmp_path: Path) -> None:
    entry = "{github_repo: me/r%d, path: ~/r%d, test_command: make, max_attempts: 3, plan_size: 2}"
    entries = "".join(f"      - {entry % (n, n)}\n" for n in range(50))
    path = tmp_path / "config.yaml"
    path.write_text(f"github_owner: me\ngithub_projects:\n  p:\n    repos:\n{entries}")
    command = [sys.executable, "-c", FAST, str(path)]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=True)
    cost, *heavy = done.stdout.split()
    assert heavy == []
    assert float(cost) < 0.025  # measured: 0.006


def test_an_app_opens_github_in_place_of_a_token(tmp_path: Path) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
    (tmp_path / "app.pem").write_text(key + "\n")
    (tmp_path / "app.pem").chmod(0o600)
    found = load(tmp_path, "github_app: {id: 7, key_file: app.pem}", GITHUB_TOKEN="other")
    assert found.github_app is not None and found.github_app.key.reveal() == key
    assert found.github_app.id == "7" and found.github_token is None and found.signed_in
    assert found.secret_files == (str(tmp_path / "app.pem"),)


@pytest.mark.parametrize(
    ("said", "mode", "text", "sentence"),
    [
        ("{id: 7, key_file: none.pem}", 0o600, "", "save the app's private key there"),
        ("{id: 7, key_file: app.pem}", 0o644, "PRIVATE KEY-----", "chmod 600"),
        ("{id: 7, key_file: app.pem}", 0o600, "token", "must hold the app's private key"),
        ("{id: 7}", 0o600, "", "key_file"),
        ("{id: 7, key_file: app.pem}\ngithub_token: abc", 0o600, "", "beside github_token"),
        ("{id: 7, key_file: app.pem}\ngithub_token_file: x", 0o600, "", "github_token_file; keep"),
    ],
)
def test_an_app_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, said: str, mode: int, text: str, sentence: str
) -> None:
    (tmp_path / "app.pem").write_text(text)
    (tmp_path / "app.pem").chmod(mode)
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, f"github_app: {said}")
    assert sentence in " ".join(raised.value.problems)


def test_a_repository_may_stand_in_a_second_project_for_its_board(tmp_path: Path) -> None:
    text = (
        "github_owner: me\ngithub_projects:\n"
        "  a: {project_number: 1, repos: [{github_repo: me/web}]}\n"
        "  b: {project_number: 2, repos: [{github_repo: web, max_attempts: 2}]}\n"
        "  c: {project_number: 1, repos: [{github_repo: me/web}]}\n"
    )
    [web] = load(tmp_path, text).repositories
    assert web.project == "b" and web.max_attempts == 2
    assert [board.name for board in web.boards] == ["me/2", "me/1"]
    [said] = {broken.problems for broken in load(tmp_path, text.replace(
        "repos: [{github_repo: me/web}]", "repos: [{github_repo: me/web, max_attempts: 3}]"
    )).broken[:1]}  # fmt: skip
    assert "keep one entry" in said[0]
