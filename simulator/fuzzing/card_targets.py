"""Seeds, repairs and rules of cards: recorded answers of every flow, files and pages of real cards.

Cards are issued and tickets sold by the real office under the bench's masters; then each flow of
the firmware is run once with them and its answers are kept.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from card_layouts.answers import ACCEPTED_GRACE, ACCEPTED_SETTLED, opens
from card_layouts.cards import tourist_sale, tourist_ticket
from card_layouts.cards.card_layout import (
    FILE_A,
    FILE_C,
    FILE_V,
    G_BYTES,
    P_SLOT,
    RECORD_LAYOUT,
    G,
    J,
    S,
    T,
    counter_b_n,
)
from card_layouts.cards.ulc_layout import (
    PAGE_COUNTER,
    PAGE_HEADER,
    PAGE_SLOT_A,
    ULC_HEADER,
    ULC_SLOT,
    seal_ulc_slot,
)
from card_layouts.cards.zones import ZONES_ALL
from card_layouts.codec.bits import Layout
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.packages.hotlist_builder import build_base
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from firmware import tap_ticket
from simulator.bench.board import AID, AUTHORITY, NOW, master
from simulator.bench.cards import flat_tariff, make_cards
from simulator.desfire_card import DesfireCard
from simulator.desfire_card.image import DataFile, RecordFile, ValueFile
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.mutation import BYTES, fixed, in_fields, in_parts
from simulator.fuzzing.shared import board as b
from simulator.fuzzing.shared import cards as shared_cards
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.shared.readers import reader_of
from simulator.fuzzing.shared.sealed_card import FILE_NUMBERS
from simulator.fuzzing.target import Work, must
from simulator.prng import Prng
from simulator.ultralight_c import Image, UltralightC
from simulator.worlds.ticket_world import Station as TicketDesk

FLOWS = range(len(b.FLOWS))
STATUSES = (0x00, 0x0B, 0x0C, 0x0E, 0x1C, 0x1E, 0x40, 0x7E, 0x9D, 0x9E, 0xA0, 0xA1, 0xAE, 0xAF,
            0xBE, 0xC1, 0xCA, 0xCD, 0xCE, 0xDE, 0xEE, 0xF0, 0xF1)  # fmt: skip
DAY_S = 86400


@cache
def setup() -> tuple[bytes, bytes]:
    """Return the packages of the board: a flat tariff, and a hotlist of one stranger."""
    listed = build_base(1, [(b"\x05" * 7, HOT_BLOCK, 1)], AUTHORITY)
    return flat_tariff(), listed


@cache
def image() -> Any:
    """Return the EEPROM of a card of the office, its UID the one the board is told."""
    return make_cards(1)[0].image


def _card() -> DesfireCard:
    return DesfireCard(image().clone(), Prng(2).bytes)


@cache
def sold() -> Image:
    """Return the pages of a tourist ticket as it leaves the counter."""
    card = UltralightC(Image(b.UID), Prng(5).bytes)
    day = NOW // DAY_S
    header = {"authority": AUTHORITY, "product": 70, "days": 7, "zones": ZONES_ALL,
              "sold": day, "activate_by": day + 30, "price": 1600}  # fmt: skip
    keys = tourist_ticket.ticket_keys(master("TICKET"), b.UID)
    TicketDesk(card).sell(tourist_sale.recipe_of(keys, b.UID, header, b.DEVICE))
    return card.image


class _Tape:
    """Keeps what a card answers, as the parts of a case."""

    def __init__(self, exchange: Callable[[bytes], bytes]) -> None:
        self.exchange_bytes = exchange
        self.parts: list[bytes] = []

    def exchange(self, frame: bytearray, length: int) -> int:
        """Carry one command."""
        answer = self.exchange_bytes(bytes(frame[:length]))
        self.parts.append(b"\0" + answer)
        frame[: len(answer)] = answer
        return len(answer)


@cache
def recorded() -> tuple[bytes, ...]:
    """Return an honest conversation of every flow."""
    seeds = []
    for flow in FLOWS:
        board = b.Board(*setup())
        card: Any = UltralightC(sold().clone(), Prng(5).bytes) if flow == b.TICKET else _card()
        if flow == b.LOAD:  # the office loads to the limit: one tap makes room
            card.power_on()
            b.Board(*setup()).present(b.TAP, _Tape(card.exchange).exchange)
            card.power_off()
        card.power_on()
        tape = _Tape(card.exchange)
        board.present(flow, tape.exchange)
        seeds.append(join_parts([bytes([flow]), *tape.parts]))
    return tuple(seeds)


def answers_work() -> Work:
    """What a card without keys can say: every flow ends with an answer, and none commits."""
    honest = [split_parts(seed)[1:] for seed in recorded()]
    read = reader_of("card-answers")[0](setup())
    commits = [read(seed)[3] for seed in recorded()]

    def status(case: bytes, prng: Prng, work: Work) -> bytes:
        """Put a status for an answer, or lose it."""
        parts = split_parts(case)
        if len(parts) < 2:
            return case
        at = 1 + prng.below(len(parts) - 1)
        code = STATUSES[prng.below(len(STATUSES))]
        kind = prng.below(8)
        parts[at] = bytes([0, code]) + (parts[at][2:] if prng.below(2) else b"")
        if kind < 2:
            parts[at] = bytes([1 + kind])
        return join_parts(parts)

    def check(case: bytes, value: Any) -> None:
        flow, answer, _exchanges, commit_at, opened, _head, _h, _open = value
        _gate(opened, answer, commit_at)
        if commit_at < 0 or flow == b.TICKET:
            return
        # The answer to SELECT is not sealed: whatever follows its status changes nothing.
        sealed = honest[flow][1 : commits[flow]]
        said = split_parts(case)[1 : 1 + commit_at][-len(sealed) :]
        same = [ours[1:65] == theirs[1:] for ours, theirs in zip(said, sealed, strict=False)]
        must(all(same) and len(same) == len(sealed), "committed after a forged answer")

    operations = (in_parts(*BYTES), in_parts(*BYTES), status, status, *BYTES)
    return shared_work(
        "card-answers", list(recorded()), setup=setup(), operations=operations, check=check
    )


def _gate(opened: bool, answer: int, commit_at: int) -> None:
    """Check that the gate opens on a commit alone, or on one that the card already shows."""
    if opened:
        shown = answer in (ACCEPTED_GRACE, ACCEPTED_SETTLED)
        must(opens(answer) and (shown or commit_at >= 0), "the gate opened without a commit")


def _files(card: DesfireCard) -> list[bytes]:
    files = card.image.applications[AID].files
    rows = []
    for number in FILE_NUMBERS:
        file = files[number]
        if isinstance(file, ValueFile):
            rows.append(file.value.to_bytes(4, "little", signed=True))
        elif isinstance(file, RecordFile):
            rows.append(b"".join(file.records))
        else:
            assert isinstance(file, DataFile)
            rows.append(bytes(file.data))
    return rows


def files_work() -> Work:
    """What a card with every key can hold: whoever leaks the keys, a tap still ends."""
    plain = _files(_card())
    full = list(plain)
    full[3] = S.pack({**S.unpack(plain[3]), **_directory()})
    full[4] = plain[4][:12] + P_SLOT.pack(_right()) * 4
    rich = list(plain)
    rich[7] = b"".join(_record(plain[7], n) for n in range(10))
    rich[1] = ((1 << 30) - 1 - 9).to_bytes(4, "little")
    seeds = [
        join_parts([bytes([flow, 0xFF, 0]), *files])
        for flow in range(b.TICKET)
        for files in (plain, full, rich)
    ]
    layouts = {4: S, 5: P_SLOT, 6: T, 7: J, 8: G}

    def field(case: bytes, prng: Prng, work: Work) -> bytes:
        """Put a field of one of the files to its edge."""
        parts = split_parts(case)
        at = 4 + prng.below(5)
        if at >= len(parts) or len(parts[at]) < layouts[at].size:
            return case
        skip = 12 if at == 5 else max(0, len(parts[at]) - G_BYTES) if at == 8 else 0
        parts[at] = in_fields(layouts[at], at=skip)(parts[at], prng, work)
        return join_parts(parts)

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        """Let counter and newest record agree, and layouts be known: then the tap goes on."""
        parts = split_parts(case)
        if len(parts) < 9 or len(parts[8]) < G_BYTES or len(parts[2]) != 4:
            return case
        newest = bytearray(parts[8][-G_BYTES:])
        newest[0] = newest[0] & 0x1F | RECORD_LAYOUT << 5
        G.put(newest, "n", counter_b_n(int.from_bytes(parts[2], "little") & (1 << 30) - 1)[1])
        parts[8] = parts[8][:-G_BYTES] + bytes(newest)
        if parts[4]:
            parts[4] = bytes([parts[4][0] & 15 | 0x10]) + parts[4][1:]
        return join_parts(parts)

    def turn(case: bytes, prng: Prng, work: Work) -> bytes:
        """Let the card say a status at one exchange."""
        parts = split_parts(case)
        if parts and len(parts[0]) == 3:
            code = STATUSES[prng.below(len(STATUSES))]
            parts[0] = bytes([parts[0][0], prng.below(16), code])
        return join_parts(parts)

    def check(case: bytes, value: Any) -> None:
        _flow, answer, _exchanges, commit_at, opened, _head, _h, _open = value
        _gate(opened, answer, commit_at)

    operations = (field, field, field, turn, in_parts(*BYTES))
    return shared_work("card-files", seeds, setup=setup(), operations=operations, repair=repair,
                       check=check)  # fmt: skip


def _directory() -> dict[str, int]:
    fields: dict[str, int] = {}
    for slot in range(4):
        fields |= {f"d_mechanism{slot}": slot + 1, f"d_product{slot}": 1, f"d_zones{slot}": 0x4000,
                   f"d_last{slot}": 3000, f"d_usage{slot}": slot & 1}  # fmt: skip
    return fields


def _right() -> dict[str, int]:
    return {"mechanism": 1, "product": 1, "zones": 0x4000, "first_day": 1, "last_day": 3000}


def _record(records: bytes, n: int) -> bytes:
    out = bytearray(records[-G_BYTES:])
    G.put(out, "n", n)
    G.put(out, "kind", 2)
    G.put(out, "time", NOW - 60)
    return bytes(out)


def pages_work() -> Work:
    """What a ticket can hold; a repair seals the slot that its counter names."""
    memory = _memory()
    seeds = [memory]
    layout = Layout("header", 192, _ticket_fields())
    k_slot = tourist_ticket.ticket_keys(master("TICKET"), b.UID)[1]

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        pages = bytearray(case[:192].ljust(192, b"\0"))
        counter = pages[4 * PAGE_COUNTER] | pages[4 * PAGE_COUNTER + 1] << 8
        header = bytes(pages[4 * PAGE_HEADER : 4 * PAGE_HEADER + 12])
        for count in (counter, counter + 1)[: 1 + prng.below(2)]:
            at = 4 * PAGE_SLOT_A + 12 * (count & 1)
            fields = ULC_SLOT.unpack(pages[at : at + 12])
            fields.pop("mac")
            if count <= 0xFFFF:
                pages[at : at + 12] = seal_ulc_slot(fields, k_slot, b.UID, header, count)
        return bytes(pages)

    def check(case: bytes, value: Any) -> None:
        _flow, answer, _exchanges, commit_at, opened, _head, _h, _open = value
        _gate(opened, answer, commit_at)

    operations = (in_fields(layout), in_fields(layout), fixed(*BYTES, size=192))
    work = shared_work("ticket-pages", seeds, setup=setup(), operations=operations, repair=repair,
                       check=check)  # fmt: skip
    work.read = _with_library(work.read)
    return work


def _with_library(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return a read whose 3DES is the library's: our own takes most of a tap's time."""
    places: tuple[Any, ...] = (tap_ticket, shared_cards)

    def reads(case: bytes) -> Any:
        ours = [place.TripleDes for place in places]
        for place in places:
            place.TripleDes = TripleDes
        try:
            return read(case)
        finally:
            for place, before in zip(places, ours, strict=True):
                place.TripleDes = before

    return reads


def _memory() -> bytes:
    card = UltralightC(sold().clone(), Prng(5).bytes)
    pages = bytearray(192)
    for page in sorted(card.image.user):
        pages[4 * page : 4 * page + 4] = card.image.user[page]
    pages[4 * PAGE_COUNTER : 4 * PAGE_COUNTER + 2] = card.image.counter.to_bytes(2, "little")
    return bytes(pages)


def _ticket_fields() -> tuple[Any, ...]:
    """Return one flat table of the fields of a ticket's memory, where they lie."""
    rows: list[Any] = ["free", 30, "free", 30, "free", 30, "free", 6, "otp", 16, "free", 16]
    rows += ULC_HEADER.fields
    gap = (4 * PAGE_SLOT_A - 4 * PAGE_HEADER - 12) * 8
    rows += ["free", gap]
    for slot in "ab":
        for at in range(0, len(ULC_SLOT.fields), 2):
            rows += [f"{slot}_{ULC_SLOT.fields[at]}", ULC_SLOT.fields[at + 1]]
    rows += ["free", (4 * PAGE_COUNTER - 4 * PAGE_SLOT_A - 24) * 8, "counter", 16]
    return tuple(rows)


assert (FILE_V, FILE_C, FILE_A) == FILE_NUMBERS[:3]
