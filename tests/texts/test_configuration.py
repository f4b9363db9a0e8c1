"""A new config.yaml loads; one that a person keeps gets more, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import settings
from orchestrator.records.config import AutomationMode
from orchestrator.texts import configuration, source
from orchestrator.texts.configuration import CannotExtend, Installation, Project, Repository

WEB = Repository(slug="maria/web", test_command="npm test -- --ci, #all", setup_command="npm ci")
NEW = Project(key="maria", owner="maria", number=3, repositories=(WEB,))
ACME = Project(
    key="acme", owner="acme", number=7, words={"backlog": "Todo", "ready": "Ready", "done": "Off"},
    repositories=(Repository(slug="acme/api"),),
)  # fmt: skip


def load(tmp_path: Path, text: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return settings.load(path, {"HOME": str(tmp_path), "ORCH_ROOT": str(tmp_path)})


def test_a_new_file_loads_and_says_what_was_asked(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-secret-token")
    (tmp_path / "token").chmod(0o600)
    said = Installation(
        owner="maria", lane="dispatcher_only", projects=(NEW, ACME), token_file="~/token",
        api_url="https://github.example.com/api/v3", agents=("patch",),
        objectives={"maria/web": "web.yaml"}, telegram={"telegram_chat_id": "-100: x"},
    )  # fmt: skip
    config = load(tmp_path, configuration.fresh(said, "2026-11-28"))
    assert not config.broken
    web, api = config.repositories
    assert (web.test_command, web.setup_command) == (WEB.test_command, WEB.setup_command)
    assert web.automation_mode is AutomationMode.DISPATCHER_ONLY
    assert web.agent_fallbacks["docs"] == ("patch",)
    assert not web.format_issues
    assert web.board is not None and api.board is not None
    assert (web.board.owner, web.board.number, web.board.backlog) == ("maria", 3, "Backlog")
    assert (api.board.owner, api.board.backlog, api.board.done) == ("acme", "Todo", "Off")
    assert config.github_token is not None and config.telegram_chat_id == "-100: x"


@pytest.mark.parametrize("lane", ["full", "dispatcher_only"])
@pytest.mark.parametrize("has_ci", [True, False])
def test_each_comment_is_true_for_what_was_answered(lane: str, has_ci: bool) -> None:
    bare = Project(key="x", owner="maria", repositories=(
        Repository(slug="maria/bare", has_ci=has_ci),
    ))  # fmt: skip
    said = Installation(owner="maria", lane=lane, projects=(bare,), objectives={"maria/bare": "b"})
    text = configuration.fresh(said, "2026-11-28")
    assert ("To graduate" in text) == (lane == "dispatcher_only")
    assert ("CI alone tests" in text) == has_ci
    assert ("#allow_no_ci: true" in text and "nothing tests" in text) == (not has_ci)
    assert "take the # away, and\n# agents are told so" in text


@pytest.mark.parametrize("owner", ["", "null", "yes", "123", "a: b", "#x", "'", "ü"])
def test_every_text_is_one_text(owner: str) -> None:
    assert source.parse(f"a: [{configuration.scalar(owner)}]")[0] == {"a": [owner]}


KEPT = {
    "block": """\
# mine
github_owner: maria   # me
github_projects:
    shop:             # the shop's board
        project_number: 1
        repos:
        - github_repo: maria/shop   # first
          test_command: |
            make \\
              test

        # - later
    # no more boards

max_attempts: 2
""",
    "flow lists": """\
github_owner: maria
github_projects:
  shop: {project_number: 1, repos: [{github_repo: maria/shop, test_command: "a, b"}]}
agents: {}""",
    "trailing comma": """\
github_projects:
  shop:
    repos: [
      {github_repo: maria/shop},
    ]
github_owner: maria
""",
    "quoted keys": 'github_owner: maria\n"github_projects":\n  \'shop\':\n    repos: []\n',
    "no projects": "github_owner: maria\ngithub_repo: maria/old\n",
    "an empty key": "github_projects:\ngithub_owner: maria\n",
    "without a last newline": "github_owner: maria\ngithub_projects:\n  shop:\n    repos: []",
}
SHOP = Project(key="shop", repositories=(WEB, Repository(slug="maria/api")))


@pytest.mark.parametrize("name", KEPT)
def test_a_board_is_added_and_the_rest_stays(name: str) -> None:
    before = KEPT[name]
    after = configuration.extended(before, [NEW, ACME])
    assert in_order(before, after)
    data = source.parse(after)[0]
    old = source.parse(before)[0]
    assert {key: data[key] for key in old if key != "github_projects"} == {
        key: value for key, value in old.items() if key != "github_projects"
    }
    assert data["github_projects"]["maria"] == {
        "project_number": 3,
        "repos": [{"github_repo": "maria/web", "setup_command": "npm ci",
                   "test_command": "npm test -- --ci, #all"}],
    }  # fmt: skip
    assert data["github_projects"]["acme"]["github_owner"] == "acme"
    for key, value in (old.get("github_projects") or {}).items():
        assert data["github_projects"][key] == value


@pytest.mark.parametrize("name", sorted(set(KEPT) - {"no projects", "an empty key"}))
def test_repositories_are_added_to_a_board_that_is_there(name: str) -> None:
    before = KEPT[name]
    after = configuration.extended(before, [SHOP])
    assert in_order(before, after)
    old = source.parse(before)[0]["github_projects"]["shop"]["repos"]
    repos = source.parse(after)[0]["github_projects"]["shop"]["repos"]
    assert repos[: len(old)] == old
    assert [one["github_repo"] for one in repos[len(old) :]] == ["maria/web", "maria/api"]


def in_order(before: str, after: str) -> bool:
    """Whether every word of the one stands in the other, in its order: comments too."""
    rest = iter(after.split())
    return all(
        any(word == one or one.startswith(word.rstrip("]}")) for one in rest)
        for word in before.split()
    )


@pytest.mark.parametrize(
    "text",
    ["{github_projects: {shop: {repos: []}}}", "github_projects: {shop: {repos: []}}\n", "- a\n",
     "github_projects: [a]\n"],
)  # fmt: skip
def test_what_cannot_be_extended_is_shown_instead(text: str) -> None:
    with pytest.raises(CannotExtend) as stop:
        configuration.extended(text, [NEW])
    assert "      - github_repo: maria/web" in stop.value.lines


def test_keys_are_appended_once() -> None:
    values = {"telegram_chat_id": "5", "github_owner": "eve"}
    once = configuration.appended("github_owner: maria\n# the end", values)
    assert once == "github_owner: maria\n# the end\ntelegram_chat_id: '5'\n"
    assert configuration.appended(once, values) == once


def test_what_an_edit_would_change_is_shown_instead() -> None:
    """An alias: what is put in at one place would be read at two."""
    shared = """\
github_projects:
  shop: &same
    repos:
      - github_repo: maria/shop
  other: *same
"""
    with pytest.raises(CannotExtend):
        configuration.extended(shared, [Project(key="shop", repositories=(WEB,))])
