"""GitHub as this installation meets it: the token, the clock, the boards, the repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from orchestrator.adapters import gh_survey
from orchestrator.adapters.gh_queries import Queries
from orchestrator.commands.doctor.patient import Patient
from orchestrator.records.config import BoardConfig
from orchestrator.records.diagnosis import Diagnosis, Level
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.rules import access
from orchestrator.rules.diagnosis import github as rules
from orchestrator.world import World


def everything(patient: Patient) -> Iterator[Diagnosis]:
    """The token first; without one that is taken, nothing else can be asked."""
    world = patient.world
    if world is None:
        return
    web = world.config.github_web_url
    if not world.config.signed_in:
        yield Diagnosis(
            check="token", level=Level.WRONG, sentence=f"there is no token for {web}",
            mend=access.sign_in(web),
        )  # fmt: skip
        return
    try:
        login = world.read.viewer()
    except GitHubTrouble as trouble:
        yield refused(world, trouble)
        return
    yield Diagnosis(
        check="token", level=Level.OK, sentence=f"{web} takes {whose(world)}; it is {login}'s"
    )
    boards = world.config.boards
    lacking = access.missing_scopes(
        world.limits.scopes, world.limits.kind, board=bool(boards)
    )
    yield rules.scopes(lacking, web)
    yield rules.clock(world.limits.skew)
    for one in boards:
        yield from asked(world, f"{one.owner}/{one.number}", partial(board, world, one))
    yield from asked(world, "repositories", partial(repositories, world))


def whose(world: World) -> str:
    """The token by where it was found, or the app."""
    origin, app = world.config.token_origin, world.config.github_app
    if origin is None:
        return f"the key of the app {app.id}" if app else "the token"
    return f"the token from {access.place(origin)}"


def refused(world: World, trouble: GitHubTrouble) -> Diagnosis:
    said = world.redact(str(trouble))
    if trouble.trouble is Trouble.AUTH:
        return Diagnosis(
            check="token", level=Level.WRONG, mend=world.limits.remedy,
            sentence=f"{world.config.github_web_url} refuses {whose(world)}: {said}",
        )  # fmt: skip
    return Diagnosis(
        check="github", level=Level.UNKNOWN, sentence=f"GitHub could not be asked: {said}",
        mend=f"curl -sI {world.config.github_api_url}",
    )  # fmt: skip


def asked(
    world: World, about: str, look: Callable[[], Iterator[Diagnosis]]
) -> Iterator[Diagnosis]:
    """What a look found; trouble with one thing never hides the next."""
    try:
        yield from look()
    except AgentOSError as trouble:
        yield Diagnosis(
            check="github", about=about, level=Level.UNKNOWN, sentence=world.redact(str(trouble))
        )


def board(world: World, one: BoardConfig) -> Iterator[Diagnosis]:
    name = f"{one.owner}/{one.number}"
    queries: Queries = world.read
    try:
        found = queries.board(one.owner, one.number, one.status_field).board
    except GitHubTrouble as trouble:
        if trouble.trouble not in {Trouble.NOT_FOUND, Trouble.PERMISSION}:
            raise
        yield Diagnosis(
            check="board", about=name, level=Level.WRONG, sentence=world.redact(str(trouble)),
            mend=f"{access.refresh(world.config.github_web_url, 'project')}, or mend "
            "project_number; without a board the label ready is enough",
        )  # fmt: skip
        return
    yield rules.board(name, one, found.field_id, [option.name for option in found.options])


def repositories(world: World) -> Iterator[Diagnosis]:
    configured = {repository.slug: repository for repository in world.config.repositories}
    if not configured:
        return
    told = world.read.labelled(tuple(configured), "ready")
    sights = told.sights
    bases = {
        slug: one.base_branch for slug, one in configured.items() if sights.get(slug) is not None
    }
    for slug in configured:
        if slug not in sights:  # neither seen nor closed: GitHub was too slow
            trouble = world.redact(str(told.unread.get(slug, "GitHub tells nothing of it")))
            yield Diagnosis(check="github", about=slug, level=Level.UNKNOWN, sentence=trouble)
            continue
        why = access.objection(slug, sights.get(slug), world.limits.kind)
        if why:
            yield Diagnosis(
                check="repository", about=slug, level=Level.WRONG, sentence=why,
                mend=f"gh repo view {access.repository(world.config.github_web_url, slug)}",
            )  # fmt: skip
    for slug, base in bases.items():
        yield from asked(world, slug, partial(one, world, slug, base))


def one(world: World, slug: str, base: str | None) -> Iterator[Diagnosis]:
    survey = gh_survey.of(world.read.door, {slug: base})[slug]
    repository = world.config.repository(slug)
    if survey is not None and repository is not None:
        yield from rules.repository(repository, survey, world.config.github_web_url)
