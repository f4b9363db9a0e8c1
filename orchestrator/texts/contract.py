"""Reads `.agent_result.md`: lenient in form, strict in meaning, and never surprised (S10)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import structs

from orchestrator.records import regex
from orchestrator.records.result import (
    AGENT_CODES,
    Answer,
    AnswerKind,
    BlockerCode,
    Result,
    Status,
)
from orchestrator.texts import markdown

LIMIT = 262_144  # bytes of the file that are read
TEXT_LIMIT = 4_000  # characters of a text field
REPORT_LIMIT = 60_000
ITEM_LIMIT = 600
ITEMS = 40
ANSWERS = 200

# In the order in which the original contract names them; ANSWERS and REPORT are ours.
FIELDS = (
    "STATUS", "BLOCKER_CODE", "SUMMARY", "DONE", "BLOCKERS", "NEXT_STEP", "FILES_CHANGED",
    "TESTS_RUN", "DECISIONS", "RISKS", "ATTEMPTED_APPROACHES", "MANUAL_STEPS", "ANSWERS", "REPORT",
)
MEANINGS = {
    "STATUS": " | ".join(Status),
    "BLOCKER_CODE": " | ".join(code for code in BlockerCode if code in AGENT_CODES),
    "SUMMARY": "<two or three sentences: what is different now>",
    "DONE": "- <one finished thing a line>",
    "BLOCKERS": "- <what stands in the way, or none>",
    "NEXT_STEP": "<what the next engineer should do first, or none>",
    "FILES_CHANGED": "- <path>",
    "TESTS_RUN": "- <command and its outcome>",
    "DECISIONS": "- <what you decided, and why>",
    "RISKS": "- <what might break, or none>",
    "ATTEMPTED_APPROACHES": "- <what you tried that did not work, or none>",
    "MANUAL_STEPS": "- <only what no program can do, or none>",
    "ANSWERS": f"- <number of the item>: <{' | '.join(AnswerKind)}> - <what you did, or why not>",
    "REPORT": "<only for a report task: the whole answer, criterion by criterion>",
}

HEAD = regex.late(
    r"^(?P<mark> {0,3}(?:#{1,6}\s*|>\s*|[-*+]\s+)?)(?P<open>\*\*|__|`|)\s*"
    r"(?P<name>[A-Za-z]+(?:[ _-][A-Za-z]+)?)\s*(?P<colon>:?)\s*(?:(?P=open))?\s*"
    r"(?P<after>:?)(?P<rest>.*)$"
)
BULLET = regex.late(r"^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+(?:\[[ xX]?\]\s+)?")
# `1: fixed - what`, `**2** - disagree, because`, `items 3 and 4: needs a person: why`.
ANSWER = regex.late(
    r"^\s{0,8}(?:(?:[-*+\u2022>]|\#{1,6})\s+)*(?:\[[ xX]?\]\s+)?[*_`\"']{0,3}"
    r"(?:(?:items?|points?|threads?|answers?)\s+)?(?:\#|no\.?\s*)?"
    r"(?P<numbers>\d{1,4}(?:\s*(?:,|&|and|,\s*and)\s*\#?\d{1,4})*)[*_`\"')]{0,3}\s*[:.)\u2013\u2014-]"
    r"[\s*_`\"']*(?P<kind>[A-Za-z]+(?:[ _-](?:a[ _-])?person)?)\b(?P<rest>.*)$",
    re.IGNORECASE,
)
KINDS = {
    "fixed": AnswerKind.FIXED,
    "disagree": AnswerKind.DISAGREE,
    "disagreed": AnswerKind.DISAGREE,
    "needs_person": AnswerKind.NEEDS_PERSON,
    "needs_a_person": AnswerKind.NEEDS_PERSON,
}
NOTHING = frozenset({"", "none", "n/a", "na", "-", "--", "nothing", "null", "nil"})
# Seen from agents that gave a template back: the words of other templates than ours.
ECHO = regex.late(
    r"^(?:[-*]\s*)?(?:\.{3}|\u2026|<[^<>]*>|bullets?|one line\b.*|required when\b.*|"
    r"\[[^\[\]]*\])\.?$",
    re.IGNORECASE,
)
OUR_ECHOES = frozenset(text.lower().lstrip("- ") for text in MEANINGS.values())


def parse(raw: bytes) -> Result:
    """The claim in the file; whatever was written, a Result and never an exception.

    A file that cannot be understood is `blocked / invalid_result_contract`, and `problem` says
    why. Of a field written twice the last one that says something counts. `complete` beside a
    blocker is read as `partial` with that blocker: of two claims, the careful one.
    """
    if not raw.strip():
        return invalid("the result file is empty")
    text = markdown.clean(raw[:LIMIT].decode("utf-8", "replace").lstrip("\ufeff"))
    fields = dict(_fields(text, fenced=False))
    if "STATUS" not in fields:
        fields = dict(_fields(text, fenced=True))
    return _judged(fields, _contents(fields))


def template(*, answers: bool = False) -> str:
    """The form to fill in, as it stands in the prompt; `answers` where items ask for them."""
    return "\n".join(
        f"{name}:\n{meaning}" if meaning.startswith("- ") else f"{name}: {meaning}"
        for name, meaning in MEANINGS.items()
        if answers or name != "ANSWERS"
    )


def invalid(problem: str) -> Result:
    return Result(
        status=Status.BLOCKED, blocker_code=BlockerCode.INVALID_RESULT_CONTRACT, problem=problem
    )


def _fields(text: str, *, fenced: bool) -> Iterator[tuple[str, list[str]]]:
    """Each field with its lines; `fenced` also looks for heads inside code blocks."""
    name, content = "", list[str]()
    for line, code in markdown.lines(text):
        if code and fenced and line.strip().startswith(("```", "~~~")):
            continue
        head = _head(line, strictly=name == "REPORT") if fenced or not code else None
        if head is None:
            content.append(line)
            continue
        if name and _says_something(content):
            yield name, content
        name, content = head[0], [head[1]]
    if name and _says_something(content):
        yield name, content


def _says_something(content: list[str]) -> bool:
    return any(line.strip() and not _echo(line) for line in content)


def _head(line: str, *, strictly: bool) -> tuple[str, str] | None:
    """The field that a line opens, with the rest of the line.

    Inside a report, which may have headings of its own, only the contract's own capitals count;
    elsewhere a name is known by a colon, by being a heading, or by standing bold and alone.
    """
    match = HEAD.match(line)
    if match is None:
        return None
    written = match["name"]
    name = written.upper().replace(" ", "_").replace("-", "_")
    if name not in FIELDS or (strictly and written != name):
        return None
    colon = bool(match["colon"] or match["after"])
    marked = "#" in match["mark"] or match["open"] != ""
    alone = not match["rest"].strip()
    listed = match["mark"].strip() in {"-", "*", "+"}
    if listed and not (match["open"] or written == name):
        return None
    if not (colon or (marked and alone)):
        return None
    return name, match["rest"].strip()


def _bare(line: str) -> str:
    return BULLET.sub("", line).strip().strip("*_`\"' ").strip()


def _echo(line: str) -> bool:
    bare = line.strip().lower()
    return bare.lstrip("- ") in OUR_ECHOES or bool(ECHO.match(bare))


def _word(lines: list[str]) -> str:
    """The one word of a field with a closed vocabulary, or all of what stands there instead."""
    return " ".join(filter(None, map(_bare, lines))).rstrip(".").lower()


def _text(lines: list[str], limit: int) -> str:
    text = "\n".join(line.rstrip() for line in lines if not _echo(line)).strip()
    return "" if text.lower().rstrip(".") in NOTHING else text[:limit].rstrip()


def _items(lines: list[str]) -> tuple[str, ...]:
    listed = any(BULLET.match(line) for line in lines)
    items: list[str] = []
    for line in lines:
        if not line.strip() or _echo(line):
            continue
        item = BULLET.sub("", line).strip()
        if listed and items and not BULLET.match(line):
            items[-1] += " " + item
        else:
            items.append(item)
    said = [item for item in items if item.lower().rstrip(".") not in NOTHING]
    return tuple(item[:ITEM_LIMIT].rstrip() for item in said[:ITEMS])


def _answers(lines: list[str]) -> tuple[Answer, ...]:
    """One for each number, the last that says something; what is no answer says nothing.

    To disagree without a word of why is none, and neither is a template given back.
    """
    found: dict[int, Answer] = {}
    open_: list[int] = []  # the items whose answer the next lines may go on with
    for line in lines:
        match = ANSWER.match(line)
        kind = KINDS.get(re.sub(r"[\s-]+", "_", match["kind"].lower())) if match else None
        if match is None or kind is None:
            more = line.strip()
            if match is not None or _echo(line):
                open_ = []
            elif more:
                for number in open_:
                    said = f"{found[number].said} {more}".strip()[:ITEM_LIMIT].rstrip()
                    found[number] = structs.replace(found[number], said=said)
            continue
        said = match["rest"].lstrip("*_`\"' \t,;:.\u2013\u2014-").strip()
        numbers = [int(digits) for digits in re.findall(r"\d+", match["numbers"])]
        open_ = [] if said and _echo(said) else numbers
        for number in open_:
            if not said and number in found:
                continue
            found[number] = Answer(item=number, kind=kind, said=said[:ITEM_LIMIT].rstrip())
    meant = (found[number] for number in sorted(found))
    whole = (a for a in meant if a.said or a.kind is not AnswerKind.DISAGREE)
    return tuple(whole)[:ANSWERS]


def _paths(lines: list[str]) -> tuple[str, ...]:
    paths: list[str] = []
    for item in _items(lines):
        parts = [part.strip().strip("`") for part in item.split(",")]
        paths.extend(parts if all(" " not in part for part in parts) else [item.replace("`", "")])
    return tuple(path for path in paths if path)[:ITEMS]


def _contents(fields: dict[str, list[str]]) -> Result:
    def items(name: str) -> tuple[str, ...]:
        return _items(fields.get(name, []))

    return Result(
        status=Status.BLOCKED,
        blocker_code=BlockerCode.INVALID_RESULT_CONTRACT,
        summary=_text(fields.get("SUMMARY", []), TEXT_LIMIT),
        next_step=_text(fields.get("NEXT_STEP", []), TEXT_LIMIT),
        report=_text(fields.get("REPORT", []), REPORT_LIMIT),
        files_changed=_paths(fields.get("FILES_CHANGED", [])),
        done=items("DONE"),
        blockers=items("BLOCKERS"),
        tests_run=items("TESTS_RUN"),
        decisions=items("DECISIONS"),
        risks=items("RISKS"),
        attempted_approaches=items("ATTEMPTED_APPROACHES"),
        manual_steps=items("MANUAL_STEPS"),
        answers=_answers(fields.get("ANSWERS", [])),
    )


def _judged(fields: dict[str, list[str]], contents: Result) -> Result:
    claimed, named = _word(fields.get("STATUS", [])), _word(fields.get("BLOCKER_CODE", []))
    if claimed not in set(Status):
        said = f"STATUS says {claimed[:60]!r}" if claimed else "there is no filled-in STATUS"
        return structs.replace(contents, problem=f"{said}; expected complete, partial or blocked")
    status = Status(claimed)
    code = _code(named)
    if status is Status.COMPLETE:
        if code is None or code is BlockerCode.NONE:
            problem = "" if code else f"BLOCKER_CODE says {named[:60]!r}; read as none"
            return structs.replace(
                contents, status=status, blocker_code=BlockerCode.NONE, problem=problem
            )
        problem = f"it says complete and names the blocker {code}; read as partial"
        return structs.replace(
            contents, status=Status.PARTIAL, blocker_code=code, problem=problem
        )
    if code is None or code is BlockerCode.NONE:
        said = f"BLOCKER_CODE says {named[:60]!r}" if named else "there is no BLOCKER_CODE"
        problem = f"{said}; {status} needs one of the contract's codes"
        return structs.replace(contents, status=status, problem=problem)
    return structs.replace(contents, status=status, blocker_code=code)


def _code(named: str) -> BlockerCode | None:
    """The code of that name, NONE for an empty field, None for a word that is no agent's code."""
    word = re.sub(r"[\s-]+", "_", named)
    if named in NOTHING:
        return BlockerCode.NONE
    return BlockerCode(word) if word in AGENT_CODES else None
