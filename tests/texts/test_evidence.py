"""What a pull request tells of our own runs: collapsed, bounded, in the place of the earlier."""

from __future__ import annotations

from msgspec import structs

from orchestrator.records.evidence import Evidence, Ground, Run
from orchestrator.texts import evidence

HEAD = Run(
    what="tests", ground=Ground.HEAD, command="make test", exit_code=0, seconds=3.5,
    sandbox="bubblewrap", network="none",
)  # fmt: skip
BASE = structs.replace(HEAD, ground=Ground.BASE, exit_code=1)
SEEN = Evidence(task_id="task-1", attempt=1, base_sha="b" * 40, tree="c" * 40, runs=(HEAD,))


def test_a_run_is_told_with_its_command_exit_code_time_tree_base_and_sandbox() -> None:
    told = evidence.block(structs.replace(SEEN, head_sha="a" * 40))
    for part in ("`make test`", "| 0 | 3.5 |", "bubblewrap, network: none", "a" * 40, "c" * 40):
        assert part in told
    assert told.index("<details>") < told.index("make test") < told.index("</details>")
    assert evidence.said(SEEN) == "`make test` in a clean checkout: passed in 3.5 s."


def test_a_bug_s_tests_are_named_with_what_they_did_on_the_base() -> None:
    seen = structs.replace(SEEN, runs=(HEAD, BASE), tests=("tests/test_x.py",))
    assert "On the base: `tests/test_x.py`" in evidence.block(seen)
    assert "fail, as they should" in evidence.said(seen)
    green = structs.replace(seen, runs=(HEAD, structs.replace(BASE, exit_code=0)))
    assert "fail, as they should" not in evidence.said(green)


def test_a_later_delivery_takes_the_place_of_the_earlier_and_nothing_else() -> None:
    body = f"Closes #1\n\n{evidence.block(SEEN)}\n\nA note of a person.\n"
    later = structs.replace(SEEN, tree="d" * 40)
    renewed = evidence.replaced(body, later)
    assert renewed == body.replace("c" * 40, "d" * 40)
    assert evidence.replaced(renewed, later) == renewed


def test_a_person_who_took_it_out_or_tore_it_is_not_contradicted() -> None:
    torn = evidence.block(SEEN).replace(evidence.END, "")
    twice = evidence.block(SEEN) * 2
    for body in ("Closes #1", torn, twice):
        assert evidence.replaced(body, structs.replace(SEEN, tree="d" * 40)) == body


def test_a_command_cannot_leave_its_cell_and_all_of_it_stays_small() -> None:
    nasty = structs.replace(HEAD, command="a | b `c` </details> <!-- x\n# hi " * 500)
    seen = structs.replace(
        SEEN, runs=(nasty,) * 50, tests=tuple(f"tests/{'x' * 500}{n}.py" for n in range(500))
    )
    told = evidence.block(seen)
    assert len(told) < 10_000
    assert told.count(evidence.BEGIN) == told.count(evidence.END) == 1
    rows = [line for line in told.splitlines() if line.startswith("| tests")]
    assert len(rows) == evidence.ROWS
    assert all(line.replace("\\|", "").count("|") == 7 for line in rows)
