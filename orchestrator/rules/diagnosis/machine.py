"""The programs, the disk and the files of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.records.diagnosis import Diagnosis, Level

OPEN_TO_OTHERS = 0o077


def git(found: tuple[int, ...], needed: tuple[int, ...], install: str) -> Diagnosis:
    """`found` is () where there is no git, or none that tells its version."""
    have, want = spelled(found), spelled(needed)
    if not found:
        return Diagnosis(
            check="git", level=Level.WRONG, mend=install,
            sentence="git is not on PATH, and nothing works without it",
        )  # fmt: skip
    if found < needed:
        return Diagnosis(
            check="git", level=Level.WRONG, mend=install,
            sentence=f"git {have} is too old: conflicts are foreseen and merges taken back with "
            f"what {want} brought",
        )  # fmt: skip
    return Diagnosis(check="git", level=Level.OK, sentence=f"git {have}")


def spelled(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def optional(program: str, there: bool, without: str, install: str) -> Diagnosis:
    """A program that work goes on without."""
    if there:
        return Diagnosis(check="program", about=program, level=Level.OK, sentence="is here")
    return Diagnosis(
        check="program", about=program, level=Level.NOTE, sentence=f"is not here: {without}",
        mend=install,
    )  # fmt: skip


def sandbox(
    problem: str, refused: Sequence[str], install: str, unfiltered: str = ""
) -> Diagnosis:
    """`problem` is "" where bubblewrap works; `refused` are agents that start in it only.

    `unfiltered` says why no system call is filtered within it, else "".
    """
    if not problem and unfiltered:
        return Diagnosis(
            check="sandbox", level=Level.NOTE,
            sentence="bubblewrap works, and agents and commands run within its walls, but "
            f"{unfiltered}: they reach the kernel's keyring of this session, and sockets to a "
            "machine's host",
        )  # fmt: skip
    if not problem:
        return Diagnosis(
            check="sandbox", level=Level.OK,
            sentence="bubblewrap works: agents and commands run within its walls",
        )  # fmt: skip
    if not refused:
        return Diagnosis(
            check="sandbox", level=Level.NOTE, mend=install,
            sentence=f"no sandbox: {problem}. Commands and agents run with your rights",
        )  # fmt: skip
    return Diagnosis(
        check="sandbox", level=Level.WRONG, mend=install,
        sentence=f"no sandbox: {problem}. {', '.join(refused)} may start in one only, "
        "so they never start",
    )  # fmt: skip


def disk(lacking: str, places: Sequence[str]) -> Diagnosis:
    if not lacking:
        return Diagnosis(check="disk", level=Level.OK, sentence="there is room on the disk")
    return Diagnosis(
        check="disk", level=Level.WRONG, sentence=f"{lacking}, so nothing new starts",
        mend=f"du -xhd2 {' '.join(places)}",
    )  # fmt: skip


def mode(path: str, bits: int, holds: str) -> Diagnosis:
    """Whether others may read a file that `holds` something of ours."""
    if bits & OPEN_TO_OTHERS:
        return Diagnosis(
            check="private", about=path, level=Level.WRONG,
            sentence=f"others on this machine may read it (mode {bits & 0o777:03o}), "
            f"and it holds {holds}", mend=f"chmod 600 {path}",
        )  # fmt: skip
    return Diagnosis(check="private", about=path, level=Level.OK, sentence="is yours alone")


def folder(path: str, *, there: bool, writable: bool, why: str) -> Diagnosis:
    if there and writable:
        return Diagnosis(check="folder", about=path, level=Level.OK, sentence="can be written")
    said = "is not there" if not there else "cannot be written"
    mend = f"mkdir -p {path}" if not there else f"chown -R $(id -un) {path}"
    return Diagnosis(
        check="folder", about=path, level=Level.WRONG, sentence=f"{said}: {why}", mend=mend
    )


def stale(abandoned: Sequence[str], hung: Sequence[tuple[str, int, str]]) -> Iterator[Diagnosis]:
    """`abandoned` are git's lock files of dead processes; `hung` script, pid, and since when."""
    for path in abandoned:
        yield Diagnosis(
            check="locks", about=path, level=Level.WRONG, mend=f"rm {path}",
            sentence="a git that died has left it, and no git works in that store before it goes "
            "(ours removes it after ten minutes, if any of our scripts runs)",
        )  # fmt: skip
    for script, pid, since in hung:
        yield Diagnosis(
            check="locks", about=script, level=Level.WRONG, mend=f"kill {pid}",
            sentence=f"process {pid} has held its lock since {since}: if it hangs, end it; what "
            "it did is kept",
        )  # fmt: skip
    if not abandoned and not hung:
        yield Diagnosis(check="locks", level=Level.OK, sentence="no lock is stale")


def dead_claims(names: Sequence[str]) -> Diagnosis:
    if not names:
        return Diagnosis(check="claims", level=Level.OK, sentence="every claim has its worker")
    return Diagnosis(
        check="claims", level=Level.WRONG, mend="bin/run_queue.sh",
        sentence=f"{', '.join(names)}: claimed by a worker that is dead; the next run_queue.sh "
        "takes it back, so it does not run",
    )  # fmt: skip
