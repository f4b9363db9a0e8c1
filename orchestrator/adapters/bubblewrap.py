"""Whether a program can be contained on this machine, and by what."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files, process
from orchestrator.adapters.process import CannotStart
from orchestrator.agents import sandbox, seccomp

NAME = "bubblewrap"
ALWAYS_LOOKED_AT = "/usr/bin:/usr/local/bin:/bin"
PATIENCE_SECONDS = 10.0
# All that a contained program needs of the kernel, tried with a program that does nothing.
TRIAL = (
    "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net",
    "--die-with-parent", "--new-session", "--ro-bind", "/", "/", "--dev", "/dev",
    "--proc", "/proc", "--", "true",
)  # fmt: skip


class Layer(Struct, frozen=True, kw_only=True):
    """`name` is `bubblewrap`, or `none` with the `problem` and what to do about it.

    `calls` is the filter of system calls, or empty and `unfiltered` says why.
    """

    name: str
    program: str = ""
    problem: str = ""
    calls: bytes = b""
    unfiltered: str = ""


def layer(search: str = "") -> Layer:
    """Which layer contains programs here; bubblewrap is tried, not only looked for.

    `search` is a PATH to look at beside the usual places. Costs one process of some milliseconds.
    """
    program = files.find_program("bwrap", f"{ALWAYS_LOOKED_AT}:{search}")
    if program is None:
        return Layer(name="none", problem=f"bubblewrap is not installed: {sandbox.INSTALL}")
    machine = platform.machine()
    calls = seccomp.program(machine)
    unfiltered = ""
    if not calls:
        unfiltered = f"no filter of system calls is known for {machine}"
    elif said := _tried(program, calls):
        unfiltered = f"this machine takes no filter of system calls: {said}"
    if unfiltered and (said := _tried(program)):
        problem = f"bubblewrap does not work here: {said}{_advice()}"
        return Layer(name="none", problem=problem)
    calls = b"" if unfiltered else calls
    return Layer(name=NAME, program=program, calls=calls, unfiltered=unfiltered)


def _tried(program: str, calls: bytes = b"") -> str:
    """What bubblewrap says where it does not work, with a filter or without; "" where it does."""
    try:
        with process.in_memory(calls) as handle:
            tried = process.run(
                (program, *sandbox.filtered(handle if calls else None), *TRIAL),
                cwd="/",
                environment={"PATH": ALWAYS_LOOKED_AT},
                timeout_seconds=PATIENCE_SECONDS,
                handed=(handle,),
            )
    except CannotStart as error:
        return str(error)
    if tried.exit_code == 0:
        return ""
    return tried.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit {tried.exit_code}"


def _advice() -> str:
    """What to do where the kernel forbids namespaces to plain users, as far as it tells."""
    if _says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"):
        return "; sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    if _says("/proc/sys/kernel/unprivileged_userns_clone", "0"):
        return "; sysctl -w kernel.unprivileged_userns_clone=1"
    if _says("/proc/sys/user/max_user_namespaces", "0"):
        return "; sysctl -w user.max_user_namespaces=10000"
    return ""


def _says(path: str, word: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == word
    except OSError:
        return False


def disks() -> tuple[str, ...]:
    """Folders at the top of the file system that no system has, such as /data."""
    with os.scandir("/") as entries:
        found = (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        return tuple(sorted(path for path in found if path not in sandbox.SYSTEM))


def seen(paths: tuple[str, ...]) -> dict[str, sandbox.Seen]:
    """What stands at each path that exists."""
    found: dict[str, sandbox.Seen] = {}
    for path in paths:
        real = os.path.realpath(path)
        if os.path.lexists(real):
            folder = os.path.isdir(real)
            found[path] = sandbox.Seen(real=real, folder=folder, barren=_is_barren(real, folder))
    return found


def _is_barren(path: str, folder: bool) -> bool:
    """Whether hiding it would hide nothing: each mount costs its part of a millisecond."""
    if not os.access(path, os.X_OK if folder else os.R_OK):
        return True
    if not folder:
        return False
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return False  # it cannot be listed, but what is known by name can be reached
