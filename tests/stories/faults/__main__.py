"""Prints the fault table with the test of each: python -m tests.stories.faults."""

from __future__ import annotations

from tests.stories.faults.table import rows

if __name__ == "__main__":
    for row in rows():
        print(f"F{row.number:<3} {row.fault}")
        print(f"     {row.proven}")
        print(f"     {row.test}")
        if row.missing:
            print(f"     MISSING: {row.missing}")
    missing = [f"F{row.number}" for row in rows() if row.missing]
    print(f"{len(rows())} faults; not wholly proven: {', '.join(missing) or 'none'}")
