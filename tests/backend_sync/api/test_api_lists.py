"""Lists and tags while the books grow: nothing is read twice, nothing is left out, no stale 304."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from card_layouts.records.entries import REFUSAL
from tests.backend_sync.api.api_world import once, sale
from tests.backend_sync.api.test_api_depot import CBOR, batch_of

WRITERS, EACH = 3, 8


def sell(client, world, numbers):
    for number in numbers:
        answer = client.post("/sales", json=sale(world), headers=once(f"list-{number}"))
        assert answer.status_code == 201, answer.text


def walked(client, path, key, done):
    """Return the keys of a list's items, page after page, until its end after `done`."""
    found, after = [], ""
    while True:
        was_done = done.is_set()
        said = client.get(path, params={"limit": 2, "after": after}).json()
        found += [one[key] for one in said["items"]]
        after = said["next"] or after
        if was_done and not said["next"]:
            return found


@pytest.mark.requirement("W-138", "W-141", "T20")
def test_pages_read_while_others_write_hold_every_row_once_and_in_order(world):
    client, finance, done = world.client("carl"), world.client("alma"), Event()
    spans = [range(at * EACH, at * EACH + EACH) for at in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS + 2) as pool:
        slips = pool.submit(walked, client, "/sales", "place", done)
        lines = pool.submit(walked, finance, "/finance/days/0/journal", "posting", done)
        list(pool.map(lambda span: sell(client, world, span), spans))
        done.set()
    count = WRITERS * EACH
    assert unique(slips.result()) == list(range(1, count + 1))
    known = [row[0] for row in world.books("SELECT id FROM postings ORDER BY id")]
    assert unique(lines.result()) == known and len(known) == 2 * count


def unique(found):
    """Return rows in their order; the last page may be asked for again until there is more."""
    assert all(later - first <= 1 for first, later in zip(found, found[1:], strict=False))
    return sorted(set(found))


@pytest.mark.requirement("W-138", "T20")
def test_a_page_that_was_read_stays_what_it_was(world):
    client = world.client("carl")
    sell(client, world, range(4))
    first = client.get("/sales?limit=2")
    sell(client, world, range(4, 9))
    again = client.get("/sales?limit=2")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    after = {"limit": 2, "after": first.json()["next"]}
    assert [one["place"] for one in client.get("/sales", params=after).json()["items"]] == [3, 4]


@pytest.mark.requirement("T20", "W-137")
def test_a_tag_is_of_the_bytes_it_came_with_whatever_is_written_meanwhile(world):
    """A 304 is only given for what is still so: a tag of before a change is known to be old."""
    client, till, done = world.client("olli"), world.client("carl"), Event()

    def read(path, reader):
        seen = {}
        while not done.is_set():
            answer = reader.get(path)
            known = {"If-None-Match": answer.headers["etag"]}
            later = reader.get(path, headers=known)
            assert later.status_code in (200, 304)
            if later.status_code == 200:
                assert later.headers["etag"] != answer.headers["etag"]
            assert seen.setdefault(answer.headers["etag"], answer.content) == answer.content
        return seen

    with ThreadPoolExecutor(2) as pool:
        slips = pool.submit(read, "/sales", till)
        devices = pool.submit(read, "/devices", client)
        for number in range(6):
            sell(till, world, [number])
            world.device.put(REFUSAL, {"uid": bytes((4,)) + bytes(6), "observed": bytes(44),
                                       "reason": 1})  # fmt: skip
            headers = {**CBOR, **once(f"batch-{number}")}
            answer = client.post("/batches", content=batch_of(world.device), headers=headers)
            assert answer.status_code == 200
        done.set()
    for seen in (slips.result(), devices.result()):
        assert len(set(seen.values())) == len(seen)
    old = next(iter(slips.result()))
    now = till.get("/sales", headers={"If-None-Match": old})
    assert now.status_code == 200 and len(now.json()["items"]) == 6
