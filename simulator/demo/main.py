"""`tornello demo`: a whole system on this machine, and a week of taps in a minute.

Brings up broker, keyring, ledger and edge as processes, validators as MicroPython processes, an
issuing office and its cards; plays a plan of passengers on them (`passengers.py`), docks the
validators at night, and ends with the reconciled ledger and one sentence about the money.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ports import KeyringError
from backend_sync.tariffs.gtfs import GtfsError
from backend_sync.tariffs.source import TariffFault
from edge_agent.counter.card_image import CardImageError
from simulator.boards.board_process import BoardFailed
from simulator.boards.world import WorldStuck
from simulator.demo import passengers
from simulator.demo import system as demo_system
from simulator.demo.faults import Asked, Faults
from simulator.demo.files import DemoError, DemoFiles, Settings
from simulator.demo.run import Demo
from simulator.demo.services import ServiceError
from simulator.demo.show import Show
from simulator.desfire_card import ImageError
from simulator.stories import main as stories

PLANTS = (
    "drop-one-entry",
    "post-twice",
    demo_system.ONE_CENT_MORE,
    demo_system.PURSE_BESIDE_PASS,
    "forged-acks",
)


def main(arguments: Sequence[str]) -> int:
    """Run one demo; return 0 when every cent is where it belongs, 1 when not, 2 for wrong use."""
    if (story := stories.named(arguments)) is not None:
        return stories.tell(*story)
    options = _parser().parse_args(list(arguments))
    show = Show(json_only=options.json, quiet=options.headless, trace=options.trace)
    try:
        if options.keep is not None:
            return _run(options, options.keep, show)
        if options.resume:
            raise DemoError("--resume goes on with a demo that was kept: name it with --keep DIR")
        with tempfile.TemporaryDirectory(prefix="tornello-demo-") as folder:
            return _run(options, Path(folder), show)
    except (
        DemoError,
        passengers.PlanError,
        CardImageError,
        GtfsError,
        ImageError,
        KeyFileError,
        KeyringError,
        TariffFault,
        ServiceError,
        BoardFailed,
        WorldStuck,
    ) as error:
        show.failed(str(error))
        return 1
    except KeyboardInterrupt:
        show.failed("stopped; a demo started with --keep DIR goes on with --resume")
        return 130
    except ModuleNotFoundError as error:
        show.failed(
            f"the Python module {error.name} is missing; start the demo with ./tornello demo"
        )
        return 1


def _run(options: argparse.Namespace, folder: Path, show: Show) -> int:
    files = DemoFiles(folder.resolve())
    if options.resume:
        settings, progress = files.load()
    else:
        settings = Settings(
            options.seed,
            options.taps,
            max(options.taps // 10, 10) if options.cards is None else options.cards,
            options.validators,
            options.gtfs,
            not options.no_last_taps,
            options.plant or "",
        )
        # Nothing is written for a demo that cannot be played.
        demo_system.draw_plan(settings, demo_system.read_network(settings))
        files.create(settings)
        settings, progress = files.load()
    files.lock()
    asked = Asked(options.bad_line, options.kill_broker, options.partition, options.broker)
    demo = Demo(files, settings, progress, show, Faults(asked))
    try:
        demo.start()
        demo.play()
        result = demo.finish()
    finally:
        demo.stop()
    show.result(result, with_cards=options.card_list)
    if options.json:
        print(json.dumps(result, indent=1, sort_keys=True))
    return 0 if result["ok"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello demo",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Exit codes: 0 reconciled, 1 not reconciled or cannot run, 2 wrong use.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed plays the same week (1)")
    parser.add_argument(
        stories.OPTION,
        metavar="NAME",
        help=f"tell a story instead: {', '.join(stories.STORIES)}; each has its own --help",
    )
    parser.add_argument("--taps", type=int, default=500, help="presentations of a card (500)")
    parser.add_argument(
        "--cards", type=int, default=None, help="cards issued (a tenth of the taps)"
    )
    parser.add_argument(
        "--validators",
        type=int,
        default=3,
        help="MicroPython processes; with 3 or more the last is the ferry's (3)",
    )
    parser.add_argument(
        "--gtfs",
        default="",
        metavar="FILE",
        help="a GTFS zip or folder instead of the small town shipped with it",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="leave card images, journals, databases and pids.json in DIR",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the demo kept in DIR")
    parser.add_argument("--headless", action="store_true", help="do not print each tap")
    parser.add_argument("--json", action="store_true", help="end with the result as JSON")
    parser.add_argument(
        "--trace",
        action="store_true",
        help="print when each intent is durable and when its commit is sent",
    )
    parser.add_argument("--card-list", action="store_true", help="end with a line for every card")
    parser.add_argument(
        "--no-last-taps",
        action="store_true",
        help="leave the torn cards away: their intents stay open, and are counted",
    )
    parser.add_argument("--plant", choices=PLANTS, help="plant a fault, to see that it is found")
    _add_faults(parser)
    return parser


def _add_faults(parser: argparse.ArgumentParser) -> None:
    faults = parser.add_argument_group(
        "faults", "What was injected is counted at the end; the books must agree all the same."
    )
    faults.add_argument(
        "--bad-line",
        type=_number,
        default=0,
        metavar="SEED",
        help="edge and ledger reach the broker by lines that lose, double and delay messages and"
        " are cut in the middle of them",
    )
    faults.add_argument(
        "--kill-broker",
        type=_number,
        default=0,
        metavar="N",
        help="kill the broker (SIGKILL) so many times while messages are on their way",
    )
    faults.add_argument(
        "--partition",
        type=_number,
        default=0,
        metavar="N",
        help="the edge lives in a network namespace whose cable is pulled so many times (root)",
    )
    faults.add_argument(
        "--broker",
        choices=demo_system.BROKERS,
        default=demo_system.IOTCORE,
        help="the broker that pip installs, or mosquitto (%(default)s)",
    )


def _number(text: str) -> int:
    if not text.isdigit() or int(text) > 1000:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 0 to 1000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
