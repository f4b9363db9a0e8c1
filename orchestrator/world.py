"""Every adapter a script may touch, built once from the config."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from orchestrator.adapters import checkout, credentials, gh_keys, process
from orchestrator.adapters.clock import Clock, zone
from orchestrator.adapters.effects import Effects
from orchestrator.adapters.events import Events
from orchestrator.adapters.gh_app import AppKey
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.adapters.gh_write import GitHubWrite, Writes
from orchestrator.adapters.limits import Limits
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.mailroom import Mailroom
from orchestrator.adapters.markers import Markers
from orchestrator.adapters.notify import Notify
from orchestrator.adapters.sightings import Sightings
from orchestrator.adapters.wire import Wire
from orchestrator.agents import roster
from orchestrator.agents.base import Agent
from orchestrator.executors.local import Local
from orchestrator.paths import Paths
from orchestrator.records import regex
from orchestrator.records.config import Config, RepositoryConfig, Secret, TokenOrigin
from orchestrator.records.errors import ConfigError, Misused, SwitchedOff
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.task import Task
from orchestrator.rules import access, hosts
from orchestrator.texts import moments
from orchestrator.texts.redact import Redactor

if TYPE_CHECKING:
    from orchestrator.adapters.gh_read import Transport

SECRET_NAME = regex.late(r"(?i:key|token|secret|passw|credential)")
# They go on while everything is off, and without a token: by them a person hears and commands.
LIFELINES = ("chat", "daily_digest")
SCRIPTS = ("github_dispatcher", "supervisor", "queue", "pr_monitor", "autopull", *LIFELINES)
PACKING = "packing"  # the lock of the one process that packs the stores


class Executor(Protocol):
    """Runs one thing and says what came of it; replaced in tests and simulation, only there."""

    def run(self, order: AttemptOrder) -> AttemptReport: ...


class Spawn(Protocol):
    """Starts a program of ours that outlives its parent; returns its pid."""

    def __call__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], log_path: str | Path
    ) -> int: ...


@dataclass(frozen=True, kw_only=True)
class World:
    """What a story gets. `only` is the one repository of `--repo`; `say` prints one line.

    `at_once` is a person's `--now`: regular jobs are due, whenever they last succeeded. `troubles`
    are the exit codes of what went wrong, `regrets` what was said of it. `code` tells which code
    and config lie on the disk now, to be compared with what it told before.
    """

    script: str
    config: Config
    paths: Paths
    clock: Clock
    locks: Locks
    mailroom: Mailroom
    events: Events
    effects: Effects
    sightings: Sightings
    markers: Markers
    limits: Limits
    read: Queries
    write: Writes
    wire: Wire
    notify: Notify
    executor: Executor
    spawn: Spawn
    agents: Mapping[str, Agent]
    environment: Mapping[str, str]
    redact: Redactor
    say: Callable[[str], None]
    code: Callable[[], object]
    dry_run: bool = False
    at_once: bool = False
    only: RepositoryConfig | None = None
    troubles: list[int] = field(default_factory=list)
    regrets: list[str] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def repositories(self) -> tuple[RepositoryConfig, ...]:
        """The configured repositories that no switch stops, or the one that was asked for."""
        chosen = (self.only,) if self.only else self.config.repositories
        return tuple(repo for repo in chosen if not self.stopped(repo.slug))

    def repository_of(self, task: Task) -> RepositoryConfig | None:
        found = self.config.repository(task.repo)
        if found is None or (self.only and self.only.slug != found.slug):
            return None
        return found

    def decided(self, where: str, verdict: str) -> bool:
        """Tell a decision with its reason; whether it may be carried out (not in a dry run)."""
        self.say(f"{where}: {verdict}" + (" [dry run]" if self.dry_run else ""))
        self.verdicts[verdict.split(maxsplit=1)[0].rstrip(":,;")] += 1
        return not self.dry_run

    def regret(self, line: str, code: int) -> None:
        """Say what went wrong; the tick will end with this code, or one that is worse."""
        self.say(line)
        self.regrets.append(line)
        self.troubles.append(code)

    @property
    def zone(self) -> tzinfo:
        """The zone of every time that a person reads."""
        return zone(self.config.timezone)

    def spoken(self, moment: datetime) -> str:
        """A time as a person reads it, in the config's `timezone`: `14:05 CEST` if it is today."""
        return moments.spoken(moment, self.zone, now=self.clock.now())

    def logs_to_read(self) -> str:
        """The folder of the logs, "" where a person's `tail` would find none there."""
        return str(self.paths.logs) if any(self.paths.logs.glob("*.log")) else ""

    def stopped(self, name: str) -> str:
        """Why `runtime/off` or `runtime/off.d/<name>` stops this now; "" when nothing does."""
        switch = self.switch_against(name)
        if switch is None:
            return ""
        return switch_reason(switch, f"runtime/{switch.relative_to(self.paths.runtime)}")

    def switch_against(self, name: str) -> Path | None:
        """The file that stops a script or a repository now, the one for all first; or None.

        GitHub may spell a repository's letters in another case than the config: both count.
        """
        known = self.config.repository(name) if "/" in name else None
        spelled = dict.fromkeys((name, known.slug if known else name))
        every = () if name in LIFELINES else (self.paths.off,)
        switches = (*every, *map(self.paths.switch, spelled))
        return next((switch for switch in switches if os.path.lexists(switch)), None)

    def idle_switches(self) -> tuple[str, ...]:
        """The files in `runtime/off.d` that stop nothing, most likely by a slip of the pen."""
        lying = {switch.name for switch in self.paths.off_d.glob("[!.]*")}
        if not lying:
            return ()
        names = (*SCRIPTS, *(repository.slug for repository in self.config.repositories))
        known = {self.paths.switch(name).name for name in names}
        known |= {broken.name.replace("/", "__") for broken in self.config.broken}
        return tuple(sorted(lying - known))

    def check_switches(self, slug: str) -> None:
        """Raise SwitchedOff before a claim, push or merge that a switch forbids (S20)."""
        for name in (slug, self.script):
            reason = self.stopped(name)
            if reason:
                raise SwitchedOff(f"{name} is switched off: {reason}; its work is kept")


def switch_reason(switch: Path, name: str) -> str:
    """What a person wrote into the file, and which file to remove."""
    try:
        words = switch.read_text(errors="replace").strip()
    except OSError:
        words = ""
    return f"{words} ({name})" if words else f"{name} exists"


def build(
    *,
    script: str,
    config: Config,
    paths: Paths,
    clock: Clock,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    dry_run: bool,
    only: str | None,
    at_once: bool = False,
    transport: Transport | None = None,
) -> World:
    """The world of production; `transport` takes the place of the network to GitHub.

    Raises Misused when `only` names no configured repository, ConfigError when its part is wrong.
    """
    config = signed_in(config, environment)
    agents = roster.build(config.agents)
    redact = Redactor(secrets(config, environment, agents))
    key = opener(config, paths, clock, redact, transport)
    locks = Locks(paths.locks, clock=clock)
    events = Events(paths.events, paths.agent_stats, clock, script, redact=redact, say=say)
    limits = Limits(
        path=paths.state / "limits.json",
        locks=locks,
        clock=clock,
        token=key.identity,
        paced=not hosts.is_here(config.github_api_url),
        remedy=access.remedy(
            access.kind_of(key.identity), config.token_origin, config.github_web_url
        ),
        spoken=lambda moment: moments.spoken(moment, zone(config.timezone), now=clock.now()),
    )
    key.heed(limits)
    door = Door(
        key=key,
        api_url=config.github_api_url,
        graphql_url=config.github_graphql_url,
        clock=clock,
        state_folder=paths.state,
        transport=transport,
        limits=limits,
        may_keep=lambda text: not dry_run and redact(text) == text,
    )
    return World(
        script=script,
        config=config,
        paths=paths,
        clock=clock,
        locks=locks,
        mailroom=Mailroom(
            paths.mailbox, locks, clock, events, cache_folder=paths.cache, read_only=dry_run
        ),
        events=events,
        effects=Effects(paths.effects, clock),
        sightings=Sightings(paths.checks),
        markers=Markers(paths.marker_key, read_only=dry_run),
        limits=limits,
        read=Queries(door),
        write=GitHubWrite(
            key=key, api_url=config.github_api_url, transport=transport, limits=limits
        ),
        wire=Wire(key if config.signed_in else None, limits=limits),
        notify=Notify(
            token=config.telegram_bot_token.reveal() if config.telegram_bot_token else "",
            api_url=config.telegram_api_url,
            redact=redact,
        ),
        executor=Local(),
        spawn=process.spawn_detached,
        agents=agents,
        environment=environment,
        redact=redact,
        say=say,
        code=lambda: (checkout.modules(paths.code), checkout.digest(config.source)),
        dry_run=dry_run,
        at_once=at_once,
        only=chosen(config, only),
    )


def signed_in(config: Config, environment: Mapping[str, str]) -> Config:
    """The config with the token of `gh`, where nothing else gives one."""
    if config.signed_in:
        return config
    found = gh_keys.of_gh(environment, config.github_api_url)
    if not found:
        return config
    origin = TokenOrigin("gh")
    return structs.replace(config, github_token=Secret(found), token_origin=origin)


def opener(
    config: Config, paths: Paths, clock: Clock, redact: Redactor, transport: Transport | None
) -> Key:
    """What opens GitHub: the token that is known, or the app's for its hour."""
    if config.github_app is None:
        return Key(config.github_token.reveal() if config.github_token else "")

    def door(key: Key) -> Door:
        return Door(
            key=key, api_url=config.github_api_url, graphql_url=config.github_graphql_url,
            clock=clock, state_folder=paths.state, transport=transport,
        )  # fmt: skip

    owners = (repo.owner for repo in config.repositories)
    return AppKey(
        config.github_app, tuple(dict.fromkeys(owners)) or (config.github_owner,), door=door,
        cache=paths.state / "app_token.json", clock=clock, learned=redact.learn,
    )  # fmt: skip


def secrets(
    config: Config, environment: Mapping[str, str], agents: Mapping[str, Agent]
) -> tuple[str, ...]:
    """What no text of ours may hold: our tokens, and the keys of agents, handed or found (S15)."""
    app = config.github_app.key if config.github_app else None
    held = (config.github_token, app, config.telegram_bot_token)
    ours = [secret.reveal() for secret in held if secret]
    named = {name for agent in config.agents.values() for name in agent.environment}
    handed = [environment.get(name, "") for name in sorted(named) if SECRET_NAME.search(name)]
    logins = (
        credentials.secret(environment, one)
        for agent in agents.values()
        for one in agent.requirements().credentials
        if not one.variable or SECRET_NAME.search(one.variable)
    )
    found = [one for one in logins if isinstance(one, str)]
    return tuple(dict.fromkeys(filter(None, (*ours, *handed, *found))))


def chosen(config: Config, only: str | None) -> RepositoryConfig | None:
    if only is None:
        return None
    found = config.repository(only)
    if found is None:
        for broken in config.broken:
            if broken.name.lower() == only.lower():
                raise ConfigError(broken.problems)
        known = ", ".join(repo.slug for repo in config.repositories) or "none"
        name = Path(config.source).name or "the config"
        raise Misused(f"--repo {only}: no such repository in {name}; it has: {known}")
    return found
