"""Packages: versions rise, manifests hold, edges get what is new and nothing twice."""

import json

import pytest

from backend_sync import catalogue, package_versions
from backend_sync.packages import Packages, Terms
from backend_sync.ports import KeyringAbsent, Message
from backend_sync.publisher import REPEAT_SECONDS, Publisher
from card_layouts.codec import cbor
from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.packages.hotlist import Hotlist
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_NONE
from card_layouts.packages.lease import check_lease
from card_layouts.packages.manifest import (
    CERTIFICATE,
    HOTLIST,
    LEASE,
    OVERLAY,
    TARIFF,
    check_envelope,
)
from card_layouts.tickets.single import read_certificate
from simulator.worlds.small_tariffs import count_tariff
from tests.backend_sync import sealed_devices as sd

DAY = day_of(sd.NOW)
BIRTH = json.dumps({"online": True, "edge": sd.EDGE, "devices": {}}).encode()
GONE = json.dumps({"online": False, "edge": sd.EDGE}).encode()
STATE_TOPIC = f"tornello/v1/{sd.AUTHORITY}/{sd.EDGE}/state"


class Wire:
    """A broker's connection that keeps what was published, and can be cut."""

    def __init__(self):
        self.connected = True
        self.sent = []

    def receive(self, limit, wait_ms):
        return []

    def done(self, message):
        pass

    def publish(self, topic, payload, retain=False):
        if self.connected:
            self.sent.append((topic, cbor.decode(payload)))
        return self.connected

    def close(self):
        pass

    def take(self):
        sent, self.sent = self.sent, []
        return sent


class Town:
    """A publisher over a real keyring and a folder of packages."""

    def __init__(self, path, capacities=None):
        self.path = path
        self.folder = path / "packages"
        self.folder.mkdir(exist_ok=True)
        self.clock = sd.ManualClock()
        self.ring = sd.keyring(path / "keyring")
        self.config = self.ring.provision(4711, 1, sd.AUTHORITY, 7, sd.EDGE)
        self.capacities = capacities or {}
        self.start()

    def start(self):
        """Start the publisher anew, as after a restart of its process."""
        self.broker = Wire()
        packages = Packages(
            catalogue.Catalogue(self.folder),
            package_versions.PackageVersions(self.path / "versions.json"),
            self.ring,
            self.clock,
            Terms(72 * 3600, 24 * 3600, {"max_taps": 500, "rights": 1}),
            self.capacities,
        )
        self.publisher = Publisher(self.broker, self.ring, self.clock, packages)

    def birth(self, payload=BIRTH, topic=STATE_TOPIC):
        self.publisher.take(Message(topic, payload, 1))

    def packages(self):
        """Tick; return {role: (manifest, body)} of what went out, all seals checked."""
        self.publisher.tick()
        found = {}
        for _, message in self.broker.take():
            if message[1] == "package":
                _, _, device, envelope, body = message
                assert device == 4711
                manifest = check_envelope(envelope, self.config["cfg"], self.config["publics"])
                assert manifest["size"] == len(body)
                found[manifest["role"]] = manifest, body
        return found

    def tariff(self, version, price=200, valid=(DAY - 1, DAY + 100)):
        body = count_tariff([[price]], sd.AUTHORITY, version, valid=valid)
        (self.folder / f"town-{version}.ttar").write_bytes(body)

    def hotlist(self, *numbers):
        cards = self.ring.pseudonyms([sd.issue_row(number) for number in numbers])
        rows = [{"card": card.hex(), "action": "block", "g": 1} for card in cards]
        (self.folder / "hotlist.json").write_text(json.dumps({"cards": rows}))


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    town.tariff(1)
    town.hotlist(1)
    yield town
    town.ring.close()


def reader(body):
    return lambda offset, size: body[offset : offset + size]


def looked_up(packages, number):
    found = Hotlist(reader(packages[HOTLIST][1]), reader(packages[OVERLAY][1]))
    return found.lookup(sd.uid(number))[0]


@pytest.mark.requirement("D8", "D18", "W-115")
def test_a_birth_brings_everything_current_and_the_lease_names_its_versions(town):
    assert town.packages() == {}
    town.birth()
    packages = town.packages()
    assert sorted(packages) == [TARIFF, HOTLIST, OVERLAY, LEASE]
    assert packages[TARIFF][0]["valid_from"] == (DAY - 1) * 86400 - 2 * 3600
    assert looked_up(packages, 1) == HOT_BLOCK and looked_up(packages, 2) == HOT_NONE
    lease = check_lease(packages[LEASE][1], town.config["cfg"])
    assert (lease["lease"], lease["v_tariff"], lease["v_hotlist"], lease["max_taps"]) == (
        1, 1, 1, 500,
    )  # fmt: skip
    assert lease["not_after"] == sd.NOW + 72 * 3600
    assert town.packages() == {}
    town.birth()
    assert town.packages() == packages


@pytest.mark.requirement("D12")
def test_an_edge_gets_the_dock_keys_of_its_own_devices_for_three_months(town):
    town.ring.provision(4800, 1, sd.AUTHORITY, 7, "another-edge")
    town.birth()
    town.publisher.tick()
    docks = [message for _, message in town.broker.take() if message[1] == "dock"]
    month = month_of(DAY)
    assert [dock[2] for dock in docks] == [month - 1, month, month + 1]
    assert [[row[0] for row in dock[3]] for dock in docks] == [[4711]] * 3
    request = {"edge": sd.EDGE, "month": month, "devices": [4711]}
    assert tuple(docks[1][3][0]) == town.ring.assemble("dock", request)[0]


@pytest.mark.requirement("D8", "D18")
def test_a_change_sends_what_changed_with_a_higher_version(town):
    town.birth()
    first = town.packages()
    town.hotlist(1, 2)
    changed = town.packages()
    assert sorted(changed) == [OVERLAY, LEASE]
    assert changed[OVERLAY][0]["version"] == first[OVERLAY][0]["version"] + 1
    assert looked_up({**first, **changed}, 2) == HOT_BLOCK
    town.hotlist(2)
    changed = town.packages()
    assert looked_up({**first, **changed}, 1) == HOT_NONE
    town.tariff(2, price=210)
    changed = town.packages()
    assert sorted(changed) == [TARIFF, LEASE]
    assert check_lease(changed[LEASE][1], town.config["cfg"])["v_tariff"] == 2
    assert changed[LEASE][0]["version"] == 4


@pytest.mark.requirement("D18", "D26")
def test_after_a_restart_the_same_packages_have_the_same_manifests(town):
    town.birth()
    first = town.packages()
    town.clock.now += 3600
    town.start()
    town.birth()
    assert town.packages() == first
    assert b"\x04" + bytes(5) + b"\x01" not in (town.path / "versions.json").read_bytes()
    assert len(list((town.folder / catalogue.ARCHIVE).glob("*.ttar"))) == 1
    assert sorted(catalogue.every_tariff(town.folder)) == [(sd.AUTHORITY, 1)]


@pytest.mark.requirement("D18")
def test_leases_are_renewed_in_time_and_not_for_the_revoked(town):
    town.birth()
    first = town.packages()[LEASE][0]
    town.clock.now += 24 * 3600 - 1
    assert town.packages().get(LEASE, (first,))[0] == first
    town.clock.now += 1
    renewed = town.packages()[LEASE]
    assert renewed[0]["version"] == 2
    assert check_lease(renewed[1], town.config["cfg"])["not_after"] == sd.NOW + 96 * 3600
    (town.folder / "leases.json").write_text('{"4711": {"revoked": true}}')
    town.clock.now += 48 * 3600
    assert LEASE not in town.packages()
    (town.folder / "leases.json").write_text(f'{{"4711": {{"not_after": {sd.NOW}}}}}')
    expired = town.packages()[LEASE]
    assert check_lease(expired[1], town.config["cfg"])["not_after"] == sd.NOW


@pytest.mark.requirement("D8")
def test_a_hotlist_is_made_anew_before_it_expires(town):
    town.birth()
    first = town.packages()
    town.clock.now += 4 * 86400
    renewed = town.packages()
    assert renewed[HOTLIST][0]["version"] == 2
    assert renewed[HOTLIST][0]["expires"] > first[HOTLIST][0]["expires"]
    assert looked_up(renewed, 1) == HOT_BLOCK


@pytest.mark.requirement("D18")
def test_what_the_smallest_target_cannot_hold_is_refused_and_the_last_good_stays(tmp_path):
    town = Town(tmp_path, {TARIFF: 100})
    town.tariff(1)
    town.birth()
    # What does fit goes out all the same.
    assert sorted(town.packages()) == [HOTLIST, OVERLAY, LEASE]
    error = town.publisher.last_error
    assert "tariff-244 version 1" in error and "the smallest target holds 100" in error
    town.ring.close()


@pytest.mark.requirement("D26")
@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("bad.ttar", "no tariff", "bad.ttar: package"),
        ("bad.ttar", "", "bad.ttar: package"),
        ("hotlist.json", "[", "hotlist.json: Expecting value"),
        ("hotlist.json", '{"cards": [{"card": "00", "action": "block"}]}', "pseudonym of 16 bytes"),
        ("hotlist.json", '{"cards": [{"card": "0", "action": "melt"}]}', "cards[0]: wanted card"),
        ("hotlist.json", '{"cards": [5]}', "cards[0]: wanted card"),
        ("leases.json", '{"4711": {"colour": 1}}', "'colour' is no field of a lease"),
        ("leases.json", '{"x": {}}', "wanted a device number"),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_the_last_good_state_stays(
    town, name, text, sentence
):
    town.birth()
    before = town.packages()
    (town.folder / name).write_text(text)
    assert town.packages() == {}
    assert sentence in town.publisher.last_error
    town.birth()
    assert town.packages() == before


@pytest.mark.requirement("D26")
def test_a_tariff_that_outlives_the_devices_time_is_refused_and_the_rest_goes_out(town):
    town.tariff(9, valid=(DAY - 1, 16_000))
    town.birth()
    assert town.packages()[TARIFF][0]["version"] == 1
    assert "town-9.ttar: valid to day 16000 since 2020; a device's time ends on day 12427" in (
        town.publisher.last_error
    )


@pytest.mark.requirement("D18")
def test_the_same_version_with_other_bytes_is_refused(town):
    town.birth()
    town.packages()
    town.tariff(1, price=999)
    assert town.packages() == {}
    assert "versions only rise" in town.publisher.last_error


@pytest.mark.requirement("D8")
def test_a_listed_card_that_is_not_issued_yet_is_taken_up_when_it_is(town):
    town.birth()
    town.packages()
    stranger = town.ring._pseudonym(sd.uid(9)).hex()
    row = {"card": stranger, "action": "block", "g": 1}
    (town.folder / "hotlist.json").write_text(json.dumps({"cards": [row]}))
    assert town.packages() == {} and "no issued card" in town.publisher.last_error
    town.ring.pseudonyms([sd.issue_row(9)])
    assert OVERLAY in town.packages()


@pytest.mark.requirement("D18")
def test_a_broker_that_comes_back_finds_everything_still_to_send(town):
    town.birth()
    town.broker.connected = False
    assert town.packages() == {}
    town.broker.connected = True
    everything = town.packages()
    assert sorted(everything) == [TARIFF, HOTLIST, OVERLAY, LEASE]
    town.clock.now += REPEAT_SECONDS
    assert town.packages() == everything
    town.birth(GONE)
    town.clock.now += REPEAT_SECONDS
    assert town.packages() == {}


@pytest.mark.requirement("D11")
def test_an_absent_keyring_stops_nothing_for_good(town):
    town.birth()
    real = town.ring.assembly.kinds["overlay"]

    def away(request):
        raise KeyringAbsent("away")

    town.ring.assembly.kinds["overlay"] = away
    with pytest.raises(KeyringAbsent):
        town.publisher.tick()
    town.broker.take()
    town.ring.assembly.kinds["overlay"] = real
    assert sorted(town.packages()) == [TARIFF, HOTLIST, OVERLAY, LEASE]


@pytest.mark.requirement("D17")
@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (STATE_TOPIC, b"{"),
        (STATE_TOPIC, b'{"online": 1}'),
        (STATE_TOPIC, b"[" * 50_000),
        (STATE_TOPIC, b"x" * 70_000),
        ("tornello/v1/999/depot-1/state", BIRTH),
        ("tornello/v1/244/Depot/state", BIRTH),
        ("other/v1/244/depot-1/state", BIRTH),
    ],
)
def test_states_that_make_no_sense_are_refused_by_name(town, topic, payload):
    town.birth(payload, topic)
    assert town.publisher.last_error.startswith("LayoutError: ")
    assert not town.publisher.online


@pytest.mark.requirement("D18")
def test_a_damaged_memory_of_versions_is_said_and_never_begun_anew(tmp_path):
    path = tmp_path / "versions.json"
    for broken in ("{", "[]", '{"format": 2}', '{"format": 1, "manifests": {"a": {}}}'):
        path.write_text(broken)
        with pytest.raises(package_versions.VersionsError, match="versions.json"):
            package_versions.PackageVersions(path)


def test_a_birth_said_again_sends_nothing_again_and_a_new_one_everything(town):
    def state(birth, versions):
        return json.dumps(
            {"online": True, "edge": sd.EDGE, "birth": birth, "devices": versions}
        ).encode()

    town.birth(state("a1-1", {}))
    first = town.packages()
    assert first
    town.birth(state("a1-1", {"4711": {"v_tariff": 1}}))
    assert town.packages() == {}
    town.birth(state("a1-2", {}))
    assert town.packages().keys() == first.keys()


@pytest.mark.requirement("D9", "D18")
def test_a_vehicle_that_sells_has_a_young_certificate_and_nobody_else(town):
    town.config = town.ring.provision(4711, 2, sd.AUTHORITY, 7, sd.EDGE, kind="vehicle")
    town.birth()
    first = town.packages()
    assert sorted(first) == [TARIFF, HOTLIST, OVERLAY, LEASE, CERTIFICATE]
    manifest, body = first[CERTIFICATE]
    values = read_certificate(body[:42])
    assert (values["device"], values["from_day"], manifest["version"]) == (4711, DAY, DAY)
    assert manifest["expires"] == (DAY + 30) * 86400
    town.start()
    town.birth()
    assert town.packages() == first, "the same bytes after a restart"
    town.clock.now += 9 * 86400
    assert town.packages()[CERTIFICATE] == first[CERTIFICATE]
    town.clock.now += 86400
    renewed = town.packages()[CERTIFICATE]
    assert renewed[0]["version"] == DAY + 10 and renewed[1][:42] != body[:42]
