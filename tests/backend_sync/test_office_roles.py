"""Who gets what of every page: roles.csv, which people wrote, against the office.

A line of roles.csv says which roles get a status at a page about their own or somebody else's
thing; a role that no line names gets 403. Its objects are of the area TOWN, operator 10 and the
point kamppi ("own"), or not.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from backend_sync.office.app import ROUTES
from backend_sync.office.gate import PUBLIC
from backend_sync.registers.rights import ROLES, Scope
from backend_sync.reports.opening import open_database
from backend_sync.reports.query import parse
from backend_sync.reports.saved import SavedQueries
from tests.backend_sync.office_world import DEVICE, FERRY, OTHERS, PEOPLE, TOWN, Office
from tests.backend_sync.operating.planners import three_owners

TABLE = Path(__file__).with_name("roles.csv")
USERS = {role: name for name, role, authority, operator, _ in PEOPLE
         if authority == TOWN and operator in (0, 10)}  # fmt: skip
USERS |= {role: role.replace(" ", ".") for role in OTHERS}
QUERY = """{"source": "rides", "columns": ["operator"], "measures": ["rides"],
            "period": {"from": "2026-06-01", "to": "2026-06-30"}}"""
UNSTATED = {("POST", "/sign-out")}  # would end the session of every cell behind it


class Cell(NamedTuple):
    method: str
    path: str
    object: str
    role: str


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("roles"))
    carl = made.client("carl")
    assert carl.post("/sell", data=made.form(carl)).headers["location"] == f"/slips/{DEVICE}/1"
    users, boss, other = made.registers.users, made.user("alma"), made.user("ferry")
    for name, by, scope in (
        ("spare", boss, Scope(TOWN, 10, "", "spare")),
        ("spare.eleven", boss, Scope(TOWN, 11, "", "spare.eleven")),
        ("spare.ferry", other, Scope(FERRY, 20, "", "spare.ferry")),
    ):
        users.add(by, name, "driver", scope, ("own.see", "sales.make"), "4711")
    assert three_owners(made.folder, made.clock) == [1, 2, 3]
    _save(made)
    yield made
    made.close()


def _save(office):
    """Save a query of each area, and put it in production."""
    query = parse(QUERY)
    with open_database(office.folder) as database:
        saved = SavedQueries(database, office.clock)
        for name, first, second, area in (("own", "anna", "alma", TOWN),
                                          ("foreign", "bea", "ferry", FERRY)):  # fmt: skip
            saved.save(office.user(first), area, name, query)
            saved.produce(office.user(second), area, name, 1)


def objects(office):
    """Return {(path, object): (path filled, form)}; a path alone has the object ""."""
    right = {"right": "sales.settle"}
    found = {
        ("/slips/{device}/{place}", "own"): (f"/slips/{DEVICE}/1", None),
        ("/slips/{device}/{place}", "foreign"): ("/slips/33/1", None),
        ("/settlement/close", ""): ("/settlement/close", {"day": "2026-06-04"}),
        ("/settlement/{number}", ""): ("/settlement/1", None),
        ("/users", ""): ("/users", {"name": "carl", "role": "driver", "secret": "4711"}),
    }
    for name, card in (("own", office.card), ("foreign", office.abroad)):
        for end in ("", "/code", "/refuse", "/allow"):
            found["/cards/accounts/{card}" + end, name] = (f"/cards/accounts/{card}{end}", None)
    for name, number in (("own", office.number()), ("foreign", office.number(FERRY)),
                         ("other point", office.number(TOWN, 1))):  # fmt: skip
        for path, act in (("", ""), ("/report", "find"), ("/block", "unblock")):
            path = f"/cards/register{path}"
            found[path, name] = (path, {"number": number, "act": act})
    for name, device, party in (("own", 1, "operator-1-10"), ("other operator", 2, "operator-1-11"),
                                ("foreign", 3, "operator-2-20")):  # fmt: skip
        found["/devices/{number}", name] = (f"/devices/{device}", None)
        found["/settlement/{number}/{party}.{form}", name] = (f"/settlement/1/{party}.txt", None)
    for version, name in enumerate(("own", "other operator", "foreign"), 1):
        form = {"seen": 9, "from_day": "2026-06-04", "day": "2026-06-04", "trips": "t1"}
        for end, more in (("", ""), ("/zip", ""), ("/force", ""), ("/stops", ""),
                          ("/stop", "?id=a"), ("/routes", ""), ("/route", "?id=r"),
                          ("/blocks", ""), ("/blocks/zip", ""),
                          ("/blocks/dissolve", "")):  # fmt: skip
            path = f"/operating/{version}{end}{more}"
            form = {**form, "name": "none" if "dissolve" in end else "bus-1"}
            found["/operating/{version}" + end, name] = (path, form)
    for name, user in (("own", "spare"), ("other operator", "spare.eleven"),
                       ("foreign", "spare.ferry")):  # fmt: skip
        found["/users/{name}", name] = (f"/users/{user}", None)
        for end, form in (("disable", None), ("enable", None), ("grant", right),
                          ("revoke", right), ("secret", {"secret": "4712"})):  # fmt: skip
            found["/users/{name}/" + end, name] = (f"/users/{user}/{end}", form)
    wrong = {"range": "1", "delivery": "1", "to": "stock", "name": "Not one", "alarm_below": "0",
             "kind": "operator", "number": "x"}  # fmt: skip
    for path in ("/stock/deliver", "/stock/move", "/stock/place", "/names"):
        found[path, ""] = (path, wrong)
    for name, number in (("own", 3), ("foreign", 7)):  # cards that went to a point
        path = "/stock/documents/{number}/undo"
        found[path, name] = (path.format(number=number), None)
    found["/queries", ""] = ("/queries", {"name": "own", "body": QUERY})
    for name in ("passengers", "settlement", "tax"):
        found["/reports/{name}", name] = (f"/reports/{name}", None)
        found["/reports/{name}/file.{form}", name] = (f"/reports/{name}/file.csv", None)
    for name in ("own", "foreign"):
        found["/queries/{name}", name] = (f"/queries/{name}", None)
        found["/queries/{name}/file.{form}", name] = (f"/queries/{name}/file.xlsx", None)
        for end, form in (("produce", {"version": "1"}), ("schedule", {"every": "week"}),
                          ("withdraw", None)):  # fmt: skip
            found["/queries/{name}/" + end, name] = (f"/queries/{name}/{end}", form)
    found["/sell/shift", ""] = ("/sell/shift", {"shift": "7"})
    found["/sales/count", ""] = ("/sales/count", {"device": "x", "shift": "1", "clerk": "1",
                                                  "euros": "1"})  # fmt: skip
    found["/proposals", ""] = ("/proposals", {"kind": "x", "amount": "1", "content": "y"})
    for name, device in (("own", DEVICE), ("foreign", 33)):
        found["/slips/{device}/{place}/void", name] = (f"/slips/{device}/1/void", None)
    for name, device in (("own", 1), ("other operator", 2), ("foreign", 3)):
        path = "/sales/shifts/{device}/{epoch}/{shift}/{clerk}"
        filled = path.format(device=device, epoch=0, shift=1, clerk=1)
        found[path, name] = (filled, None)
        found[path + "/pay-in", name] = (filled + "/pay-in", None)
    for name, user in (("own", "spare"), ("foreign", "spare.ferry")):
        till = {"device": "90", "clerk": "90"}
        found["/users/{name}/till", name] = (f"/users/{user}/till", till)
    for name, number in (("own", 1), ("foreign", 2)):
        found["/proposals/{number}", name] = (f"/proposals/{number}", {"step": "neither"})
    return found


def wanted():
    """Return {cell: status} of the whole table: 403 where no line names the role."""
    cells = {}
    for line in csv.DictReader(TABLE.open(encoding="utf-8")):
        named = [role.strip() for role in line["roles"].split(";")]
        assert set(named) <= set(USERS), set(named) - set(USERS)
        place = (line["method"], line["path"], line["object"])
        for role in USERS:
            cells.setdefault(Cell(*place, role), 403)
        for role in named:
            assert cells[Cell(*place, role)] == 403, f"{place} names {role} twice"
            cells[Cell(*place, role)] = int(line["status"])
    return cells


def differing(office, cells):
    """Return {cell: status} of those cells that got another one."""
    clients = {role: office.client(USERS[role]) for role in {cell.role for cell in cells}}
    filled, found = objects(office), {}
    for cell, status in cells.items():
        path, form = filled.get((cell.path, cell.object), (cell.path, None))
        assert "{" not in path, path
        answer = clients[cell.role].request(cell.method, path, data=form)
        if answer.status_code != status:
            found[cell] = answer.status_code
    return found


def test_the_table_names_every_page_and_every_role():
    stated = {cell[:2] for cell in wanted()}
    pages = {(method, path) for method, path, right, _ in ROUTES if right != PUBLIC}
    assert stated == pages - UNSTATED
    assert set(USERS) == {role.name for role in ROLES}


@pytest.mark.requirement("W-8", "W-9", "W-10", "W-11", "W-19", "T20")
def test_every_role_gets_what_the_table_says_at_every_page(office):
    cells = wanted()
    found = differing(office, cells)
    print(f"{len(cells)} cells, {len(found)} differing")
    assert found == {}


@pytest.mark.requirement("W-11", "T20")
def test_a_deleted_permission_turns_exactly_its_cells_red(office):
    boss, users = office.user("alma"), office.registers.users
    users.grant(boss, "region", "usage.see", taken=True)
    try:
        cells = {cell: status for cell, status in wanted().items() if cell.role == "region"}
        found = differing(office, cells)
    finally:
        users.grant(boss, "region", "usage.see")
    assert {cell[:3]: status for cell, status in found.items()} == {
        ("GET", "/today", ""): 403,
        ("GET", "/devices", ""): 403,
        ("GET", "/devices/{number}", "own"): 403,
        ("GET", "/devices/{number}", "other operator"): 403,
        ("GET", "/devices/{number}", "foreign"): 403,
        ("GET", "/tariffs", ""): 403,
        ("GET", "/reports/{name}", "passengers"): 404,
        ("GET", "/reports/{name}/file.{form}", "passengers"): 404,
        ("GET", "/queries/{name}", "own"): 409,
        ("GET", "/queries/{name}/file.{form}", "own"): 409,
    }
    assert differing(office, cells) == {}


@pytest.mark.requirement("W-10")
def test_nothing_of_another_area_or_operator_stands_on_a_page_of_ones_own(office):
    """What marks the others: their operators, their users, their points, their printed numbers."""
    foreign = {"alma": ("ferry", "harbour", "spare.ferry", str(office.number(FERRY))),
               "olli": ("otto", "spare.eleven", "ferry", "harbour", "carl"),
               "ferry": ("carl", "kamppi", "olli", str(office.number()))}  # fmt: skip
    pages = ("/today", "/cards", "/sales", "/sales/shifts", "/devices", "/tariffs", "/settlement",
             "/settlement/1", "/operating", "/stock", "/stock/documents", "/users", "/proposals",
             "/trail")  # fmt: skip
    for name, marks in foreign.items():
        client = office.client(name)
        for path in pages:
            answer = client.get(path)
            text = answer.text.split("<main", 1)[1] if answer.status_code == 200 else ""
            assert [mark for mark in marks if mark in text] == [], (name, path)
