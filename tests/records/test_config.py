"""What is said of the config survives being written and read again, and no secret is shown."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.records import config, config_file

JSON = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5)
SIMPLE = {
    str: st.text(max_size=8),
    int: st.integers(1, 10**6),
    float: st.floats(0, 1e6),
    bool: st.booleans(),
    type(None): st.none(),
    Any: JSON,
}


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as msgspec means it, its constraints kept."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if origin is Annotated and inner[0] is int:
        most = 10**6
        return st.integers(max(1, inner[1].ge or 1), min(most, inner[1].le or most))
    if origin is Annotated and inner[1].pattern:
        return st.from_regex(inner[1].pattern, fullmatch=True)
    if origin is Annotated:
        return st.text(min_size=1, max_size=8) if inner[0] is str else anything(inner[0])
    if origin in {Union, types.UnionType}:
        return st.one_of(*[anything(part) for part in inner if part is not config.Secret])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(anything(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(anything(inner[0]), anything(inner[1]), max_size=2)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    needed = {name: anything(field.type) for name, field in fields.items() if field.required}
    spare = {name: anything(field.type) for name, field in fields.items() if not field.required}
    return st.fixed_dictionaries(needed, optional=spare).map(lambda said: kind(**said))


@pytest.mark.parametrize(
    "kind",
    [
        config.AgentConfig,
        config.BoardConfig,
        config.BrokenRepository,
        config.RepositoryConfig,
        config_file.AgentFile,
        config_file.ProjectFile,
        config_file.RepositoryFile,
        config_file.GlobalFile,
    ],
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_round_trip(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    value = data.draw(anything(kind))
    assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value


def test_a_secret_is_used_but_never_shown() -> None:
    secret = config.Secret("hunter2")
    folders = dict.fromkeys(
        ("root_dir", "mailbox_dir", "logs_dir", "worktrees_dir", "objectives_dir", "evidence_dir"),
        "/x",
    )
    whole = config.Config(**folders, github_token=secret, telegram_bot_token=secret)
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in f"{secret} {secret!r} {whole} {whole!r}"
    with pytest.raises(TypeError):
        msgspec.json.encode(whole)


def test_defaults_are_nobody_elses() -> None:
    one = config.RepositoryConfig(slug="me/a", clone_url="")
    one.agent_fallbacks["docs"] = ()
    assert config.RepositoryConfig(slug="me/b", clone_url="").agent_fallbacks["docs"]


@pytest.mark.parametrize("name", ["me/web", "ME/Web", "w", "/code/web", "web"])
def test_a_repository_goes_by_every_name_it_has(name: str) -> None:
    web = config.RepositoryConfig(slug="me/web", clone_url="", key="w", path="/code/web")
    whole = config.Config(
        root_dir="/x", mailbox_dir="/x", logs_dir="/x", worktrees_dir="/x", objectives_dir="/x",
        evidence_dir="/x", repositories=(web,),
    )  # fmt: skip
    assert whole.repository(name) == web
    assert whole.repository("me/other") is None
    assert whole.agent("patch") and whole.agent("nobody") is None and not whole.boards
