"""The tourists of a demo: a few tickets sold beforehand, kept in files as the cards are.

A ticket is paid when it is sold, so no tap of it moves money; its sale reaches the ledger with
those of the loads. Source: card.md section 6.
"""

import json
from typing import Any

from backend_sync.ledger.tickets import TicketSale
from card_layouts.cards.tourist_sale import recipe_of
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.cards.zones import ZONES_ALL
from simulator.demo.files import DemoFiles
from simulator.demo.passengers import TICKETS
from simulator.prng import Prng
from simulator.ultralight_c import FileStorage, UltralightC
from simulator.worlds.ticket_world import Station

SALES = "ticket_sales.json"
FIRST_UID = 0x04AA00BB00CC00
PRODUCT, DAYS, PRICE_CENTS = 8, 7, 1600  # the tariff's tourist ticket: it says how it is taxed
DAY_S = 86_400


def sell_tickets(files: DemoFiles, office: dict[str, Any], prng: Prng, now_s: int) -> None:
    """Make the tickets of the demo at the office; leave their sales for the ledger."""
    master = office["card_keys"][office["generation"]]["TICKET"]
    day = now_s // DAY_S
    header = {
        "authority": office["authority"],
        "product": PRODUCT,
        "days": DAYS,
        "zones": ZONES_ALL,
        "sold": day,
        "activate_by": day + 365,
        "price": PRICE_CENTS,
    }
    sales = []
    for number in range(TICKETS):
        uid = (FIRST_UID + number).to_bytes(7, "big")
        storage = FileStorage(files.ticket(number))
        card = UltralightC.blank(uid, prng.fork(f"ticket {number}").bytes, storage)
        recipe = recipe_of(ticket_keys(master, uid), uid, header, office["device"])
        Station(card).sell(recipe)
        row = {"uid": uid.hex(), "header": recipe.header.hex(), "channel": "office"}
        sales.append({"sale_id": f"demo-ticket-{number + 1}", **row, "time": now_s})
    (files / SALES).write_text(json.dumps(sales, indent=1))


def read_tickets(files: DemoFiles, prng: Prng) -> list[UltralightC]:
    """Return the tickets as their files have them."""
    tickets = []
    for number in range(TICKETS):
        storage = FileStorage(files.ticket(number))
        chance = prng.fork(f"ticket {number}").bytes
        tickets.append(UltralightC(storage.load(), chance, storage))
    return tickets


def ticket_sales(files: DemoFiles) -> list[TicketSale]:
    """Return the sales as the ledger takes them."""
    return [
        TicketSale(
            row["sale_id"],
            bytes.fromhex(row["uid"]),
            bytes.fromhex(row["header"]),
            row["channel"],
            row["time"],
        )
        for row in json.loads((files / SALES).read_text())
    ]
