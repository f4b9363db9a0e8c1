"""Runs inside a sandbox without a network: leads one port of its loopback to the proxy's socket.

    python -I -S forward.py SOCKET PORT PROGRAM ARGUMENT...

Listens before the program starts, then becomes it, and serves from a child that ends with the
sandbox. Of the standard library alone, because nothing else of ours is seen there.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading

CHUNK = 65_536


def main(argv: list[str]) -> None:
    path, port, *program = argv
    listening = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    if os.fork():
        listening.close()
        os.execvp(program[0], program)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=lead, args=(connection, path), daemon=True).start()


def lead(here: socket.socket, path: str) -> None:
    """Pass on both ways until both have said their last."""
    with here, socket.socket(socket.AF_UNIX) as there:
        try:
            there.connect(path)
            both = {here: there, there: here}
            left = dict(both)
            while left:
                for side in select.select(tuple(left), (), ())[0]:
                    part = side.recv(CHUNK)
                    if part:
                        both[side].sendall(part)
                    else:
                        both[side].shutdown(socket.SHUT_WR)
                        del left[side]
        except OSError:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
