"""What a program's own error means: no quota, no login, no such model; nothing else is guessed."""

from __future__ import annotations

import re

from msgspec import Struct

from orchestrator.agents import events
from orchestrator.records import regex
from orchestrator.records.quota import Window
from orchestrator.records.result import BlockerCode

PARAGRAPH = 8  # lines of a last paragraph that are read
LONGEST = 600
ANSI = regex.late(r"\x1b\[[0-9;?]*[A-Za-z]")
# How providers say "not now": out of quota or credit, too many at once, too busy.
QUOTA = regex.late(
    r"hit your (?:[\w-]+ ){0,3}limit|usage limit|rate[ _-]?limit|too many requests"
    r"|exceeded your (?:\w+ ){0,2}quota|exhausted your (?:\w+ ){0,2}quota|quota exceeded"
    r"|insufficient[ _](?:quota|balance|credits?)|credit balance is too low|payment required"
    r"|request rejected \(429\)|\b429\b.{0,40}too many|at capacity|\boverloaded\b|RateLimitError"
    r"|RESOURCE_EXHAUSTED|resource exhausted",
    re.IGNORECASE,
)
LOGIN = regex.late(
    r"not logged in|please run /login|invalid (?:api[ _-]?key|x-api-key|bearer token)"
    r"|incorrect api key|api[ _-]?key (?:is )?(?:not valid|invalid|expired)|invalid_api_key"
    r"|api_key_invalid|authentication[ _]?(?:failed|error)|AuthenticationError"
    r"|\b401\b.{0,20}unauthorized|missing (?:api[ _-]?key|credentials|bearer)"
    r"|missing environment variable: `\w*(?:KEY|TOKEN)|must specify the \w+_(?:KEY|TOKEN)\b"
    r"|(?:oauth|access|refresh) token (?:has |is |was )?(?:been )?(?:expired|revoked|invalid)"
    r"|(?:please )?(?:log|sign) in again|invalid auth method|set an auth method",
    re.IGNORECASE,
)
MODEL = regex.late(
    r"model[^.]{0,80}(?:does not exist|is not found|not found for|not supported|may not exist)"
    r"|issue with the selected model|model_not_found|no such model|unknown model"
    r"|models/\S+ is not found|ModelNotFoundError",
    re.IGNORECASE,
)
CREDIT = regex.late(
    r"credit balance|insufficient[ _](?:balance|credits?|funds|quota)|payment required"
    r"|out of credits?|quota exceeded\. check your plan and billing",
    re.IGNORECASE,
)
WEEK = regex.late(r"week|seven[ _-]?day|7[ -]day", re.IGNORECASE)
FIVE_HOURS = regex.late(r"five[ _-]?hour|5[ -]?hour|session limit", re.IGNORECASE)
TOO_LONG = regex.late(
    r"prompt is too long|context_length_exceeded|maximum context length|exceeds? the (?:model's )?"
    r"context (?:window|length)|input (?:is too long|length and `max_tokens` exceed)"
    r"|request_too_large|input token count.{0,40}exceeds",
    re.IGNORECASE,
)
# Where a line of plain text is an error of the program, and not talk about one. A phrase that
# people use as well counts only where it is the whole sentence.
ENDS = r"(?=\s*(?:[.:,;()\u00b7\u2013\u2014{]|please\b|$))"
MARK = regex.late(
    r"(?:\W*\b(?:exit|error|fatal|failed)\b\W{1,3})*(?:"
    r"\[?API Error(?::|\s+\d{3}\b|\])|litellm\.\w+Error\b|(?:\w+\.)*(?:RateLimit|Authentication"
    r"|PermissionDenied|ServiceUnavailable|InternalServer|BadRequest|NotFound|APIStatus|APICall"
    r"|APIConnection|ModelNotFound|_?Api)Error\s*[:(]|unexpected status \d{3}\b"
    r"|exceeded retry limit|(?:HTTP(?:/\S+)? )?(?:401|402|403|404|429|503|529)\b\W{1,3}"
    r"(?:unauthorized|payment required|forbidden|not found|too many requests"
    r"|service unavailable|overloaded)\b|you(?:'|\u2019)ve hit your\b.{0,30}limit"
    r"|you (?:have )?(?:exceeded|exhausted) your\b.{0,30}quota"
    r"|(?:\w+ )?usage limit (?:reached|exceeded)" + ENDS + r"|credit balance is too low"
    r"|the (?:selected )?model is (?:at capacity|overloaded)"
    r"|(?:insufficient[ _](?:quota|balance|credits?)|quota exceeded|rate[ _-]?limit(?:ed| reached"
    r"| exceeded)|too many requests|not logged in|invalid api key|incorrect api key(?: provided)?"
    r"|missing (?:api key|credentials)|authentication failed)" + ENDS +
    r"|missing environment variable: `\w*(?:KEY|TOKEN)|please run /login"
    r"|when using gemini api, you must specify)",
    re.IGNORECASE,
)
STATUS = regex.late(
    r"(?:unexpected status|last status:|API Error:?|Request rejected|HTTP(?:/\S+)?|status(?:Code)?"
    r"[\"']?[:=]?|\"code\":)\s*\(?(?P<status>[1-5]\d\d)\b",
    re.IGNORECASE,
)
BUSY = frozenset({402, 429, 503, 529})
CLOSED = frozenset({401, 403})


class Told(Struct, frozen=True, kw_only=True):
    """The error that a program told: `final` when it ended by it, else it was still trying.

    `status` is the HTTP status of its provider, `kind` its own word for it, `window` that for the
    limit which was reached, `resets_at` seconds
    since 1970 and `retry_after` seconds from then. `session_gone`: the conversation that it
    should take up again is not there.
    """

    message: str
    status: int | None = None
    kind: str = ""
    window: str = ""
    resets_at: float | None = None
    retry_after: float | None = None
    final: bool = True
    session_gone: bool = False


def code_of(told: Told) -> BlockerCode | None:
    """The contract's word for it; None where it is neither size, quota, login nor model.

    Fields come before words, and a word of quota before a status: a 400 may mean no credit.
    """
    words = f"{told.kind} {told.message}"
    if TOO_LONG.search(words):
        return BlockerCode.PROMPT_TOO_LARGE
    status = told.status or status_in(told.message)
    if status in BUSY or QUOTA.search(words):
        return BlockerCode.QUOTA_LIMITED
    if status in CLOSED or LOGIN.search(words):
        return BlockerCode.MISSING_CREDENTIALS
    if status == 404 or MODEL.search(words):
        return BlockerCode.ENVIRONMENT_FAILURE
    return None


def window_of(told: Told) -> Window:
    """Which of its provider's limits was reached, as far as it said."""
    words = f"{told.window} {told.kind} {told.message}"
    if CREDIT.search(words) or (told.status or status_in(told.message)) == 402:
        return Window.CREDIT
    if WEEK.search(words):
        return Window.WEEK
    return Window.FIVE_HOURS if FIVE_HOURS.search(words) else Window.UNKNOWN


def status_in(message: str) -> int | None:
    found = STATUS.search(message)
    return int(found["status"]) if found else None


def in_text(output: str) -> Told | None:
    """The error that plain output ends with, in the position of an error; None without one.

    Read are the message of a JSON object at the very end, else the last paragraph from its last
    line that begins as errors begin. Whatever stands elsewhere is ordinary output.
    """
    text = ANSI.sub("", output).rstrip()
    ending = _ending(text)
    if ending is not None:
        said = " ".join(ending.split())[:LONGEST]
        return Told(message=said) if said else None
    lines = text.rpartition("\n\n")[2].split("\n")[-PARAGRAPH:]
    for start in range(len(lines) - 1, -1, -1):
        if MARK.match(lines[start].strip()):
            said = " ".join(" ".join(lines[start:]).split())[:LONGEST]
            return Told(message=said)
    return None


class _Ending(Struct):
    """The fields of a last JSON object in which programs say what went wrong."""

    error: object = None
    message: object = None
    result: object = None
    is_error: object = False


def _ending(text: str) -> str | None:
    """The error of a last JSON object, "" for one without an error; None without an object."""
    rows = events.decoded(text.rpartition("\n")[2], list[_Ending])
    found = rows[-1] if rows else events.last(text, _Ending)
    if found is None:
        return None
    result = events.words(found.result)
    refused = found.is_error is True or result.startswith("[API Error")
    return events.words(_inside(found.error), found.message, result if refused else "")


def _inside(error: object) -> str:
    """The words of an `error`, which is a text, or an object around one."""
    if isinstance(error, dict):
        data = error.get("data")
        return events.words(data.get("message") if isinstance(data, dict) else None,
                            error.get("message"))  # fmt: skip
    return events.words(error)
