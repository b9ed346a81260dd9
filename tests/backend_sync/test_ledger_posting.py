"""Exactly once: repeats, forgeries, gaps, watermarks, kills in the middle; each result by name."""

from pathlib import Path
from zlib import crc32

import pytest

from backend_sync.ledger import results
from backend_sync.ports import KeyringAbsent
from card_layouts.records import entries as types
from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.slot import SLOTS_PER_BLOCK, TAG_END
from tests.backend_sync.builders import Device


def reasons(world):
    return world.ledger.report()["quarantine"]


def with_crc(slot):
    changed = bytearray(slot)
    changed[TAG_END:] = crc32(changed[:TAG_END]).to_bytes(4, "big")
    return bytes(changed)


def spoilt(slot, at=50):
    """Return a slot whose ciphertext differs and whose CRC is right: the tag is wrong."""
    changed = bytearray(slot)
    changed[at] ^= 1
    return with_crc(changed)


def replaced(run, seq, slot):
    device, epoch, first, before, slots = run
    slots = list(slots)
    slots[seq - first] = slot
    return device, epoch, first, before, slots


@pytest.fixture
def tapped(world):
    first, card = world.devices[1], world.cards[0]
    first.load(card)
    for _ in range(4):
        first.tap(card)
    return world


@pytest.mark.requirement("D16")
def test_stored_an_acknowledgement_says_what_is_held_and_the_chain_there(tapped):
    first = tapped.devices[1]
    [ack] = tapped.post()
    assert ack == {
        "device": 1,
        "epoch": 0,
        "seq": 10,
        "H": first.chain[10],
        "incarnation": 1,
        "time": tapped.clock.now,
        "flags": 0,
    }
    assert len(tapped.keyring.sign("ack", [ack])[0]) == 64 + 68


@pytest.mark.requirement("D16", "R-19")
def test_repeated_batches_are_acknowledged_again_and_post_nothing(tapped):
    before = tapped.post()
    report = tapped.ledger.report(True)
    assert tapped.post() == before
    assert tapped.post(tapped.devices[1].run(3, 6)) == before
    assert tapped.ledger.report(True) == report


@pytest.mark.requirement("D16", "R-19")
def test_repeats_within_one_batch_post_once(tapped):
    run = tapped.devices[1].run()
    tapped.post(run, run, tapped.devices[1].run(5))
    assert tapped.ledger.report()["entries"] == 10


@pytest.mark.requirement("D16")
def test_a_gap_is_named_the_watermark_stays_below_it_and_money_still_posts(tapped):
    first = tapped.devices[1]
    assert tapped.post(first.run(5)) == []
    report = tapped.ledger.report()
    assert report["lost"] == 4 and report["gaps"][0]["missing"] == "1-4"
    assert report["entries"] == 6 and report["accounts"]["REV"] == 900
    [ack] = tapped.post(first.run(1, 2))
    assert ack["seq"] == 2 and ack["H"] == first.chain[2]
    [ack] = tapped.post(first.run(3, 4))
    assert ack["seq"] == 10 and ack["H"] == first.chain[10]
    assert tapped.ledger.report()["lost"] == 0


@pytest.mark.requirement("D1", "D16")
def test_a_new_epoch_begins_where_it_was_provisioned_with_its_own_chain(tapped):
    tapped.post()
    again = tapped.device(1, epoch=1, first_seq=11)
    again.tap(tapped.cards[0])
    [ack] = tapped.post(again.run())
    assert (ack["epoch"], ack["seq"], ack["H"]) == (1, 12, again.chain[2])
    assert tapped.ledger.report()["lost"] == 0


@pytest.mark.requirement("D16", "R-19")
def test_equivocation_same_number_other_bytes_neither_counts(tapped):
    first = tapped.devices[1]
    tapped.post()
    paid = tapped.ledger.report()["ledger_cards_cents"]
    twin = Device(tapped.keys, 1)
    twin.load(tapped.cards[1])
    tapped.post(twin.run(1, 1))
    report = tapped.ledger.report()
    assert report["equivocations"] == 1 and report["alarms"]["EQUIVOCATION"] == 1
    assert report["forks"] == 1  # the load of seq 1 is posted no longer
    assert report["ledger_cards_cents"] == paid - 2000
    assert report["trial_balance_cents"] == 0
    tapped.post(twin.run(1, 1), first.run())
    assert tapped.ledger.report() == report


@pytest.mark.requirement("D13", "D16", "T6")
def test_late_seal_of_a_number_an_earlier_block_sealed_is_evidence_only(tapped):
    """More of them are in test_ledger_late_seals.py."""
    tapped.post()
    wanted = tapped.ledger.report()["accounts"]
    thief = Device(tapped.keys, 1)
    while len(thief.slots) <= SLOTS_PER_BLOCK:
        thief.put(types.BOOT, {})
    tapped.post((1, 0, 1, bytes(32), [thief.sealed(types.BOOT, {}, 1, SLOTS_PER_BLOCK)]))
    assert reasons(tapped) == {"LATE_SEAL": 1}
    assert tapped.ledger.report()["accounts"] == wanted


@pytest.mark.requirement("D16")
@pytest.mark.parametrize("genuine_first", [True, False])
def test_equivocal_outcomes_settle_nothing_whichever_comes_first(world, genuine_first):
    card, first = world.cards[0], world.devices[1]
    announced = first.intent(card)
    card.commit(announced)
    twin = Device(world.keys, 1)
    twin.intent(world.cards[1])
    first.outcome(announced)
    twin.outcome(announced, 2)
    runs = [first.run(2), twin.run(2)]
    world.post(first.run(1, 1))
    for run in runs if genuine_first else reversed(runs):
        world.post(run)
    report = world.ledger.report()
    assert report["forks"] == 1 and report["ledger_cards_cents"] == 0


@pytest.mark.requirement("D16")
def test_an_equivocal_cash_sale_is_taken_back(world):
    first, twin = world.devices[1], Device(world.keys, 1)
    first.put(types.CASH_SALE, {"total": 320, "rounding": 8, "authority": 244, "operator": 7})
    twin.put(types.CASH_SALE, {"total": 640, "rounding": 8, "authority": 244, "operator": 7})
    world.post(first.run())
    assert world.ledger.report()["accounts"] == {"CASH": -320, "REV": 320}
    world.post(twin.run())
    assert world.ledger.report()["accounts"] == {"CASH": 0, "REV": 0}


@pytest.mark.requirement("D13", "D16", "R-19")
def test_bad_seal_is_quarantined_and_does_not_stop_the_watermark(tapped):
    first = tapped.devices[1]
    bad = replaced(first.run(), 3, spoilt(first.slots[2]))
    [ack] = tapped.post(bad)
    assert ack["seq"] == 10 and ack["flags"] == 1
    assert reasons(tapped) == {"BAD_SEAL": 1}
    assert tapped.ledger.report()["outcomes_unmatched"] == 1


@pytest.mark.requirement("D16", "D13", "T10", "T11")
@pytest.mark.parametrize("at", [12, 107, 108, 123, 124, 127], ids=lambda at: f"byte {at}")
def test_the_genuine_slot_takes_over_the_place_of_a_forged_one(tapped, at):
    first = tapped.devices[1]
    forged = spoilt(first.slots[2], at) if at < TAG_END else bytearray(first.slots[2])
    if at >= TAG_END:
        forged[at] ^= 1
    [ack] = tapped.post(replaced(first.run(), 3, bytes(forged)))
    # Or the edge would forget the genuine one, which the ledger has not posted.
    assert (ack["seq"], ack["flags"]) == (10, 1) and ack["H"] != first.chain[10]
    [ack] = tapped.post(first.run(3, 3))
    assert (ack["seq"], ack["H"], ack["flags"]) == (10, first.chain[10], 0)
    report = tapped.ledger.report()
    assert report["entries"] == 10 and report["lost"] == 0
    assert report["ledger_cards_cents"] == tapped.cards[0].cents


@pytest.mark.requirement("D16")
def test_a_forged_slot_far_ahead_makes_no_gap(tapped):
    first = tapped.devices[1]
    far = Device(tapped.keys, 1, first_seq=900_000)
    far.tap(tapped.cards[1])
    number, epoch, seq, before, slots = far.run()
    tapped.post(first.run(), (number, epoch, seq, before, [spoilt(s) for s in slots]))
    assert tapped.ledger.report()["lost"] == 0


@pytest.mark.requirement("D16", "T10")
def test_bytes_of_a_stranger_behind_the_newest_entry_do_not_move_the_watermark(tapped):
    first = tapped.devices[1]
    number, epoch, _, before, slots = first.run()
    [ack] = tapped.post(first.run(), (number, epoch, 11, before, [slots[-1], spoilt(slots[-1])]))
    assert (ack["seq"], ack["H"]) == (10, first.chain[10])
    first.tap(tapped.cards[0])
    [ack] = tapped.post(first.run(11))
    assert (ack["seq"], ack["H"]) == (12, first.chain[12])


@pytest.mark.requirement("D13")
def test_bad_format_is_quarantined_by_its_place_in_the_run(tapped):
    first = tapped.devices[1]
    torn = first.slots[4][:60] + bytes(68)
    [ack] = tapped.post(replaced(first.run(), 5, torn))
    assert ack["seq"] == 10 and ack["flags"] == 1
    assert reasons(tapped) == {"BAD_FORMAT": 1}


@pytest.mark.requirement("D16")
def test_unknown_device_is_kept_as_evidence_and_never_acknowledged(tapped):
    stranger = Device(tapped.keys, 77)
    stranger.tap(tapped.cards[0])
    assert tapped.post(stranger.run()) == []
    assert reasons(tapped) == {"UNKNOWN_DEVICE": 2}
    assert tapped.ledger.report()["entries"] == 0


@pytest.mark.requirement("D13", "D16")
def test_unknown_layout_is_held_and_acknowledged(tapped):
    first = tapped.devices[1]
    first.put(types.BOOT, {}, layout=5)
    [ack] = tapped.post()
    assert ack["seq"] == 11 and ack["H"] == first.chain[11]
    assert reasons(tapped) == {"UNKNOWN_LAYOUT": 1}
    assert tapped.ledger.report()["lost"] == 0
    assert tapped.post() == [ack]


@pytest.mark.requirement("D16")
def test_bad_value_is_held_acknowledged_and_moves_no_money(world):
    first = world.devices[1]
    first.put(types.INTENT, {"uid": world.cards[0].uid})  # n = 0 is the issue record's
    first.put(types.INTENT, {"body": bytes(9) + b"\1" + bytes(19)})  # no card
    first.put(types.OUTCOME, {"of": 1, "outcome": 7})
    [ack] = world.post()
    assert ack["seq"] == 3
    assert reasons(world) == {"BAD_VALUE": 3}
    assert world.ledger.report()["accounts"] == {}


@pytest.mark.requirement("D8")
def test_unknown_card_money_goes_to_unallocated_until_the_card_is_issued(world):
    card, row = world.plastic(99)
    first = world.devices[1]
    first.load(card, 2000)
    first.tap(card, 300)
    world.post()
    report = world.ledger.report()
    assert report["accounts"] == {"PREPAID": -2000, "REV": 300, "UNALLOCATED": 1700}
    assert report["unknown_cards"] == 1 and report["ledger_cards_cents"] == 0
    assert report["quarantine"] == {"UNKNOWN_CARD": 2} and report["alarms"] == {"UNKNOWN_CARD": 1}
    assert world.ledger.import_issues([row]) == 1
    report = world.ledger.report()
    assert report["ledger_cards_cents"] == 1700 and "UNALLOCATED" not in report["accounts"]
    assert report["unknown_cards"] == 0


def test_every_result_has_a_test_here():
    text = Path(__file__).read_text(encoding="utf-8")
    missing = [name for name in results.RESULTS if f"def test_{name.lower()}_" not in text]
    assert missing == []


@pytest.mark.requirement("D13", "D16")
def test_every_flipped_bit_of_a_slot_is_refused(tapped):
    first = tapped.devices[1]
    slot = first.slots[1]
    runs = []
    for bit in range(124 * 8):
        changed = bytearray(slot)
        changed[bit >> 3] ^= 128 >> (bit & 7)
        runs.append((1, 0, 2, bytes(32), [with_crc(changed)]))
    tapped.post(*runs)
    assert tapped.ledger.report()["entries"] == 0
    assert sum(reasons(tapped).values()) >= 900  # some flips make the same evidence twice


@pytest.mark.requirement("D16")
@pytest.mark.parametrize(
    "table",
    [
        "accounts",
        "cards",
        "entries",
        "pendings",
        "resolutions",
        "postings",
        "open_intents",
        "sightings",
        "devices",
    ],
)
def test_a_group_cut_anywhere_leaves_nothing_and_can_be_posted_again(tapped, table, monkeypatch):
    tapped.devices[2].intent(tapped.cards[0])
    tapped.devices[2].refuse(tapped.cards[1], tapped.devices[3].intent(tapped.cards[1]).record)
    tapped.devices[2].tap(tapped.plastic(70)[0])
    runs = (tapped.devices[1].run(), tapped.devices[2].run())
    database = tapped.ledger.database
    before = tapped.ledger.report(True)
    real = database.insert

    def cut(into, rows, extra=""):
        real(into, rows, extra)
        if into.name == table and rows:
            raise OSError("power")

    monkeypatch.setattr(database, "insert", cut)
    with pytest.raises(OSError, match="power"):
        tapped.post(*runs)
    monkeypatch.undo()
    assert tapped.ledger.report(True) == before
    tapped.post(*runs)
    assert tapped.ledger.report()["entries"] == 14


@pytest.mark.requirement("D11")
def test_an_absent_keyring_posts_nothing(tapped, monkeypatch):
    def absent(runs):
        raise KeyringAbsent("no answer")

    monkeypatch.setattr(tapped.keyring, "unseal", absent)
    with pytest.raises(KeyringAbsent):
        tapped.post()
    assert tapped.ledger.report()["entries"] == 0


@pytest.mark.requirement("D16")
def test_an_empty_group_and_an_empty_run_are_nothing(tapped):
    assert tapped.ledger.post([]) == []
    assert tapped.post((1, 0, 1, chain_start(1, 0), [])) == []


@pytest.mark.requirement("D13", "D16")
def test_a_hostile_edges_order_of_runs_cannot_bend_the_chain(tapped):
    first = tapped.devices[1]
    order = (7, 2, 9, 1, 3, 5, 4, 10, 8, 6)
    runs = [(1, 0, seq, bytes(32), [first.slots[seq - 1]]) for seq in order]
    acks = [tapped.post(run) for run in runs]
    assert acks[-1][0]["H"] == first.chain[-1] == chain_next(first.chain[-2], first.slots[-1])
    assert [a[0]["seq"] if a else 0 for a in acks] == [0, 0, 0, 2, 3, 3, 5, 5, 5, 10]
