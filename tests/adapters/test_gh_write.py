"""A write reaches GitHub once, whatever comes back (A1), and its refusal is typed (A6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_write import GitHubWrite
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.support.replies import Reply, replying

WRITES: dict[str, Callable[[GitHubWrite], object]] = {
    "create_comment": lambda w: w.create_comment("o/r", 1, "x"),
    "edit_comment": lambda w: w.edit_comment("o/r", 1, 2, "x"),
    "open_pull_request": lambda w: w.open_pull_request(
        "o/r", title="t", body="b", head="agent/x", base="main"
    ),
    "merge": lambda w: w.merge("o/r", 1, head_sha="a" * 40, method="squash", title="t"),
    "close_issue": lambda w: w.close_issue("o/r", 1, "completed"),
    "add_label": lambda w: w.add_label("o/r", 1, "blocked"),
    "remove_label": lambda w: w.remove_label("o/r", 1, "ready"),
    "add_to_board": lambda w: w.add_to_board("P", "I"),
    "add_sub_issue": lambda w: w.add_sub_issue("I", "J"),
    "set_status": lambda w: w.set_status("P", "T", "F", "O"),
}
FAULTS = {
    "500": (Reply(500, {"message": "oops"}), Trouble.SERVER),
    "502 html": (Reply(502, b"<html>Bad Gateway</html>"), Trouble.SERVER),
    "dropped": (Reply(0), Trouble.NETWORK),
    "401": (Reply(401, {"message": "Bad credentials"}), Trouble.AUTH),
    "403": (Reply(403, {"message": "Resource not accessible"}), Trouble.PERMISSION),
    "403 limit": (
        Reply(403, {"message": "You have exceeded a secondary limit"}, (("Retry-After", "9"),)),
        Trouble.RATE,
    ),
    "429": (Reply(429, {"message": "slow down"}), Trouble.RATE),
    "422": (Reply(422, {"message": "Validation Failed"}), Trouble.VALIDATION),
    "409": (Reply(409, {"message": "Head branch was modified"}), Trouble.CONFLICT),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_sent_once_and_its_trouble_is_named(name: str, fault: str) -> None:
    reply, kind = FAULTS[fault]
    with replying(reply) as server:
        write = GitHubWrite(key=Key("t"), api_url=server.url)
        with pytest.raises(GitHubTrouble) as raised:
            WRITES[name](write)
        assert len(server.seen) == 1
        assert raised.value.trouble is kind
        assert raised.value.ambiguous is (kind in {Trouble.SERVER, Trouble.NETWORK})


def test_a_label_that_is_off_already_is_what_was_wanted() -> None:
    with replying(Reply(404, {"message": "Label does not exist"})) as server:
        GitHubWrite(key=Key("t"), api_url=server.url).remove_label("o/r", 1, "ready")
        assert len(server.seen) == 1


def test_a_graphql_error_is_no_success() -> None:
    answer = {"data": None, "errors": [{"type": "NOT_FOUND", "message": "no such node"}]}
    with replying(Reply(200, answer)) as server:
        with pytest.raises(GitHubTrouble) as raised:
            GitHubWrite(key=Key("t"), api_url=server.url).set_status("P", "T", "F", "O")
        assert raised.value.trouble is Trouble.NOT_FOUND
