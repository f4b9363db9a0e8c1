"""What an executor is asked to run, and what it says of it afterwards."""

from __future__ import annotations

from msgspec import Struct


class AttemptOrder(Struct, frozen=True, kw_only=True):
    """One program, once, in one folder; nothing here names the mailbox or GitHub.

    `environment` is the whole environment of the child. `home` is a private folder that becomes
    HOME. `idle_timeout_seconds` is how long it may give no sign of life. `result_file` is relative
    to `folder`; None where none is expected. Output beyond `output_limit` bytes is drained and
    dropped, the last of it is kept.
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


class AttemptReport(Struct, frozen=True, kw_only=True):
    """`exit_code` is None when the program could not be started; `problem` then says why.

    `result` is None when no result file was written; `result_problem` says what was wrong with
    one that could not be taken (a link, a FIFO, too large). `silent`: it was stopped because
    nothing was heard of it, long before its time was over.
    """

    exit_code: int | None
    seconds: float
    timed_out: bool = False
    silent: bool = False
    output_tail: str = ""
    problem: str = ""
    result: bytes | None = None
    result_problem: str = ""
