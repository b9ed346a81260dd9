"""The office's pages of stops, routes, timetables and blocks of a version."""

import re
import zipfile
from io import BytesIO
from urllib.parse import urlencode

import pytest

from tests.backend_sync.office_world import Office
from tests.backend_sync.operating.planners import TODAY, TOWN_FEED, three_owners

OWN, ELEVENS, ABROAD = "/operating/1", "/operating/2", "/operating/3"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("timetables"), lived=False)
    three_owners(made.folder, made.clock)
    yield made
    made.close()


def cells(page):
    """Return the texts of all cells of tables."""
    found = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, re.S)
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in found]


@pytest.mark.requirement("W-118", "W-122", "W-127")
def test_stops_are_found_by_words_and_show_their_departures(office):
    olli = office.client("olli")
    page = olli.get(f"{OWN}/stops").text
    assert {"Quay", "Square", "Hill"} <= set(cells(page))
    page = olli.get(f"{OWN}/stops?words=QUA").text
    assert "Hill" not in cells(page) and {"Quay", "Square"} <= set(cells(page))
    assert "No stop has such a name" in olli.get(f"{OWN}/stops?words=%25").text
    assert olli.get(f"{OWN}/stops?page=9999").status_code == 200
    page = olli.get(f"{OWN}/stop?id=a&day={TODAY}").text
    assert cells(page)[3:] == ["08:00", "1", "Hill", "08:25", "1", "Hill"]
    assert "Nothing runs on" in olli.get(f"{OWN}/stop?id=a&day=2031-01-01").text


@pytest.mark.requirement("W-118", "W-122", "W-127")
def test_a_route_shows_its_timetable_of_a_day_in_both_directions(office):
    olli = office.client("olli")
    assert cells(olli.get(f"{OWN}/routes").text)[4:] == ["1", "", "10", "3"]
    page = olli.get(f"{OWN}/route?id=r").text
    assert cells(page) == [
        *("Stop", "1", "2", "Quay", "08:00", "08:25", "Square", "08:05", "08:30"),
        *("Hill", "08:11", "08:36", "Stop", "1", "Hill", "08:20", "Square", "08:26"),
        *("Quay", "08:31"),
    ]


@pytest.mark.requirement("W-121", "W-118", "W-119")
def test_departures_are_chained_into_a_block_exported_and_dissolved(office):
    olli, blocks = office.client("olli"), f"{OWN}/blocks"
    form = {"day": str(TODAY), "name": "bus-1", "trips": ["t1", "t2"]}
    wrong = olli.post(blocks, data={**form, "trips": ["t1", "t3"]})
    assert wrong.status_code == 409 and "wanted the same stop" in wrong.text
    page = olli.get(blocks).text
    assert "No block runs on this day" in page and "Trips in no block: 3" in page
    assert olli.post(blocks, data=form).status_code == 303
    page = olli.get(f"{blocks}?{urlencode({'day': TODAY})}").text
    assert "Block bus-1" in page and "Trips in no block: 1" in page
    body = olli.get(f"{blocks}/zip").content
    trips = zipfile.ZipFile(BytesIO(body)).read("trips.txt").decode().splitlines()
    assert trips == ["route_id,trip_id,service_id,direction_id,block_id", "r,t1,daily,0,bus-1",
                     "r,t2,daily,1,bus-1", "r,t3,daily,0,"]  # fmt: skip
    gone = olli.post(f"{blocks}/dissolve", data={"day": str(TODAY), "name": "bus-1"})
    assert gone.status_code == 303
    assert "Trips in no block: 3" in olli.get(blocks).text
    again = olli.post(f"{blocks}/dissolve", data={"day": str(TODAY), "name": "bus-1"})
    assert again.status_code == 409


@pytest.mark.requirement("W-10", "W-118", "W-121")
def test_timetables_and_blocks_of_others_are_as_if_not_there(office):
    tails = ("/stops", "/stop?id=a", "/routes", "/route?id=r", "/blocks", "/blocks/zip")
    form = {"day": str(TODAY), "name": "x", "trips": ["t1"]}
    for name, foreign in (("olli", (ELEVENS, ABROAD)), ("otto", (OWN,)), ("ferry", (OWN,)),
                          ("alma", (ABROAD,))):  # fmt: skip
        client = office.client(name)
        for path in (*foreign, "/operating/99"):
            assert {client.get(path + tail).status_code for tail in tails} == {404}
            for tail in ("/blocks", "/blocks/dissolve"):
                assert client.post(path + tail, data=form).status_code == 404
    alma = office.client("alma")
    assert {alma.get(ELEVENS + tail).status_code for tail in tails} == {200}


@pytest.mark.parametrize(
    ("tail", "status"),
    [("/stop?id=nowhere", 404), ("/stop", 400), ("/stop?id=a&day=now", 400),
     ("/route?id=%00", 404), ("/routes?page=-1", 400), ("/blocks?day=2026-02-30", 400),
     ("/blocks?route=none&page=7", 200), ("/stops?words=" + "x" * 90, 400)],
)  # fmt: skip
def test_addresses_that_lead_nowhere_are_pages_too(office, tail, status):
    assert office.client("olli").get(OWN + tail).status_code == status


def test_a_form_of_blocks_without_a_day_or_name_changes_nothing(office):
    olli = office.client("olli")
    for form in ({}, {"day": "x", "name": "b"}, {"day": str(TODAY)}):
        assert olli.post(f"{OWN}/blocks", data=form).status_code == 400
    for name in ("", "=1+1", "<b>", "x" * 40):
        answer = olli.post(f"{OWN}/blocks", data={"day": str(TODAY), "name": name, "trips": "t1"})
        assert answer.status_code in (400, 409) and "<b>" not in answer.text
    assert len(TOWN_FEED) == 3
