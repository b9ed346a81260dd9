"""`tornello sales products PLACE`: what a point of sale may sell, and for how much (W-107)."""

import argparse
import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from backend_sync.catalogue import ARCHIVE, TARIFF_FILES, CatalogueError, read_tariff
from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table
from backend_sync.ports import Clock
from backend_sync.registers.asking import number
from backend_sync.sales.offered import NotOffered, Offer, coming, in_force
from card_layouts.codec.timestamps import to_unix
from card_layouts.fares.clock import service_day
from card_layouts.fares.mounted import Tariff

FIRST_DAY = date(2020, 1, 1).toordinal()
Answer = tuple[int, Any, list[str]]


def add_commands(groups: Any, clock: Clock) -> None:
    """Add `products`."""
    words = "products and prices, load limits and the card's fee, of the tariff in force; then"
    words += " tariffs that are not in force yet with their first day. Exit 1: none is in force"
    sub = groups.add_parser("products", help="products and prices out (W-107)", description=words)
    sub.set_defaults(run=_products, clock=clock, what="products")
    sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
    sub.add_argument("--channel", default="", help="only what it sells: counter, driver, web ...")
    sub.add_argument("--on", default="", metavar="DAY", help="service day, 2026-06-01 (today)")
    sub.add_argument("--authority", type=number, default=0, help="whose tariff (every one that is)")
    sub.add_argument("--json", action="store_true", help="as JSON: every price")


def _products(options: argparse.Namespace) -> Answer:
    known = bodies(Place(options.place).tariffs)
    if not known:
        raise NotOffered(f"{Place(options.place).tariffs}: no tariff is published there")
    tariffs = {key: tariff for key, (tariff, _) in known.items()}
    wanted = options.authority
    areas = sorted({area for area, _ in tariffs if wanted in (0, area)})
    if not areas:
        raise NotOffered(f"authority {options.authority} has published no tariff")
    found, lines, lacking = [], list[str](), False
    for area in areas:
        day = _day(options, tariffs[max(key for key in tariffs if key[0] == area)])
        now = in_force(tariffs, area, day)
        lacking |= now is None
        for tariff in [*([now] if now else []), *coming(tariffs, area, day)]:
            # What is not in force yet is taxed as on its first day.
            offer = Offer(tariff, max(day, tariff.valid_from))
            said = offer.said(options.channel)
            said["in_force"] = tariff is now
            if options.channel and options.channel not in offer.channels():
                raise NotOffered(
                    f"channel {options.channel!r}: authority {area} names"
                    f" {', '.join(offer.channels()) or 'none'}"
                )
            said["sha256"] = known[area, tariff.version][1]
            said |= {name: _text(said[name]) for name in ("valid_from", "valid_to")}
            found.append(said)
            lines += _lines(said)
    return int(lacking), found, lines or ["no tariff is in force or to come"]


def bodies(folder: Path) -> dict[tuple[int, int], tuple[Tariff, str]]:
    """Return {(authority, version): (tariff, SHA-256 of its body)}; the manifest signs that."""
    found = {}
    archived = sorted((folder / ARCHIVE).glob(TARIFF_FILES))
    for path in [*archived, *sorted(folder.glob(TARIFF_FILES))]:
        body = path.read_bytes()
        try:
            tariff = read_tariff(path.name, body)
        except CatalogueError:
            continue  # the publisher names it; it is published nowhere
        found[tariff.authority, tariff.version] = tariff, hashlib.sha256(body).hexdigest()
    return found


def _day(options: argparse.Namespace, tariff: Tariff) -> int:
    if not options.on:
        return int(service_day(tariff, options.clock.utc_seconds()))
    try:
        return date.fromisoformat(options.on).toordinal() - FIRST_DAY
    except ValueError:
        raise NotOffered(f"--on {options.on!r}: wanted a day such as 2026-06-01") from None


def _lines(said: dict[str, Any]) -> list[str]:
    names = {group["group"]: group["name"] for group in said["groups"]}
    state = "in force" if said["in_force"] else f"from {said['valid_from']} on"
    lines = [
        f"authority {said['authority']}, tariff {said['version']}, {state}, to {said['valid_to']};"
        f" SHA-256 {said['sha256']}",
        f"card: fee {_euros(said['card']['fee_cents'])},"
        f" deposit {_euros(said['card']['deposit_cents'])}",
    ]
    for load in said["loads"]:
        whose = ", ".join(names.get(group, str(group)) for group in load["groups"])
        lines.append(
            f"load, {load['channel']}: {_euros(load['least_cents'])} to"
            f" {_euros(load['most_cents'])}, steps of {_euros(load['step_cents'])} ({whose})"
        )
    for product in said["products"]:
        vat = product["vat"]
        tax = f", VAT {vat['code']} {vat['permille'] / 10:g} %" if vat else ""
        grant = ", granted" if product["granted"] else ""
        lines.append(f"{product['product']} {product['name']}: {product['kind']}{grant}{tax}")
        rows = [
            ("+".join(p["zones"]), names.get(p["group"], p["group"]), p["length"] or "-",
             "always" if p["window"] < 0 else f"window {p['window']}", _euros(p["cents"]))
            for p in product["prices"]
        ]  # fmt: skip
        lines += table(("zones", "group", "length", "when", "price"), rows) if rows else []
    return [*lines, ""]


def _text(day: int) -> str:
    return datetime.fromtimestamp(to_unix(day * 86_400), UTC).date().isoformat()


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
