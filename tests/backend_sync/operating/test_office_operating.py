"""The office's page of operating data: upload, differences, in force, undo, nobody else's."""

import re

import pytest

from backend_sync.office.pages.operating import HOME, OperatingPages
from backend_sync.office.words import CODES, every_text
from tests.backend_sync.office_world import Office, figure
from tests.backend_sync.operating.planners import TODAY, TOWN_FEED, YEAR, zipped

CAPTIONS = {"plan": "In force and planned", "versions": "Versions"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Whose operating data tests begin with their own operator."""
    made = Office(tmp_path_factory.mktemp("office"), lived=False)
    yield made
    made.close()


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path, lived=False)
    yield made
    made.close()


def upload(office, client, operator="", body=None, **changes):
    """Send a zip as the form does; return the answer."""
    body = zipped(office.folder, **changes) if body is None else body
    file = {"zip": ("feed.zip", body, "application/zip")}
    return client.post(HOME, files=file, data={"operator": operator} if operator else {})


def force(client, path, day=TODAY):
    """Confirm what the page of a version shows."""
    seen = re.search(r'name="seen" value="(\d+)"', client.get(path).text)[1]
    return client.post(f"{path}/force", data={"seen": seen, "from_day": str(day)})


def rows_of(page, table):
    """Return the cells of the table with a caption, without their links."""
    found = re.search(rf"<caption[^>]*>{CAPTIONS[table]}</caption>(.*?)</table>", page, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", found[1], re.S) if found else []
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in rows]
    return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells if row]


@pytest.mark.requirement("W-20", "W-118", "W-122", "W-127", "W-140")
def test_a_planner_uploads_sees_the_differences_confirms_and_undoes(office):
    olli = office.client("olli")
    first = upload(office, olli, calendar=YEAR, **TOWN_FEED)
    assert (first.status_code, first.headers["location"]) == (303, f"{HOME}/1")
    page = olli.get(f"{HOME}/1").text
    assert [figure(page, name) for name in ("stops", "routes", "trips")] == ["3", "1", "3"]
    assert figure(page, "period") == "2026-01-01 – 2026-12-31"
    assert "No version is in force" in olli.get(HOME).text  # not before he confirms
    assert force(olli, f"{HOME}/1").headers["location"] == f"{HOME}?operator=10"

    moved = TOWN_FEED["stops"].replace("62.9200", "62.9300") + "d,Mill,A,62.9,27.7\n"
    second = upload(office, olli, calendar=YEAR, **TOWN_FEED | {"stops": moved})
    path = second.headers["location"]
    page = olli.get(path).text
    counts = {name: figure(page, name) for name in
              ("stops-added", "stops-removed", "stops-changed", "departures-added")}  # fmt: skip
    assert counts == {"stops-added": "1", "stops-removed": "0", "stops-changed": "1",
                      "departures-added": "0"}  # fmt: skip
    assert "moved by: 1,112 m" in page and "version 1" in page
    assert force(olli, path).status_code == 303
    plan = rows_of(olli.get(HOME).text, "plan")
    assert [row[:2] for row in plan] == [["2", str(TODAY)]]

    assert force(olli, f"{HOME}/1").status_code == 303  # undo
    home = olli.get(HOME).text
    plan = [row[:4] for row in rows_of(home, "plan")]
    assert plan == [["1", str(TODAY), "in force", "olli"]]
    assert [row[:2] for row in rows_of(home, "versions")] == [
        ["2", "not in force"],
        ["1", "in force"],
    ]


@pytest.mark.requirement("W-20")
def test_the_same_zip_twice_leads_to_the_same_version_and_downloads_as_it_was(shared):
    olli, body = shared.client("olli"), zipped(shared.folder)
    first, again = (upload(shared, olli, body=body).headers["location"] for _ in range(2))
    assert first == again
    answer = olli.get(f"{first}/zip")
    assert answer.content == body and answer.headers["content-type"] == "application/zip"
    assert 'filename="operator-10-version-1.zip"' in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.requirement("W-10", "W-20", "W-22")
def test_versions_of_others_are_no_other_than_missing_ones(office):
    olli, otto, alma, ferry = (office.client(name) for name in ("olli", "otto", "alma", "ferry"))
    path = upload(office, olli).headers["location"]
    force(olli, path)
    missing = f"{HOME}/999"
    data = {"seen": "0", "from_day": str(TODAY)}
    for client in (otto, ferry):
        for tail in ("", "/zip"):
            theirs, none = (client.get(one + tail) for one in (path, missing))
            assert theirs.status_code == none.status_code == 404
            assert theirs.text.replace(path, missing) == none.text
        assert client.post(f"{path}/force", data=data).status_code == 404
        assert "No version has been uploaded" in client.get(HOME).text
        assert "No version has been uploaded" in client.get(f"{HOME}?operator=10").text
    # An operator uploads for himself, whatever his form says.
    agency = "agency_id,agency_name,agency_timezone\n2,Otto,Europe/Helsinki\n"
    mine = upload(office, otto, operator="10", agency=agency,
                  routes="route_id,route_short_name\nr,1\n")  # fmt: skip
    assert mine.status_code == 303
    assert rows_of(office.client("otto").get(HOME).text, "versions")[0][0] == "1"
    # Their authority sees both, and maintains them.
    rows = rows_of(alma.get(HOME).text, "versions")
    assert [(row[0], row[1]) for row in rows] == [
        ("Koivula Buses (10)", "1"),
        ("no name (11)", "1"),
    ]
    assert [row[0] for row in rows_of(alma.get(f"{HOME}?operator=11").text, "versions")] == [
        "no name (11)"
    ]
    made = upload(office, alma, operator="10", stops="stop_id,stop_name\na,A\nb,B\nc,C\n")
    assert made.status_code == 303
    assert force(alma, made.headers["location"]).status_code == 303
    assert rows_of(olli.get(HOME).text, "plan")[0][0] == "2"


@pytest.mark.requirement("W-10", "W-20")
def test_an_operator_may_not_take_anothers_agency(office):
    olli, otto = office.client("olli"), office.client("otto")
    force(olli, upload(office, olli).headers["location"])
    answer = upload(office, otto)
    assert answer.status_code == 409 and "is not operator 11" in answer.text


@pytest.mark.requirement("T22", "W-20")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no zip at all", "not a readable zip"),
        (b"", "not a readable zip"),
        ("slip", "a path out of the archive"),
        ("formula", "begins like a formula"),
        ("line", "trips.txt:2: route_id"),
    ],
)
def test_what_is_no_feed_is_said_on_the_page_and_changes_nothing(shared, body, words):
    alma = shared.client("alma")
    changes = {"slip": {"../x": "a\n"}, "formula": {"notes": "a\n=1+1\n"},
               "line": {"trips": "route_id,trip_id,service_id\n<b>,t,daily\n"}}  # fmt: skip
    made = zipped(shared.folder, **changes[body]) if isinstance(body, str) else body
    before = rows_of(alma.get(HOME).text, "versions")
    answer = upload(shared, alma, operator="12", body=made)
    assert answer.status_code == 409 and "Nothing was changed:" in answer.text
    assert words in answer.text and "<b>" not in answer.text
    assert rows_of(alma.get(HOME).text, "versions") == before


@pytest.mark.requirement("T20", "T22")
def test_a_file_is_read_only_of_who_may_send_one_and_at_most_so_long(shared):
    body = zipped(shared.folder)
    assert upload(shared, shared.browser(), body=body).status_code == 401
    carl, olli = shared.client("carl"), shared.client("olli")
    assert upload(shared, carl, body=body).status_code == 403
    assert upload(shared, olli, body=b"x" * (OperatingPages.BODIES[HOME] + 1)).status_code == 413
    kind = {"content-type": "multipart/form-data; boundary=x"}
    unsaid = olli.post(HOME, content=iter([b"--x--\r\n"]), headers=kind)
    assert unsaid.status_code == 413  # how long it is was not declared
    for rubbish in (b"", b"--x", b"--x\r\n\r\n", b"zip=1"):
        assert olli.post(HOME, content=rubbish, headers=kind).status_code == 400
    assert olli.post(HOME, data={"zip": "text"}).status_code == 400
    assert upload(shared, shared.client("alma"), operator="x" * 4).status_code == 409


@pytest.mark.parametrize(
    ("path", "status"),
    [("/operating/x", 400), (f"/operating/{'9' * 30}", 404), ("/operating/0", 404),
     ("/operating/-1", 404), ("/operating?page=0", 400), ("/operating?operator=70000", 400),
     ("/operating?page=9999", 200)],
)  # fmt: skip
def test_addresses_that_lead_nowhere_are_pages_too(shared, path, status):
    assert shared.client("olli").get(path).status_code == status


def test_a_day_that_is_no_day_and_a_stale_page_change_nothing(office):
    olli = office.client("olli")
    path = upload(office, olli).headers["location"]
    for day in ("2026-13-01", "tomorrow", "0000-00-00"):
        data = {"seen": "0", "from_day": day}
        assert olli.post(f"{path}/force", data=data).status_code in (400, 404)
    for day, words in (("2026-06-03", "wanted 2026-06-04 or later"), ("2027-06-03", "runs until")):
        answer = olli.post(f"{path}/force", data={"seen": "0", "from_day": day})
        assert answer.status_code == 409 and words in answer.text
    stale = olli.post(f"{path}/force", data={"seen": "7", "from_day": str(TODAY)})
    assert stale.status_code == 409 and "look at the differences again" in stale.text
    assert "No version is in force" in olli.get(HOME).text


def test_every_text_of_operating_data_is_there_in_five_languages(shared):
    own = {key: row for key, row in every_text().items() if key.startswith("feed_")}
    assert all(len(row) == len(CODES) == 5 and all(row) for row in own.values())
    olli = shared.client("olli")
    path = upload(shared, olli).headers["location"]
    for code in CODES:
        olli.cookies["language"] = code
        page = olli.get(path)
        assert page.status_code == 200 and f'<html lang="{code}">' in page.text
