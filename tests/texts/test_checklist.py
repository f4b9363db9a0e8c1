"""Which items of a checklist are open, however GitHub or a person wrote them."""

from __future__ import annotations

import pytest

from orchestrator.texts import checklist, messages


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("- [ ] buy a disk\n- [x] set TZ\n- [X] call Ann\n- [ ] pay", ("buy a disk", "pay")),
        ("* [ ] one \r\n  + [ ] two\r\n", ("one", "two")),
        ("- [] no box\n- [ ]\nsee - [ ] this\n", ()),
        ("", ()),
    ],
)
def test_open_items(text: str, open_: tuple[str, ...]) -> None:
    assert checklist.open_items(text) == open_


def test_what_we_write_is_open_at_first() -> None:
    said = messages.manual_steps_comment(("buy a disk", "set TZ"), marker="<!-- m -->")
    assert checklist.open_items(said) == ("buy a disk", "set TZ")
