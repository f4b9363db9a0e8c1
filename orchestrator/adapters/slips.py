"""One small file for each name, in which of all processes at once only the first may write."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from orchestrator.adapters import files


def path(folder: Path, name: str) -> Path:
    """The file of a name of any letters and length, which its ending tells from similar ones."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name)[:60]
    return folder / f"{plain}-{crc32(name.encode('utf-8', 'replace')):08x}.json"


def first(place: Path, data: bytes, before: files.Stamp | None) -> bool:
    """Write what follows from the state `before` (None: no file); False where another was first.

    A disk that fails is no other: True, so that nobody is silent or waits because of it.
    """
    try:
        if before is None:
            files.make_folder(place.parent)
            files.write_durably(place, data, replace=False)
        else:
            files.swap_durably(place, data, expected=before)
    except (FileExistsError, FileNotFoundError, files.Changed):
        return False
    except OSError:
        return True
    return True
