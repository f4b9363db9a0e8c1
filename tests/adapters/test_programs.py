"""A program below a hidden home stays runnable, and nothing but its installation is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters import programs

HOME = "home"
# What stands in a home: a program, or a link to one.
TREE = {
    ".npm-global/lib/node_modules/@acme/agent/cli.js": "#!/usr/bin/env node\n",
    ".npm-global/lib/node_modules/other/x.js": "",
    ".npm-global/bin/agent": "-> ../lib/node_modules/@acme/agent/cli.js",
    ".nvm/versions/node/v20/bin/node": "ELF",
    ".nvm/versions/node/v20/lib/x": "",
    ".nvm/versions/node/v20/etc/npmrc": "secret",
    ".local/bin/native": "-> ../share/native/versions/2.1/native",
    ".local/share/native/versions/2.1/native": "ELF",
    ".local/share/keyrings/login": "secret",
    ".local/pipx/venvs/tool/bin/python": "ELF",
    ".local/bin/piped": "#!{home}/.local/pipx/venvs/tool/bin/python -E\n",
    ".pyenv/shims/python": "#!/usr/bin/env bash\n",
    ".pyenv/versions/3.11/bin/python": "ELF",
    ".cargo/bin/cargo": "ELF",
    ".cargo/credentials.toml": "secret",
    "bin/mine": "#!/bin/sh\n",
    "lib/secret": "secret",
    "scripts/run.py": "#!/usr/bin/env python3\n",
    "scripts/notes": "secret",
}
PATH = (
    ".npm-global/bin", ".nvm/versions/node/v20/bin", ".local/bin", ".pyenv/shims", ".cargo/bin",
    "bin",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    top = tmp_path / HOME
    for name, text in TREE.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text.format(home=top))
            path.chmod(0o755)
    return top


def shown(home: Path, *named: str, path: tuple[str, ...] = PATH) -> set[str]:
    search = ":".join([*(f"{home}/{folder}" for folder in path), "/usr/bin", "/bin"])
    found = programs.installations(search, named, (str(home),))
    return {str(Path(one).relative_to(home)) for one in found}


def seen(home: Path, folders: set[str]) -> set[str]:
    """Every file of the tree that is shown, by a folder or by itself."""
    return {n for n in TREE if any(n == f or n.startswith(f + "/") for f in folders)}


def test_folders_of_the_path_bring_their_libraries_and_nothing_that_is_secret(home: Path) -> None:
    files = seen(home, shown(home))
    assert {
        ".npm-global/lib/node_modules/@acme/agent/cli.js", ".nvm/versions/node/v20/bin/node",
        ".nvm/versions/node/v20/lib/x", ".local/bin/native", ".local/pipx/venvs/tool/bin/python",
        ".pyenv/versions/3.11/bin/python", ".cargo/bin/cargo", "bin/mine",
    } <= files  # fmt: skip
    assert not {name for name in files if TREE[name] == "secret"}
    assert ".local/share/native/versions/2.1/native" not in files


@pytest.mark.parametrize(
    ("program", "needed"),
    [
        ("agent", ".npm-global/lib/node_modules/@acme/agent/cli.js"),
        ("agent", ".npm-global/lib/node_modules/other/x.js"),
        ("native", ".local/share/native/versions/2.1/native"),
        ("piped", ".local/pipx/venvs/tool/bin/python"),
        ("{home}/scripts/run.py", "scripts/run.py"),
    ],
)
def test_a_program_brings_what_it_leads_to(home: Path, program: str, needed: str) -> None:
    files = seen(home, shown(home, program.format(home=home)))
    assert needed in files
    assert {name for name in files if TREE[name] == "secret"} <= {"scripts/notes"}


def test_a_script_off_the_path_brings_no_more_than_its_folder(home: Path) -> None:
    alone = shown(home, f"{home}/scripts/run.py", path=())
    assert alone == {"scripts", "scripts/run.py"}


def test_the_hidden_place_itself_is_never_shown(home: Path) -> None:
    for search in (str(home), str(home.parent), "/"):
        assert programs.installations(search, (), (str(home),)) == ()
