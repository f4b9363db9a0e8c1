"""Runs an order on this machine: the program, its log, its result file, and nothing left over."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from orchestrator.adapters import bubblewrap, files, process, programs, proxy
from orchestrator.adapters.bubblewrap import Layer
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.process import AGENT_GRACE_SECONDS, CannotStart, Ended
from orchestrator.adapters.proxy import Proxy
from orchestrator.agents import sandbox
from orchestrator.executors import private
from orchestrator.records.config import Network, Sandbox
from orchestrator.records.order import AttemptOrder, AttemptReport, Walls

FORWARD = Path(__file__).with_name("forward.py")
PORT = 3128  # of the sandbox's own loopback
LAYERS = 2  # bubblewrap outside, and bubblewrap as the first process inside


class Local:
    """The executor of a machine of its own; agents, setup and test commands are all its orders."""

    def __init__(self, *, grace_seconds: float = AGENT_GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._layer: Layer | None = None

    def layer(self) -> Layer:
        """What contains programs here; tried once, since a machine does not change so soon."""
        if self._layer is None or not self._layer.program:
            self._layer = bubblewrap.layer(os.environ.get("PATH", ""))
        return self._layer

    def run(self, order: AttemptOrder) -> AttemptReport:
        """Run the order to its end, or to its timeout and the grace after it; never longer.

        A result file of an earlier attempt is gone before the program starts, so what is
        reported was written by this one (S10, F12). What must be contained and cannot be is not
        started (S1). Raises OSError only where our own disk fails: the log or the private home
        cannot be written.
        """
        files.make_folder(Path(order.home))
        files.make_folder(Path(order.log_path).parent)
        private.furnish(order)
        if stuck := _clear_result(order):
            return AttemptReport(exit_code=None, seconds=0.0, problem=stuck)
        if files.find_program(order.argv[0], order.environment.get("PATH", os.defpath)) is None:
            said = str(CannotStart(order.argv[0], "no such program on its PATH"))
            return AttemptReport(exit_code=None, seconds=0.0, problem=said)
        layer = self._wanted(order)
        if order.sandbox is Sandbox.REQUIRED and not layer.program:
            said = f"it may only run in a sandbox (sandbox: required): {layer.problem}"
            return AttemptReport(
                exit_code=None, seconds=0.0, problem=said,
                containment=layer.name, uncontained=layer.problem,
            )  # fmt: skip
        try:
            ended, refused = self._contained(order, layer) if layer.program else self._bare(order)
        except CannotStart as error:
            return AttemptReport(exit_code=None, seconds=0.0, problem=str(error))
        return _report(order, ended, layer, refused)

    def _wanted(self, order: AttemptOrder) -> Layer:
        if order.sandbox is Sandbox.NONE:
            return Layer(name="none", problem="the config says so (sandbox: none)")
        return self.layer()

    def _bare(self, order: AttemptOrder) -> tuple[Ended, tuple[str, ...]]:
        """Without walls: on this machine, as this user, with its login lent by links."""
        private.lend(order)
        argv = (*private.limited(order, contained=False), *order.argv)
        known = structs.replace(order, argv=argv)
        return process.run_logged(known, grace_seconds=self._grace_seconds), ()

    def _contained(self, order: AttemptOrder, layer: Layer) -> tuple[Ended, tuple[str, ...]]:
        alone = threading.active_count() == 1  # the proxy's threads start no processes
        with (
            private.rooms(order) as rooms,
            _network(order) as gate,
            process.in_memory(layer.calls) as calls,
        ):
            through = private.limited(order, contained=True)
            environment = order.environment
            if gate is not None:
                python = (sys.executable, "-I", "-S", str(FORWARD))
                through = (*python, sandbox.SOCKET, str(PORT), *through)
                environment = environment | _proxied()
                order = structs.replace(order, walls=_with_ours(order.walls))
            ground = sandbox.Ground(
                program=layer.program,
                seen=bubblewrap.seen(sandbox.paths(order)),
                tmp=str(rooms.tmp),
                calls=calls if layer.calls else None,
                git=str(rooms.git) if rooms.git else "",
                socket=str(gate.path) if gate else "",
                through=through,
            )
            known = structs.replace(
                order, argv=sandbox.argv(order, ground), environment=environment
            )
            ended = process.run_logged(
                known,
                grace_seconds=self._grace_seconds,
                layers=LAYERS,
                writable=(str(rooms.tmp),),
                alone=alone,
                handed=(calls,) if layer.calls else (),
            )
            return ended, tuple(gate.refused) if gate else ()


@contextlib.contextmanager
def _network(order: AttemptOrder) -> Iterator[Proxy | None]:
    """The proxy of an order that reaches a list of hosts; None where it needs none."""
    if order.network is not Network.PROVIDERS or not order.hosts:
        yield None
        return
    with proxy.served(order.hosts) as gate:
        yield gate


def _proxied() -> dict[str, str]:
    """How programs of every kind are told of their proxy; their own loopback needs none."""
    here = f"http://127.0.0.1:{PORT}"
    named = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), here)
    return {**named, "NODE_USE_ENV_PROXY": "1"}


def _with_ours(walls: Walls) -> Walls:
    """The same walls with what our own forwarder needs to run."""
    below = (*sandbox.HIDDEN, *sandbox.EMPTY, *walls.hidden)
    ours = programs.installations("", (sys.executable,), below)
    return structs.replace(walls, readable=(*walls.readable, *ours, str(FORWARD)))


def _report(
    order: AttemptOrder, ended: Ended, layer: Layer, refused: tuple[str, ...]
) -> AttemptReport:
    if layer.program and ended.exit_code == 1 and (said := _unmade(ended)):
        return AttemptReport(
            exit_code=None, seconds=ended.seconds, problem=f"its sandbox could not be made: {said}"
        )
    result, problem = _result(order)
    code = sandbox.exit_code(ended.exit_code) if layer.program else ended.exit_code
    return AttemptReport(
        exit_code=code,
        seconds=ended.seconds,
        timed_out=ended.timed_out,
        silent=ended.silent,
        exceeded=ended.exceeded,
        output_tail=ended.output_tail,
        error_tail=ended.error_tail,
        dropped=ended.dropped,
        result=result,
        result_problem=problem,
        containment=layer.name,
        uncontained="" if layer.program else layer.problem,
        refused_hosts=refused,
        cpu_seconds=ended.cpu_seconds,
        peak_memory_bytes=ended.peak_memory_bytes,
    )


def _unmade(ended: Ended) -> str:
    """What bubblewrap says, where it is all that was said: the program was never started."""
    said = (ended.output_tail + ended.error_tail).strip()
    return said[:500] if said.startswith("bwrap: ") and "\n" not in said else ""


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
