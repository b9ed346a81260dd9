"""Whatever a machine should not send: a problem that says what to do, a line of log, no change."""

import asyncio
import io
import json
import zipfile
from urllib.parse import quote

import pytest

from backend_sync.api import events as event_data
from backend_sync.api.finance import CSV_HEAD
from backend_sync.operating.archive import ZIP_BYTES
from backend_sync.settlement.statements import as_csv
from tests import figures
from tests.backend_sync.api.api_world import BASE, once, problem, sale
from tests.backend_sync.api.test_api_injection import contents
from tests.backend_sync.operating.planners import zipped

JSON = {"Content-Type": "application/json"}
ZIP = {"Content-Type": "application/zip"}


def body_of(shared, **changes):
    return json.dumps(sale(shared, **changes)).encode()


def packed(*members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return made.getvalue()


def chunks(size, count):
    """Return a body that says nothing of its length."""
    return (bytes(size) for _ in range(count))


def sales(shared):
    """Return (kind, body, status, words) of what is wrong in the body of a sale."""
    good = body_of(shared)
    return (
        ("wrong type", body_of(shared, cents="2000"), 422, "body.cents"),
        ("true for 1", body_of(shared, shift=True), 422, "body.shift"),
        ("unknown field", body_of(shared, role="authority"), 422, "body.role"),
        ("foreign card", body_of(shared, card=shared.abroad), 404, "none that is yours"),
        ("no such card", body_of(shared, card=10**14), 404, "none that is yours"),
        ("SQL", body_of(shared, choice="' OR 1=1;--"), 422, "body.choice"),
        ("a field twice", good[:-1] + b', "cents": 1}', 400, "stands twice"),
        ("twice inside", b'{"card": {"a": 1, "a": 2}}', 400, "stands twice"),
        ("NaN", good.replace(b"2000", b"NaN"), 400, "a number that is none"),
        ("Infinity", good.replace(b"2000", b"-Infinity"), 400, "a number that is none"),
        ("huge number", body_of(shared, cents=10**30), 422, "body.cents"),
        ("huge exponent", good.replace(b"2000", b"1e400"), 422, "body.cents"),
        ("too many digits", good.replace(b"2000", b"9" * 5000), 400, "too many digits"),
        ("deep", b"[" * 30_000 + b"]" * 30_000, 400, "inside one another"),
        ("broken off", good[:-5], 400, "no JSON from byte"),
        ("two values", good + good, 400, "no JSON from byte"),
        ("no UTF-8", good.replace(b"load", b"lo\xff"), 400, "no UTF-8"),
        ("UTF-16", good.decode().encode("utf-16"), 400, "no UTF-8"),
        ("half a letter", good.replace(b"load", b"\\ud800"), 422, "body.choice"),
        ("zero byte", good.replace(b"load", b"lo\\u0000d"), 422, "body.choice"),
        ("not an object", b'"load"', 422, "body"),
        ("nothing", b"", 422, "body"),
        ("oversized", b" " * 70_000, 413, "at most 65536 bytes"),
        ("oversized without a length", chunks(4096, 30), 413, "at most 65536 bytes"),
    )


@pytest.mark.requirement("T20", "T21", "T22")
def test_every_kind_of_bad_body_is_a_problem_that_is_logged_and_changes_nothing(shared):
    client = shared.client("carl")
    before, wrong = contents(shared.folder), sales(shared)
    for kind, body, status, words in wrong:
        lines = len(shared.lines)
        answer = client.post("/sales", content=body, headers={**JSON, **once("bad-input")})
        assert words in problem(answer, status), kind
        (line,) = shared.logged()[lines:]
        assert (line["route"], line["status"], line["user"]) == (
            f"{BASE}/sales", status, "carl",
        ), kind  # fmt: skip
    assert contents(shared.folder) == before
    figures.add("kinds of bad bodies given to /api/v1", len(wrong))


@pytest.mark.requirement("T22", "W-140")
def test_hostile_uploads_are_problems_that_say_what_is_wrong_and_change_nothing(shared):
    client = shared.client("olli")
    before = contents(shared.folder)
    for body, status, words in (
        (packed(("../stops.txt", "stop_id")), 409, "stops.txt"),
        (packed(("/etc/passwd", "x")), 409, "passwd"),
        (packed(("notes.txt", "0" * 3_000_000)), 409, "would unpack to 3000000"),
        (packed(("stops.txt", "stop_id\n=cmd|'/C calc'!A0\n")), 409, ""),
        (zipped(shared.folder)[:-30], 409, "zip"),
        (b"PK\x03\x04" + bytes(100), 409, "zip"),
        (b"", 409, "zip"),
        (chunks(1 << 20, 1 + (ZIP_BYTES >> 20)), 413, f"at most {ZIP_BYTES} bytes"),
    ):
        answer = client.post("/operating-data", content=body, headers={**ZIP, **once("zip-bad")})
        assert words in problem(answer, status), body
    assert client.get("/operating-data").json()["items"] == []
    assert contents(shared.folder) == before
    assert not list((shared.folder / "operating").glob("*.zip"))


@pytest.mark.requirement("T20")
def test_who_may_not_is_told_so_before_a_byte_of_his_body_is_asked_for(shared):
    """Without a key, without the right, of a path that is none: nobody reads what he sends."""
    keys = {name: shared.key(name) for name in ("carl", "olli")}
    for path, key, length, status in (
        ("/sales", "", "5", 401), ("/sales", "", "999999999999", 401),
        ("/operating-data", keys["carl"], str(ZIP_BYTES), 403),
        ("/operating-data", keys["carl"], "999999999999", 403),
        ("/operating-data", keys["olli"], "999999999999", 413),
        ("/operating-data", keys["olli"], "1e3", 413), ("/nothing", "", "5", 404),
    ):  # fmt: skip
        sent, asked = spoken(shared.app, "POST", path, key, length)
        assert (sent["status"], asked) == (status, 0), path


@pytest.mark.requirement("T20")
def test_a_body_that_does_not_come_is_given_up_and_may_be_sent_again(shared):
    door = shared.app.app.routes[0].door
    before, door.body_s = door.body_s, 0
    try:
        sent, asked = spoken(shared.app, "POST", "/sales", shared.key("carl"), "5")
    finally:
        door.body_s = before
    assert (sent["status"], asked) == (408, 1)
    assert "the same may be sent again" in json.loads(sent["body"])["detail"]


def spoken(app, method, path, key, length):
    """Return (answer, how often the body was asked for) of a sender who never sends it."""
    asked, answer = [], {"body": b""}

    async def receive():
        asked.append(1)
        await asyncio.Event().wait()

    async def send(message):
        answer.update({"status": message.get("status", answer.get("status"))})
        answer["body"] += message.get("body", b"")

    headers = [(b"content-length", length.encode()), (b"content-type", b"application/json"),
               (b"idempotency-key", b"never-sent")]  # fmt: skip
    headers += [(b"authorization", b"Bearer " + key.encode())] if key else []
    scope = {"type": "http", "method": method, "path": BASE + path, "raw_path": b"", "scheme":
             "http", "query_string": b"", "headers": headers, "client": ("test", 1), "server":
             ("test", 80), "http_version": "1.1", "root_path": "", "state": {}}  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return answer, len(asked)


@pytest.mark.requirement("T20")
def test_no_word_of_a_request_becomes_a_header_or_a_line_of_its_own(shared):
    client = shared.client("alma")
    evil = "x\r\nX-Evil: 1"
    for answer in (
        client.get("/events", params={"purpose": evil}), client.get("/events", params={evil: "1"}),
        client.get(f"/tariffs/{quote(evil)}"), client.get("/events/file", params={"first": evil}),
        client.get("/tariffs", headers={"If-None-Match": "x\u2028X-Evil: 1".encode()}),
        client.post("/sales", content=b"{}", headers={**JSON, "Idempotency-Key": "a" * 65}),
    ):  # fmt: skip
        assert "x-evil" not in answer.headers and "\n" not in answer.headers.get("location", "")
    assert all("\n" not in line and "Evil" not in line for line in shared.lines)


@pytest.mark.requirement("W-144", "W-141", "T22")
def test_no_cell_of_a_file_that_goes_out_is_a_formula(shared):
    ride = shared.client("alma").get("/events").json()["items"][0]
    for first in "=+-@\t\r":
        event = event_data.Event(**ride)
        event.stop_id, event.rider_category = f"{first}cmd|' /C calc'!A0", f" {first}1"
        text = event_data._csv([event]).decode()
        assert f"'{first}cmd" in text and f",{first}cmd" not in text
        line = as_csv(CSV_HEAD, [[1, 1, f"{first}cmd", "LIAB", -5, "EUR", "SOLD", None]]).decode()
        assert f"'{first}cmd" in line and ",-5," in line
