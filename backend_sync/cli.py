"""The backend's commands: one table from a name to the module that does it."""

import importlib
import sys
from collections.abc import Sequence

# name: (module with main(arguments) -> exit code, what it does). Modules load when they are asked.
COMMANDS = {
    "serve": ("backend_sync.app", "post what edges send until SIGTERM: serve --config ledger.toml"),
    "keyring": ("backend_sync.keyring.main", "keys and card numbers: init, serve, provision ..."),
    "customers": ("backend_sync.customers.main", "who people are: add, show, link-card, erase ..."),
    "links": ("backend_sync.links.main", "audited questions about a handle: ask, audit, verify"),
    "ledger": ("backend_sync.ledger.main", "reports on the ledger"),
    "sales": ("backend_sync.sales.main", "cash-up of clerks and drivers; evidence"),
    "register": ("backend_sync.registers.main", "cards and users: deliver, move, user, trail ..."),
    "office": ("backend_sync.office.main", "pages of the ledger in a browser: serve, till"),
    "report": ("backend_sync.reports.main", "figures as text, PDF, Excel: list, run, saved ..."),
    "api": ("backend_sync.api.main", "interfaces for machines: key, openapi, publish"),
    "shop": ("backend_sync.shop.main", "the passengers' web shop: set-up, reconcile"),
    "operating": ("backend_sync.operating.main", "stops, routes, timetables: add, list, undo ..."),
    "settlement": ("backend_sync.settlement.main", "close service days; statements, files"),
    "tariff": ("backend_sync.tariffs.main", "compile a tariff over a GTFS feed"),
    "deploy": ("backend_sync.deploy.main", "machines: certificates, the database's rights"),
}


def main(arguments: Sequence[str]) -> int:
    """Run `arguments[0]` with the rest; return its exit code, 2 for an unknown command."""
    if not arguments or arguments[0] not in COMMANDS:
        for name, (_, sentence) in COMMANDS.items():
            print(f"  {name:10} {sentence}", file=sys.stderr)
        return 2
    module = importlib.import_module(COMMANDS[arguments[0]][0])
    code: int = module.main(arguments[1:])
    return code
