"""Feeds that planners upload: the small feed of our own, with services around the tests' clock."""

import datetime
import io

from backend_sync.operating.opening import open_operating
from backend_sync.operating.records import Owner
from backend_sync.registers.rights import Scope
from tests.backend_sync.builders import FixedClock
from tests.backend_sync.feed_files import SMALL, archive
from tests.backend_sync.settled_worlds import FERRY, MORNING, TOWN

TODAY = datetime.date(2026, 6, 4)  # a Thursday, of MORNING
TOMORROW = TODAY + datetime.timedelta(days=1)
TEN, ELEVEN = Owner(TOWN, 10), Owner(TOWN, 11)
OLLI, OTTO, ALMA = Scope(TOWN, 10), Scope(TOWN, 11), Scope(TOWN)
DAYS = SMALL["calendar.txt"].splitlines()[0]
YEAR = f"{DAYS}\ndaily,1,1,1,1,1,1,1,20260101,20261231\n"
STOPS = (
    "stop_id,stop_name,zone_id,stop_lat,stop_lon\n"
    "a,Quay,A,62.9000,27.6800\nb,Square,B,62.9100,27.6800\nc,Hill,C,62.9200,27.6800\n"
)
# Two vehicles' day: up, down, up again; and one that leaves while the first is under way.
TRIPS = "route_id,trip_id,service_id,direction_id\nr,t1,daily,0\nr,t2,daily,1\nr,t3,daily,0\n"
CALLS = "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n" + "".join(
    f"{trip},{stop},{place},{time}:00,{time}:00\n"
    for trip, calls in (
        ("t1", (("a", "08:00"), ("b", "08:05"), ("c", "08:11"))),
        ("t2", (("c", "08:20"), ("b", "08:26"), ("a", "08:31"))),
        ("t3", (("a", "08:25"), ("b", "08:30"), ("c", "08:36"))),
    )
    for place, (stop, time) in enumerate(calls, 1)
)
TOWN_FEED = {"stops": STOPS, "trips": TRIPS, "stop_times": CALLS}


def zipped(folder, **changes):
    """Return the bytes of the small feed as a zip; it runs all year unless `changes` say else."""
    path = archive(folder / "made.zip", **{"calendar": YEAR, **changes})
    found = path.read_bytes()
    path.unlink()
    return found


class Planning:
    """Operating data in a folder of their own."""

    def __init__(self, folder, owners=None):
        self.folder = folder
        self.clock = FixedClock(MORNING)
        self.operating = open_operating(folder, self.clock)
        if owners is not None:
            self.operating.owners = lambda authority: owners

    def upload(self, scope=OLLI, owner=TEN, body=None, **changes):
        body = zipped(self.folder, **changes) if body is None else body
        return self.operating.upload(scope, "olli", owner, io.BytesIO(body))

    def in_force(self, day=TODAY, owner=TEN):
        """Return the number of the version in force, 0 for none."""
        found = self.operating.in_force(*owner, day)
        return found.number if found else 0

    def everything(self):
        """Return every row and every file: what a refusal must not change."""
        tables = ("versions", "in_force", "chains")
        rows = [self.operating.database.rows(f"SELECT * FROM {name} ORDER BY id")
                for name in tables]  # fmt: skip
        files = sorted(path.name for path in (self.folder / "operating").glob("*")
                       if path.name != "lock")  # fmt: skip
        return rows, files


def three_owners(folder, clock):
    """Upload a version of each of three operators, two of one area; return their ids."""
    found = []
    with open_operating(folder, clock) as operating:
        for owner in (TEN, ELEVEN, Owner(FERRY, 20)):
            agency = f"agency_id,agency_name,agency_timezone\n{owner.operator},B,Europe/Helsinki\n"
            body = io.BytesIO(zipped(folder, **TOWN_FEED, agency=agency))
            found.append(operating.upload(owner.scope(), "planner", owner, body).id)
    return found
