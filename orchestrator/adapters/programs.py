"""Which folders a program needs beside itself to run: its installation, its interpreter's."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator

from orchestrator.adapters import files

# What belongs to an installation that has a `bin`; its `share` and `etc` may hold anything.
BESIDE_BIN = ("lib", "lib64", "libexec", "include", "pyvenv.cfg", "node_modules")
BESIDE_SHIMS = (
    "bin", "lib", "libexec", "versions", "plugins", "pyenv.d", "rbenv.d", "completions", "version",
)  # fmt: skip
# Where tools that install single programs for a user keep what those need.
OF_LOCAL = ("pipx", "share/pipx", "share/uv/tools", "share/uv/python", "share/pnpm")
FIRST_LINE = 256


def installations(search: str, programs: Iterable[str], below: tuple[str, ...]) -> tuple[str, ...]:
    """What lies below one of the `below` folders and is needed to run what `search` finds.

    `search` is a PATH; `programs` are names on it, or paths. No more than code is named: folders
    of programs, their libraries and their interpreters, and never one of `below` itself.
    """
    found: dict[str, None] = {}
    for folder in search.split(":"):
        if os.path.isabs(folder):
            found |= dict.fromkeys(_of_folder(os.path.normpath(folder)))
    for name in programs:
        there = files.find_program(name, search)
        if there:
            found |= dict.fromkeys(_of_program(there, search, set()))
    inside = tuple(f"{folder}/" for folder in below)
    tops = {os.path.join(folder, "") for folder in below}
    return tuple(
        path
        for path in found
        if not _on_top(path, tops) and os.path.lexists(path) and _inside(path, inside)
    )


def _on_top(path: str, folders: Container[str]) -> bool:
    """Whether it lies in one of the folders itself, where no installation is."""
    folder, name = os.path.split(path)
    return name in BESIDE_BIN and os.path.join(folder, "") in folders


def _inside(path: str, folders: tuple[str, ...]) -> bool:
    """Whether the path, or what it leads to, lies in one of the folders and is none of them."""
    lies = {path, os.path.realpath(path)}
    above = tuple(f"{one}/" for one in lies)
    if any(folder.startswith(above) for folder in folders):
        return False  # it would show a hidden folder whole
    return any(one.startswith(folders) for one in lies)


def _of_folder(folder: str) -> Iterator[str]:
    """A folder of a PATH, and what lies beside it for what is in it."""
    yield folder
    parent, name = os.path.split(folder)
    if name in {"bin", "sbin"}:
        yield from (os.path.join(parent, part) for part in BESIDE_BIN)
        if os.path.basename(parent) == ".local":
            yield from (os.path.join(parent, part) for part in OF_LOCAL)
    if name == "shims":
        yield from (os.path.join(parent, part) for part in BESIDE_SHIMS)


def _of_program(path: str, search: str, known: set[str]) -> Iterator[str]:
    """A program's own file, the links on the way to it, its package and its interpreter's."""
    if path in known or len(known) > 20:
        return
    known.add(path)
    yield from _of_folder(os.path.dirname(path))
    yield path
    real = os.path.realpath(path)
    head, packages, _ = real.partition("/node_modules/")
    if packages:
        yield os.path.join(head, "node_modules")  # what a package needs may lie beside it
    elif os.path.basename(os.path.dirname(real)) in {"bin", "sbin"}:
        yield from _of_folder(os.path.dirname(real))
    else:
        yield real
    if os.path.islink(path):
        # Each link on the way is looked up by its own name inside as well.
        yield from _of_program(
            os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path))), search, known
        )
    for word in _interpreter(real):
        there = files.find_program(word, search)
        if there:
            yield from _of_program(there, search, known)


def _interpreter(path: str) -> tuple[str, ...]:
    """The programs that the first line of a script names."""
    try:
        with open(path, "rb") as stream:
            line = stream.read(FIRST_LINE).partition(b"\n")[0]
    except OSError:
        return ()
    if not line.startswith(b"#!"):
        return ()
    words = os.fsdecode(line[2:]).split()
    return tuple(word for word in words[:3] if not word.startswith("-"))
