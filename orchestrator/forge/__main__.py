"""Serves a forge on a port of this machine until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from orchestrator.forge import seed, server
from orchestrator.forge.state import Settings

TICK_SECONDS = 0.1


class Quiet(WSGIRequestHandler):
    """Keeps connections open between requests, and writes no line for each of them."""

    protocol_version = "HTTP/1.1"
    # Without this every small answer waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without the machine's own Date: the forge has said what time it is for it."""
        self.send_response_only(code, message)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    usual = Settings()
    parser = argparse.ArgumentParser(prog="python -m orchestrator.forge", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=Path, help="YAML, applied once to an empty forge")
    parser.add_argument("--port-file", type=Path, help="written when the forge listens")
    parser.add_argument("--mergeable-delay", type=float, default=usual.mergeable_delay)
    parser.add_argument("--ci-slots", type=int, default=usual.ci_slots)
    parser.add_argument("--ci-flaky", type=float, default=usual.ci_flaky)
    parser.add_argument("--ci-seed", type=int, default=usual.ci_seed)
    parser.add_argument("--rate-limit", type=int, default=usual.rest_limit)
    return parser.parse_args(argv)


def write_port(path: Path, port: int) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(f"{port}\n")
    os.replace(part, path)


def keep_time(forge: server.Forge, stop: threading.Event) -> None:
    while not stop.wait(TICK_SECONDS):
        forge.tick()


def listen(forge: server.Forge, host: str, port: int) -> BaseWSGIServer:
    return make_server(host, port, forge.wsgi, threaded=True, request_handler=Quiet)


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    settings = Settings(
        mergeable_delay=asked.mergeable_delay, ci_slots=asked.ci_slots,
        ci_flaky=asked.ci_flaky, ci_seed=asked.ci_seed,
        rest_limit=asked.rate_limit, graphql_limit=asked.rate_limit,
    )
    forge = server.build(asked.data, settings=settings)
    try:
        if asked.seed:
            seed.apply(forge.state, seed.load(asked.seed), asked.seed.resolve().parent)
    except seed.SeedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    listener = listen(forge, asked.host, asked.port)
    stop = threading.Event()
    clock = threading.Thread(target=keep_time, args=(forge, stop), daemon=True)
    clock.start()

    def leave(*_: object) -> None:
        # shutdown waits for the serving loop, which this very handler interrupted.
        threading.Thread(target=listener.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    if asked.port_file:
        write_port(asked.port_file, listener.server_port)
    sys.stdout.write(f"forge listening on http://{asked.host}:{listener.server_port}\n")
    sys.stdout.flush()
    listener.serve_forever()
    stop.set()
    clock.join()
    forge.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
