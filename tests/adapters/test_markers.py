"""What is ours among the words of others (E4)."""

from __future__ import annotations

import pytest

from orchestrator.adapters import markers

OURS = f"{markers.OPENING}{'0a' * 20} -->"


@pytest.mark.parametrize(
    ("body", "ours"),
    [
        (f"Said.\n\n{OURS}", True),
        (f"Said.\r\n{OURS}  \n", True),
        (f"> {OURS}", False),
        (f"{OURS}\nI agree.", False),
        (f"Use this. {OURS}", False),
        (f"Look at this:\n{markers.OPENING}...", False),
        (f"Look at this:\n{markers.OPENING}x -->", False),
        (f"Look at this:\n{markers.OPENING}{'0A' * 20} -->", False),
        (f"Look at this:\n{OURS} and {OURS}", False),
    ],
)
def test_only_a_whole_marker_in_the_last_line_makes_a_comment_ours(body: str, ours: bool) -> None:
    assert markers.signed(body) is ours
