"""A shipped tariff, a card and taps in numbers: the smallest world that the fare engine needs."""

import datetime
import functools
from pathlib import Path

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from backend_sync.tariffs.zoned import dated_feed
from card_layouts.cards.card_layout import G
from card_layouts.cards.zones import zones_bitmap
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import activate, rate
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader
from card_layouts.records.entries_tap import CALL_NONE, STOP_NONE, TRIP_NONE

SHIPPED = Path(__file__).resolve().parents[2] / "backend_sync" / "tariffs" / "shipped"
DAY_ZERO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@functools.cache
def shipped(name):
    """Return (Book, Feed as zoned, package body) of a shipped tariff."""
    folder = SHIPPED / name
    authored = read_tariff(folder / "tariff.toml")
    feed = dated_feed(authored.source, read_feed(folder / "gtfs"))
    return authored.book, feed, write_package(authored.book, feed)


def mounted(body):
    """Return the Tariff over a package body."""
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    return tariff


def utc(day, clock, hours_ahead=2):
    """Return the UTC second since 2020 of a wall clock "HH:MM" on "YYYY-MM-DD"."""
    local = datetime.datetime.fromisoformat(f"{day}T{clock}:00+00:00")
    return int((local - DAY_ZERO).total_seconds()) - 3600 * hours_ahead


class World:
    """One card before a reader under one tariff; every accepted tap changes the card."""

    def __init__(self, name="mikkeli"):
        self.book, self.feed, body = shipped(name)
        self.tariff = mounted(body)
        self.card, self.tap = i.new_card(), i.new_tap()
        self.decision = i.new_decision()
        self.card[i.C_ISSUER] = self.book.authority
        self.card[i.C_GROUP] = self.group("adult")
        self.card[i.C_BALANCE] = 60_000
        self.tap[i.T_STOP] = 0
        self.at("2025-02-11", "10:00")
        self.terms = (0, 0, 0)

    def group(self, name):
        return next(group.number for group in self.book.groups if group.name == name)

    def product(self, name):
        return next(product.number for product in self.book.products if product.name == name)

    def at(self, day, clock):
        self.tap[i.T_SECONDS] = utc(day, clock)
        return self

    def stop_in(self, zone):
        """Stand at a stop whose zone has this name."""
        self.tap[i.T_STOP] = [stop.zone for stop in self.feed.stops].index(zone)
        return self

    def pick(self, *zones):
        self.tap[i.T_PICKED] = zones_bitmap(zones)
        return self

    def party(self, adults=0, youths=0, children=0):
        self.tap[i.T_ADULTS : i.T_CHILDREN + 1] = [adults, youths, children]
        return self

    def purse(self, name, *zones):
        self.card[i.C_PURSE_PRODUCT] = self.product(name)
        self.card[i.C_PURSE_ZONES] = zones_bitmap(zones)
        return self

    def slot(self, number, name, *zones, usage=1, **fields):
        at = i.slot_at(number - 1)
        row = {"mechanism": 2, "product": self.product(name), "usage": usage, **fields}
        row["zones"] = zones_bitmap(zones)
        for field, value in row.items():
            self.card[at + getattr(i, "S_" + field.upper())] = value
        return self

    def pay(self):
        """Decide the tap, write it on the card if it was not refused; return the decision."""
        d = self.decision
        rate(self.tariff, self.card, self.tap, d)
        if d[i.D_ACTIVATES]:
            activate(d, *self.terms)
        if d[i.D_KIND] != i.KIND_REFUSED:
            write(self.card, self.tap, d)
        return d

    def cents(self):
        return self.pay()[i.D_AMOUNT]


def write(card, tap, d):
    """Write a decision's changes on the card, as a device does."""
    card[i.C_BALANCE] -= d[i.D_AMOUNT]
    card[i.C_J_AUTHORITY] = d[i.D_BOOK_AUTHORITY]
    card[i.C_J_START_ZONE] = d[i.D_START_ZONE]
    card[i.C_J_ZONES] = d[i.D_ZONES]
    card[i.C_J_START_MINUTE] = d[i.D_START_MINUTE]
    card[i.C_J_CHARGED] = d[i.D_CHARGED]
    card[i.C_J_TRANSFERS] = d[i.D_TRANSFERS]
    card[i.C_J_PAID_BY] = d[i.D_PAID_BY]
    card[i.C_J_COMPANIONS] = d[i.D_COMPANIONS]
    card[i.C_J_NIGHT] = d[i.D_NIGHT]
    card[i.C_J_TIME] = tap[i.T_SECONDS]
    if d[i.D_T_WRITE]:
        card[i.C_CAP_DAY : i.C_PERIOD_SUM + 1] = d[i.D_CAP_DAY : i.D_PERIOD_SUM + 1]
        if d[i.D_T_SLOT]:
            at = i.slot_at(d[i.D_T_SLOT] - 1)
            card[at + i.S_START : at + i.S_CENTS + 1] = d[i.D_T_START : i.D_T_CENTS + 1]


def intent_of(tariff, card, tap, d):
    """Return the INTENT fields a device would journal for decision `d`, `card` as it was before."""
    paid_by = d[i.D_PAID_BY]
    paying = i.slot_at(paid_by - 1) if 1 <= paid_by <= 4 else 0
    at = paying or (i.slot_at(d[i.D_SLOT] - 1) if d[i.D_SLOT] else 0)
    row = card[at : at + i.C_SLOT_SIZE] if at else [0] * i.C_SLOT_SIZE
    body = {
        "kind": 2 if d[i.D_AMOUNT] else 3,
        "time": tap[i.T_SECONDS],
        "amount": d[i.D_AMOUNT],
        "D": d[i.D_AMOUNT],
        "L": card[i.C_BALANCE],
        "authority": d[i.D_BOOK_AUTHORITY],
        "zone": d[i.D_ZONE],
        "start_zone": d[i.D_START_ZONE],
        "zones": d[i.D_ZONES],
        "start_minute": d[i.D_START_MINUTE] & 0x7FF,
        "charged": d[i.D_CHARGED],
        "transfers": d[i.D_TRANSFERS],
        "paid_by": paid_by,
        "companions": d[i.D_COMPANIONS],
        "night": d[i.D_NIGHT],
    }
    return {
        "body": G.pack(body)[7:36],
        "was_time": card[i.C_J_TIME],
        "was_authority": card[i.C_J_AUTHORITY],
        "was_line": card[i.C_J_LINE],
        "was_start_zone": card[i.C_J_START_ZONE],
        "was_zones": card[i.C_J_ZONES],
        "was_start_minute": card[i.C_J_START_MINUTE] & 0x7FF,
        "was_charged": card[i.C_J_CHARGED],
        "was_transfers": card[i.C_J_TRANSFERS],
        "was_paid_by": card[i.C_J_PAID_BY],
        "was_companions": card[i.C_J_COMPANIONS],
        "was_night": card[i.C_J_NIGHT],
        "use_start": row[i.S_START],
        "use_length": row[i.S_LENGTH],
        "use_counted": 1 if row[i.S_DAY] and row[i.S_DAY] == d[i.D_DAY] else 0,
        "use_left": row[i.S_LEFT],
        "use_today": row[i.S_TODAY] if row[i.S_DAY] == d[i.D_DAY] else 0,
        "use_cents": row[i.S_CENTS],
        "concession": d[i.D_CONCESSION],
        "group": d[i.D_RIDER],
        "full": d[i.D_FULL],
        "reduction": d[i.D_REDUCTION],
        "trip": tap[i.T_TRIP] & TRIP_NONE,
        "stop": tap[i.T_STOP] & STOP_NONE,
        "call": tap[i.T_CALL] & CALL_NONE,
        "day_sum": d[i.D_DAY_BEFORE],
        "period_sum": d[i.D_PERIOD_BEFORE],
        "picked": tap[i.T_PICKED],
        "youths": d[i.D_YOUTHS],
        "children": d[i.D_CHILDREN],
        "product": row[i.S_PRODUCT] if paying else card[i.C_PURSE_PRODUCT],
        "product_zones": row[i.S_ZONES] if paying else card[i.C_PURSE_ZONES],
        "product_authority": card[i.C_ISSUER],
        "tariff": tariff.version,
        "rule": d[i.D_RULE],
    }
