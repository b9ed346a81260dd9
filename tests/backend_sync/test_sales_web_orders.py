"""What a web shop sells: the right that a product is, once, for the card that it fits."""

import pytest

from backend_sync.actions.desk import ActionRefused
from backend_sync.ledger.place import Place
from backend_sync.sales.bought_rights import right_of
from backend_sync.sales.choices import WEB, choices
from backend_sync.sales.offered import NotOffered, Offer, Price
from backend_sync.sales.web_orders import Wanted, order
from card_layouts.cards.card_layout import (
    CARD_LAYOUT,
    CHANNEL_WEB,
    P_SLOT,
    ZONES_ALL,
    S,
    zone_bit,
)
from card_layouts.cards.directory import enter_right
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import load_head
from card_layouts.fares.engine import rate
from simulator.worlds import product_tariff as p
from tests.backend_sync.action_worlds import HOUR, NOW, PURSE, Shop
from tests.backend_sync.builders import FixedClock
from tests.backend_sync.settled_worlds import DAY, MORNING, TOWN, Settled, mounted, package
from tests.firmware import product_worlds as rights

pytestmark = pytest.mark.requirement("W-143", "W-57", "W-107")
SOLD_ON = 2080  # a service day of the products' tariff
PASS_CENTS = 5500


def bought(number, zones=("A", "B")):
    """Return the right that one product of the products' tariff is, as fields."""
    price = Price(list(zones), 0, 0, -1, PASS_CENTS)
    return P_SLOT.unpack(right_of(Offer(rights.TARIFF, SOLD_ON), number, price, CHANNEL_WEB)[0])


@pytest.mark.parametrize(
    ("number", "by_hand"),
    [(p.SEASON, rights.SEASON), (p.FLEX, rights.FLEX), (p.SCHOOL, rights.SCHOOL),
     (p.RIDES, rights.RIDES)],
)  # fmt: skip
def test_a_right_is_what_a_hand_wrote_for_the_product(number, by_hand):
    zones = ("A",) if by_hand.get("zones") == zone_bit(1) else ("A", "B")
    made = bought(number, zones)
    wanted = {"zones": zone_bit(1) | zone_bit(2), **by_hand}
    wanted["zones"] = made["zones"] if wanted["zones"] == ZONES_ALL else wanted["zones"]
    assert {name: made[name] for name in wanted} == wanted
    assert (made["price"], made["channel"], made["scope"]) == (PASS_CENTS, CHANNEL_WEB, 1)


def test_what_ended_is_sold_no_more_and_what_begins_has_a_last_day():
    offer, price = Offer(rights.TARIFF, 2501), Price(["A"], 0, 0, -1, 1)
    with pytest.raises(NotOffered, match=r"product 103: its last day was 2026-11-05"):
        right_of(offer, p.SCHOOL, price, CHANNEL_WEB)
    town = Offer(mounted(package("tariff.toml")), DAY)
    season = right_of(town, 2, Price(["A"], 0, 30, -1, 4800), CHANNEL_WEB)
    assert season[1] == P_SLOT.get(season[0], "last_day") == DAY + 60


def test_a_bought_right_is_put_on_a_real_card_and_pays_its_rides(tmp_path):
    shop = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    right = right_of(Offer(rights.TARIFF, NOW // 86_400), p.SEASON,
                     Price(["A", "B"], 0, 0, -1, PASS_CENTS), CHANNEL_WEB)[0]  # fmt: skip
    action = shop.order("web-1", PASS_CENTS, kind=2, what=right + b"\0")
    shop.publish(0, 1)
    for hours in (1, 3, 30 * 24 - 24, 31 * 24):
        shop.town.tap(NOW + hours * HOUR, 0)
    assert shop.review() == {action: "EXECUTED"}
    assert shop.purse() == PURSE - p.FARE, "30 days are paid for, the 31st is not"
    shop.close()


@pytest.fixture
def town(tmp_path):
    """A ledger of the town's tariff with issued cards, as its commands open it."""
    made = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    (tmp_path / "tariffs").mkdir()
    for (authority, version), body in made.bodies.items():
        (tmp_path / "tariffs" / f"{authority}-{version}.ttar").write_bytes(body)
    made.close()
    clock = FixedClock()
    clock.now = MORNING
    with Place(str(tmp_path)).ledger(clock, TOWN) as ledger:
        yield ledger


def card_of(town):
    return town.database.value("SELECT min(card) FROM issues WHERE authority = ?", (TOWN,))


def season_of(zones="A", group="adult"):
    found = choices(Offer(mounted(package("tariff.toml")), DAY), WEB)
    return next(one for one in found
                if (one.name, one.zones, one.group) == ("season", zones, group))  # fmt: skip


def wanted(town, **changes):
    season = season_of()
    return Wanted("web-1", card_of(town), season.key, season.cents, 30)._replace(**changes)


def test_a_product_is_ordered_once_at_its_price_and_again_for_ever(town):
    number = order(town, wanted(town))
    town.clock.now += 70 * 86_400  # the right of today would be another one
    assert order(town, wanted(town)) == number
    rows = town.database.rows("SELECT card, kind, cents, channel, what FROM actions")
    assert [tuple(row[:4]) for row in rows] == [(card_of(town), 2, 4800, "web")]
    right = P_SLOT.unpack(bytes(rows[0][4])[:24])
    assert (right["product"], right["length"], right["zones"]) == (2, 30, zone_bit(1))
    for changes in ({"cents": 4801}, {"choice": "load"}, {"choice": season_of("A+B").key},
                    {"card": card_of(town) + 1}):  # fmt: skip
        with pytest.raises(ActionRefused, match="ordered before"):
            order(town, wanted(town, **changes))
    assert len(town.database.rows("SELECT 1 FROM bookings WHERE key LIKE 'actions:%'")) == 1


def test_the_right_of_a_choice_holds_in_its_zones_and_nowhere_else(town):
    order(town, wanted(town))
    what = bytes(town.database.value("SELECT what FROM actions"))[:24]
    head = S.unpack(S.pack({"layout": CARD_LAYOUT, "authority": TOWN, "purse_product": 1}))
    enter_right(head, 0, what)
    tariff, paid = mounted(package("tariff.toml")), {}
    for stop in range(12):
        card, tap, decision = i.new_card(), i.new_tap(), i.new_decision()
        load_head(card, head)
        card[i.C_BALANCE] = 10_000
        tap[i.T_SECONDS], tap[i.T_CLOCK], tap[i.T_BOOK] = MORNING, CLOCK_SIGNED, TOWN
        tap[i.T_STOP], tap[i.T_TRIP], tap[i.T_CALL] = stop, -1, -1
        rate(tariff, card, tap, decision)
        assert decision[i.D_KIND] != i.KIND_REFUSED, decision[i.D_REASON]
        kind = "right" if decision[i.D_KIND] == i.KIND_ACTIVATION else "purse"
        paid.setdefault(decision[i.D_ZONE], set()).add((kind, decision[i.D_AMOUNT] > 0))
    assert len(paid) > 1 and paid.pop(1) == {("right", False)}
    assert set.union(*paid.values()) == {("purse", True)}


def test_what_the_card_is_not_for_is_refused_and_changes_nothing(town):
    child = season_of(group="child")
    for changes, words in (
        ({"choice": child.key, "cents": child.cents}, "for other riders"),
        ({"choice": "0" * 16}, "sells none of this key"),
        ({"cents": 4700}, "the price is 4800"),
        ({"days": 61}, "wanted at most 60"),
        ({"card": 999_999}, "no tariff is in force"),
        ({"choice": "load", "cents": 1000}, "web loads"),
    ):
        with pytest.raises(ActionRefused, match=words):
            order(town, wanted(town, **changes))
    assert town.database.rows("SELECT 1 FROM actions") == []


def test_what_would_find_no_room_on_the_card_is_not_sold(town):
    for number in range(4):
        order(town, wanted(town, key=f"pass-{number}"))
    with pytest.raises(ActionRefused, match="4 places, none is free"):
        order(town, wanted(town, key="pass-4"))
    for number in range(2):
        order(town, wanted(town, key=f"load-{number}", choice="load", cents=12_000))
    with pytest.raises(ActionRefused, match="would hold more than its 30000"):
        order(town, wanted(town, key="load-2", choice="load", cents=12_000))
