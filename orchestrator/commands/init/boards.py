"""The board of an account: which one, what its statuses are called, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from orchestrator.adapters import files
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.gh_boards import Card, Owner, Seen
from orchestrator.commands.init.scene import Scene
from orchestrator.commands.init.steps import Step
from orchestrator.commands.init.voice import Voice
from orchestrator.records import regex
from orchestrator.records.config import BoardConfig
from orchestrator.records.errors import AgentOSError, ConfigError, GitHubTrouble, Trouble
from orchestrator.rules import access, statuses
from orchestrator.rules.statuses import Words

LINK = regex.late(r".*/(?:users|orgs)/([^/]+)/projects/(\d+).*")
NUMBERED = regex.late(r"(?:([A-Za-z0-9-]+)/)?(\d+)")
FIELD = "Status"
GITHUBS_OWN = {"Todo", "In Progress", "Done"}
NO_PROJECTS = """\
the token may not see the Projects of {owner}, so there will be no board: the label `ready` starts
work all the same. `{refresh}` lets it, then run this again"""
LARGEST = 5_000_000


class NoBoardYet(AgentOSError):
    """What needs the board waits until it is there."""

    exit_code = 10

    def __init__(self) -> None:
        super().__init__("the board is not there yet; run this again, or with --board none")


@dataclass
class Place:
    """Where the issues of one account's repositories are shown, on a board of `owner`'s.

    `seen` is None until a new board is made; without `wanted` there is none. `config` is the
    board of a config that is there.
    """

    of: str
    owner: str
    wanted: bool = True
    seen: Seen | None = None
    account: Owner | None = None
    config: BoardConfig | None = None
    title: str = ""
    words: Words = field(default_factory=lambda: statuses.words(()))

    def check(self) -> None:
        """Raise NoBoardYet where a board is wanted that could not be made."""
        if self.wanted and self.seen is None:
            raise NoBoardYet

    @property
    def field_name(self) -> str:
        return self.config.status_field if self.config else FIELD

    @property
    def name(self) -> str:
        if self.seen is None:
            return f"a new board {self.title!r} of {self.owner}"
        return f"the board {self.seen.title!r} ({self.owner}/{self.seen.number})"


def choose(scene: Scene, voice: Voice, owner: str) -> Place:
    """The board for an account's repositories: the config's own, or one that is asked for."""
    configured = [board for board in scene.config.boards if board.owner.lower() == owner.lower()]
    wish = scene.wishes.board
    known = [one for one in scene.config.repositories if one.owner.lower() == owner.lower()]
    by_label = bool(known) and not configured
    if wish == "none" or (by_label and not wish):
        return Place(of=owner, owner=owner, wanted=False)
    if by_label:
        voice.remains(
            f"{scene.source} has {known[0].slug} without a board, and is yours: put the board's "
            f"project_number into github_projects.{known[0].project or 'NAME'} there"
        )
    try:
        if configured and not wish:
            one = configured[0]
            seen = scene.boards.one(one.owner, one.number, one.status_field)
            return settled(Place(of=owner, owner=one.owner, seen=seen, config=one))
        found = asked(scene, voice, scene.boards.of(owner), wish)
        found.of = owner
        return settled(found)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.PERMISSION:
            raise
        refresh = access.refresh(scene.config.github_web_url, "project")
        said = NO_PROJECTS.format(owner=owner, refresh=refresh).replace("\n", " ")
        voice.item("note", said, "yellow")
        voice.remains(said, refresh)
        return Place(of=owner, owner=owner, wanted=False)


def asked(scene: Scene, voice: Voice, account: Owner, wish: str) -> Place:
    title = scene.wishes.board_title
    usable = [one for one in account.boards if one.writable and not one.closed]
    same = next((one for one in usable if one.title == title), None)
    new = Place(of=account.login, owner=account.login, account=account, title=title)
    if wish not in {"", "new"}:
        return picked(scene, account, wish)
    if not voice.asks or wish == "new":
        return opened(scene, account, same.number) if same else new
    others = [one for one in usable if one is not same]
    first = f"{title!r}, number {same.number}" if same else f"a new one, {title!r}"
    names = [f"{one.title!r}, number {one.number}" for one in others]
    voice.title(f"A board of {account.login}")
    voice.say("It shows what waits, what is worked on, what needs you and what is done.")
    options = [f"{first} (recommended)", *names, "none: labels are enough for me"]
    number = voice.choose("Which board?", options)
    if number == 1:
        return opened(scene, account, same.number) if same else new
    if number == len(options):
        return Place(of=account.login, owner=account.login, wanted=False)
    return opened(scene, account, others[number - 2].number)


def picked(scene: Scene, account: Owner, wish: str) -> Place:
    """By number or link; one of another account is for another account's repositories."""
    found = LINK.fullmatch(wish) or NUMBERED.fullmatch(wish)
    if found is None:
        raise ConfigError((f"--board {wish}: new, none, a number or a link to a board",))
    login, number = found[1] or account.login, int(found[2])
    if login.lower() != account.login.lower():
        account = scene.boards.of(login)
    return opened(scene, account, number)


def opened(scene: Scene, account: Owner, number: int) -> Place:
    seen = scene.boards.one(account.login, number, FIELD)
    if not seen.field_id:
        raise ConfigError((
            f"the board {account.login}/{number} has no single-select field {FIELD!r}: make one "
            "there, or choose another board",
        ))  # fmt: skip
    return Place(of=account.login, owner=account.login, account=account, seen=seen)


def settled(place: Place) -> Place:
    """With the words of the board for our five statuses."""
    if place.seen is not None:
        said = words_of(place.config) if place.config else {}
        place.words = statuses.words([one.name for one in place.seen.options], said)
    return place


def words_of(config: BoardConfig) -> Mapping[str, str]:
    return {status: getattr(config, status) for status in statuses.FIVE}


# --- what is to be done about it --------------------------------------------------------------


def steps(scene: Scene, place: Place, slugs: Sequence[str]) -> list[Step]:
    if not place.wanted:
        return [Step(said=f"no board for {place.owner}: the label `ready` starts work")]
    found = []
    if place.seen is None:
        five = ", ".join(usual for usual, _, _ in statuses.FIVE.values())
        found.append(Step(said=f"make {place.name}: {five}", act=maker(scene, place)))
    else:
        found += on(scene, place)
    # GitHub links a board to repositories of its own account only.
    own = [slug for slug in slugs if slug.partition("/")[0].lower() == place.owner.lower()]
    return [*found, *(linked(scene, place, slug) for slug in own)]


def on(scene: Scene, place: Place) -> list[Step]:
    """Of a board that is there: its words, and the options that it lacks."""
    seen, words = place.seen, place.words
    assert seen is not None
    other = [
        f"{usual} is {words.called[status]}"
        for status, (usual, _, _) in statuses.FIVE.items()
        if words.called[status] != usual
    ]
    found = [Step(said=", on which ".join(filter(None, (place.name, ", ".join(other)))))]
    if journal(scene, place).exists():
        found.append(Step(said=f"give the cards of {place.name} their status back, which an "
                          "earlier start of this took", act=lambda: give_back(scene, place)))
    if words.missing:
        names = ", ".join(words.called[status] for status in words.missing)
        found.append(Step(said=f"add {names} to {place.name}; its own options and its cards stay",
                          act=adder(scene, place)))  # fmt: skip
    return found


def maker(scene: Scene, place: Place) -> Callable[[], str]:
    def make() -> str:
        assert place.account is not None
        made = scene.founding.create_board(place.account.id, place.title)
        seen = scene.boards.one(place.account.login, made.number, FIELD)
        place.seen = seen
        options = statuses.of_a_new_board(seen.options)
        named = scene.boards.keeps_options()
        scene.founding.put_options(seen.field_id, options, named=named)
        return f"made {place.name}: {made.url or seen.url}"

    return make


def adder(scene: Scene, place: Place) -> Callable[[], str]:
    def add() -> str:
        seen = place.seen
        assert seen is not None
        cards = scene.boards.cards(place.owner, seen.number, place.field_name)
        made_by_us = seen.title == scene.wishes.board_title and not cards
        if made_by_us and {one.name for one in seen.options} == GITHUBS_OWN:
            wanted = statuses.of_a_new_board(seen.options)
        else:
            wanted = statuses.wanted(seen.options, place.words)
        if cards:
            files.make_folder(journal(scene, place).parent)
            told = msgspec.json.encode(cards)
            files.write_durably(journal(scene, place), told, replace=True)
        scene.founding.put_options(
            seen.field_id, wanted, named=scene.boards.keeps_options()
        )
        return give_back(scene, place)

    return add


def give_back(scene: Scene, place: Place) -> str:
    """Whatever card lost its status on the way has it again; then nothing is to be kept in mind."""
    seen = scene.boards.one(place.owner, place.seen.number if place.seen else 0, place.field_name)
    place.seen = seen
    settled(place)
    path = journal(scene, place)
    try:
        kept = msgspec.json.decode(files.read_bounded(path, LARGEST), type=tuple[Card, ...])
    except (FileNotFoundError, NotReadable, msgspec.MsgspecError, RecursionError):
        kept = ()
    now = {card.item for card in scene.boards.cards(place.owner, seen.number, place.field_name)}
    ids = {option.name: option.id for option in seen.options}
    lost = [card for card in kept if card.item not in now and card.status in ids]
    for card in lost:
        scene.founding.set_status(seen.id, card.item, seen.field_id, ids[card.status])
    files.remove_file(path)
    names = ", ".join(option.name for option in seen.options)
    back = f"; {len(lost)} cards were given their status back" if lost else ""
    return f"{place.name} has {names}{back}"


def journal(scene: Scene, place: Place) -> Path:
    number = place.seen.number if place.seen else 0
    return scene.world.paths.state / f"init-cards-{place.owner}-{number}.json"


def linked(scene: Scene, place: Place, slug: str) -> Step:
    said = f"show the board on {slug}, among its projects"
    repository, shown = scene.boards.shown_by(slug)
    if place.seen is not None and place.seen.id in shown:
        return Step(said=f"{slug} shows the board")

    def link() -> str:
        place.check()
        assert place.seen is not None
        scene.founding.link_board(place.seen.id, repository)
        return ""

    return Step(said=said, act=link)
