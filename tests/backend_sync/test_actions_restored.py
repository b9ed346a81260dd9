"""Books put back to an older copy: what they have forgotten is loaded once, and paid back never."""

import shutil

import pytest

from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.verify_chain import verify_chain
from backend_sync.ports import KeyringRefused
from card_layouts.packages.action_list import LINE_BYTES
from simulator.worlds.tap_world import EPOCH, NOW, PURSE, OnCard
from tests.backend_sync.action_worlds import (
    AUTHORITY,
    CENTS,
    DAY_S,
    HOUR,
    LEASED_TO,
    Shop,
    action_keyring,
)

pytestmark = pytest.mark.requirement("D16", "D9", "I11")
OTHER = 2500


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    assert verify_chain(made.ledger.database)["wrong"] == []
    made.close()


@pytest.mark.parametrize("sent_again_first", [True, False])
def test_an_order_that_restored_books_get_again_is_not_loaded_again(shop, sent_again_first):
    """Found by `sim run --seed 35`: the entry that tells of the load comes after the order."""
    before = shop.town.slots()
    action = shop.order()
    shop.publish(0, 1)
    shop.town.tap(NOW + HOUR, 1)
    shop.town.tap(NOW + 3 * HOUR, 0)
    shop.restore(before)
    if sent_again_first:
        assert shop.order() == action, "its number follows from its key"
    shop.post([run for run in shop.town.slots() if run[0] != 4712])
    assert shop.order() == action
    assert list(shop.publish(0, 1)) == [], "the card has done something nobody tells of"
    shop.town.tap(NOW + 5 * HOUR, 0)
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)
    assert OnCard(shop.town.card).actions == 2


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_no_money_goes_back_while_a_gate_may_have_a_list_that_is_forgotten(shop, how):
    """The restored books know the order alone: no list, and nobody who carries one."""
    before = shop.town.slots()
    action = shop.order(days=3)
    shop.publish(0, 1)
    shop.restore(before)
    assert shop.order(days=3) == action
    if how == "cancelled":
        assert shop.cancel(action) == "CANCELLING"
    shop.town.tap(NOW + HOUR, 1)
    if how == "expired":
        shop.clock.now = NOW + 4 * DAY_S
    shop.post(before)
    assert shop.states() == {action: "CANCELLING" if how == "cancelled" else "EXPIRING"}
    assert shop.money(action) == (CENTS, PURSE, 0), "gate 1 has loaded it and not told"
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)


def test_what_was_withdrawn_under_one_number_may_stand_under_another_in_a_forgotten_list(shop):
    """Known to the copy as action 2 and withdrawn; moved to 3 since, where gate 1 can load it."""
    action = shop.order()
    shop.publish(0)
    known = shop.town.slots()
    shop.town.load(700)
    shop.review()
    assert [line["k"] for line in shop.publish(1)] == [3]
    shop.restore(known)
    assert shop.order() == action
    shop.cancel(action)
    shop.town.tap(NOW + HOUR, 1)
    shop.post([run for run in shop.town.slots() if run[0] != 4712])
    assert shop.states()[action] not in ("SUPERSEDED", "EXPIRED")
    assert shop.money(action)[2] == 0
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)


def test_orders_sent_again_in_another_order_are_each_loaded_once(shop):
    """Gate 1 has action 2 from a forgotten list; the books have that order as action 3 now."""
    before = shop.town.slots()
    first = shop.order()
    shop.publish(1)
    shop.restore(before)
    second = shop.order("web-2", OTHER)
    assert shop.order() == first
    assert list(shop.publish(0)) == [], "they may stand under other numbers elsewhere"
    shop.town.tap(NOW + HOUR, 1)
    shop.town.tap(NOW + 3 * HOUR, 0)
    assert shop.review() == {first: "EXECUTED", second: "CREATED"}
    assert list(shop.publish(0)) == [], "gate 1 may still carry it"
    shop.switch(1, NOW + 4 * HOUR)
    shop.review()
    [line] = shop.publish(0, 1)
    assert (line["action"], line["k"]) == (second, 3)
    shop.town.tap(NOW + 6 * HOUR, 0)
    assert shop.review() == {first: "EXECUTED", second: "EXECUTED"}
    assert OnCard(shop.town.card).actions == 3
    assert shop.money(first)[:2] == (0, shop.purse())


@pytest.mark.parametrize("loaded", [True, False])
def test_a_gate_that_is_lost_as_well_leaves_it_to_the_card_to_say_what_was_loaded(shop, loaded):
    """Its last lease has ended, its journal never comes: it may have loaded either order."""
    before = shop.town.slots()
    first = shop.order(days=60)
    shop.publish(1)
    shop.restore(before)
    second = shop.order("web-2", OTHER, days=60)
    assert shop.order(days=60) == first
    if loaded:
        shop.town.tap(NOW + HOUR, 1)
    shop.clock.now = LEASED_TO + 3 * DAY_S
    shop.post(before)
    assert list(shop.publish(0)) == [], "nobody has seen the card since"
    shop.town.tap(LEASED_TO + 3 * DAY_S, 0)
    shop.post([run for run in shop.town.slots() if run[0] != 4712])
    lines = {line["action"] for line in shop.publish(0)}
    if loaded:
        assert lines == set() and set(shop.states().values()) == {"UNCLEAR"}
        shop.clock.now = NOW + 99 * DAY_S
        assert set(shop.states().values()) == {"UNCLEAR"}, "either may be on the card"
        shop.review()
    else:
        assert lines == {first, second}
        shop.town.tap(LEASED_TO + 4 * DAY_S, 0)
        assert shop.review() == {first: "EXECUTED", second: "EXECUTED"}
    assert shop.money(first)[:2] == (0, shop.purse())


def test_what_the_copy_had_published_is_loaded_at_the_next_tap_after_the_restore(shop):
    action = shop.order()
    shop.publish(0, 1)
    shop.ledger.close()
    shop.ring.restored()
    shop.open(shop.url)
    shop.start()
    [line] = shop.publish(0)
    assert (line["action"], line["k"], line["version"]) == (action, 2, 1)
    shop.town.tap(NOW + HOUR, 0)
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)


def test_a_line_made_again_after_a_restore_is_sealed_by_another_key(shop, tmp_path):
    """The same card, number and version with other content: no keystream is used twice."""
    before = shop.town.slots()
    shop.order()
    shop.publish(0)
    chain, key = shop.chain()
    line = shop.packages.body(AUTHORITY)[-LINE_BYTES:]
    shop.restore(before)
    shop.order("web-2", OTHER)
    shop.publish(0)
    shop.switch(0, NOW + HOUR)
    shop.review()
    shop.publish(0)
    again = shop.packages.body(AUTHORITY)[-LINE_BYTES:]
    assert again[:12] == line[:12] and again[32:80] != line[32:80]
    assert shop.chain()[1] != key and shop.chain()[0] != chain
    older = (shop.packages.current.generation - 64) % 256
    with pytest.raises(KeyringRefused, match="not of the chain"):
        shop.ring.assembly.action_keys.key(older)


def test_a_keyring_that_is_a_copy_itself_never_begins_a_chain_of_before(tmp_path):
    """Both machines are put back, each time to the same copy."""
    ring = action_keyring(tmp_path / "keyring")
    ring.close()
    shutil.copytree(tmp_path / "keyring", tmp_path / "copy")
    keys = set()
    for number in range(3):
        folder = tmp_path / f"restored-{number}"
        shutil.copytree(tmp_path / "copy", folder)
        ring = LocalKeyring(folder)
        assert ring.restored() == 2
        keys.add(ring.assembly.action_keys.key(ring.assembly.action_keys.generation()))
        ring.close()
    assert len(keys) == 3


def test_leases_with_keys_of_earlier_lists_are_told_to_restored_books(tmp_path):
    ring = action_keyring(tmp_path / "keyring")

    def lease(number, not_after, **more):
        values = {"device": 4711, "epoch": EPOCH, "lease": number, "not_after": not_after}
        ring.assemble("lease", {**values, **more})

    now = ring.assemble("action_key", {"day": 9})["generation"]
    lease(1, 9000)  # without K_act it opens no list
    lease(2, 7000, generation=now)
    lease(3, 6000, generation=now)
    assert ring.assemble("earlier_leases", {}) == []
    ring.restored()
    assert ring.assemble("earlier_leases", {}) == [[4711, EPOCH, 3, 7000]]
    lease(4, 9500, generation=ring.assemble("action_key", {})["generation"])
    assert ring.assemble("earlier_leases", {}) == [[4711, EPOCH, 3, 7000]]
    ring.restored()
    assert ring.assemble("earlier_leases", {}) == [[4711, EPOCH, 4, 9500]]
    ring.close()
