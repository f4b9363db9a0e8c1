"""What opens GitHub for us: a token of the config or environment, or the one that `gh` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.adapters import files, process
from orchestrator.records import regex
from orchestrator.rules import hosts

if TYPE_CHECKING:
    from orchestrator.adapters.limits import Limits

GH_SECONDS = 10.0
ONE_WORD = regex.late(r"[\x21-\x7e]{8,1000}")
# gh must neither ask a person, nor look for a newer gh, nor write of its requests.
QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1", "GH_DEBUG": ""}


class Key:
    """A token that stays the same."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Key(...)"

    @property
    def identity(self) -> str:
        """What stays the same for as long as GitHub counts our requests together; a secret."""
        return self._token

    def reveal(self) -> str:
        """The token for the next request; raises GitHubTrouble where none can be had."""
        return self._token

    def renew(self, refused: str) -> bool:
        """Whether there may be another token now that GitHub refused this one."""
        del refused
        return False

    def heed(self, limits: Limits) -> None:
        """Tell these limits what GitHub says to who asks it for a token; this one asks nobody."""
        del limits


def of_gh(environment: Mapping[str, str], api_url: str) -> str | None:
    """The token with which `gh` is logged in to that GitHub; None where it is not.

    It is asked with the operator's own environment, and what it says is kept nowhere.
    """
    program = files.find_program("gh", environment.get("PATH", ""))
    if program is None:
        return None
    try:
        done = process.run(
            (program, "auth", "token", "--hostname", host(api_url)),
            cwd="/",
            environment={**environment, **QUIET},
            timeout_seconds=GH_SECONDS,
        )
    except process.CannotStart:
        return None
    said = done.stdout.decode("utf-8", "replace").strip()
    return said if done.exit_code == 0 and ONE_WORD.fullmatch(said) else None


def host(api_url: str) -> str:
    """What `gh` calls the GitHub whose API is there."""
    return urlsplit(hosts.doors(api_url)[1]).hostname or ""
