"""The only door through which programs are started: short helpers, agents, workers."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files, survivors
from orchestrator.adapters.silence import Silence
from orchestrator.adapters.watch import Watch
from orchestrator.records.errors import AgentOSError
from orchestrator.records.order import AttemptOrder

HELPER_GRACE_SECONDS = 2.0  # git removes its lock files on SIGTERM
AGENT_GRACE_SECONDS = 10.0
LOOK_AT_LOG_SECONDS = 0.1
OUTPUT_LIMIT = 64 * 1024 * 1024
DROPPED = b"\n[... earlier output was dropped: more than %d bytes ...]\n"


class Completed(Struct, frozen=True, kw_only=True):
    """A helper that ended; `exit_code` is negative for a signal, as in the standard library."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False


class Ended(Struct, frozen=True, kw_only=True):
    """An agent that ended, with the last of its output; nothing of it runs any more (S4)."""

    exit_code: int
    seconds: float
    timed_out: bool
    silent: bool
    output_tail: str
    error_tail: str = ""
    dropped: bool = False
    killed: tuple[int, ...] = ()
    exceeded: str = ""
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class CannotStart(AgentOSError):
    """A program that is missing, not executable, or was given a folder that does not exist."""

    def __init__(self, program: str, why: str) -> None:
        super().__init__(f"{program} could not be started: {why}")
        self.program = program


def run(
    argv: Sequence[str],
    *,
    cwd: str | Path,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    timeout_seconds: float,
    handed: Sequence[int] = (),
) -> Completed:
    """Run a short helper to its end, at most `timeout_seconds` and the grace of its SIGTERM.

    `environment` is all the child sees, and `handed` the open files that it gets beside the usual
    three. Output goes to memory files and not through pipes, so
    that neither a full pipe nor a grandchild that keeps one open can hold us up.
    Raises CannotStart.
    """
    out, err = _memory(b""), _memory(b"")
    source = _memory(stdin) if stdin else subprocess.DEVNULL
    try:
        began = time.monotonic()
        child = _start(
            argv, cwd=cwd, environment=environment, streams=(source, out, err), handed=handed
        )
        try:
            timed_out = not _ended(child, began + timeout_seconds)
        finally:
            _stop(child, grace_seconds=HELPER_GRACE_SECONDS)
        return Completed(
            argv=tuple(argv),
            exit_code=child.returncode,
            stdout=_content(out),
            stderr=_content(err),
            seconds=time.monotonic() - began,
            timed_out=timed_out,
        )
    finally:
        for handle in {out, err, source} - {subprocess.DEVNULL}:
            os.close(handle)


def run_logged(
    order: AttemptOrder,
    *,
    grace_seconds: float = AGENT_GRACE_SECONDS,
    layers: int = 0,
    writable: Sequence[str] = (),
    alone: bool | None = None,
    handed: Sequence[int] = (),
) -> Ended:
    """Run an agent, its output in a bounded log, and leave no process of it alive (S3, S4).

    After `timeout_seconds`, or `idle_timeout_seconds` without a sign of life, or where it
    exceeds a limit of the order, its group gets SIGTERM, after `grace_seconds` SIGKILL; then
    goes everything else that belongs to `order.folder`, which must be the attempt's own.
    `layers` is how many processes stand between us and the agent, each in the other: these are
    not asked to end, since the agent would end with them at once. `writable` are the folders
    that count against its share of the disk, beside its folder and home. `alone` says that no
    other thread starts processes, so that every new child of ours is the agent's. `handed` are
    open files that it gets beside the usual three.
    Raises CannotStart, and OSError where the log cannot be written.
    """
    folder = os.path.realpath(order.folder)
    alone = threading.active_count() == 1 if alone is None else alone
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    survivors.adopt_orphans()
    before = survivors.children() if alone else None
    environment = {**order.environment, "HOME": order.home, survivors.MARKER: folder}
    log = files.open_log(Path(order.log_path))
    errors = files.open_log(Path(order.error_path)) if order.error_path else log
    source = _memory(order.stdin)
    began = time.monotonic()
    places = (folder, order.home, *writable)
    silence = Silence(log, places, order.idle_timeout_seconds)
    killed: tuple[int, ...] = ()
    dropped = False

    def bound() -> None:
        nonlocal dropped
        dropped |= _bound(log, order.output_limit)
        _bound(errors, order.output_limit)

    def meanwhile() -> bool:
        bound()
        return watch.over() or silence.over()

    try:
        child = _start(
            order.argv, cwd=folder, environment=environment, streams=(source, log, errors),
            handed=handed,
        )  # fmt: skip
        watch = Watch(child.pid, order.limits, places)
        here = survivors.process(child.pid)
        born = here.born if here else 0
        try:
            stopped = not _ended(child, began + order.timeout_seconds, meanwhile)
            early = stopped and time.monotonic() - began < order.timeout_seconds
        finally:
            grace = 0.0 if watch.exceeded else grace_seconds
            used = _stop(child, grace_seconds=grace, layers=layers)
            largest = _peak(used)
            killed = survivors.end(
                lambda: survivors.of_attempt(folder, born=born, children_before=before)
            )
            if alone:
                survivors.reap_orphans()
                used = resource.getrusage(resource.RUSAGE_CHILDREN)
        bound()
        return Ended(
            exit_code=child.returncode,
            seconds=time.monotonic() - began,
            timed_out=stopped and not watch.exceeded,
            silent=early and not watch.exceeded,
            exceeded=watch.exceeded,
            output_tail=_tail(log, order.tail_limit).decode("utf-8", "replace"),
            error_tail=(
                _tail(errors, order.tail_limit).decode("utf-8", "replace") if errors != log else ""
            ),
            dropped=dropped or os.fstat(log).st_size > order.tail_limit,
            killed=killed,
            cpu_seconds=max(watch.cpu_seconds, _cpu(used) - (_cpu(spent) if alone else 0.0)),
            peak_memory_bytes=max(watch.peak, largest),
        )
    finally:
        for handle in {source, log, errors}:
            os.close(handle)


def spawn_detached(
    argv: Sequence[str], *, environment: Mapping[str, str], log_path: str | Path
) -> int:
    """Start a worker in a session of its own, its output appended to a log; returns its pid.

    It works in our folder and outlives us. Raises CannotStart.
    """
    log = files.open_log(Path(log_path))
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    to_log = [(os.POSIX_SPAWN_DUP2, log, stream) for stream in (1, 2)]
    try:
        return os.posix_spawnp(
            argv[0], list(argv), dict(environment), file_actions=[nothing, *to_log], setsid=True
        )
    except OSError as error:
        raise CannotStart(argv[0], error.strerror or str(error)) from error
    finally:
        os.close(log)


def exit_code(pid: int) -> int | None:
    """How a child of ours that nobody waited for ended, minus the signal's number for one; None
    where it lives, or is no child of ours."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def ask_to_end(pid: int) -> None:
    """SIGTERM for a process of ours that the caller knows to live, never for this one."""
    if pid != os.getpid():
        survivors.ask_to_end({pid})


def processes_in(folder: str | Path) -> tuple[int, ...]:
    """The pids of everything that works in a folder or was started for it (Q7)."""
    return survivors.in_folder(str(folder))


def kill_processes_in(folder: str | Path) -> tuple[int, ...]:
    """The reaper's fence (Q7): end the processes of a folder; returns the pids killed.

    A person's shell that stands in the folder is left alone: it has a terminal.
    """
    return survivors.end(lambda: set(survivors.without_terminal(str(folder))))


def _start(
    argv: Sequence[str],
    *,
    cwd: str | Path,
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    handed: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            start_new_session=True,
            pass_fds=tuple(handed),
        )
    except OSError as error:
        if not Path(cwd).is_dir():
            raise CannotStart(argv[0], f"its folder {cwd} does not exist") from error
        why = "no such program on its PATH" if isinstance(error, FileNotFoundError) else None
        raise CannotStart(argv[0], why or error.strerror or str(error)) from error


def _ended(
    child: subprocess.Popen[bytes],
    deadline: float,
    meanwhile: Callable[[], bool] | None = None,
) -> bool:
    """Wait for the end without collecting it, so that the pid and its group stay ours.

    False at the deadline, or as soon as `meanwhile` has seen enough.
    """
    handle = os.pidfd_open(child.pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if waiting.poll(1000 * (min(left, LOOK_AT_LOG_SECONDS) if meanwhile else left)):
                return True
            if meanwhile and meanwhile():
                break
        return bool(waiting.poll(0))
    finally:
        os.close(handle)


def _stop(
    child: subprocess.Popen[bytes], *, grace_seconds: float, layers: int = 0
) -> resource.struct_rusage:
    """End a child and its group, politely where it still runs, and collect it and what it used."""
    if not _ended(child, 0):
        if layers:
            survivors.ask_to_end(survivors.below(child.pid, layers))
        else:
            _signal_group(child, signal.SIGTERM)
        _ended(child, time.monotonic() + grace_seconds)
    _signal_group(child, signal.SIGKILL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return used


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _peak(used: resource.struct_rusage) -> int:
    """The largest process of a child in bytes; 0 where that is only what it had of us at first."""
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used.ru_maxrss * 1024 if used.ru_maxrss > ours else 0


def _signal_group(child: subprocess.Popen[bytes], what: signal.Signals) -> None:
    try:
        os.killpg(child.pid, what)
    except (ProcessLookupError, PermissionError):
        return


@contextlib.contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """An open file of some bytes, to be handed to one program."""
    handle = _memory(content)
    try:
        yield handle
    finally:
        os.close(handle)


def _memory(content: bytes) -> int:
    """A file without a name that holds `content`, at its beginning."""
    handle = os.memfd_create("agent-os")
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _content(handle: int) -> bytes:
    return _read(handle, 0, min(os.fstat(handle).st_size, OUTPUT_LIMIT))


def _bound(log: int, limit: int) -> bool:
    """Keep the last half of an overfull log; the child appends, so it goes on after that."""
    if os.fstat(log).st_size <= limit:
        return False
    kept = _tail(log, limit // 2)
    os.ftruncate(log, 0)
    os.write(log, DROPPED % limit + kept)
    return True


def _tail(handle: int, limit: int) -> bytes:
    size = os.fstat(handle).st_size
    return _read(handle, max(0, size - limit), min(size, limit))


def _read(handle: int, start: int, count: int) -> bytes:
    parts = list[bytes]()
    while count > 0 and (part := os.pread(handle, count, start)):
        parts.append(part)
        start, count = start + len(part), count - len(part)
    return b"".join(parts)
