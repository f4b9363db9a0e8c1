"""Whether a diff bends what judges it: its tests, checks, settings, or itself (S9, S13, S14)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion, Weight
from orchestrator.records.task import TaskType
from orchestrator.rules.tamper import (
    configs,
    dodges,
    entrances,
    lines,
    paths,
    profiles,
    pytests,
    python_source,
    python_tests,
    tricks,
)
from orchestrator.rules.tamper.diff import Facts, File, added, names, person, reason, removed

__all__ = ["Facts", "File", "judge"]

LARGEST = 4_000_000  # characters of all texts of a diff that are compared
LEAST_REASON = 30  # characters from which words can be a reason
# Words of an issue that wants less: then a test may go with what it tested, for a reason.
TAKES_AWAY = regex.late(
    r"\b(?:remov|delet|drop|revert|deprecat|retir|get rid|no longer|strip out)\w*", re.IGNORECASE
)
EXPECTS = regex.late(r"^(?!.*(?:approx|places=|rel=|delta|toBeCloseTo)).*(?:assert|expect|want)")
LITERAL = regex.late(
    r"\"[^\"]*\"|'[^']*'|`[^`]*`|-?\b\d[\d._]*\b|\b(?:True|False|None|true|false|nil)\b"
)
WORKS = frozenset({TaskType.IMPLEMENTATION, TaskType.DEBUGGING})


class Allow(Struct, frozen=True, tag=True):
    """It may be merged once its checks are green; `excused` are findings with a reason."""

    excused: tuple[Suspicion, ...] = ()


class NeedsReason(Struct, frozen=True, tag=True):
    """The agent is asked once: an honest fix, or the reason."""

    suspicions: tuple[Suspicion, ...]


class NeedsPerson(Struct, frozen=True, tag=True):
    """It may be pushed and shown, and never merged without a maintainer's word."""

    suspicions: tuple[Suspicion, ...]


Verdict = Allow | NeedsReason | NeedsPerson


def judge(facts: Facts) -> Verdict:
    """Pure, and the same for the same diff.

    What a person alone can excuse never merges by itself. The rest goes back to the agent once;
    what it then neither mends nor, where that is enough, explains, is a person's too.
    """
    found = suspicions(facts)
    excused = tuple(one for one in found if is_excused(one, facts))
    left = tuple(one for one in found if one not in excused)
    if not left:
        return Allow(excused)
    if not facts.asked and any(one.weight is not Weight.PERSON for one in left):
        return NeedsReason(left)
    return NeedsPerson(left)


def also(verdict: Verdict, found: tuple[Suspicion, ...], *, asked: bool) -> Verdict:
    """The verdict with findings that only running the work could make; asked about once (S13)."""
    if not found:
        return verdict
    known = () if isinstance(verdict, Allow) else verdict.suspicions
    return (NeedsPerson if asked else NeedsReason)((*known, *found))


def suspicions(facts: Facts) -> tuple[Suspicion, ...]:
    """Every finding, each rule and place once, in the order of paths and lines."""
    size = sum(len(file.before or "") + len(file.after or "") for file in facts.files)
    if size > LARGEST:
        said = f"the change holds {size / 1e6:.1f} million characters, too much to be compared"
        found = [person(facts.files[0].path, "too_large", said), *paths.suspicions(facts)]
    else:
        found = list(_found(facts))
    unique = {(one.path, one.line, one.rule, one.said): one for one in found}
    return tuple(sorted(unique.values(), key=lambda one: (one.path, one.line, one.rule, one.said)))


def _found(facts: Facts) -> Iterator[Suspicion]:
    yield from paths.suspicions(facts)
    yield from configs.suspicions(facts)
    yield from entrances.suspicions(facts)
    for file in facts.files:
        if file.unread and (file.is_test or file.is_source):
            yield person(file.path, "too_large", "is too large to be compared")
    try:
        # A tree that is nested on purpose breaks the walk, not the judgement.
        suites = python_tests.read(facts)
        yield from list(python_tests.suspicions(facts, suites))
        yield from list(python_source.suspicions(facts))
        yield from list(dodges.suspicions(facts))
        yield from list(tricks.suspicions(facts))
        yield from list(lines.suspicions(facts, {both.file.path for both in suites}))
    except RecursionError:
        yield person(facts.files[0].path, "unreadable", "is nested too deeply to be compared")
    yield from rewritten(facts)
    yield from red_tests(facts)


def protected(files: tuple[File, ...], *, itself: bool) -> tuple[Suspicion, ...]:
    """The findings that no text and no reason changes: by path and mode alone (S14)."""
    return tuple(paths.suspicions(Facts(files=files, itself=itself)))


def rewritten(facts: Facts) -> Iterator[Suspicion]:
    """Expectations that changed while nothing that they are about did."""
    if facts.task_type not in WORKS or any(file.is_source for file in facts.files):
        return
    for file in facts.files:
        if file.before is None or file.after is None or not (file.is_test or file.is_recorded):
            continue
        lost = [line for line in removed(file) if line.strip()]
        shapes = {shape(line) for line in lost if file.is_recorded or EXPECTS.search(line)}
        number = next((n for n, line in added(file) if shape(line) in shapes), 0)
        if number or (file.is_recorded and lost):
            yield reason(file.path, number, "expectation_rewritten",
                         "what the test expects was changed, and no source was")


def shape(line: str) -> str:
    """A line without its literals: what is the same where only an expected value changed."""
    return LITERAL.sub("#", line.strip())


def red_tests(facts: Facts) -> Iterator[Suspicion]:
    """Tests that were red may not be touched by who is to make them green (S13).

    Unless the issue speaks of that very test, or of its file.
    """
    if not facts.red:
        return
    for file in facts.files:
        if not (file.is_test or file.is_recorded) or file.before is None:
            continue
        stem = file.name.partition(".")[0]
        if names(stem, facts.issue) or names(file.path, facts.issue):
            continue
        for name in touched(file):
            if names(name, facts.red) and not names(name, facts.issue):
                yield person(file.path, "red_test_touched",
                             f"{name} was red, and was changed instead of what it tests")
                break
        else:
            if file.after is None and (names(file.path, facts.red) or names(stem, facts.red)):
                yield person(file.path, "red_test_touched", "was red, and is deleted")
            elif file.is_recorded and names(file.name, facts.red):
                yield person(file.path, "red_test_touched", "was red, and was recorded anew")


def touched(file: File) -> Iterator[str]:
    """The names of the tests of before that are not as they were."""
    before, after = pytests.suite(file.path, file.before), pytests.suite(file.path, file.after)
    if file.language == "python" and before is not None and after is not None:
        for name, test in before.tests.items():
            now = after.tests.get(name)
            if not test.helper and (now is None or now.shape != test.shape):
                yield test.bare
        return
    profile = profiles.PROFILES.get(file.language)
    if profile is not None:
        had, has = lines.blocks(file, file.before, profile), lines.blocks(file, file.after, profile)
        for name, block in had.items():
            if name not in has or has[name].lines != block.lines:
                yield block.name


def is_excused(one: Suspicion, facts: Facts) -> bool:
    """Whether a reason is enough for this finding, and one was given that speaks of it.

    What the issue itself asks to delete may be deleted: its text is of people who may write.
    """
    if one.weight is Weight.PERSON:
        return False
    stem = one.path.rpartition("/")[2].partition(".")[0]
    subject = one.said.split(" ", 1)[0]
    if one.rule == "test_deleted" and (
        names(subject.rpartition(".")[2], facts.issue) or names(one.path, facts.issue)
    ):
        return True
    wanted = one.rule == "test_deleted" and TAKES_AWAY.search(facts.issue) is not None
    if one.weight is Weight.MEND and not wanted:
        return False
    about = (one.path, stem, subject.rpartition(".")[2])
    return any(
        len(said.strip()) >= LEAST_REASON and any(names(word, said) for word in about if word)
        for said in facts.reasons
    )
