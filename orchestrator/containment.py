"""What each order may see, reach and use, by the config and by what this machine can (S1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import structs

from orchestrator import alerts
from orchestrator.adapters import bubblewrap, credentials, programs, watch
from orchestrator.adapters.bubblewrap import Layer
from orchestrator.agents import sandbox
from orchestrator.agents.base import Agent
from orchestrator.executors.local import Local
from orchestrator.records.config import AgentConfig, Network, RepositoryConfig, Sandbox
from orchestrator.records.order import AttemptOrder, AttemptReport, GitView, Limits, Loan, Walls
from orchestrator.records.task import Task
from orchestrator.world import World

GB = 1_000_000_000
SHARE_OF_MEMORY = 0.75  # of the machine's; the rest is the system's and ours
MOST_FILES = 50  # of a lent folder that are searched for keys
# Files of ours that a variable names, wherever they lie.
NAMED_FILES = ("AGENT_OS_CONFIG", "DEEPSEEK_OPENROUTER_CONFIG")


def layer(world: World) -> Layer | None:
    """What contains programs on this machine, by name, or why nothing does; None elsewhere."""
    return world.executor.layer() if isinstance(world.executor, Local) else None


def missing(world: World, name: str) -> str:
    """Why an agent that may only run in a sandbox cannot start here, with what to do; else ""."""
    config = config_of(world, name)
    if config.sandbox is not Sandbox.REQUIRED:
        return ""
    found = layer(world)
    if found is None or found.program:
        return ""
    return f"it may only run in a sandbox, and {found.problem}"


def config_of(world: World, name: str) -> AgentConfig:
    return world.config.agent(name) or AgentConfig(name=name)


def of_agent(
    world: World,
    repository: RepositoryConfig,
    agent: Agent,
    order: AttemptOrder,
    *,
    git: GitView | None,
) -> AttemptOrder:
    """The agent's order within the walls that its config and the repository's ask for."""
    config = config_of(world, agent.name)
    hosts = (
        *sandbox.HOSTS.get(config.kind, ()),
        *sandbox.PACKAGES,
        *config.hosts,
        *repository.allowed_hosts,
        *(_address(one.base_url) for one in config.providers.values() if one.base_url),
        *_told(order),
    )
    walls = _walls(world, order, config.readable)
    lent = (*_logins(world, agent, order), *_named(config, world, order))
    return structs.replace(
        order,
        sandbox=config.sandbox,
        network=config.network,
        hosts=tuple(dict.fromkeys(hosts)) if config.network is Network.PROVIDERS else (),
        walls=structs.replace(
            walls,
            lent=tuple(loan for loan in lent if loan.source != loan.target),
            writable=tuple(loan.source for loan in lent if loan.source == loan.target),
        ),
        limits=limits(repository),
        git=git,
    )


def of_command(
    world: World,
    repository: RepositoryConfig,
    order: AttemptOrder,
    *,
    network: Network,
    git: GitView | None = None,
    readable: tuple[str, ...] = (),
) -> AttemptOrder:
    """setup_command and test_command run what an agent may have written: the same walls."""
    hosts = (*sandbox.PACKAGES, *repository.allowed_hosts)
    return structs.replace(
        order,
        sandbox=repository.command_sandbox,
        network=network,
        hosts=hosts if network is Network.PROVIDERS else (),
        walls=_walls(world, order, (*readable, *repository.command_readable)),
        limits=limits(repository),
        git=git,
    )


def limits(repository: RepositoryConfig) -> Limits:
    memory = repository.max_memory_gb * GB or watch.machine_memory() * SHARE_OF_MEMORY
    return Limits(
        memory_bytes=int(memory),
        disk_bytes=int(repository.max_disk_gb * GB) or None,
        processes=repository.max_processes,
    )


def told(world: World, task: Task, who: str, report: AttemptReport) -> None:
    """Say of a run that it had no walls, and which hosts it asked for in vain."""
    where = f"{task.repo} {task.task_id}"
    if report.containment == "none" and report.exit_code is not None:
        said = f"{who} ran without a sandbox: {report.uncontained}"
        world.say(f"{where}: {said}")
        world.events.add("uncontained", task=task, reason=said)
    if report.refused_hosts:
        asked = ", ".join(report.refused_hosts[:10])
        said = f"{who} asked for hosts that it may not reach: {asked} (allowed_hosts adds them)"
        world.say(f"{where}: {world.redact(said)}")
        world.events.add("network_refused", task=task, reason=said)


def alarm(world: World, task: Task, name: str, tampered: tuple[str, ...]) -> None:
    """A person hears of an agent that changed what git runs or heeds (G8)."""
    if not tampered:
        return
    what = ", ".join(tampered)
    alerts.alert(
        world,
        f"tampered-{task.task_id}-{task.runs}",
        f"{task.repo} {task.task_id}: {name} changed git's own files ({what}); they were put back,"
        " and nothing of it was run or pushed. Look at its log before you trust it again.",
        task=task,
    )


def hidden(world: World) -> tuple[str, ...]:
    """Everything of ours and of the operator's that no program of an order may see.

    Disks at the top of the file system are the operator's too, whatever they are called.
    """
    paths, config = world.paths, world.config
    ours = (
        paths.root, paths.runtime, paths.mailbox, paths.logs, paths.worktrees, paths.objectives,
        paths.evidence, paths.code,
    )  # fmt: skip
    checkouts = (one.path for one in config.repositories if one.path)
    files = (config.source, *config.secret_files, *map(world.environment.get, NAMED_FILES))
    home = world.environment.get("HOME") or os.path.expanduser("~")
    said = (*map(str, ours), *checkouts, *files, home, *bubblewrap.disks())
    return tuple(dict.fromkeys(path for path in said if path and os.path.isabs(path)))


def _walls(world: World, order: AttemptOrder, readable: tuple[str, ...]) -> Walls:
    """What is ours is hidden; programs on the PATH, and those that the order names, are shown."""
    covered = hidden(world)
    below = (*sandbox.HIDDEN, *sandbox.EMPTY, *covered, *map(os.path.realpath, covered))
    named = (word for word in order.argv if word.startswith("/"))
    shown = programs.installations(
        order.environment.get("PATH", ""), (order.argv[0], *named), below
    )
    return Walls(hidden=covered, readable=(*shown, *readable))


def _logins(world: World, agent: Agent, order: AttemptOrder) -> Iterator[Loan]:
    """What the program's adapter says it needs of the operator's HOME, at the same place."""
    home = world.environment.get("HOME", "")
    for path in getattr(agent.requirements(), "login", ()):
        yield Loan(
            source=os.path.join(home, path.path.removeprefix("~/")),
            target=os.path.join(order.home, path.path.removeprefix("~/")),
            writable=path.writable,
        )


def _named(config: AgentConfig, world: World, order: AttemptOrder) -> Iterator[Loan]:
    """What the config lends: `login`, and folders that a variable it hands over leads to."""
    home = world.environment.get("HOME", "").rstrip("/")
    for path in config.login:
        inside = home and path.startswith(home + "/")
        target = order.home + path[len(home) :] if inside else path
        yield Loan(source=path, target=target, writable=True)
    covered = {*hidden(world), *sandbox.HIDDEN}
    for name in config.environment:
        value = order.environment.get(name, "").rstrip("/")
        if os.path.isabs(value) and not any((one + "/").startswith(value + "/") for one in covered):
            yield Loan(source=value, target=value, writable=True)


def learn_logins(world: World) -> None:
    """The keys in the login files of all agents are ours to redact: what one agent left may hold
    another's (S15). Programs renew them while they run, so that each attempt asks twice."""
    home = Path(world.environment.get("HOME") or "/nonexistent")
    paths: list[Path] = []
    for name, agent in world.agents.items():
        needs = agent.requirements()
        named = (path for one in needs.credentials for path in one.paths)
        below = (path.removeprefix("~/") for path in named if path.startswith("~/"))
        paths += (home / path for path in (*(one.path for one in needs.login), *below))
        for lent in map(Path, config_of(world, name).login):
            paths += sorted(lent.iterdir())[:MOST_FILES] if lent.is_dir() else (lent,)
    found = (key for path in dict.fromkeys(paths) for key in credentials.keys(path))
    world.redact.learn(*found)


def _told(order: AttemptOrder) -> Iterator[str]:
    """The hosts of the addresses that its environment gives it, such as ANTHROPIC_BASE_URL."""
    for name, value in order.environment.items():
        if name.endswith(("_URL", "_BASE", "_ENDPOINT")) and (address := _address(value)):
            yield address


def _address(url: str) -> str:
    """`host:port` of a URL, "" where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""
