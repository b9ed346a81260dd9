"""Tourist tickets are earned by who carried them: each use is a line, also for an outsider."""

import pytest

from backend_sync.ledger.tickets import TicketSale
from backend_sync.settlement.close import close_day, every_batch, lines_of
from backend_sync.settlement.export import openings
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.cards.zones import zones_run
from card_layouts.records import entries as types
from card_layouts.records.entries_service import TICKET
from card_layouts.records.entries_tap import (
    HOW_ANSWER,
    HOW_LATER,
    HOW_NOT_SENT,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
)
from card_layouts.settlement import lines as ln
from card_layouts.settlement.openings import check_openings, decode_openings
from tests.backend_sync.settled_worlds import (
    DAY,
    FERRY,
    MORNING,
    TOWN,
    Settled,
    dishonest,
    lines_in,
)
from tests.backend_sync.test_settlement_forged import Thief
from tests.backend_sync.test_settlement_passes import BY_SHARES, agree, booked, earned

pytestmark = pytest.mark.requirement("X-12", "W-89", "D25")
TOURIST, CENTS = 8, 1600
UID, OTHER_UID = bytes.fromhex("04aa01bb02cc03"), bytes.fromhex("04aa01bb02cc04")
HEADER = bytes(ULC_HEADER.pack({
    "layout": 1, "authority": TOWN, "product": TOURIST, "days": 3, "zones": zones_run(1, 9),
    "sold": 2300, "activate_by": 2600, "price": CENTS,
}))  # fmt: skip


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Settled(tmp_path / "keyring", ledger_url)
    sell(made)
    yield made
    made.close()


def sell(world, uid=UID, name="t-1"):
    world.ledger.import_tickets([TicketSale(name, uid, HEADER, "kiosk", MORNING)])


def use(world, device, n, operator=10, uid=UID, at=MORNING, area=TOWN, was=b"?", made=b"!"):
    """Announce the tap that brings the ticket to count `n`; return its seq."""
    return world.devices[device].put(types.TICKET, {
        "uid": uid, "header": HEADER, "counter": n - 1, "writes": 3, "time": at + n, "clock": 1,
        "was_slot": was.ljust(12, b"."), "new_slot": made.ljust(12, b"."),
        "authority": area, "zone": 3, "operator": operator, "tariff": 1, "semantics": 1,
        "trip": (1 << 20) - 1, "stop": 3, "group": 1, "terminal": 2, "shift": 77,
    })  # fmt: skip


def end(world, device, seq, outcome=OUTCOME_COMMITTED, how=HOW_ANSWER):
    world.devices[device].put(
        types.OUTCOME, {"of": seq, "outcome": outcome, "how": how, "observed": bytes(44)}
    )


def used(world, device, n, operator=10, **how):
    end(world, device, use(world, device, n, operator, **how))


def told(world, number):
    found = map(ln.decode_line, lines_in(lines_of(world.ledger.database, number)))
    return [(line.kind, line.state, line.sign) for line in found if line.type == types.TICKET]


def test_a_tourist_ticket_is_divided_by_the_taps_it_made(world):
    used(world, 1, 2)
    used(world, 2, 3, operator=11)
    used(world, 1, 4)
    values = world.settle().values
    assert values["uses"] == [[1, TOURIST, 202606, 1, 10, "transport", 140, 2],
                              [1, TOURIST, 202606, 1, 11, "transport", 140, 1]]  # fmt: skip
    assert earned(world) == {(1, 10): 1067, (1, 11): 533}  # 1066.67 and 533.33
    assert values["sums"][0] == CENTS, "the taps themselves moved nothing"
    assert sum(booked(world, "VAT").values()) + sum(booked(world).values()) == CENTS
    agree(world)


def test_passes_and_tourist_tickets_are_pools_of_their_own(world):
    card = world.cards[0]
    world.sell("p-1", 700, 2, 4799, MORNING, card)
    world.ride(1, card, MORNING + 600, right=2)
    used(world, 2, 2, operator=11)
    world.settle()
    assert earned(world) == {(1, 10): 4799, (1, 11): CENTS}
    agree(world)


def test_a_use_counts_once_it_is_known_and_no_longer_when_it_is_contradicted(world):
    first = use(world, 1, 2, made=b"A")
    used(world, 2, 9, operator=11, uid=OTHER_UID)
    world.settle()
    assert told(world, 1) == [(ln.RIDE, ln.OPEN, 0), (ln.RIDE, ln.POSTED, 1)]
    assert earned(world) == {(1, 11): CENTS}
    # The next tap elsewhere found what the first one wrote: it was used.
    used(world, 3, 3, operator=12, was=b"A", made=b"B")
    world.settle(DAY + 1)
    assert told(world, 2) == [(ln.LATER, ln.POSTED, 1), (ln.RIDE, ln.POSTED, 1)]
    assert earned(world) == {(1, 10): 534, (1, 11): 533, (1, 12): 533}
    end(world, 1, first, OUTCOME_ABORTED, HOW_LATER)
    world.settle(DAY + 2)
    assert told(world, 3) == [(ln.LATER, ln.FORK, -1)]
    assert earned(world) == {(1, 11): 800, (1, 12): 800}
    agree(world)


def test_a_use_abroad_is_cleared_with_the_authority_that_carried(world):
    used(world, 1, 2)
    used(world, 2, 3, operator=20, area=FERRY)
    values = world.settle().values
    assert earned(world) == {(1, 10): 800, (2, 20): 800}
    assert values["clearing"] == [[1, 2, 800]]
    agree(world)


def test_fixed_shares_do_not_ask_for_taps(tmp_path, ledger_url):
    world = Settled(tmp_path / "keyring", ledger_url, changes=BY_SHARES)
    sell(world)
    used(world, 2, 2, operator=11)
    world.settle()
    assert earned(world) == {(1, 10): 1360, (1, 20): 240}
    agree(world)
    world.close()


def test_what_a_thief_says_of_a_ticket_is_taken_back(world):
    world.devices["thief"] = Thief(world.keys, 1, 1)
    used(world, "thief", 2, operator=12)
    end(world, 1, use(world, 1, 2), OUTCOME_ABORTED, HOW_NOT_SENT)
    used(world, 2, 3, operator=11)
    world.post(world.devices["thief"].run())
    close_day(world.ledger, DAY, world.hashes)
    assert earned(world) == {(1, 12): CENTS}
    world.settle(DAY + 1)
    assert earned(world) == {(1, 11): CENTS}
    assert told(world, 2)[:2] == [(ln.FORGED, ln.FORK, -1), (ln.RIDE, ln.VOIDED, 0)]
    agree(world)


def test_a_line_of_a_ticket_tells_neither_the_ticket_nor_its_sale(world):
    used(world, 1, 2)
    world.settle()
    [line] = [line for line in map(ln.decode_line, lines_in(lines_of(world.ledger.database, 1)))
              if line.type == types.TICKET]  # fmt: skip
    values = TICKET.unpack(line.facts)
    header = ULC_HEADER.unpack(values.pop("header"))
    assert {name for name, value in header.items() if value} == {"authority", "product"}
    kept = {"time", "clock", "authority", "zone", "trip", "stop", "operator", "tariff", "group",
            "semantics", "terminal"}  # fmt: skip
    assert {name for name, value in values.items() if value and any(bytes([value != 0]))} >= kept
    assert not any(values[name] for name in ("counter", "writes", "shift"))
    assert values["uid"] == bytes(7) and values["was_slot"] == values["new_slot"] == bytes(12)
    assert values["time"] % 60 == 0 and UID not in line.facts


def test_an_invented_or_dropped_use_is_found_without_a_key_and_a_lie_in_a_sample(world):
    used(world, 1, 2)
    used(world, 2, 3, operator=11)
    world.settle()
    records = lines_in(lines_of(world.ledger.database, 1))
    place = [ln.decode_line(record).type for record in records].index(types.TICKET)
    batch, lines = dishonest(world, records[:place] + records[place + 1 :])
    assert any("1 slots without a line" in w for w in world.checker().check(batch, lines).findings)
    line = ln.decode_line(records[place])
    facts = bytearray(line.facts)
    TICKET.put(facts, "operator", 11)
    lied = ln.encode_line(line._replace(facts=bytes(facts)))
    checker = world.checker()
    batch, lines = dishonest(world, [*records[:place], lied, *records[place + 1 :]])
    assert checker.check(batch, lines).findings == []
    with world.ledger.database.transaction():
        data, _ = openings(world.ledger.database, world.keyring, [(1, 0, 1)])
    assert check_openings(checker, decode_openings(data))[1] == [
        "device 1 epoch 0 seq 1: its line says otherwise than it does"
    ]


def test_batches_of_before_had_no_lines_of_tickets_and_still_agree(world):
    used(world, 1, 2)
    world.settle()
    records = [record for record in lines_in(lines_of(world.ledger.database, 1))
               if ln.decode_line(record).type != types.TICKET]  # fmt: skip
    batch, lines = dishonest(world, records, schema=2)
    assert world.checker().check(batch, lines).findings == []
    batch, lines = dishonest(world, records)
    assert world.checker().check(batch, lines).findings != []
    assert len(every_batch(world.ledger.database)) == 1
