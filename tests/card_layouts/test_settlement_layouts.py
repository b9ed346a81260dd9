"""Lines, tree and shares of a settled day: nothing of a card, nothing lost, every line provable."""

import re
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.cards.card_layout import G
from card_layouts.errors import LayoutError, SealError
from card_layouts.fares import sections as s
from card_layouts.records.entries_service import CASH_SALE
from card_layouts.records.entries_tap import INTENT
from card_layouts.settlement import batch, merkle, shares
from card_layouts.settlement import lines as ln
from card_layouts.settlement.ciphertext import read_runs
from card_layouts.settlement.totals import ride_facts, sale_facts

SPEC = Path(ln.__file__).with_name("SPEC_SETTLEMENT.md").read_text(encoding="utf-8")
payloads = st.binary(min_size=96, max_size=96)
slots = st.tuples(st.integers(0, 2**20 - 1), st.integers(0, 63), st.integers(0, 2**30 - 1))


@st.composite
def lines(draw):
    return ln.Line(
        draw(st.integers(1, 5)), draw(st.integers(0, 5)), draw(st.sampled_from((-1, 0, 1))),
        draw(st.integers(0, 63)), *draw(slots), draw(slots), draw(payloads),
    )  # fmt: skip


@pytest.mark.requirement("D25")
@given(lines())
def test_a_line_is_the_bytes_of_its_table_and_read_back(line):
    fields = line._asdict()
    device, epoch, seq = fields.pop("leg")
    packed = ln.LINE.pack({**fields, "layout": 1, "sign": line.sign % 3, "leg_device": device,
                           "leg_epoch": epoch, "leg_seq": seq})  # fmt: skip
    assert ln.encode_line(line) == bytes(packed)
    assert ln.decode_line(bytes(packed)) == line


@given(st.binary(min_size=120, max_size=120))
def test_bytes_that_no_ledger_writes_are_refused(data):
    try:
        line = ln.decode_line(data)
    except LayoutError:
        return
    assert ln.encode_line(line) == data


def test_the_spec_has_the_table_of_a_line():
    told = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", SPEC, re.M)
    assert [(int(bit), int(width), name) for bit, width, name in told] == list(ln.LINE.rows())


@pytest.mark.requirement("D25", "W-148")
@given(payloads)
def test_a_blanked_intent_keeps_the_price_and_nothing_of_the_card(payload):
    blank = ln.blank_intent(payload)
    assert ln.blank_intent(blank) == blank
    for name in ("uid", "h"):
        assert not any(INTENT.get(blank, name)) if name == "uid" else not any(blank[36:44])
    assert not any(G.get(blank, name) for name in ("n", "b", "a", "D", "L"))
    whole, cut = ride_facts(payload), ride_facts(blank)
    assert cut._replace(seconds=whole.seconds) == whole
    assert cut.seconds // 60 == whole.seconds // 60
    if INTENT.get(payload, "was_start_zone"):
        was = INTENT.get(payload, "was_time"), INTENT.get(blank, "was_time")
        assert was[0] // 60 == was[1] // 60
        assert whole.seconds - was[0] == cut.seconds - was[1]


@given(payloads)
def test_a_blanked_sale_keeps_its_money_and_no_clerk(payload):
    blank = ln.blank_sale(payload)
    assert ln.blank_sale(blank) == blank and not CASH_SALE.get(blank, "clerk")
    whole = sale_facts(payload)
    assert sale_facts(blank)._replace(seconds=whole.seconds) == whole


@pytest.mark.requirement("D25")
@given(st.lists(st.binary(min_size=120, max_size=120), min_size=1, max_size=40), st.data())
def test_every_line_is_shown_to_be_in_the_tree_and_no_other_is(records, data):
    tree = merkle.Tree()
    for record in records:
        tree.add(record)
    place = data.draw(st.integers(0, len(records) - 1))
    leaves = [merkle.leaf_hash(record) for record in records]
    path = merkle.path_of(leaves, place)
    count = len(records)
    assert merkle.root_by_path(records[place], place, count, path) == tree.root()
    other = bytes([records[place][0] ^ 1]) + records[place][1:]
    assert merkle.root_by_path(other, place, count, path) != tree.root()
    assert merkle.root_by_path(records[place], place, count, [*path, bytes(32)]) == b""


@pytest.mark.requirement("X-1", "X-12")
@given(st.integers(-(10**7), 10**7), st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_parts_sum_to_the_whole_and_none_is_a_cent_off(total, weights):
    parts = shares.divide(total, weights)
    assert sum(parts) == total
    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(total * weight, sum(weights))) < 1


@pytest.mark.requirement("X-1")
def test_the_tax_in_a_price_is_rounded_once_half_away_from_0():
    assert [shares.tax_inside(cents, 140) for cents in (114, -114, 0, 57)] == [14, -14, 0, 7]
    assert shares.tax_inside(1000, 0) == 0


@pytest.mark.requirement("X-12")
@given(
    st.sampled_from((s.REVENUE_FIRST_BOARDING, s.REVENUE_PER_LEG, s.REVENUE_PER_KM)),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 900)), min_size=1, max_size=6),
)
def test_what_legs_settle_one_after_the_other_is_the_journeys_revenue(revenue, legs):
    got: dict[int, int] = {}
    legs = [shares.Leg(*leg, b"") for leg in legs]
    for count in range(1, len(legs) + 1):
        moved = shares.earned(revenue, legs[:count])
        assert sum(cents for _, cents in moved) == legs[count - 1].cents
        for operator, cents in moved:
            got[operator] = got.get(operator, 0) + cents
    total = sum(leg.cents for leg in legs)
    if revenue == s.REVENUE_FIRST_BOARDING:
        assert got == {legs[0].operator: total}
        return
    wanted: dict[int, int] = {}
    parts = shares.divide(total, [1] * len(legs))
    for leg, cents in zip(legs, parts, strict=True):
        wanted[leg.operator] = wanted.get(leg.operator, 0) + cents
    assert {o: c for o, c in got.items() if c} == {o: c for o, c in wanted.items() if c}


VALUES = {
    "schema": 2, "number": 1, "day": 5, "closed_at": 9, "currency": "EUR", "previous": b"",
    "ranges": [[1, 2]] * 4, "tariffs": [[1, 1, bytes(32)]],
    "devices": [[7, 0, 3, bytes(32), "5-6,9"]], "lines": 0, "root": bytes(32), "sums": [0] * 4,
    "operators": [[1] * 9], "payers": [[1, "town", 1, 1, 1, 1, 1, 1]], "products": [[1] * 8],
    "days": [[1] * 4], "tax": [[1, "low", 1, 1, 1]], "clearing": [[1, 2, 3]],
    "channels": [[1, "vehicle", 1, 1]],
    "passes": [[1, 2, 202606, 1, "low", 60, 5]], "uses": [[1, 2, 202606, 1, 7, "", 0, 3]],
    "shared": [[1, 1, 7, "", 0, 5]], "loads": [[1, 2, 3]], "takings": [[1, "counter", 5]],
}  # fmt: skip


def test_a_body_is_read_back_as_it_was_written():
    assert batch.decode_body(batch.encode_body(VALUES)) == VALUES


@pytest.mark.parametrize("name", [name for name, _ in batch.FIELDS])
@pytest.mark.parametrize("wrong", (7, "x", b"x", [], [[]], [7], [["x", "y"]], [[1, [2]]]))
def test_a_part_of_another_kind_is_refused_by_name_or_is_as_good(name, wrong):
    try:
        body = batch.decode_body(batch.encode_body({**VALUES, name: wrong}))
    except LayoutError as error:
        assert "batch.body" in str(error)
    else:
        assert body[name] == wrong and type(wrong) is type(VALUES[name])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_refused(data):
    with pytest.raises((LayoutError, SealError)):
        batch.open_batch(data, bytes(32))
    with pytest.raises(LayoutError):
        list(read_runs(BytesIO(b"\1" + data)))
