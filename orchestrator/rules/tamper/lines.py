"""Tests and sources compared line by line, for languages of which we have no syntax tree."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper import subjects
from orchestrator.rules.tamper.diff import Facts, File, added, alike, mend, reason, words
from orchestrator.rules.tamper.profiles import PROFILES, PYTHON, Profile

SAME_BLOCK = 0.4
RETURNS = regex.late(r"^\s*return;?\s*$")
FALSE = regex.late(r"\bif\s*\(?\s*(?:false|0)\s*\)?\s*(?:\{|:)")
CLOSE = regex.late(r"toBeCloseTo\([^,()]+,\s*(\d+)|InDelta\(.*,\s*([\d.e-]+)\)")
MARK = regex.late(r"^\s*(?:#\[|//|@)")
RUST_TEST = regex.late(r"#\[(?:\w+::)*(?:test|rstest|test_case)\b|#\[(?:\w+::)+test")


class Block(Struct, frozen=True, kw_only=True):
    """One test: its name, its first line, its lines as they stand."""

    path: str
    name: str
    line: int
    lines: tuple[str, ...]
    profile: Profile

    def count(self, what: re.Pattern[str]) -> int:
        """How many lines hold it, comments aside."""
        return sum(
            what.search(line) is not None
            for line in self.lines
            if not self.profile.comment.search(line)
        )

    @property
    def words(self) -> frozenset[str]:
        return words("\n".join(self.lines))


def suspicions(facts: Facts, parsed: Collection[str]) -> Iterator[Suspicion]:
    """Everything but the Python tests that were `parsed` as syntax trees."""
    left = subjects.left(facts)
    pairs: list[tuple[Block, Block]] = []
    gone: list[Block] = []
    new: list[Block] = []
    for file in facts.files:
        profile = PROFILES.get(file.language)
        if profile is None:
            continue
        yield from special(file, profile)
        yield from pretended(file, profile)
        if file.path in parsed or not holds_tests(file, profile):
            continue
        before, after = blocks(file, file.before, profile), blocks(file, file.after, profile)
        pairs += [(before[name], after[name]) for name in before if name in after]
        gone += [block for name, block in before.items() if name not in after]
        new += [block for name, block in after.items() if name not in before]
        yield from whole(file, profile, facts)
    for block in list(gone):
        best = max(new, key=lambda other: alike(block.words, other.words), default=None)
        if best is not None and (
            alike(block.words, best.words) >= SAME_BLOCK or best.name == block.name
        ):
            pairs.append((block, best))
            gone.remove(block)
            new.remove(best)
    yield from deleted(gone, new, facts, left)
    for before_, after_ in pairs:
        yield from compared(before_, after_)
    for block in new:
        yield from fresh(block)


def holds_tests(file: File, profile: Profile) -> bool:
    rust = file.language == "rust" and "#[test]" in (file.before or "") + (file.after or "")
    return file.is_test or rust


def blocks(file: File, text: str | None, profile: Profile) -> dict[str, Block]:
    """The tests by name, each from its first line (and the marks above it) to the next one's."""
    lines = (text or "").splitlines()
    starts: list[tuple[int, str]] = []
    for place, line in enumerate(lines):
        found = profile.start.search(line)
        if found is None:
            continue
        groups = found.groupdict()
        name = groups.get("name") or groups.get("name2") or ""
        above = place
        while above and MARK.search(lines[above - 1]):
            above -= 1
        marked = any(RUST_TEST.search(mark) for mark in lines[above:place])
        if file.language == "rust" and groups.get("name") and not marked:
            continue
        starts.append((above, name))
    found_blocks: dict[str, Block] = {}
    for (start, name), (end, _) in zip(starts, [*starts[1:], (len(lines), "")], strict=False):
        unique = name if name not in found_blocks else f"{name} ({start + 1})"
        found_blocks[unique] = Block(
            path=file.path, name=name, line=start + 1, profile=profile,
            lines=tuple(closed(lines[start:end])),
        )
    return found_blocks


def closed(lines: list[str]) -> list[str]:
    """Without what stands behind the brace that ends the test."""
    head = next((place for place, line in enumerate(lines) if not MARK.search(line)), 0)
    for place in range(head + 1, len(lines)):
        ends = lines[place].strip().startswith("}")
        if ends and depth(lines[place]) <= depth(lines[head]):
            return lines[: place + 1]
    return lines


def deleted(
    gone: list[Block], new: list[Block], facts: Facts, left: subjects.Left
) -> Iterator[Suspicion]:
    """Tests that no new one resembles and whose subject is still there."""
    after = "\n".join(file.after or "" for file in facts.files if file.is_test)
    came = "\n".join(line for file in facts.files if file.is_test for _, line in added(file))
    del new
    for block in gone:
        if not block.count(block.profile.check) and not block.count(block.profile.exact):
            continue  # a group of tests, or one that never checked anything
        if subjects.is_gone(block.words, left):
            continue
        bodies = [line.strip() for line in block.lines[1:] if len(line.strip()) > 12]
        moved = sum(line in after for line in bodies)
        values = quotes("\n".join(block.lines))
        kept = sum(value in came for value in values)
        if bodies and moved * 2 >= len(bodies) or len(values) > 1 and kept * 2 >= len(values):
            continue
        yield mend(block.path, 0, "test_deleted", f"the test {block.name!r} was deleted")


def quotes(text: str) -> set[str]:
    return set(re.findall(r"['\"`]([^'\"`\n]{3,60})['\"`]", text))


def compared(before: Block, after: Block) -> Iterator[Suspicion]:
    """One test before and after."""
    profile = after.profile
    was, now = before.count(profile.check), after.count(profile.check)
    for pattern, find in ((profile.skip, mend), (profile.maybe_skip, reason)):
        if after.count(pattern) > before.count(pattern):
            yield find(after.path, after.line, "skip_added", f"{after.name!r} is skipped now")
            return
    if was and not now:
        # A single check may stand in a helper now, which a line does not tell.
        find = mend if was > 1 else reason
        yield find(after.path, after.line, "assertions_removed",
                   f"{after.name!r} checks nothing any more")
        return
    exact = before.count(profile.exact) - after.count(profile.exact)
    weak = after.count(profile.weak) - before.count(profile.weak)
    if exact > 0 and weak > 0 and weak >= exact and now <= was:
        yield mend(after.path, after.line, "assertion_weakened",
                   f"{after.name!r} checks less exactly than before")
    elif now < was and not grew(before, after):
        yield reason(after.path, after.line, "assertions_removed",
                     f"{after.name!r} has {was - now} checks less")
    yield from loosened(before, after)
    yield from fresh(after, before)


def grew(before: Block, after: Block) -> bool:
    """Whether more is said in fewer checks: tables, bigger expectations."""
    return len("".join(after.lines)) >= len("".join(before.lines))


def loosened(before: Block, after: Block) -> Iterator[Suspicion]:
    was, now = closeness(before), closeness(after)
    if len(was) == len(now) and any(other < one for one, other in zip(was, now, strict=True)):
        yield mend(after.path, after.line, "tolerance_widened", f"{after.name!r} allows more")


def closeness(block: Block) -> list[float]:
    """Digits that must agree; a wider delta counts as fewer."""
    found = []
    for digits, delta in CLOSE.findall("\n".join(block.lines)):
        try:
            found.append(float(digits) if digits else -float(delta))
        except ValueError:
            continue
    return found


def fresh(block: Block, before: Block | None = None) -> Iterator[Suspicion]:
    """What a test must not hold, new or changed."""
    profile = block.profile
    had = set(line.strip() for line in before.lines) if before else set()
    for place, line in enumerate(block.lines):
        if line.strip() in had or profile.comment.search(line):
            continue
        at = block.line + place
        if profile.always.search(line):
            yield mend(block.path, at, "tautology", f"{block.name!r} checks what cannot fail")
        elif profile.swallow.search(line) and profile is not PYTHON:
            yield mend(block.path, at, "assertion_unheard", f"{block.name!r} forgets its failures")
        elif FALSE.search(line):
            yield mend(block.path, at, "assertion_unheard", f"{block.name!r} never gets so far")
        elif RETURNS.search(line) and top_level(block, place):
            rest = block.lines[place + 1 :]
            if any(profile.check.search(one) for one in rest):
                yield mend(block.path, at, "assertion_unheard",
                           f"{block.name!r} returns before its checks")
    if before is None and profile.skip.search("\n".join(block.lines[:3])):
        yield reason(block.path, block.line, "skip_added", f"the new {block.name!r} is skipped")


def top_level(block: Block, place: int) -> bool:
    """Whether a line stands directly in the test, one step deeper than its start."""
    inner = [line for line in block.lines[1:] if line.strip() and not MARK.search(line)]
    first = next((line for line in inner if line != block.lines[0]), "")
    return depth(block.lines[place]) <= depth(first)


def depth(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())


def whole(file: File, profile: Profile, facts: Facts) -> Iterator[Suspicion]:
    """What concerns all tests of a file: `.only`, mocks of what the diff changes."""
    sources = {one.name.partition(".")[0] for one in facts.files if one.is_source}
    for number, line in added(file):
        if file.language == "go" and line.startswith("//") and profile.skip.search(line):
            yield mend(file.path, number, "skip_added", "the file is not built any more")
        if profile.comment.search(line):
            continue
        if profile.only.search(line):
            yield mend(file.path, number, "tests_deselected", "all other tests are left out")
        mocked = profile.mock.search(line)
        unit = mocked.group(1).rpartition("/")[2].partition(".")[0] if mocked else ""
        if mocked and mocked.group(1).startswith(".") and unit in sources:
            yield mend(file.path, number, "unit_mocked", f"replaces {unit}, which it is to test")


def special(file: File, profile: Profile) -> Iterator[Suspicion]:
    """Sources that ask whether they are being tested."""
    if not file.is_source or file.name in {"setup.py", "noxfile.py"}:
        return
    for number, line in added(file):
        if profile.special.search(line) and not profile.comment.search(line):
            yield mend(file.path, number, "knows_it_is_tested",
                       "behaves otherwise when it is tested, or in CI")


def pretended(file: File, profile: Profile) -> Iterator[Suspicion]:
    """Stubs and swallowed failures in sources; Python's are read from its syntax tree."""
    if not file.is_source or profile is PYTHON:
        return
    for number, line in added(file):
        if profile.comment.search(line):
            continue
        if profile.stub.search(line):
            yield mend(file.path, number, "stub", "says that it is not implemented")
        elif profile.swallow.search(line):
            yield reason(file.path, number, "swallowed", "takes every failure and says nothing")
    yield from gutted(file)


def gutted(file: File) -> Iterator[Suspicion]:
    """Functions that did something and now only return a literal, or nothing."""
    was, now = bodies(file.before or ""), bodies(file.after or "")
    for name, (number, body) in now.items():
        idle = len(body) == 0 or (len(body) == 1 and CONSTANT.search(body[0]) is not None)
        if not idle:
            continue
        if name in was and len(was[name][1]) >= 2:
            yield mend(file.path, number, "stub", f"{name} did something before, and does not now")
        elif name not in was and body and file.before is None:
            continue


CONSTANT = regex.late(
    r"^(?:return\s+)?(?:true|false|null|nil|undefined|None|Ok\(\(\)\)|-?\d+(?:\.\d+)?|"
    r"\"[^\"]*\"|'[^']*'|\[\]|\{\}|String::new\(\)|Vec::new\(\)|Default::default\(\)|"
    r"(?:true|false|nil|0|\"\")(?:,\s*(?:nil|true|false))?)?;?$"
)
OPENS = regex.late(
    r"^(?P<indent>\s*)(?:export\s+|default\s+|pub(?:\([^)]*\))?\s+|async\s+|static\s+)*"
    r"(?:function\*?|func(?:\s+\([^)]*\))?|fn)\s+(?P<name>\w+).*\{\s*$|"
    r"^(?P<indent2>\s*)(?:export\s+)?(?:const|let)\s+(?P<name2>\w+)\s*=.*=>\s*\{\s*$"
)


def bodies(text: str) -> dict[str, tuple[int, list[str]]]:
    """Functions by name: the line of their head, and what stands in them, comments aside."""
    found: dict[str, tuple[int, list[str]]] = {}
    lines = text.splitlines()
    for place, line in enumerate(lines):
        head = OPENS.match(line)
        if head is None:
            continue
        indent = head.group("indent") if head.group("name") else head.group("indent2")
        body: list[str] = []
        for inner in lines[place + 1 :]:
            if inner.startswith(indent + "}") and depth(inner) == depth(line):
                break
            if inner.strip() and not inner.strip().startswith(("//", "/*", "*")):
                body.append(inner.strip())
        found[head.group("name") or head.group("name2")] = (place + 1, body)
    return found
