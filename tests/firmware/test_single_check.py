"""Codes at a validator's scanner: accepted once a trip, refused by name, journalled."""

import pytest

from card_layouts.crypto.ed25519_cpython import sign_native
from card_layouts.tickets.single import (
    MARK,
    SINGLE,
    Code,
    encode_code,
    pack_single,
    single_message,
)
from firmware.flash_rows import FlashRows
from firmware.partitions import USED_BLOCKS, USED_FIRST
from simulator.flash import BLOCK_BYTES
from simulator.worlds.tap_world import AUTHORITY, GATE_A, GATE_B, NOW, lease, new_card
from simulator.worlds.vehicle_world import (
    LINE_SINGLE,
    OTHER_AUTHORITY,
    OTHER_SEED,
    Vehicle,
    certified,
    pieces,
    ticket_seed_of,
)
from tests import figures


@pytest.fixture
def bus():
    return Vehicle()


def sold(**profile):
    """Return the code of a ticket just sold by a vehicle of its own."""
    seller = Vehicle(GATE_B, profile=profile)
    seller.sell(1, product=profile.pop("product", 0))
    return seller.codes[0]


def made(seller=GATE_B, day=NOW // 86400, authority=AUTHORITY, cert=None, seed=None, **changed):
    """Return the code of a ticket that says anything, signed as a seller would."""
    values = {"authority": authority, "device": seller, "serial": 1, "certificate": day,
              "zones": 0x4000, "start_zone": 1, "line": 17, "from_minute": NOW // 60,
              "minutes": 60, "count0": 1, "price": 250, "tariff": 7, **changed}  # fmt: skip
    body = pack_single(values)
    signature = sign_native(seed or ticket_seed_of(seller), single_message(body))
    return encode_code(body, signature, cert or certified(seller, day, authority))


def uses(bus):
    return [f for name, _header, f in bus.entries() if name == "BARCODE"]


@pytest.mark.requirement("W-50", "W-99", "D9")
def test_a_ticket_is_accepted_by_a_validator_that_never_saw_its_seller(bus):
    text = sold()
    assert bus.scan(text) == "ACCEPTED"
    (entry,) = uses(bus)
    assert entry["single"] == Code(text).body and entry["event"] == 1 and entry["answer"] == 32
    assert (entry["authority"], entry["zone"], entry["trip"]) == (AUTHORITY, 1, 0)


@pytest.mark.requirement("T14", "D9")
def test_a_copy_is_refused_on_the_same_trip_and_the_refusal_is_kept(bus):
    text = sold()
    assert [bus.scan(text), bus.scan(text)] == ["ACCEPTED", "CODE_USED"]
    bus.boot()
    assert bus.scan(text) == "CODE_USED", "over a power cut too"
    assert [entry["event"] for entry in uses(bus)] == [1, 2, 2]
    assert len({entry["single"] for entry in uses(bus)}) == 1


@pytest.mark.requirement("W-50")
def test_changing_to_another_trip_is_free_within_the_time(bus):
    text = sold()
    assert bus.scan(text) == "ACCEPTED"
    bus.profile["trip"] = -1
    assert bus.scan(text) == "ACCEPTED"
    assert bus.scan(text) == "CODE_USED", "without a trip once for its time"
    assert Vehicle(4799).scan(text) == "ACCEPTED"


@pytest.mark.requirement("W-50", "W-51", "D9", "T14", "X-13")
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (lambda: made(from_minute=NOW // 60 - 66), "CODE_ENDED"),
        (lambda: made(from_minute=NOW // 60 - 65), "ACCEPTED"),
        (lambda: made(from_minute=NOW // 60 + 6), "CODE_EARLY"),
        (lambda: made(from_minute=NOW // 60 + 5), "ACCEPTED"),
        (lambda: made(zones=0x2000), "CODE_ZONE"),
        (lambda: made(zones=0xFFFF), "ACCEPTED"),
        (lambda: made(line_only=1, line=18), "CODE_LINE"),
        (lambda: made(line_only=1), "ACCEPTED"),
        (lambda: made(authority=OTHER_AUTHORITY), "CODE_AUTHORITY"),
        (lambda: made(authority=99, cert=certified(GATE_B, NOW // 86400, 99)), "CODE_AUTHORITY"),
        (lambda: made(day=NOW // 86400 - 30), "CODE_FORGED"),
        (lambda: made(day=NOW // 86400 + 1), "CODE_FORGED"),
        (lambda: made(seed=b"the seed of somebody quite else!"), "CODE_FORGED"),
        (lambda: made()[:-1], "CODE_UNREADABLE"),
        (lambda: "", "CODE_UNREADABLE"),
        (lambda: "https://example.org/menu", "CODE_UNREADABLE"),
    ],
)  # fmt: skip
def test_what_is_not_good_here_and_now_is_refused_by_name(bus, text, answer):
    assert bus.scan(text()) == answer
    accepted = answer == "ACCEPTED"
    assert [entry["event"] for entry in uses(bus)] == ([1] if accepted else [])


@pytest.mark.requirement("T14", "D9")
def test_another_authority_s_key_certifies_nobody_here(bus):
    """The other authority is known to the device: its key must not speak for this one."""
    day = NOW // 86400
    real = certified(GATE_B, day)
    fake = real[:42] + sign_native(OTHER_SEED, b"tornello certificate\0" + real[:42])
    assert bus.scan(made(cert=fake)) == "CODE_FORGED"
    assert bus.scan(made()) == "ACCEPTED"
    assert bus.scan(made(serial=2, cert=fake)) == "CODE_FORGED", "known is the good one only"


@pytest.mark.requirement("T14")
def test_a_ticket_with_one_byte_changed_never_passes_and_leaves_no_entry(bus):
    good = Code(made())
    signature, certified_by = good.data[30:94], good.data[94:]
    tried = 0
    for place in range(SINGLE.size):
        for change in (1, 2, 16, 128, 255):
            data = bytearray(good.body)
            data[place] ^= change
            forged = encode_code(bytes(data), signature, certified_by)
            assert bus.scan(forged) != "ACCEPTED"
            tried += 1
    assert uses(bus) == []
    figures.add("forged tickets tried at a validator", tried)


def test_a_line_ticket_sold_here_is_good_here(bus):
    bus.sell(1, product=LINE_SINGLE)
    assert bus.scan(bus.codes[0]) == "ACCEPTED"
    bus.profile.update(line=18, trip=-1)
    assert bus.scan(bus.codes[0]) == "CODE_LINE"


@pytest.mark.requirement("W-50", "X-6")
def test_an_inspection_is_journalled_and_uses_nothing(bus):
    text = sold()
    assert bus.scan(text, "inspect") == "ACCEPTED"
    assert bus.scan(text) == "ACCEPTED"
    assert bus.scan(made(from_minute=NOW // 60 - 90), "inspect") == "CODE_ENDED"
    assert [(e["event"], e["answer"]) for e in uses(bus)] == [(3, 32), (1, 32), (3, 59)]


@pytest.mark.requirement("X-5")
@pytest.mark.parametrize(
    ("answer", "spoil"),
    [
        ("REFUSED_CLOCK_UNSET", lambda bus: setattr(bus.watch, "seconds", -1)),
        ("REFUSED_TARIFF", lambda bus: setattr(bus.tap, "tariff", None)),
        ("REFUSED_LEASE", lambda bus: setattr(bus.tap, "lease", lease(not_after=NOW - 1))),
        ("REFUSED_NO_PRICE", lambda bus: bus.profile.update(trip=9)),
    ],
)
def test_a_device_that_may_not_serve_says_so(bus, answer, spoil):
    text = sold()
    spoil(bus)
    assert bus.scan(text) == answer and uses(bus) == []


def test_a_full_journal_accepts_nothing(bus):
    text = sold()
    while bus.journal.admits_tap():
        bus.journal.append(13, bytes(96))
    assert bus.scan(text) == "REFUSED_JOURNAL_FULL"


def test_pieces_out_of_order_are_no_code(bus):
    first, second = pieces(sold())
    take = bus.singles.take
    assert take(first) and not take(first.replace("scan 1 2", "scan 3 3"))
    assert not take(second), "the first piece was forgotten"
    assert take(first) and take(first) and take(second), "the first piece again begins anew"
    for text in ("scan", "scan 1", "scan 1 1", "scan 0 1 x", "scan 1 4 x", "scan a b x",
                 "scan 1 1 " + "A" * 300):  # fmt: skip
        assert not take(text), text


@pytest.mark.requirement("T14")
def test_the_list_of_used_tickets_forgets_the_oldest_block_and_says_so(bus):
    room = (BLOCK_BYTES // 16 - 1) * USED_BLOCKS
    rows = FlashRows(bus.flash, USED_FIRST, USED_BLOCKS, 16)
    text = sold()
    assert bus.scan(text) == "ACCEPTED"
    rows = FlashRows(bus.flash, USED_FIRST, USED_BLOCKS, 16)
    for number in range(room - 2):
        rows.mark(rows.append(number.to_bytes(13, "big")))
    assert bus.scan(text) == "CODE_USED", "it is the oldest, and still known"
    said = bus.say(*pieces(made(serial=2)))
    assert ("fault", "used tickets forgotten") in said and ("answer", "ACCEPTED") in said
    assert bus.scan(text) == "ACCEPTED", "now it is forgotten: the ledger will find it"


@pytest.mark.requirement("T14", "D9")
def test_a_card_tapped_while_a_code_is_checked_is_served_at_once(bus):
    card, text, answers = new_card(), sold(), []
    for message in pieces(text):
        assert bus.singles.take(message)
    ticks = 0
    while bus.singles.busy:
        bus.singles.tick()
        ticks += 1
        if ticks % 50 == 0:
            bus.watch.seconds += 20
            answers.append(bus.present(card))
    assert len(answers) >= 2 and set(answers) == {32}
    assert [entry["answer"] for entry in uses(bus)] == [32]
    assert text.startswith(MARK) and Code(text).ticket["device"] == GATE_B != GATE_A
