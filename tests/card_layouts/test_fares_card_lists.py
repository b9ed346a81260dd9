"""What was read of a card fills the CARD list; usage of an earlier sale is no usage (D32)."""

import pytest

from card_layouts.cards.card_layout import S, T
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import has_usage, load_head, load_usage, usage_after


def head_with(instance):
    values = {"layout": 1, "authority": 9, "d_mechanism1": 2, "d_product1": 7, "d_usage1": 1}
    return S.unpack(S.pack({**values, "d_k1": instance}))


def usage_of(instance):
    values = {"t_k1": instance, "t_start1": 2300, "t_length1": 30, "t_left1": 4, "t_cents1": 900}
    return T.pack({"layout": 1, "day_sum": 250, "cap_day": 2301, **values})


@pytest.mark.requirement("D32", "W-56")
@pytest.mark.parametrize(("instance", "start"), [(2, 2300), (1, 0), (3, 0)])
def test_a_usage_row_counts_only_for_the_sale_it_belongs_to(instance, start):
    card = i.new_card()
    load_head(card, head_with(2))
    assert has_usage(card)
    load_usage(card, head_with(2), T.unpack(usage_of(instance)))
    at = i.slot_at(1)
    assert card[at + i.S_START] == start
    assert card[at + i.S_LEFT] == (4 if start else 0)
    assert card[i.C_DAY_SUM] == 250  # the purse's sums belong to no sale


@pytest.mark.requirement("D32")
def test_what_a_decision_writes_belongs_to_the_sale_and_leaves_other_rows_alone():
    d = i.new_decision()
    d[i.D_T_SLOT], d[i.D_T_START], d[i.D_T_LENGTH], d[i.D_DAY_SUM] = 2, 2400, 30, 260
    before = T.pack({"layout": 1, "t_k1": 1, "t_k3": 3, "t_start3": 77})
    after = T.unpack(usage_after(d, head_with(2), before))
    assert (after["t_k1"], after["t_start1"], after["t_length1"]) == (2, 2400, 30)
    assert (after["t_k3"], after["t_start3"], after["day_sum"]) == (3, 77, 260)
