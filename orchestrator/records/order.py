"""What an executor is asked to run, and what it says of it afterwards."""

from __future__ import annotations

from msgspec import Struct


class AttemptOrder(Struct, frozen=True, kw_only=True):
    """One program, once, in one folder; nothing here names the mailbox or GitHub.

    `environment` is the whole environment of the child. `home` is a private folder that becomes
    HOME. `idle_timeout_seconds` is how long it may give no sign of life. `result_file` is relative
    to `folder`; None where none is expected. Output beyond `output_limit` bytes is drained and
    dropped, the last of it is kept; the report brings the last `tail_limit` bytes. With an
    `error_path` standard error goes there and not into the log. `account` names whose login the
    program uses, for an agent that has several.
    """

    argv: tuple[str, ...]
    folder: str
    home: str
    stdin: bytes = b""
    environment: dict[str, str] = {}
    timeout_seconds: float
    idle_timeout_seconds: float | None = None
    log_path: str
    output_limit: int = 5_000_000
    result_file: str | None = None
    result_limit: int = 262_144
    tail_limit: int = 65_536
    error_path: str = ""
    account: str = ""


class AttemptReport(Struct, frozen=True, kw_only=True):
    """`exit_code` is None when the program could not be started; `problem` then says why.

    `result` is None when no result file was written; `result_problem` says what was wrong with
    one that could not be taken (a link, a FIFO, too large). `silent`: it was stopped because
    nothing was heard of it, long before its time was over. `output_tail` is the end of the log,
    `error_tail` that of standard error where the order kept it apart; `dropped`: the log had an
    earlier part.
    """

    exit_code: int | None
    seconds: float
    timed_out: bool = False
    silent: bool = False
    output_tail: str = ""
    error_tail: str = ""
    dropped: bool = False
    problem: str = ""
    result: bytes | None = None
    result_problem: str = ""
