"""A network between client and node that breaks: connections are cut after so many bytes, as a seed has it."""

import contextlib
import random
import socket
import struct
import threading
from typing import Self

_CHUNK_BYTES = 4096


class CuttingProxy:
    """Passes connections on to a node, and cuts them in the middle.

    After `cuts` of them it cuts no more, so that whatever tries again gets there in the end.
    """

    def __init__(self, port: int, seed: int, cuts: int, most_bytes: int) -> None:
        """Listen on a free port.

        Args:
            port: Of the node, on this machine.
            seed: Decides after how many bytes.
            cuts: How many are cut.
            most_bytes: A cut comes after at most so many bytes from the client.
        """
        self._port = port
        self._random = random.Random(seed)  # noqa: S311 - where a cable breaks, not a secret
        self._lock = threading.Lock()
        self._left = cuts
        self._most_bytes = most_bytes
        self.cut = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in list(self._open):
            _reset(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open |= {client, server}
                budget = self._budget()
                threading.Thread(target=self._pump, args=(client, server, budget), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    def _budget(self) -> int | None:
        """Return after how many bytes from the client the next connection is cut; None for never."""
        with self._lock:
            return self._random.randrange(1, self._most_bytes) if self._left > 0 else None

    def _pump(self, source: socket.socket, target: socket.socket, budget: int | None) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                if budget is not None and len(chunk) > budget:
                    target.sendall(chunk[:budget])
                    with self._lock:
                        self._left -= 1
                        self.cut += 1
                    break
                target.sendall(chunk)
                budget = None if budget is None else budget - len(chunk)
        _reset(source)
        _reset(target)


def _reset(one: socket.socket) -> None:
    """Close a connection as a router does that has lost it: with RST."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
    one.close()
