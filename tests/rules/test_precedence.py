"""Repository over project over global, for every key that may stand on several levels."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.records.config import RepositoryConfig
from orchestrator.records.config_file import GlobalFile, ProjectFile, RepositoryFile
from orchestrator.rules import hosts, precedence

KNOWN = {"slug": "me/web", "clone_url": "https://github.com/me/web.git", "path": "/code/web"}


def combined(top: Any = None, project: Any = None, entry: Any = None) -> RepositoryConfig:
    levels = (GlobalFile(**top or {}), ProjectFile(**project or {}), RepositoryFile(**entry or {}))
    return precedence.repository(*levels, KNOWN)


def three(name: str) -> tuple[Any, Any, Any]:
    default = getattr(RepositoryConfig(slug="a/b", clone_url=""), name)
    if isinstance(default, bool):
        return (not default, default, not default)
    if isinstance(default, tuple):
        return (("c",), ("b",), ("a",))
    if isinstance(default, dict):
        return ({"docs": ("c",)}, {"docs": ("b",)}, {"docs": ("a",)})
    if isinstance(default, int | float):
        return (33, 22, 11)
    return ("c", "b", "a")


@pytest.mark.parametrize("name", precedence.NEAREST)
def test_the_nearest_level_wins(name: str) -> None:
    far, middle, near = three(name)
    assert getattr(combined({name: far}), name) == far
    assert getattr(combined({name: far}, {name: middle}), name) == middle
    assert getattr(combined({name: far}, {name: middle}, {name: near}), name) == near
    assert getattr(combined({name: far}, None, {name: near}), name) == near


@pytest.mark.parametrize(
    ("top", "project", "entry", "expected"),
    [
        ({}, {}, {}, (7, 7)),
        ({"sprint_cadence_days": 3.0}, {}, {}, (3, 3)),
        ({"sprint_cadence_days": 3.0, "groomer_cadence_days": 2.0}, {}, {}, (3, 2)),
        ({"groomer_cadence_days": 2.0}, {}, {"sprint_cadence_days": 1.0}, (1, 1)),
        ({}, {"groomer_cadence_days": 5.0}, {"sprint_cadence_days": 0.0}, (0, 0)),
        ({}, {"groomer_cadence_days": 5.0}, {}, (7, 5)),
        ({}, {}, {"sprint_cadence_days": 1.0, "groomer_cadence_days": 4.0}, (1, 4)),
    ],
)
def test_cadences(top: Any, project: Any, entry: Any, expected: tuple[float, float]) -> None:
    whole = combined(top, project, entry)
    assert (whole.sprint_cadence_days, whole.groomer_cadence_days) == expected


def test_the_older_global_names_come_last() -> None:
    old = {"default_max_attempts": 2, "default_base_branch": "trunk"}
    assert (combined(old).max_attempts, combined(old).base_branch) == (2, "trunk")
    assert combined(old | {"max_attempts": 3}).max_attempts == 3
    assert combined(old, {"base_branch": "main"}).base_branch == "main"
    assert (combined().max_attempts, combined().base_branch) == (4, None)


def test_blocks_merge_key_by_key_and_tables_of_numbers_too() -> None:
    whole = combined(
        {"planning_research": {"enabled": False, "sources": [1, 2]}, "semantic_dedup": {"a": 1},
         "agent_timeout_minutes": {"codex": 40.0, "claude": 45.0}},
        {"planning_research": {"max_sources": 2}},
        {"planning_research": {"enabled": True, "sources": [3]},
         "agent_timeout_minutes": {"codex": 5.0}, "priority_weights": {"prio:high": 99.0}},
    )  # fmt: skip
    research = {"enabled": True, "sources": [3], "max_sources": 2}
    assert whole.blocks == {"planning_research": research, "semantic_dedup": {"a": 1}}
    assert whole.agent_timeout_minutes == {"codex": 5, "claude": 45}
    assert whole.priority_weights == {"prio:high": 99, "prio:normal": 10, "prio:low": 0}


def test_an_empty_table_of_fallbacks_says_nothing_and_a_full_one_replaces() -> None:
    far = {"agent_fallbacks": {"docs": ("claude",), "design": ("codex",)}}
    assert combined(far, {"agent_fallbacks": {}}).agent_fallbacks == far["agent_fallbacks"]
    near = {"agent_fallbacks": {"docs": ("gemini",)}}
    assert combined(far, near).agent_fallbacks == near["agent_fallbacks"]


@pytest.mark.parametrize(
    ("configs", "entry", "expected"),
    [
        ({}, {}, "project"),
        ({"web": {"test_command": "folder"}}, {}, "folder"),
        ({"web": {"test_command": "folder"}, "/code/web/": {"test_command": "path"}}, {}, "path"),
        ({"/code/web": {"test_command": "path"}}, {"test_command": "own"}, "own"),
        ({"/code/web": {}}, {}, "project"),
        ({"other": {"test_command": "no"}}, {}, "project"),
    ],
)
def test_test_commands(configs: Any, entry: Any, expected: str) -> None:
    top = msgspec.convert({"repo_configs": configs, "test_command": "global"}, GlobalFile)
    project = ProjectFile(test_command="project")
    whole = precedence.repository(top, project, RepositoryFile(**entry), KNOWN)
    assert whole.test_command == expected


def test_a_board_takes_its_words_from_the_project_then_from_the_older_global_keys() -> None:
    top = GlobalFile(github_owner="me", github_project_number=3, github_project_ready_value="Go")
    assert precedence.board(GlobalFile(), ProjectFile(), "me") is None
    board = precedence.board(top, ProjectFile(done_value="Shipped"), "other")
    assert board is not None
    assert (board.owner, board.number, board.ready, board.done) == ("me", 3, "Go", "Shipped")
    own = precedence.board(
        top, ProjectFile(project_number=4, github_owner="us", ready_value="R"), ""
    )
    assert own is not None and (own.owner, own.number, own.ready) == ("us", 4, "R")


@pytest.mark.parametrize(
    ("api", "graphql", "web"),
    [
        ("https://api.github.com", "https://api.github.com/graphql", "https://github.com"),
        ("https://ghe.x.com/api/v3/", "https://ghe.x.com/api/graphql", "https://ghe.x.com"),
        ("https://api.x.ghe.com", "https://api.x.ghe.com/graphql", "https://x.ghe.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql", "http://127.0.0.1:8080"),
    ],
)
def test_every_door_follows_from_the_api(api: str, graphql: str, web: str) -> None:
    assert hosts.doors(api) == (graphql, web)
    assert hosts.trouble(api) is None


@pytest.mark.parametrize(
    "url", ["http://ghe.x.com/api/v3", "ftp://x", "x", "https://a:b@x.com", ""]
)
def test_a_token_is_not_sent_just_anywhere(url: str) -> None:
    assert hosts.trouble(url)
