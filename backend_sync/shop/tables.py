"""The tables of `shop.db`: who proved which card, what was ordered, what was paid for it.

A card is its account number; no printed number, no name and no way of paying stands here. The money
itself stands in the ledger alone. Source: W-142, W-143; D11.
"""

from sqlalchemy import Column, Index, MetaData, String, Table, UniqueConstraint

from backend_sync.storage.columns import NAMES, id_column, number_column, word_column

# Not the ledger's metadata: no table of the shop stands in the ledger's database.
metadata = MetaData(naming_convention=NAMES)

visits = Table(
    "visits",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    number_column("card"),  # account number
    number_column("ends"),  # s since 2020
    Index(None, "ends"),
)

orders = Table(
    "orders",
    metadata,
    id_column(),
    word_column("ref", 32),  # random: its name in addresses and at the provider
    word_column("key", 64),  # of the card's form: sent again, it is one order
    number_column("card"),
    number_column("area"),  # the card's issuer
    word_column("name", 200),  # of the product, with its zones; "" = a load
    number_column("cents"),
    number_column("vat"),  # per mille inside the price; 0 = none
    word_column("choice"),  # as sales/web_orders.py has it: load, or the key of a product
    number_column("days"),  # that it waits for its card
    word_column("state"),  # STATES of orders.py
    word_column("why", 16),  # it was not ordered though it was paid; "" else
    number_column("placed"),
    number_column("ends"),  # until when it can be paid
    number_column("number"),  # of its slip: 1, 2, 3 ... of this shop; 0 until it is paid
    number_column("paid"),
    number_column("action"),  # of the ledger's desk; 0 until it is ordered
    UniqueConstraint("ref"),
    UniqueConstraint("key"),
    Index(None, "card"),
    Index(None, "state"),
)

payments = Table(
    "payments",
    metadata,
    Column("payment", String(64), primary_key=True),  # the provider's number of it
    word_column("ref", 32),
    number_column("area"),  # 0: it names no order of ours
    number_column("cents"),
    number_column("at"),  # when it was paid, s since 2020
    word_column("fate", 8),  # order: it paid its order; back: to be given back; unknown
    number_column("booked"),  # of what is to be given back: 1 = it stands in PAYOUT
    number_column("given"),  # when the provider gave it back; 0 = he has not
    number_column("given_booked"),
    Index(None, "ref"),
    Index(None, "fate", "booked"),
    Index(None, "given_booked", "given"),
)

TABLES = (visits, orders, payments)
