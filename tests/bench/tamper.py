"""How often the rules of tampering stop honest work: `python -m tests.bench.tamper FOLDER LIST`.

FOLDER holds bare repositories named `<owner>+<name>/repo`, LIST is a file like
`tests/data/honest/measured.yaml`. Prints each commit that is asked about, or left to a person,
and the two rates: at the first look, without a word from its author, and in the end, with a
reason for everything. Nothing of a repository is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from orchestrator.adapters import history
from orchestrator.adapters.git import Git
from orchestrator.rules import tamper
from orchestrator.tampering import files


def main(folder: Path, listed: Path) -> int:
    asked = stopped = 0
    commits = yaml.safe_load(listed.read_text(encoding="utf-8"))
    for one in commits:
        git = Git(folder / one["repo"].replace("/", "+") / "repo")
        tree = history.tree_of(git, one["commit"])
        changes = files(history.texts(git, f"{one['commit']}^", tree))
        subject = git.text("log", "-1", "--format=%s", one["commit"])
        why = tuple(f"{file.path} {file.name.partition('.')[0]}: the behaviour that it checked "
                    "changed" for file in changes)  # fmt: skip
        first = tamper.judge(tamper.Facts(files=changes))
        last = tamper.judge(tamper.Facts(files=changes, issue=subject, asked=True, reasons=why))
        for name, verdict in (("asked", first), ("person", last)):
            if isinstance(verdict, tamper.NeedsReason | tamper.NeedsPerson):
                rules = ", ".join(sorted({found.rule for found in verdict.suspicions}))
                print(f"{name:7} {one['repo']} {one['commit'][:12]}: {rules}")
        asked += not isinstance(first, tamper.Allow)
        stopped += not isinstance(last, tamper.Allow)
    print(f"{len(commits)} honest commits: {asked} asked about, {stopped} left to a person")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
