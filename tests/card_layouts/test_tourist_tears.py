"""Power fails anywhere in the tap of a tourist ticket: it is used exactly once, never bricked."""

from functools import cache

import pytest

from card_layouts.cards import tourist_ticket
from card_layouts.cards.conversation import LOST, converse
from card_layouts.cards.ultralight_c import Session
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import SealError
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED, OUTCOME_ORPHAN
from simulator.field import Tear
from simulator.prng import Prng
from simulator.ultralight_c import UltralightC, image_to_json, tearing
from simulator.worlds.ticket_world import (
    KEYS,
    NOW,
    UID,
    Antenna,
    Gate,
    classes,
    positions,
    sold,
    torn_kinds,
    transcript_of_a_tap,
)
from tests import figures

pytestmark = pytest.mark.requirement("W-89", "W-94", "D30")

GARBAGE = 20


@cache
def sold_image():
    return sold().image


def ticket(torn=tearing.half, at_once=False):
    """Return a copy of one sold ticket; its counter stands at 1."""
    return UltralightC(sold_image().clone(), Prng(5).bytes, torn=torn, at_once=at_once)


def cuts_of(rows, garbage_count):
    """Return (exchange, cut, what a torn page holds): one row for each thing left behind."""
    return [(n, cut, kind) for n, cut in rows for kind in torn_kinds(cut, garbage_count)]


def tear(number, cut):
    return Tear(exchange=number, cut=cut)


def test_a_tap_costs_what_card_md_says():
    exchanges = transcript_of_a_tap()
    writes = [e for e in exchanges if e.command == 0xA2]
    assert len(exchanges) == 9
    assert sum(e.bytes_in for e in exchanges) == 49
    assert [e.bytes_out for e in writes] == [1] * 4  # four bits each
    assert sum(e.bytes_out for e in exchanges) == 66 + 4
    assert [e.write_steps for e in writes] == [2, 2, 2, 1]
    assert len(positions(exchanges)) == 126


@pytest.mark.parametrize("at_once", [False, True])
def test_a_ticket_torn_anywhere_is_used_once_by_the_next_tap(at_once):
    rows = positions(transcript_of_a_tap())
    cuts = cuts_of(rows, GARBAGE)
    committed = []
    for number, cut, kind in cuts:
        card, gate = ticket(kind, at_once), Gate()
        assert not gate.present(card, tear(number, cut)), (number, cut)
        committed.append(card.image.counter == 2)
        assert gate.present(card), (number, cut)
        assert (card.image.counter, gate.greens) == (2, 1), (number, cut)
        if gate.settled is not None:
            wanted = OUTCOME_COMMITTED if committed[-1] else OUTCOME_ABORTED
            assert gate.settled == wanted
    # Time runs one way: only the four bits of the last ACK are lost with the tap done.
    assert committed == [False] * (len(cuts) - 1) + [True]
    if not at_once:
        figures.add(figures.TEARS, len(rows))
        figures.add("tear positions of a tourist ticket's tap tried", len(rows))


def test_after_any_tear_another_gate_is_served_and_the_first_learns_the_truth():
    for number, cut, kind in cuts_of(positions(transcript_of_a_tap()), 1):
        card, first, second = ticket(kind), Gate(4711), Gate(4712)
        first.present(card, tear(number, cut))
        was_used = card.image.counter == 2
        assert second.present(card, now_s=NOW + 60)
        assert card.image.counter == 2 + was_used
        assert first.present(card, now_s=NOW + 120)
        if first.settled is not None:
            assert first.settled == (OUTCOME_COMMITTED if was_used else OUTCOME_ABORTED)


def doubles(rows, garbage_count):
    """Tear the tap and its repetition at every pair of `rows`; return how many pairs."""
    cuts = cuts_of(rows, garbage_count)
    for number, cut, kind in cuts:
        card, gate = ticket(kind), Gate()
        gate.present(card, tear(number, cut))
        image, memory = card.image, gate.open_tap
        for number2, cut2, kind2 in cuts:
            card = UltralightC(image.clone(), Prng(6).bytes, torn=kind2)
            gate = Gate()
            gate.open_tap = memory
            gate.present(card, tear(number2, cut2), now_s=NOW + 60)
            if not gate.greens:
                assert gate.present(card, now_s=NOW + 120), (number, cut, number2, cut2)
            assert (card.image.counter, gate.greens) == (2, 1), (number, cut, number2, cut2)
    figures.add("double tears of a tourist ticket's tap tried", len(cuts) ** 2)
    return len(cuts)


def test_two_tears_in_a_row_by_class_change_nothing():
    # 9 exchanges, each before and after; 7 write steps, three of which leave one of 6 things.
    assert doubles(classes(transcript_of_a_tap()), 2) == 18 + 4 + 3 * 6


@pytest.mark.full
def test_two_tears_in_a_row_anywhere_change_nothing():
    assert doubles(positions(transcript_of_a_tap()), GARBAGE) == 126 - 3 + 3 * 24


def test_a_gate_that_counts_first_bricks_tickets():
    """The canary: with the increment before the slot, most cuts after it leave nothing valid."""
    card = sold()
    Gate(stage_first=False).present(card)
    cuts = cuts_of(positions(card.meter.exchanges), GARBAGE)
    bricked = 0
    for number, cut, kind in cuts:
        card = ticket(kind)
        Gate(stage_first=False).present(card, tear(number, cut))
        try:
            Gate().present(card)
        except SealError:
            bricked += 1
    assert bricked > 60
    figures.add("tickets bricked by the mutant that counts first", bricked)


def test_a_swallowed_ack_is_settled_when_the_ticket_comes_again():
    """The card did it and stays in the field; only the reader does not know."""
    card, gate = ticket(), Gate()
    antenna = Antenna(card)
    carry = antenna.reader.exchange

    def swallowing(frame, length):
        got = carry(frame, length)
        if card.image.counter == 2:
            raise LOST.with_traceback(None)
        return got

    antenna.reader.exchange = swallowing
    antenna.reader.poll()
    session = Session(bytearray(64))
    with pytest.raises(type(LOST)):
        converse(gate._tap(session, bytes(8), NOW), session.frame, antenna.reader.exchange)
    assert gate.present(card)
    assert (gate.settled, card.image.counter) == (OUTCOME_COMMITTED, 2)


def test_what_later_taps_have_covered_is_left_to_the_ledger():
    card, gate = ticket(), Gate()
    gate.present(card, tear(8, positions(transcript_of_a_tap())[-1][1]))
    for minute in (1, 2):
        assert Gate(4712).present(card, now_s=NOW + 60 * minute)
    assert gate.present(card, now_s=NOW + 300)
    assert gate.settled == OUTCOME_ORPHAN


def test_a_prepared_slot_is_seen_and_does_not_count():
    card = ticket()
    last_write = [n for n, e in enumerate(transcript_of_a_tap()) if e.command == 0xA2][-1]
    Gate().present(card, tear(last_write, classes(transcript_of_a_tap())[-3][1]))
    before = image_to_json(card.image)
    seen = Antenna(card).talk(
        lambda session: tourist_ticket.check_ticket(session, UID, KEYS, bytes(8), TripleDes)
    )
    assert (seen.counter, seen.slot["start"]) == (1, 0)
    assert tourist_ticket.is_prepared(seen, KEYS[1])
    assert image_to_json(card.image) == before
