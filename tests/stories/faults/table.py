"""The fault table, read from the stories' own docstrings, so that it cannot tell of what is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
NAMED = re.compile(r"test_f(\d\d)_(?!is_)\w+")


class Row(NamedTuple):
    """One fault: what happens, what is expected of us, who proves it, and what is not proven."""

    number: int
    fault: str
    proven: str
    test: str
    missing: str


def rows() -> list[Row]:
    """All stories of the table by their number."""
    found = []
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and (named := NAMED.fullmatch(node.name)):
                found.append(row(int(named[1]), node, path))
    return sorted(found)


def row(number: int, node: ast.FunctionDef, path: Path) -> Row:
    words = " ".join((ast.get_docstring(node) or "").split())
    told, _, missing = words.partition("Missing: ")
    fault, _, proven = told.partition(" => ")
    test = f"{path.relative_to(FOLDER.parents[2])}::{node.name}"
    return Row(number, fault.strip(), proven.strip(), test, missing.strip())
