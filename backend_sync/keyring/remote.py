"""The keyring port over its process's unix socket.

Every call may be repeated without harm (signing and opening are pure, registering the same card
again changes nothing), so a connection lost in the middle is simply asked again: a keyring that
is killed and started anew loses nothing. Source: decisions D11; the issue's "kill -9 of keyring".
"""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backend_sync.keyring.wire import (
    ANSWERED,
    LENGTH_BYTES,
    REFUSED,
    WireError,
    decode_frame,
    encode_frame,
    frame_size,
)
from backend_sync.ports import (
    KeyringAbsent,
    KeyringError,
    KeyringRefused,
    Opened,
    Question,
    Run,
)

READ_BYTES = 1 << 18
ANSWER_SECONDS_MAX = 60.0


class RemoteKeyring:
    """Five calls, each tried `attempts` times with `pause_seconds` between them."""

    def __init__(
        self,
        path: Path | str,
        attempts: int = 5,
        pause_seconds: float = 0.2,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = os.fspath(path)
        self.attempts = attempts
        self.pause_seconds = pause_seconds
        self.pause = pause
        self.connection: socket.socket | None = None

    def unseal(self, runs: Sequence[Run]) -> list[Opened]:
        return [Opened._make(row) for row in self._ask("unseal", runs)]

    def pseudonyms(self, cards: Sequence[bytes]) -> list[bytes]:
        return list(self._ask("pseudonyms", cards))

    def recompute(self, questions: Sequence[Question]) -> list[list[bytes]]:
        return list(self._ask("recompute", questions))

    def assemble(self, kind: str, request: Mapping[str, Any]) -> Any:
        return self._ask("assemble", [kind, dict(request)])

    def sign(self, kind: str, items: Sequence[Any]) -> list[bytes]:
        return list(self._ask("sign", [kind, items]))

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _ask(self, call: str, arguments: Any) -> Any:
        frame = encode_frame([call, arguments])
        for attempt in range(self.attempts):
            if attempt:
                self.pause(self.pause_seconds)
            try:
                code, result = self._exchange(frame)
            except (OSError, WireError) as error:
                self.close()
                reason = error
                continue
            if code == ANSWERED:
                return result
            if code == REFUSED:
                raise KeyringRefused(str(result))
            raise KeyringError(str(result))
        raise KeyringAbsent(
            f"{self.path}: no keyring answers ({reason}), tried {self.attempts} times"
        )

    def _exchange(self, frame: bytes) -> tuple[int, Any]:
        if self.connection is None:
            self.connection = socket.socket(socket.AF_UNIX)
            self.connection.settimeout(ANSWER_SECONDS_MAX)
            self.connection.connect(self.path)
        self.connection.sendall(frame)
        answer = decode_frame(_read_frame(self.connection))
        if not (isinstance(answer, list) and len(answer) == 2):
            raise WireError("answer is not [code, result]")
        return answer[0], answer[1]


def _read_frame(connection: socket.socket) -> bytes:
    buffer = bytearray()
    size: int | None = LENGTH_BYTES
    while size is None or len(buffer) < size:
        data = connection.recv(READ_BYTES)
        if not data:
            raise WireError(f"connection closed after {len(buffer)} bytes of an answer")
        buffer += data
        size = frame_size(buffer)
    return bytes(buffer)
