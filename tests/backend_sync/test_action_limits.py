"""What the desk of actions refuses: cards, amounts, channels; its commands; the keys of lists."""

import json

import pytest

from backend_sync.actions.checks import check
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.actions.limits import Limits, limits_of, newest_tariff
from backend_sync.ledger.main import main
from backend_sync.ledger.seals import newest
from backend_sync.ports import KeyringRefused
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.crypto.kdf import next_action_key
from card_layouts.packages.lease import check_lease, unwrap_key
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT, ACT_UNBLOCK
from simulator.demo.system import TARIFFS as SHIPPED
from simulator.demo.system import TOWN_FEED
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import AUTHORITY, EPOCH, GATE_A, NOW, UID
from tests.backend_sync.action_worlds import DAY_S, Shop


@pytest.fixture(scope="module")
def koivula():
    book = read_tariff(SHIPPED / "tariff.toml", 1).book
    return book, mounted(write_package(book, read_feed(TOWN_FEED)))


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    made.close()


@pytest.mark.requirement("W-65", "W-66", "W-67")
def test_what_a_channel_may_load_is_read_from_the_published_tariff(koivula):
    book, tariff = koivula
    numbers = {group.name: group.number for group in book.groups}
    for channel, least, step in (("counter", 1000, 1000), ("web", 2000, 500)):
        for name, number in numbers.items():
            most = 8000 if name == "child" else 12000
            assert limits_of(tariff, channel, number) == Limits(least, most, step), name
    assert limits_of(tariff, "machine", 0) is None
    assert newest_tariff({(244, 1): tariff, (244, 3): "third", (1, 9): "other"}, 244) == "third"


@pytest.mark.requirement("W-65", "W-66", "W-67", "W-143")
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"cents": 1500}, "15.00: web loads 20.00 to 120.00"),
        ({"cents": 12500}, "125.00: web loads 20.00 to 120.00"),
        ({"cents": 2250}, "22.50: web loads multiples of 5.00"),
        ({"cents": -500}, "-500 cents: wanted 0 to 65535"),
        ({"channel": "machine"}, "channel machine: the tariff lets it load nothing"),
        ({"channel": "pigeon"}, "channel 'pigeon': wanted one of counter, web"),
        ({"card": 4711}, "card 4711: no such card is issued"),
        ({"valid_to": NOW}, "wanted an end after that"),
        ({"kind": ACT_PRODUCT, "what": b"x"}, "slot 0 and 1 bytes, wanted slot 0 to 3 and 25"),
        ({"kind": ACT_UNBLOCK}, "nothing is paid for it"),
    ],
)
def test_what_cannot_be_sold_is_refused_in_a_sentence(shop, koivula, changed, sentence):
    before = newest(shop.ledger.database)
    order = Order("web-1", shop.card, ACT_LOAD, 2000, "web", NOW, NOW + DAY_S)._replace(**changed)
    tariffs = {(AUTHORITY, 1): koivula[1]}
    with pytest.raises(ActionRefused, match=sentence):
        check(shop.ledger.database, tariffs, order, NOW)
    check(shop.ledger.database, tariffs, order._replace(**GOOD, card=shop.card), NOW)
    assert newest(shop.ledger.database) == before


GOOD = {"cents": 2000, "channel": "web", "valid_to": NOW + DAY_S, "kind": ACT_LOAD, "what": b""}


@pytest.mark.requirement("W-143", "D8")
def test_nothing_is_sold_to_a_blocked_or_listed_card(shop, koivula):
    tariffs = {(AUTHORITY, 1): koivula[1]}
    order = Order("web-1", shop.card, ACT_LOAD, 2000, "web", NOW, NOW + DAY_S)
    database = shop.ledger.database
    with database.transaction():
        database.run("UPDATE cards SET b = 1 WHERE id = ?", [(shop.card,)])
    with pytest.raises(ActionRefused, match="is blocked"):
        check(database, tariffs, order, NOW)
    check(database, tariffs, order._replace(kind=ACT_UNBLOCK, cents=0), NOW)
    with database.transaction():
        database.run("UPDATE cards SET b = 0 WHERE id = ?", [(shop.card,)])
        row = (1, shop.card, "PERSON", 0, "listed", "block", 1, "a", "", NOW)
        database.run(f"INSERT INTO listing_decisions VALUES ({','.join('?' * 10)})", [row])
    with pytest.raises(ActionRefused, match="is on the hotlist"):
        check(database, tariffs, order, NOW)


@pytest.mark.requirement("D9", "D11")
def test_the_key_of_lists_goes_on_once_a_day_and_leases_carry_it_wrapped(shop):
    keys = shop.ring.assembly.action_keys
    first = keys.key(keys.generation())
    for day in (2100, 2100, 2099):
        found = shop.ring.assemble("action_key", {"day": day})
    assert found == {"generation": 1, "chain": 0}
    assert keys.key(1) == next_action_key(first) and keys.key(0) == first
    config = shop.ring.provision(GATE_A, EPOCH, AUTHORITY, 12, "edge")
    request = {"device": GATE_A, "epoch": EPOCH, "lease": 1, "generation": 1, "not_after": 9}
    lease = check_lease(shop.ring.assemble("lease", request), config["cfg"])
    assert unwrap_key(config["wrap"], lease["K_act"]) == keys.key(1)
    keys.fresh()
    with pytest.raises(KeyringRefused, match="generation 1: not of the chain"):
        shop.ring.assemble("lease", request)
    assert keys.key(keys.generation()) not in (first, next_action_key(first))


@pytest.mark.requirement("D11")
def test_neither_the_ledger_nor_the_publisher_learns_a_card_number_from_an_action(shop):
    shop.order(cents=2000)
    lines = shop.publish(0)
    assert UID not in b"".join(value for value in lines[0].values() if isinstance(value, bytes))
    assert "K" not in lines[0] and "uid" not in lines[0]
    with pytest.raises(KeyringRefused, match="no issued card is"):
        request = {"version": 9, "authority": 1, "generation": 1}
        shop.ring.assemble("actions", {**request, "lines": [{**lines[0], "card": bytes(16)}]})


@pytest.mark.requirement("W-143", "W-112")
def test_the_commands_sell_show_list_and_cancel(tmp_path, koivula, capsys):
    shop = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    shop.close()
    (tmp_path / "tariffs").mkdir()
    body = write_package(koivula[0], read_feed(TOWN_FEED))
    (tmp_path / "tariffs" / "town.ttar").write_bytes(body[:6] + bytes([AUTHORITY]) + body[7:])

    def run(*words, code=0):
        assert main(["action", words[0], str(tmp_path), *words[1:], "--json"]) == code
        return json.loads(capsys.readouterr().out)

    sell = ("create", "--key", "web-7", "--card", str(shop.card), "--cents")
    assert "loads 20.00" in run(*sell, "100", code=1)["refused"]
    made = run(*sell, "2500")
    assert made["new"] and made["state"] == "CREATED"
    assert not run(*sell, "2500")["new"]
    assert "other values" in run(*sell, "3000", code=1)["refused"]
    action = str(made["action"])
    assert run("show", action)["status"].startswith("waiting")
    assert [row["action"] for row in run("list")] == [made["action"]]
    assert run("cancel", action)["status"] == "cancelled, money back"
    assert run("list") == [] and len(run("list", "--all", "--card", str(shop.card))) == 1
    assert "there is none" in run("show", "77", code=1)["refused"]
