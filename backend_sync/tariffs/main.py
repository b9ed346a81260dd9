"""`tornello tariff COMMAND`: check, compile, sign, explain, diff, import and export tariffs.

Exit codes: 0 done, nothing found; 1 findings, or it cannot be done; 2 wrong use: an option that
makes no sense, or that names what the tariff or feed has not.
"""

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence

from backend_sync.clocks import SystemClock
from backend_sync.tariffs.commands.failure import CommandFailed, WrongUse
from backend_sync.tariffs.commands.output import print_findings
from backend_sync.tariffs.gtfs import GtfsError
from backend_sync.tariffs.source import TariffFault
from card_layouts.errors import LayoutError, RangeError

# name: (module with add_options(parser) and run(options) -> exit code, what it does). A module is
# loaded when it is asked for.
COMMANDS = {
    "check": ("backend_sync.tariffs.commands.check", "find what is wrong: the 31 rules"),
    "compile": ("backend_sync.tariffs.commands.compile", "write the body every engine prices by"),
    "sign": ("backend_sync.tariffs.commands.sign", "sign a body's manifest (pilot key file)"),
    "table": ("backend_sync.tariffs.commands.table", "every price, to check against print"),
    "explain": ("backend_sync.tariffs.commands.explain", "what a card would pay, and why"),
    "diff": ("backend_sync.tariffs.commands.diff", "what changes for whom; 1 when anything does"),
    "whatif": ("backend_sync.tariffs.commands.whatif", "recorded taps under another tariff"),
    "import": ("backend_sync.tariffs.import_fares", "draft a tariff from a feed's GTFS fares"),
    "export": ("backend_sync.tariffs.export", "write it as GTFS Fares v2 or a NeTEx subset"),
}
EXIT_CODES = "exit codes: 0 done, nothing found; 1 findings, or it cannot be done; 2 wrong use"


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    options = parser(next(iter(arguments), "")).parse_args(list(arguments))
    try:
        code: int = options.run(options)
    except TariffFault as fault:
        print_findings(fault.path, fault.findings)
        return 1
    except WrongUse as error:
        print(f"{options.parser.prog}: {error}", file=sys.stderr)
        return 2
    except (CommandFailed, GtfsError, LayoutError, RangeError) as error:
        print(f"tornello tariff: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tornello tariff: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return code


def parser(asked: str = "") -> argparse.ArgumentParser:
    """Return the parser: every command by name, the options of the one that was asked."""
    top = argparse.ArgumentParser(
        prog="tornello tariff",
        description="An authority's tariff: check it, explain it, compile it, compare it.",
        epilog=EXIT_CODES,
    )
    near = difflib.get_close_matches(asked, COMMANDS, n=1)
    if asked and asked[0] != "-" and asked not in COMMANDS:
        top.error(f"no command {asked!r}" + (f"; did you mean {near[0]}?" if near else ""))
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, (path, sentence) in COMMANDS.items():
        if name != asked:
            commands.add_parser(name, help=sentence)
            continue
        module = importlib.import_module(path)
        command = commands.add_parser(
            name,
            help=sentence,
            description=module.__doc__,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_options(command)
        command.set_defaults(run=module.run, parser=command, clock=SystemClock())
    return top
