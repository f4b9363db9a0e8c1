"""Letters: redacted, whole, never too long, and what strangers wrote in them cannot be touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records.letter import Letter, Span, Style, Written
from orchestrator.texts import letters
from orchestrator.texts.redact import Redactor
from tests.support import values

SECRET = "correct-horse-battery-staple"
REDACT = Redactor([SECRET])
SPANS = st.builds(
    Span, st.builds(lambda text, times: text * times, values.TEXT, st.sampled_from([0, 1, 99])),
    st.sampled_from(Style), st.sampled_from(["", "https://github.com/maria/library/issues/1"]),
)  # fmt: skip
ROWS = st.lists(st.lists(SPANS, max_size=3).map(tuple), max_size=4).map(tuple)


def named(said: Written) -> list[str]:
    """What each entity covers, as Telegram counts."""
    raw = said.text.encode("utf-16-le")
    return [
        raw[2 * one.offset : 2 * (one.offset + one.length)].decode("utf-16-le")
        for one in said.entities
    ]


@given(lines=ROWS, ending=ROWS)
def test_whatever_is_in_it_a_letter_can_be_sent(
    lines: tuple[tuple[Span, ...], ...], ending: tuple[tuple[Span, ...], ...]
) -> None:
    said = letters.written(Letter(lines=lines, ending=ending[:1]), REDACT)
    assert said.text.strip() and letters.units(said.text) <= letters.LIMIT
    assert len(named(said)) == len(said.entities)
    said.text.encode()  # no half of a surrogate pair


@given(st.integers(1, len(SECRET) - 1), values.TEXT)
def test_a_secret_is_not_said_also_where_two_spans_share_it(cut: int, around: str) -> None:
    row = (Span(around), Span(SECRET[:cut], Style.BOLD), Span(SECRET[cut:]), Span(around))
    assert SECRET not in letters.written(Letter(lines=(row,)), REDACT).text


def test_a_secret_is_taken_out_before_the_text_is_cut() -> None:
    row = (Span("x" * (letters.LIMIT - 20) + SECRET),)
    said = letters.written(Letter(lines=(row,)), REDACT).text
    assert "correct-horse" not in said and letters.units(said) <= letters.LIMIT


def test_a_secret_in_a_link_takes_the_link_away() -> None:
    row = (Span("here", link=f"https://x.example/?key={SECRET}"),)
    assert letters.written(Letter(lines=(row,)), REDACT) == Written("here")


def test_styles_lie_where_their_words_are_behind_letters_of_two_units() -> None:
    row = (Span("😀😀 ok "), Span("müde", Style.BOLD), Span(" "), Span("12", link="https://x.y"))
    said = letters.written(Letter(lines=(row,)), REDACT)
    assert named(said) == ["müde", "12"] and said.text == "😀😀 ok müde 12"


def test_a_long_text_ends_with_a_sentence_and_its_link_stays() -> None:
    row = (Span("A sentence of some words. " * 400),)
    ending = ((Span("#12", link="https://github.com/maria/library/issues/12"),),)
    said = letters.written(Letter(lines=(row,), ending=ending), REDACT)
    assert said.text.endswith("words.\n[shortened]\n#12") and named(said) == ["#12"]


def test_in_a_strangers_words_nothing_can_be_touched() -> None:
    said = letters.strange("now /off\x00 and @maria https://evil.example/x\nmore", 100)
    for alive in ("/off", "@maria", "://evil", "\n", "\x00"):
        assert alive not in said
    assert letters.strange("a/b is a path", 100) == "a/b is a path"
    assert len(letters.strange("word " * 200, 50)) <= 50


def test_for_a_log_links_are_written_out() -> None:
    row = (Span("Merged", Style.BOLD), Span(" "), Span("#3", link="https://x.y/3"))
    assert letters.plain(Letter(lines=(row,), ending=((Span("end"),),))) == (
        "Merged #3 <https://x.y/3>\nend"
    )


def test_a_command_is_set_as_code_and_can_be_copied() -> None:
    row = letters.spans("ask @root: `npm install -g @openai/codex`, then `/login`", 200)
    assert row == (
        Span("ask @\u2060root: "), Span("npm install -g @openai/codex", Style.CODE),
        Span(", then "), Span("/login", Style.CODE),
    )  # fmt: skip
    assert letters.plain(Letter(lines=(row,))) == (
        "ask @root: npm install -g @openai/codex, then /login"
    )
