"""Whether an agent could start at all, looked at without starting it: that costs no attempt."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from orchestrator import containment, cooling
from orchestrator.adapters import credentials, files
from orchestrator.adapters.versions import Versions
from orchestrator.agents.base import Requirements
from orchestrator.records.config import Network
from orchestrator.records.task import TaskType
from orchestrator.rules.routing import AND_THEN, Unavailable
from orchestrator.world import World

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "firefox",
    "firefox-esr",
)  # fmt: skip
PLAYWRIGHT = ("chromium-*", "chromium_headless_shell-*", "firefox-*", "webkit-*")


class Ready(Struct, frozen=True, kw_only=True):
    """It can start, with this login where one was asked for: the secret, and whose it is."""

    account: str = ""
    key: str = ""


def look(world: World, name: str, task_type: TaskType) -> Ready | Unavailable:
    """Whether the agent can start here now, and with which login; the reason is for a person.

    An agent with several logins starts with the first that is there and does not rest.
    """
    needs = world.agents[name].requirements()
    without = _without(world, needs)
    if without:
        return without
    reason = containment.missing(world, name) or _no_browser(world, name, task_type)
    if reason:
        return Unavailable(reason)
    if not needs.credentials:
        return Ready()
    faults: list[str] = []
    resting: list[Unavailable] = []
    for one in needs.credentials:
        key = credentials.secret(world.environment, one)
        if isinstance(key, credentials.Missing):
            faults += [key.reason] if key.reason else []
            continue
        rest = cooling.rest_of(world, name, one.account)
        if rest is None:
            return Ready(account=one.account, key=key)
        resting.append(Unavailable(f"{one.account or 'it'}: {rest.reason}", rest.until))
    if resting:
        return min(resting, key=lambda rest: (rest.until is None, rest.until))
    return Unavailable(_no_login(needs, faults), mend=needs.sign_in)


def absent(
    world: World, name: str, task_type: TaskType = TaskType.IMPLEMENTATION
) -> Unavailable | None:
    """Why the agent cannot start here, None where it can; one that rests could."""
    if name not in world.agents:
        return Unavailable("no agent is called so", mend="name it under agents in the config")
    found = look(world, name, task_type)
    return found if isinstance(found, Unavailable) and found.until is None else None


def _without(world: World, needs: Requirements) -> Unavailable | None:
    """The first thing that is not there: a program, its version, a variable."""
    search = world.environment.get("PATH", "")
    for program in needs.programs:
        if files.find_program(program, search) is None:
            cure = AND_THEN.join(filter(None, (needs.install, needs.sign_in)))
            return Unavailable(f"its program {program} is not on PATH", mend=cure)
    for variable in needs.variables:
        if not world.environment.get(variable):
            return Unavailable(f"the environment has no {variable}")
    if not needs.minimum:
        return None
    program = files.find_program(needs.programs[0], search) or ""
    found = Versions(world.paths.state / "versions").of(program, search)
    if not found or found >= needs.minimum:
        return None  # one that does not tell its version may be a wrapper of somebody's
    told, wanted = (".".join(map(str, numbers)) for numbers in (found, needs.minimum))
    said = f"its program {needs.programs[0]} is {told}, older than {wanted}"
    return Unavailable(said, mend=needs.install)


def _no_browser(world: World, name: str, task_type: TaskType) -> str:
    """Why it cannot do a task of the browser: none is here, or it may not reach the web."""
    if task_type is not TaskType.BROWSER_AUTOMATION:
        return ""
    config = world.config.agent(name)
    if config is not None and config.network is not Network.ALLOW:
        return (
            f"browser_automation needs the web, and its network is {config.network} "
            f"(agents.{name}.network: allow)"
        )
    search = world.environment.get("PATH", "")
    if any(files.find_program(browser, search) for browser in BROWSERS):
        return ""
    home = world.environment.get("HOME", "")
    said = world.environment.get("PLAYWRIGHT_BROWSERS_PATH", "")
    kept = Path(said) if said else Path(home) / ".cache" / "ms-playwright"
    if any(found for pattern in PLAYWRIGHT for found in kept.glob(pattern)):
        return ""
    return "browser_automation needs a browser: chromium, google-chrome, firefox or playwright's"


def _no_login(needs: Requirements, faults: list[str]) -> str:
    names = [one.variable for one in needs.credentials if one.variable]
    files_ = [one.paths[0] for one in needs.credentials if one.paths]
    places = ", ".join(dict.fromkeys((*names, *files_)))
    said = f" ({'; '.join(dict.fromkeys(faults))})" if faults else ""
    return f"it is not logged in: there is none of {places}{said}"
