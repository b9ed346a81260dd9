"""The interfaces as `./tornello ledger serve` serves them: a real process, killed in between."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from backend_sync.api.routes import BASE
from tests.backend_sync.api.api_client import Client, Refusal
from tests.backend_sync.api.api_world import Api, sale

ROOT = Path(__file__).resolve().parents[3]


class Served:
    """A process that serves a folder, and can be killed and begun again."""

    def __init__(self, folder):
        self.command = [sys.executable, "-m", "backend_sync", "office", "serve", str(folder),
                        "--port", "0", "--register", str(folder)]  # fmt: skip
        self.log = (folder / "log.txt").open("a")
        self.begin()

    def begin(self):
        self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)  # fmt: skip
        line = self.process.stdout.readline()
        self.url = re.fullmatch(r"office: (http://127\.0\.0\.1:\d+)/\n", line)[1]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def client(self, key):
        http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"})
        return Client(http, http.get(f"{BASE}/openapi.json").json())


@pytest.fixture
def served(tmp_path):
    world = Api(tmp_path, lived=False)
    keys = {name: world.key(name) for name in ("carl", "alma")}
    world.close()
    made = Served(tmp_path)
    yield made, keys, world
    made.kill()
    made.log.close()


@pytest.mark.system
@pytest.mark.requirement("W-138", "W-141", "W-112", "T20")
def test_a_sale_is_once_though_the_server_is_killed_before_it_is_sent_again(served, tmp_path):
    server, keys, world = served
    body, number = sale(world), "till-7-receipt-4711"
    first = server.client(keys["carl"]).sell(body, idempotency_key=number)
    server.kill()
    server.begin()
    client = server.client(keys["carl"])
    assert client.sell(body, idempotency_key=number) == first
    with pytest.raises(Refusal, match="422: header.Idempotency-Key: another request"):
        client.sell({**body, "cents": 3000}, idempotency_key=number)
    assert [slip["place"] for slip in client.every("sales", limit=1)] == [1]
    finance = server.client(keys["alma"])
    sums = {one["kind"]: one["cents"] for one in finance.sums(number=0)["sums"]}
    assert sums == {"CASH": -2000, "PREPAID": 2000}
    lines = (tmp_path / "log.txt").read_text()
    assert '"route": "/api/v1/sales"' in lines and keys["carl"] not in lines
    assert httpx.get(server.url + "/sign-in").status_code == 200
