"""Loads the config once: every value resolved and typed, or every problem told at once."""

from __future__ import annotations

import json
import stat
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from orchestrator.adapters import checkout, clock
from orchestrator.records.config import (
    AppConfig,
    BrokenRepository,
    Config,
    MergePolicy,
    RepositoryConfig,
    Secret,
    TokenOrigin,
)
from orchestrator.records.config_file import (
    SECRETS,
    Fault,
    GlobalFile,
    Place,
    RepositoryFile,
)
from orchestrator.records.errors import ConfigError
from orchestrator.rules import allowlist, installation, precedence, roster, update
from orchestrator.rules.allowlist import Address, Entry
from orchestrator.texts import complaints, expansion, source

CODE = Path(__file__).resolve().parents[1]
TOO_OPEN = stat.S_IRWXG | stat.S_IRWXO
GITHUB = "github_token"
TOKENS = {
    GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"),
    "telegram_bot_token": ("TELEGRAM_BOT_TOKEN",),
}
MAKE_IT = {
    GITHUB: "the token of GitHub belongs there, as its only word, mode 600; run: bin/init.sh",
    "telegram_bot_token": "the bot's token belongs there, as its only word, mode 600",
}
EMPTY = "is empty, as a write that was cut short leaves it; put a copy back, or run: bin/init.sh"

Level = TypeVar("Level", bound=msgspec.Struct)


def root_of(environment: Mapping[str, str]) -> Path:
    """Where everything of ours lives: `ORCH_ROOT`, else the folder this package is in."""
    said = environment.get("ORCH_ROOT")
    return Path(said).absolute() if said else CODE


def find(root: Path, environment: Mapping[str, str]) -> Path:
    """The config file: `AGENT_OS_CONFIG`, else `config.yaml` in the root."""
    said = environment.get("AGENT_OS_CONFIG")
    return Path(said).expanduser() if said else root / "config.yaml"


def load(
    path: Path, environment: Mapping[str, str], *, text: str | None = None, tokenless: bool = False
) -> Config:
    """The config in that file; a fault inside one repository's block costs only that repository.

    `text` is read instead of the file where the caller kept a copy of it (C12). With `tokenless`
    a file of GitHub's token that is not there is no fault: its place is in `token_origin`.
    """
    path = path.absolute()
    text = read(path) if text is None else text
    if not text:
        raise ConfigError((f"{path.name}: {EMPTY}",))
    home = environment.get("HOME") or str(Path.home())
    data, faults = understood(path, text, environment, home)
    top, entries, shape = typed(data)
    if shape:
        faults += misshapen(data, shape)
    if top is None:  # what is misshapen left out, to find what else is wrong
        top, entries, _ = typed(source.without(data, [fault.path for fault in faults]))
    if top is None:
        raise ConfigError(complaints.told(faults, path.name, source.marks(text)[0]))
    here = str(path.parent)
    addresses, unknown = allowlist.addresses(top, entries, here)
    values, wrong = installation.values(top, here, str(root_of(environment)), home)
    tokens, bare = secrets(top, here, environment, tokenless=tokenless)
    app, unsigned = application(top, here)
    if app is not None:
        tokens |= {"github_app": app, "github_token": None, "token_origin": None}
    faults += [*unknown, *wrong, *bare, *unsigned, *strange(top, entries), *nowhere(top)]
    broken: tuple[BrokenRepository, ...] = ()
    if faults:
        broken = only_repositories(faults, data, path.name, source.marks(text)[0])
    spoilt = {place_of(fault.path) for fault in faults}
    own = update.slug_of(checkout.remote(CODE), values["github_web_url"])
    repositories = tuple(
        guarded(top, own, resolved(top, address, values["github_web_url"]))
        for address in addresses
        if address.entry.place not in spoilt
    )
    return Config(**values, **tokens, repositories=repositories, broken=broken, source=str(path))


def read(path: Path, *, missing: str = "bin/init.sh makes it") -> str:
    """The file's text; raises ConfigError, which says with `missing` how to make the file."""
    try:
        if path.exists() and not path.is_file():  # a FIFO would be waited for without end
            raise ConfigError((f"{path}: cannot be read: it is no regular file",))
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        sentence = f"{path}: not there; {missing}"
    except UnicodeDecodeError:
        sentence = f"{path}: is not UTF-8 text"
    except OSError as wrong:
        sentence = f"{path}: cannot be read: {wrong.strerror}"
    except ValueError:  # a zero byte, which no name of a file can hold
        sentence = f"{str(path)!r}: is no name of a file"
    raise ConfigError((sentence,))


def understood(
    path: Path, text: str, environment: Mapping[str, str], home: str
) -> tuple[dict[str, Any], list[Fault]]:
    """The file's plain values with `~` and `${NAME}` filled in, and what was wrong so far."""
    try:
        data, doubled = source.parse(text)
        data = {} if data is None else data
        filled, faults = expansion.fill(data, environment, home)
    except source.Multiplied as wrong:
        raise ConfigError((f"{path.name}: {wrong}",)) from None
    except (yaml.YAMLError, RecursionError) as wrong:
        if isinstance(wrong, yaml.YAMLError) and not source.too_deep(wrong):
            raise ConfigError((f"{path.name}:{source.trouble(wrong)}",)) from None
        raise ConfigError((f"{path.name}: is nested too deep, or contains itself",)) from None
    if not isinstance(data, dict):
        raise ConfigError((f"{path.name}:1: must be keys with values, such as github_owner: me",))
    # Its last good copy is read also where the file itself is gone.
    mode = path.stat().st_mode if path.exists() else 0
    if mode & TOO_OPEN:
        faults += [
            Fault((name,), complaints.too_open("this file holds the value", str(path), mode))
            for name in expansion.literal_secrets(data, SECRETS)
        ]
    return filled, faults + (source.marks(text)[1] if doubled else [])


def typed(data: dict[str, Any]) -> tuple[GlobalFile | None, list[Entry], list[Fault]]:
    """The levels as records; one that has not the shape it should is a fault and left out."""
    faults: list[Fault] = []

    def level(value: Any, kind: type[Level], place: Place) -> Level | None:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as wrong:
            faults.append(Fault(place, str(wrong)))
            return None

    projects = data.get("github_projects")
    bare: dict[str, Any] = dict(projects) if isinstance(projects, dict) else {}
    entries: list[Entry] = []
    for key, block in bare.items():
        repos = block.get("repos") if isinstance(block, dict) else None
        if not isinstance(repos, list):
            continue
        bare[key] = block | {"repos": None}
        for index, raw in enumerate(repos):
            place = ("github_projects", key, "repos", index)
            said = level(raw, RepositoryFile, place)
            if said is not None:
                entries.append(Entry(place=place, said=said, project=key))
    if bare:
        data = data | {"github_projects": bare}
    return level(data, GlobalFile, ()), entries, faults


def misshapen(data: dict[str, Any], shape: list[Fault]) -> list[Fault]:
    """Every fault of shape by the schema, and a record's own words where the schema has none."""
    told = complaints.structure(data, schema())
    places = {place_of(fault.path) for fault in told}
    return told + [fault for fault in shape if place_of(fault.path) not in places]


def strange(top: GlobalFile, entries: list[Entry]) -> list[Fault]:
    """Agents and task types that some level speaks of and nobody knows."""
    projects = top.github_projects or {}
    levels = [((), top), *((entry.place, entry.said) for entry in entries)]
    levels += [(("github_projects", key), said) for key, said in projects.items() if said]
    return [
        Fault(found.path, complaints.unknown_word(found.what, found.word, found.words))
        for place, said in levels
        for found in roster.strangers(said, place, top.agents or {})
    ]


def nowhere(top: GlobalFile) -> list[Fault]:
    """The `timezone`, where this machine knows none called so."""
    try:
        clock.zone(top.timezone or "UTC")
    except clock.UnknownZone:
        return [Fault(("timezone",), complaints.no_zone(str(top.timezone), clock.zones()))]
    return []


def secrets(
    top: GlobalFile, here: str, environment: Mapping[str, str], *, tokenless: bool = False
) -> tuple[dict[str, Any], list[Fault]]:
    """Each token from its key, from the file its key names, or from the environment."""
    tokens: dict[str, Any] = {}
    faults: list[Fault] = []
    named = [getattr(top, f"{name}_file") for name in TOKENS]
    named += [top.github_app.key_file] if top.github_app else []
    tokens["secret_files"] = tuple(allowlist.absolute(file, here) for file in named if file)
    for name, variables in TOKENS.items():
        file = getattr(top, f"{name}_file")
        given = (environment.get(variable) for variable in variables)
        value = getattr(top, name) or (None if file else next(filter(None, given), None))
        place = Path(allowlist.absolute(file, here)) if file else None
        if not value and place and not (tokenless and name == GITHUB and not place.exists()):
            try:
                value = kept(place, missing=MAKE_IT[name])
            except ConfigError as wrong:
                faults += [Fault((f"{name}_file",), sentence) for sentence in wrong.problems]
        tokens[name] = Secret(value) if value else None
    tokens["token_origin"] = origin(top, here, environment) if not faults else None
    return tokens, faults


def origin(top: GlobalFile, here: str, environment: Mapping[str, str]) -> TokenOrigin | None:
    """Where GitHub's token stands, by the same order."""
    if top.github_token:
        return TokenOrigin("config")
    if top.github_token_file:
        return TokenOrigin("file", allowlist.absolute(top.github_token_file, here))
    named = next((name for name in TOKENS[GITHUB] if environment.get(name)), "")
    return TokenOrigin("environment", named) if named else None


def application(top: GlobalFile, here: str) -> tuple[AppConfig | None, list[Fault]]:
    """The app of `github_app` with its private key, and what is wrong with either."""
    said = top.github_app
    if said is None:
        return None, []
    if top.github_token or top.github_token_file:
        other = "github_token" if top.github_token else "github_token_file"
        return None, [Fault(("github_app",), f"stands beside {other}; keep one of them")]
    path = Path(allowlist.absolute(said.key_file, here))
    try:
        key = private(path, missing="save the app's private key there as it was downloaded")
        if "PRIVATE KEY-----" not in key:
            raise ConfigError((f"{path} must hold the app's private key, a PEM file",))
    except ConfigError as wrong:
        return None, [Fault(("github_app", "key_file"), one) for one in wrong.problems]
    number = said.installation_id
    return AppConfig(id=str(said.id), key=Secret(key), installation_id=number), []


def too_open(path: Path) -> bool:
    """Whether others may read the file: then no copy of it is used either."""
    return bool(path.stat().st_mode & TOO_OPEN) if path.exists() else False


def kept(path: Path, *, missing: str = "") -> str:
    """The secret in a file that nobody else may read."""
    text = private(path, missing=missing or MAKE_IT[GITHUB])
    if not text or len(text.split()) > 1:
        raise ConfigError((f"{path} must hold one word, the secret itself",))
    return text


def private(path: Path, *, missing: str) -> str:
    """The text of a file that nobody else may read."""
    text = read(path, missing=missing).strip()
    # Its last good copy is read also where the file itself is gone.
    mode = path.stat().st_mode if path.exists() else 0
    if mode & TOO_OPEN:
        raise ConfigError((complaints.too_open(f"{path} holds a secret", str(path), mode),))
    return text


def place_of(path: Place) -> Place:
    """The repository's part of the file in which a fault lies, or () for everybody's."""
    match path:
        case ("github_projects", _, "repos", int(), *_):
            return path[:4]
        case ("github_repos" | "allowed_repos", _, *_):
            return path[:2]
        case ("github_repo", *_):
            return path[:1]
    return ()


def only_repositories(
    faults: list[Fault], data: dict[str, Any], name: str, lines: Mapping[Place, int]
) -> tuple[BrokenRepository, ...]:
    """The repositories to leave alone; raises when a fault is everybody's."""
    where: dict[Place, list[Fault]] = defaultdict(list)
    for fault in faults:
        where[place_of(fault.path)].append(fault)
    if () in where:
        raise ConfigError(complaints.told(faults, name, lines))
    return tuple(
        BrokenRepository(
            name=called(data, place),
            project=str(place[1]) if place[0] == "github_projects" else None,
            problems=complaints.told(found, name, lines),
        )
        for place, found in where.items()
    )


def called(data: dict[str, Any], place: Place) -> str:
    value: Any = data
    for part in place:
        value = value[part]
    if isinstance(value, dict):
        value = value.get("github_repo")
    return value if isinstance(value, str) and value else complaints.spelled(place)


def resolved(top: GlobalFile, address: Address, web: str) -> RepositoryConfig:
    """One repository's value, every level considered."""
    key, slug = address.entry.project, address.slug
    projects = top.github_projects or {}
    project = projects.get(key) if key is not None else None
    named = (projects.get(entry.project or "") for entry in (address.entry, *address.also))
    found = [precedence.board(top, one, slug.partition("/")[0]) if one else None for one in named]
    board, more = found[0], dict.fromkeys(one for one in found[1:] if one is not None)
    known = {
        "slug": slug,
        "clone_url": f"{web}/{slug}.git",
        "project": key,
        "key": address.key,
        "path": address.path,
        "board": board,
        "more_boards": tuple(one for one in more if one != board),
    }
    return precedence.repository(top, project, address.entry.said, known)


def guarded(top: GlobalFile, own: str, known: RepositoryConfig) -> RepositoryConfig:
    """Changes of this program itself are merged by a person, unless the config says otherwise."""
    if known.slug.lower() != own.lower() or top.self_merge:
        return known
    return msgspec.structs.replace(known, merge=MergePolicy.APPROVED)


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of config.yaml, for editors and for telling what is wrong with one."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Agent OS configuration",
    }
    return head | msgspec.json.schema(GlobalFile)


def main(argv: list[str] | None = None) -> int:
    if (sys.argv[1:] if argv is None else argv) != ["--schema"]:
        print("usage: python -m orchestrator.settings --schema", file=sys.stderr)
        return 2
    print(json.dumps(schema(), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
