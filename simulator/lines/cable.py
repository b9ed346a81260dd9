"""Two network namespaces and the cable between them, which can be pulled: a real partition.

`shore` has a listening socket, `island` the program that dials it. While the cable is pulled the
kernel drops every packet and no connection is told: a dead router, not a closed socket. The
namespaces are those of two sleeping processes: they vanish with them, and the machine's own
network is not touched. Needs Linux, root, and the programs unshare, nsenter and ip.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from simulator.demo.services import end_with_parent

SHORE, ISLAND = "192.0.2.1", "192.0.2.2"  # RFC 5737: addresses nobody has
CLONE_NEWNET = 0x40000000
MADE_WITHIN_S = 150.0


class NoCable(Exception):
    """Namespaces cannot be made here; the message says why."""


class Cable:
    """One cable, plugged in. `pulls` counts how often it was pulled."""

    def __init__(self) -> None:
        missing = [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]
        if missing or os.geteuid():
            raise NoCable(f"needs {' and '.join(missing) or 'root'}, for network namespaces")
        self.pulls = 0
        self._sleepers = [_sleeper(), _sleeper()]
        try:
            shore, island = self._sleepers
            _run(shore, "ip link add shore type veth peer name island netns", str(island.pid))
            for end, name, address in ((shore, "shore", SHORE), (island, "island", ISLAND)):
                _run(end, "ip address add", f"{address}/30", "dev", name)
                _run(end, "ip link set", name, "up")
                _run(end, "ip link set lo up")
        except NoCable:
            self.close()
            raise

    @property
    def on_island(self) -> list[str]:
        """What stands before a command that is to run on the island; its process id stays."""
        return _entered(self._sleepers[1])

    def listen(self) -> socket.socket:
        """Return a listening socket of the shore's: a socket stays where it was made."""
        libc = ctypes.CDLL(None, use_errno=True)
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(f"/proc/{self._sleepers[0].pid}/ns/net", os.O_RDONLY)
        try:
            if libc.setns(theirs, CLONE_NEWNET):
                raise NoCable(f"setns: {os.strerror(ctypes.get_errno())}")
            try:
                return socket.create_server((SHORE, 0))
            finally:
                libc.setns(ours, CLONE_NEWNET)
        finally:
            os.close(ours)
            os.close(theirs)

    def pull(self) -> None:
        """Drop every packet from now on."""
        self.pulls += 1
        _run(self._sleepers[0], "ip link set shore down")

    def plug(self) -> None:
        """Let packets through again."""
        _run(self._sleepers[0], "ip link set shore up")

    def close(self) -> None:
        """Let both namespaces go."""
        for sleeper in self._sleepers:
            sleeper.kill()
            sleeper.wait()


def _sleeper() -> "subprocess.Popen[bytes]":
    """Start a process that sleeps in a namespace of its own."""
    command = ["unshare", "--net", "sleep", "infinity"]
    sleeper = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=end_with_parent)
    ours, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + MADE_WITHIN_S
    while sleeper.poll() is None and time.monotonic() < deadline:
        if Path(f"/proc/{sleeper.pid}/ns/net").readlink() != ours:
            return sleeper
        time.sleep(0.005)
    said = sleeper.stderr.read().decode() if sleeper.poll() and sleeper.stderr else "it hangs"
    sleeper.kill()
    raise NoCable(f"network namespaces are not allowed here: {said.strip()}")


def _entered(sleeper: "subprocess.Popen[bytes]") -> list[str]:
    return ["nsenter", f"--net=/proc/{sleeper.pid}/ns/net", "--"]


def _run(sleeper: "subprocess.Popen[bytes]", words: str, *more: str) -> None:
    command = [*_entered(sleeper), *words.split(), *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NoCable(f"{' '.join(command[3:])}: {done.stderr.strip()}")
