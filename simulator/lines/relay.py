"""A TCP line between a program and its broker: one connection at a time, passed on by a thread."""

import socket
import threading


class Relay(threading.Thread):
    """Listens on `port` of the loopback, or at `door`, and passes on to `target` of the loopback.

    What happens on the way is `pass_on`'s; a subclass calls `start` when it is ready.
    """

    def __init__(self, target: int, door: socket.socket | None = None) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._door = door or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._over = threading.Event()

    def close(self) -> None:
        """Stop listening; what is open ends."""
        self._over.set()
        self._door.close()

    def run(self) -> None:
        """Pass connections on, one at a time: a client has one."""
        while not self._over.is_set():
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:  # the broker is away
                near.close()
                continue
            with near, far:
                self.pass_on(near, far)

    def pass_on(self, near: socket.socket, far: socket.socket) -> None:
        """Carry bytes both ways until the connection ends."""
        raise NotImplementedError
