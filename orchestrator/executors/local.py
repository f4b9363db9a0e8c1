"""Runs an order on this machine: the program, its log, its result file, and nothing left over."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.adapters import files, process
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.process import AGENT_GRACE_SECONDS, CannotStart
from orchestrator.records.order import AttemptOrder, AttemptReport


class Local:
    """The executor of a machine of its own; agents, setup and test commands are all its orders."""

    def __init__(self, *, grace_seconds: float = AGENT_GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds

    def run(self, order: AttemptOrder) -> AttemptReport:
        """Run the order to its end, or to its timeout and the grace after it; never longer.

        A result file of an earlier attempt is gone before the program starts, so what is
        reported was written by this one (S10, F12). Raises OSError only where our own disk
        fails: the log or the private home cannot be written.
        """
        files.make_folder(Path(order.home))
        files.make_folder(Path(order.log_path).parent)
        if stuck := _clear_result(order):
            return AttemptReport(exit_code=None, seconds=0.0, problem=stuck)
        try:
            ended = process.run_logged(order, grace_seconds=self._grace_seconds)
        except CannotStart as error:
            return AttemptReport(exit_code=None, seconds=0.0, problem=str(error))
        result, problem = _result(order)
        return AttemptReport(
            exit_code=ended.exit_code,
            seconds=ended.seconds,
            timed_out=ended.timed_out,
            silent=ended.silent,
            output_tail=ended.output_tail,
            error_tail=ended.error_tail,
            dropped=ended.dropped,
            result=result,
            result_problem=problem,
        )


def _clear_result(order: AttemptOrder) -> str:
    """Remove whatever stands where the result will be; why that failed, or ""."""
    if order.result_file is None:
        return ""
    path = Path(order.folder) / order.result_file
    if not os.path.lexists(path):
        return ""
    try:
        if path.is_dir() and not path.is_symlink():
            files.remove_tree(path, inside=Path(order.folder))
        else:
            files.remove_file(path)
    except (OSError, NotReadable) as error:
        return f"an old {order.result_file} could not be removed: {error}"
    return ""


def _result(order: AttemptOrder) -> tuple[bytes | None, str]:
    """The bytes of the result file, or what is wrong with it; hostile input, read as such (Q9)."""
    if order.result_file is None:
        return None, ""
    try:
        return files.read_bounded(Path(order.folder) / order.result_file, order.result_limit), ""
    except FileNotFoundError:
        return None, ""
    except (NotReadable, OSError) as error:
        return None, str(error)
