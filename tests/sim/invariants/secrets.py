"""I6, I7, I8 and I10: people's commits stay, secrets stay, git stays ours, strangers stay out."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.forge import records
from orchestrator.records.config import Trust
from tests.sim.interface import AGENT_KEY, ROBOT, AgentRun, Push, Seen, StepKind
from tests.sim.invariants import facts
from tests.sim.people import STRANGE_EDIT, STRANGE_WORDS, STRANGER_SAYS, Did

ALLOWED_REFS = re.compile(r"refs/(?:heads/agent|salvage)/.+")
WRITTEN = re.compile(r"^/repos/([^/]+/[^/]+)")


def needles() -> dict[bytes, str]:
    """What must be seen nowhere: our token and an agent's key, plain and in base64."""
    found: dict[bytes, str] = {}
    for name, secret in (("our token", f"{ROBOT}-token"), ("an agent's key", AGENT_KEY)):
        found[secret.encode()] = name
        for shift in range(3):
            whole = base64.b64encode(b"x" * shift + secret.encode())
            # The first and the last characters depend on what stands beside the secret.
            found[whole[4:-4]] = f"{name} in base64"
    return found


NEEDLES = needles()


def leaks(raw: bytes) -> list[str]:
    return sorted({name for needle, name in NEEDLES.items() if needle in raw})


def i6_no_commit_of_a_person_is_lost(seen: Seen) -> list[str]:
    """No push of ours takes a person's commit off a branch that it was pushed to.

    Every branch and every deletion counts. A branch may be deleted where its tip is the head of a
    pull request that was merged, whatever GitHub shows: then the work is on the base. A person may
    throw away what they like. Blind to a commit that nobody pushed, such as one that lies in a
    clone.
    """
    found = []
    for push in facts.fresh(seen, "pushes of ours", seen.pushes):
        if facts.by_person(push) or push.old is None:
            continue
        held = facts.ancestors(seen, push.slug, push.old)
        theirs = {
            one.new
            for one in seen.pushes
            if one.order < push.order
            and one.slug == push.slug
            and one.ref == push.ref
            and facts.by_person(one)
        }
        lost = {sha for sha in theirs if sha in held}
        if push.new is not None:
            lost -= facts.ancestors(seen, push.slug, push.new)
        elif merged_head(seen, push):
            lost = set()
        found += [
            f"{push.process} took {sha[:10]}, a person's, off {push.slug} {push.ref}"
            for sha in sorted(filter(None, lost))
        ]
    return found


def merged_head(seen: Seen, push: Push) -> bool:
    repo = facts.repositories(seen)[push.slug]
    where = "repo_id = ? and is_pull = 1 and head_sha = ?"
    return any(
        pull.merged_at is not None or facts.on_base(seen, push.slug, pull.base_ref, pull.head_sha)
        for pull in facts.forge(seen).store.select(records.Issue, where, repo.id, push.old)
    )


def i7_no_secret_leaves(seen: Seen) -> list[str]:
    """Neither our token nor an agent's key is in a request, a prompt, a line we print, a file of
    the mailbox, a log, or a file that we push.

    Looked for as they are and in base64 at any offset. What an agent writes into its own worktree
    is its business until we push it. Pushed files are read from loose objects; packs are not seen.
    """
    found = []
    for request in facts.fresh(seen, "requests for secrets", seen.requests):
        where = f"{request.method} {request.path}"
        raw = request.body + request.query.encode() + request.path.encode()
        found += [f"{name} is in {where}" for name in leaks(raw)]
    for run in facts.fresh(seen, "prompts for secrets", seen.runs):
        found += [
            f"{name} is in the prompt of {run.task_id}" for name in leaks(run.prompt.encode())
        ]
    for _, process, line in facts.fresh(seen, "lines for secrets", seen.said):
        found += [f"{process} said {name}" for name in leaks(line.encode("utf-8", "replace"))]
    for push in facts.fresh(seen, "pushes for secrets", seen.pushes):
        if not facts.by_person(push) and push.new is not None:
            found += pushed_secrets(seen, push.slug, push.new)
    found += [
        f"{name} is in {path.parent.name}/{path.name}"
        for path, raw in changed_files(seen)
        for name in leaks(raw)
    ]
    return found


def pushed_secrets(seen: Seen, slug: str, sha: str) -> Iterator[str]:
    clean: set[str] = facts.kept(seen, "clean blobs", set())
    bare = facts.bare(seen, slug)
    for path, blob in facts.objects(seen).files(bare, sha):
        if blob in clean:
            continue
        clean.add(blob)
        for name in leaks(facts.objects(seen).read(bare, blob) or b""):
            yield f"{name} was pushed to {slug} in {path}"


def changed_files(seen: Seen) -> Iterator[tuple[Path, bytes]]:
    """The files of the mailbox and the logs that are other than at the last look."""
    known: dict[Path, tuple[int, int, int]] = facts.kept(seen, "files for secrets", {})
    same = facts.as_before(seen, "files", seen.mailbox)
    watched = [] if same else [filed.path for filed in facts.files(seen)]
    if seen.step.kind in {StepKind.TICK, StepKind.END}:
        logs = sorted(os.listdir(seen.paths.logs)) if seen.paths.logs.is_dir() else []
        watched += [seen.paths.logs / name for name in logs if name.endswith(".log")]
        watched.append(seen.paths.events)
    for path in watched:
        try:
            status = path.lstat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if known.get(path) == stamp or not path.is_file() or path.is_symlink():
                continue
            known[path] = stamp
            yield path, path.read_bytes()
        except FileNotFoundError:
            continue


def i8_the_store_is_ours(seen: Seen) -> list[str]:
    """After an attempt, the shared configuration and hooks of each store are as we made them.

    The store's files are compared with what they were when the store was first seen, and with
    the marks of an attack. A tick whose agent ran here must leave them clean; after a crash the
    next user of the store mends it first, which this does not see. No operator's checkout is
    configured here.
    """
    if seen.step.kind not in {StepKind.TICK, StepKind.END} or seen.live:
        return []
    mine = [run for run in facts.agent_runs(seen) if run.process == seen.step.process]
    if not mine or any(run.killed for run in seen.runs):
        return []
    known: dict[tuple[str, int], bytes] = facts.kept(seen, "stores", {})
    found = []
    for store in sorted(seen.paths.repos.glob("*.git")):
        held = contents(store)
        if b"/tmp/evil" in held or b"/tmp/hooks" in held:
            found.append(f"{store.name}: what an agent planted in the store stands there still")
        first = known.setdefault((store.name, store.stat().st_ino), held)
        if first != held and not found:
            found.append(f"{store.name}: its configuration or hooks are not as we made them")
    return found


def contents(store: Path) -> bytes:
    paths = [store / "config", store / "config.worktree", store / "info/attributes"]
    paths += sorted((store / "hooks").glob("*"))
    return b"".join(
        path.name.encode() + b"\0" + path.read_bytes() for path in paths if path.is_file()
    )


def i10_strangers_reach_no_agent(seen: Seen) -> list[str]:
    """Nothing that somebody without write access wrote in a comment or an edit is in a prompt, and
    their issue only where the repository trusts whoever set it Ready.

    An edit counts as read by a maintainer who sets the issue Ready after it.
    """
    found = []
    for run in facts.fresh(seen, "prompts for strangers", seen.runs):
        if STRANGER_SAYS in run.prompt:
            found.append(f"a stranger's comment is in the prompt of {run.task_id}")
        repository = seen.config.repository(run.slug)
        by_actor = repository is not None and repository.trust is Trust.ACTOR
        if STRANGE_WORDS in run.prompt and not by_actor:
            found.append(f"a stranger's issue is in the prompt of {run.task_id}")
        if STRANGE_EDIT in run.prompt and not (by_actor and read_again(seen, run)):
            found.append(f"a stranger's edit is in the prompt of {run.task_id}")
    return found


def read_again(seen: Seen, run: AgentRun) -> bool:
    edits = [act.order for act in facts.acts(seen, Did.EDITED_ISSUE, slug=run.slug)]
    return any(
        act.order > min(edits, default=0) and act.order < run.order
        for act in facts.acts(seen, Did.READY, Did.READY_AGAIN, slug=run.slug)
    )


def i10_only_our_places_are_written(seen: Seen) -> list[str]:
    """Every write goes to a configured repository, every push to a branch of ours."""
    found = []
    for request in facts.fresh(seen, "writes to places", seen.requests):
        match = WRITTEN.match(request.path) if request.mutates else None
        if match and seen.config.repository(match[1]) is None:
            found.append(f"{request.process} wrote to {request.path}, which nobody configured")
    for push in facts.fresh(seen, "pushes to places", seen.pushes):
        if facts.by_person(push) or push.process.startswith("forge"):
            continue
        if seen.config.repository(push.slug) is None or not ALLOWED_REFS.fullmatch(push.ref):
            found.append(f"{push.process} pushed to {push.slug} {push.ref}")
    return found
