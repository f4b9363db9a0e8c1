"""Secrets in texts: ours by value in every form, strangers' by shape (S15, S16)."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.texts import redact
from orchestrator.texts.redact import MARK, WITHHELD, Redactor

LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0fG-_hJ"
OURS = "s3cr3t-Value/with+odd&signs=42"

# Put together here, so that no scanner takes this file for a leak.
SAMPLES = {
    "GitHub token": (
        ["ghp_" + LETTERS, "ghs_" + "1234_" + LETTERS * 3, "gho_" + "a.b" * 13],
        ["ghp_short", "ghx_" + LETTERS, "high_" + LETTERS],
    ),
    "GitHub fine-grained token": (
        ["github_pat_" + "1" * 22, "github_pat_11AA_" + "x" * 70, "'github_pat_" + "Z9_" * 10],
        ["github_pat_short", "github_path_" + "1" * 30, "github-pat-" + "1" * 30],
    ),
    "Telegram token": (
        ["123456789:" + LETTERS, "https://api.telegram.org/bot12345:" + "A" * 35 + "/getMe",
         "1234567890123456:" + "a-_" * 12],
        ["12:30:00", "port 8080:" + "a" * 20, "1234:" + LETTERS],
    ),
    "Anthropic key": (
        ["sk-ant-api03-" + LETTERS, "sk-ant-" + "x" * 20, "sk-ant-oat01-" + "b_-" * 9],
        ["sk-ant-short", "task-ant-hill", "sk-anthology-of-everything-written"],
    ),
    "OpenRouter key": (
        ["sk-or-v1-" + "0a" * 32, "sk-or-v1-" + "f" * 32, "key sk-or-v1-" + "1b" * 20],
        ["sk-or-v1-short", "sk-or-v2-" + "f" * 64, "task-or-v1"],
    ),
    "OpenAI key": (
        ["sk-proj-" + LETTERS, "sk-svcacct-" + "a_-" * 8, "sk-" + "a1B2" * 12],
        ["sk-project", "sk-learn-is-a-library", "risk-" + "a" * 20],
    ),
    "Google key": (
        ["AIza" + "S" * 35, "AIza" + "a-_4x" * 7, "key=AIza" + "Q9" * 18],
        ["AIza", "AIza" + "S" * 20, "aiza" + "S" * 35],
    ),
    "AWS key": (
        ["AKIA" + "Q" * 16, "ASIA" + "7X" * 8, "id=AKIA" + "A1B2C3D4" * 2],
        ["AKIA", "AKIA" + "Q" * 17, "XAKIA" + "Q" * 16],
    ),
    "Slack token": (
        ["xoxb-" + "1" * 12, "xoxp-12-34-" + "a" * 10, "xapp-1-" + "A" * 12],
        ["xoxb-1", "xoxz-" + "1" * 12, "xox-games-are-fun"],
    ),
    "JSON web token": (
        ["eyJhbGciOiJ9." + "eyJzdWIiOiJ9." + "abcdefgh1", "eyJ" + "a" * 20 + "." + "b" * 20 +
         "." + "c_-" * 9, "x=eyJ" + "1" * 9 + "." + "2" * 9 + "." + "3" * 9],
        ["eyJ.eyJ.x", "eyJhbGciOiJIUzI1NiJ9", "key.one.two"],
    ),
    "private key": (
        ["-----BEGIN RSA PRIVATE" + " KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN PRIVATE" + " KEY-----\\nMIIabc\\n",
         "-----BEGIN PGP PRIVATE" + " KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----"],
        ["-----BEGIN PUBLIC KEY-----", "BEGIN PRIVATE KEY", "-----BEGIN CERTIFICATE-----"],
    ),
    "URL with a password": (
        ["https://user:" + "hunter2@example.com/x", "postgres://a:" + "b@db/name",
         "https://" + "t" * 20 + "@github.com/o/r"],
        ["https://example.com:8080/a@b", "ssh://git@github.com/o/r", "mail me @ a:b"],
    ),
    "authorization header": (
        ["Authorization: Bearer " + "abc.def", '"authorization": "Basic ' + 'dXNlcjpwYXNz"',
         "AUTHORIZATION=" + "a1" * 10],
        ["Authorization: required", "authorization: Bearer <token>", "Authorization code flow"],
    ),
    "bearer token": (
        ["Bearer " + "a1" * 10, "bearer  " + "x.y-z_" * 5, "with Bearer " + LETTERS],
        ["Bearer of good news", "bearer tokens are used", "forbearer " + "x" * 5],
    ),
}
TRUE = [(name, text) for name, (found, _) in SAMPLES.items() for text in found]
FALSE = [(name, text) for name, (_, passed) in SAMPLES.items() for text in passed]


def test_each_pattern_has_three_samples_of_each_kind():
    assert SAMPLES.keys() == redact.PATTERNS.keys()
    assert all(len(found) >= 3 and len(passed) >= 3 for found, passed in SAMPLES.values())


@pytest.mark.parametrize(("name", "text"), TRUE)
def test_a_secret_is_found_by_its_shape(name, text):
    redactor = Redactor([])
    assert name in redactor.findings(f"before {text} after")
    assert MARK in redactor(f"before {text} after")
    assert redactor(f"before {text} after").startswith("before ")


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


@given(st.text(), st.text(), st.integers(0, 18))
def test_no_twelve_characters_of_a_secret_survive_anywhere(before, after, cut):
    out = Redactor([OURS])(before + OURS[cut:] + after)
    assert not any(OURS[i : i + 12] in out for i in range(cut, len(OURS) - 11))


@pytest.mark.parametrize("text", [text for _, text in TRUE] + ["plain words", "", "a=b"])
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
