"""What in the login files of the agents' programs is a key, for the redactor to know."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from orchestrator.adapters import credentials
from tests.support import tokens

CHANCE = random.Random(7)
KEY, ACCESS, REFRESH = (tokens.made(form, CHANCE) for form in ("sk-<A40>", "<A60>", "<h64>"))
PLAIN = "correct-horse-battery"  # random by no measure, and a key by its name
FILES = {
    "codex": {
        "OPENAI_API_KEY": KEY,
        "tokens": {"access_token": ACCESS, "refresh_token": REFRESH, "id_token": PLAIN},
        "last_refresh": "2026-11-22T19:00:00.123456Z",
    },
    "claude": {
        "claudeAiOauth": {
            "accessToken": ACCESS, "refreshToken": REFRESH, "expiresAt": 1764000000000,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max",
        },
        "organizationKey": KEY, "sessionSecret": PLAIN,
    },
    "gemini": {
        "access_token": ACCESS, "refresh_token": f"{REFRESH}\n", "token_type": "Bearer",
        "scope": "https://www.googleapis.com/auth/cloud-platform openid", "id_token": KEY,
        "client_secret": PLAIN,
    },
    "opencode": {
        "openai": {"type": "oauth", "access": ACCESS, "refresh": REFRESH, "expires": 1764000000000},
        "openrouter": {"type": "api", "key": KEY}, "mine": {"type": "api", "key": PLAIN},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_keys_of_a_login_file_and_nothing_else_of_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps(FILES[name]))
    assert set(credentials.keys(path)) == {KEY, ACCESS, REFRESH, PLAIN}


def test_a_file_that_is_no_json_is_searched_word_by_word(tmp_path: Path) -> None:
    path = tmp_path / "login.toml"
    path.write_text(f'[login]\nmodel = "a-model-of-today"\ntoken = "{ACCESS}"\n')
    assert credentials.keys(path) == (ACCESS,)


@pytest.mark.parametrize("content", [None, b"", b"[" * 100_000, b"\xff\x00", b'{"key": 5}'])
def test_what_cannot_be_read_holds_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    if content is not None:
        path.write_bytes(content)
    assert credentials.keys(path) == () and credentials.keys(tmp_path) == ()
