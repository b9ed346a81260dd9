"""Which lines of a parser a sample of cases reaches, and how many lines one case executes.

Lines stand for time: a case that executes more than its bound hangs or explodes, on any machine.
"""

import importlib
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any

from simulator.fuzzing.target import LINES_A_BYTE, MEMORY_A_BYTE, Broken, Work


class TooLong(BaseException):
    """A case executed more lines than it may; no parser catches this."""


class Lines:
    """Executable lines of functions in some modules, and those seen so far."""

    def __init__(self, modules: Sequence[str]) -> None:
        loaded = [importlib.import_module(name) for name in modules]
        self.files = {str(module.__file__) for module in loaded}
        self.all: set[tuple[str, int]] = set()
        for module in loaded:
            with open(str(module.__file__), encoding="utf-8") as file:
                code = compile(file.read(), str(module.__file__), "exec")
            self._add(code, inside=False)
        self.seen: set[tuple[str, int]] = set()
        self.count = 0
        self.most = 0

    def _add(self, code: CodeType, inside: bool) -> None:
        """Take the lines of functions; those of modules and classes ran at import."""
        if inside:
            self.all.update(
                (code.co_filename, line)
                for _start, _end, line in code.co_lines()
                if line is not None and line > code.co_firstlineno
            )
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                # A class's own body has no arguments and no locals kept fast.
                self._add(constant, inside=bool(constant.co_flags & 2))

    def reached(self) -> int:
        """Return how many of the lines were seen."""
        return len(self.seen & self.all)

    def trace(self, call: Callable[[], Any], limit: int) -> Any:
        """Return call(), its lines noted. Raises: TooLong after `limit` of them."""
        files, seen = self.files, self.seen
        self.count = 0

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                self.count += 1
                if self.count > limit:
                    raise TooLong
                name = frame.f_code.co_filename
                if name in files:
                    seen.add((name, frame.f_lineno))
            return line

        before = sys.gettrace()
        sys.settrace(line)
        try:
            return call()
        finally:
            sys.settrace(before)
            self.most = max(self.most, self.count)


def within_steps(lines: Lines, work: Work, case: bytes) -> Work:
    """Return `work` with a read that notes lines and breaks when there are too many of them."""
    limit = work.lines_max + LINES_A_BYTE * len(case)

    def read(data: bytes) -> Any:
        try:
            return lines.trace(lambda: work.read(data), limit)
        except TooLong:
            pass
        raise Broken(f"over {limit} lines executed for {len(data)} bytes")

    return _reading(work, read)


def within_memory(work: Work, case: bytes) -> Work:
    """Return `work` with a read that breaks when it allocates more at once than it may."""
    limit = work.memory_max + MEMORY_A_BYTE * len(case)

    def read(data: bytes) -> Any:
        tracemalloc.start()
        try:
            return work.read(data)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            if peak > limit:
                raise Broken(f"{peak} bytes allocated for {len(data)}, at most {limit}")

    return _reading(work, read)


def _reading(work: Work, read: Callable[[bytes], Any]) -> Work:
    return Work(read, work.refusals, work.seeds, work.operations, work.check)
