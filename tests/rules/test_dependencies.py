"""Which issues an issue waits for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rules import dependencies
from orchestrator.rules.dependencies import (
    Clear,
    ClosedAsNotPlanned,
    Cycle,
    IssueState,
    Known,
    Unknown,
    Waiting,
)


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("", ()),
        ("Depends on #1", (1,)),
        ("depends on: #1, #2 and #3.", (1, 2, 3)),
        ("Blocked by #4 & #5", (4, 5)),
        ("**Blocked by:** #4", (4,)),
        ("**Depends on** #4", (4,)),
        ("- [ ] Depends on #4", (4,)),
        ("  * blocked  by #4", (4,)),
        ("## Depends on\n\n- #4\n- [x] #5 the parser\n\nText about #6", (4, 5)),
        ("Depends on:\n1. #4\n2. nothing\n3. #5", (4,)),
        ("## Depends on #4", (4,)),
        ("Depends on #4 because of #5", (4,)),
        ("Depends on GH-7", (7,)),
        ("Depends on https://github.com/O/R/issues/8", (8,)),
        ("Depends on o/r#9", (9,)),
        ("Depends on #1\n\nBlocked by #2\nDepends on #1", (1, 2)),
        ("It depends on #1", ()),
        ("Depends on the weather, see #1", ()),
        ("Depends on #1abc", ()),
        ("> Depends on #1", ()),
        ("```\nDepends on #1\n```\nDepends on #2", (2,)),
        ("~~~~\nDepends on #1\n~~~\nDepends on #3\n~~~~", ()),
        ("<!-- Depends on #1 -->", ()),
        ("<!--\nDepends on #1\n-->\nDepends on #2 <!-- and #3 -->", (2,)),
        ("<!--\n```\n-->\nDepends on #2", (2,)),
        ("`Depends on #1`", ()),
        ("Depends on other/repo#4", ()),
    ],
)
def test_the_numbers_that_a_body_names(body, numbers):
    assert dependencies.parse(body, repo="o/r") == numbers


def test_other_repositories_are_named_apart():
    body = "Depends on #1, x/y#2, https://github.com/x/z/pull/3 and o/r#4\nBlocked by x/y#2"
    assert dependencies.elsewhere(body, repo="O/R") == ("x/y#2", "x/z#3")
    assert dependencies.parse(body, repo="O/R") == (1, 4)


def test_the_number_of_references_is_bounded():
    body = "Depends on " + ", ".join(f"#{n}" for n in range(1, 500))
    assert len(dependencies.parse(body)) == dependencies.LIMIT


@given(st.text() | st.lists(st.sampled_from(
    ["Depends on ", "#1", "\n", "```", "<!--", "-->", "> ", ", ", "a/b#2", "- "]
)).map("".join))
def test_no_text_makes_it_raise(body):
    dependencies.parse(body)
    dependencies.elsewhere(body)


OPEN, CLOSED = IssueState.OPEN, IssueState.CLOSED
DROPPED, UNREADABLE = IssueState.NOT_PLANNED, IssueState.UNREADABLE


def graph(**issues):
    """`graph(i1=(OPEN, 2, 3))`: issue 1 is open and depends on 2 and 3."""
    return {int(n[1:]): Known(state=s, depends_on=tuple(on)) for n, (s, *on) in issues.items()}


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        (graph(i1=(OPEN,)), Clear()),
        ({}, Clear()),
        (graph(i1=(OPEN, 2), i2=(CLOSED,)), Clear()),
        (graph(i1=(OPEN, 2, 3), i2=(OPEN,), i3=(CLOSED,)), Waiting((2,))),
        (graph(i1=(OPEN, 2, 3), i2=(OPEN,), i3=(OPEN,)), Waiting((2, 3))),
        (graph(i1=(OPEN, 2)), Unknown(("#2",))),
        (graph(i1=(OPEN, 2), i2=(UNREADABLE,)), Unknown(("#2",))),
        (graph(i1=(OPEN, 2, 3), i2=(UNREADABLE,), i3=(OPEN,)), Unknown(("#2",))),
        (graph(i1=(OPEN, 2, 3), i2=(UNREADABLE,), i3=(DROPPED,)), ClosedAsNotPlanned(3)),
        (graph(i1=(OPEN, 1)), Cycle((1, 1))),
        (graph(i1=(OPEN, 2), i2=(OPEN, 1)), Cycle((1, 2, 1))),
        (graph(i1=(OPEN, 2), i2=(OPEN, 3, 4), i3=(OPEN,), i4=(OPEN, 1)), Cycle((1, 2, 4, 1))),
        (graph(i1=(OPEN, 2), i2=(CLOSED, 1)), Clear()),
        (graph(i1=(OPEN, 2), i2=(OPEN, 3), i3=(OPEN, 2)), Waiting((2,))),
        (graph(i1=(OPEN, 2, 3), i2=(DROPPED,), i3=(OPEN, 1)), Cycle((1, 3, 1))),
        (graph(i1=(OPEN, 2), i2=(OPEN, 9)), Waiting((2,))),
    ],
)
def test_whether_an_issue_may_start(known, answer):
    assert dependencies.judge(1, known) == answer


def test_another_repositorys_issue_is_waited_for_because_it_is_unknown():
    known = graph(i1=(OPEN, 2), i2=(CLOSED,))
    assert dependencies.judge(1, known, others=("x/y#2",)) == Unknown(("x/y#2",))
