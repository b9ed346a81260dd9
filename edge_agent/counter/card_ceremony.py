"""`tornello card ceremony draw | join`: the master keys of a scheme, made by two custodians.

Each draws a component alone (`draw`); together they `join` them into the master key file, which
`tornello keyring init --masters FILE` takes. The check values are compared by voice, and kept.
"""

import argparse
from pathlib import Path

from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.key_components import (
    NOTICE,
    Component,
    check_value,
    component_text,
    draw,
    join,
    masters_text,
    parse_component,
)
from edge_agent.counter.key_files import read_key_file, write_key_file

GENERATION_MAX = 15  # four bits of the application's number (D3)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare `draw` and `join`."""
    parser.epilog = f"{NOTICE} {parser.epilog or ''}"
    steps = parser.add_subparsers(required=True, metavar="STEP", dest="step")
    alone = steps.add_parser("draw", help="one custodian, alone: a fresh component")
    alone.add_argument("file", type=Path, help="component file to write, mode 600; must not exist")
    together = steps.add_parser("join", help="all custodians: the master key file")
    together.add_argument("components", type=Path, nargs="+", help="component files, two or more")
    together.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    together.add_argument("--generation", type=int, default=1, metavar="N", help="1..15 (1)")


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Do one step. Raises: CounterError."""
    if options.step == "draw":
        component = draw(desk.entropy.random_bytes)
        write_key_file(options.file, component_text(component))
        _print_checks(f"component in {options.file}, check values:", component)
        print("Write it down or keep the file where only you can read it; never both in one place.")
        return 0
    if not 1 <= options.generation <= GENERATION_MAX:
        raise CounterError(f"--generation {options.generation}: wanted 1..{GENERATION_MAX}")
    masters = join([parse_component(read_key_file(path), str(path)) for path in options.components])
    write_key_file(options.out, masters_text(masters, options.generation))
    _print_checks(f"masters of generation {options.generation} in {options.out}:", masters)
    print(f"{NOTICE}\nNext: tornello keyring init FOLDER --masters {options.out}, then destroy it.")
    return 0


def _print_checks(title: str, keys: Component) -> None:
    print(title)
    for name, value in keys.items():
        print(f"  {name:<6} {check_value(value)}")
