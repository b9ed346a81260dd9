"""`tornello office ...`: pages of a ledger for authorities, operators and points of sale.

PLACE is a folder with ledger.db, keyring and tariffs, bound to a register of users (`register
bind`) or used with --register. `serve` runs until Ctrl+C or SIGTERM. Exit code 0 = done, 1 =
refused by the register, 2 = cannot be done.
"""

import argparse
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from backend_sync.api.app import add_api, make_api
from backend_sync.api.card_codes import CardCodes
from backend_sync.api.opening import open_database as open_api
from backend_sync.api.part import Parts
from backend_sync.api.tokens import TokensError
from backend_sync.backups.putting_back import refuse_unfinished
from backend_sync.clocks import SystemClock
from backend_sync.customers.population import FileRegister
from backend_sync.health.figures import figures_of
from backend_sync.health.readiness import Readiness
from backend_sync.health.watch import Watch
from backend_sync.ledger.backup import BackupError
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.log_lines import WARNING, Handler, LogLines
from backend_sync.office.app import make_app
from backend_sync.office.opening import open_database
from backend_sync.office.tills import Tills
from backend_sync.office.words import LANGUAGES, every_text, missing
from backend_sync.registers import asking
from backend_sync.registers.opening import Registers
from backend_sync.registers.opening import open_database as open_register
from backend_sync.registers.refusals import Refused
from backend_sync.shop.app import add_shop, make_shop
from backend_sync.shop.frame import Parts as ShopParts
from backend_sync.shop.opening import open_database as open_shop
from backend_sync.shop.payment import PaymentPage
from backend_sync.shop.settings import SettingsError, read_settings
from backend_sync.storage.disk import DiskRefused

SHOWN_MOST = 10
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; return its exit code."""
    options = _parser().parse_args(list(arguments))
    try:
        code: int = options.run(options)
    except Refused as error:
        print(f"{options.called}: {error}", file=sys.stderr)
        return 1
    except (PlaceError, BackupError, DiskRefused, TokensError, SettingsError, OSError) as error:
        print(f"{options.called}: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(f"{options.called}: {options.place}: {reason(error)}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello office",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    words = "serve the pages, the interfaces under /api/v1 and the shop; prints their address"
    serve = commands.add_parser(
        "serve", help=words, description=words, prog="tornello ledger serve"
    )
    serve.set_defaults(run=_serve, called="ledger serve")
    serve.add_argument("place", nargs="?", default=".", help="folder of the ledger")
    serve.add_argument("--register", default="", metavar="PLACE", help="register of users")
    serve.add_argument("--port", type=int, default=8080, help="(%(default)s; 0: any that is free)")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    words = "a proxy before it speaks TLS: the cookie goes over TLS only, --host may be any"
    serve.add_argument("--behind-tls", action="store_true", help=words)
    words = "address that may read /metrics besides this machine; more than once for several"
    serve.add_argument("--metrics-from", action="append", default=[], metavar="ADDRESS", help=words)
    words = "file of the population register, identity;municipality a line (none)"
    serve.add_argument("--population", type=Path, metavar="FILE", help=words)
    words = "count the texts of the pages by language; exit code 1 where one is missing"
    translations = commands.add_parser(
        "translations", help=words, description=words, prog="tornello ledger translations"
    )
    translations.set_defaults(run=_translations, called="ledger translations")
    words = "give a user of a point the device and clerk number that he sells under, for ever"
    till = commands.add_parser("till", help=words, description=words)
    till.set_defaults(run=_till, called="office till")
    till.add_argument("place", nargs="?", default=".", help="folder of the ledger")
    till.add_argument("--user", required=True, metavar="NAME", help="who sells")
    till.add_argument("--device", type=int, required=True, help="of the point; numbers its slips")
    till.add_argument("--clerk", type=int, required=True, help="his number in the books")
    asking.add_options(till)
    return parser


def _serve(options: argparse.Namespace) -> int:
    """Listen first: a taken port is said before anything else happens."""
    if options.host not in LOOPBACK and not options.behind_tls:
        raise OSError(f"--host {options.host}: passwords would travel in clear; put a proxy with"
                      " TLS before it and say --behind-tls")  # fmt: skip
    place, clock = Place(options.place), SystemClock()
    place.url()
    refuse_unfinished(place.folder)
    settings = read_settings(place.folder)
    register = asking.bound_to(place.folder) or options.register
    if not register:
        raise Refused(asking.NO_REGISTER)
    with (
        _listening(options.host, options.port) as listener,
        Registers(open_register(register), clock, os.urandom) as registers,
        open_database(place.folder) as database,
        open_api(place.folder) as machines,
        open_shop(place.folder) as shop,
    ):
        people = FileRegister(options.population) if options.population else None
        parts = Parts(place, registers, machines, database, clock, os.urandom, people)
        codes = CardCodes(machines, clock, os.urandom)
        pages = make_app(
            place, registers, database, clock, os.urandom, options.behind_tls, codes
        )  # fmt: skip
        payments = PaymentPage(settings) if settings else None
        sold = ShopParts(place, shop, codes, payments, clock, os.urandom, options.behind_tls,
                         registers=registers.database)  # fmt: skip
        log = LogLines(sys.stderr, clock)
        passengers = make_shop(sold, lambda words: log.say("shop", WARNING, words=words))
        api = make_api(parts, log=lambda line: None)  # each request is one line, and the watch's
        app = Watch(
            add_shop(add_api(pages, api), passengers), clock, log, os.urandom,
            Readiness(place, registers).checks, lambda: figures_of(place, clock),
            options.metrics_from,
        )  # fmt: skip
        logging.basicConfig(handlers=[Handler(log)], force=True)
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False,
                                proxy_headers=False, lifespan="off")  # fmt: skip
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"office: http://{host}:{listener.getsockname()[1]}/", flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # it has ended in order, and says so again
            uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """Return what listens there. Raises: OSError, which says what to do about it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise OSError(f"cannot listen at {host}, port {port}: {error}; end what listens there or"
                      " choose another --port") from None  # fmt: skip


def _till(options: argparse.Namespace) -> int:
    place, clock = Place(options.place), SystemClock()
    place.url()
    with asking.asker(options, place.folder, clock) as who:
        if who is None:
            raise Refused(asking.NO_REGISTER)
        user = who.registers.users.get(options.user)
        with open_database(place.folder) as database:
            till = Tills(database, clock).give(who.user, user, options.device, options.clerk)
    print(f"user {user.name} sells at {till.point} as clerk {till.clerk} of device {till.device}")
    return 0


def _translations(_options: argparse.Namespace) -> int:
    lacking = missing()
    for code, keys in lacking.items():
        rest = f": {', '.join(keys[:SHOWN_MOST])}{' ...' if keys[SHOWN_MOST:] else ''}"
        print(f"{LANGUAGES[code]:10} {len(keys)} missing{rest if keys else ''}")
    count = sum(len(keys) for keys in lacking.values())
    print(f"{len(lacking)} languages, {len(every_text())} texts, {count} missing")
    return 1 if count else 0
