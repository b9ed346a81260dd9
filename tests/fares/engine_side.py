"""The project's side of a comparison, through its public way: tariff text -> package -> `rate`.

A case in words becomes the engine's four lists of numbers, and its decision becomes words again.
"""

import datetime

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.network import derive
from backend_sync.tariffs.package_writer import write_package
from backend_sync.tariffs.zoned import dated_feed
from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader

DAY_ZERO = datetime.date(2020, 1, 1)
CLOCKS = {"signed": 0, "floor": 1, "unset": 2}


class EngineSide:
    """One town's package, mounted, with the four lists that every tap fills."""

    def __init__(self, folder, feed_folder=None):
        authored = read_tariff(folder / "tariff.toml")
        feed = dated_feed(authored.source, read_feed(feed_folder or folder / "gtfs"))
        self.book, self.feed = authored.book, feed
        self.body = write_package(authored.book, feed)
        self.tariff = mounted(self.body)
        trips = derive(feed).trips  # in the order of packages and journals
        self.trips = {feed.trips[run.trip].trip_id: place for place, run in enumerate(trips)}
        self.stops = {stop.stop_id: place for place, stop in enumerate(feed.stops)}
        self.card, self.tap, self.decision = i.new_card(), i.new_tap(), i.new_decision()

    def rate(self, card, tap, rights):
        """Return the engine's decision in words, after `activate` where it asks for P."""
        self.fill(card, tap)
        engine.rate(self.tariff, self.card, self.tap, self.decision)
        if self.decision[i.D_ACTIVATES]:
            engine.activate(self.decision, *rights[self.decision[i.D_ACTIVATES]])
        words = in_words(self.decision)
        if words.get("row"):
            held = card["slots"][words["row_slot"] - 1]
            if all(held[name] == value for name, value in words["row"].items()):
                words["row"] = None  # written as it was
        return words

    def fill(self, card, tap):
        """Fill the lists CARD and TAP from a case."""
        self.card[:] = card_numbers(card)
        self.tap[:] = self.tap_numbers(tap)

    def tap_numbers(self, tap):
        row = i.new_tap()
        row[i.T_SECONDS] = tap["seconds"]
        row[i.T_CLOCK] = CLOCKS[tap["clock"]]
        row[i.T_TRIP] = -1 if tap["trip"] is None else self.trips.get(tap["trip"], len(self.trips))
        row[i.T_CALL] = -1 if tap["call"] is None else tap["call"]
        row[i.T_STOP] = -1 if tap["stop"] is None else self.stops.get(tap["stop"], len(self.stops))
        row[i.T_PICKED] = mask(tap["picked"])
        if tap["companions"] is not None:
            row[i.T_ADULTS], row[i.T_YOUTHS], row[i.T_CHILDREN] = tap["companions"]
        else:
            row[i.T_YOUTHS] = row[i.T_CHILDREN] = 0
        row[i.T_FLAGS] = (
            i.FLAG_GATE * tap["gate"]
            | i.FLAG_SAME_DEVICE * tap["same_device"]
            | i.FLAG_TRIP_RESET * tap["trip_reset"]
            | i.FLAG_TICKET * tap["ticket"]
            | i.FLAG_LATE_TARIFF * tap.get("late", False)
        )
        row[i.T_BOOK] = tap["book"]
        return row


def mounted(body):
    """Return a package body as the engine wants it."""
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    return tariff


# --- words to numbers -----------------------------------------------------------------------------


def card_numbers(card):
    row = i.new_card()
    row[i.C_ISSUER], row[i.C_KIND], row[i.C_GROUP] = card["issuer"], card["kind"], card["group"]
    row[i.C_GROUP_UNTIL], row[i.C_CONCESSION] = day(card["group_until"]), card["concession"]
    row[i.C_CONCESSION_UNTIL], row[i.C_BALANCE] = day(card["concession_until"]), card["balance"]
    if card["purse"]:
        row[i.C_PURSE_PRODUCT] = card["purse"]["product"]
        row[i.C_PURSE_ZONES] = mask(card["purse"]["zones"])
        row[i.C_PURSE_COMPANIONS] = card["purse"]["companions"]
    for slot, held in enumerate(card["slots"]):
        if held:
            _fill_slot(row, i.slot_at(slot), held)
    caps = card["caps"]
    row[i.C_CAP_DAY], row[i.C_DAY_SUM] = day(caps["day"]), caps["day_sum"]
    row[i.C_CAP_START], row[i.C_PERIOD_SUM] = day(caps["start"]), caps["period_sum"]
    if card["journey"]:
        _fill_journey(row, card["journey"])
    return row


def _fill_slot(row, at, held):
    row[at + i.S_MECHANISM], row[at + i.S_PRODUCT] = held["mechanism"], held["product"]
    row[at + i.S_ZONES], row[at + i.S_LAST] = mask(held["zones"]), day(held["last"])
    row[at + i.S_USAGE], row[at + i.S_START] = int(held["usage"]), day(held["start"])
    row[at + i.S_LENGTH], row[at + i.S_DAY] = held["length"], day(held["day"])
    row[at + i.S_LEFT], row[at + i.S_TODAY] = held["left"], held["today"]
    row[at + i.S_CENTS] = held["cents"]


def _fill_journey(row, journey):
    row[i.C_J_AUTHORITY] = journey["authority"]
    row[i.C_J_START_ZONE] = journey["start_zone"]
    row[i.C_J_ZONES] = mask(journey["zones"])
    row[i.C_J_START_MINUTE] = journey["start_minute"]
    row[i.C_J_CHARGED] = journey["charged"]
    row[i.C_J_TRANSFERS] = journey["transfers"]
    row[i.C_J_PAID_BY] = journey["paid_by"]
    row[i.C_J_COMPANIONS] = journey["companions"]
    row[i.C_J_NIGHT] = int(journey["night"])
    row[i.C_J_TIME], row[i.C_J_LINE] = journey["time"], journey["line"]


def day(date):
    return 0 if date is None else (date - DAY_ZERO).days


def mask(zones):
    return 0xFFFF if zones == "everywhere" else sum(1 << (15 - zone) for zone in zones)


# --- numbers to words -----------------------------------------------------------------------------


def in_words(d):
    """Return a decision as the oracle would say it."""
    whys = {slot: i.WHY_NAMES[d[i.D_WHY0 + slot]] for slot in range(5)}
    if d[i.D_KIND] == i.KIND_REFUSED:
        reason = i.REFUSED_NAMES[d[i.D_REASON]]
        return {"kind": "refused", "reason": reason, "why": whys, "amount": d[i.D_AMOUNT]}
    words = {
        "kind": i.KIND_NAMES[d[i.D_KIND]],
        "rule": i.RULE_NAMES[d[i.D_RULE] % 16],
        "rule_product": d[i.D_RULE] // 16,
        "why": whys,
        "amount": d[i.D_AMOUNT],
        "full": d[i.D_FULL],
        "reduction": d[i.D_REDUCTION],
        "concession": d[i.D_CONCESSION],
        "payer": d[i.D_PAYER],
        "surcharge": d[i.D_SURCHARGE],
        "surcharge_number": d[i.D_MODIFIERS] & 15,
        "fairness": i.FAIR_NAMES[d[i.D_MODIFIERS] >> 4],
        "authority": d[i.D_BOOK_AUTHORITY],
        "product": d[i.D_PRODUCT],
        "slot": d[i.D_SLOT],
        "group": d[i.D_GROUP],
        "zones": zones_of(d[i.D_ZONES]),
        "zone": d[i.D_ZONE],
        "start_zone": d[i.D_START_ZONE],
        "start_minute": d[i.D_START_MINUTE],
        "charged": d[i.D_CHARGED],
        "transfers": d[i.D_TRANSFERS],
        "companions": d[i.D_COMPANIONS],
        "night": bool(d[i.D_NIGHT]),
        "paid_by": d[i.D_PAID_BY],
        "activates": d[i.D_ACTIVATES],
        "row_slot": d[i.D_T_SLOT],
        "own_in_cap": d[i.D_OWN],
        "day": date(d[i.D_DAY]),
        "row": None,
        "caps": {
            "day": date(d[i.D_CAP_DAY]),
            "day_sum": d[i.D_DAY_SUM],
            "start": date(d[i.D_CAP_START]),
            "period_sum": d[i.D_PERIOD_SUM],
        },
    }
    if d[i.D_T_SLOT]:
        words["row"] = {
            "start": date(d[i.D_T_START]),
            "length": d[i.D_T_LENGTH],
            "day": date(d[i.D_T_DAY]),
            "left": d[i.D_T_LEFT],
            "today": d[i.D_T_TODAY],
            "cents": d[i.D_T_CENTS],
        }
    return words


def zones_of(bits):
    return frozenset(zone for zone in range(1, 16) if bits >> (15 - zone) & 1)


def date(number):
    return DAY_ZERO + datetime.timedelta(days=number) if number else None
