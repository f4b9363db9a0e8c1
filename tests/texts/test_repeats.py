"""A long reason is told once on a page."""

from __future__ import annotations

from orchestrator.texts.repeats import Page

REASON = (
    "GitHub refused the token at 09:00 UTC; nothing was asked and every task stays where it is. "
    "Make a new one at https://github.com/settings/tokens; it counts at once."
)


def test_the_second_sentence_refers_to_the_first_whatever_the_time() -> None:
    page = Page()
    assert page.once(f"failed with exit code 30: {REASON}").endswith(REASON)
    later = REASON.replace("09:00", "09:05")
    assert page.once(f"GitHub is not asked: {later}") == "GitHub is not asked: as above"
    assert page.once(f"alert: failed: {REASON}") == "alert: failed: as above"


def test_what_is_short_or_new_is_told() -> None:
    page = Page()
    for text in ("a: not there", "b: not there", f"c: {REASON}", "d: another thing; " + REASON):
        assert page.once(text) == text
    assert page.once(REASON) == REASON, "without anything before it there is nothing to refer from"
