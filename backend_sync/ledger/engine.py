"""Which fare engine this ledger prices with: the SHA-256 of each module it has imported.

A validator's image prints the same list (`tornello firmware image`); an auditor compares the two.
"""

import hashlib
import sys
from pathlib import Path

FARES = "card_layouts.fares."


def fare_hashes() -> dict[str, str]:
    """Return {module: SHA-256 of its source, hex} of the fare modules that are imported now."""
    return {
        name: hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
        for name, module in sorted(sys.modules.items())
        if name.startswith(FARES) and module.__file__
    }
