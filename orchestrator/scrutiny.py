"""Everything a verdict on a pull request needs to know, asked for in the order of its price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct, structs

from orchestrator import groundwork, tampering, workspace
from orchestrator.adapters import files, history
from orchestrator.adapters.clock import FixedClock
from orchestrator.adapters.git import Git
from orchestrator.checkups import RED, Checkups, digest
from orchestrator.records.change import Commit
from orchestrator.records.errors import AgentOSError, GitHubTrouble
from orchestrator.records.suspicion import Suspicion
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Closes, PullRequest
from orchestrator.records.verdicts import AttemptVerdict, Rework
from orchestrator.rules import failures, merge, redness, reviews, trust
from orchestrator.rules.facts import Facts, Obstacle
from orchestrator.rules.obstacles import view
from orchestrator.world import World

# What a look at protection, base and history may turn into something else.
WORTH_A_LOOK = frozenset({Obstacle.NO_CI, Obstacle.SILENT_CHECK})


MISSING = "missing"  # stands for the obstacle of a pull request that GitHub does not show


class Held(Struct, frozen=True, kw_only=True):
    """Since when the same obstacle stands on the same head, and since when that head is there.

    `noted` names the outcomes of its checks that the ledger holds already, `suspicions` are what
    was found in that head's diff; `verdict` is what the last tick decided, as it was told.
    """

    key: str
    since: datetime
    head: str
    head_since: datetime
    noted: str = ""
    suspicions: tuple[Suspicion, ...] | None = None
    verdict: str = ""


class Scrutiny:
    """One tick's look: each repository is fetched once, each base's rules are asked once.

    What was held since when lies in a cache file; losing it delays a merge by the settle time.
    Without `fetch` git is asked only for what the store holds already, and nothing is written.
    """

    def __init__(self, world: World, tasks: Sequence[Task], *, fetch: bool = True) -> None:
        self.world = world
        self.fetch = fetch
        self.path = place(world)
        self.before = self._read()
        # Who is not reached in this tick keeps what was known; only who is gone is forgotten.
        watched = self.before if world.only else {task.task_id for task in tasks}
        self.now = {name: held for name, held in self.before.items() if name in watched}
        self.checkups = Checkups(world, quiet=not fetch)
        self.tips: dict[tuple[str, str], str | AgentOSError] = {}
        self.required: dict[tuple[str, str], tuple[str, ...] | None] = {}
        self.expected: dict[tuple[str, str], tuple[str, ...]] = {}

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
        if not self.world.dry_run and self.fetch:
            self.checkups.save()

    def facts(self, task: Task, pull: PullRequest) -> Facts:
        """All facts for `merge.judge` but the front.

        The rules of the base and git are asked only where everything that the one idle request
        told is in order, and the issue where that told nothing of it. Raises GitHubTrouble.
        """
        repository = self.world.config.repository(task.repo)
        assert repository is not None  # the caller dropped the others
        task = self._with_our_update(task, pull)
        facts = Facts(
            pull=structs.replace(pull, issue_open=issue_open(task, pull)),
            task=task,
            repository=repository,
            required=(),
            marker_ok=self._bears_our_marker(task, pull),
            suspicions=self._known_suspicions(task, pull),
        )
        if pull.open and unlinked(task, pull):
            facts = self._with_its_issue(facts)  # else its closing would be heard at a merge alone
        seen = view(facts).obstacle
        if task.state is State.ESCALATED and task.merge is None:
            pass  # only watched: what GitHub tells of it is all that is recorded
        elif merge.wants_git(facts) or seen in WORTH_A_LOOK or git_decides(facts):
            facts = self._asked(facts)
        elif seen in RED and (self.fetch or self._is_begun(pull)):
            facts = self._red(facts)
        if self.fetch and begins_a_round(facts) and redness.reds(pull.checks or ()):
            facts = self._red(facts)  # its agent is told of them too, if they are its own
        held = self._held(facts)
        return structs.replace(facts, held_since=held.since, head_since=held.head_since)

    def missing(self, task: Task) -> timedelta:
        """How long GitHub's answers have held no pull request of this task, this one included."""
        now, known = self.world.clock.now(), self.before.get(task.task_id)
        since = min(known.since, now) if known is not None and known.key == MISSING else now
        self.now[task.task_id] = Held(key=MISSING, since=since, head="", head_since=since)
        return now - since

    def decided(self, task: Task, verdict: str) -> None:
        """Remember for people what was decided about a pull request that was looked at."""
        if held := self.now.get(task.task_id):
            self.now[task.task_id] = structs.replace(held, verdict=verdict)

    def _known_suspicions(self, task: Task, pull: PullRequest) -> tuple[Suspicion, ...] | None:
        """What was found in this very head at an earlier look; None asks git once."""
        known = self.before.get(task.task_id)
        return known.suspicions if known is not None and known.head == pull.head_sha else None

    def _with_our_update(self, task: Task, pull: PullRequest) -> Task:
        """An Update that was pushed before a death could write it down is known by its ref."""
        if pull.head_sha in task.pushed or not self.world.paths.store(task.repo).exists():
            return task
        made = workspace.of(self.world).git(task.repo).ref(groundwork.update_ref(task))
        if made is None or made != pull.head_sha:
            return task
        return structs.replace(task, pushed=(*task.pushed, made))

    def _bears_our_marker(self, task: Task, pull: PullRequest) -> bool:
        """Of this round, or of the earlier one that opened it: a new round goes on with it."""
        line = self.world.markers.line
        rounds = range(task.round, 0, -1)
        return any(line(task, "pull-request", round_=each) in pull.body for each in rounds)

    def _red(self, facts: Facts) -> Facts:
        """What was seen of the red checks before, and what the base says of them."""
        seen = self.checkups.history(facts.pull.repo)
        tip = self._tip(facts.pull)
        return structs.replace(
            facts,
            pull=structs.replace(facts.pull, base_tip=tip),
            sightings=seen,
            base=self.checkups.base(facts, tip),
        )

    def _noted(self, facts: Facts, known: Held | None) -> str:
        """Write into the ledger what has ended since the last look, and nothing on an idle one."""
        pull, found = facts.pull, facts.pull.checks or ()
        name = digest(found) if found else ""
        quiet = self.world.dry_run or not self.fetch
        if name and not quiet and (known is None or (known.noted, known.head) != (
            name, pull.head_sha
        )):
            self.checkups.note(pull.repo, pull.head_sha, found)
        return name

    def _held(self, facts: Facts) -> Held:
        now, key, head = self.world.clock.now(), merge.key(facts), facts.pull.head_sha
        noted = self._noted(facts, self.before.get(facts.task.task_id))
        held = Held(
            key=key, since=now, head=head, head_since=now, noted=noted, suspicions=facts.suspicions
        )
        known = self.before.get(facts.task.task_id)
        if known is not None and known.head == head and known.head_since <= now:
            held = structs.replace(held, head_since=known.head_since)
            if known.key == key and known.since <= now:
                held = structs.replace(held, since=known.since)
        self.now[facts.task.task_id] = held
        return held

    def _asked(self, facts: Facts) -> Facts:
        facts = structs.replace(facts, required=self._required(facts))
        facts = self._with_its_issue(facts)
        if view(facts).obstacle in WORTH_A_LOOK:
            facts = structs.replace(facts, expected=self._expected(facts))
        if reviews.wanted(facts) and facts.pull.approved_label_by:
            writer = self.world.read.permission(facts.pull.repo, facts.pull.approved_label_by)
            facts = structs.replace(facts, label_by_writer=writer in trust.WRITERS)
        if merge.wants_git(facts) or git_decides(facts):
            facts = self._from_git(facts)
        return facts

    def _with_its_issue(self, facts: Facts) -> Facts:
        """The issue as it stands, where GitHub's answer does not link it, or not with its labels.

        One on hold must be known before the order is made: as the front it would be in the way of
        its whole base. What is not readable here is asked, and judged, before the merge (E8).
        """
        task, pull = facts.task, facts.pull
        its = [one for one in pull.closes if one.is_it(task.repo, task.issue)]
        if task.issue is None or any(one.labels is not None for one in its):
            return facts
        try:
            issue = self.world.read.issue_rest(task.repo, task.issue)
        except GitHubTrouble as trouble:
            if trouble.trouble in failures.EVERYBODYS:
                raise
            return facts
        labels = tuple(label.name for label in issue.labels)
        told = Closes(repo=task.repo, number=task.issue, open=issue.open, labels=labels)
        pull = structs.replace(pull, closes=(told, *pull.closes))
        return structs.replace(
            facts, pull=structs.replace(pull, issue_open=issue_open(task, pull))
        )

    def _required(self, facts: Facts) -> tuple[str, ...] | None:
        place = (facts.pull.repo, facts.pull.base)
        if place not in self.required:
            try:
                self.required[place] = self.world.read.required_checks(*place)
            except GitHubTrouble as trouble:
                if trouble.trouble in failures.EVERYBODYS:
                    raise
                self.world.say(f"{place[0]}: what {place[1]} requires is not readable: {trouble}")
                self.required[place] = None
        return self.required[place]

    def _expected(self, facts: Facts) -> tuple[str, ...]:
        if facts.required or facts.repository.required_checks:
            return ()
        place = (facts.pull.repo, facts.pull.base)
        if place not in self.expected:
            self.expected[place] = self.world.read.recent_check_names(*place)
        return self.expected[place]

    def _from_git(self, facts: Facts) -> Facts:
        """Compare head and base in our store, on a tip fetched in this tick (A9)."""
        pull, task = facts.pull, facts.task
        if not self.fetch and not self._is_stored(pull):
            return facts
        tip = self._tip(pull)
        git = workspace.of(self.world).git(pull.repo)
        head = pull.head_sha
        if not git.has_commit(head):
            return facts  # the head moved after GitHub's answer; the next tick sees it
        compared = history.compare(git, tip, head)
        email = self.world.config.commit_email
        updates = [made for made in compared.commits if "\nAgent-OS-Update: " in made.message]
        work = [made.committed for made in compared.commits if made not in updates]
        before = carried(head, updates)
        if facts.suspicions is None:
            left = tampering.of_head(self.world, task, tip, (head, *before))
            facts = structs.replace(facts, suspicions=left)
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
            carried=before,
            linear=all(len(made.parents) < 2 for made in compared.commits),
            work_at=self._by_github(max([*work, *shown(task, (head, *before)[-1])], default=None)),
        )

    def _by_github(self, at: datetime | None) -> datetime | None:
        """A time of our clock by GitHub's, which labels are dated by; `--now` is no such clock."""
        if at is None or isinstance(self.world.clock, FixedClock):
            return at
        return at - timedelta(seconds=self.world.limits.skew or 0.0)

    def _in_base(self, facts: Facts, git: Git, tip: str) -> str | None:
        """The commit of the base that carries our merge, "" when there is none (M10).

        It bears our title, or, rebased, the title of the work: then it is known by its tree.
        """
        mark = facts.task.merge
        if mark is None or not git.has_commit(mark.base_sha):
            return "" if mark is None else None
        since = history.compare(git, mark.base_sha, tip).commits
        number = f"(#{facts.pull.number})"
        # The oldest: a later one may quote the first, as a revert does.
        ours = [made.sha for made in since if made.subject.endswith(number)]
        if not ours:
            head = facts.pull.head_sha
            ours = [made.sha for made in since if history.same_tree(git, made.sha, head)]
        return ours[-1] if ours else ""

    def _is_begun(self, pull: PullRequest) -> bool:
        """Whether there is a store, and a base, that red checks can be compared with."""
        return bool(pull.base_tip) and self.world.paths.store(pull.repo).exists()

    def _is_stored(self, pull: PullRequest) -> bool:
        """Whether the base tip that GitHub names was fetched before."""
        if not self._is_begun(pull):
            return False
        return workspace.of(self.world).git(pull.repo).has_commit(pull.base_tip)

    def _tip(self, pull: PullRequest) -> str:
        if not self.fetch:
            return pull.base_tip
        place = (pull.repo, pull.base)
        if place not in self.tips:
            room = workspace.of(self.world)
            try:
                self.tips[place] = room.refresh(pull.repo, pull.base, branch="agent/")
            except AgentOSError as error:
                self.tips[place] = error  # the next one of this base need not wait for it again
        found = self.tips[place]
        if isinstance(found, AgentOSError):
            raise found
        return found

    def _read(self) -> dict[str, Held]:
        return remembered(self.world)


def place(world: World) -> Path:
    return world.paths.state / "held.json"


def remembered(world: World) -> dict[str, Held]:
    """What the last looks left, by task; nothing where it is lost."""
    try:
        return msgspec.json.decode(place(world).read_bytes(), type=dict[str, Held])
    except (OSError, msgspec.MsgspecError, RecursionError):
        return {}


def git_decides(facts: Facts) -> bool:
    """Whether an obstacle may vanish, or change, by what only git knows.

    That is a merge without a clear answer, and the word of a reviewer or of the label about an
    earlier head: it holds where our own Updates alone came after it.
    """
    if facts.task.merge is not None:
        return True
    seen, pull = view(facts).obstacle, facts.pull
    if seen in {Obstacle.APPROVAL, Obstacle.SUSPICION}:
        spoken = any(review.state.lower() == "approved" for review in pull.reviews)
        return spoken or "approved" in {label.lower() for label in pull.labels}
    # A head that an attempt delivered has no Update of ours on top: git would say nothing new.
    delivered = {one.head_sha for one in facts.task.attempts}
    more = len(facts.task.pushed) > 1 and pull.head_sha not in delivered
    return seen is Obstacle.REVIEW and more


def begins_a_round(facts: Facts) -> bool:
    """Whether a reviewer's word sends it to an agent now; what is only watched is sent nowhere."""
    if facts.task.state is State.ESCALATED:
        return False
    seen = view(facts)
    return seen.obstacle is Obstacle.REVIEW and isinstance(seen.verdict, Rework)


def shown(task: Task, sha: str) -> list[datetime]:
    """When the attempt that made this commit had pushed it; empty where none of ours did.

    The commit itself bears the time at which its attempt began: nobody had seen it then. A later
    attempt that changed nothing names the same commit.
    """
    delivered = (one for one in task.attempts if one.verdict is AttemptVerdict.DELIVER)
    made = next((one for one in delivered if one.head_sha == sha), None)
    at = made and (made.settled or made.judged)
    return [at] if at else []


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


def unlinked(task: Task, pull: PullRequest) -> bool:
    """Whether the idle request tells nothing of the issue: GitHub links one only where the base is
    the default branch. The question about it costs nothing while the issue stays as it is."""
    return not any(issue.is_it(task.repo, task.issue) for issue in pull.closes)


def issue_open(task: Task, pull: PullRequest) -> bool:
    """What is known of the issue so far; before a merge it is asked again (E8)."""
    for issue in pull.closes:
        if issue.is_it(task.repo, task.issue):
            return issue.open
    return True
