"""Where it all happens: what is installed here already, the token, and a world to look with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from orchestrator import paths as rooms
from orchestrator import settings, tick
from orchestrator import world as worlds
from orchestrator.adapters import files, gh_keys
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.files import Stamp
from orchestrator.adapters.gh_account import Account
from orchestrator.adapters.gh_boards import Boards
from orchestrator.adapters.gh_founding import Founding
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.commands.init.voice import Voice
from orchestrator.commands.init.wishes import Wishes
from orchestrator.records.config import Config, Secret
from orchestrator.records.config_file import GlobalFile
from orchestrator.records.errors import AgentOSError, ConfigError
from orchestrator.rules import access, hosts, installation
from orchestrator.world import World

KEPT_AT = "~/.config/agent-os/github-token"
LARGEST = 1_000_000
VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
NO_TOKEN = """\
There is no token for GitHub. One of these gives one:
  gh auth login{at} -s project          (apt-get install gh), and nothing has to be kept here
  GITHUB_TOKEN=... bin/init.sh      made at {web}/settings/tokens/new?scopes=repo,project
  bin/init.sh --token-file PATH     a file that holds it, mode 0600"""


def no_token(web: str) -> str:
    return NO_TOKEN.format(web=web, at=access.at(web))


class NoToken(AgentOSError):
    """Nobody has a token for us."""

    exit_code = 30


@dataclass(frozen=True, kw_only=True)
class Token:
    """`file` is what the config names, "" where `gh` is asked; `to_keep`: it is not there yet."""

    secret: Secret
    told: str
    file: str = ""
    to_keep: bool = False


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`text` and `stamp` are of the config that is there, "" and None where there is none yet."""

    root: Path
    source: Path
    wishes: Wishes
    world: World
    token: Token | None
    text: str = ""
    stamp: Stamp | None = None

    @property
    def config(self) -> Config:
        return self.world.config

    @property
    def account(self) -> Account:
        return Account(self.world.read.door)

    @property
    def boards(self) -> Boards:
        return Boards(self.world.read.door)

    @property
    def founding(self) -> Founding:
        """The way to write what is written once."""
        write = self.world.write
        assert isinstance(write, GitHubWrite)
        return Founding(key=write.key, api_url=write.api_url, limits=self.world.limits)


def enter(wishes: Wishes, environment: Mapping[str, str], voice: Voice, clock: Clock) -> Scene:
    """Read what is there; raises ConfigError where it must be mended first, and NoToken."""
    root = settings.root_of(environment)
    source = settings.find(root, environment).absolute()
    if not source.exists() or not source.stat().st_size:
        return anew(root, source, wishes, environment, voice, clock)
    raw, stamp = files.read_stamped(source, LARGEST)
    text = raw.decode("utf-8")
    config = settings.load(source, environment, text=text, tokenless=True)
    if config.broken:
        raise ConfigError(tuple(one for broken in config.broken for one in broken.problems))
    if wishes.api_url and wishes.api_url != config.github_api_url:
        said = f"{source} is for {config.github_api_url}, not for {wishes.api_url}"
        raise ConfigError((f"{said}; another GitHub wants a config of its own (AGENT_OS_CONFIG)",))
    token = None
    lost = config.token_origin
    if config.github_token is None and lost is not None and not wishes.only_cron:
        voice.item("note", f"the token's file {lost.name} is not there", "yellow")
        found = token_for(config.github_api_url, wishes, environment, voice)
        token = replace(found, file=lost.name, to_keep=True)
        config = structs.replace(config, github_token=token.secret)
    world = built(config, environment, clock)
    if not (world.config.signed_in or wishes.only_cron):
        raise NoToken(no_token(config.github_web_url))
    return Scene(
        root=root, source=source, wishes=wishes, world=world, token=token, text=text, stamp=stamp
    )


def anew(
    root: Path, source: Path, wishes: Wishes, environment: Mapping[str, str], voice: Voice,
    clock: Clock,
) -> Scene:  # fmt: skip
    """As if the config that is to be written were there."""
    api = wishes.api_url or installation.PUBLIC_API
    if wrong := hosts.trouble(api):
        raise ConfigError((f"--api-url {api}: {wrong}",))
    token = token_for(api, wishes, environment, voice)
    top = GlobalFile(github_api_url=api)
    home = environment.get("HOME") or str(Path.home())
    values, faults = installation.values(top, str(source.parent), str(root), home)
    if faults:
        raise ConfigError(tuple(fault.sentence for fault in faults))
    config = structs.replace(Config(**values), github_token=token.secret, source=str(source))
    world = built(config, environment, clock)
    return Scene(root=root, source=source, wishes=wishes, world=world, token=token)


def built(config: Config, environment: Mapping[str, str], clock: Clock) -> World:
    paths = rooms.build(config)
    tick.prepare(paths)
    return worlds.build(
        script="init", config=config, paths=paths, clock=clock, environment=environment,
        say=lambda line: None, dry_run=True, only=None,
    )  # fmt: skip


def token_for(
    api: str, wishes: Wishes, environment: Mapping[str, str], voice: Voice
) -> Token:
    """The first token that is to be had; cron sees no environment, so that one is to be kept."""
    home = environment.get("HOME") or str(Path.home())
    named = wishes.token_file
    place = placed(named or KEPT_AT, home)
    if named and place.exists():
        return Token(secret=Secret(settings.kept(place)), told=f"read from {named}", file=named)
    for variable in VARIABLES:
        if given := environment.get(variable, "").strip():
            return Token(
                secret=Secret(given), told=f"of {variable}", file=named or KEPT_AT,
                to_keep=not (place.exists() and settings.kept(place) == given),
            )  # fmt: skip
    if place.exists():
        return Token(secret=Secret(settings.kept(place)), told=f"read from {KEPT_AT}", file=KEPT_AT)
    if found := gh_keys.of_gh(environment, api):
        return Token(secret=Secret(found), told="the one that gh is logged in with")
    if not voice.asks:
        raise NoToken(no_token(hosts.doors(api)[1]))
    voice.say(no_token(hosts.doors(api)[1]))
    given = voice.ask("Or paste one here (it is not shown), Enter to stop", secret=True)
    if not given:
        raise NoToken("Stopped: without a token nothing can be set up.")
    return Token(secret=Secret(given), told="pasted", file=named or KEPT_AT, to_keep=True)


def placed(path: str, home: str) -> Path:
    return Path(home, path[2:]) if path.startswith("~/") else Path(path).absolute()
