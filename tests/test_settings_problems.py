"""Every problem of a config is told at once, and costs only the repository it is in."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestrator import settings
from orchestrator.records.config import Config
from orchestrator.records.errors import ConfigError


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


UNKNOWN = "{}: {}: unknown key"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_attemps: 3", UNKNOWN.format(1, "max_attemps") + "; did you mean max_attempts?"),
        ("\nfrobnicate: 3", UNKNOWN.format(2, "frobnicate")),
        ("ready_value: R", UNKNOWN.format(1, "ready_value") + " here; it belongs in a project"),
        ("max_attempts: many", "1: max_attempts: must be a whole number, "
         "not the text 'many'"),
        ("allow_no_ci: 1", "1: allow_no_ci: must be true or false, not 1"),
        ("required_checks: test", "1: required_checks: must be a list, "
         "not the text 'test'"),
        ("max_parallel_workers: 0", "1: max_parallel_workers: must be at least 1, not 0"),
        ("settle_seconds: .inf", "1: settle_seconds: must be at most 10000000, not inf"),
        ("quiet_hours: 22-7", "1: quiet_hours: must be written like 22:00-07:00, "
         "not the text '22-7'"),
        ("automation_mode: fulll", "1: automation_mode: unknown value 'fulll'; "
         "did you mean full? (one of: dispatcher_only, full)"),
        ("merge: true", "1: merge: must be one of approved, auto, not true"),
        ("default_agent: claud", "1: default_agent: unknown agent 'claud'; did you "
         "mean claude? (one of: claude, codex, deepseek, gemini, patch)"),
        ("agent_fallbacks:\n  debuging: [codex]", "2: agent_fallbacks.debuging: unknown "
         "task type 'debuging'; did you mean debugging? (one of: implementation, debugging, "
         "architecture, research, docs, design, content, browser_automation)"),
        ("agents: {x: {}}", "1: agents.x: needs a command, such as [my-agent, --quiet]"),
        ("agents: {x: {command: \"a 'b\"}}", "1: agents.x.command: cannot be split into "
         "words: No closing quotation"),
        ("agents: {x: {command: a, environment: [GH_TOKEN]}}", "1: agents.x.environment: "
         "GH_TOKEN is ours; no agent may see it"),
        ("agents: {claude: {models: {doc: opus}}}", "1: agents.claude.models.doc: no task type; "
         "known: implementation, debugging, architecture, research, docs, design, content, "
         "browser_automation"),
        ("agents: {gemini: {effort: high}}", "1: agents.gemini.effort: means nothing for gemini; "
         "claude, codex, deepseek have it"),
        ("agents: {x: {command: a, model: b}}", "1: agents.x.model: means nothing for command; "
         "claude, codex, deepseek, gemini have it"),
        ("agents: {deepseek: {providers: {openai: {}}}}", "1: agents.deepseek.providers.openai: "
         "no provider; known: openrouter, nanogpt, chutes"),
        ("agents: {auto: {command: a}}", "1: agents.auto: an agent's name is short "
         "lower-case text, and not auto or none"),
        ("logs_dir: ${NOPE}/x", "1: logs_dir: the environment variable NOPE is not set"),
        ("plan_size: 1\nplan_size: 2", "2: plan_size: stands twice, here and in line 1, "
         "with different values"),
        ("timezone: Berlin", "1: timezone: unknown time zone 'Berlin'; did you mean "
         "Europe/Berlin? (a name such as Europe/Berlin, or UTC)"),
        ("timezone: Europe/Berln", "1: timezone: unknown time zone 'Europe/Berln'; did you mean "
         "Europe/Berlin? (a name such as Europe/Berlin, or UTC)"),
        ("timezone: ../../etc/passwd", "1: timezone: unknown time zone '../../etc/passwd' "
         "(a name such as Europe/Berlin, or UTC)"),
        ("github_api_url: http://ghe.x.com", "1: github_api_url: must be https: "
         "a token would travel in the clear"),
        ("worktrees_dir: /path/to/worktrees", "1: worktrees_dir: still the placeholder "
         "'/path/to/worktrees'; put your own value here"),
        ("- a", "1: must be keys with values, such as github_owner: me"),
        ("github_projects:\n  p:\n    repos: me/web", "3: github_projects.p.repos: "
         "must be a list, not the text 'me/web'"),
        ("github_projects: [a]", "1: github_projects: must be a block of keys, "
         "not a list"),
        ("github_owner: 5", "1: github_owner: must be text, not 5"),
    ],
)  # fmt: skip
def test_one_clear_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert problems(tmp_path, text) == [f"config.yaml:{sentence}"]


def test_what_is_no_yaml(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "a: 1\nb: [1\nc: 2\n")
    assert said.startswith("config.yaml:3: is not YAML: ")


def test_an_anchor_that_contains_itself(tmp_path: Path) -> None:
    for text in ("budgets: &a {b: *a}\n", "a: " + "[" * 3000 + "]" * 3000):
        said = problems(tmp_path, text)
        assert said == ["config.yaml: is nested too deep, or contains itself"]


def test_aliases_of_aliases_are_told_and_not_written_out(tmp_path: Path) -> None:
    """Nine levels of nine would be 400 million values; anchors as such stay allowed."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    merged = ["a0: &a0 {k0: x}"]
    merged += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    for text in (levels, merged):
        (said,) = problems(tmp_path, "\n".join(text))
        assert said.startswith("config.yaml: its aliases (*) stand for more than 100000 values")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not there; bin/init\.sh makes it"):
        settings.load(tmp_path / "config.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.load(tmp_path, {})
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        settings.load(tmp_path / "config.yaml", {})


def test_all_problems_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """max_attempt: 3
default_agent: claud
github_projects:
  web:
    project_number: "1"
    repos:
      - github_repo: me/web
        setle_seconds: 5
        merge_method: sqash
      - path: ${NOPE}
"""
    lines = [sentence.split(": ")[0] for sentence in problems(tmp_path, text)]
    assert lines == [f"config.yaml:{line}" for line in (1, 2, 5, 8, 9, 10, 10)]


def test_doubled_keys_that_say_the_same_do_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, "automation_mode: full\nplan_size: 2\nautomation_mode: full\n")


# --- One repository's fault stops that repository only --------------------------------------------

ENTRY = "github_projects.p.repos[0]"


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        ("github_repo: me/bad, setle_seconds: 5",
         f"{ENTRY}.setle_seconds: unknown key; did you mean settle_seconds?"),
        ("github_repo: me/bad, max_attempts: x",
         f"{ENTRY}.max_attempts: must be a whole number, not the text 'x'"),
        ("github_repo: me/bad, default_agent: claud", f"{ENTRY}.default_agent: unknown agent"),
        ("github_repo: me/bad, path: '${NOPE}'",
         f"{ENTRY}.path: the environment variable NOPE is not set"),
        ("github_repo: yourname/bad", f"{ENTRY}.github_repo: still the placeholder"),
        ("path: /code/bad", f"{ENTRY}: names no GitHub repository; add github_repo: owner/name"),
        ("github_repo: bad", f"{ENTRY}.github_repo: 'bad' is no repository on GitHub"),
        ("github_repo: me/.., plan_size: 1", f"{ENTRY}.github_repo: 'me/..' is no repository"),
        ("github_repo: me/bad, path: /a, local_repo: /b",
         f"{ENTRY}: path, local_repo and repo name different folders; keep path"),
        ("github_repo: me/bad, plan_size: 1, plan_size: 2", f"{ENTRY}.plan_size: stands twice"),
    ],
)  # fmt: skip
def test_a_broken_repository_is_left_alone(tmp_path: Path, block: str, sentence: str) -> None:
    text = "github_projects:\n  p:\n    repos:\n"
    whole = load(tmp_path, f"{text}      - {{{block}}}\n      - {{github_repo: me/good}}\n")
    assert [repo.slug for repo in whole.repositories] == ["me/good"]
    (broken,) = whole.broken
    assert broken.project == "p"
    assert broken.problems[0].startswith(f"config.yaml:4: {sentence}")


@pytest.mark.parametrize("entry", ["me/web", "null", "[1]", "5"])
def test_an_entry_that_is_no_block_of_keys(tmp_path: Path, entry: str) -> None:
    text = f"github_projects:\n  p:\n    repos:\n      - {entry}\n      - github_repo: me/good\n"
    whole = load(tmp_path, text)
    assert [repo.slug for repo in whole.repositories] == ["me/good"]
    assert "must be a block of keys" in whole.broken[0].problems[0]


def test_a_repository_that_stands_twice_is_not_guessed_at(tmp_path: Path) -> None:
    text = one("      - {github_repo: ME/Web, plan_size: 1}\n      - {github_repo: me/good}\n")
    whole = load(tmp_path, text)
    assert [repo.slug for repo in whole.repositories] == ["me/good"]
    assert [broken.problems[0].split(": ")[0] for broken in whole.broken] == [
        "config.yaml:4", "config.yaml:5",
    ]  # fmt: skip


def test_a_checkout_that_is_not_allowed(tmp_path: Path) -> None:
    whole = load(tmp_path, "allowed_repos: [~/lib]\n" + one("        path: ~/web\n"))
    said = [problem for broken in whole.broken for problem in broken.problems]
    assert whole.repositories == ()
    assert any("/home/me/web is not in allowed_repos" in problem for problem in said)


# --- Secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize("key", ["github_token", "telegram_bot_token", "dashboard_shared_secret"])
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, mode: int, key: str) -> None:
    (said,) = problems(tmp_path, f"{key}: abcdef", mode=mode)
    assert said.startswith(f"config.yaml:1: {key}: ")
    assert f"mode {mode:o}" in said and f"chmod 600 {tmp_path}/config.yaml" in said
    assert "abcdef" not in said
    assert load(tmp_path, f"{key}: ${{IT}}", mode=mode, IT="abcdef")


def test_a_token_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abcdef")
    token.chmod(0o644)
    (said,) = problems(tmp_path, "github_token_file: token")
    assert f"chmod 600 {token}" in said and "abcdef" not in said
    token.chmod(0o600)
    token.write_text("two words")
    (said,) = problems(tmp_path, "github_token_file: token")
    assert "must hold one word" in said and "two" not in said
    token.unlink()
    (said,) = problems(tmp_path, "github_token_file: token")
    assert said.startswith("config.yaml:1: github_token_file: ")
    assert "not there; the token of GitHub belongs there" in said and "example" not in said


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    text = "github_token: abcdef\ntelegram_bot_token: ghijkl\ndashboard_shared_secret: mnopqr\n"
    whole = load(tmp_path, text)
    assert not re.search("abcdef|ghijkl|mnopqr", f"{whole} {whole!r}")
    said = problems(tmp_path, text + "max_attempt: 1\n")
    assert not re.search("abcdef|ghijkl|mnopqr", str(said))


@pytest.mark.parametrize(
    "value", ["9" * 5000, "!!int many", "!!float few", "!!bool maybe", "!!timestamp soon"]
)
def test_a_value_that_its_tag_cannot_be_is_told_with_its_line(tmp_path: Path, value: str) -> None:
    [said] = problems(tmp_path, f"max_attempts: 3\nmax_reworks: {value}\n")
    assert said.startswith("config.yaml:2: is not YAML: a value that cannot be read as !!")


def test_a_path_with_a_zero_byte_is_told(tmp_path: Path) -> None:
    [said] = problems(tmp_path, 'github_token_file: "a\\0b"\n')
    assert "is no name of a file" in said


def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token", 0o600)
    [said] = problems(tmp_path, "github_token_file: token\n")
    assert said.endswith("token: cannot be read: it is no regular file")
