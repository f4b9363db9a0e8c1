"""Secrets in texts: ours by value in every form, strangers' by shape (S15, S16)."""

from __future__ import annotations

import base64
import json
import random
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.texts import shapes
from orchestrator.texts.redact import MARK, WITHHELD, Redactor
from orchestrator.texts.unseen import View
from tests.support import leaks, tokens

OURS = "s3cr3t-Value/with+odd&signs=42"

CHANCE = random.Random(4)
TRUE = [
    (name, form, tokens.made(form, CHANCE))
    for name, forms in tokens.FORMS.items() for form in forms for _ in range(3)
]  # fmt: skip
FALSE = [(name, tokens.made(form, CHANCE)) for name, forms in tokens.NOT.items() for form in forms]


def test_each_shape_has_three_samples_of_each_kind():
    assert list(tokens.FORMS) == list(tokens.NOT) == list(shapes.SHAPES)
    assert all(len(forms) >= 3 for kind in (tokens.FORMS, tokens.NOT) for forms in kind.values())


@pytest.mark.parametrize("name", tokens.FORMS)
def test_a_secret_is_found_by_its_shape_wherever_it_stands(name):
    redactor = Redactor([])
    for form, token in [(form, token) for kind, form, token in TRUE if kind == name]:
        assert name in redactor.findings(f"before {token} after"), token
        for setting in tokens.SETTINGS:
            out = redactor(setting.format(token))
            assert not any(part in out for part in tokens.secret_parts(form, token)), setting


@pytest.mark.parametrize("name", [name for name, looks in shapes.SHAPES.items() if looks.literals])
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_sought_in_long_words_alone_is_one(name, data):
    looks = shapes.SHAPES[name]
    alone = looks.pattern.pattern.replace(r"(?<=\d{5}:)", "")
    token = data.draw(st.from_regex(alone, fullmatch=True))
    assert View(token).words == token or any(literal in token for literal in looks.torn)


@pytest.mark.parametrize(("name", "text"), FALSE)
def test_what_only_resembles_one_stays(name, text):
    assert name not in Redactor([]).findings(text)


@pytest.mark.parametrize(
    "form",
    [
        OURS,
        quote(OURS, safe=""),
        json.dumps({"key": OURS}),
        OURS.encode().hex(),
        *(base64.b64encode(b"x" * n + OURS.encode() + b"y" * n).decode() for n in range(4)),
        base64.urlsafe_b64encode(OURS.encode()).decode(),
        base64.b64encode(f"x-access-token:{OURS}".encode()).decode(),
        OURS[:15] + "\n" + OURS[15:],
    ],
)
def test_our_own_secret_is_found_in_every_form(form):
    redactor = Redactor([OURS])
    assert "one of our own secrets" in redactor.findings(form)
    out = redactor(f"log: {form} end")
    assert MARK in out
    assert not any(OURS[i : i + 12] in out for i in range(len(OURS) - 11))


def test_no_way_of_writing_or_laying_out_hides_our_own_secret():
    known = cache(lambda value: Redactor([value]))
    told = [
        (case.code, case.layouts)
        for case in leaks.cases(seed=15, count=2000)
        if leaks.told(case, known(case.value)(case.text), MARK) >= 6
    ]
    assert told == []


@pytest.mark.parametrize("code", leaks.CODES)
def test_each_way_of_writing_in_each_layout(code):
    value = tokens.made("ghp_<A36>", random.Random(code))
    redactor = Redactor([value])
    for layout in leaks.WHOLE if code in leaks.TORN else leaks.LAYOUTS:
        case = leaks.case(value, code, (layout,), seed=1)
        assert len(case.telling) >= len(value) / 2, layout
        assert leaks.told(case, redactor(case.text), MARK) < 6, layout


@pytest.mark.parametrize(
    "hidden",
    [
        "&#x1b;[31m".join(OURS),
        "<!-- x -->".join(f"\\u{{{ord(c):x}}}" for c in OURS),
        "".join(f"%{ord(c):02x}" for c in OURS).translate({ord(c): ord(c) + 0xFEE0 for c in "%7"}),
        "".join(f"\\%25{ord(c):02x}" for c in OURS),
        '\\<i\\ class=\\"x\\"\\>'.join(OURS),
        "".join(f"&amp;amp;amp;#{ord(c)};" for c in OURS),
    ],
)
def test_a_secret_within_several_layers_is_found(hidden):
    out = Redactor([OURS])(f"before {hidden} after")
    assert out.startswith("before ") and out.endswith(" after")
    assert len(out) < len("before  after") + len(MARK) + 20, out


@given(st.text(), st.text(), st.integers(0, 18))
def test_no_twelve_characters_of_a_secret_survive_anywhere(before, after, cut):
    out = Redactor([OURS])(before + OURS[cut:] + after)
    assert not any(OURS[i : i + 12] in out for i in range(cut, len(OURS) - 11))


@pytest.mark.parametrize("text", [text for _, _, text in TRUE] + ["plain words", "", "a=b"])
def test_redacting_twice_changes_nothing_more(text):
    redactor = Redactor([OURS])
    assert redactor(redactor(text)) == redactor(text)


def test_ordinary_text_stays_as_it_is():
    text = "def token(self):\n    return self.tokens[0]  # see https://example.com/a?b=c\n"
    assert Redactor([OURS])(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("API_KEY=" + "a8Fk20dLq9Zx", True),
        ('password: "' + "x7Rt-93kLmQ2vB" + '"', True),
        ("client_secret => " + "0f1e2d3c4b5a69788796", True),
        ("token = configuration_of_tokens", False),
        ("password = read_password2(file)", False),
        ("secret: aaaaaaaaaaaa1", False),
        ("number = a8Fk20dLq9Zx", False),
    ],
)
def test_a_value_behind_a_telling_name_is_hidden_when_it_looks_random(text, hidden):
    redactor = Redactor([])
    assert (MARK in redactor(text)) is hidden
    assert redactor.findings(text) == ()


def test_short_values_are_found_whole_and_tiny_ones_are_no_needles():
    assert Redactor(["hunter2"])("it is hunter2!") == f"it is {MARK}!"
    assert Redactor(["ab", ""])("abstract") == "abstract"


def test_a_secret_of_several_lines_is_found_line_by_line():
    out = Redactor(["first line of it\nsecond line of it"])("> second line of it")
    assert out == f"> {MARK}"


def test_a_text_that_cannot_be_searched_is_withheld():
    redactor = Redactor([OURS])
    assert redactor(None) == WITHHELD  # type: ignore[arg-type]
    assert redactor.findings(None) == ("a text that could not be searched",)  # type: ignore[arg-type]


def test_it_never_shows_what_it_knows():
    assert OURS not in repr(Redactor([OURS]))
