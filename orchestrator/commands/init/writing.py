"""What is written on this machine: the token, the config and a file of objectives for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator import settings
from orchestrator.adapters import files
from orchestrator.agents.roster import NAMED
from orchestrator.commands.init.boards import Place
from orchestrator.commands.init.repositories import Chosen
from orchestrator.commands.init.scene import Scene, placed
from orchestrator.commands.init.steps import Step
from orchestrator.records.config import AutomationMode
from orchestrator.records.errors import AgentOSError
from orchestrator.rules import installation
from orchestrator.texts import configuration
from orchestrator.texts.configuration import CannotExtend, Installation, Project, Repository

EXAMPLE = "example.objective.yaml"
COPY = "Copy to objectives/<repository>.yaml: "  # said of the example, and done by this
LARGEST = 1_000_000


class NotExtended(AgentOSError):
    """The config is written in a way in which nothing can be put in; the lines are in the text."""

    exit_code = 20


def keep_token(scene: Scene) -> list[Step]:
    token = scene.token
    if token is None or not token.file:
        return []
    if not token.to_keep:
        return [Step(said=f"the token is kept in {token.file}")]

    def keep() -> str:
        home = scene.world.environment.get("HOME") or str(Path.home())
        place = placed(token.file, home)
        files.make_folder(place.parent)
        files.write_durably(place, f"{token.secret.reveal()}\n".encode(), replace=True)
        return ""

    return [Step(said=f"keep the token ({token.told}) in {token.file}, mode 0600: cron sees no "
                 "environment of yours", act=keep)]  # fmt: skip


def objectives(scene: Scene, chosen: Sequence[Chosen]) -> tuple[list[Step], dict[str, str]]:
    """A file for each repository, from the example; and what the config says of them."""
    found: list[Step] = []
    names: dict[str, str] = {}
    folder = scene.world.paths.objectives
    example = files.read_bounded(scene.world.paths.code / EXAMPLE, LARGEST).decode()
    for one in chosen:
        name = one.name if one.name not in names.values() else one.slug.replace("/", "__")
        names[one.slug] = f"{name}.yaml"
        path = folder / f"{name}.yaml"
        shown = f"objectives/{name}.yaml"
        if path.exists():
            found.append(Step(said=f"{shown} is there"))
            continue

        def write(path: Path = path, one: Chosen = one) -> str:
            files.make_folder(path.parent)
            files.write_durably(path, objective(example, one).encode(), replace=False)
            return ""

        found.append(Step(said=f"write {shown} from {EXAMPLE}: what {one.slug} is for, for you to "
                          "fill in; nothing reads it before the config names it", act=write))
    return found, names  # fmt: skip


def objective(example: str, one: Chosen) -> str:
    """The example's text about this repository."""
    told = example.replace(COPY, "")
    told = told.replace("yourname/web", one.slug)
    told = told.replace("evidence/web/", f"evidence/{one.name}/")
    return told.replace("product_name: Web", f"product_name: {configuration.scalar(one.name)}")


def config(
    scene: Scene, chosen: Sequence[Chosen], places: Mapping[str, Place], lane: AutomationMode,
    names: Mapping[str, str], telegram: Mapping[str, str],
) -> Step:  # fmt: skip
    """The file anew, or more of it; it replaces nothing before the loader has taken it."""
    new = [one for one in chosen if not one.known]
    if not scene.text:
        def write() -> str:
            for where in places.values():
                where.check()
            said = the_installation(scene, new, places, lane, names, telegram)
            text = configuration.fresh(said, f"{scene.world.clock.now():%Y-%m-%d}")
            place(scene, text)
            return f"wrote {scene.source}"

        told = f"write {scene.source}, mode 0600, lane {lane.value}"
        return Step(said=told, act=write)
    missing = {key: value for key, value in telegram.items() if key not in scene.text}
    if not new and not missing:
        return Step(said=f"{scene.source} has all of it")

    def extend() -> str:
        for where in places.values():
            where.check()
        projects = [project(scene, place, new) for place in places.values()]
        with_all = [one for one in projects if one.repositories]
        try:
            text = configuration.extended(scene.text, with_all)
        except CannotExtend as error:
            raise NotExtended(
                f"{scene.source} is written in a way in which nothing can be put in safely; it was "
                "not touched. Put this in yourself:\n" + "\n".join(error.lines)
            ) from error
        backup = place(scene, configuration.appended(text, missing))
        return f"{scene.source} has {named}; as it was: {backup}"

    named = ", ".join((*(one.slug for one in new), *missing))
    return Step(said=f"add {named} to {scene.source}; your own lines and comments stay, and a copy "
                "of it as it was", act=extend)  # fmt: skip


def the_installation(
    scene: Scene, new: Sequence[Chosen], places: Mapping[str, Place], lane: AutomationMode,
    names: Mapping[str, str], telegram: Mapping[str, str],
) -> Installation:  # fmt: skip
    owner = new[0].repository.owner
    api = scene.config.github_api_url
    agents = scene.wishes.agents
    thinkers = tuple(name for name in agents if name in {kind.value for kind in NAMED})
    return Installation(
        owner=owner, lane=lane.value, token_file=scene.token.file if scene.token else "",
        projects=tuple(project(scene, place, new) for place in places.values()),
        api_url="" if api == installation.PUBLIC_API else api, agents=agents, thinkers=thinkers,
        objectives=names, telegram=telegram,
    )  # fmt: skip


def project(scene: Scene, place: Place, new: Sequence[Chosen]) -> Project:
    """The part of the config about one account's board."""
    those = tuple(
        Repository(
            slug=one.slug, test_command=one.test, setup_command=one.setup,
            has_ci=one.found.has_ci,
        )
        for one in new if one.repository.owner.lower() == place.of.lower()
    )  # fmt: skip
    number = place.seen.number if place.seen else None
    if key := key_of(scene, place):
        return Project(key=key, repositories=those)
    return Project(
        key=free_key(scene, place), owner=place.owner, number=number,
        words=place.words.called if place.seen else {}, repositories=those,
    )  # fmt: skip


def key_of(scene: Scene, place: Place) -> str:
    """What the config calls the project with this board, "" where none has it."""
    for repository in scene.config.repositories:
        if place.config and repository.board == place.config and repository.project:
            return repository.project
    return ""


def free_key(scene: Scene, place: Place) -> str:
    taken = {repository.project for repository in scene.config.repositories}
    base = place.owner.lower()
    names = [base, *(f"{base}-{number}" for number in range(2, 100))]
    return next(name for name in names if name not in taken)


def place(scene: Scene, text: str) -> str:
    """Put the text in the config's place once it loads; the name of the copy of the old one."""
    trial = scene.source.with_name(f"{scene.source.name}.new")
    files.write_durably(trial, text.encode(), replace=True)
    try:
        loaded = settings.load(trial, scene.world.environment)
        problems = [one for broken in loaded.broken for one in broken.problems]
        if problems:
            raise AgentOSError("; ".join(problems))
        if scene.stamp is None:
            if scene.source.exists() and not scene.source.stat().st_size:
                files.remove_file(scene.source)  # it is empty: nothing is lost with it
            files.move_durably(trial, scene.source)
            return ""
        stamp = f"{scene.world.clock.now():%Y%m%dT%H%M%SZ}"
        backup = scene.source.with_name(f"{scene.source.name}.bak-{stamp}")
        files.write_durably(backup, scene.text.encode(), replace=True)
        files.swap_durably(scene.source, text.encode(), expected=scene.stamp)
        return backup.name
    finally:
        files.remove_file(trial)
