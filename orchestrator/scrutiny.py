"""Everything a verdict on a pull request needs to know, asked for in the order of its price."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType

import msgspec
from msgspec import Struct, structs

from orchestrator import workspace
from orchestrator.adapters import files, history
from orchestrator.adapters.git import Git
from orchestrator.records.change import Commit
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import Task
from orchestrator.records.tracker import PullRequest
from orchestrator.rules import merge, trust
from orchestrator.rules.obstacles import Facts, Obstacle, view
from orchestrator.world import World

# What a look at protection, base and history may turn into something else.
WORTH_A_LOOK = frozenset({Obstacle.NO_CI, Obstacle.SILENT_CHECK})


class Held(Struct, frozen=True, kw_only=True):
    """Since when the same obstacle stands on the same head."""

    key: str
    since: datetime


class Scrutiny:
    """One tick's look: each repository is fetched once, each base's rules are asked once.

    What was held since when lies in a cache file; losing it delays a merge by the settle time.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.path = world.paths.state / "held.json"
        self.before = self._read()
        self.now: dict[str, Held] = {}
        self.tips: dict[tuple[str, str], str] = {}
        self.required: dict[tuple[str, str], tuple[str, ...]] = {}

    def __enter__(self) -> Scrutiny:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if not self.world.dry_run and self.now != self.before:
            files.write_cache(self.path, msgspec.json.encode(self.now))

    def facts(self, task: Task, pull: PullRequest) -> Facts:
        """All facts for `merge.judge` but the front.

        The rules of the base and git are asked only where everything that the one idle request
        told is in order. Raises GitHubTrouble.
        """
        repository = self.world.config.repository(task.repo)
        assert repository is not None  # the caller dropped the others
        facts = Facts(
            pull=structs.replace(pull, issue_open=issue_open(task, pull)),
            task=task,
            repository=repository,
            required=(),
            marker_ok=self.world.markers.line(task, "pull-request") in pull.body,
        )
        seen = view(facts).obstacle
        if merge.wants_git(facts) or seen in WORTH_A_LOOK or git_decides(facts):
            facts = self._asked(facts)
        return structs.replace(facts, held_since=self._since(facts))

    def _since(self, facts: Facts) -> datetime:
        key = merge.key(facts)
        known = self.before.get(facts.task.task_id)
        same = known is not None and known.key == key and known.since <= self.world.clock.now()
        held = known if same and known else Held(key=key, since=self.world.clock.now())
        self.now[facts.task.task_id] = held
        return held.since

    def _asked(self, facts: Facts) -> Facts:
        facts = structs.replace(facts, required=self._required(facts))
        if view(facts).obstacle in WORTH_A_LOOK:
            facts = structs.replace(facts, expected=self._expected(facts))
        if facts.repository.merge == "approved" and facts.pull.approved_label_by:
            writer = self.world.read.permission(facts.pull.repo, facts.pull.approved_label_by)
            facts = structs.replace(facts, label_by_writer=writer in trust.WRITERS)
        if merge.wants_git(facts) or git_decides(facts):
            facts = self._from_git(facts)
        return facts

    def _required(self, facts: Facts) -> tuple[str, ...] | None:
        place = (facts.pull.repo, facts.pull.base)
        if place not in self.required:
            try:
                self.required[place] = self.world.read.required_checks(*place)
            except GitHubTrouble as trouble:
                self.world.say(f"{place[0]}: what {place[1]} requires is not readable: {trouble}")
                return None
        return self.required[place]

    def _expected(self, facts: Facts) -> tuple[str, ...]:
        if facts.required or facts.repository.required_checks:
            return ()
        return self.world.read.recent_check_names(facts.pull.repo, facts.pull.base)

    def _from_git(self, facts: Facts) -> Facts:
        """Compare head and base in our store, on a tip fetched in this tick (A9)."""
        pull, task = facts.pull, facts.task
        tip = self._tip(pull)
        git = workspace.of(self.world).git(pull.repo)
        head = pull.head_sha
        if not git.has(f"{head}^{{commit}}"):
            return facts  # the head moved after GitHub's answer; the next tick sees it
        compared = history.compare(git, tip, head)
        email = self.world.config.commit_email
        updates = [made for made in compared.commits if "\nAgent-OS-Update: " in made.message]
        work = [made.committed for made in compared.commits if made not in updates]
        return structs.replace(
            facts,
            pull=structs.replace(pull, base_tip=tip),
            behind=compared.behind > 0,
            empty_diff=history.same_tree(git, tip, head),
            commits_ours=bool(task.pushed)
            and all(
                {made.author_email, made.committer_email} == {email} for made in compared.commits
            ),
            in_base=self._in_base(facts, git, tip),
            carried=carried(head, updates),
            work_at=max(work, default=None),
        )

    def _in_base(self, facts: Facts, git: Git, tip: str) -> str | None:
        """The commit of the base that carries our merge, "" when there is none (M10)."""
        mark = facts.task.merge
        if mark is None or not git.has(f"{mark.base_sha}^{{commit}}"):
            return "" if mark is None else None
        since = history.compare(git, mark.base_sha, tip).commits
        ours = [made.sha for made in since if f"(#{facts.pull.number})" in made.subject]
        return ours[0] if ours else ""

    def _tip(self, pull: PullRequest) -> str:
        place = (pull.repo, pull.base)
        if place not in self.tips:
            room = workspace.of(self.world)
            self.tips[place] = room.refresh(pull.repo, pull.base, branch="agent/")
        return self.tips[place]

    def _read(self) -> dict[str, Held]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Held])
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return {}


def git_decides(facts: Facts) -> bool:
    """Whether an obstacle may vanish, or change, by what only git knows.

    That is a merge without a clear answer, and the word of a reviewer or of the label about an
    earlier head: it holds where our own Updates alone came after it.
    """
    if facts.task.merge is not None:
        return True
    seen, pull = view(facts).obstacle, facts.pull
    if seen is Obstacle.APPROVAL:
        spoken = any(review.state.lower() == "approved" for review in pull.reviews)
        return spoken or "approved" in {label.lower() for label in pull.labels}
    return seen is Obstacle.REVIEW and len(facts.task.pushed) > 1


def carried(head: str, updates: list[Commit]) -> tuple[str, ...]:
    """The heads from which this one differs by our own Updates alone, the newest first.

    Work on top of an Update ends the walk: an approval covers what its author has seen.
    """
    first_parent = {made.sha: made.parents[0] for made in updates if made.parents}
    found: list[str] = []
    while head in first_parent:
        head = first_parent[head]
        found.append(head)
    return tuple(found)


def issue_open(task: Task, pull: PullRequest) -> bool:
    """What the idle request tells of the issue; before a merge it is asked again (E8).

    GitHub links an issue only where the base is the default branch; elsewhere nothing is known
    here and the question before the merge decides.
    """
    for issue in pull.closes:
        if issue.number == task.issue and issue.repo.lower() == task.repo.lower():
            return issue.open
    return True
