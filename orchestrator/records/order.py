"""What an executor is asked to run, and what it says of it afterwards."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.records.config import Network, Sandbox


class Loan(Struct, frozen=True, kw_only=True):
    """A path of the operator's that a contained program finds at another one: its login (S1)."""

    source: str
    target: str
    writable: bool = False


class Walls(Struct, frozen=True, kw_only=True):
    """What a contained program sees of this machine, which is all of it read-only, but for these.

    Absolute paths. What is `hidden` is empty; `readable` is shown although it lies in a hidden
    place; of two paths that lie in one another the deeper counts. The order's own folder, home
    and private /tmp are always writable, and nothing else is but `writable`.
    """

    hidden: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    lent: tuple[Loan, ...] = ()


class GitView(Struct, frozen=True, kw_only=True):
    """A repository of its own for a contained program, with the store's objects to read (G8).

    `git_dir` is where the `.git` of its folder points, `objects` the store's objects, `index`
    the file to copy ("": none); `head` is the branch it stands on, `refs` are the names it knows,
    with their commits. What it commits there is forgotten with the order.
    """

    git_dir: str
    objects: str
    index: str
    head: str
    refs: dict[str, str]


class Limits(Struct, frozen=True, kw_only=True):
    """How much a program and all it starts may use together (S3); None: no limit of ours."""

    memory_bytes: int | None = None
    disk_bytes: int | None = None
    processes: int | None = None


class AttemptOrder(Struct, frozen=True, kw_only=True):
    """One program, once, in one folder; nothing here names the mailbox or GitHub.

    `environment` is the whole environment of the child. `home` is a private folder that becomes
    HOME; beside it, in its parent, the executor keeps what else is private to the order.
    `idle_timeout_seconds` is how long it may give no sign of life. `result_file` is relative
    to `folder`; None where none is expected. Output beyond `output_limit` bytes is drained and
    dropped, the last of it is kept; the report brings the last `tail_limit` bytes. With an
    `error_path` standard error goes there and not into the log. `account` names whose login the
    program uses, for an agent that has several. `hosts` are the names that `network: providers`
    reaches. `home_files` are small texts by their paths below `home`, for programs that read how
    they are set up from there; what is lent at such a place stays.
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
    home_files: dict[str, str] = {}
    sandbox: Sandbox = Sandbox.NONE
    walls: Walls = Walls()
    git: GitView | None = None
    network: Network = Network.ALLOW
    hosts: tuple[str, ...] = ()
    limits: Limits = Limits()


class AttemptReport(Struct, frozen=True, kw_only=True):
    """`exit_code` is None when the program could not be started; `problem` then says why.

    `result` is None when no result file was written; `result_problem` says what was wrong with
    one that could not be taken (a link, a FIFO, too large). `silent`: it was stopped because
    nothing was heard of it, long before its time was over. `output_tail` is the end of the log,
    `error_tail` that of standard error where the order kept it apart; `dropped`: the log had an
    earlier part. `exceeded`: by which limit it was
    stopped. `containment` is the layer that was active, in a word: `bubblewrap`, `none`, or ""
    where nobody said; `uncontained` why there was none. `refused_hosts` are names that it asked
    the network for and did not get. `cpu_seconds` and `peak_memory_bytes` are of all it started.
    """

    exit_code: int | None
    seconds: float
    timed_out: bool = False
    silent: bool = False
    exceeded: str = ""
    output_tail: str = ""
    error_tail: str = ""
    dropped: bool = False
    problem: str = ""
    result: bytes | None = None
    result_problem: str = ""
    containment: str = ""
    uncontained: str = ""
    refused_hosts: tuple[str, ...] = ()
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
