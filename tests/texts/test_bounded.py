"""Text in a number of bytes, by whole items."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.texts import bounded

LOG = "```\n" + "\n".join(f"line {n}" for n in range(200)) + "\n```"
DIFF = "```diff\n" + "\n".join(f"+line {n}" for n in range(200)) + "\n```"
SAYS = "One says this. Two says that."


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [
        ("", 0, ""),
        ("short", 5, "short"),
        ("\n\nshort\n", 5, "short"),
        (f"{SAYS}\n\n{SAYS} And more.\n\n{SAYS}", 99, f"{SAYS}\n\n(2 more parts left out)"),
        (f"{SAYS}\n\n{'word ' * 40}.", 120, f"{SAYS}\n\n(1 more parts left out)"),
        # Of the first that does not fit, its first sentences.
        (f"First one. {'Another sentence. ' * 9}", 120,
         "First one. Another sentence. Another sentence.\n\n(1 more parts left out)"),
        # A sentence goes on in the next line of a paragraph.
        (f"It goes\non here. {'And on. ' * 20}", 90,
         "It goes on here. And on.\n\n(1 more parts left out)"),
        (f"- one\n- two\n  goes on\n- {'x' * 90}\n- four", 90,
         "- one\n- two\n  goes on\n\n(2 more parts left out)"),
        (f"# Title\n{'x' * 90}", 90, "(2 more parts left out)"),
        ("x" * 100, 90, "(1 more parts left out)"),
        ("x" * 100, 20, ""),
        (LOG, 110, "```\nline 0\nline 1\nline 2\nline 3\nline 4\n```\n\n(1 more parts left out)"),
        (DIFF, 110, "(1 more parts left out)"),
        (f"# T\n\n{DIFF}\n\nafter", 120, "(3 more parts left out)"),
        ("```\na\n```\n```\n" + "b\n" * 90 + "```", 90,
         "```\na\n```\n```\nb\nb\n```\n\n(1 more parts left out)"),
    ],
)  # fmt: skip
def test_what_fits_is_kept_whole_and_the_rest_is_counted(text, room, kept):
    assert bounded.prose(text, room) == kept
    assert bounded.size(kept) <= room


def test_items_are_kept_in_order_as_long_as_they_fit():
    items = ["aa", "b" * 50, "c"]
    assert bounded.whole(items, 200, what="things") == f"aa\n\n{'b' * 50}\n\nc"
    assert bounded.whole(items, 100, what="things") == "aa\n\n(2 more things left out)"
    assert bounded.whole(items, 10, what="things") == ""
    assert bounded.whole(items, 64, what="things") == "(3 more things left out)"
    assert bounded.whole(items, 180, what="x", apart="\n").count("\n") == 2


SENTENCE = st.integers(1, 30).map(lambda n: f"S{n} {'says so ' * n}thus.")
PART = st.one_of(
    st.lists(SENTENCE, min_size=1, max_size=9).map(" ".join),
    st.lists(SENTENCE, min_size=1, max_size=9).map("\n".join),
    st.lists(SENTENCE.map("- {}".format), min_size=1, max_size=9).map("\n".join),
    st.lists(SENTENCE, max_size=20).map(lambda lines: "\n".join(["```", *lines, "```"])),
    SENTENCE.map("### {}".format),
    st.just("# Heading\nText below."),
)


def test_one_that_is_too_long_is_cut_and_hides_no_other():
    long = "A sentence. " * 500
    told = bounded.shared([("a:\n", long), ("b:\n", "short"), ("c:\n", long)], 3_000, what="x")
    first, second, third = told.split("\n\n(")[0], told.index("b:\nshort"), told.index("c:\n")
    assert first.startswith("a:\nA sentence. ") and second < third
    assert 1_200 < len(first) < 1_500 and 2_800 < bounded.size(told) <= 3_000
    assert "more x left out" not in told


def test_what_others_do_not_need_one_may_have():
    long = "A sentence. " * 200
    told = bounded.shared([("a:\n", long), ("b:\n", "short")], 2_500, what="x")
    assert told == f"a:\n{long}\n\nb:\nshort"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3_000), max_size=9), st.integers(0, 6_000))
def test_what_is_shared_fits_and_each_is_told_or_counted(sizes, room):
    items = [(f"<{n}>\n", ("word. " * size)[:size]) for n, size in enumerate(sizes)]
    told = bounded.shared(items, room, what="x")
    assert bounded.size(told) <= room
    shown = len(re.findall(r"<\d>", told))
    left_out = re.search(r"\((\d+) more x left out\)", told)
    assert room < bounded.NOTE or shown + int(left_out[1] if left_out else 0) == len(sizes)


@settings(max_examples=100, deadline=None)
@given(st.lists(PART, max_size=12), st.integers(0, 3_000))
def test_no_budget_is_exceeded_and_no_sentence_is_cut(parts, room):
    text = "\n\n".join(parts)
    kept = bounded.prose(text, room)
    assert bounded.size(kept) <= room
    whole = set(re.findall(r"S\d+ [a-z ]*thus\.", " ".join(text.split())))
    assert set(re.findall(r"S\d+[^S(`#-]*", " ".join(kept.split()))) <= {
        f"{sentence}{end}" for sentence in whole for end in ("", " ")
    }
    assert kept.count("```") % 2 == 0
    told = re.search(r"\((\d+) more parts left out\)$", kept)
    assert told or kept == text.strip("\n") or room < bounded.NOTE


@settings(max_examples=80, deadline=None)
@given(st.text("ab.\n `~#-|>\u6587", max_size=400), st.integers(0, 200))
def test_whatever_is_written_fits(text, room):
    assert bounded.size(bounded.prose(text, room)) <= room
