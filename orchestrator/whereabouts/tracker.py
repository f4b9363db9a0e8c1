"""One look at GitHub with the dispatcher's and the pr_monitor's own rules; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from orchestrator import checklists, foresight, gh_project, intake, readonly, reverting
from orchestrator.adapters.mailbox_index import Found
from orchestrator.intake import Asked, Candidate
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Issue
from orchestrator.records.verdicts import Escalate, Merge, Wait
from orchestrator.rules import access, lanes, merge, rounds, trust
from orchestrator.rules.facts import Facts, Obstacle, View
from orchestrator.rules.lanes import Action
from orchestrator.rules.obstacles import view
from orchestrator.scrutiny import Scrutiny
from orchestrator.whereabouts import place
from orchestrator.whereabouts.account import Finding, Reason
from orchestrator.world import World

RUN_DISPATCHER = "bin/run_dispatcher.sh --now"
RUN_MONITOR = "bin/run_pr_monitor.sh --now"


class NoSuchNumber(AgentOSError):
    """What was asked about is not on GitHub."""

    exit_code = 2


def manual_steps(world: World, task: Task) -> Iterator[Finding]:
    """The steps for a person that nobody has ticked. Raises GitHubTrouble."""
    steps = checklists.left(world, task)
    where = f"tick them in the checklist on {task.repo}#{task.issue}" if task.issue else ""
    if steps:
        text = f"{len(steps)} of the steps for a person are open: {'; '.join(steps)}"
        yield Finding(reason=Reason.STEPS, text=text, step=where)


# --- an issue -------------------------------------------------------------------------------


def of_issue(
    world: World, repository: RepositoryConfig, number: int
) -> tuple[str, list[Finding]]:
    """Title, and why the dispatcher does not take it up now. Raises GitHubTrouble, NoSuchNumber."""
    try:
        node = world.read.issue_node(repository.slug, number)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.NOT_FOUND:
            raise
        raise NoSuchNumber(
            f"there is no issue or pull request #{number} in {repository.slug} that this token "
            "may see"
        ) from trouble
    found = world.read.issues([node])
    if not found:
        pull = world.read.pull_request_rest(repository.slug, number)
        state = "merged" if pull.merged_at else pull.state
        text = f"it is a pull request, {state}, and no task of ours has opened it"
        return "", [Finding(reason=Reason.NOT_HERE, text=text)]
    [issue] = found
    return issue.title, list(undispatched(world, repository, issue))


def undispatched(
    world: World, repository: RepositoryConfig, issue: Issue
) -> Iterator[Finding]:
    off = list(place.switched_off(world, repository.slug, "github_dispatcher"))
    yield from off
    if not issue.open:
        yield Finding(
            reason=Reason.CLOSED, text="the issue is closed",
            step=f"to have it done, reopen it: gh issue reopen {as_gh_says(world, issue)}",
        )  # fmt: skip
        return
    cards: list[intake.Card] = []
    for board in repository.boards:
        try:
            page = world.read.board(board.owner, board.number, board.status_field)
            gh_project.option_id(page.board, board, board.ready)
            cards += [(board, entry) for entry in page.entries]
        except AgentOSError as trouble:
            yield Finding(
                reason=Reason.BOARD,
                text=f"its board cannot be read, so that nothing of it starts: {trouble}",
                step="check project_number, the names of the columns and the token's scope",
            )
            return
    told = meaning(world, repository, issue, cards)
    yield from (one for one in told if not (off and one.reason is Reason.NOTHING))


def meaning(
    world: World, repository: RepositoryConfig, issue: Issue, cards: Sequence[intake.Card]
) -> Iterator[Finding]:
    """What its Ready, if there is one, amounts to."""
    its = [card for card in cards if card[1].issue_node == issue.node_id]
    set_ready = [card for card in its if card[1].item.status == card[0].ready]
    card = next(iter(set_ready or its), None)
    labels = {label.lower() for label in issue.labels}
    candidate = intake.candidate(
        repository, issue.node_id, card, by_label=intake.READY_LABEL in labels
    )
    if not candidate.by_board and not candidate.by_label:
        yield Finding(reason=Reason.NEVER_READY, text=shown(card, repository),
                      step=to_ready(repository, as_gh_says(world, issue)))  # fmt: skip
        # What the dispatcher moved to Blocked for it would come back there.
        waits = intake.dependency(world, Asked(world), candidate, issue)
        if waits.startswith("blocked"):
            it = as_gh_says(world, issue)
            yield Finding(reason=Reason.NOT_WANTED, text=waits, step=wanted(waits, it))
        return
    meant = intake.plan(world, candidate, issue)
    if isinstance(meant, rounds.Nothing):
        yield Finding(reason=Reason.USED_UP, text=f"its Ready starts nothing: {meant.reason}")
        return
    if isinstance(meant, rounds.RepairBoard):
        yield Finding(
            reason=Reason.USED_UP,
            text=f"its Ready {meant.why} ({meant.task_id}); the dispatcher shows the issue as "
            f"{meant.shown} again",
            step="to begin anew once it has ended, set it Ready once more",
        )
        return
    asked = Asked(world)
    refused = intake.objection(world, asked, candidate, issue)
    if refused:
        judged = trust.judge(intake.trust_facts(asked, candidate, issue))
        step = wanted(refused, as_gh_says(world, issue))
        if isinstance(judged, trust.NotTrusted) and not step:
            step = judged.mend
        yield Finding(reason=Reason.NOT_WANTED, text=refused, step=step)
        return
    yield limit(world, repository, candidate, cards)


def limit(
    world: World,
    repository: RepositoryConfig,
    candidate: Candidate,
    cards: Sequence[intake.Card],
) -> Finding:
    """Nothing is wrong with it: the next tick takes it, or as many as a tick may."""
    most = world.config.max_dispatch_per_tick
    ready = {card[1].issue_node for card in cards if intake.candidate(
        repository, card[1].issue_node, card).by_board}  # fmt: skip
    slugs = [each.slug for each in world.repositories]
    told = world.read.labelled(slugs, intake.READY_LABEL)
    slug, seen = repository.slug, told.sights  # of what is switched off nothing was asked
    if slug in seen and (why := access.objection(slug, seen[slug], world.limits.kind)):
        return read_only(slug, why)
    if slug in told.unread:
        raise told.unread[slug]
    ready |= {node for nodes in told.found.values() for node in nodes} | {candidate.issue_node}
    if len(ready) > most:
        return Finding(
            reason=Reason.TICK_LIMIT,
            text=f"{len(ready)} issues are Ready, and a tick takes {most}: the most urgent first",
            step=f"{RUN_DISPATCHER}, or raise max_dispatch_per_tick in config.yaml",
        )
    return Finding(
        reason=Reason.NOTHING,
        text=place.unhindered(world, "", "run_dispatcher.sh"),
        step=RUN_DISPATCHER,
    )


def read_only(slug: str, why: str) -> Finding:
    """Nobody may work there now, whatever is in order with the issue or the pull request."""
    text = f"nothing can be written in {slug} for now, so it waits: {why}"
    return Finding(reason=Reason.READ_ONLY, text=text)


def shown(card: intake.Card | None, repository: RepositoryConfig) -> str:
    if card is None:
        off = ", and it is not on the board" if repository.boards else ""
        return f"nobody set it Ready: it lacks the label {intake.READY_LABEL}{off}"
    column = card[1].item.status or "no status"
    return f"nobody set it Ready: its card shows {column}, and it lacks the label ready"


def as_gh_says(world: World, issue: Issue) -> str:
    """The issue as an argument of `gh`, at the GitHub of the config."""
    return f"{issue.number} -R {access.repository(world.config.github_web_url, issue.repo)}"


def to_ready(repository: RepositoryConfig, it: str) -> str:
    command = f"gh issue edit {it} --add-label {intake.READY_LABEL}"
    return f"set its card to Ready, or: {command}" if repository.boards else command


def wanted(refused: str, it: str) -> str:
    """What answers an objection of the dispatcher."""
    edit = f"gh issue edit {it}"
    if refused.startswith("left alone: bears "):
        return f"{edit} --remove-label '{refused.removeprefix('left alone: bears ')}'"
    if refused.startswith("left alone: lacks "):
        return f"{edit} --add-label '{refused.removeprefix('left alone: lacks ')}'"
    if refused.startswith("waits for "):
        return "close what it waits for, or take the line out of the issue's text"
    if refused.endswith(intake.NOT_THERE):
        return "take the number out of the issue's text, or mend it"
    if refused.startswith("blocked"):
        return "change the Depends on lines, then set it Ready again"
    return ""


def taken_back(world: World, task: Task) -> Finding:
    """What became of the revert of a merged task that was offered. Raises GitHubTrouble."""
    offer = reverting.existing(world, task)
    if offer is None or offer.state == "open":
        return place.taken_back(world, task, known=offer is not None)
    return place.reverted(offer.number, merged=offer.state == "merged")


# --- a pull request -------------------------------------------------------------------------


def of_pull(world: World, found: Found) -> Iterator[Finding]:
    """What the pr_monitor would decide now, and why. Raises GitHubTrouble."""
    tasks = neighbours(world, found.task)
    nodes = [one.pull_request.node_id for one in tasks if one.pull_request]
    pulls = world.read.pull_requests(nodes)
    scrutiny = Scrutiny(world, tasks, fetch=False)
    looked: list[Facts] = []
    for task in tasks:
        pull = pulls.get(task.pull_request.node_id) if task.pull_request else None
        if pull is not None:
            looked.append(scrutiny.facts(task, pull))
    mine = [facts for facts in looked if facts.task.task_id == found.task.task_id]
    if not mine:
        yield Finding(
            reason=Reason.UNREAD,
            text="GitHub's answer did not hold its pull request: it was deleted, or the token may "
            "not see it",
        )
        return
    yield from standing(world, mine[0], looked)
    if closed := readonly.closed(world, found.task.repo):
        yield read_only(found.task.repo, str(closed))


def neighbours(world: World, mine: Task) -> list[Task]:
    """The tasks whose pull requests may go before this one, itself among them."""
    found = world.mailroom.list_state(State.REVIEW) + world.mailroom.list_state(State.ESCALATED)
    return [
        task for task in found if task.pull_request and task.repo.lower() == mine.repo.lower()
    ]


def standing(world: World, facts: Facts, looked: list[Facts]) -> Iterator[Finding]:
    now = world.clock.now()
    acting = [one for one in looked if one.task.state is not State.ESCALATED and lanes.may(
        one.repository.automation_mode, Action.MERGE)]  # fmt: skip
    pull = facts.pull
    heads = {one.pull.head_sha for one in looked}
    known = foresight.ahead(world, foresight.read(foresight.where(world)), heads)
    turns = merge.turns(acting, known, now)
    front = merge.order(acting, now, turns).get((pull.repo, pull.base))
    turn = turns.get((pull.repo, pull.number), merge.NOBODY)
    facts = structs.replace(facts, front=front == pull.number, gives_way=turn.reason)
    seen, verdict = view(facts), merge.judge(facts, now)
    word = "".join(f" {c.lower()}" if c.isupper() else c for c in type(verdict).__name__).strip()
    until = None
    if isinstance(verdict, Wait) and seen.patience is not None and facts.held_since:
        until = facts.held_since + seen.patience
    said = f"pull request #{pull.number}: {word}: {verdict.reason}"
    if seen.obstacle is Obstacle.LOOK and facts.task.merge is None:
        said = (
            f"pull request #{pull.number} is in order as far as GitHub tells; the next tick of "
            "run_pr_monitor.sh fetches and compares it with the base"
        )
    elif isinstance(verdict, Wait) and "goes first" in verdict.reason and front:
        said += f" (#{front})"
    if until is not None and isinstance(seen.then, Escalate):
        said += "; a person is called if it stays so"
    settling = isinstance(seen.verdict, Merge) and isinstance(verdict, Wait)
    if settling:
        until = settled_from(facts, now)
    yield Finding(
        reason=Reason.SETTLING if settling else Reason.PULL_REQUEST,
        text=said, until=until, step="" if settling and until else advice(world, facts, seen),
    )  # fmt: skip


def advice(world: World, facts: Facts, seen: View) -> str:
    """What a person can do; a time that must pass first is not shortened by any command."""
    pull = facts.pull
    return ADVICE.get(seen.obstacle, RUN_MONITOR).format(
        n=pull.number, repo=pull.repo, url=pull.url,
        there=access.repository(world.config.github_web_url, pull.repo),
    )  # fmt: skip


def settled_from(facts: Facts, now: datetime) -> datetime | None:
    """When settle time and age of the head will both be over; None when they are (M7)."""
    repository, held, head = facts.repository, facts.held_since or now, facts.head_since or now
    over = max(
        held + timedelta(seconds=repository.settle_seconds),
        head + timedelta(seconds=repository.min_head_age_seconds),
    )
    return over if over > now else None


ADVICE = {
    Obstacle.RUNNING: "look at the run: gh pr checks {n} -R {there} --watch",
    Obstacle.RED: "gh pr checks {n} -R {there}",
    Obstacle.RUN_AGAIN: "gh pr checks {n} -R {there}",
    Obstacle.BASE_RED: "mend the base of {repo}: no pull request is blamed for what fails there",
    Obstacle.BASE_OPEN: "gh pr checks {n} -R {there}",
    Obstacle.RED_AND_RUNNING: "gh pr checks {n} -R {there}",
    Obstacle.CANCELLED_CHECK: "run it again: gh pr checks {n} -R {there}, then gh run rerun",
    Obstacle.SILENT_CHECK: "gh pr checks {n} -R {there}; a check that nobody runs blocks for ever",
    Obstacle.NO_CI: "add a workflow to {repo}, or set allow_no_ci: true for it in config.yaml",
    Obstacle.BRAKE: "take the label off, or make it ready for review: {url}",
    Obstacle.REVIEW: "answer the review, or dismiss it: {url}",
    Obstacle.COMMITS: "gh pr review {n} -R {there} --approve",
    Obstacle.APPROVAL: "gh pr review {n} -R {there} --approve",
    Obstacle.SUSPICION: "look at its changes, then: gh pr review {n} -R {there} --approve",
    Obstacle.LANE: "gh pr merge {n} -R {there}",
    Obstacle.IDENTITY: "look at it: {url}",
    Obstacle.ISSUE_CLOSED: "reopen the issue if it is still wanted: {url}",
    Obstacle.MERGEABLE: "look at it: {url}",
    Obstacle.TOO_FAST: "look whether the checks tested anything: gh pr checks {n} -R {there}",
}
