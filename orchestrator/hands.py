"""What a person's hand does to one task: the one place behind bin/task.sh, chat and buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import structs

from orchestrator import (
    cancellation,
    choosing,
    github_sync,
    intake,
    landing,
    readiness,
    reaper,
    rereading,
)
from orchestrator.adapters import locks, mailroom, process
from orchestrator.adapters.mailbox_index import Found
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.hand import Outcome, Said
from orchestrator.records.task import ENDED, State, Task
from orchestrator.rules import access, deeds, lanes, routing
from orchestrator.rules.deeds import Deed, How
from orchestrator.rules.lanes import Action
from orchestrator.world import World

APPROVED = "approved"
NO_REASON = "a person ended it"
UNFINISHED = "it was not cancelled; do the same again when GitHub answers"


def retry(world: World, task_id: str, *, by: str) -> Said:
    """Begin a new round of what had ended; what waits for a time goes on at once.

    As moving the file to inbox/, and with the issue's text as it is now where those who changed it
    may be heard. Of all hands: `by` says whose (cli, telegram), the
    answer is the sentence for the person, and a dry run only foretells. Raises AgentOSError where
    GitHub is needed and does not answer; the same call again then finishes the deed.
    """
    return done(world, Deed.RETRY, task_id, by=by)


def give(world: World, task_id: str, agent: str, *, by: str, force: bool = False) -> Said:
    """As `retry`, with `agent` as the one that is asked first; one that cannot start by force."""
    return done(world, Deed.GIVE, task_id, by=by, agent=agent, force=force)


def put_first(world: World, task_id: str, *, by: str) -> Said:
    """Have it claimed before all that wait; of several, the one that was put first last."""
    return done(world, Deed.NEXT, task_id, by=by)


def cancel(world: World, task_id: str, *, by: str, why: str = "") -> Said:
    """End it: its work is kept, its issue and pull request stay; an agent at work is ended."""
    return done(world, Deed.CANCEL, task_id, by=by, why=why)


def close(world: World, task_id: str, *, by: str, why: str = "") -> Said:
    """As `cancel`, and its pull request and its issue (as not planned) are closed."""
    return done(world, Deed.CLOSE, task_id, by=by, why=why)


def approve(world: World, task_id: str, *, by: str, seen: str | None = None) -> Said:
    """Say on its pull request that a person has looked at this work, and it may be merged.

    `seen` is the head that they were shown; None for the one that stands there now.
    """
    return done(world, Deed.APPROVE, task_id, by=by, seen=seen)


def done(
    world: World, deed: Deed, task_id: str, *, by: str, agent: str = "", why: str = "",
    force: bool = False, seen: str | None = None,
) -> Said:  # fmt: skip
    """Judge the deed by where the task stands, carry it out under its lock, and tell."""
    found = world.mailroom.locate(task_id)
    if found is None:
        return Said(outcome=Outcome.REFUSED, sentence=f"{task_id} is in no folder of the mailbox")
    hand = Hand(world, deed, by=by, agent=agent, why=why, force=force, seen=seen)
    how = hand.judged(found)
    if isinstance(how, Said):
        return how
    if world.dry_run:
        return hand.told(found.task, f"{hand.foretold(how, found.task)} [dry run]")
    if how is How.ORDER:
        return hand.order(found)
    lock = world.locks.try_task(task_id)
    if lock is None:
        return hand.busy(found)
    with lock:
        again = world.mailroom.locate(task_id)  # it may have moved on before it was ours
        how = hand.judged(again) if again else hand.busy(found)
        if again is None or isinstance(how, Said) or how is How.ORDER:
            return how if isinstance(how, Said) else hand.busy(found)
        return hand.carry_out(how, world.mailroom.see(again))


class Hand:
    """One deed of one person: `by` says by which way it came, `why` what they said of it."""

    def __init__(
        self, world: World, deed: Deed, *, by: str, agent: str, why: str, force: bool,
        seen: str | None,
    ) -> None:  # fmt: skip
        self.world = world
        self.deed = deed
        self.by = by
        self.agent = agent
        self.force = force
        self.seen = seen
        self.why = world.redact(" ".join(why.split()))

    def judged(self, found: Found) -> How | Said:
        """How it is to be done, or the answer that it is not."""
        known = facts(self.world, self.deed, found, self.agent, force=self.force)
        verdict = deeds.judge(self.deed, known)
        if isinstance(verdict, deeds.Already):
            return self.told(found.task, verdict.reason, Outcome.ALREADY)
        if isinstance(verdict, deeds.Refuse):
            outcome = Outcome.BUSY if verdict.later else Outcome.REFUSED
            return self.told(found.task, verdict.reason, outcome)
        objection = lacking(self.world, verdict.how, found.task)
        return self.told(found.task, objection, Outcome.REFUSED) if objection else verdict.how

    def carry_out(self, how: How, task: Task) -> Said:
        acts: dict[How, Callable[[Task], Said]] = {
            How.NEW_ROUND: self.new_round,
            How.GO_ON: self.go_on,
            How.END: self.end,
            How.LABEL: self.label,
        }
        with self.unfinished(how, task):
            return acts[how](task)

    @contextmanager
    def unfinished(self, how: How, task: Task) -> Iterator[None]:
        """Where GitHub does not hear of an end there is none yet, and the trouble says so too."""
        try:
            yield
        except GitHubTrouble as trouble:
            if how not in {How.END, How.ORDER}:
                raise
            said = f"{trouble}\n{name_of(task)}: {UNFINISHED}"
            raise GitHubTrouble(trouble.trouble, said, status=trouble.status) from trouble

    def new_round(self, task: Task) -> Said:
        """What a claim makes of a file that a person moved to inbox/, and the issue's new words."""
        text, word = rereading.now(self.world, task)
        begun = self.requested(mailroom.new_round(text))
        begun = self.world.mailroom.move(begun, State.INBOX, by=self.name)
        first = f", {self.agent} first" if self.agent else ""
        self.noted("new_round", begun, f"round {begun.round}{first}")
        said = f"round {begun.round} begins{first}; {self.following(begun)}"
        return self.told(begun, f"{said}; {word}" if word else said)

    def go_on(self, task: Task) -> Said:
        ordered = bool(task.cancel)  # theirs is the later word
        if task.state in ENDED:  # a person put the file back: a claim would see it by that mark
            task = mailroom.new_round(task)
        task = self.requested(structs.replace(task, not_before=None, cancel=""))
        if self.deed is Deed.NEXT:
            task = structs.replace(task, next_at=self.world.clock.now())
        task = self.world.mailroom.move(task, State.INBOX, by=self.name)
        what = {
            Deed.NEXT: "it is taken up before all others",
            Deed.GIVE: f"{self.agent} is asked first",
        }.get(self.deed, "it waits no longer")
        what = f"{what}, and is not cancelled" if ordered else what
        kind = {Deed.NEXT: "put_first", Deed.GIVE: "given"}.get(self.deed, "hastened")
        self.noted(kind, task, what)
        return self.told(task, f"{what}; {self.following(task)}")

    def end(self, task: Task) -> Said:
        repository = self.world.config.repository(task.repo)
        assert repository is not None  # `lacking` has looked
        not_ready(self.world, task)
        if self.deed is Deed.CLOSE:
            closed(self.world, task)
        reason = self.reason(task)
        cancellation.cancel(self.world, repository, task, reason, by=self.name)
        self.noted("ended", task, reason)
        return self.told(task, f"it is cancelled; {self.left_open(task)}")

    def order(self, found: Found) -> Said:
        """Write the order into the file, and have the worker end its agent; it never waits.

        Whoever holds the file next reads the order: this worker before it pushes, or the one that
        claims what the signal returned to inbox/. So nothing is lost where the signal is.
        """
        world = self.world
        if self.deed is Deed.CLOSE:
            with self.unfinished(How.ORDER, found.task):
                closed(world, found.task)
        task = world.mailroom.see(found)
        reason = self.reason(task)
        task = world.mailroom.update(structs.replace(task, cancel=reason))
        self.noted("ended", task, reason)
        not_ready(world, task)
        lock = world.locks.try_task(task.task_id)
        if lock is not None:  # it was let go of in this moment: nobody else would read the order
            with lock:
                now = world.mailroom.locate(task.task_id)
                how = self.judged(now) if now else None
                if now is not None and how is How.END:
                    return self.end(world.mailroom.see(now))
        elif holder := held_here(world, task):
            process.ask_to_end(holder)
        who = "its worker is asked to end" if worker(world, found.task) else "its worker is gone"
        return self.told(
            task, f"{who}; what was made is kept, and the next ticks of run_queue.sh put it into "
            f"cancelled/; {self.left_open(task)}",
        )  # fmt: skip

    def label(self, task: Task) -> Said:
        """The label `approved`, set now: one from before the newest commit counts for nothing."""
        assert task.pull_request is not None  # `deeds.approval` has looked
        world, number = self.world, task.pull_request.number
        pull = world.read.pull_request_rest(task.repo, number)
        if pull.state != "open":
            said = f"pull request #{number} is not open any more; pr_monitor sees to that"
            return self.told(task, said, Outcome.REFUSED)
        if self.seen is not None and deeds.is_newer(task, self.seen, pull.head.sha):
            said = f"pull request #{number} may have newer work than this button was made for; "
            said += f"look at it, then /approve {name_of(task)}"
            return self.told(task, said, Outcome.REFUSED)
        if APPROVED in {label.name.lower() for label in pull.labels}:
            world.write.remove_label(task.repo, number, APPROVED)
        world.write.add_label(task.repo, number, APPROVED)
        self.noted("approved", task, f"pull request #{number} at {pull.head.sha}")
        return self.told(
            task, f"pull request #{number} is approved as it stands ({pull.head.sha[:12]}); the "
            f"next ticks of run_pr_monitor.sh merge it if nothing else is in its way{self.pause()}",
        )  # fmt: skip

    def requested(self, task: Task) -> Task:
        return structs.replace(task, agent=self.agent) if self.agent else task

    def following(self, task: Task) -> str:
        """What happens next, or what is in the way of it."""
        stopped = filter(None, map(self.world.stopped, (task.repo, "queue", "supervisor")))
        if why := next(stopped, ""):
            return f"it waits in inbox/, for this is switched off: {why}"
        repository = self.world.config.repository(task.repo)
        if repository is None:
            return f"it waits in inbox/, for {task.repo} is not in the config"
        choice = choosing.choose(self.world, repository, task)
        if isinstance(choice, routing.Exhausted):
            return f"as things are it would come back to you at once: {choice.reason}"
        taken = "the next tick of run_queue.sh takes it up when a worker is free"
        passed = [one for one in choice.skipped if one.startswith(f"{self.agent} ")]
        if isinstance(choice, routing.AllCooling):
            why = choice.reason or "every agent rests"
            passed = [f"it waits until {self.world.spoken(choice.until)}: {why}"]
        return f"{taken}, but {passed[0]}" if passed else taken

    def pause(self) -> str:
        stopped = self.world.stopped("pr_monitor")
        return f"; it is switched off now: {stopped}" if stopped else ""

    def left_open(self, task: Task) -> str:
        """What of it still stands on GitHub."""
        there = on_github(task)
        if self.deed is Deed.CLOSE:
            return f"{' and '.join(there)}: closed" if there else "nothing is left open"
        again = f"bin/task.sh retry {name_of(task)} begins it again"
        return f"{' and '.join(there)} stays open on GitHub; {again}" if there else again

    def foretold(self, how: How, task: Task) -> str:
        """What would be done, to GitHub too."""
        said = FORETOLD[how]
        if self.agent:
            return f"{said}, {self.agent} first"
        there = " and ".join(on_github(task))
        if how not in {How.END, How.ORDER} or not there:
            return said
        after = "would be closed" if self.deed is Deed.CLOSE else "would stay open"
        return f"{said}; on GitHub {there} {after}"

    def busy(self, found: Found) -> Said:
        beside = neighbour(self.world, found.task.task_id)
        said = "a script is at it this very moment; try again in a minute"
        if beside:
            said = f"its lock is shared with {beside}; try again when that is over"
        if beside and self.deed is Deed.RETRY:
            said += f", or: mv {found.path} {self.world.mailroom.folder(State.INBOX)}/"
        return self.told(found.task, said, Outcome.BUSY)

    def told(self, task: Task, said: str, outcome: Outcome = Outcome.DONE) -> Said:
        return Said(outcome=outcome, sentence=f"{name_of(task)}: {said}")

    def noted(self, kind: str, task: Task, reason: str) -> None:
        """The audit line: what was done, to what, and by which way the word came."""
        self.world.events.add(kind, task=task, reason=reason, deed=self.deed, by=self.by)

    @property
    def name(self) -> str:
        return f"a person, {self.by}"

    def reason(self, task: Task) -> str:
        """What was said now, or when it was ended before."""
        before = task.note if task.state is State.CANCELLED else task.cancel
        return self.why or before or f"{NO_REASON} ({self.by})"


FORETOLD = {
    How.NEW_ROUND: "a new round would begin",
    How.GO_ON: "it would go on in inbox/ at once",
    How.END: "it would be cancelled, its work kept",
    How.ORDER: "its agent would be asked to end, then it would be cancelled",
    How.LABEL: "its pull request would be labelled approved",
}


def on_github(task: Task) -> list[str]:
    """What of it people see there."""
    found = [f"issue #{task.issue}"] if task.issue else []
    return found + ([f"pull request #{task.pull_request.number}"] if task.pull_request else [])


def name_of(task: Task) -> str:
    """As a person names it at the next command."""
    return f"{task.repo}#{task.issue}" if task.issue else task.task_id


def facts(
    world: World, deed: Deed, found: Found, agent: str, *, force: bool
) -> deeds.Facts:
    task, now = found.task, world.clock.now()
    cannot = readiness.absent(world, agent, task.task_type) if agent and not force else None
    repository = world.config.repository(task.repo) if cannot else None
    chain = repository.agent_fallbacks.get(task.task_type, ()) if repository else ()
    issue_open, pull_state = standing(world, deed, found)
    return deeds.Facts(
        name=name_of(task),
        state=found.state,
        worker=worker(world, task) if found.state is State.PROCESSING else "",
        waits=task.not_before is not None and task.not_before > now,
        ordered=bool(task.cancel),
        wanted=agent,
        cannot=cannot.told if cannot else "",
        agents=tuple(sorted(world.agents)),
        able=tuple(
            name for name in chain
            if not readiness.absent(world, name, task.task_type)
        ),
        tried=frozenset(one.agent for one in reaper.counted(task)),
        pull=task.pull_request.number if task.pull_request else None,
        reopen=reopening(world, task),
        issue_open=issue_open,
        pull_state=pull_state,
    )


def reopening(world: World, task: Task) -> str:
    """The command that opens its issue again; "" where it has none."""
    there = access.repository(world.config.github_web_url, task.repo)
    return f"gh issue reopen {task.issue} -R {there}" if task.issue else ""


def standing(world: World, deed: Deed, found: Found) -> tuple[bool | None, str]:
    """Whether its issue is open, and how its pull request stands where it is not.

    GitHub is asked only where the deed hangs on it; without an answer the deed is done as ever.
    """
    task = found.task
    # Who orders its end by a close has closed the issue already.
    ended = found.state in deeds.ENDED or bool(task.cancel)
    begins = deed in deeds.BEGINNINGS and ended
    closes = deed is Deed.CLOSE and found.state is State.CANCELLED
    ours = world.config.signed_in and world.config.repository(task.repo) is not None
    if task.issue is None or not ours or not (begins or closes):
        return None, ""
    try:
        if world.read.issue_is_open(task.repo, task.issue):
            return True, ""
        if task.pull_request is None:
            return False, ""
        pull = world.read.pull_request_rest(task.repo, task.pull_request.number)
    except GitHubTrouble:
        return None, ""
    return False, "merged" if pull.merged_at else pull.state


def worker(world: World, task: Task) -> str:
    """Who works on it now and since when, as a clause; "" where its worker is dead."""
    claim, attempt = task.claim, task.attempt
    if claim is None or not world.locks.is_live(claim.slot, claim.uuid):
        return ""
    if attempt is None or attempt.judged:
        return f"a worker has had it since {world.spoken(claim.started)}"
    return f"{attempt.agent} works on it since {world.spoken(attempt.started)}"


def held_here(world: World, task: Task) -> int | None:
    """The pid of the worker that holds the task, if it lives on this machine and is not this one.

    By its claim and the slot that proves it: a pid alone proves nothing (Q5).
    """
    claim = task.claim
    if claim is None or claim.boot_id != world.locks.boot_id or claim.host != world.locks.host:
        return None
    return claim.pid if world.locks.is_live(claim.slot, claim.uuid) else None


def lacking(world: World, how: How, task: Task) -> str:
    """What is missing here for a deed that GitHub must hear of; "" when nothing is."""
    if how not in {How.END, How.ORDER, How.LABEL}:
        return ""
    repository = world.config.repository(task.repo)
    if repository is None:
        return f"{task.repo} is not in the config, so it is left alone; its file may be moved"
    if not world.config.signed_in:
        return "no token is set (GITHUB_TOKEN), and GitHub must hear of it; nothing was done"
    if how is How.LABEL:
        return lane_against(repository)
    return ""


def lane_against(repository: RepositoryConfig) -> str:
    if lanes.may(repository.automation_mode, Action.MERGE):
        return ""
    return f"the lane of {repository.slug} leaves merges to people: merge it on GitHub"


def not_ready(world: World, task: Task) -> None:
    """What was set Ready before its end, and is not taken up yet, begins no round after it.

    An agent is ended whether GitHub answers or not.
    """
    try:
        if task.issue is not None:
            world.write.remove_label(task.repo, task.issue, intake.READY_LABEL)
    except GitHubTrouble as trouble:
        world.say(f"{task.repo}#{task.issue}: a label ready stays for now: {trouble}")


def closed(world: World, task: Task) -> None:
    """Its pull request first: killed in between, pr_monitor ends the task by itself."""
    if task.pull_request is not None:
        number = task.pull_request.number
        if world.read.pull_request_rest(task.repo, number).state == "open":
            landing.close_without_merge(world, task, number)
    github_sync.close(world, task, "not_planned")


def neighbour(world: World, task_id: str) -> str:
    """A task at work that shares this one's lock, which is one of 64; "" where none does."""
    number = locks.task_lock(task_id)
    for task in world.mailroom.list_state(State.PROCESSING):
        shared = task.task_id != task_id and locks.task_lock(task.task_id) == number
        if shared and (clause := worker(world, task)):
            return f"{name_of(task)} ({clause})"
    return ""
