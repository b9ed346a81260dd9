"""`tornello tariff COMMAND`: check, compile, sign, explain, diff, import and export tariffs.

Exit codes: 0 done, nothing found; 1 findings, or it cannot be done; 2 wrong use.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from backend_sync.tariffs.commands.failure import CommandFailed
from backend_sync.tariffs.commands.output import print_findings
from backend_sync.tariffs.compile import TariffError
from backend_sync.tariffs.gtfs import GtfsError
from backend_sync.tariffs.source import TariffFault
from card_layouts.errors import LayoutError, RangeError

# name: module with HELP, add_options(parser) and run(options) -> exit code
COMMANDS = {
    "check": "backend_sync.tariffs.commands.check",
    "compile": "backend_sync.tariffs.commands.compile",
    "sign": "backend_sync.tariffs.commands.sign",
    "table": "backend_sync.tariffs.commands.table",
    "explain": "backend_sync.tariffs.commands.explain",
    "diff": "backend_sync.tariffs.commands.diff",
    "whatif": "backend_sync.tariffs.commands.whatif",
    "import": "backend_sync.tariffs.import_fares",
    "export": "backend_sync.tariffs.export",
}
EXIT_CODES = "exit codes: 0 done, nothing found; 1 findings, or it cannot be done; 2 wrong use"


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    options = parser().parse_args(list(arguments))
    try:
        code: int = options.run(options)
    except TariffFault as fault:
        print_findings(fault.findings)
        return 1
    except (CommandFailed, TariffError, GtfsError, LayoutError, RangeError) as error:
        print(f"tornello tariff: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has read enough
        return 0
    except OSError as error:
        print(f"tornello tariff: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser with every command of the table."""
    top = argparse.ArgumentParser(
        prog="tornello tariff",
        description="An authority's tariff: check it, explain it, compile it, compare it.",
        epilog=EXIT_CODES,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, path in COMMANDS.items():
        module = importlib.import_module(path)
        command = commands.add_parser(
            name, help=module.HELP, description=module.HELP, epilog=EXIT_CODES
        )
        module.add_options(command)
        command.set_defaults(run=module.run, parser=command)
    return top
