"""A child process that is stopped at each write and fsync, by ptrace, without any program.

The child is forked from here, so that a thousand of them cost no start-up, and a filter of system
calls stops it at boundaries only: the other calls, most of them, go as fast as ever. At the
boundary with a given number it is killed with SIGKILL before the call is made, or the call fails
with an error. Linux on x86-64; elsewhere it says so. Source: ptrace(2), seccomp(2); D30.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

CPU_SECONDS_MAX = 10  # of a child that usually takes less than one
# Calls that change a file or make it durable: number on x86-64 -> name.
BOUNDARIES = {
    1: "write",
    18: "pwrite64",
    20: "writev",
    74: "fsync",
    75: "fdatasync",
    76: "truncate",
    77: "ftruncate",
    82: "rename",
    87: "unlink",
    263: "unlinkat",
    264: "renameat",
    296: "pwritev",
    316: "renameat2",
    328: "pwritev2",
}
_TRACEME, _PEEKUSER, _POKEUSER, _CONT, _SETOPTIONS = 0, 3, 6, 7, 0x4200
_TRACESECCOMP, _EXITKILL = 0x80, 0x100000
_ORIG_RAX, _RAX = 15 * 8, 10 * 8
_AT_BOUNDARY = signal.SIGTRAP | 7 << 8  # PTRACE_EVENT_SECCOMP
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
# A filter's instructions: load the call's number, compare and skip, return.
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000


class KillsError(Exception):
    """The drill cannot be held here; the message says what it needs."""


class Fault(NamedTuple):
    """Boundaries first .. first + span - 1 fail with errno `error` and do nothing."""

    first: int
    span: int
    error: int


class Traced(NamedTuple):
    """How a child ended: exit code, or -signal; `names` are its boundaries in order."""

    status: int
    names: list[str]


def run_traced(
    child: Callable[[], int], kill_at: int | None = None, fault: Fault | None = None
) -> Traced:
    """Run `child` in a process of its own; return how it ended and its boundaries.

    Boundaries are numbered from 1. The child's return value is its exit code.
    """
    libc = _libc()
    pid = _fork(libc, child)
    libc.ptrace(_SETOPTIONS, pid, None, _TRACESECCOMP | _EXITKILL)
    names: list[str] = []
    sent = 0
    while True:
        libc.ptrace(_CONT, pid, None, sent)
        _, status = os.waitpid(pid, 0)
        sent = 0
        if os.WIFEXITED(status):
            return Traced(os.WEXITSTATUS(status), names)
        if os.WIFSIGNALED(status):
            return Traced(-os.WTERMSIG(status), names)
        if status >> 8 != _AT_BOUNDARY:
            sent = os.WSTOPSIG(status)
            continue
        name = BOUNDARIES[libc.ptrace(_PEEKUSER, pid, _ORIG_RAX, None)]
        names.append(name)
        if len(names) == kill_at:
            os.kill(pid, signal.SIGKILL)
            continue
        due = fault is not None and 0 <= len(names) - fault.first < fault.span
        if due and name != "write":  # those go to pipes and to the status file
            libc.ptrace(_POKEUSER, pid, _ORIG_RAX, -1)  # no call has this number: it is left out
            libc.ptrace(_POKEUSER, pid, _RAX, -fault.error if fault else 0)


def run_free(child: Callable[[], int]) -> int:
    """Run `child` in a process of its own, unwatched; return its exit code, or -signal."""
    pid = os.fork()
    if pid == 0:
        _be(child)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _fork(libc: ctypes.CDLL, child: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        if libc.ptrace(_TRACEME, 0, None, None):
            os._exit(125)
        os.kill(os.getpid(), signal.SIGSTOP)
        if not _stops_at_boundaries(libc):
            os._exit(125)
        _be(child)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSTOPPED(status):
        raise KillsError("sim kills: this machine does not allow ptrace; run it in a container")
    return pid


def _stops_at_boundaries(libc: ctypes.CDLL) -> bool:
    """Have this process stop before each boundary; say whether the kernel does so."""
    rows = [(_LOAD, 0, 0, 0)]
    rows += [(_EQUAL, len(BOUNDARIES) - i, 0, call) for i, call in enumerate(BOUNDARIES)]
    rows += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _TRACE)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = struct.pack("HxxxxxxP", len(rows), ctypes.addressof(text))
    asked = (_NO_NEW_PRIVS, 1, None), (_SECCOMP, _FILTER, program)
    return all(libc.prctl(*words, 0, 0) == 0 for words in asked)


def _be(child: Callable[[], int]) -> None:
    code = 70
    sys.dont_write_bytecode = True  # its boundaries are the program's, not those of an import
    # A child that works for ever is killed too: it ends with -SIGXCPU.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX + 1))
    try:
        code = child()
    except BaseException as error:  # noqa: BLE001 - it must not return into the parent's stack
        words = f"{type(error).__name__} {error}".splitlines()[0]
        print(f"child: {words[:200]}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise KillsError(f"sim kills: needs Linux on x86-64, this is {platform.machine()}")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, *[ctypes.c_ulong] * 2]
    return libc


ERRORS = {"full": errno.ENOSPC, "eio": errno.EIO}
