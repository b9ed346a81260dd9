"""The smallest heap the validator works in, measured on the real MicroPython.

The truth is a bisection over `-X heapsize` with boot and whole taps on simulated parts. Those are
the simulator's, which firmware must not know: it is asked as a program.
Source: micropython.md section 5.
"""

from __future__ import annotations

import subprocess
import sys

from firmware.tools.build_image import ROOT, ImageError

SIMULATOR = "simulator.bench.workbench"


def smallest_heap_kib() -> int:
    """Return the heap in KiB beside the image. Raises: ImageError if it cannot be measured."""
    command = [sys.executable, "-m", SIMULATOR]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip().isdigit():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ImageError(f"heap: {SIMULATOR} ended badly: {said[-1] if said else 'no word'}")
    return int(done.stdout)
