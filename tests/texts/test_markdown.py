"""Cleaning, cutting and quoting Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.texts import markdown

HOSTILE = st.lists(st.sampled_from([
    "```", "~~~", "\n", "<!--", "-->", "@ann", "Closes #1", "    ", "- ", "<div>", "</div>",
    "![a](b)", "[a]: #", "x", "\u200b", "\r\n", "<pre>", "</pre>", '<a title="x">', "# Goal\n",
]) | st.text(max_size=4)).map("".join)


def test_clean_text_has_no_invisible_characters_and_is_composed():
    assert markdown.clean("a\r\nb\rc\u200b\u202e\x00\x1b[0m\td e\u0301") == "a\nb\nc[0m\td \xe9"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <!-- x --> b", "a  b"),
        ("<!-- x -->\na", "a"),
        ("a\n<!--\nx\n-->\nb", "a\nb"),
        ("a <!-- to the end\nx", "a "),
        ("```\n<!-- kept -->\n```", "```\n<!-- kept -->\n```"),
        ("<!--\n```\n<!-- x -->\n```", "```"),
        ("<div>\n```\n<!-- x -->\n```\n</div>", "<div>\n```\n```\n</div>"),
        ("<pre>\n\n```\n<!-- x -->\n</pre>\n", "<pre>\n\n```\n</pre>\n"),
        ("- a\n  ```\n<!-- x -->\nb", "- a\n  ```\nb"),
        ("    ```\n<!-- x -->", "    ```"),
        ("````\n```\n<!-- kept -->\n````", "````\n```\n<!-- kept -->\n````"),
        ("<details>\n\n```\n<!-- kept -->\n```", "<details>\n\n```\n<!-- kept -->\n```"),
    ],
)
def test_comments_go_and_code_stays(text, shown):
    assert markdown.without_comments(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![do evil](a.png)", "![image](a.png)"),
        ('[x](http://a "do evil") y', "[x](http://a) y"),
        ('<a href="u" title="do evil">x</a>', '<a href="u">x</a>'),
        ("<img src=u alt='do evil' onerror=x>", "<img src=u>"),
        ("[//]: # (do evil)", ""),
        ("[x]: <> (do evil)", ""),
        ('[x]: http://a "do evil"', "[x]: http://a"),
        ("a < b and c > d", "a < b and c > d"),
        ("```\n<b x=y>\n```", "```\n<b x=y>\n```"),
        ('<a href=u title="one\ndo evil\nthree">x</a>', "<a href=u>x</a>"),
        ('<a title="a > b do evil">x</a>', "<a>x</a>"),
        ('<a title="a < b do evil">x</a>', "<a>x</a>"),
        ("<a href=u do evil = >x</a>", "<a href=u>x</a>"),
        ("<img src=u\n  alt='do\nevil'>", "<img src=u>"),
        ("![do\nevil](a.png)", "![image](a.png)"),
        ('[x](<a b> "do evil") y', "[x](<a>) y"),
        ('[x](http://a/(b) "do evil") y', "[x](http://a/(b)) y"),
        ('[x](http://a\n"do evil") y', "[x](http://a) y"),
        ('[x]: http://a\n  "do evil"', "[x]: http://a"),
        ("[x]:\n  <http://a> 'do evil'\ny", "  <http://a>\ny"),
        ("[" + "do evil " * 9 + "]: http://a", "[...]: http://a"),
        ("[x][" + "do evil " * 9 + "]", "[x][...]"),
        ("see <https://a.b/c?d> and <me@a.b>", "see <https://a.b/c?d> and <me@a.b>"),
        ("a <?do evil?> b", "a <?do?> b"),
        ("<?php\n\ndo evil\n?>\nb", "<?php?>\nb"),
        ("<?do evil\nto the end", "<?do?>"),
        ("<?\n```\ndo evil\n```\n?>\nb", "<??>\nb"),
        ("<![CDATA[\n```\ndo evil\n```\n]]>\nb", "\nb"),
        ("<!DOCTYPE do evil>\nb", "<!DOCTYPE>\nb"),
        ("no `<!DOCTYPE html>` there", "no `<!DOCTYPE>` there"),
        ("a <![CDATA[do evil]]> b", "a  b"),
        ("is 1 <? 2 and 3 <! 4", "is 1 <? 2 and 3 <! 4"),
        ("```py do evil\nx\n```", "```py\nx\n```"),
        ("```" + "x" * 99 + "\nx\n```", "```" + "x" * 30 + "\nx\n```"),
        ("````\n```py do as it says\n````", "````\n```py do as it says\n````"),
        ("a\ufe01\U000e0101\u3164\u115fb", "ab"),
        ("a\u2028b", "a\nb"),
        ("\U000e0064\U000e006f evil", " evil"),
        ("<details><summary>Log</summary>\n\nlong\n</details>",
         "<details><summary>Log</summary>\n\nlong\n</details>"),
    ],
)
def test_only_what_a_reader_sees_is_left(text, shown):
    assert markdown.visible(text) == shown


@given(HOSTILE)
def test_nothing_hidden_survives_and_cleaning_twice_changes_nothing(text):
    once = markdown.visible(text)
    prose = "\n".join(line for line, code in markdown.lines(once) if not code)
    assert "\u200b" not in once
    assert "<!--" not in prose or "<!--" not in markdown.without_comments(once)
    assert "title=" not in prose


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("", {"": ""}),
        ("just text", {"": "just text"}),
        ("intro\n## Goal\nit\n## Notes\nx", {"": "intro", "goal": "it", "notes": "x"}),
        ("# Goal\nit\n## Details\nmore", {"": "", "goal": "it\n## Details\nmore"}),
        ("# Title\n## Goal\nit", {"": "", "title": "", "goal": "it"}),
        ("**Goal**\nit\n**Constraints:** few", {"": "", "goal": "it", "constraints": "few"}),
        ("Goal: it\nTask Type: docs", {"": "", "goal": "it", "task type": "docs"}),
        ("**Note**\nReason: x", {"": "**Note**\nReason: x"}),
        ("## Goal\na\n## Goal\nb", {"": "", "goal": "a\n\nb"}),
        ("## **Goal:** ##\na", {"": "", "goal": "a"}),
        ("```\n## Goal\n```", {"": "```\n## Goal\n```"}),
    ],
)
def test_sections_by_name(body, found):
    assert markdown.sections(body) == found


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("abc", 3, "abc"),
        ("one\ntwo\nthree and more", 18, "one\n[shortened]"),
        ("```py\na\nb\nc\n```\nd and more text", 27, "```py\na\nb\n```\n[shortened]"),
        ("x" * 50, 20, "xxxxxxx\n[shortened]"),
        ("x" * 50, 4, "[sho"),
        ("It is so. But then it was not", 27, "It is so.\n[shortened]"),
        ("It is 3.14159 or more than that", 27, "It is 3.14159\n[shortened]"),
        ("A. Then many words come", 24, "A. Then many words come"),
        ("A. Then so many words come", 24, "A. Then so\n[shortened]"),
        ("Goal\n\nRead dates. Also read times and zones", 31, "Goal\n\nRead dates.\n[shortened]"),
        ("```\n" + "x" * 50 + "\n```", 24, "```\n```\n[shortened]"),
        ("\u00fc" * 30, 20, "\u00fc\u00fc\u00fc\n[shortened]"),
    ],
)
def test_a_text_is_cut_after_a_line_with_its_fence_closed(text, limit, cut):
    assert markdown.truncated(text, limit) == cut


@given(HOSTILE, st.integers(0, 120))
def test_a_cut_text_is_never_longer_than_asked(text, limit):
    assert len(markdown.truncated(text, limit).encode()) <= limit or limit < 13


@pytest.mark.parametrize(
    "text",
    ["@ann", "mail@ann", "Closes #1", "fixes: #22", "RESOLVED o/r#3", "close GH-4",
     "Fixed https://github.com/o/r/issues/1", "**Closes** #7"],
)
def test_mentions_and_closing_words_are_broken(text):
    broken = markdown.harmless_line(f"so {text} it is")
    assert markdown.BREAK in broken
    assert broken.replace(markdown.BREAK, "") == f"so {text} it is"
    assert markdown.harmless_line(broken) == broken


@pytest.mark.parametrize("text", ["closes the gap", "a fix", "#1 is open", "a @ b"])
def test_other_words_are_left_alone(text):
    assert markdown.harmless_line(text) == text


def test_small_pieces():
    assert markdown.one_line(" a\n b ") == "a b"
    assert markdown.one_line("word " * 90, 20) == "word word word..."
    assert markdown.bullets(["a", " ", "b\nc"]) == "- a\n- b\n  c"
    assert markdown.fence("a\n```\nb\n", "diff") == "````diff\na\n```\nb\n````"
    assert markdown.fence("a") == "```\na\n```"
    assert markdown.cell("a|b\nc") == "a\\|b c"


@given(st.lists(st.sampled_from(["One two.", "Is it?", "No!", "a very long word " * 9 + "."]),
                max_size=30), st.integers(40, 400))
def test_of_a_long_text_only_whole_sentences_are_shown(said, limit):
    text = " ".join(" ".join(said).split())
    short = markdown.sentences(text, limit)
    assert len(short) <= max(limit, 40)
    kept, bracket, note = short.partition("[")
    assert text.startswith(kept.rstrip())
    if bracket:
        assert not kept.strip() or kept.rstrip()[-1] in ".!?:;"
        assert note.endswith("left out]")
    else:
        assert short == text
