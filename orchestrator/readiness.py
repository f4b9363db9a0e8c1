"""Whether an agent could start at all, looked at without starting it: that costs no attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from orchestrator import containment, cooling
from orchestrator.adapters import files
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.versions import Versions
from orchestrator.agents.base import Credential, Requirements
from orchestrator.records import regex
from orchestrator.records.config import Network
from orchestrator.records.task import TaskType
from orchestrator.rules.routing import Unavailable
from orchestrator.world import World

LARGEST = 1_000_000
SHORTEST = 8  # no provider gives a key of fewer letters
# What stands in examples where a key belongs.
PLACEHOLDER = regex.late(
    r"(?i)(?:^|[-_ <{\[])(?:your|change|replace|insert|placeholder|example|dummy|todo|fixme|paste"
    r"|here)(?:[-_ >}\]]|$)|^(?:none|null|undefined|secret|token|api[-_ ]?key|key|password)$"
    r"|change[-_ ]?me|replace[-_ ]?(?:me|this)|[<>\s]|\$\{|\.\.\.|\u2026|x{5,}|\*{3,}"
)
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
    reason = (
        _without(world, needs)
        or containment.missing(world, name)
        or _no_browser(world, name, task_type)
    )
    if reason:
        return Unavailable(reason)
    if not needs.credentials:
        return Ready()
    faults: list[str] = []
    resting: list[Unavailable] = []
    for one in needs.credentials:
        key = secret(world, one)
        if isinstance(key, Missing):
            faults += [key.reason] if key.reason else []
            continue
        rest = cooling.rest_of(world, name, one.account)
        if rest is None:
            return Ready(account=one.account, key=key)
        resting.append(Unavailable(f"{one.account or 'it'}: {rest.reason}", rest.until))
    if resting:
        return min(resting, key=lambda rest: (rest.until is None, rest.until))
    return Unavailable(_no_login(needs, faults))


def secret(world: World, one: Credential) -> str | Missing:
    """The secret of one login, "" where a file is login enough; Missing says why there is none."""
    if one.variable:
        value = world.environment.get(one.variable, "").strip()
        if not value:
            return Missing("")
        return Missing(f"{one.variable} is a placeholder") if placeholder(value) else value
    for path in _paths(world, one):
        if not path.exists():
            continue
        return _in_file(path, one.field)
    return Missing("")


class Missing(Struct, frozen=True):
    """No login there; `reason` is "" where nothing is there at all."""

    reason: str


def placeholder(value: str) -> bool:
    """Whether a key is none that any provider gave, but the words that stood in its place."""
    return len(value) < SHORTEST or PLACEHOLDER.search(value) is not None


def _without(world: World, needs: Requirements) -> str:
    """The first thing that is not there: a program, its version, a variable."""
    search = world.environment.get("PATH", "")
    install = f" ({needs.install})" if needs.install else ""
    for program in needs.programs:
        if files.find_program(program, search) is None:
            return f"its program {program} is not on PATH{install}"
    for variable in needs.variables:
        if not world.environment.get(variable):
            return f"the environment has no {variable}"
    if not needs.minimum:
        return ""
    program = files.find_program(needs.programs[0], search) or ""
    found = Versions(world.paths.state / "versions").of(program, search)
    if not found or found >= needs.minimum:
        return ""  # one that does not tell its version may be a wrapper of somebody's
    told, wanted = (".".join(map(str, numbers)) for numbers in (found, needs.minimum))
    return f"its program {needs.programs[0]} is {told}, older than {wanted}{install}"


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
    install = f"; {needs.install}" if needs.install else ""
    return f"it is not logged in: there is none of {places}{said}{install}"


def _paths(world: World, one: Credential) -> Iterator[Path]:
    """Its paths with the HOME and the variables in them; one whose variable is unset is none."""
    for path in one.paths:
        head, _, rest = path.partition("/")
        name = "HOME" if head == "~" else head.removeprefix("$")
        folder = world.environment.get(name, "")
        if folder.startswith("~/"):
            folder = world.environment.get("HOME", "") + folder[1:]
        if folder and Path(folder).is_absolute():
            found = Path(folder) / rest if rest else Path(folder)
            if rest or found.is_file():
                yield found


def _in_file(path: Path, field: str) -> str | Missing:
    """The secret in a field of a JSON file; "" for a file that needs only be there and readable."""
    try:
        text = files.read_bounded(path.resolve(), LARGEST).decode("utf-8")
        told = json.loads(text) if field else None
    except (OSError, NotReadable) as error:
        return Missing(f"{path} cannot be read: {error}")
    except (ValueError, RecursionError):
        return Missing(f"{path} is not JSON")
    if not field:
        return "" if text.strip() else Missing(f"{path} is empty")
    value = told.get(field) if isinstance(told, dict) else None
    if not isinstance(value, str) or not value.strip():
        return Missing(f"{path} has no {field}")
    if placeholder(value.strip()):
        return Missing(f"{field} in {path} is a placeholder")
    return value.strip()
