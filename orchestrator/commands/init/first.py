"""The first issue: what to suggest, and how it is filed once and set Ready."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.adapters.gh_founding import Founding
from orchestrator.commands.init.boards import Place
from orchestrator.commands.init.repositories import Chosen
from orchestrator.commands.init.scene import Scene
from orchestrator.commands.init.steps import Step
from orchestrator.commands.init.voice import Voice
from orchestrator.intake import READY_LABEL
from orchestrator.records.config import PATCH
from orchestrator.rules import access

NOBODY = (
    "no agent that is asked can start yet, and a Ready issue that nobody can take comes back to you"
)
NONE, SUGGESTED = "none", "suggested"
CI_TITLE = "Run the tests on every pull request"
CI_BODY = """\
## Goal
A workflow of GitHub Actions runs the tests of this repository for every pull request.

## Success criteria
- `.github/workflows/ci.yml` runs on `pull_request`, and on `push` to `{base}`.
- It sets the repository up from a clean checkout, and runs {command}.

## Constraints
- Nothing else is changed, and no secret is needed.
"""
README_TITLE = "Say in the README how the tests are run"
README_BODY = """\
## Goal
Somebody who is new here finds in `README.md` how to run the tests.

## Success criteria
- A short section names the command ({command}), and what has to be installed before.
- What it says is true: the command was run.

## Constraints
- No other file is changed.
"""
HEADING_TITLE = "Say it in the heading of the README"
HEADING_BODY = """\
## Goal
Replace `{old}` with `{new}` in `README.md`.

## Success criteria
- That line is changed, and the tests pass.

## Constraints
- No other file is changed.
"""


def suggestion(one: Chosen, able: Sequence[str]) -> tuple[str, str]:
    """A small piece of work that is worth having and that those who can start can do."""
    command = f"`{one.test}`" if one.test else "the tests"
    if tuple(able) == (PATCH.name,) and one.found.heading:
        said = f"tests: {one.test}" if one.test and "`" not in one.test else "with Agent OS"
        new = f"{one.found.heading} ({said})"
        return HEADING_TITLE, HEADING_BODY.format(old=one.found.heading, new=new)
    if not one.found.has_ci:
        return CI_TITLE, CI_BODY.format(base=one.repository.default_branch, command=command)
    return README_TITLE, README_BODY.format(command=command)


def ask(
    scene: Scene, voice: Voice, one: Chosen, able: Sequence[str]
) -> tuple[str, str] | None:
    """Title and text of the issue to file; None for none. `able` are the agents that can start."""
    said = scene.wishes.first_issue
    title, body = suggestion(one, able)
    if said is None and (one.known or not voice.asks):
        return None  # one that was set up before has had its first
    if said is None:
        voice.title("A first issue")
        voice.say(f"A small one shows that everything works. In {one.slug}, for example:")
        voice.item("1", title, "bold")
        if not able:
            voice.say(f"It would be filed and not set Ready: {NOBODY}.", "yellow")
        said = voice.ask("1, or words of your own, or Enter for none")
        said = SUGGESTED if said == "1" else said or NONE
    if said == NONE:
        return None
    if said == SUGGESTED:
        return title, body
    head, _, rest = said.partition("\n")
    return head.strip(), rest.strip()


def step(
    scene: Scene, voice: Voice, one: Chosen, place: Place, login: str, issue: tuple[str, str],
    able: Sequence[str],
) -> Step:  # fmt: skip
    """File it unless this account has filed it already, and set it Ready if anybody can start."""
    title, body = issue
    there = scene.account.issue_titled(one.slug, title, login)
    if there is not None and shown(scene, place, one.slug, there):
        return Step(said=f"{one.slug}#{there}, {title!r}, is filed already")
    how = f"the label {READY_LABEL}" if not place.wanted else "Ready on the board"
    if not able:
        how = f"{'without that label' if not place.wanted else 'in Backlog'}: {NOBODY}"
    said = f"file an issue in {one.slug}: {title!r}, {how}"

    def file() -> str:
        place.check()
        number = there or scene.founding.create_issue(one.slug, title=title, body=body)
        show(scene, one, place, number, "ready" if able else "backlog")
        link = f"{scene.config.github_web_url}/{one.slug}/issues/{number}"
        if able:
            return f"filed {link}, and set it Ready"
        voice.remains(
            f"{one.slug}#{number} is filed and not Ready: {NOBODY}. When one can, set it Ready:",
            f"gh issue edit {number} -R {access.repository(scene.config.github_web_url, one.slug)} "
            f"--add-label {READY_LABEL}",
        )
        return f"filed {link}, and did not set it Ready"

    return Step(said=said, act=file)


def show(scene: Scene, one: Chosen, place: Place, number: int, status: str) -> None:
    """Put it under that status of the board; where there is none, Ready is a label."""
    founding: Founding = scene.founding
    if place.seen is not None:
        node = scene.world.read.issue_node(one.slug, number)
        item = founding.add_to_board(place.seen.id, node)
        seen = scene.boards.one(place.owner, place.seen.number, place.field_name)
        option = next(o.id for o in seen.options if o.name == place.words.called[status])
        founding.set_status(seen.id, item, seen.field_id, option)
    elif status == "ready":
        founding.add_label(one.slug, number, READY_LABEL)


def shown(scene: Scene, place: Place, slug: str, number: int) -> bool:
    """Whether nothing is to be done for it: closed, on the board, or its label was ours to set."""
    if not place.wanted or not scene.world.read.issue_is_open(slug, number):
        return True
    if place.seen is None:
        return False
    entries = scene.world.read.board(place.owner, place.seen.number, place.field_name).entries
    return any(
        entry.repo.lower() == slug.lower() and entry.number == number and entry.item.status
        for entry in entries
    )
