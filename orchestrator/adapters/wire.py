"""What crosses the network by git: look, fetch, and push with the SHA we expect there (G6, G9)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from orchestrator.adapters import git, process
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.git import Git, GitError
from orchestrator.adapters.limits import Limits
from orchestrator.adapters.store import is_damage
from orchestrator.records import regex
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble

TIMEOUT_SECONDS = 300.0
FIRST = 3.0  # so much longer a fetch may take that brings the whole of a repository
OURS = regex.late(r"refs/(?:heads/agent|salvage)/[A-Za-z0-9][A-Za-z0-9._/-]*")
SHA = regex.late(r"[0-9a-f]{40}")
# A stalled transfer ends by itself, long before the deadline of the whole command.
STALL = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")
# The header of the next lines would be sent to whatever host a redirect names.
NO_REDIRECT = ("-c", "http.followRedirects=false")
# Three lines after the last error, about a check that is off because nobody reads its answer.
NO_ADVICE = ("-c", "advice.fetchShowForcedUpdates=false")
# Of git's own words, in LC_ALL=C. The first that fits counts.
WORDS: tuple[tuple[Trouble, re.Pattern[str]], ...] = (
    (Trouble.READ_ONLY, regex.late(r"was archived so it is read-only")),
    (Trouble.RATE, regex.late(r"returned error: 429|too many requests|rate limit")),
    (
        Trouble.AUTH,
        regex.late(
            r"authentication failed|could not read (?:username|password)|terminal prompts disabled"
            r"|returned error: 401"
            r"|invalid username or (?:password|token)|permission denied \(public"
        ),
    ),
    (
        Trouble.PERMISSION,
        regex.late(r"returned error: 403|write access to repository not granted|access denied"),
    ),
    (
        Trouble.NOT_FOUND,
        regex.late(
            r"repository .*not found|returned error: (?:404|30\d)"
            r"|does not appear to be a git repository|couldn't find remote ref"
            r"|does not exist|unable to update url base from redirection"
        ),
    ),
    (
        Trouble.NETWORK,
        regex.late(
            r"could not resolve|couldn't connect|failed to connect|"
            r"connection (?:refused|reset|timed|closed)|early eof|hung up"
            r"|timed out|timeout|operation too slow|rpc failed|tls|ssl"
            r"|returned error: 5\d\d|network is unreachable|empty reply|unexpected disconnect"
        ),
    ),
)
SENTENCES = {
    Trouble.AUTH: "the token was refused; check github_token and that it has not expired",
    Trouble.PERMISSION: "the token may not do this; it needs Contents: write on the repository",
    Trouble.READ_ONLY: "it was archived so is read-only; unarchive it, or take it off the config",
    Trouble.NOT_FOUND: "it does not exist, has moved, or the token may not see it",
    Trouble.RATE: "the server asks us to slow down",
    Trouble.NETWORK: "the server could not be reached or the connection broke",
    Trouble.UNKNOWN: "git failed",
}


class Pushed(Struct, frozen=True, tag=True):
    """The remote took it."""


class AlreadyThere(Struct, frozen=True, tag=True):
    """The remote stood like that before, or took an earlier try whose answer was lost."""


class Refused(Struct, frozen=True, tag=True):
    """The remote has something else there, or a rule against it; nothing was changed."""

    remote_sha: str | None
    reason: str


class ForbiddenPush(AgentOSError):
    """A push that this program never makes, wherever the request came from: a defect of ours."""


class Wire:
    """The remote side of all repositories, with the one key that opens them.

    The token goes to git as an `http.<url>.extraHeader` in the environment of that process: it
    is never in argv, in a config file or in a URL, needs no helper program, and saves the
    request that an askpass costs because git then first asks without credentials (G9).
    """

    def __init__(
        self,
        key: Key | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        limits: Limits | None = None,
    ) -> None:
        self._key = key
        self._limits = limits
        self._timeout_seconds = timeout_seconds

    def ls(self, url: str, ref: str) -> str | None:
        """The SHA of a full ref name at the remote, or None; raises GitHubTrouble."""
        self._wait()
        words = ("git", *git.FLAGS, *STALL, *NO_REDIRECT, "ls-remote", "--", url, ref)
        done = self._opened(
            url,
            lambda credential: process.run(
                words, cwd="/", environment=git.environment(credential),
                timeout_seconds=self._timeout_seconds,
            ),
        )  # fmt: skip
        if done.exit_code != 0 or done.timed_out:
            raise self._trouble(url, done)
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            sha, _, name = line.partition("\t")
            if name == ref:
                return sha
        return None

    def fetch(self, store: Path, url: str, refspecs: tuple[str, ...]) -> None:
        """Bring refs of the remote into a store, one request; raises GitHubTrouble.

        A refspec without `*` whose ref is not there is NOT_FOUND. `--prune` forgets the refs that
        a pattern covers and the remote no longer has.
        """
        self._wait()
        # A store that has fetched anything holds a pack of it (`fetch.unpackLimit`).
        fetched = any(store.glob("objects/pack/*.pack"))
        done = self._git(
            store, url, *NO_ADVICE, "fetch", "--quiet", "--no-tags", "--prune", "--no-auto-gc",
            "--no-recurse-submodules", "--no-write-fetch-head", "--no-show-forced-updates",
            "--", url, *refspecs, longer=1.0 if fetched else FIRST,
        )  # fmt: skip
        if done.exit_code != 0 or done.timed_out:
            raise self._trouble(url, done)

    def push(
        self, store: Path, url: str, sha: str, ref: str, *, expected: str
    ) -> Pushed | AlreadyThere | Refused:
        """Set `ref` at the remote to `sha`, if it stands at `expected` ("": must not exist) (G6).

        After a broken connection a look at the remote decides; raises GitHubTrouble where that
        cannot be had, or the remote still stands at `expected`; GitError where it is our store
        that is damaged, which a remote takes for a broken connection.
        """
        _allowed(ref, sha, expected)
        return self._moved(store, url, ref, target=sha, expected=expected)

    def delete(
        self, store: Path, url: str, ref: str, *, expected: str
    ) -> Pushed | AlreadyThere | Refused:
        """Remove `ref` at the remote if it stands at `expected`; gone already is fine (M15)."""
        if not expected:
            raise ForbiddenPush(f"{ref} was to be deleted without knowing where it stands.")
        _allowed(ref, expected, expected)
        return self._moved(store, url, ref, target=None, expected=expected)

    def _moved(
        self, store: Path, url: str, ref: str, *, target: str | None, expected: str
    ) -> Pushed | AlreadyThere | Refused:
        self._wait()
        done = self._git(store, url, *push_words(url, ref, target=target, expected=expected))
        flag, reason = _verdict(done.stdout.decode("utf-8", "replace"), ref)
        if done.exit_code == 0 and not done.timed_out:
            return AlreadyThere() if flag == "=" else Pushed()
        if (limit := self._trouble(url, done)).trouble is Trouble.RATE:
            raise limit
        there = self.ls(url, ref)
        if there == target:
            return AlreadyThere()
        if is_damage(_ours(done)):
            raise GitError("push", done)
        if there == (expected or None) and flag != "!":
            raise self._trouble(url, done)
        return Refused(there, reason or f"the remote stands at {there or 'nothing'}")

    def _wait(self) -> None:
        """A pause that GitHub asked for holds for git too."""
        if self._limits is not None:
            self._limits.before_read()

    def _trouble(self, url: str, done: process.Completed) -> GitHubTrouble:
        trouble = _trouble(url, done)
        if self._limits is None:
            return trouble
        # Of a refused token the API has the last word: git says so of a closed repository too.
        if trouble.trouble is Trouble.AUTH and self._limits.is_taken:
            said = f"{trouble}; GitHub's API takes the token, so it is refused there, or for git"
            return GitHubTrouble(Trouble.NETWORK, said)
        return self._limits.heard(trouble, {}) if trouble.trouble is Trouble.RATE else trouble

    def _git(
        self, store: Path, url: str, *words: str, longer: float = 1.0
    ) -> process.Completed:
        seconds = self._timeout_seconds * longer
        return self._opened(
            url,
            lambda credential: Git(store, extra=credential, timeout_seconds=seconds).attempt(
                *STALL, *NO_REDIRECT, *words
            ),
        )

    def _opened(
        self, url: str, run: Callable[[dict[str, str]], process.Completed]
    ) -> process.Completed:
        """Run it with our key; once more where the key was refused and there is another."""
        if self._key is None or urlsplit(url).scheme not in {"http", "https"}:
            return run({})
        token = self._key.reveal()
        done = run(self._credential(url, token))
        refused = done.exit_code != 0 and _trouble(url, done).trouble is Trouble.AUTH
        if refused and self._key.renew(token):
            return run(self._credential(url, self._key.reveal()))
        return done

    @staticmethod
    def _credential(url: str, token: str) -> dict[str, str]:
        pair = f"x-access-token:{token}".encode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {base64.b64encode(pair).decode()}",
        }


def push_words(url: str, ref: str, *, target: str | None, expected: str) -> tuple[str, ...]:
    """The words of a push; a lease without its SHA, `--force` and `+` never stand in them."""
    return (
        "push", "--porcelain", "--atomic", "--no-verify", "--no-follow-tags",
        f"--force-with-lease={ref}:{expected}", "--", url, f"{target or ''}:{ref}",
    )  # fmt: skip


def _allowed(ref: str, sha: str, expected: str) -> None:
    if not OURS.fullmatch(ref) or ".." in ref or ref.endswith((".lock", "/", ".")):
        raise ForbiddenPush(
            f"{ref} is none of ours: only refs/heads/agent/* and refs/salvage/* are ever pushed."
        )
    if not SHA.fullmatch(sha) or not (expected == "" or SHA.fullmatch(expected)):
        raise ForbiddenPush(f"A push to {ref} needs whole SHAs, not {sha!r} and {expected!r}.")


def _verdict(porcelain: str, ref: str) -> tuple[str, str]:
    """The flag and the reason that `push --porcelain` gave for a ref; empty where it gave none."""
    for line in porcelain.splitlines():
        flag, _, rest = line.partition("\t")
        names, _, said = rest.partition("\t")
        if names.endswith(f":{ref}"):
            return flag, said
    return "", ""


def _ours(done: process.Completed) -> str:
    """What git said of this side; a server's own words stand behind `remote:`."""
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if not line.startswith("remote:"))


def _trouble(url: str, done: process.Completed) -> GitHubTrouble:
    said = done.stderr.decode("utf-8", "replace").strip()
    words = said.lower()
    found = (kind for kind, pattern in WORDS if pattern.search(words))
    kind = Trouble.NETWORK if done.timed_out else next(found, Trouble.UNKNOWN)
    lines = [line for line in said.splitlines() if line and not line.startswith("warning:")]
    last = " / ".join(lines[-3:])
    return GitHubTrouble(
        kind, f"{url}: {SENTENCES[kind]}; nothing was changed here. git said: {last[:500]}"
    )
