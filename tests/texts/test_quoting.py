"""Quoting without lending power, and the small parts of markdown that answers are found by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.texts import quoting


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n b", "a b"),
        ("closes #1", "c\u200bloses #1"),
        ("clo\u200bses #1", "c\u200bloses #1"),
        ("clo<!-- x -->ses #1", "c\u200bloses #1"),
        ("ask @root", "ask @\u200broot"),
        ("List<int>", "List<\u200bint>"),
        ("do [skip ci] it", "do [\u200bskip ci] it"),
        ("do [CI skip] it", "do [\u200bCI skip] it"),
        ("skip-checks: true", "skip-check\u200bs: true"),
        ("Agent-OS-Update: 1", "Agent-OS\u200b-Update: 1"),
        ("<!-- all -->", ""),
        ("one two three", "one two..."),
    ],
)
def test_a_line_keeps_its_words_and_loses_its_power(text, line):
    assert quoting.flat(text, 12 if text.startswith("one") else 80) == line


INSTALL = "no program (`npm install -g @openai/codex`), ask @root"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (INSTALL, "no program (`npm install -g @openai/codex`), ask @\u200broot"),
        ("`List<int>` of List<int>", "`List<int>` of List<\u200bint>"),
        ("a ` b `@root`", "a ` b `@\u200broot'"),
        ("``@root``", "'`@root`'"),
        ("\\`@root`", "'@\u200broot'"),
        ("`closes #1`", "`c\u200bloses #1`"),
        ("`@" + "x" * 99, "'@\u200b"),
    ],
)
def test_what_is_code_on_github_can_be_copied(text, line):
    assert quoting.said(text, 80).startswith(line)


def test_nothing_is_broken_in_a_file_of_ours_but_what_would_hide():
    assert quoting.plain(f"{INSTALL}\ncloses #1 <x", 99) == f"{INSTALL} closes #1 <x"
    assert "<!--" not in quoting.plain("`<!--` a", 99)


def test_in_prose_half_a_piece_of_code_is_none():
    assert "`npm i @a/b`" in quoting.prose("Do `npm i @a/b`,\nand ask @root.", 1_000)
    for text in ("a ` b\n`@root`", "``a ` b\n`@root`", "x ``` ` y\n`@root", "`a\n@root`"):
        found = MarkdownIt("commonmark").parse(quoting.prose(text, 1_000))
        inside = [one for block in found for one in block.children or ()]
        assert not any("@root" in one.content for one in inside if one.type != "code_inline"), text


def test_prose_keeps_its_shape_and_closes_its_code():
    said = quoting.prose("# A\n\n<details>\n\n```sh\n@root\n", 1_000)
    assert said == "# A\n\n<\u200bdetails>\n\n```sh\n@root\n```"
    assert quoting.cited("a\n\nb", 99) == "> a\n>\n> b"
    assert quoting.cited(" \n", 99) == ""


@pytest.mark.parametrize(
    "text",
    [
        " ```\ncode\n```\n@root",
        "```\n    ```\nx\n```\n@root",
        "~~~ `x`\ncode\n~~~\n@root",
        "1. ```\n   x\n   ```\n   @root",
        "- ```\n  x\n  ```\n@root",
        "> ```\n@root",
        "<pre>\n```\n</pre>\n@root",
        "<div>\n```\n\n@root",
    ],
)
def test_what_might_not_be_code_loses_its_power(text):
    assert "@\u200broot" in quoting.prose(text, 1_000)


def test_a_list_says_what_it_leaves_out():
    assert quoting.listed(["a", "", "b", "c"], 9, 2) == "- a\n- b\n- and 1 more"
    assert quoting.listed([], 9, 2) == ""


def test_a_path_is_one_piece_of_code():
    assert quoting.path("a`b\n.py") == "`a'b .py`"
    assert quoting.path("\u200b") == ""
    assert quoting.path("x" * 300, 20) == f"`...{'x' * 17}`"


def test_items_and_passages_are_found():
    text = "Before\n\n- one\n  goes on\n1. two\n* [ ] three\n\n```\na\n\nb\n```\nend"
    assert quoting.items(text) == ("one goes on", "two", "three")
    assert quoting.passages(text)[-1] == "```\na\n\nb\n```\nend"


def test_the_nearest_passage_shares_at_least_half_of_the_words():
    among = ("the cat", "a test reads the leap day", "a test reads the leap day too")
    assert quoting.nearest("test reads leap year", among) == among[1]
    assert quoting.nearest("dogs bark loudly", among) == ""
    assert quoting.nearest("of", among) == ""


@given(st.text(alphabet="`~ a\n-", max_size=40))
def test_closed_text_is_balanced_and_stays_so(text):
    once = quoting.closed(text)
    assert once.startswith(text)
    assert quoting.closed(once) == once
    assert quoting.closed(f"{once}\n{once}") == f"{once}\n{once}"
