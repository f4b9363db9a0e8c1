"""What we ran ourselves, as a collapsed block that a later delivery puts in the earlier's place."""

from __future__ import annotations

from orchestrator.records.evidence import Evidence, Ground, Run
from orchestrator.texts import markdown, quoting

BEGIN, END = "<!-- aos:evidence -->", "<!-- aos:evidence end -->"
COMMAND = 200  # characters of a command in the table
ROWS = 8
TESTS = 20  # paths that are named
WHERE = {Ground.HEAD: "this work", Ground.BASE: "the base with these tests"}


def said(evidence: Evidence) -> str:
    """One or two sentences for whoever reads no table."""
    tests = [run for run in evidence.runs if run.what == "tests" and run.ground is Ground.HEAD]
    lines = [
        f"{quoting.path(run.command, COMMAND)} in a clean checkout: {ended(run)}." for run in tests
    ]
    if red_on_base(evidence):
        lines.append("On the base the tests of this change fail, as they should for a bug.")
    if evidence.remark:
        lines.append(quoting.flat(evidence.remark, 300))
    return " ".join(lines) or "Nothing."


def red_on_base(evidence: Evidence) -> bool:
    last = evidence.runs[-1] if evidence.runs else None
    return bool(
        last and last.ground is Ground.BASE and last.what == "tests" and not last.passed
        and last.exit_code is not None
    )  # fmt: skip


def ended(run: Run) -> str:
    if run.timed_out:
        return f"stopped after {run.seconds:g} s"
    if run.exit_code is None:
        return "could not be started"
    return f"{'passed' if run.passed else f'exit {run.exit_code}'} in {run.seconds:g} s"


def block(evidence: Evidence) -> str:
    """Collapsed, of at most some kilobytes, and between two lines by which it is found again."""
    rows = [
        f"| {run.what} | {WHERE[run.ground]} | {_command(run)} | {_code(run)} | {run.seconds:g} |"
        f" {_around(run)} |"
        for run in evidence.runs[:ROWS]
    ]
    table = ["| Run | On | Command | Exit code | Seconds | Sandbox |", "|---|---|---|---|---|---|"]
    facts = [
        f"Tree that was tested: `{evidence.tree}`" if evidence.tree else "",
        f"Commit: `{evidence.head_sha}` (that tree, and our entry in CODEBASE.md)"
        if evidence.head_sha else "",
        f"Base: `{evidence.base_sha}`",
        f"On the base: {_paths(evidence.tests)}" if evidence.tests else "",
    ]  # fmt: skip
    return "\n".join((
        BEGIN,
        "<details><summary>Evidence</summary>",
        "",
        *([*table, *rows, ""] if rows else []),
        markdown.bullets(facts),
        "",
        "</details>",
        END,
    ))


def replaced(body: str, evidence: Evidence) -> str:
    """The body with this block in the place of the earlier; unchanged where there is none.

    A person who took it out, or tore it, is not contradicted.
    """
    before, begin, rest = body.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after:
        return body
    return f"{before}{block(evidence)}{after}"


def _command(run: Run) -> str:
    return markdown.cell(quoting.path(run.command, COMMAND))


def _code(run: Run) -> str:
    if run.exit_code is None:
        return "not started"
    return f"{run.exit_code}, out of time" if run.timed_out else str(run.exit_code)


def _around(run: Run) -> str:
    layer = quoting.flat(run.sandbox, 40) or "not known"
    return f"{layer}, network: {quoting.flat(run.network, 20)}" if run.network else layer


def _paths(names: tuple[str, ...]) -> str:
    shown = ", ".join(quoting.path(name) for name in names[:TESTS])
    return f"{shown} and {len(names) - TESTS} more" if len(names) > TESTS else shown
