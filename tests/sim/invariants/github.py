"""I3, I4 and I5: nothing twice on GitHub, nothing merged untested, nothing else on the base."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from orchestrator.forge import issues, moments, records
from orchestrator.records.config import AutomationMode, MergePolicy
from tests.sim.interface import Seen, StepKind
from tests.sim.invariants import facts
from tests.sim.invariants.facts import Merge
from tests.sim.people import Did

CHECKS = ".github/workflows/ci.yml"


def i3_one_pull_request_for_each_round(seen: Seen) -> list[str]:
    """At most one open pull request from a branch of ours, and at most one opened for each round.

    Pull requests that a person opened do not count: ours were written by our account. A task
    whose file a person removed or broke may have had more rounds than are known.
    """
    opened: Counter[tuple[str, str]] = Counter()
    made: Counter[tuple[str, str]] = Counter()
    for slug, pull in facts.pulls(seen):
        if pull.author_id == facts.robot(seen):
            made[slug, pull.head_ref] += 1
            opened[slug, pull.head_ref] += pull.state == "open"
    found = [
        f"{slug}: {count} open pull requests from {branch}"
        for (slug, branch), count in opened.items()
        if count > 1
    ]
    for (slug, branch), count in made.items():
        task = facts.task_of_branch(seen, branch) if count > 1 else None
        if task and count > task.round and not facts.meddled(seen, task.task_id):
            found.append(f"{slug}: {count} pull requests from {branch} in {task.round} rounds")
    return found


def i3_one_comment_for_each_effect(seen: Seen) -> list[str]:
    """No two comments of our account on one issue bear the same hidden marker.

    A person's pasted copy is theirs by its author. Blind to two comments that say the same under
    different markers; calls for a person are counted by I9.
    """
    store = facts.forge(seen).store
    last = store.connection.execute("select max(id) from comments").fetchone()[0]
    if last == seen.memory.get("last comment"):
        return []
    seen.memory["last comment"] = last
    where = "author_id = ? and body like '%<!-- aos:fx=%'"
    bearers = Counter(
        (comment.issue_id, digest)
        for comment in store.select(records.Comment, where, facts.robot(seen))
        for digest in set(facts.MARKER.findall(comment.body))
    )
    return [
        f"{count} comments bear the marker {digest[:8]} on {named(seen, issue)}"
        for (issue, digest), count in bearers.items()
        if count > 1
    ]


def named(seen: Seen, issue_id: int) -> str:
    row = facts.forge(seen).store.need(records.Issue, issue_id)
    slugs = {repo.id: slug for slug, repo in facts.repositories(seen).items()}
    return f"{slugs[row.repo_id]}#{row.number}"


def i4_merged_once_and_by_head(seen: Seen) -> list[str]:
    """Each merge names the head it means, and after one that was carried out none is asked again.

    Read from the request log: a second request counts even where GitHub would have refused it.
    """
    found = []
    done: dict[tuple[str, int], str] = {}
    told: set[int] = facts.kept(seen, "told of merges", set())
    for merge in facts.merges(seen):
        where = f"{merge.slug}#{merge.number}"
        if merge.request.order not in told:
            if not merge.named:
                told.add(merge.request.order)
                found.append(f"{where} was to be merged whatever its head")
            if (merge.slug, merge.number) in done:
                told.add(merge.request.order)
                found.append(f"{where} was to be merged again")
        if merge.applied:
            done[merge.slug, merge.number] = merge.sha
    return found


def i4_merged_only_what_passed(seen: Seen) -> list[str]:
    """When checks were last read before each merge of ours, on that very head: at least one check
    or status was a success, every required one was there, and none was red or still running; and
    the last request before the merge was sent within a minute of that.

    Judged by the forge's rows, by rules of its own. What came after the look counts for nothing:
    GitHub merges what its caller says is green. Only a repository with `allow_no_ci` may have none
    at all.
    """
    found = []
    for merge in facts.new_merges(seen, "checks"):
        repository = seen.config.repository(merge.slug)
        if repository is None:
            continue
        looked, last = looks_before(seen, merge)
        words = standing(seen, merge, looked)
        bad = sorted(f"{name} {word}" for name, word in words.items() if word not in PASSING)
        passed = {name for name, word in words.items() if word == "success"}
        may_pass = {name for name, word in words.items() if word in PASSING}
        missing = sorted(set(repository.required_checks) - may_pass)
        where = f"{merge.slug}#{merge.number} at {merge.sha[:10]}"
        if last - looked > FRESH:
            found.append(f"{where} was merged by checks that were read {last - looked} before")
        if bad:
            found.append(f"{where} was merged with {', '.join(bad)}")
        if missing:
            found.append(f"{where} was merged without {', '.join(missing)}")
        if not passed and not (repository.allow_no_ci and not words):
            found.append(f"{where} was merged, and nothing had succeeded on it")
    return found


PASSING = {"success", "neutral", "skipped"}
FRESH = timedelta(minutes=1)


def looks_before(seen: Seen, merge: Merge) -> tuple[datetime, datetime]:
    """When the merging process last asked for checks, and when for anything; else the merge's."""
    mine = [
        one for one in seen.requests
        if one.process == merge.request.process and one.order < merge.request.order
    ]  # fmt: skip
    asked = [one.at for one in mine if b"query PullRequests" in one.body[:100]]
    return (asked[-1], mine[-1].at) if asked else (merge.request.at, merge.request.at)


def standing(seen: Seen, merge: Merge, when: datetime) -> dict[str, str]:
    """The last word of each check and status on the head at a moment.

    What a person has run again since then bears its new state in the same row: it counts as green.
    """
    store, repo = facts.forge(seen).store, facts.repositories(seen)[merge.slug]
    again = any(
        act.at > when and act.sha == merge.sha
        for act in facts.acts(seen, Did.RERAN, slug=merge.slug)
    )
    words: dict[str, str] = {}
    where = "repo_id = ? and sha = ? order by id"
    for run in store.select(records.CheckRun, where, repo.id, merge.sha):
        began = moment(run.started_at)
        if began is not None and began > when:
            continue
        ended = moment(run.completed_at)
        done = run.status == "completed" and (ended is None or ended <= when)
        running = "success" if again else "running"
        words[f"{run.suite_id}/{run.name}"] = (run.conclusion or "") if done else running
    for status in store.select(records.Status, where, repo.id, merge.sha):
        if (moment(status.created_at) or when) <= when:
            words[status.context] = status.state
    return words | {name.partition("/")[2]: word for name, word in words.items() if "/" in name}


def moment(text: str | None) -> datetime | None:
    return moments.parse(text) if text else None


def i4_merged_only_as_the_config_allows(seen: Seen) -> list[str]:
    """We merge nothing in a repository of lane `dispatcher_only`, and under `merge: approved`
    nothing that does not descend from what its owner approved before.

    An approval is a review, or the label `approved`, which may stand there without an act where the
    command that set it died. Blind to an approval that did not stand any more.
    """
    found = []
    for merge in facts.new_merges(seen, "policies"):
        repository = seen.config.repository(merge.slug)
        if repository is None:
            continue
        where = f"{merge.slug}#{merge.number}"
        if repository.automation_mode is AutomationMode.DISPATCHER_ONLY:
            found.append(f"{where} was merged in a repository where only people merge")
        if repository.merge is MergePolicy.APPROVED and not approved(seen, merge):
            found.append(f"{where} was merged, and no owner approved it")
    return found


def i4_bent_checks_need_a_word(seen: Seen) -> list[str]:
    """No merge of ours changes the workflow that judges it, unless its owner approved it (S13).

    What stands on the base is compared with what stood there before the merge. Blind to a rebase of
    several commits, and to what is packed.
    """
    found = []
    for merge in facts.new_merges(seen, "workflows"):
        pull = facts.place(seen, merge.slug, merge.number)
        made = facts.commit(seen, merge.slug, pull.merge_sha) if pull and pull.merge_sha else None
        if pull is None or made is None or not made[1]:
            continue
        bare, read = facts.bare(seen, merge.slug), facts.objects(seen)
        after, before = (dict(read.files(bare, sha)) for sha in (str(pull.merge_sha), made[1][0]))
        bent = after and before and after.get(CHECKS) != before.get(CHECKS)
        if bent and not approved(seen, merge):
            found.append(f"{merge.slug}#{merge.number} changed {CHECKS}, and no owner approved it")
    return found


def approved(seen: Seen, merge: Merge) -> bool:
    pull = facts.place(seen, merge.slug, merge.number)
    if pull is None:
        return False
    heads = {
        act.sha
        for act in facts.acts(seen, Did.APPROVED, slug=merge.slug)
        if act.number == merge.number and act.order < merge.request.order
    }
    labels = {label.name for label in issues.labels_of(facts.forge(seen), pull)}
    held = facts.ancestors(seen, merge.slug, merge.sha)
    return "approved" in labels or not heads.isdisjoint(held)


def i4_strange_commits_need_a_word(seen: Seen) -> list[str]:
    """No merge of ours holds a person's commit that no approving review has seen (M13).

    A review counts for what its commit descends from. Blind to a commit that a person pushed in
    our name: who pushed decides, not who signed.
    """
    found = []
    for merge in facts.new_merges(seen, "commits"):
        pull = facts.place(seen, merge.slug, merge.number)
        ref = f"{facts.HEADS}{pull.head_ref}" if pull else ""
        held = facts.ancestors(seen, merge.slug, merge.sha)
        strange = {
            push.new
            for push in seen.pushes
            if push.slug == merge.slug and push.ref == ref and facts.by_person(push)
            if push.new in held and push.order < merge.request.order
        }
        # An earlier round's pull request of the same branch may be where it was approved.
        where, store = "issue_id = ? and state = 'APPROVED'", facts.forge(seen).store
        heads = {
            review.sha
            for slug, one in facts.pulls(seen)
            if pull and (slug, one.head_ref) == (merge.slug, pull.head_ref)
            for review in store.select(records.Review, where, one.id)
        }
        heads |= {act.sha for act in facts.acts(seen, Did.APPROVED, slug=merge.slug) if act.sha}
        looked = {sha for head in heads for sha in facts.ancestors(seen, merge.slug, head)}
        for sha in sorted(filter(None, strange - looked)):
            found.append(f"{merge.slug}#{merge.number}: {sha[:10]} is a person's, and unapproved")
    return found


def i5_the_base_holds_what_was_tested(seen: Seen) -> list[str]:
    """After each merge of ours the merge commit has the tree of the head that was tested.

    GitHub merges onto whatever the base has become: where a person's push came after the merging
    process's own last look at the base, the mismatch is not ours, but the repository must then
    be frozen before anything else is merged there, and stand so at the end. Nor is it ours where a
    person pointed it elsewhere after that look: no call names the base. Trees are read from the
    forge's rows; a commit that it does not know is left out.
    """
    found = []
    owed: dict[str, Merge] = facts.kept(seen, "owed freezes", {})
    for merge in facts.new_merges(seen, "trees"):
        if merge.slug in owed and not frozen(seen, owed[merge.slug]):
            found.append(f"{merge.slug}: merged #{merge.number} over another tree, and no freeze")
        pull = facts.place(seen, merge.slug, merge.number)
        made = facts.commit(seen, merge.slug, pull.merge_sha) if pull and pull.merge_sha else None
        head = facts.commit(seen, merge.slug, merge.sha)
        if not made or not head or made[0] == head[0] or pull is None:
            continue
        if pointed_elsewhere(seen, merge):
            continue
        if overtaken(seen, merge, pull.base_ref):
            owed[merge.slug] = merge
        else:
            found.append(
                f"{merge.slug}#{merge.number}: {merge.sha[:10]} was tested, and the base now has "
                f"another tree by {(pull.merge_sha or '')[:10]}"
            )
    if seen.step.kind is StepKind.END:
        found += [
            f"{slug}#{merge.number} merged another tree than was tested, and nothing was frozen"
            for slug, merge in owed.items()
            if not frozen(seen, merge)
        ]
    return found


def overtaken(seen: Seen, merge: Merge, base: str) -> bool:
    """Whether a person's push or merge slipped in between the last look at the base and ours."""
    path = f"/repos/{merge.slug}/branches/{base}"
    request = merge.request
    looked = facts.last_look(seen, request.process, request.order, path)
    if looked is None:
        return False
    pushed = [
        push.order for push in seen.pushes
        if push.slug == merge.slug and push.ref == f"{facts.HEADS}{base}" and facts.by_person(push)
    ]  # fmt: skip
    merged = [act.order for act in facts.acts(seen, Did.MERGED, slug=merge.slug)]
    return any(looked.order < order < request.order for order in (*pushed, *merged))


def pointed_elsewhere(seen: Seen, merge: Merge) -> bool:
    """Whether a person chose another base between the last look at it and the merge."""
    request = merge.request
    path = f"/repos/{merge.slug}/pulls/{merge.number}"
    looked = facts.last_look(seen, request.process, request.order, path)
    return looked is not None and any(
        act.number == merge.number and looked.order < act.order < request.order
        for act in facts.acts(seen, Did.RETARGETED, slug=merge.slug)
    )


def frozen(seen: Seen, merge: Merge) -> bool:
    return any(
        event.kind == "frozen" and event.repo == merge.slug and event.at >= merge.request.at
        for event in seen.events
    ) or any(facts.acts(seen, Did.WIPED))
