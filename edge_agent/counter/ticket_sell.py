"""`tornello ticket sell`: a single ticket sold in advance, priced by the engine of the vehicles.

PRICE -> serial -> SIGN -> row durable -> shown. The same --order is the same ticket, however often
it is said: a crash between row and paper costs nothing. Source: W-50 to W-53, W-99, D9.
"""

import argparse
from pathlib import Path
from typing import Any

from card_layouts.codec.timestamps import day_of
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.place import book_of
from card_layouts.fares.singles import Priced, price_single
from card_layouts.tickets.paper import paper_lines
from card_layouts.tickets.single import Code, pack_single
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.ticket_paper import in_terminal, write_image
from edge_agent.counter.ticket_places import minute_of_wall, party_named, zones_named
from edge_agent.counter.ticket_register import TicketRegister
from edge_agent.counter.ticket_station import (
    TicketStation,
    read_station,
    read_tariff_package,
)

PRODUCT_MAX = 1023


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    file = parser.add_argument
    file("--station", type=Path, required=True, metavar="FILE", help="the station's key file")
    file("--certificate", type=Path, required=True, metavar="FILE", help="to sell with, 30 days")
    file("--tariff", type=Path, required=True, metavar="FILE", help="the compiled package")
    file("--register", type=Path, required=True, metavar="FILE", help="what was sold; begun if new")
    file(
        "--order", required=True, metavar="ID", help="of this sale: the same ID is the same ticket"
    )
    file("--zones", required=True, metavar="A,B", help="where it is valid, by the tariff's names")
    file("--for", dest="party", default="adult=1", metavar="adult=2,child=1", help="who travels")
    file("--from", dest="first", metavar="'YYYY-MM-DD HH:MM'", help="wall clock; default now")
    file("--product", type=int, default=0, metavar="N", help="its number in the tariff, default 0")
    file("--channel", default="counter", metavar="NAME", help="whose cash it goes to")
    file("--image", type=Path, metavar="FILE", help="write the QR code as .png or .svg")
    parser.add_argument("--price", action="store_true", help="tell the price and sell nothing")


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Sell, or tell the price; 0 done. Raises: CounterError."""
    station = read_station(options.station, options.certificate)
    tariff = read_tariff_package(options.tariff)
    if options.price:
        priced = _priced(options, desk, station, tariff)[0]
        print(f"{priced.total} cents, valid {priced.minutes} minutes")
        return 0
    register = TicketRegister(options.register, station.device)
    try:
        row = register.rows.get(_sale(options))
        if row is None:
            row = _sell(options, desk, station, tariff, register)
    finally:
        register.close()
    if options.image is not None:
        write_image(row["code"], options.image)
    print("\n".join(paper_lines(tariff, Code(row["code"]).ticket)))
    print(in_terminal(row["code"]))
    print(row["code"])
    return 0


def _sell(
    options: argparse.Namespace,
    desk: Desk,
    station: TicketStation,
    tariff: Tariff,
    register: TicketRegister,
) -> dict[str, Any]:
    """Make the ticket and its row durable; return the row."""
    priced, party, minute = _priced(options, desk, station, tariff)
    day = day_of(minute * 60)
    seller = station.seller
    if not seller["from_day"] <= day <= seller["until_day"]:
        raise CounterError(
            f"{options.certificate}: holds for the UTC days {seller['from_day']} to"
            f" {seller['until_day']} since 2020, the ticket begins on {day}; get a new certificate"
        )
    values = {
        "authority": priced.authority,
        "device": station.device,
        "serial": register.next_serial,
        "certificate": seller["number"],
        "product": options.product,
        "zones": priced.zones,
        "start_zone": priced.start_zone,
        "line_only": 0,
        "from_minute": minute,
        "minutes": priced.minutes,
        "night": priced.night,
        "price": priced.total,
        "tariff": tariff.version,
    }
    for n, (group, heads) in enumerate(party):
        values[f"group{n}"], values[f"count{n}"] = group, heads
    body = pack_single(values)
    now = desk.clock.utc_seconds()
    row = {"sale": _sale(options), "code": station.code(body), "channel": options.channel}
    row["time"] = now
    register.append(row)
    return row


def _priced(
    options: argparse.Namespace, desk: Desk, station: TicketStation, tariff: Tariff
) -> tuple[Priced, list[tuple[int, int]], int]:
    """Return (what it costs, party, first minute). Raises: CounterError with the reason."""
    authority = station.seller["authority"]
    book = book_of(tariff, authority)
    if book < 0:
        raise CounterError(
            f"{options.tariff}: has no prices of authority {authority}, whose tickets"
            f" {options.certificate} lets this station sell"
        )
    if not 0 <= options.product <= PRODUCT_MAX:
        raise CounterError(f"--product {options.product}: wanted 0..{PRODUCT_MAX}")
    now = desk.clock.utc_seconds() // 60
    minute = minute_of_wall(tariff, options.first) if options.first else now
    if minute < now - 5:
        raise CounterError(f"--from {options.first}: is over; a ticket is sold for later")
    party = party_named(tariff, options.party)
    tap = i.new_tap()
    tap[i.T_SECONDS] = minute * 60
    tap[i.T_PICKED] = zones_named(tariff, book, options.zones)
    tap[i.T_BOOK] = authority
    try:
        priced = price_single(tariff, i.new_card(), tap, i.new_decision(), options.product, party)
    except (LayoutError, RangeError) as error:
        raise CounterError(f"{options.tariff}: {error}") from None
    if priced.refused:
        raise CounterError(f"no such ticket: {_why(priced)}")
    if priced.line_only:
        raise CounterError(f"product {options.product} is for one line: sold in its vehicles only")
    return priced, party, minute


def _why(priced: Priced) -> str:
    if priced.different:
        return "these riders get different zones or concessions; sell them tickets of their own"
    return {
        i.REFUSED_TARIFF: "the tariff does not hold on that day",
        i.REFUSED_NO_PRODUCT: "the tariff sells no such product to them",
        i.REFUSED_NO_PRICE: "the tariff has no price for these zones and riders",
    }.get(priced.refused, i.REFUSED_NAMES[priced.refused])


def _sale(options: argparse.Namespace) -> str:
    """Return the sale's id in the register and in the books."""
    return f"{options.channel}:{options.order}"
