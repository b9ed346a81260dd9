"""Which fare engine an image holds: the SHA-256 of each of its sources.

The ledger prints the same list of the modules it has imported (`tornello ledger engine`); whoever
doubts that validator and ledger price by the same files compares the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

FARES = "card_layouts.fares."


def fare_hashes(modules: Iterable[str], root: Path) -> dict[str, str]:
    """Return {module: SHA-256 of its source, hex} of the fare engine's modules among `modules`."""
    found = {}
    for name in sorted(modules):
        if name.startswith(FARES):
            source = root.joinpath(*name.split(".")).with_suffix(".py")
            found[name] = hashlib.sha256(source.read_bytes()).hexdigest()
    return found
