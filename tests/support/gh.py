"""GitHub's own command line against a served forge: real programs, a private configuration.

    gh = Gh(github, tmp_path)                     # Debian's, or whichever is on PATH
    gh("issue", "list", "-R", "maria/library")    # what it printed
    gh.json("pr", "view", "4", "--json", "title")

gh talks plain HTTP to the host github.localhost, and every request of it goes to the forge as its
proxy, so that the forge needs neither a name nor a port that are its own. git does the same.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import forge as forge_support

HOST = "github.localhost"
PROJECTS_SINCE = (2, 31)


@cache
def version(program: str) -> tuple[int, ...]:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"gh version (\d+)\.(\d+)", told.stdout)
    return tuple(map(int, found.groups())) if found else ()


def any_program() -> str | None:
    return shutil.which("gh")


def with_projects() -> str | None:
    """One that knows `gh project`: beside this Python, or on PATH."""
    for program in (str(Path(sys.executable).parent / "gh"), shutil.which("gh")):
        if program and os.access(program, os.X_OK) and version(program) >= PROJECTS_SINCE:
            return program
    return None


class Gh:
    def __init__(
        self, github: forge_support.Github, folder: Path, program: str = "gh", who: str = "maria"
    ) -> None:
        home = folder / f"{who}-home"
        config = home / "gh"
        config.mkdir(parents=True)
        (config / "hosts.yml").write_text(
            f"{HOST}:\n    oauth_token: {who}-token\n    user: {who}\n    git_protocol: https\n"
        )
        self.program, self.home = program, home
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C",
            "GH_CONFIG_DIR": str(config), "GH_HOST": HOST, "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1", "TZ": "UTC",
            "HTTP_PROXY": github.url, "http_proxy": github.url,
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        }

    def run(
        self, *words: str, cwd: Path | None = None, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *words], env=self.environment, cwd=cwd or self.home, input=given,
            capture_output=True, text=True, check=False, timeout=60,
        )

    def __call__(self, *words: str, cwd: Path | None = None) -> str:
        done = self.run(*words, cwd=cwd)
        assert done.returncode == 0, f"gh {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self(*words))

    def git(self, *words: str, cwd: Path) -> str:
        """git as somebody has it who lets gh tell the password."""
        done = subprocess.run(
            ["git", "-c", "user.name=Maria", "-c", "user.email=maria@users.noreply.github.com",
             *words],
            env=self.environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=60,
        )
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout
