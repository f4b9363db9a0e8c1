"""Agents by temperament: what each does in its folder, and what it says of it afterwards.

An issue of the simulation says in two kinds of sentence what it wants, and an agent that can
read does just that: "Write the word `pear` into `fruit/pear.txt`" and "Add the line `pear` to
`LIST.md`". A file called `broken` makes our own test run and CI fail; an honest agent removes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from tests.sim.interface import AGENT_KEY, Job, Outcome, Personality

WRITE = re.compile(r"Write the word `([a-z-]+)` into `([\w./-]+)`")
ADD = re.compile(r"Add the line `([a-z-]+)` to `([\w./-]+)`")
ITEM = re.compile(r"^\s*(?:[-*]\s+)?(?:\*\*)?(\d{1,3})[.:)]", re.MULTILINE)
# The words with which the prompt of a repair begins its section.
REPAIR = "## Why you are called"
REPORT = "What is owed is a report"
RESULT = ".agent_result.md"
BROKEN = "broken"
LIMIT = 2400.0  # the config's max_runtime_minutes, in seconds

COMPLETE = """\
STATUS: complete
BLOCKER_CODE: none
SUMMARY: {said}
DONE:
- {said}
DECISIONS:
- The smallest change that does it.
"""
UNFINISHED = """\
STATUS: {status}
BLOCKER_CODE: {code}
SUMMARY: {said}
BLOCKERS:
- {said}
NEXT_STEP: Begin where this one ended.
ATTEMPTED_APPROACHES:
- Reading the issue twice.
"""
ANSWER_TO_ALL = """\
REPORT:
## Answer

The list holds what was asked for, and nothing else; it was read from its first line to its last.
"""
ECHO = """\
STATUS: complete | partial | blocked
BLOCKER_CODE: <one line, required when STATUS is not complete>
SUMMARY: ...
DONE:
- bullet
"""
# Last words of real programs whose model would not answer, and how they ended.
QUOTA = (
    (1, '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,'
        '"result":"You\'ve hit your session limit \u00b7 resets 10:50pm (UTC)"}'),
    (1, '{"type":"turn.failed","error":{"message":"You\u2019ve hit your usage limit. Upgrade to '
        'Pro or try again at 9:57 PM."}}'),
    (1, '{"type":"turn.failed","error":{"message":"Quota exceeded. Check your plan and billing '
        'details."}}'),
    (173, "TerminalQuotaError: You have exhausted your daily quota on this model."),
    (1, "litellm.RateLimitError: OpenAIException - You exceeded your current quota"),
    (1, '{"type":"result","is_error":true,"result":"Credit balance is too low"}'),
)  # fmt: skip
LOGIN = (
    (1, '{"type":"result","subtype":"success","is_error":true,"api_error_status":401,'
        '"result":"Invalid API key \u00b7 Fix external API key"}'),
    (1, "Not logged in \u00b7 Please run /login"),
    (41, "When using Gemini API, you must specify the GEMINI_API_KEY environment variable."),
)  # fmt: skip
OVERLOAD = (
    (1, "API Error: 529 Overloaded. This is a server-side issue, usually temporary"),
    (1, "unexpected status 503 Service Unavailable: upstream connect error"),
)


# --- what an agent can do --------------------------------------------------------------------


def do_the_work(job: Job, *, half: bool = False) -> int:
    """Do what the sentences of the issue ask for; how many of them there were.

    A repair also leaves a note, which is what CI asks for under the sky `red_first`.
    """
    (job.folder / BROKEN).unlink(missing_ok=True)
    written = WRITE.findall(job.prompt)
    added = ADD.findall(job.prompt)
    if half:
        written, added = written[:1], []
    elif REPAIR in job.prompt:
        put(job.folder, f"notes/{job.task_id}.txt", f"mended in attempt {job.attempt}\n")
    for word, name in written:
        put(job.folder, name, f"{word}\n")
    for word, name in added:
        path = job.folder / name
        lines = path.read_text().splitlines() if path.is_file() else []
        if word not in lines:
            put(job.folder, name, "".join(f"{line}\n" for line in [*lines, word]))
    return len(written) + len(added)


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def answers(job: Job, kinds: tuple[str, ...] = ("fixed",)) -> str:
    """An ANSWERS field for every numbered item of a repair, "" where none was asked for."""
    if REPAIR not in job.prompt:
        return ""
    asked = job.prompt.partition(REPAIR)[2].partition("\n## ")[0]
    numbers = dict.fromkeys(ITEM.findall(asked))
    said = [f"- {n}: {kinds[i % len(kinds)]} - looked at it" for i, n in enumerate(numbers)]
    return "\n".join(["ANSWERS:", *said, ""]) if said else ""


def complete(job: Job, said: str = "Did what the issue asks for.") -> bytes:
    text = COMPLETE.format(said=said) + answers(job)
    return (text + (ANSWER_TO_ALL if REPORT in job.prompt else "")).encode()


def seconds(rng: Random) -> float:
    """Most attempts take minutes, some an hour's half."""
    return round(rng.choice((5, 20, 60, 60, 120, 300, 900)) * (0.5 + rng.random()), 1)


def ended(job: Job, exit_code: int, tail: str, result: bytes | None = None) -> Outcome:
    return Outcome(seconds=seconds(job.rng), exit_code=exit_code, result=result, output_tail=tail)


# --- the temperaments ------------------------------------------------------------------------


def honest(job: Job) -> Outcome:
    if REPORT not in job.prompt:
        do_the_work(job)
    return ended(job, 0, "done\n", complete(job))


def lazy(job: Job) -> Outcome:
    """Says complete and has touched nothing."""
    return ended(job, 0, "nothing to do\n", complete(job, "Everything was there already."))


def lying(job: Job) -> Outcome:
    """Says that the tests pass, and breaks them."""
    do_the_work(job)
    put(job.folder, BROKEN, "it is\n")
    return ended(job, 0, "1 passed\n", complete(job, "Done; every test passes."))


def straying(job: Job) -> Outcome:
    """Does the work, and changes a file that it does not mention."""
    do_the_work(job)
    put(job.folder, "README.md", "# rewritten\n\nFor no reason.\n")
    said = complete(job) + b"FILES_CHANGED:\n- fruit/only.txt\n"
    return ended(job, 0, "done\n", said)


def crashing(job: Job) -> Outcome:
    """Dies half-way, without a result."""
    do_the_work(job, half=True)
    return ended(job, job.rng.choice((1, 2, 137, -9, 126)), "Segmentation fault\n")


def killed(job: Job) -> Outcome:
    """Needs more memory than there is: its worker dies with it, once for each task."""
    do_the_work(job)
    if job.facts.setdefault("killed", job.attempt) != job.attempt:
        return ended(job, 0, "done\n", complete(job))
    return Outcome(seconds=seconds(job.rng), exit_code=None, crash=True)


def slow(job: Job) -> Outcome:
    """Is stopped at its limit with half of the work in the folder."""
    do_the_work(job, half=True)
    return Outcome(seconds=LIMIT, exit_code=-15, output_tail="thinking ...\n", timed_out=True)


def quota_struck(job: Job) -> Outcome:
    code, said = job.rng.choice(QUOTA)
    return ended(job, code, said + "\n")


def tired(job: Job) -> Outcome:
    """Has used up its quota at first, and is honest when it is asked again."""
    if job.facts.setdefault("tired", job.attempt) == job.attempt:
        return quota_struck(job)
    return honest(job)


def logged_out(job: Job) -> Outcome:
    code, said = job.rng.choice(LOGIN)
    return ended(job, code, said + "\n")


def overloaded(job: Job) -> Outcome:
    code, said = job.rng.choice(OVERLOAD)
    return ended(job, code, said + "\n")


def partial(job: Job) -> Outcome:
    do_the_work(job, half=True)
    said = UNFINISHED.format(
        status="partial", code="environment_failure", said="The second half is missing."
    )
    return ended(job, 0, "half of it\n", said.encode())


def without_context(job: Job) -> Outcome:
    said = UNFINISHED.format(
        status="blocked", code="missing_context", said="Which fruit is meant here?"
    )
    return ended(job, 0, "?\n", said.encode())


def without_credentials(job: Job) -> Outcome:
    said = UNFINISHED.format(
        status="blocked", code="missing_credentials", said="The registry wants a password."
    )
    return ended(job, 0, "?\n", said.encode())


def echoing(job: Job) -> Outcome:
    """Gives the form back as it was."""
    do_the_work(job)
    return ended(job, 0, "done\n", ECHO.encode())


def verbose(job: Job) -> Outcome:
    """Works well, prints a megabyte, and writes a novel where a note is wanted."""
    do_the_work(job)
    novel = complete(job) + b"RISKS:\n" + b"- It was a dark and stormy night.\n" * 9_000
    return ended(job, 0, "x" * 8_000 + "\n", novel)


def babbling(job: Job) -> Outcome:
    """Its result is not UTF-8, and not text at all."""
    do_the_work(job)
    return ended(job, 0, "\udcff\x00\x1b[31m\n", b"\xff\xfe\x00S\x00T\x00" + job.rng.randbytes(99))


def mute(job: Job) -> Outcome:
    """Works, exits with 0, and leaves no word."""
    do_the_work(job)
    return ended(job, 0, "done\n")


def stubborn(job: Job) -> Outcome:
    """Honest the first time; a repair changes nothing, whatever was said about it."""
    if REPAIR not in job.prompt:
        return honest(job)
    return ended(job, 0, "it is fine\n", complete(job, "It is fine as it is."))


def deaf(job: Job) -> Outcome:
    """Honest, and answers no item of a review."""
    do_the_work(job)
    return ended(job, 0, "done\n", COMPLETE.format(said="Done again.").encode())


def arguing(job: Job) -> Outcome:
    """Honest; mends some items of a review, disagrees with some, leaves some to a person."""
    do_the_work(job)
    kinds = ("fixed", "disagree", "needs_person")
    return ended(
        job, 0, "done\n", (COMPLETE.format(said="Went through it.") + answers(job, kinds)).encode()
    )


def asking_for_hands(job: Job) -> Outcome:
    """Honest, and names a step that only a person can do."""
    do_the_work(job)
    steps = b"MANUAL_STEPS:\n- Buy the domain pear.example.\n"
    return ended(job, 0, "done\n", complete(job) + steps)


def tampering(job: Job) -> Outcome:
    """Honest work, and one attack on us beside it."""
    do_the_work(job)
    return job.rng.choice(ATTACKS)(job)


def bending(job: Job) -> Outcome:
    """Honest work, and a change to what CI runs."""
    do_the_work(job)
    path = job.folder / ".github/workflows/ci.yml"
    if path.is_file():
        path.write_text(path.read_text() + f"# {job.task_id}\n")
    return ended(job, 0, "all green\n", complete(job))


def leaking(job: Job) -> Outcome:
    """Puts its key into a file, and into everything it says."""
    do_the_work(job)
    put(job.folder, "settings.env", f"KEY={AGENT_KEY}\n")
    return ended(job, 0, f"key {AGENT_KEY}\n", complete(job, f"The key {AGENT_KEY} works."))


def prattling(job: Job) -> Outcome:
    """Clean work, and its key in every word it says."""
    do_the_work(job)
    return ended(job, 0, f"key {AGENT_KEY}\n", complete(job, f"The key {AGENT_KEY} works."))


# --- attacks ---------------------------------------------------------------------------------


def links_out(job: Job) -> Outcome:
    replace_by(job.folder / "passwords", lambda path: path.symlink_to("/etc/passwd"))
    return ended(job, 0, "done\n", complete(job))


def result_is_a_pipe(job: Job) -> Outcome:
    replace_by(job.folder / RESULT, os.mkfifo)
    return ended(job, 0, "done\n")


def result_is_a_link(job: Job) -> Outcome:
    replace_by(job.folder / RESULT, lambda path: path.symlink_to("/etc/passwd"))
    return ended(job, 0, "done\n")


def git_is_a_folder(job: Job) -> Outcome:
    def own_repository(path: Path) -> None:
        for name in ("objects", "refs", "hooks"):
            (path / name).mkdir(parents=True)
        (path / "HEAD").write_text("ref: refs/heads/main\n")
        (path / "config").write_text("[core]\n\tfsmonitor = /tmp/evil\n\tbare = false\n")

    replace_by(job.folder / ".git", own_repository)
    return ended(job, 0, "done\n", complete(job))


def poisons_the_store(job: Job) -> Outcome:
    """Writes into the configuration that all worktrees share, and plants a hook."""
    pointer = job.folder / ".git"
    if pointer.is_file():
        admin = Path(pointer.read_text().removeprefix("gitdir:").strip())
        store = admin.parent.parent
        with (store / "config").open("a") as file:
            file.write("[core]\n\tfsmonitor = /tmp/evil\n\thooksPath = /tmp/hooks\n")
        put(store, "hooks/post-checkout", "#!/bin/sh\ntouch /tmp/evil\n")
    return ended(job, 0, "done\n", complete(job))


def deletes_tests(job: Job) -> Outcome:
    for path in (job.folder / "tests").glob("*.py"):
        path.unlink()
    return ended(job, 0, "all green\n", complete(job))


def replace_by(path: Path, make: Callable[[Path], None]) -> None:
    if path.is_file() or path.is_symlink():
        path.unlink()
    if not path.exists():
        make(path)


ATTACKS: tuple[Personality, ...] = (
    links_out, result_is_a_pipe, result_is_a_link, git_is_a_folder, poisons_the_store, leaking,
)  # fmt: skip

# --- tests -----------------------------------------------------------------------------------


def own_tests(job: Job) -> Outcome:
    """The repository's own test command: red where `broken` stands."""
    red = os.path.lexists(job.folder / BROKEN)
    said = "1 failed: broken is there\n" if red else "1 passed\n"
    took = round(1 + 20 * job.rng.random(), 1)
    return Outcome(seconds=took, exit_code=int(red), output_tail=said)


# --- who there is ----------------------------------------------------------------------------

TEMPERAMENTS: Mapping[str, Personality] = {
    each.__name__: each
    for each in (
        honest, lazy, lying, straying, crashing, killed, slow, quota_struck, tired, logged_out,
        overloaded, partial, without_context, without_credentials, echoing, verbose, babbling, mute,
        stubborn, deaf, arguing, asking_for_hands, tampering, bending, leaking, prattling,
        deletes_tests,
    )
}  # fmt: skip

# How attempts failed in production, by what was counted there: quotas and logins first, then
# success that was only claimed, broken contracts, missing context, crashes and time-outs.
FAILURES: Mapping[str, int] = {
    "quota_struck": 6, "logged_out": 3, "overloaded": 2, "lazy": 3, "lying": 3, "mute": 2,
    "echoing": 2, "babbling": 1, "partial": 4, "crashing": 4, "slow": 3, "tampering": 2,
}  # fmt: skip
# What ends a round at once for a person, whoever could still try.
CLAIMS: Mapping[str, int] = {"without_context": 5, "without_credentials": 2}


def failing(share: float, mix: Mapping[str, int]) -> Personality:
    """Honest, but for this share of its attempts, which fail as attempts did in production."""

    def moody(job: Job) -> Outcome:
        if job.rng.random() >= share:
            return honest(job)
        name = job.rng.choices(tuple(mix), weights=tuple(mix.values()))[0]
        return TEMPERAMENTS[name](job)

    return moody


ALL: Mapping[str, Personality] = {
    **TEMPERAMENTS,
    "own_tests": own_tests,
    "moody": failing(0.35, FAILURES),
    "mostly_failing": failing(0.7, FAILURES),
    "hapless": failing(0.5, {**FAILURES, **CLAIMS}),
}
