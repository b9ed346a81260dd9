"""Options of commands that may take two people; `main.py` signs in who asks.

Source: X-14; registers/asking.py.
"""

import argparse
from pathlib import Path


def add_approval(parser: argparse.ArgumentParser, has_by: bool = False) -> None:
    """Add --register, --secret and --proposal, and --by where the command has none of its own."""
    words = "register of users; else the one that the ledger's folder is bound to"
    parser.add_argument("--register", default="", metavar="PLACE", help=words)
    if not has_by:
        parser.add_argument("--by", default="", metavar="NAME", help="who asks")
    parser.add_argument("--secret", type=Path, metavar="FILE", help="file: that user's secret")
    words = "what another person agreed to (tornello register propose, approve)"
    parser.add_argument("--proposal", type=int, default=0, metavar="N", help=words)
