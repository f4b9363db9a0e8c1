"""What is too much at once is asked for in smaller pages, what one of them has is its own (A2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.adapters import gh_nodes
from orchestrator.adapters.gh_keys import Key
from orchestrator.adapters.gh_queries import Labelled, Queries
from orchestrator.adapters.gh_read import Door
from orchestrator.records.errors import GitHubTrouble, Trouble
from tests.support import forge, office

SLUGS = ["o/r", "o/s", "o/t"]
EMPTY: dict[str, Any] = {"issues": {"pageInfo": {"hasNextPage": False}, "nodes": []}}


def slow(*paths: tuple[str | int, ...]) -> GitHubTrouble:
    return GitHubTrouble(Trouble.SERVER, "Something went wrong", paths=paths)


def places(found: Sequence[int] | range) -> tuple[tuple[str | int, ...], ...]:
    return tuple(("nodes", at, "headRef") for at in found)


class Line:
    """A door behind which `answer` stands; `asked` are the questions of the last tick."""

    def __init__(self, folder: Path, answer: Callable[[Any], Any]) -> None:
        self.clock = office.HandClock(forge.Clock())
        self.door = Door(
            key=Key("t"), api_url="http://x", graphql_url="http://x/g", clock=self.clock,
            state_folder=folder,
        )  # fmt: skip
        self.answer, self.asked = answer, list[Any]()

    def put(self, question: Any) -> Any:
        def once() -> Any:
            self.asked.append(question)
            return self.answer(question)

        return self.door._patiently(once)

    def nodes(self, count: int, *, share: int = 1) -> tuple[int, list[str], list[str]]:
        """A tick's: how many requests it took, what was read, and what was not."""
        self.asked.clear()
        ids = [f"P{n}" for n in range(count)]
        told = list(gh_nodes.in_pages(self.door, ids, self.put, share=share))
        bad = {one for some, why in told if isinstance(why, GitHubTrouble) for one in some}
        fine = {one for some, why in told if not isinstance(why, GitHubTrouble) for one in some}
        assert not fine & bad and fine | bad == set(ids)
        return len(self.asked), sorted(fine), sorted(bad)

    def labelled(self, monkeypatch: pytest.MonkeyPatch, **more: Any) -> tuple[int, Labelled]:
        """A tick's: how many requests it took, and what was told."""

        def raw(document: str, variables: Any, *, may_miss: bool) -> msgspec.Raw:
            return msgspec.Raw(msgspec.json.encode(self.put(document)))

        self.asked.clear()
        monkeypatch.setattr(self.door, "graphql_raw", raw)
        told = Queries(self.door).labelled(SLUGS, "ready", **more)
        return len(self.asked), told


def repositories(document: str) -> dict[str, str]:
    """What is asked for under which name."""
    found = re.findall(r'(r\d+): repository\(owner: "(\w+)", name: "(\w+)"', document)
    return {alias: f"{owner}/{name}" for alias, owner, name in found}


def first(document: str) -> int:
    return int(re.findall(r"issues\(first: (\d+)", document)[0])


def told_of(document: str, slow_ones: set[str]) -> dict[str, Any]:
    asked = repositories(document)
    if bad := [(alias, "issues") for alias, slug in asked.items() if slug in slow_ones]:
        raise slow(*bad)
    return {alias: {**EMPTY, "nameWithOwner": slug} for alias, slug in asked.items()}


@pytest.mark.parametrize(
    ("count", "named", "requests"),
    [
        (60, range(60), (3 + 1 + 3 + 1 + 3, 3)),
        (100, range(25, 100), (3 + 1 + 3 + 1 + 4, 4)),
    ],
    ids=["all are named", "those are named that were too many"],
)
def test_too_many_at_once_are_asked_for_in_smaller_pages_from_then_on(
    tmp_path: Path, count: int, named: range, requests: tuple[int, int]
) -> None:
    def answer(ids: Sequence[str]) -> str:
        if len(ids) > 25:
            raise slow(*places([at for at in named if at < len(ids)]))
        return "fine"

    line = Line(tmp_path, answer)
    for expected in requests:
        taken, fine, _ = line.nodes(count)
        assert taken == expected and len(fine) == count
        assert line.door._page_size() == 25


@pytest.mark.parametrize(
    ("bad", "requests"),
    [({0}, 3 + 3 + 1 + 1), ({5}, 3 + 3 + 1 + 1), ({11}, 3 + 3 + 1), ({0, 5}, 2 * (3 + 3 + 1) + 1)],
)
def test_one_that_is_slow_by_itself_holds_up_no_other(
    tmp_path: Path, bad: set[int], requests: int
) -> None:
    """Though an answer that holds it names everything after it too."""

    def answer(ids: Sequence[str]) -> str:
        slow_ones = [at for at, one in enumerate(ids) if int(one[1:]) in bad]
        if slow_ones:
            raise slow(*places(range(slow_ones[0], len(ids))))
        return "fine"

    line = Line(tmp_path, answer)
    for _ in range(2):
        assert line.nodes(12)[::2] == (requests, sorted(f"P{n}" for n in bad))
    assert line.door._page_size() == 100


def test_of_those_that_are_slow_by_themselves_two_are_asked(tmp_path: Path) -> None:
    def answer(ids: Sequence[str]) -> str:
        if bad := [at for at, one in enumerate(ids) if int(one[1:]) in range(3, 8)]:
            raise slow(*places(bad))
        return "fine"

    assert Line(tmp_path, answer).nodes(60)[::2] == (3 + 3 + 3 + 1, [f"P{n}" for n in range(3, 8)])


@pytest.mark.parametrize("share", [1, 10], ids=["pull requests", "issues"])
@pytest.mark.parametrize("kind", sorted(gh_nodes.OF_ITS_OWN))
def test_what_names_nobody_and_is_wrong_with_all_is_raised(
    tmp_path: Path, kind: Trouble, share: int
) -> None:
    """An answer of another shape, or an error that nobody knows."""

    def answer(ids: Sequence[str]) -> str:
        raise GitHubTrouble(kind, "another shape")

    line = Line(tmp_path, answer)
    with pytest.raises(GitHubTrouble) as raised:
        line.nodes(40, share=share)
    assert raised.value.trouble is kind and len(line.asked) == 3


@pytest.mark.parametrize(
    ("bad", "requests"), [(0, 3 + 1), (20, 3 + 3 + 1), (39, 4 * 3 + 2 * 2 + 1)]
)
def test_one_of_another_shape_hides_no_other(tmp_path: Path, bad: int, requests: int) -> None:
    def answer(ids: Sequence[str]) -> str:
        if f"P{bad}" in ids:
            raise GitHubTrouble(Trouble.PARTIAL, "another shape")
        return "fine"

    assert Line(tmp_path, answer).nodes(40)[::2] == (requests, [f"P{bad}"])


def test_what_is_too_much_in_the_smallest_page_is_read_by_halves(tmp_path: Path) -> None:
    def answer(ids: Sequence[str]) -> str:
        if len(ids) > 5:
            raise slow(*places(range(len(ids))))
        return "fine"

    line = Line(tmp_path, answer)
    taken, fine, _ = line.nodes(10)
    assert taken == 3 + 1 + 1 + 1 and len(fine) == 10
    assert line.door._page_size() == 100, "no smaller page holds less than these ten"


def test_issues_that_are_too_much_at_once_are_fewer_from_then_on(tmp_path: Path) -> None:
    def answer(ids: Sequence[str]) -> str:
        if len(ids) > 2:
            raise slow(*places(range(len(ids))))
        return "fine"

    line = Line(tmp_path, answer)
    assert line.nodes(8, share=10)[0] == 3 + 1 + 3 + 1 + 4
    assert line.nodes(8, share=10)[0] == 4 and line.door._page_size() == 25


def test_a_repository_that_is_slow_unless_asked_for_less_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, lambda text: told_of(text, {"o/s"} if first(text) > 25 else set()))
    for expected in (3 + 1 + 3 + 1 + 1, 1):
        taken, told = line.labelled(monkeypatch)
        assert taken == expected and set(told.found) == set(SLUGS) and not told.unread
        assert line.door._page_size() == 25


def test_a_repository_that_is_slow_by_itself_is_left_out_and_makes_no_page_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, lambda text: told_of(text, {"o/s"}))
    for _ in range(2):
        taken, told = line.labelled(monkeypatch)
        assert taken == 3 + 3 + 1
        assert set(told.found) == {"o/r", "o/t"} and set(told.unread) == {"o/s"}
    assert line.door._page_size() == 100


def test_a_repository_in_front_that_is_slow_by_itself_hides_none_that_is_named_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(document: str) -> dict[str, Any]:
        asked = set(repositories(document).values())
        return told_of(document, asked if "o/r" in asked else set())

    taken, told = Line(tmp_path, answer).labelled(monkeypatch)
    assert taken == 3 + 3 + 1 + 1
    assert set(told.found) == {"o/s", "o/t"} and set(told.unread) == {"o/r"}


def test_in_an_outage_that_names_all_repositories_two_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, told = Line(tmp_path, lambda text: told_of(text, set(SLUGS))).labelled(monkeypatch)
    assert taken == 3 + 3 + 3 and set(told.unread) == set(SLUGS)


def test_a_repository_alone_is_asked_for_less_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.adapters.test_gh_nodes.SLUGS", ["o/s"])
    line = Line(tmp_path, lambda text: told_of(text, {"o/s"} if first(text) > 25 else set()))
    taken, told = line.labelled(monkeypatch)
    assert taken == 3 + 1 + 3 + 1 + 1 and set(told.found) == {"o/s"}
    line = Line(tmp_path, lambda text: told_of(text, {"o/s"}))
    taken, told = line.labelled(monkeypatch)
    assert taken == 3 + 3 and set(told.unread) == {"o/s"}
