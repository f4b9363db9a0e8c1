"""Words of the chat become one order, or a sentence on how to write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rules import orders
from orchestrator.rules.orders import FORMS, Order, Unclear, Verb


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("/status", Order(verb=Verb.STATUS)),
        ("  /Status@office_bot  ", Order(verb=Verb.STATUS)),
        ("/start", Order(verb=Verb.HELP)),
        ("/start code-77", Order(verb=Verb.HELP)),
        ("/retry #12", Order(verb=Verb.RETRY, what="12")),
        ("/next web#12", Order(verb=Verb.NEXT, what="web#12")),
        ("/new web Fix it\nAll.", Order(verb=Verb.NEW, what="web", text="Fix it\nAll.")),
        ("/answer 12  Blue, please. ", Order(verb=Verb.ANSWER, what="12", text="Blue, please.")),
        ("/off", Order(verb=Verb.OFF)),
        ("/give 12 codex", Order(verb=Verb.GIVE, what="12", text="codex")),
    ],
)
def test_read(said: str, order: Order) -> None:
    assert orders.read(said) == order


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("hello", "begin with a slash"),
        ("", "begin with a slash"),
        ("/explode", "no command /explode"),
        ("/new web", "/new REPO TEXT"),
        ("/retry", "/retry TASK"),
        ("/retry " + "x" * 300, "no name of anything"),
    ],
)
def test_unclear(said: str, sentence: str) -> None:
    found = orders.read(said)
    assert isinstance(found, Unclear) and sentence in found.sentence


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"/new {text}"))
def test_nothing_that_is_said_is_too_odd(said: str) -> None:
    assert isinstance(orders.read(said), Order | Unclear)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ("retry:0123456789ab", ("retry", "0123456789ab", "")),
        ("give:0123456789ab:codex", ("give", "0123456789ab", "codex")),
        ("", ("", "", "")),
    ],
)
def test_pressed(data: str, parts: tuple[str, str, str]) -> None:
    assert orders.pressed(data) == parts


def test_every_verb_has_its_form() -> None:
    assert set(FORMS) == set(Verb)
