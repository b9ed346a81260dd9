"""What holds for every single tap, over drawn tariffs and the shipped ones.

Each docstring gives the formula: `pay` is what leaves the purse, infinite for a refusal; `T` the
tap, `C` the card; `C/x` a card without x. Source: tariff-model.md section 7.
"""

import dataclasses

import pytest

from backend_sync.tariffs import model as m
from card_layouts.cards.zones import zones_hull, zones_subset
from card_layouts.fares import inputs as i
from tests.fares import asked
from tests.fares.asked import NEVER, accepted, exercised, is_billed, with_fields


@pytest.fixture(scope="module", params=["drawn", "shipped"])
def asks(request, tmp_path_factory):
    if request.param == "drawn":
        return asked.drawn(tmp_path_factory.mktemp("towns"))
    return asked.shipped()


@pytest.mark.requirement("R-21", "D31")
def test_fares_property_amounts_are_never_negative_and_their_parts_add_up(asks):
    """0 <= surcharge <= pay + owed; pay <= balance; full - reduction = pay; 0 <= field < 2^30."""
    with exercised("amounts are sums of their parts") as count:
        for ask in asks:
            d = ask.decided()
            assert all(0 <= value < 1 << 30 for value in d), ask
            if accepted(d):
                assert d[i.D_AMOUNT] <= min(d[i.D_FULL], ask.card[i.C_BALANCE]), ask
                assert d[i.D_FULL] - d[i.D_REDUCTION] == d[i.D_AMOUNT], ask
                assert d[i.D_SURCHARGE] <= d[i.D_FULL], ask
                count()


@pytest.mark.requirement("D31", "O-17")
def test_fares_property_a_decision_is_a_function_of_card_and_tap(asks):
    """rate(C, T) = rate(C, T) whatever was decided in between; C and T are as they were."""
    with exercised("a decision is the same again and changes no input") as count:
        for ask, other in zip(asks, reversed(asks)):
            card, tap = list(ask.card), list(ask.tap)
            first = ask.decided(card, tap)
            other.decided(tariff=ask.place.tariff if other.place is ask.place else None)
            assert ask.decided(card, tap) == first, ask
            assert (card, tap) == (ask.card, ask.tap), ask
            count()


@pytest.mark.requirement("D31", "W-56")
def test_fares_property_the_order_of_the_slots_changes_only_their_numbers(asks):
    """rate(p(C), T) = p(rate(C, T)) for every rotation p of the slots, if no two keys are equal."""
    with exercised("slots change places") as count:
        for ask in asks:
            if _equal_ranks(ask):
                continue
            one = ask.decided()
            for step in (1, 2, 3):
                moved = _rotated(ask.card, step)
                other = asked.Ask(ask.place, moved, ask.tap, _terms_moved(ask, step)).decided()
                assert other == _renumbered(one, step), (step, str(ask))
            count()


def _equal_ranks(ask):
    """Of two sales equal by every key the lower slot is taken; such cards are left out."""
    held = [ask.place.book.product(ask.card[at + i.S_PRODUCT]) for _n, at in asked.slots(ask.card)]
    ranks = [(product.kind, product.rank) for product in held if product]
    passes = sum(kind in (m.KIND_PASS, m.KIND_PACK) for kind, _rank in ranks)
    extends = any(product.needs_pass for product in held if product)
    return len(ranks) != len(set(ranks)) or extends and passes > 1


def _rotated(card, step):
    moved = list(card)
    for number in range(i.SLOTS):
        here, there = i.slot_at((number + step) % i.SLOTS), i.slot_at(number)
        moved[here : here + i.C_SLOT_SIZE] = card[there : there + i.C_SLOT_SIZE]
    moved[i.C_J_PAID_BY] = _moved_slot(card[i.C_J_PAID_BY], step)
    return moved


def _moved_slot(number, step):
    return (number - 1 + step) % i.SLOTS + 1 if 1 <= number <= i.SLOTS else number


def _terms_moved(ask, step):
    return {_moved_slot(slot, step): terms for slot, terms in ask.terms.items()}


def _renumbered(d, step):
    moved = list(d)
    for field in (i.D_SLOT, i.D_T_SLOT, i.D_ACTIVATES, i.D_PAID_BY):
        moved[field] = _moved_slot(d[field], step)
    for slot in range(1, i.SLOTS + 1):
        moved[i.D_WHY0 + _moved_slot(slot, step)] = d[i.D_WHY0 + slot]
    return moved


@pytest.mark.requirement("W-68", "D31")
def test_fares_property_a_product_less_never_makes_a_tap_cheaper(asks):
    """pay(C) <= pay(C/x), unless what then pays consumes more, or bills somebody.

    Consumes: 1 a trip of the school day, 2 a travel day or ride, 3 a first use.
    """
    with exercised("a product is taken away") as count:
        for ask in asks:
            if ask.card[i.C_J_AUTHORITY]:
                continue  # without what paid it the journey is over: another question
            with_all = ask.decided()
            if not accepted(with_all):
                continue
            for number, at in asked.slots(ask.card):
                less = list(ask.card)
                less[at : at + i.C_SLOT_SIZE] = [0] * i.C_SLOT_SIZE
                found = ask.decided(less)
                if not accepted(found):
                    continue
                named = _consumes(found) > _consumes(with_all) or is_billed(ask, found)
                assert named or found[i.D_AMOUNT] >= with_all[i.D_AMOUNT], (number, str(ask))
                count()


RULES_THAT_CONSUME = {i.RULE_SCHOOL_TRIP: 1, i.RULE_TRAVEL_DAY: 2, i.RULE_RIDE: 2}


def _consumes(d):
    if d[i.D_KIND] == i.KIND_ACTIVATION:
        return 3
    return RULES_THAT_CONSUME.get(d[i.D_RULE] % 16, 0)


@pytest.mark.requirement("W-62", "D31")
def test_fares_property_companions_cost_what_each_costs_alone(asks):
    """fare(a + b) - fare(a) = fare(b) - fare(nobody), and pay never falls as a party grows.

    The fare is pay without surcharges, of which one may be asked of a party as of one person. For
    new journeys that the same purse pays by the same rule, alone or beside the same pass.
    """
    parties = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (0, 0, 2))
    with exercised("companions are added") as count:
        for ask in asks:
            card = with_fields(ask.card, C_J_AUTHORITY=0, C_BALANCE=1_000_000)
            alone = _with_party(ask, card, (0, 0, 0))
            for party in parties:
                whole = _with_party(ask, card, party)
                each = [_with_party(ask, card, single) for single in _singles(party)]
                if None in (alone, whole, *each) or not _paid_alike(ask, alone, whole, each):
                    continue
                more = sum(_fare(d) - _fare(alone) for d in each)
                assert _fare(whole) - _fare(alone) == more >= 0, (party, str(ask))
                assert whole[i.D_AMOUNT] >= max(d[i.D_AMOUNT] for d in (alone, *each)), ask
                count()


def _with_party(ask, card, party):
    adults, youths, children = party
    tap = with_fields(ask.tap, T_ADULTS=adults, T_YOUTHS=youths, T_CHILDREN=children)
    d = ask.decided(card, tap)
    return d if accepted(d) and d[i.D_KIND] in (i.KIND_CHARGE, i.KIND_PASS) else None


def _fare(d):
    return d[i.D_AMOUNT] - d[i.D_SURCHARGE]


def _singles(party):
    for place, heads in enumerate(party):
        for _ in range(heads):
            yield tuple(int(other == place) for other in range(3))


def _paid_alike(ask, alone, whole, each):
    """Return whether the same source pays by the same rule for the same zones, and not by bill."""
    alike = {_paid_as(d) for d in (alone, whole, *each)}
    payers = {(d[i.D_PAID_BY], d[i.D_ZONES]) for d in (whole, *each)}
    return len(alike) == 1 and len(payers) == 1 and not is_billed(ask, whole)


def _paid_as(d):
    zones = d[i.D_ZONES] if d[i.D_KIND] == i.KIND_CHARGE else 0  # beside a pass the company's
    return d[i.D_SLOT], d[i.D_RULE], zones, d[i.D_BOOK_AUTHORITY]


@pytest.mark.requirement("W-34", "W-64", "D31")
def test_fares_property_the_paid_zones_hold_the_place_and_what_was_picked(asks):
    """zone(T) in paid; picked subset of paid; paid is a run or a set that the table lists."""
    with exercised("zones are paid that hold place and wish") as count:
        for ask in asks:
            d = ask.decided()
            if d[i.D_KIND] not in (i.KIND_CHARGE, i.KIND_UPGRADE):
                continue
            book = _book(ask, d)
            known = 0x8000 - (1 << (15 - len(book.zones)))
            assert d[i.D_ZONES] >> (15 - d[i.D_ZONE]) & 1, ask
            assert zones_subset(ask.tap[i.T_PICKED] & known, d[i.D_ZONES]), ask
            # An extension adds a set to a pass: the two may leave a hole that nobody asked for.
            if d[i.D_RULE] % 16 != i.RULE_EXTENSION and not ask.card[i.C_J_AUTHORITY]:
                listed = {mask for table in book.tables for mask in table.prices}
                assert d[i.D_ZONES] in listed | {zones_hull(d[i.D_ZONES])}, ask
            count()


def _book(ask, d):
    books = (ask.place.book, *ask.place.book.others)
    return next(book for book in books if book.authority == d[i.D_BOOK_AUTHORITY])


@pytest.mark.requirement("W-58", "D31")
def test_fares_property_a_refusal_names_an_amount_that_suffices(asks):
    """reason = funds: with that much money the tap is paid by it, with a cent less it is not."""
    with exercised("a purse is too empty") as count:
        for ask in asks:
            short = ask.decided()[i.D_AMOUNT] - 1
            if short < 0:
                continue
            d = ask.decided(with_fields(ask.card, C_BALANCE=short))
            if accepted(d):
                assert d[i.D_AMOUNT] <= short, ask  # another offer, or a fee let off
                continue
            assert d[i.D_REASON] == i.REFUSED_FUNDS and d[i.D_AMOUNT] > short, ask
            enough = ask.decided(with_fields(ask.card, C_BALANCE=d[i.D_AMOUNT]))
            if enough[i.D_ACTIVATES] and enough[i.D_CLIP]:
                continue  # what P says of the cap is read after the decision only
            assert accepted(enough) and enough[i.D_AMOUNT] == d[i.D_AMOUNT], ask
            count()


@pytest.mark.requirement("W-68", "D31")
def test_fares_property_more_money_in_the_purse_never_costs_more(asks):
    """balance <= more: pay(more) <= pay(balance), unless it now pays a fee or a bill."""
    with exercised("the purse is filled") as count:
        for ask in asks:
            poor = ask.decided()
            rich = ask.decided(with_fields(ask.card, C_BALANCE=1_000_000))
            if not accepted(poor):
                continue
            assert accepted(rich), ask
            named = rich[i.D_SURCHARGE] > poor[i.D_SURCHARGE] or is_billed(ask, poor)
            assert named or rich[i.D_AMOUNT] <= poor[i.D_AMOUNT], ask
            count()


# --- surcharges -----------------------------------------------------------------------------------


def _no_surcharges(book):
    others = tuple(_no_surcharges(other) for other in book.others)
    return dataclasses.replace(book, surcharges=(), others=others)


@pytest.mark.requirement("W-39", "W-40", "D31")
def test_fares_property_without_surcharges_the_same_is_paid_without_them(asks):
    """pay(tariff/surcharges) <= pay; by the same right or purse it is pay - surcharge exactly."""
    with exercised("the tariff is read without surcharges") as count:
        for ask in asks:
            d = ask.decided()
            plain = ask.decided(tariff=ask.place.changed("no surcharges", _no_surcharges))
            assert not plain[i.D_SURCHARGE], ask
            if not accepted(d):
                continue
            assert accepted(plain) and plain[i.D_AMOUNT] <= d[i.D_AMOUNT], ask
            if (plain[i.D_SLOT], plain[i.D_RULE]) == (d[i.D_SLOT], d[i.D_RULE]):
                assert plain[i.D_FULL] == d[i.D_FULL] - d[i.D_SURCHARGE], ask
                if not is_billed(ask, d):
                    assert plain[i.D_AMOUNT] == d[i.D_AMOUNT] - d[i.D_SURCHARGE], ask
                count()


@pytest.mark.requirement("W-39", "D31")
def test_fares_property_a_surcharge_is_a_multiple_of_the_published_one(asks):
    """surcharge = sum of heads_k * cents_k, 0 <= heads_k <= persons, of those published."""
    with exercised("a night fee is taken") as count:
        for ask in asks:
            d = ask.decided()
            if not accepted(d) or not d[i.D_SURCHARGE]:
                continue
            books = (ask.place.book, *ask.place.book.others)
            rows = {row.cents for book in books for row in book.surcharges}
            sums = {0}
            for cents in rows:
                sums = {total + n * cents for total in sums for n in range(d[i.D_HEADS] + 2)}
            assert d[i.D_SURCHARGE] in sums, ask
            count()


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.requirement("W-29", "W-30", "W-61", "D31")
def test_fares_property_more_zones_never_cost_less_where_the_tariff_says_so(asks):
    """picked in wider: pay(picked) <= pay(wider), for tables without an inversion of sets."""
    with exercised("wider zones are picked") as count:
        for ask in asks:
            place = ask.place
            purse = next(p for p in place.book.products if p.name == "value")
            if not _is_monotone(place.book, purse, ask.card[i.C_GROUP]):
                continue
            card = i.new_card()
            card[i.C_ISSUER], card[i.C_BALANCE] = place.book.authority, 1_000_000
            card[i.C_GROUP], card[i.C_PURSE_PRODUCT] = ask.card[i.C_GROUP], purse.number
            paid = [ask.cents(card=card, tap=_picking(ask, far)) for far in _ever_wider(place.book)]
            if NEVER in paid:
                continue
            assert paid == sorted(paid), (paid, str(ask))
            count(len(paid) - 1)


def _picking(ask, mask):
    return with_fields(ask.tap, T_PICKED=mask, T_ADULTS=0, T_YOUTHS=0, T_CHILDREN=0, T_BOOK=0)


def _ever_wider(book):
    return [0x8000 - (1 << (15 - far)) for far in range(1, len(book.zones) + 1)]


def _is_monotone(book, purse, group):
    """Return whether no set of the table, nor of what replaces it, is dearer than a wider one."""
    table = book.tables[purse.prices]
    for prices in (table.prices, *(when.prices for when in table.when)):
        rows = [(mask, row[group]) for mask, row in prices.items() if group in row]
        for mask, cents in rows:
            if any(zones_subset(mask, wider) and less < cents for wider, less in rows):
                return False
    return True
