"""What a reviewer asks for, gathered for one round: threads, reviews, comments, failed checks."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from orchestrator import alerts, repairs
from orchestrator.adapters import markers
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import RepairItem, RepairKind, State, Task
from orchestrator.records.tracker import Review
from orchestrator.rules import reviews, trust
from orchestrator.rules.facts import Facts, Obstacle, hours
from orchestrator.rules.obstacles import view
from orchestrator.texts import reviews as texts
from orchestrator.world import World

MOST = 60  # items of one round; the rest is for the next
ITEM_BYTES = 6_000
ASKED_BY_PEOPLE = frozenset({RepairKind.THREAD, RepairKind.COMMENT})


class Voices:
    """Whose words may reach an agent: people who may write, and whom the config trusts (S6, S7)."""

    def __init__(self, world: World, repository: RepositoryConfig) -> None:
        self.world = world
        self.repository = repository
        self.known: dict[str, bool] = {}

    def trusted(self, login: str) -> bool:
        """Raises GitHubTrouble where a role cannot be read: then nothing is decided."""
        if not login:
            return False
        if login not in self.known:
            named = trust.is_named(login, self.repository)
            self.known[login] = named or self.may_write(login)
        return self.known[login]

    def may_write(self, login: str) -> bool:
        return self.world.read.permission(self.repository.slug, login) in trust.WRITERS


def begun(world: World, facts: Facts, task: Task) -> Task:
    """The task with one more round and its items, where a review is what stands in the way.

    Nothing is asked of GitHub for any other obstacle. Raises GitHubTrouble where not all could be
    read: a round on half of what was said would answer the rest never.
    """
    if view(facts).obstacle is not Obstacle.REVIEW:
        return task
    found = list(items(world, facts))[:MOST]
    numbered = tuple(structs.replace(item, number=n) for n, item in enumerate(found, 1))
    made = [one.submitted for one in reviews.objections(facts) if one.submitted]
    heard = max(made, default=task.heard)
    return structs.replace(
        task, repair_items=numbered, review_rounds=task.review_rounds + 1, heard=heard
    )


def items(world: World, facts: Facts) -> Iterator[RepairItem]:
    """Everything that is open, in the order in which a reader would meet it, without numbers."""
    pull, voices = facts.pull, Voices(world, facts.repository)
    yield from reviewed(world, facts, voices)
    for thread in world.read.review_threads(pull.node_id):
        heard = tuple(one for one in thread.comments if voices.trusted(one.author))
        if thread.resolved or all(markers.signed(one.body) for one in heard):
            continue
        place = f"{thread.path}:{thread.line}" if thread.line else thread.path
        author = next(one.author for one in heard if not markers.signed(one.body))
        heard = tuple(structs.replace(one, body=world.redact(one.body)) for one in heard)
        yield RepairItem(
            number=0, kind=RepairKind.THREAD, where=world.redact(place), author=author,
            ref=thread.id, text=texts.conversation(heard, ITEM_BYTES),
            comments=len(thread.comments),
        )  # fmt: skip
    yield from commented(world, facts, voices)
    yield from repairs.check_items(world, pull.repo, repairs.reds_to_mend(facts))


def reviewed(world: World, facts: Facts, voices: Voices) -> Iterator[RepairItem]:
    """The texts of the reviews of this very work, or heard by no round yet, of who may be heard."""
    pull, task = facts.pull, facts.task
    same_work = {pull.head_sha, *facts.carried}
    for review in world.read.reviews(pull.repo, pull.number):
        said = review.state in {"changes_requested", "commented"} and review.body.strip()
        counts = review.commit in same_work or reviews.unheard(task, review)
        if said and counts and voices.trusted(review.author):
            text = texts.visible(world.redact(review.body), ITEM_BYTES)
            yield RepairItem(
                number=0, kind=RepairKind.COMMENT, where="review", author=review.author,
                ref=review.node_id, text=text,
            )  # fmt: skip


def commented(world: World, facts: Facts, voices: Voices) -> Iterator[RepairItem]:
    """What was said below the pull request since the last round's objection, by GitHub's clock.

    A round's own time counts: what is said while its agent works is for the next one.
    """
    pull, since = facts.pull, facts.task.heard
    for comment in world.read.comments(pull.repo, pull.number):
        new = since is None or comment.created >= since
        if new and not markers.signed(comment.body) and voices.trusted(comment.author):
            text = texts.visible(world.redact(comment.body), ITEM_BYTES)
            yield RepairItem(
                number=0, kind=RepairKind.COMMENT, where="comment", author=comment.author,
                ref=str(comment.id), text=text,
            )  # fmt: skip


def tell_of_a_long_wait(world: World, facts: Facts) -> None:
    """One alert for a head that only its reviewer's next look keeps from its merge.

    It is no escalation: with their approval, whenever it comes, it is merged by itself.
    """
    task, pull = facts.task, facts.pull
    if task.state is State.ESCALATED:
        return  # a person was called for it
    said = (
        f"{pull.repo}#{pull.number}: a reviewer asked for changes and has not looked again for "
        f"{hours(reviews.LOOKS_AGAIN)}; approve it, or dismiss that review: {pull.url}"
    )

    def tell() -> None:
        alerts.alert(world, f"review {task.key} {pull.head_sha[:12]}", said, task=task)

    world.effects.settled(task.task_id, f"{task.key}:review-waits", pull.head_sha, tell)


def of_people(task: Task) -> tuple[RepairItem, ...]:
    """The items of a review; none where the repair has another cause."""
    if not any(item.kind in ASKED_BY_PEOPLE for item in task.repair_items):
        return ()
    return task.repair_items


def objectors(world: World, repository: RepositoryConfig, task: Task) -> tuple[Review, ...]:
    """The reviews that ask for changes now: the last opinion of each, of people who may write."""
    if task.pull_request is None:
        return ()
    last: dict[str, Review] = {}
    for review in world.read.reviews(task.repo, task.pull_request.number):
        if review.state in {"approved", "changes_requested", "dismissed"}:
            last[review.author] = review
    voices = Voices(world, repository)
    return tuple(
        review
        for review in last.values()
        if review.state == "changes_requested" and review.author and voices.may_write(review.author)
    )


def withdrawn(world: World, repository: RepositoryConfig, task: Task) -> bool:
    """Whether nobody asks for this round any more: approved, or dismissed, meanwhile (E8)."""
    return bool(of_people(task)) and not objectors(world, repository, task)
