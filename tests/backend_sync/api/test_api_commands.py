"""`tornello api`, and the interfaces beside the pages in one server."""

import json
import zipfile

import pytest
from starlette.testclient import TestClient

from backend_sync.api.app import ROUTES, add_api
from backend_sync.api.routes import BASE
from backend_sync.cli import main
from backend_sync.registers.asking import bind
from simulator.demo.system import TARIFFS, TOWN_FEED
from tests.backend_sync.office_world import ORIGIN
from tests.backend_sync.registers_world import SECRET, secret_file


@pytest.fixture
def anna(world, tmp_path):
    """Return the options of who signs in, for a folder that is bound to its register."""
    bind(tmp_path, str(tmp_path / "registers.db"))
    return [str(tmp_path), "--by", "anna", "--secret", str(secret_file(tmp_path))]


@pytest.mark.requirement("T20", "W-11", "X-14")
def test_a_key_is_made_listed_and_withdrawn_by_who_may(world, anna, capsys):
    words = ["--user", "olli", "--right", "usage.see", "--days", "30", "--label", "warehouse"]
    assert main(["api", "key", "add", *anna, *words]) == 0
    said, key = capsys.readouterr().out.splitlines()
    assert "of olli, usage.see, until 20" in said and key.startswith("tornello_")
    client = world.with_key(key)
    assert client.get("/me").json()["rights"] == ["usage.see"]
    assert main(["api", "key", "list", *anna]) == 0
    listed = capsys.readouterr().out
    assert "warehouse" in listed and key not in listed and SECRET not in listed
    assert main(["api", "key", "list", *anna, "--json"]) == 0
    number = json.loads(capsys.readouterr().out)[0]["id"]
    assert main(["api", "key", "withdraw", *anna, "--key", number]) == 0
    assert client.get("/me").status_code == 401


@pytest.mark.requirement("W-10", "X-14")
def test_who_may_not_makes_no_key_and_is_told_why(world, anna, capsys, tmp_path):
    olli = [anna[0], "--by", "olli", "--secret", anna[-1]]
    for code, arguments, words in (
        (1, [*olli, "--user", "carl"], "no users.change there"),
        (1, [*anna, "--user", "nobody"], "there is none of that name"),
        (1, [*anna, "--user", "bea"], "no users.change there"),
        (1, [*anna, "--user", "olli", "--right", "cards.kill"], "a key has at most his"),
        (1, [anna[0], "--user", "olli"], "who asks?"),
        (1, [anna[0], "--user", "olli", "--by", "anna", "--secret",
             str(secret_file(tmp_path, "wrong", "other"))], "the secret is wrong"),
        (2, [str(tmp_path / "nothing"), "--user", "olli"], "no such ledger"),
    ):  # fmt: skip
        assert main(["api", "key", "add", *arguments]) == code
        assert words in capsys.readouterr().err
    assert world.database.rows("SELECT * FROM api_keys") == []


@pytest.mark.requirement("T20")
def test_the_document_is_printed_without_a_ledger_and_is_what_is_served(world, capsys):
    assert main(["api", "openapi"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == world.with_key("").get("/openapi.json").json()
    assert said["openapi"] == "3.1.0"
    operations = {(method.upper(), path.removeprefix(BASE)): operation
                  for path, methods in said["paths"].items()
                  for method, operation in methods.items()}  # fmt: skip
    assert set(operations) == {(row.method, row.path) for row in ROUTES}
    for row in ROUTES:
        operation = operations[row.method, row.path]
        assert operation["x-interface"] == row.interface and operation["x-right"] == row.right
    named = {row.interface for row in ROUTES if row.interface.startswith("W-1")}
    assert named >= {f"W-{number}" for number in range(137, 146)}
    for name, schema in said["components"]["schemas"].items():
        assert schema.get("additionalProperties") is False, name


@pytest.mark.requirement("W-145")
def test_a_tariff_and_its_feed_are_published_once_as_one_file(world, tmp_path, capsys):
    words = [str(tmp_path), "--tariff", str(TARIFFS / "tariff.toml"), "--gtfs", str(TOWN_FEED)]
    assert main(["api", "publish", *words]) == 0
    assert "authority 1: authority-1.zip" in capsys.readouterr().out
    client = world.with_key("")
    first = client.get("/static/1/gtfs.zip")
    (tmp_path / "got.zip").write_bytes(first.content)
    with zipfile.ZipFile(tmp_path / "got.zip") as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
    assert names >= {"stops.txt", "trips.txt", "fare_products.txt", "fare_leg_rules.txt"}
    assert main(["api", "publish", *words]) == 0
    assert "published already" in capsys.readouterr().out
    assert client.get("/static/1/gtfs.zip").headers["etag"] == first.headers["etag"]
    wrong = [str(tmp_path), "--tariff", str(TOWN_FEED / "stops.txt"), "--gtfs", str(TOWN_FEED)]
    assert main(["api", "publish", *wrong]) == 1
    assert "stops.txt" in capsys.readouterr().err


@pytest.mark.requirement("T20")
def test_interfaces_and_pages_stand_side_by_side_and_keep_their_own_doors(world):
    both = add_api(world.office.app, world.app)
    key = {"Authorization": f"Bearer {world.key('carl')}"}
    machine, browser = (
        TestClient(both, headers=headers, follow_redirects=False) for headers in (key, {})
    )
    assert machine.get(f"{BASE}/me").json()["user"] == "carl"
    assert machine.get("/today").status_code == 303  # a key opens no page
    answer = browser.post("/sign-in", data={"name": "carl", "secret": SECRET}, headers=ORIGIN)
    assert answer.status_code == 303 and browser.cookies
    assert browser.get(f"{BASE}/me").status_code == 401  # nor a cookie an interface
    answer = machine.get("/api/other")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
