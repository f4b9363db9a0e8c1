"""Which repositories, and what their own files and settings tell of each."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.adapters import gh_survey
from orchestrator.adapters.gh_account import Repository
from orchestrator.commands.init.scene import Scene
from orchestrator.commands.init.voice import Unasked, Voice
from orchestrator.records.config import AutomationMode, RepositoryConfig
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.errors import ConfigError, GitHubTrouble, Trouble
from orchestrator.rules import detection
from orchestrator.rules.diagnosis import github as rules

QUESTION = "Which repositories? Numbers or names, several with commas; other words search"
MANY = 500  # no list of more is read for one question


class Chosen(Struct, frozen=True, kw_only=True):
    """One repository with all that was found; `known`: the config has it already."""

    repository: Repository
    found: detection.Found
    test: str = ""
    setup: str = ""
    known: bool = False

    @property
    def slug(self) -> str:
        return self.repository.full_name

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]


def choose(scene: Scene, voice: Voice) -> tuple[Repository, ...]:
    """The ones that are meant, each of them one that the token may push to."""
    if scene.wishes.repos:
        return tuple(named(scene, slug) for slug in dict.fromkeys(scene.wishes.repos))
    wishes = scene.wishes
    if scene.text and (not voice.asks or wishes.telegram or wishes.telegram_token_file):
        return ()
    if not voice.asks:
        raise Unasked("Which repositories should be worked in?", "--repo OWNER/NAME")
    there: dict[str, Repository] = {}
    with voice.looking("reading the list of repositories"):
        for repository in scene.account.repositories():
            there[repository.full_name] = repository
            if len(there) >= MANY:
                break
    if not there:
        raise ConfigError((
            "the token may push to no repository: give it some (a fine-grained token lists them), "
            "or name one with --repo OWNER/NAME",
        ))  # fmt: skip

    voice.title("Repositories that the token may push to, the latest first")

    def shown(slug: str) -> str:
        one = there[slug]
        pushed = f"pushed {one.pushed_at:%Y-%m-%d}" if one.pushed_at else "never pushed"
        mine = "  (in the config already)" if scene.config.repository(slug) else ""
        return f"{slug:<36} {'private' if one.private else 'public':<8} {pushed}{mine}"

    known = [slug for slug in there if scene.config.repository(slug)]
    chosen = voice.choose_many(
        QUESTION, list(there), shown, known=known, called="those in the config"
    )
    return tuple(there[slug] for slug in chosen)


def named(scene: Scene, slug: str) -> Repository:
    if "/" not in slug:
        raise ConfigError((f"--repo {slug}: write OWNER/NAME",))
    try:
        found = scene.account.repository(slug)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.NOT_FOUND:
            raise
        raise ConfigError((f"{slug} is not there, or the token may not see it",)) from trouble
    if found.archived:
        raise ConfigError((f"{slug} is archived: nothing can be pushed",))
    if not found.permissions.push:
        raise ConfigError((f"the token may not push to {slug}; give its account write access",))
    return found


def look(scene: Scene, repository: Repository) -> Chosen:
    """Read its files over the API; the flags win over what they tell."""
    slug = repository.full_name
    tree = scene.account.tree(slug, repository.default_branch)
    found = detection.found(tree)
    wishes = scene.wishes

    def said(commands: dict[str, str], usual: detection.Command | None) -> str:
        return commands.get(slug.lower(), commands.get("", usual.text if usual else ""))

    return Chosen(
        repository=repository, found=found, test=said(dict(wishes.test_commands), found.test),
        setup=said(dict(wishes.setup_commands), found.setup),
        known=scene.config.repository(slug) is not None,
    )  # fmt: skip


def tell(scene: Scene, voice: Voice, chosen: Sequence[Chosen]) -> None:
    for one in chosen:
        voice.title(f"{one.slug} (base {one.repository.default_branch})")
        if one.known:
            voice.item("there", "already in the config: its part of it stays as it is", "green")
        voice.item("tests", told(one.test, one.found.test), "" if one.test else "yellow")
        if one.setup:
            voice.item("set-up", told(one.setup, one.found.setup))
        ci(voice, one)


def told(command: str, found: detection.Command | None) -> str:
    if not command:
        return "no command found; --test-command or test_command in the config names one"
    if found is None or found.text != command:
        return f"{command}   (as you say)"
    return f"{command}   ({'by' if found.sure else 'a guess, by'} {found.because})"


def ci(voice: Voice, one: Chosen) -> None:
    """Whether a pull request will ever be tested by GitHub, and what follows if not."""
    running = [flow.path for flow in one.found.workflows if flow.tests]
    if running or one.found.other_ci:
        voice.item("CI", f"{', '.join((*running, *one.found.other_ci))}: runs on pull requests")
        return
    why = "; ".join(f"{flow.path}: {flow.but}" for flow in one.found.workflows)
    voice.item("no CI", f"nothing runs on a pull request{f' ({why})' if why else ''}. So nothing "
               "is merged by itself: allow_no_ci is false, and green checks are what merges. A "
               "first issue can ask for CI.", "yellow")  # fmt: skip


def objections(
    scene: Scene, chosen: Sequence[Chosen], lane: AutomationMode
) -> list[Diagnosis]:
    """What GitHub's own rules would keep from being pushed or merged in the lane."""
    bases: dict[str, str | None] = {one.slug: None for one in chosen}
    if not bases:
        return []
    try:
        surveys = gh_survey.of(scene.world.read.door, bases)
    except GitHubTrouble as trouble:
        said = f"the rules of branches could not be read: {scene.world.redact(str(trouble))}"
        return [Diagnosis(check="protection", level=Level.UNKNOWN, sentence=said)]
    found: list[Diagnosis] = []
    for slug, survey in surveys.items():
        # Of CI it was told already, with what follows.
        config = scene.config.repository(slug) or RepositoryConfig(
            slug=slug, clone_url="", automation_mode=lane, allow_no_ci=True
        )
        web = scene.config.github_web_url
        found += rules.repository(config, survey, web) if survey else ()
    return [one for one in found if one.level is not Level.OK]
