"""W-137, W-140: depots get tariffs and operating data, and deliver what their devices sealed."""

import csv
import hashlib
import io
import zipfile
from base64 import b64decode

import pytest

from backend_sync.operating.archive import ZIP_BYTES
from card_layouts.link.batches import encode_batch
from card_layouts.packages.ack import ACK, split_ack_batch
from card_layouts.records.entries import REFUSAL
from tests.backend_sync.api.api_client import Refusal
from tests.backend_sync.api.api_world import FOREIGN_DEVICE, OWN_DEVICE, once, pages, problem
from tests.backend_sync.operating.planners import TOMORROW, TOWN_FEED, zipped
from tests.backend_sync.settled_worlds import FERRY, TOWN, package

CBOR = {"Content-Type": "application/cbor"}


@pytest.mark.requirement("W-137", "W-116", "W-117", "W-132")
def test_a_depot_gets_the_packages_of_its_authority_byte_for_byte(shared):
    for name, area in (("olli", TOWN), ("ole", FERRY)):
        client = shared.client(name)
        said = client.get("/tariffs").json()
        assert said["authority"] == area and [one["version"] for one in said["items"]] == [1]
        file = "tariff.toml" if area == TOWN else "ferry.toml"
        body = client.get("/tariffs/1").content
        assert body == package(file)
        assert hashlib.sha256(body).hexdigest() == said["items"][0]["sha256"]
        problem(client.get("/tariffs/2"), 404)


def batch_of(*devices):
    for device in devices:
        if not device.slots:
            device.put(REFUSAL, {"uid": bytes((4,)) + bytes(6), "observed": bytes(44), "reason": 1})
    return encode_batch("depot-1", [device.run() for device in devices])


@pytest.mark.requirement("W-137", "W-131", "W-133", "W-135")
def test_a_depot_delivers_entries_once_and_devices_are_acknowledged(world):
    client = world.client("olli")
    body = batch_of(world.device)
    first = client.post("/batches", content=body, headers={**CBOR, **once(1)})
    again = client.post("/batches", content=body, headers={**CBOR, **once(2)})
    wanted = [{"device": OWN_DEVICE, "epoch": 0, "seq": 1}]
    assert first.json()["acknowledgements"] == again.json()["acknowledgements"] == wanted
    statements = split_ack_batch(b64decode(first.json()["signed"]))[0]
    ack = ACK.unpack(bytes(statements[0]))
    assert (ack["device"], ack["seq"]) == (OWN_DEVICE, 1)
    assert world.books("SELECT count(*) FROM entries WHERE device = ?", (OWN_DEVICE,)) == [(1,)]
    assert client.get("/devices").json()["items"] == [
        {"device": OWN_DEVICE, "epoch": 0, "held": 1, "newest": 1, "missing": "", "quarantined": 0}
    ]


@pytest.mark.requirement("W-137", "W-134", "T20")
def test_entries_of_anothers_device_are_refused_whole(world):
    for name, device in (("olli", FOREIGN_DEVICE), ("ole", OWN_DEVICE), ("otto", OWN_DEVICE)):
        body = batch_of(world.device, world.foreign)
        detail = problem(
            world.client(name).post("/batches", content=body, headers={**CBOR, **once(name)}), 404
        )
        assert f"device {device}" in detail or name == "otto"
    assert world.books("SELECT count(*) FROM entries WHERE device > 40") == [(0,)]
    for torn in (b"", b"\x80", b"a" * 65_000, body[:-1]):
        answer = world.client("olli").post("/batches", content=torn, headers={**CBOR, **once(9)})
        assert "nothing of it was taken" in problem(answer, 422)
    assert pages(world.client("alma"), "/devices") == []


@pytest.mark.requirement("W-137", "W-140", "W-119", "W-20")
def test_a_feed_comes_in_is_put_in_force_and_goes_to_the_depot(world):
    planner, body = world.machine("olli"), zipped(world.folder)
    made = planner.upload_feed(body)
    assert made == planner.upload_feed(body)  # the same zip is the same version
    assert made["sha256"] == hashlib.sha256(body).hexdigest() and made["in_force_from"] == []
    day = TOMORROW.isoformat()
    assert planner.put_in_force({"from_day": day}, number=made["id"])["in_force_from"] == [day]
    versions = planner.operating_versions()["items"]
    assert [(one["operator"], one["number"], one["in_force_from"]) for one in versions] == [
        (10, 1, [day])
    ]
    assert planner.operating_feed(number=made["id"]) == body
    tag = f'"{made["sha256"][:32]}"'
    assert planner.operating_feed(number=made["id"], if_none_match=tag) is None
    with pytest.raises(Refusal, match="409: from 2026-06-03: wanted 2026-06-04 or later"):
        planner.put_in_force({"from_day": "2026-06-03"}, number=made["id"])
    with pytest.raises(Refusal, match="422: body.from_day: there is no such day"):
        planner.put_in_force({"from_day": "2026-02-30"}, number=made["id"])


@pytest.mark.requirement("W-121", "W-120", "W-119")
def test_departures_are_chained_by_interface_and_go_out_and_come_in_as_block_id(world):
    planner, other = world.machine("olli"), world.machine("otto")
    number = planner.upload_feed(zipped(world.folder, **TOWN_FEED))["id"]
    made = planner.chain_block({"name": "k1", "trips": ["t2", "t1"]}, number=number)
    assert [(one["trip"], one["departs"], one["arrives"]) for one in made["trips"]] == [
        ("t1", "08:00", "08:11"), ("t2", "08:20", "08:31"),
    ]  # fmt: skip
    assert planner.block(number=number, name="k1") == made
    for words, refused in (
        ("409: .*t9", lambda: planner.chain_block({"name": "k1", "trips": ["t9"]}, number=number)),
        ("409: .*before trip", lambda: planner.chain_block({"name": "k1", "trips": ["t3"]},
                                                           number=number)),
        ("422: body.name", lambda: planner.chain_block({"name": "=k", "trips": ["t3"]},
                                                       number=number)),
        ("404", lambda: other.chain_block({"name": "k1", "trips": ["t3"]}, number=number)),
        ("404", lambda: other.dissolve_block(number=number, name="k1")),
        ("404", lambda: other.feed_with_blocks(number=number)),
        ("404", lambda: planner.block(number=number, name="k2")),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=words):
            refused()
    feed = planner.feed_with_blocks(number=number)
    with zipfile.ZipFile(io.BytesIO(feed)) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("trips.txt").decode())))
    assert {row["trip_id"]: row["block_id"] for row in rows} == {"t1": "k1", "t2": "k1", "t3": ""}
    again = planner.upload_feed(feed)["id"]  # carried on into the next version
    assert again != number and planner.block(number=again, name="k1")["trips"] == made["trips"]
    assert planner.dissolve_block(number=number, name="k1")["trips"] == []
    with pytest.raises(Refusal, match="404"):
        planner.block(number=number, name="k1")


@pytest.mark.requirement("W-140", "W-10", "T22")
def test_feeds_of_others_and_hostile_ones_are_refused_and_change_nothing(world):
    olli, otto, alma = (world.machine(name) for name in ("olli", "otto", "alma"))
    made = olli.upload_feed(zipped(world.folder))
    for refused in (lambda: otto.operating_feed(number=made["id"]),
                    lambda: otto.put_in_force({"from_day": "2026-06-05"}, number=made["id"]),
                    lambda: otto.upload_feed(zipped(world.folder), operator=10)):  # fmt: skip
        with pytest.raises(Refusal, match="404"):
            refused()
    assert otto.operating_versions()["items"] == []
    with pytest.raises(Refusal, match="422: query.operator"):
        alma.upload_feed(zipped(world.folder))
    slip = io.BytesIO()
    with zipfile.ZipFile(slip, "w") as archive:
        archive.writestr("../stops.txt", "stop_id")
    for body in (b"no zip", slip.getvalue()):
        with pytest.raises(Refusal, match="409"):
            olli.upload_feed(body)
    answer = world.client("olli").post(
        "/operating-data", content=bytes(ZIP_BYTES + 1),
        headers={**once(7), "Content-Type": "application/zip"},
    )  # fmt: skip
    problem(answer, 413)
    assert len(olli.operating_versions()["items"]) == 1
