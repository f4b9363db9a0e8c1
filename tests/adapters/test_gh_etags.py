"""What GitHub says has not changed costs nothing, and is never taken from here unasked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.adapters import gh_etags
from orchestrator.adapters.gh_etags import Etags, Kept
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Queries
from orchestrator.adapters.gh_read import Door
from tests.support import forge
from tests.support.forge import INSIDE, Github, Transport
from tests.support.office import HandClock

SLUG = "maria/library"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Github]:
    with forge.inside(tmp_path / "forge") as found:
        yield found


def queries(github: Github, folder: Path, token: str = "robot-token") -> Queries:
    """A process of its own."""
    assert github.clock is not None
    door = Door(
        key=Key(token), api_url=INSIDE, graphql_url=f"{INSIDE}/graphql",
        clock=HandClock(github.clock), state_folder=folder, transport=Transport(github.app),
    )  # fmt: skip
    return Queries(door)


def used(github: Github, token: str = "robot-token") -> int:
    return github.forge.quotas.windows.get((token, "core"), (0, 0))[0]


def test_what_has_not_changed_costs_nothing_in_any_process(
    github: Github, tmp_path: Path
) -> None:
    assert queries(github, tmp_path).required_checks(SLUG, "main") == ()
    before = used(github)
    assert queries(github, tmp_path).required_checks(SLUG, "main") == ()
    assert used(github) == before == 2
    rule = {"required_status_checks": {"strict": False, "contexts": ["test"]},
            "enforce_admins": None, "required_pull_request_reviews": None, "restrictions": None}
    told = github.session().put(f"/repos/{SLUG}/branches/main/protection", json=rule)
    assert told.status_code == 200
    assert queries(github, tmp_path).required_checks(SLUG, "main") == ("test",)
    assert used(github) == before + 1


def test_every_page_of_a_list_is_asked_about(github: Github, tmp_path: Path) -> None:
    session = github.session()
    for number in range(101):
        session.post(f"/repos/{SLUG}/issues/1/comments", json={"body": f"{number}"})
    assert len(queries(github, tmp_path).comments(SLUG, 1)) == 101
    before = used(github)
    assert len(queries(github, tmp_path).comments(SLUG, 1)) == 101 and used(github) == before
    session.post(f"/repos/{SLUG}/issues/1/comments", json={"body": "new"})
    assert len(queries(github, tmp_path).comments(SLUG, 1)) == 102 and used(github) == before + 1


@pytest.mark.parametrize("full", [100, 200])
def test_the_entry_after_a_full_page_is_seen(github: Github, tmp_path: Path, full: int) -> None:
    session = github.session()

    def says(number: int) -> None:
        session.post(f"/repos/{SLUG}/issues/1/comments", json={"body": f"{number}"})

    for number in range(full):
        says(number)
    for _ in range(2):
        assert len(queries(github, tmp_path).comments(SLUG, 1)) == full
    says(full)
    before = used(github)
    assert len(queries(github, tmp_path).comments(SLUG, 1)) == full + 1
    assert len(queries(github, tmp_path).comments(SLUG, 1)) == full + 1
    assert used(github) == before + 2  # the page that was the last, and the one after it


NEXT = '<https://api.github.com/x?per_page=2&page=2>; rel="next"'
PREVIOUS = '<https://api.github.com/x?per_page=2&page=1>; rel="prev"'


@pytest.mark.parametrize(
    ("url", "link", "body", "counts"),
    [
        ("/x?per_page=2", "", b"[1]", True),
        ("/x?per_page=2", "", b"[1,2]", False),
        ("/x?per_page=2&page=2", PREVIOUS, b"[1,2]", False),
        ("/x?per_page=2", NEXT, b"[1,2]", True),
        ("/x?state=all&per_page=2", "", b'{"total_count":2,"runs":[1,2]}', False),
        ("/x?per_page=2", "", b'{"total_count":1,"runs":[1]}', True),
        ("/x?per_page=2", "", b"null", True),
        ("/x?per_page=2", "", b"no JSON", False),
        ("/x?per_page=all", "", b"[1,2]", True),
        ("/x", "", b"[1,2]", True),
    ],
)
def test_only_of_a_full_last_page_it_is_not_known_what_comes_after(
    tmp_path: Path, url: str, link: str, body: bytes, counts: bool
) -> None:
    etags = Etags(tmp_path, "me")
    etags.keep(url, Kept(etag="e", link=link, body=body))
    assert (etags.known(url) is not None) is counts


def test_another_token_is_told_what_it_may_see(github: Github, tmp_path: Path) -> None:
    assert queries(github, tmp_path).shape(SLUG).default_branch == "main"
    eve = queries(github, tmp_path, "eve-token")
    assert eve.shape(SLUG).default_branch == "main" and used(github, "eve-token") == 1


def test_a_refusal_is_a_refusal_whatever_is_known(github: Github, tmp_path: Path) -> None:
    asked = queries(github, tmp_path)
    assert asked.shape(SLUG).default_branch == "main"
    github.forge.faults.add("404", path=f"/repos/{SLUG}")
    with pytest.raises(Exception, match="404"):
        asked.shape(SLUG)


def test_the_files_are_private_few_and_without_a_token(github: Github, tmp_path: Path) -> None:
    asked = queries(github, tmp_path)
    asked.shape(SLUG)
    asked.comments(SLUG, 1)
    kept = list((tmp_path / "etags").iterdir())
    assert len(kept) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert not [path for path in kept if b"robot-token" in path.read_bytes()]


def test_of_too_many_the_oldest_half_goes(tmp_path: Path) -> None:
    etags = Etags(tmp_path / "etags", "me")
    for number in range(gh_etags.MOST + 1):
        etags.keep(f"/{number}", Kept(etag="e", link="", body=b"x"))
        if number < gh_etags.MOST:
            os.utime(etags._place(f"/{number}"), (number, number))
    assert len(list((tmp_path / "etags").iterdir())) == gh_etags.MOST // 2 + 1
    assert etags.known("/0") is None and etags.known(f"/{gh_etags.MOST}") is not None
    etags.keep("/large", Kept(etag="e", link="", body=b"x" * (gh_etags.LARGEST + 1)))
    assert etags.known("/large") is None
    etags._place("/0").write_bytes(b"{broken")
    assert etags.known("/0") is None


@pytest.mark.parametrize("odd", ["folder", "deep"])
def test_what_cannot_be_an_answer_of_ours_is_none(tmp_path: Path, odd: str) -> None:
    etags = Etags(tmp_path, "me")
    etags.keep("/x", Kept("e", "", b"1"))
    [path] = tmp_path.iterdir()
    path.unlink()
    if odd == "folder":
        path.mkdir()
    else:
        path.write_text('{"unknown": ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert etags.known("/x") is None
    etags.keep("/x", Kept("e", "", b"2"))
    assert (etags.known("/x") is None) is (odd == "folder")
