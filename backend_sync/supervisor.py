"""Tells systemd that a program is ready, still turns, and ends; elsewhere it says nothing.

A loop that hangs is then ended and begun anew (WatchdogSec of its unit). Source: sd_notify(3).
"""

import socket

ALIVE_MS = 5000  # how often it is said; units wait for minutes


class Supervisor:
    """`address` is NOTIFY_SOCKET of the environment, "" where nobody listens."""

    def __init__(self, address: str) -> None:
        self.address = "\0" + address[1:] if address.startswith("@") else address
        self.alive_ms = 0

    def ready(self) -> None:
        self._tell("READY=1")

    def alive(self, now_ms: int) -> None:
        """Say at the end of a turn that there was one; `now_ms` of a clock that never goes back."""
        if now_ms >= self.alive_ms:
            self.alive_ms = now_ms + ALIVE_MS
            self._tell("WATCHDOG=1")

    def ending(self) -> None:
        self._tell("STOPPING=1")

    def _tell(self, words: str) -> None:
        if not self.address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.sendto(words.encode(), self.address)
        except OSError:
            pass  # it notices by itself when nothing comes
