"""A payment provider to click through: pay or cancel what the web shop asks for; no money moves.

It reads the key that the shop signs with, as `tornello shop set-up` made it. Its list of payments
is at /payments.csv, and / gives payments back. Runs until Ctrl-C.
"""

import argparse
import secrets
import sys
import time
from pathlib import Path

from simulator.payment_provider import Provider


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this part takes."""
    parser.add_argument("--key", type=Path, required=True, metavar="FILE",
                        help="shop.key of the shop's folder")  # fmt: skip
    parser.add_argument("--port", type=int, default=8081, help="(%(default)s; 0: any)")


def run(options: argparse.Namespace) -> int:
    """Serve; return 2 when the key cannot be read, or nothing can listen at the port."""
    try:
        key = bytes.fromhex(options.key.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        print(f"sim pay: {options.key}: {error}; wanted a key in hex", file=sys.stderr)
        return 2
    try:
        provider = Provider(key, lambda: int(time.time()), lambda: f"sim-{secrets.token_hex(8)}",
                            options.port)  # fmt: skip
    except (OSError, OverflowError) as error:
        print(f"sim pay: --port {options.port}: {error}; choose another", file=sys.stderr)
        return 2
    print(f"payments: {provider.url}/pay", flush=True)
    try:
        provider.serve()
    finally:
        provider.server.server_close()
    return 0
