"""One undisturbed run of a drill's child, for strace: `python -m simulator.kills.counted NAME DIR`.

Prints the process id of the child, whose calls are those to count.
"""

import os
import sys
from pathlib import Path

from simulator.kills.drill import DRILLS


def main(name: str, folder: Path) -> int:
    """Fork the child, print its id, return how it ended."""
    state = DRILLS[name](folder).fresh(folder / "counted")
    child = state.child
    sys.dont_write_bytecode = True  # as in tracing
    pid = os.fork()
    if pid == 0:
        os._exit(child())
    _, status = os.waitpid(pid, 0)
    print(pid)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
