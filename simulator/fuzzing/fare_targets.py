"""Seeds, questions and rules of tariff packages."""

from typing import Any

from card_layouts.codec import cbor
from card_layouts.fares import inputs as i
from card_layouts.fares.package import HEADER_BYTES, u16
from card_layouts.fares.sections import SECTION_MAX
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.mutation import BYTES, EDGES, WIDE_EDGES
from simulator.fuzzing.target import Work, must
from simulator.prng import Prng
from simulator.worlds.product_tariff import BEST, CHILD, FLEX, RIDES, SENIOR, VALUE, product_tariff
from simulator.worlds.small_tariffs import count_tariff

AUTHORITY, DAY = 244, 2400
SECONDS = DAY * 86_400 + 36_000
PURSES = ((VALUE, 0), (BEST, 0), (SENIOR, 3), (1, 0), (1, CHILD))


def _card(purse: int, group: int, slots: tuple[int, ...] = ()) -> list[int]:
    card: list[int] = i.new_card()
    card[i.C_ISSUER], card[i.C_GROUP] = AUTHORITY, group
    card[i.C_BALANCE], card[i.C_PURSE_PRODUCT] = 2_000, purse
    for slot, product in enumerate(slots):
        at = i.slot_at(slot)
        card[at + i.S_MECHANISM], card[at + i.S_PRODUCT] = 2, product
        card[at + i.S_ZONES], card[at + i.S_LAST], card[at + i.S_USAGE] = 0x6000, DAY + 30, 1
        if slot % 2:
            card[at + i.S_START], card[at + i.S_LENGTH] = DAY - 3, 30
            card[at + i.S_DAY], card[at + i.S_LEFT] = DAY, 5
    return card


def _tap(**fields: int) -> list[int]:
    tap: list[int] = i.new_tap()
    tap[i.T_SECONDS] = SECONDS
    for name, value in fields.items():
        tap[getattr(i, "T_" + name)] = value
    return tap


def questions() -> list[list[list[int]]]:
    """Return cards with taps that ask different sections of a package."""
    taps = [_tap(TRIP=0, CALL=0), _tap(STOP=1), _tap(PICKED=0x6000, SECONDS=SECONDS + 50_000),
            _tap(TRIP=0, CALL=1, ADULTS=1, CHILDREN=2)]  # fmt: skip
    cards = [_card(purse, group) for purse, group in PURSES]
    cards += [_card(VALUE, 0, (FLEX, RIDES)), _card(0, 0, (101, 103, 106, 110))]
    rows = [[card, taps[at % len(taps)]] for at, card in enumerate(cards)]
    journey = _card(VALUE, 0, (BEST,))
    journey[i.C_J_AUTHORITY], journey[i.C_J_START_ZONE], journey[i.C_J_ZONES] = AUTHORITY, 1, 0x4000
    journey[i.C_J_START_MINUTE] = SECONDS // 60 - 20
    journey[i.C_J_TIME], journey[i.C_J_CHARGED] = SECONDS - 1200, 250
    return [*rows, [journey, taps[1]]]


def tariff_work() -> Work:
    """A package: it is none, or it prices; what it prices is no more than the purse may pay."""
    seeds = [product_tariff(AUTHORITY), product_tariff(AUTHORITY, 60),
             count_tariff([[250, 338], [120, 170]], AUTHORITY),
             count_tariff([[250]], AUTHORITY, pass_back_s=60)]  # fmt: skip

    def section(case: bytes, prng: Prng, work: Work) -> bytes:
        """Change a number inside a section, or in the directory's row of it."""
        if len(case) < HEADER_BYTES + 8 * SECTION_MAX:
            return case
        at = HEADER_BYTES + 8 * prng.below(max(1, case[7] % (SECTION_MAX + 1)))
        out = bytearray(case)
        if prng.below(4) == 0:
            at += prng.below(8)
        else:
            size, count = out[at + 1], u16(out, at + 2)
            at = u16(out, at + 4) + prng.below(max(1, size * min(count, 64)))
        if at >= len(out):
            return case
        if prng.below(3):
            out[at] = EDGES[prng.below(len(EDGES))] if prng.below(2) else prng.below(256)
        else:
            value = WIDE_EDGES[prng.below(len(WIDE_EDGES))] & 0xFFFF
            out[at : at + 2] = value.to_bytes(2, "little")
        return bytes(out)

    def check(case: bytes, value: Any) -> None:
        for row in value[1:]:
            if isinstance(row, tuple):
                kind, reason, amount, purse = row
                must(0 <= kind < len(i.KIND_NAMES), "no such kind of decision")
                must(0 <= reason < len(i.REFUSED_NAMES), "no such refusal")
                must(kind == i.KIND_REFUSED or 0 <= amount <= purse, "more than the purse may pay")
                must(kind != i.KIND_REFUSED or reason >= 2, "a refusal without a reason")

    setup = [cbor.encode(questions())]
    operations = (section, section, section, section, section, section, *BYTES)
    work = shared_work("tariff", seeds, setup=setup, operations=operations, check=check)
    work.lines_max = 300_000
    return work
