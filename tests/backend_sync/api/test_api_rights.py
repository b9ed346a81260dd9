"""Every operation for every user, on what is his and what is another's, against a hand's table."""

from itertools import count
from pathlib import Path

import pytest

from backend_sync.api.app import ROUTES
from backend_sync.api.routes import SIGNED_IN
from tests import figures
from tests.backend_sync.api.api_world import Api, once, sale
from tests.backend_sync.api.test_api_depot import CBOR, batch_of
from tests.backend_sync.operating.planners import TOMORROW, TOWN_FEED, zipped

ZIP = {"Content-Type": "application/zip"}
TABLE = Path(__file__).parent / "api_rights.txt"
ROWS = {row.handler: row for row in ROUTES}


def wanted():
    """Return {(operation, user): first digit of its status}, by the hand's table."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    users = lines[0][1:]
    return {(name, user): int(cell) for name, *cells in lines[1:]
            for user, cell in zip(users, cells, strict=True)}  # fmt: skip


class Asking:
    """Things of some users, and a request about each of them by operation."""

    def __init__(self, folder):
        self.world = world = Api(folder)
        self.numbers = count(1)
        world.close_day()
        (folder / "static").mkdir()
        (folder / "static" / "authority-1.zip").write_bytes(b"zip")
        self.batch = batch_of(world.device)
        self.post("carl", "/sales", sale(world))
        order = {"card": world.card, "cents": 2000, "days": 30}
        made = self.post("wanda", "/orders", order)
        self.feed = zipped(folder, **TOWN_FEED)
        self.day = TOMORROW.isoformat()
        zip_headers = {**self.key(), **ZIP}
        world.client("olli").post("/operating-data", content=self.feed, headers=zip_headers)
        self.values = {"device": 31, "place": 1, "number": 1, "version": 1, "authority": 1,
                       "action": made["action"], "name": "k1"}  # fmt: skip
        code = self.code()
        self.proof = self.post("wanda", "/card-proofs", {"code": code})["proof"]
        self.bodies = {"sell": sale(world), "order": order, "card_code": {"card": world.card},
                       "put_in_force": {"from_day": self.day},
                       "chain_block": {"name": "k1", "trips": ["t1", "t2"]},
                       "check_municipality": {"identity": "a", "municipality": "b"}}  # fmt: skip

    def post(self, name, path, body):
        return self.world.client(name).post(path, json=body, headers=self.key()).json()

    def key(self):
        return once(f"rights-{next(self.numbers)}")

    def code(self):
        return self.post("dora", "/card-codes", {"card": self.world.card})["code"]

    def status(self, operation, name):
        """Return the first digit of what a user is answered, and the third of 403 and 404."""
        row, headers = ROWS[operation], once(f"{operation}-{name}")
        body = self.bodies.get(operation)
        more = {"json": {"code": self.code()} if operation == "card_proof" else body}
        if operation == "take_batch":
            headers, more = {**headers, **CBOR}, {"content": self.batch}
        if operation == "upload_feed":
            headers, more = {**headers, **ZIP}, {"content": self.feed, "params": {"operator": 10}}
        if operation == "card_events":
            headers["Card-Proof"] = self.proof
        if operation in ("block", "dissolve_block"):
            chain = f"/operating-data/{self.values['number']}/blocks"
            self.post("olli", chain, self.bodies["chain_block"])
        path = row.path.format(**self.values)
        answer = self.world.client(name).request(row.method, path, headers=headers, **more)
        return {403: 3, 404: 4}.get(answer.status_code, answer.status_code // 100)

    def differing(self):
        return {cell: (digit, found) for cell, digit in wanted().items()
                if (found := self.status(*cell)) != digit}  # fmt: skip


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    made = Asking(tmp_path_factory.mktemp("rights"))
    yield made
    made.world.close()


@pytest.mark.requirement("W-8", "W-9", "W-10", "W-11", "T20")
def test_every_cell_of_the_table_is_what_the_interfaces_do(asking):
    assert asking.differing() == {}
    figures.add("cells of operations and users of /api/v1", len(wanted()))


def test_the_table_names_every_operation_and_every_user_with_a_right():
    assert {name for name, _ in wanted()} == set(ROWS)
    assert len(wanted()) == len(ROWS) * 11


@pytest.mark.requirement("T20")
def test_a_right_that_is_taken_away_turns_exactly_its_cells_red(asking):
    route = next(one for one in asking.world.app.app.routes if one.row.handler == "closed_days")
    row = route.row
    route.row = row._replace(right=SIGNED_IN)
    try:
        red = asking.differing()
    finally:
        route.row = row
    refused = {cell for cell, digit in wanted().items() if cell[0] == "closed_days" and digit == 3}
    assert set(red) == refused and len(refused) == 6
