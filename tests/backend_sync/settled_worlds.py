"""Two authorities with the shipped tariffs, two operators, and rides priced by the real engine."""

import hashlib
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path

from backend_sync.settlement.close import close_day, every_batch, lines_of
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.card_layout import (
    KIND_DEBIT,
    KIND_ISSUE,
    KIND_PASS,
    M_FIRST_USE,
    P_SLOT,
    G,
)
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.cards.zones import ZONES_ALL
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import JOURNEY, load_journey
from card_layouts.fares.engine import rate
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader
from card_layouts.fares.singles import price_single
from card_layouts.records import entries as types
from card_layouts.records.chain import record_h
from card_layouts.records.entries_service import PAID_CASH, ROUNDING_ZERO
from card_layouts.records.entries_tap import CALL_NONE, STOP_NONE, TRIP_NONE
from card_layouts.settlement.batch import encode_batch, encode_body
from card_layouts.settlement.check import Checker
from card_layouts.settlement.ciphertext import read_runs, write_run
from card_layouts.settlement.lines import LINE_BYTES
from card_layouts.settlement.reading import Reading
from card_layouts.settlement.witness import Witness
from simulator.demo.system import TARIFFS, TOWN_FEED
from tests.backend_sync.builders import ISSUER_DEVICE, Plastic, World

TOWN, FERRY = 1, 2
DAY = 2346  # service day of Thursday 2026-06-04
MORNING = DAY * 86_400 + 6 * 3600
SENIOR = 3
PAPER = 0  # product number of a single
RIGHT_DAYS = 30  # of a pass on a card
START_BITS = (1 << 11) - 1


@cache
def package(name, revenue="first_boarding", changes=(), version=1):
    """Return the bytes of a shipped tariff over the town's feed, with words of it replaced."""
    with tempfile.TemporaryDirectory() as folder:
        for path in TARIFFS.glob("*.toml"):
            text = path.read_text().replace('"first_boarding"', f'"{revenue}"')
            for old, new in changes:
                text = text.replace(old, new)
            (Path(folder) / path.name).write_text(text)
        return write_package(read_tariff(Path(folder) / name, version).book, read_feed(TOWN_FEED))


def mounted(body):
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    return tariff


class Settled(World):
    """A world whose taps are real rides; `close` and `check` are the two sides of a settlement."""

    def __init__(self, folder, url=None, revenue="first_boarding", changes=(), bodies=None):
        self.bodies = bodies or {
            (TOWN, 1): package("tariff.toml", revenue, changes),
            (FERRY, 1): package("ferry.toml", changes=changes),
        }
        tariffs = {name: mounted(body) for name, body in self.bodies.items()}
        super().__init__(folder, url, tariffs=tariffs, cards=0)
        self.cards = [self.card_of(TOWN, index) for index in range(4)]

    def card_of(self, authority, index):
        """Issue a card of an authority's with 100 EUR on it."""
        uid = bytes((4,)) + (0xA1B2C3D4E5F0 + index).to_bytes(6, "big")
        issuer = self.devices[ISSUER_DEVICE]
        first = G.pack({"layout": 1, "device": issuer.number, "kind": KIND_ISSUE,
                        "authority": authority})[:36]  # fmt: skip
        h0 = record_h(issuer.k_chain, uid + b"\0", first)
        row = {"uid": uid, "layout": 1, "state": STATE_VERIFIED, "authority": authority,
               "serial": index, "generation": 1, "device": issuer.number,
               "h0": h0, "limit": 30_000}  # fmt: skip
        self.ledger.import_issues([ISSUE.pack(row)])
        return Plastic(uid, first + h0)

    def intent(self, device, card, at, stop=0, operator=10, group=0, area=TOWN,
               product=1, right=0, version=1, trip=None, call=None, issuer=TOWN):  # fmt: skip
        """Announce a ride that the engine priced; commit nothing.

        `right` is a pass on the card, begun on DAY; `trip` and `call` say where instead of `stop`.
        """
        was, tariff = card.fields, self.tariffs[area, version]
        trips = {"trip": TRIP_NONE, "call": CALL_NONE, "stop": stop}
        if trip is not None:
            trips = {"trip": trip, "call": call, "stop": STOP_NONE}
        d = self._decide(tariff, was, at, trips, group, area, product, right, issuer)
        paid_by_right = 1 <= d[i.D_PAID_BY] <= i.SLOTS
        use = dict.fromkeys(("use_start", "use_length"), 0)
        if paid_by_right:
            use = {"use_start": DAY, "use_length": RIGHT_DAYS, "product_zones": ZONES_ALL}
        body = {
            "time": at, "amount": d[i.D_AMOUNT], "D": was["D"] + d[i.D_AMOUNT], "authority": area,
            "zone": d[i.D_ZONE], "start_zone": d[i.D_START_ZONE], "zones": d[i.D_ZONES],
            "start_minute": d[i.D_START_MINUTE] & START_BITS, "charged": d[i.D_CHARGED],
            "transfers": d[i.D_TRANSFERS], "paid_by": d[i.D_PAID_BY],
            "companions": d[i.D_COMPANIONS], "night": d[i.D_NIGHT],
        }  # fmt: skip
        fields = {f"was_{name}": was[name] for _, name in JOURNEY}
        fields |= {f"was_{name}": was[name] for name in ("authority", "start_minute")}
        kind = KIND_PASS if d[i.D_KIND] == i.KIND_PASS else KIND_DEBIT
        return self.devices[device].announce(
            card, kind, d[i.D_AMOUNT], types.INTENT, body, **fields, **use, **trips,
            full=d[i.D_FULL], reduction=d[i.D_REDUCTION], concession=d[i.D_CONCESSION],
            rule=d[i.D_RULE], tariff=version, semantics=1, group=d[i.D_RIDER], operator=operator,
            product=right if paid_by_right else product, product_authority=issuer, terminal=2,
            picked=0,
        )  # fmt: skip

    def ride(self, device, card, at, **how):
        """A whole ride: announced, committed, answered."""
        announced = self.intent(device, card, at, **how)
        card.commit(announced)
        self.devices[device].outcome(announced)
        return announced

    def paper(self, device, at, party, stop=0, operator=10, area=TOWN, version=1, **values):
        """A driver sells a paper ticket, priced by the engine; `void_of` takes one back."""
        tap = i.new_tap()
        tap[i.T_SECONDS], tap[i.T_STOP], tap[i.T_TRIP] = at, stop, -1
        tap[i.T_BOOK] = area
        tariff = self.tariffs[area, version]
        sold = price_single(tariff, i.new_card(), tap, i.new_decision(), PAPER, party)
        assert not sold.refused, sold.refused
        rows = {f"l_{name}{place}": value for place, row in enumerate(sold.rows)
                for name, value in zip(("group", "count", "unit"), row, strict=True)}  # fmt: skip
        return self.devices[device].put(types.CASH_SALE, {
            "time": at, "product": PAPER, "authority": area, "trip": TRIP_NONE, "stop": stop,
            "operator": operator, "zone": sold.zone, "zones": sold.zones, "valid": sold.minutes,
            "night": sold.night, **rows, "full": sold.full, "reduction": sold.full - sold.total,
            "concession": sold.concession, "total": sold.total, "rounding": ROUNDING_ZERO,
            "paid": PAID_CASH, "clerk": 33, "tariff": version, "semantics": 1, "rule": sold.rule,
            "from_minute": at // 60, "ticket": 1 + self.devices[device].next_seq, **values,
        })  # fmt: skip

    def sell(self, name, action, product, cents, at, card, device=1, area=TOWN):
        """A pass is paid at a counter and put on a card."""
        self.ledger.import_sales([(name, action, cents, "counter", at, area)])
        right = P_SLOT.pack({"product": product, "authority_use": area})
        return self.devices[device].product(card, action, right)

    def _decide(self, tariff, was, at, place, group, area, product, right, issuer):
        card, tap, decision = i.new_card(), i.new_tap(), i.new_decision()
        card[i.C_ISSUER], card[i.C_PURSE_PRODUCT] = issuer, product
        card[i.C_GROUP], card[i.C_BALANCE] = group, 10_000
        if right:
            slot = i.slot_at(0)
            card[slot + i.S_MECHANISM], card[slot + i.S_PRODUCT] = M_FIRST_USE, right
            card[slot + i.S_ZONES], card[slot + i.S_USAGE] = ZONES_ALL, 1
            card[slot + i.S_START], card[slot + i.S_LENGTH] = DAY, RIGHT_DAYS
        load_journey(card, was)
        tap[i.T_SECONDS], tap[i.T_CLOCK], tap[i.T_BOOK] = at, CLOCK_SIGNED, area
        for name, none in (("trip", TRIP_NONE), ("call", CALL_NONE), ("stop", STOP_NONE)):
            tap[getattr(i, f"T_{name.upper()}")] = -1 if place[name] == none else place[name]
        rate(tariff, card, tap, decision)
        assert decision[i.D_KIND] != i.KIND_REFUSED, decision[i.D_REASON]
        return decision

    # The two sides

    @property
    def hashes(self):
        return {name: hashlib.sha256(body).digest() for name, body in self.bodies.items()}

    def settle(self, day=DAY):
        """Post everything and close the day."""
        self.post()
        return close_day(self.ledger, day, self.hashes)

    def witness(self):
        """Return what the edge carried, read back from its file."""
        file = BytesIO()
        for run in self.run_all():
            write_run(file, "edge-1", run)
        file.seek(0)
        found = Witness()
        for run in read_runs(file):
            found.add(run)
        return found

    def checker(self):
        packages = {hashlib.sha256(body).digest(): body for body in self.bodies.values()}
        return Checker(self.keyring.signing.ledger.public, packages, self.witness())

    def check(self, checker=None):
        """Return the auditor's reports on every batch of this ledger."""
        checker, database = checker or self.checker(), self.ledger.database
        batches = [(c, lines_of(database, c.number)) for c in every_batch(database)]
        checker.foresee(lines for _, lines in batches)
        return [checker.check(encode_batch(c.body, c.signature), lines) for c, lines in batches]

    def findings(self):
        checker = self.checker()
        reports = self.check(checker)
        return [finding for report in reports for finding in report.findings] + checker.end()


def lines_in(data):
    """Return the lines of a batch as records."""
    return [data[at : at + LINE_BYTES] for at in range(0, len(data), LINE_BYTES)]


def dishonest(world, records, signed=True, **changes):
    """Return (batch file, lines) of a ledger that settles these lines instead of its own.

    It makes root, totals and sums anew; `signed` False: it keeps the honest batch.
    """
    closed = every_batch(world.ledger.database)[-1]
    lines = b"".join(records)
    if not signed:
        return encode_batch(closed.body, closed.signature), lines
    return signed_anew(world, world.checker(), closed.values, records, **changes)


def signed_anew(world, checker, values, records, **changes):
    """Return (batch file, lines) that say these lines behind what `checker` has read; it is spent.

    Root, totals and sums are those of the lines.
    """
    reading = Reading(checker, values, world.tariffs)
    reading.read(b"".join(records))
    reading.split()
    total = reading.totals.sum()
    values = {**values, **reading.totals.figures(), "root": reading.tree.root(),
              "lines": reading.tree.count, "sums": [total, total, total, 0], **changes}  # fmt: skip
    body = encode_body(values)
    # A ledger whose key signs whatever it is given.
    return encode_batch(body, world.keyring.signing.settlement(body)), b"".join(records)
