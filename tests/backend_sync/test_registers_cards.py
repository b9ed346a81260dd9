"""Cards by serial range: delivered, moved, handed out, undone; a refusal changes nothing."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend_sync.registers import card_states
from backend_sync.registers.card_states import ACTS, KINDS, STATES, becoming, moving
from backend_sync.registers.card_views import alarms, history, set_place, stock, where
from backend_sync.registers.cards import Span
from backend_sync.registers.refusals import Refused
from backend_sync.registers.tables import metadata
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import FIRST, span, verified


@pytest.fixture
def world(bare_url):
    """A register on each of the two databases, that is what its trail says at the end."""
    with verified(bare_url) as made:
        yield made


@pytest.fixture
def quick():
    with verified() as made:
        yield made


def refused(world, change, *arguments, **named):
    """Return why a change is refused; nothing of it may remain."""
    before = world.everything()
    with pytest.raises(Refused) as raised:
        change(*arguments, **named)
    assert world.everything() == before
    return str(raised.value)


@pytest.mark.requirement("W-96", "W-123", "W-124", "W-125", "W-149", "R-1", "R-3", "D1")
def test_a_delivery_goes_from_the_supplier_to_stock_and_points_by_range(world):
    world.cards.deliver(world.anna, span(0, 99), 17)
    assert world.ranges() == [(0, 99, "ordered", "supplier")]
    world.cards.move(world.anna, [span(0, 99)], "stock", "supplier")
    world.cards.move(world.anna, [span(20, 39)], "point:kamppi", "stock", "for the summer")
    assert world.ranges() == [
        (0, 19, "in stock", "stock"),
        (20, 39, "at point", "point:kamppi"),
        (40, 99, "in stock", "stock"),
    ]
    acts = [(d.act, d.by, d.reason) for d in history(world.database, world.anna, AUTHORITY, 1020)]
    assert acts == [
        ("deliver", "anna", ""),
        ("receive", "anna", ""),
        ("distribute", "anna", "for the summer"),
    ]


@pytest.mark.requirement("W-97", "W-104", "R-12")
def test_a_card_is_handed_out_comes_back_and_is_handed_out_to_somebody_else(world):
    world.stocked()
    world.cards.move(world.anna, [span(0, 9)], "point:kamppi")
    for _ in range(2):
        world.cards.become(world.carl, [span(3)], "with customer")
        assert where(world.database, world.carl, AUTHORITY, FIRST + 3)[1] == "customer"
        world.cards.become(world.carl, [span(3)], "returned")
        world.cards.become(world.carl, [span(3)], "at point")
    assert world.ranges()[0] == (0, 9, "at point", "point:kamppi")  # one range again


@pytest.mark.requirement("W-97")
def test_cards_are_sent_out_from_stock_in_bulk_at_launch(quick):
    quick.cards.become(quick.anna, [quick.stocked(100_000)], "with customer")
    assert quick.ranges() == [(0, 99_999, "with customer", "customer")]


@pytest.mark.requirement("W-124")
def test_a_million_cards_are_as_many_rows_as_there_are_differences(quick):
    cards = quick.stocked(1_000_000)
    assert len(quick.ranges()) == 1
    quick.cards.become(quick.anna, [span(500_000)], "damaged")
    assert len(quick.ranges()) == 3
    quick.cards.undo(quick.anna, 3)
    assert quick.ranges() == [(0, cards.card_count - 1, "in stock", "stock")]


@pytest.mark.requirement("R-1", "D1")
def test_an_overlapping_delivery_is_refused_by_the_card_that_is_there(world):
    world.stocked()
    why = refused(world, world.cards.deliver, world.anna, span(50, 149), 18)
    assert why == "card 244 00001050 8 is in a delivery already"


def test_a_hole_in_a_range_is_refused_by_the_first_card_that_nobody_delivered(quick):
    quick.stocked(10)
    quick.cards.deliver(quick.anna, span(12, 20), 18)
    why = refused(quick, quick.cards.move, quick.anna, [span(5, 15)], "point:kamppi")
    assert "244 00001010 2 is in no delivery" in why


@pytest.mark.requirement("W-123", "W-124")
def test_a_card_that_is_elsewhere_stops_the_whole_move(world):
    world.stocked()
    world.cards.move(world.anna, [span(5)], "point:pasila")
    elsewhere = [span(20, 29), span(0, 9)]  # the first range alone could be moved
    why = refused(world, world.cards.move, world.anna, elsewhere, "point:kamppi", "stock")
    assert "244 00001005 2 is at point at point:pasila, not at stock" in why
    assert "cards that are alike" in refused(
        world, world.cards.move, world.anna, [span(0, 9)], "point:kamppi"
    )


@pytest.mark.requirement("W-10", "W-123")
def test_cards_of_another_authority_are_refused(quick):
    quick.registers.found(91, "bea", "another secret")
    foreign = Span(91, 5, 9)
    assert "authority 91, not 244" in refused(quick, quick.cards.deliver, quick.anna, foreign, 1)
    bea = quick.users.get("bea")
    quick.cards.deliver(bea, foreign, 1)
    why = refused(quick, quick.cards.move, quick.anna, [foreign], "stock")
    assert "authority 91, not 244" in why
    why = refused(quick, quick.cards.move, bea, [foreign], "point:kamppi")
    assert "authority 91 has none of that name" in why
    assert [row.authority for row in stock(quick.database, quick.anna)] == []


def test_an_unknown_place_state_or_authority_is_refused_by_name(quick):
    cards = quick.stocked()
    assert "it has supplier, point:kamppi, point:pasila, stock" in refused(
        quick, quick.cards.move, quick.anna, [cards], "point:kampi"
    )
    assert "wanted ordered, in stock" in refused(
        quick, quick.cards.become, quick.anna, [cards], "sold"
    )
    assert "from there: to supplier, to point" in refused(
        quick, quick.cards.move, quick.anna, [cards], "customer"
    )
    assert "before the first" in refused(
        quick, quick.cards.move, quick.anna, [span(9, 3)], "point:kamppi"
    )
    assert "at which point" in refused(
        quick, quick.cards.become, quick.anna, [handed_out(quick, 1)], "returned"
    )


def handed_out(world, at):
    world.cards.become(world.anna, [span(at)], "with customer")
    return span(at)


@pytest.mark.requirement("W-10", "W-11")
def test_a_point_changes_its_own_cards_and_those_of_customers_only(world):
    world.stocked()
    world.cards.move(world.anna, [span(0, 9)], "point:kamppi")
    world.cards.move(world.anna, [span(10, 19)], "point:pasila")
    why = refused(world, world.cards.become, world.carl, [span(10)], "with customer")
    assert why == "card 244 00001010 2 is not where user carl sees cards"
    why = refused(world, world.cards.become, world.carl, [span(50)], "lost")
    assert "is not where user carl sees cards" in why
    for serial in (FIRST + 10, FIRST + 50):
        assert "not where carl sees" in refused(
            world, where, world.database, world.carl, AUTHORITY, serial
        )
    world.cards.become(world.carl, [span(0)], "with customer")
    world.cards.become(world.dora, [span(0)], "returned")  # bought there, brought back here
    assert where(world.database, world.dora, AUTHORITY, FIRST) == ("returned", "point:pasila")
    assert [(c.place, c.cards) for c in stock(world.database, world.carl)] == [("point:kamppi", 9)]
    assert "does not have the right cards.move" in refused(
        world, world.cards.move, world.carl, [span(1, 2)], "stock"
    )


@pytest.mark.requirement("X-7")
def test_a_lost_card_is_found_again_or_killed_for_ever(quick):
    quick.stocked()
    for state in ("with customer", "blocked", "lost"):
        quick.cards.become(quick.anna, [span(0, 1)], state)
    quick.cards.become(quick.anna, [span(0)], "with customer", reason="found in a coat")
    quick.cards.become(quick.anna, [span(1)], "killed")
    for state in STATES:
        assert "cannot become" in refused(quick, quick.cards.become, quick.anna, [span(1)], state)


@pytest.mark.requirement("X-14", "W-149")
def test_an_undo_is_the_opposite_document_and_only_the_newest_is_undone(world):
    world.stocked()
    (out,) = world.cards.move(world.anna, [span(0, 49)], "point:kamppi")
    (sold,) = world.cards.become(world.carl, [span(7)], "with customer")
    why = refused(world, world.cards.undo, world.anna, out.number)
    assert f"document {sold.number} came after it" in why
    world.cards.undo(world.carl, sold.number, "wrong card")
    opposite = world.cards.undo(world.anna, out.number)
    assert (opposite.before, opposite.after, opposite.undoes) == (out.after, out.before, out.number)
    assert world.ranges() == [(0, 99, "in stock", "stock")]
    assert "undone already" in refused(world, world.cards.undo, world.anna, out.number)
    assert "an undo itself" in refused(world, world.cards.undo, world.anna, opposite.number)
    assert "there is none" in refused(world, world.cards.undo, world.anna, 99)


def test_a_delivery_entered_by_mistake_is_undone_and_leaves_no_card(quick):
    (made,) = quick.cards.deliver(quick.anna, span(0, 99), 17)
    quick.cards.undo(quick.anna, made.number)
    assert quick.ranges() == []
    quick.cards.deliver(quick.anna, span(50, 149), 17)


@pytest.mark.requirement("W-126")
def test_a_place_below_its_limit_is_an_alarm_until_cards_come(world):
    set_place(world.trail, world.anna, AUTHORITY, "point:kamppi", 10)
    set_place(world.trail, world.anna, AUTHORITY, "stock", 50)
    assert [a[1:] for a in alarms(world.database, world.anna)] == [
        ("point:kamppi", 0, 10),
        ("stock", 0, 50),
    ]
    world.stocked(60)
    world.cards.move(world.anna, [span(0, 9)], "point:kamppi")
    assert alarms(world.database, world.anna) == []  # as many as the limit are enough
    world.cards.become(world.carl, [span(0)], "with customer")
    assert [a[1:] for a in alarms(world.database, world.carl)] == [("point:kamppi", 9, 10)]
    world.cards.become(world.carl, [span(0)], "returned")  # can be handed out again
    assert alarms(world.database, world.anna) == []


def test_a_limit_or_a_point_that_does_not_fit_is_refused(quick):
    place = (set_place, quick.trail, quick.anna, AUTHORITY)
    assert "wanted stock, or point:NAME" in refused(quick, *place, "point:Kämp pi", 1)
    assert "wanted 0 or more" in refused(quick, *place, "stock", -1)
    carls = (set_place, quick.trail, quick.carl, AUTHORITY, "point:kamppi", 1)
    assert "places.change" in refused(quick, *carls)


@pytest.mark.requirement("W-149")
def test_the_table_of_acts_is_closed_and_says_one_thing_for_each_question():
    assert {act.state_before for act in ACTS} == set(STATES) - {"killed"}
    assert {act.state_after for act in ACTS} == set(STATES)
    for state in STATES:
        for kind in KINDS:
            known = card_states.acts_from(state, kind)
            asked = [(a.is_move, a.kind_after if a.is_move else a.state_after) for a in known]
            assert len(asked) == len(set(asked)), (state, kind)


def test_every_state_of_the_table_can_be_reached_from_a_delivery():
    reached, new = set(), {("ordered", "supplier")}
    while new:
        reached |= new
        new = {(a.state_after, a.kind_after) for a in ACTS
               if (a.state_before, a.kind_before) in reached} - reached  # fmt: skip
    assert {(a.state_before, a.kind_before) for a in ACTS} <= reached


@pytest.mark.requirement("W-146", "D11", "W-148")
def test_no_column_of_the_register_can_hold_a_uid_a_customer_or_money():
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    for word in ("uid", "pseudonym", "customer", "cents", "email", "phone", "birth"):
        assert not [name for name in columns if word in name]


# --- any history, against a dictionary of single cards ---

CARDS = 30
PLACES = ("supplier", "stock", "point:kamppi", "point:pasila")
SERIALS = st.integers(0, CARDS - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(0, 9), SERIALS),
        st.tuples(st.just("undo"), st.integers(0, 40), st.none()),
        st.tuples(st.sampled_from(("move", "become")), SERIALS, SERIALS),
    ),
    min_size=5,
    max_size=30,
)


def step_of_model(model, kind, cards, target):
    """Return what the change does to single cards, None when one of them refuses it."""
    found = {model.get(serial) for serial in cards}
    if kind == "deliver":
        return None if found != {None} else ("ordered", "supplier")
    if len(found) != 1 or found == {None}:
        return None
    ((state, place),) = found
    kind_before = card_states.kind_of(place)
    if kind == "move":
        act = moving(state, kind_before, card_states.kind_of(target))
        return (act.state_after, target) if act and target != place else None
    act = becoming(state, kind_before, target)
    if act is None:
        return None
    if act.kind_after == kind_before:
        return (act.state_after, place)
    return (act.state_after, "customer") if act.kind_after == "customer" else None


def targets(value, kind):
    """Return what to ask for: mostly what can be done with the first card."""
    every = PLACES if kind == "move" else STATES
    acts = card_states.acts_from(value[0], card_states.kind_of(value[1])) if value else ()
    found = [a.kind_after if kind == "move" else a.state_after
             for a in acts if a.is_move == (kind == "move")]  # fmt: skip
    return [*every, *(found * 4)] if "point" not in found else [*every, *(PLACES[1:] * 2)]


def live(world, steps, choose, base):
    """Do the steps in the register and in a dictionary; both must refuse the same."""
    model, stacks, undoable = {}, {}, []
    for kind, first, last in steps:
        if kind == "undo":
            undo_both(world, model, stacks, undoable, first)
            continue
        last = max(first, last) if kind == "deliver" else min(first + last % 4, CARDS - 1)
        cards = range(first, last + 1)
        target = choose(targets(model.get(first), kind))
        wanted = step_of_model(model, kind, cards, target)
        ranges = Span(AUTHORITY, base + first, base + last)
        try:
            if kind == "deliver":
                made = world.cards.deliver(world.anna, ranges, 1)
            elif kind == "move":
                made = world.cards.move(world.anna, [ranges], target)
            else:
                made = world.cards.become(world.anna, [ranges], target)
        except Refused:
            assert wanted is None, (kind, first, last, target)
            continue
        assert wanted is not None, (kind, first, last, target)
        undoable.append((made[0].number, cards))
        for serial in cards:
            stacks.setdefault(serial, []).append((made[0].number, model.get(serial)))
            model[serial] = wanted
    return {serial: value for serial, value in model.items() if value}


def undo_both(world, model, stacks, undoable, choice):
    if not undoable:
        return
    number, cards = undoable[choice % len(undoable)]
    newest = all(stacks[serial] and stacks[serial][-1][0] == number for serial in cards)
    try:
        world.cards.undo(world.anna, number)
    except Refused:
        assert not newest
        return
    assert newest
    for serial in cards:
        model[serial] = stacks[serial].pop()[1]


def register_of(world, base):
    return {
        serial + FIRST - base: (state, place)
        for first, last, state, place in world.ranges()
        for serial in range(first, last + 1)
        if base <= serial + FIRST < base + CARDS
    }


@pytest.mark.requirement("W-124", "W-149")
def test_any_history_of_ranges_is_what_a_dictionary_of_cards_says(quick):
    bases = iter(range(FIRST, 10_000_000, 100))

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(STEPS, st.randoms(use_true_random=False))
    def histories(steps, chance):
        base = next(bases)
        assert live(quick, steps, chance.choice, base) == register_of(quick, base)

    histories()


@pytest.mark.requirement("W-124")
def test_a_long_history_is_the_same_on_both_databases(world):
    chance = random.Random(2026)
    steps = [
        (chance.choice(("deliver", "move", "move", "become", "become", "undo")),
         chance.randrange(CARDS), chance.randrange(CARDS))
        for _ in range(300)
    ]  # fmt: skip
    found = live(world, steps, chance.choice, FIRST)
    assert found == register_of(world, FIRST)
    acts = world.database.rows("SELECT DISTINCT act FROM card_documents")
    assert len(acts) > 8  # the history went somewhere
