"""The largest memory this process has had, for programs that a test starts to measure them.

Not `ru_maxrss`: that goes on from whoever started the process, so a busy pytest worker would be
measured too.
"""

import re
from pathlib import Path


def peak_kib() -> int:
    """Return the peak of resident memory since this program began, in KiB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None, status
    return int(found.group(1))
