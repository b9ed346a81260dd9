"""The keyring's process: answers on a unix socket, one request at a time.

Clients may be slow, rude or gone; none of them ends the process or holds up the others for
longer than one request. It must not know how a call is done (`calls` does). Source: D11.
"""

import os
import selectors
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend_sync.keyring.wire import (
    ANSWERED,
    FAILED,
    REFUSED,
    WireError,
    decode_frame,
    encode_frame,
    frame_size,
)
from backend_sync.ports import KeyringRefused
from backend_sync.storage.disk import RESTORE_KEYRING, in_words

CLIENTS_MAX = 16
SEND_SECONDS_MAX = 5.0  # a client that does not read its answer is dropped
READ_BYTES = 1 << 18
SOCKET_PATH_BYTES_MAX = 107  # sun_path of Linux, less the final 0

Answer = Callable[[str, Any], Any]


class SocketInUse(Exception):
    """Another keyring already answers at this path."""


class Server:
    """A listening socket and its clients."""

    def __init__(self, path: Path, answer: Answer, log: Callable[[str], None]) -> None:
        self.path = path
        self.answer = answer
        self.log = log
        self.buffers: dict[socket.socket, bytearray] = {}
        self.selector = selectors.DefaultSelector()
        self.listener = _listen(path)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def serve_once(self, wait_seconds: float) -> None:
        """Wait up to `wait_seconds` for clients and answer what they sent."""
        for key, _ in self.selector.select(wait_seconds):
            if key.fileobj is self.listener:
                self._accept()
            else:
                assert isinstance(key.fileobj, socket.socket)
                self._read(key.fileobj)

    def close(self) -> None:
        for client in list(self.buffers):
            self._drop(client)
        self.selector.unregister(self.listener)
        self.listener.close()
        self.selector.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        if len(self.buffers) >= CLIENTS_MAX:
            self.log(f"refused a client: {CLIENTS_MAX} are connected already")
            client.close()
            return
        client.settimeout(SEND_SECONDS_MAX)
        self.buffers[client] = bytearray()
        self.selector.register(client, selectors.EVENT_READ)

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(READ_BYTES)
            if not data:
                self._drop(client)
                return
            buffer = self.buffers[client]
            buffer += data
            size = frame_size(buffer)
            if size is None or len(buffer) < size:
                return
            # One request, one answer: a client that sends ahead does not know the protocol.
            if len(buffer) > size:
                raise WireError(f"{len(buffer) - size} bytes after the request")
            request = decode_frame(bytes(buffer))
            buffer.clear()
            client.sendall(self._answer(request))
        except (WireError, OSError) as error:
            self.log(f"dropped a client: {error}")
            self._drop(client)

    def _answer(self, request: Any) -> bytes:
        if not (isinstance(request, list) and len(request) == 2 and isinstance(request[0], str)):
            raise WireError("request is not [call, arguments]")
        try:
            return encode_frame([ANSWERED, self.answer(request[0], request[1])])
        except KeyringRefused as error:
            return encode_frame([REFUSED, str(error)])
        except Exception as error:  # noqa: BLE001 - this process's one border
            words = in_words(error, RESTORE_KEYRING)
            if words or isinstance(error, OSError | sqlite3.OperationalError):
                # The disk: no request is to blame, and asking again may help.
                return encode_frame([FAILED, f"{request[0]}: the keyring's disk: {words or error}"])
            # A request nobody foresaw is refused, the others go on. Only its type is told, as the
            # text could quote a key.
            self.log(f"{request[0]} ended in {type(error).__name__}")
            return encode_frame([REFUSED, f"{request[0]}: {type(error).__name__}"])

    def _drop(self, client: socket.socket) -> None:
        self.selector.unregister(client)
        del self.buffers[client]
        client.close()


def _listen(path: Path) -> socket.socket:
    """Return a socket listening at `path`, readable and writable by its owner alone.

    Raises: SocketInUse when a living process answers there; a dead one's socket is replaced.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise SocketInUse(f"{path}: longer than the {SOCKET_PATH_BYTES_MAX} bytes of a socket path")
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fspath(path))
            except OSError:
                path.unlink()
            else:
                raise SocketInUse(f"{path}: another keyring already answers there")
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    except OSError as error:
        listener.close()
        raise SocketInUse(f"{path}: cannot listen there: {error.strerror}") from None
    finally:
        os.umask(before)
    listener.listen(CLIENTS_MAX)
    return listener
