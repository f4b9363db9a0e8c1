"""A `crontab` program of our own in a private folder, which keeps one file and can refuse."""

from __future__ import annotations

from pathlib import Path

PROGRAM = """\
#!/bin/sh
kept={kept}
[ ! -e {folder}/refuses ] || {{ echo 'You (maria) are not allowed to use this' >&2; exit 1; }}
case $1 in
    -l) [ -e "$kept" ] || {{ echo 'no crontab for maria' >&2; exit 1; }}; cat "$kept" ;;
    -r) rm "$kept" ;;
    -) cat >"$kept.new"; grep -q BROKEN "$kept.new" && {{ echo 'bad minute' >&2; exit 1; }}
       mv "$kept.new" "$kept" ;;
    *) exit 2 ;;
esac
"""


class FakeCrontab:
    """`folder` goes to the front of a PATH; `text` is what the person has, None for nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = folder / "tab"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "crontab"
        program.write_text(PROGRAM.format(kept=self.kept, folder=folder))
        program.chmod(0o755)

    @property
    def text(self) -> str | None:
        return self.kept.read_bytes().decode() if self.kept.exists() else None

    @text.setter
    def text(self, text: str) -> None:
        self.kept.write_bytes(text.encode())

    def refuse(self) -> None:
        (self.folder / "refuses").touch()
