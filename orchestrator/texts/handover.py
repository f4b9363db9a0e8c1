"""What earlier attempts left for the next one: whole where there is room, else in a line."""

from __future__ import annotations

from orchestrator.records.task import Attempt
from orchestrator.texts import bounded, markdown, timeline

ITEMS = 8  # bullets of one field of one earlier attempt
SAID = 400  # characters of one of them


def told(attempts: tuple[Attempt, ...], room: int) -> str:
    """The newest, whole as many as fit; of those before them a line each while there is room."""
    newest = tuple(reversed(attempts))
    lines = [_in_short(made) for made in newest]
    reserve = min(room // 4, sum(bounded.size(line) + 1 for line in lines[1:]))
    whole: list[str] = []
    left = room - 100
    for made in newest:
        # The newest is worth the room: with fewer bullets where all of them do not fit.
        for items in (ITEMS, ITEMS // 2, 1) if not whole else (ITEMS,):
            text = _told(made, items)
            size = bounded.size(text) + 2
            if size <= left - reserve:
                break
        if size > left - reserve:
            break
        whole.append(text)
        left -= size
    short: list[str] = []
    for line in lines[len(whole) :]:
        left -= bounded.size(line) + 1
        if left < 0:
            break
        short.append(line)
    if short:
        whole.append("\n".join(["Before that, in short:", *short]))
    left_out = len(lines) - len(short) - (len(whole) - bool(short))
    if left_out:
        whole.append(f"({left_out} more earlier attempts left out)")
    return "\n\n".join(whole)


def _headline(made: Attempt) -> str:
    verdict = made.verdict.value if made.verdict else "not finished"
    code = "" if made.code == "none" else f" ({made.code})"
    often = f", {said}" if (said := timeline.refusals(made)) else ""
    return f"Attempt {made.n}: {made.agent}, {verdict}{code}{often}"


def _in_short(made: Attempt) -> str:
    reason = f": {markdown.sentences(made.reason, SAID // 2)}" if made.reason else ""
    return f"- {_headline(made)}{reason}"


def _told(made: Attempt, most: int) -> str:
    lines = [f"### {_headline(made)}"]
    if made.reason:
        lines.append(f"Verdict: {markdown.sentences(made.reason, SAID)}")
    result = made.result
    if result is None:
        return "\n".join(lines)
    if result.summary:
        lines.append(f"It says: {markdown.sentences(result.summary, SAID)}")
    for name, items in (
        ("Done", result.done),
        ("In the way", result.blockers),
        ("Tried without success", result.attempted_approaches),
        ("Decided", result.decisions),
        ("Left for a person", result.manual_steps),
    ):
        if items:
            short = [markdown.sentences(item, SAID) for item in items[:most]]
            more = len(items) - most
            short += [f"({more} more left out)"] if more > 0 else []
            lines.append(f"{name}:\n{markdown.bullets(short)}")
    if result.next_step:
        lines.append(f"Next step: {markdown.sentences(result.next_step, SAID)}")
    return "\n".join(lines)
