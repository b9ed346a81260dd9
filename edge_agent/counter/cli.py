"""`tornello card` and `tornello ticket`: a table each, one module a command, loaded when asked for.

A command's module has `add_options(parser)` and `run(options, desk) -> exit code`.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent.counter.desk import CounterError, Desk
from edge_agent.ports import CardReader, ReaderError

# command, its module in this folder, what it does
COMMANDS = (
    ("ceremony", "card_ceremony", "two custodians make the master keys of a scheme (pilot)"),
    ("personalise", "card_personalise", "blank cards become transit cards, one after another"),
    ("read", "card_read", "what lies on the reader: UID, kind, memory, applications, balance"),
    ("dump", "card_dump", "one line a card image: balance, counter, state"),
    ("explain", "explain", "any card or image, field by field, in words and in hex"),
    ("diff", "card_diff", "what differs between two cards or images"),
    ("import", "card_import", "explain a Flipper, FareBot or Metrodroid dump; keep it as an image"),
    ("check-silicon", "silicon_check", "ask a real test card what we only believe; WIPES THE CARD"),
)
TICKET_COMMANDS = (
    (
        "sell",
        "ticket_sell",
        "sell a single ticket in advance, as text and QR code",
    ),
    ("show", "ticket_show", "what a code says, as text and as a QR code"),
    ("check", "ticket_check", "is a code, or the image of one, genuine and good here and now"),
)
EPILOG = "Exit codes: 0 done, 1 the card or file is wrong or it cannot be done, 2 wrong use."


def main(arguments: Sequence[str], desk: Desk | None = None) -> int:
    """Run one `card` command at `desk`, this machine's own if none; return the exit code."""
    return run_table("card", "Cards, on a reader or as files.", COMMANDS, arguments, desk)


def run_table(
    word: str,
    what: str,
    table: Sequence[tuple[str, str, str]],
    arguments: Sequence[str],
    desk: Desk | None,
) -> int:
    """Run one command of a table; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"tornello {word}", description=what, epilog=EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module, sentence in table:
        command = commands.add_parser(
            name,
            help=sentence,
            description=sentence[:1].upper() + sentence[1:] + ".",
            epilog=EPILOG,
        )
        command.set_defaults(module=module)
        if name in arguments[:1]:  # the options of one command need the modules of one
            importlib.import_module(f"edge_agent.counter.{module}").add_options(command)
    options = parser.parse_args(list(arguments))
    try:
        command_module = importlib.import_module(f"edge_agent.counter.{options.module}")
        return int(command_module.run(options, desk or _desk()))
    except (CounterError, ReaderError) as error:
        print(f"{word}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{word}: ended by Ctrl-C", file=sys.stderr)
        return 1


def _desk() -> Desk:
    from edge_agent.drivers.system import SystemClock, SystemEntropy

    return Desk(_open_reader, SystemClock(), SystemEntropy(), _read_image)


def _open_reader(name: str) -> CardReader:
    from edge_agent.drivers.card_readers import open_reader

    return open_reader(name)


def _read_image(path: Path) -> str:
    from edge_agent.drivers.code_images import NoCode, read_code_image

    try:
        return read_code_image(path)
    except NoCode as error:
        raise CounterError(str(error)) from None
