"""Versions of operating data: uploaded once, in force from a day, put back, nobody else's."""

import datetime
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import SQLAlchemyError

from backend_sync.operating.refusals import NotThere, OperatingRefused
from backend_sync.registers.rights import Scope
from backend_sync.storage.disk import DiskRefused
from tests.backend_sync.operating.planners import (
    ALMA,
    DAYS,
    ELEVEN,
    OLLI,
    OTTO,
    TEN,
    TODAY,
    TOMORROW,
    Planning,
    zipped,
)

AUTUMN = f"{DAYS}\ndaily,1,1,1,1,1,0,0,20260801,20261220\n"


@pytest.fixture
def planning(tmp_path):
    made = Planning(tmp_path)
    yield made
    made.operating.database.close()


@pytest.mark.requirement("W-20", "W-119", "W-127", "W-140")
def test_an_upload_is_a_version_with_period_counts_digest_and_who(planning):
    body = zipped(planning.folder)
    version = planning.upload(body=body)
    assert version.number == 1 and version.owner == TEN and version.made_by == "olli"
    assert (version.stops, version.routes, version.trips) == (3, 1, 1)
    days = (datetime.date(2026, 1, 1), datetime.date(2026, 12, 31))
    assert (version.first_day, version.last_day) == days
    assert version.digest == hashlib.sha256(body).hexdigest() and version.size == len(body)
    assert version.made == planning.clock.now
    assert planning.operating.zip_of(OLLI, version.id).read_bytes() == body
    assert planning.in_force() == 0  # nobody confirmed it


@pytest.mark.requirement("W-20")
def test_the_same_zip_twice_is_the_same_version(planning):
    body = zipped(planning.folder)
    first = planning.upload(body=body)
    before = planning.everything()
    assert planning.upload(body=body) == first
    assert planning.everything() == before
    assert planning.upload(stops="stop_id,stop_name\na,New\nb,x\nc,y\n").number == 2


@pytest.mark.requirement("W-20")
def test_a_version_is_in_force_from_its_day_until_the_next_one(planning):
    now, autumn = planning.upload(), planning.upload(calendar=AUTUMN)
    operating = planning.operating
    operating.put_in_force(OLLI, "olli", now.id, TODAY)
    operating.put_in_force(OLLI, "olli", autumn.id, datetime.date(2026, 8, 1))
    assert planning.in_force(TODAY - datetime.timedelta(days=1)) == 0
    assert planning.in_force(TODAY) == planning.in_force(datetime.date(2026, 7, 31)) == 1
    assert planning.in_force(datetime.date(2026, 8, 1)) == 2
    # A correction of today's leaves what is planned for autumn alone.
    mended = planning.upload(agency="agency_id,agency_name,agency_timezone\n1,H,Europe/Helsinki\n")
    operating.put_in_force(OLLI, "olli", mended.id, TOMORROW)
    assert [planning.in_force(day) for day in (TODAY, TOMORROW)] == [1, 3]
    assert planning.in_force(datetime.date(2026, 8, 1)) == 2
    assert [period.version for period in operating.plan(TEN)] == [now.id, mended.id, autumn.id]


@pytest.mark.requirement("W-20")
def test_undo_puts_an_older_version_in_force_by_one_more_row(planning):
    operating = planning.operating
    first, second = planning.upload(), planning.upload(routes="route_id,route_short_name\nr,2\n")
    for version in (first, second):
        operating.put_in_force(OLLI, "olli", version.id, TODAY)
    assert planning.in_force() == 2 and operating.before(TEN, TODAY) == first
    operating.put_in_force(OLLI, "olli", first.id, TODAY)
    assert planning.in_force() == 1
    assert operating.database.value("SELECT count(*) FROM in_force") == 3
    operating.put_in_force(OLLI, "olli", first.id, TODAY)  # the same again changes nothing
    assert operating.database.value("SELECT count(*) FROM in_force") == 3
    operating.withdraw(OLLI, "olli", TEN, TOMORROW)
    assert [planning.in_force(day) for day in (TODAY, TOMORROW)] == [1, 0]
    for table in ("versions", "in_force"):
        with pytest.raises(SQLAlchemyError, match="append-only"), operating.database.transaction():
            operating.database.execute(f"DELETE FROM {table}")


@pytest.mark.requirement("W-20")
def test_days_that_are_over_and_days_without_trips_are_refused(planning):
    version = planning.upload()
    before = planning.everything()
    for day, words in (
        (TODAY - datetime.timedelta(days=1), "wanted 2026-06-04 or later"),
        (datetime.date(2027, 1, 1), "runs until 2026-12-31"),
    ):
        with pytest.raises(OperatingRefused, match=words):
            planning.operating.put_in_force(OLLI, "olli", version.id, day)
    assert planning.everything() == before


@pytest.mark.requirement("W-20")
def test_who_confirms_saw_what_is_in_force_now(planning):
    operating = planning.operating
    first, second = planning.upload(), planning.upload(routes="route_id,route_short_name\nr,2\n")
    operating.put_in_force(OLLI, "olli", first.id, TODAY, seen=0)
    with pytest.raises(OperatingRefused, match="version 1 is in force on 2026-06-04 by now"):
        operating.put_in_force(OLLI, "olli", second.id, TODAY, seen=0)
    operating.put_in_force(OLLI, "olli", second.id, TODAY, seen=first.id)
    assert planning.in_force() == 2


@pytest.mark.requirement("W-10", "W-20", "W-22")
def test_data_of_another_operator_or_authority_are_as_if_not_there(planning):
    operating = planning.operating
    version = planning.upload()
    missing = [str(error) for error in refusals(operating, OLLI, version.id + 1)]
    abroad = TEN.authority + 1
    for scope in (OTTO, Scope(abroad), Scope(abroad, TEN.operator), Scope(9, 9)):
        found = [str(error).replace(f"version {version.id}:", f"version {version.id + 1}:")
                 for error in refusals(operating, scope, version.id)]  # fmt: skip
        assert found == missing
        assert operating.versions(scope) == []
        with pytest.raises(NotThere):
            planning.upload(scope=scope, owner=TEN)
        with pytest.raises(NotThere):
            operating.withdraw(scope, "otto", TEN, TODAY)
    assert operating.versions(ALMA) == operating.versions(OLLI) == [version]
    assert planning.in_force() == 0
    operating.put_in_force(ALMA, "alma", version.id, TODAY)  # the authority maintains all of its
    assert planning.in_force() == 1 and planning.in_force(owner=ELEVEN) == 0


def refusals(operating, scope, number):
    """Return what one hears who asks for a version that is not his, or not there."""
    for ask in (
        lambda: operating.version(scope, number),
        lambda: operating.zip_of(scope, number),
        lambda: operating.put_in_force(scope, "otto", number, TODAY),
    ):
        with pytest.raises(NotThere) as refused:
            ask()
        yield refused.value


@pytest.mark.requirement("W-10", "W-20")
def test_an_operator_uploads_only_agencies_that_are_his(tmp_path):
    planning = Planning(tmp_path, {"1": 11})  # as the tariff says
    with pytest.raises(OperatingRefused, match="agency_id '1' is not operator 10's"):
        planning.upload()
    assert planning.everything() == ([[], [], []], [])
    version = planning.upload(scope=OTTO, owner=ELEVEN)
    planning.operating.owners = lambda authority: {}  # the tariff names nobody: first come
    planning.operating.put_in_force(OTTO, "otto", version.id, TODAY)
    with pytest.raises(OperatingRefused, match="not operator 10's"):
        planning.upload()
    planning.operating.withdraw(ALMA, "alma", ELEVEN, TOMORROW)
    with pytest.raises(OperatingRefused, match="not operator 10's"):
        planning.upload()  # today it is his still
    planning.clock.now += 86_400
    assert planning.upload().number == 1
    planning.operating.database.close()


def test_a_stored_zip_that_was_changed_or_lost_is_said_and_never_handed_out(planning):
    version = planning.upload()
    path = planning.operating.zip_of(OLLI, version.id)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DiskRefused, match="changed after its upload"):
        planning.operating.zip_of(OLLI, version.id)
    path.unlink()
    with pytest.raises(DiskRefused, match="last backup"):
        planning.operating.zip_of(OLLI, version.id)


def test_uploads_at_the_same_time_are_taken_one_after_another(planning):
    bodies = [zipped(planning.folder, notes=f"a\n{number}\n") for number in (1, 2)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda body: planning.upload(body=body), bodies * 3))
    assert sorted({version.number for version in made}) == [1, 2]
    assert made[:2] == made[2:4] == made[4:]
    assert len(planning.everything()[1]) == 2


def test_a_row_names_a_zip_that_is_on_the_disk_already(planning):
    """Whatever fails between the zip and its row, the same upload takes over what lies there."""
    operating, body = planning.operating, zipped(planning.folder)
    insert = operating.database.insert

    def failing(*_arguments):
        assert len(list((planning.folder / "operating").glob("*.zip"))) == 1
        raise DiskRefused("full")

    operating.database.insert = failing
    with pytest.raises(DiskRefused):
        planning.upload(body=body)
    operating.database.insert = insert
    assert operating.versions(OLLI) == []
    assert planning.upload(body=body).number == 1


def test_another_process_sees_the_same(planning):
    version = planning.upload()
    planning.operating.put_in_force(OLLI, "olli", version.id, TODAY)
    other = Planning(planning.folder)
    assert other.in_force() == 1
    assert other.operating.upload(OLLI, "x", TEN, io.BytesIO(zipped(planning.folder))).id >= 1
    other.operating.database.close()
