"""What a version of operating data holds: stops, routes, timetables, and its vehicle blocks.

Source: W-118, W-121, W-122, W-127.
"""

import datetime
import io
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.office.pages.operating import HOME, RIGHT
from backend_sync.operating.block_export import write_with_blocks
from backend_sync.operating.blocks import Blocks, end_minute, free_trips
from backend_sync.operating.records import Version
from backend_sync.operating.refusals import NotThere, OperatingRefused
from backend_sync.operating.timetables import (
    DayType,
    clock,
    day_type_of,
    day_types,
    departures,
    find_stops,
    tables,
    trips_of_lines,
)
from backend_sync.tariffs.feed import Feed, Trip

ONE = HOME + "/{version}"
PAGE = 50
TABLES_MOST = 20  # ways a route is driven, on one page
DAY_TYPES_MOST = 60
WORDS_MOST, ID_MOST = 80, 4096
NAME_MOST = 4096
NO_TRIPS: list[str] = []
T = TypeVar("T")


class Timetables(Subject):
    ROUTES = (
        ("GET", ONE + "/stops", RIGHT, "stops"),
        ("GET", ONE + "/stop", RIGHT, "stop"),
        ("GET", ONE + "/routes", RIGHT, "routes"),
        ("GET", ONE + "/route", RIGHT, "route"),
        ("GET", ONE + "/blocks", RIGHT, "blocks"),
        ("POST", ONE + "/blocks", RIGHT, "chain"),
        ("POST", ONE + "/blocks/dissolve", RIGHT, "dissolve"),
        ("GET", ONE + "/blocks/zip", RIGHT, "download"),
    )

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.operating = frame.operating

    def stops(
        self,
        request: Request,
        version: int,
        words: str = Query("", max_length=WORDS_MOST),
        page: int = Query(1, ge=1, le=10_000),
    ) -> Response:
        """Show the stops whose name or id holds `words`."""
        found = self._found(request, version)
        if found is None:
            return self.frame.message(request, "no_page", 404)
        path = f"{HOME}/{version}"
        part, page, pages = _paged(find_stops(self.operating().feed(found), words), page)
        rows = [
            (_link(f"{path}/stop", stop.name or stop.stop_id, id=stop.stop_id), stop.stop_id,
             stop.zone, "" if stop.lat is None else f"{stop.lat:.5f}, {stop.lon:.5f}")
            for stop in part
        ]  # fmt: skip
        here = f"{path}/stops?{urlencode({'words': words})}&"
        return self._shown(request, "operating_stops.html", found, rows=rows, words=words,
                           page=page, pages=pages, here=here)  # fmt: skip

    def stop(
        self,
        request: Request,
        version: int,
        id: str = Query(max_length=ID_MOST),
        day: datetime.date | None = None,
    ) -> Response:
        """Show what leaves a stop on a day."""
        found = self._found(request, version)
        feed = self.operating().feed(found) if found else None
        places = [at for at, one in enumerate(feed.stops) if one.stop_id == id] if feed else []
        if found is None or feed is None or not places:
            return self.frame.message(request, "no_page", 404)
        day, kind = self._day(found, feed, day)
        leaving = departures(feed, places[0], kind.services) if kind else []
        rows = [
            (clock(one.minute), _link(f"{HOME}/{version}/route", one.line.name,
                                      id=one.line.route_id, day=day), one.to)
            for one in leaving
        ]  # fmt: skip
        return self._shown(request, "operating_stop.html", found, stop=feed.stops[places[0]],
                           rows=rows, day=day, kind=kind,
                           kinds=day_types(feed)[:DAY_TYPES_MOST])  # fmt: skip

    def routes(
        self, request: Request, version: int, page: int = Query(1, ge=1, le=10_000)
    ) -> Response:
        found = self._found(request, version)
        if found is None:
            return self.frame.message(request, "no_page", 404)
        feed = self.operating().feed(found)
        count = trips_of_lines(feed)
        part, page, pages = _paged(list(enumerate(feed.lines)), page)
        rows = [
            (_link(f"{HOME}/{version}/route", line.name or line.route_id, id=line.route_id),
             line.long_name, line.agency, count[at])
            for at, line in part
        ]  # fmt: skip
        return self._shown(request, "operating_routes.html", found, rows=rows, page=page,
                           pages=pages, here=f"{HOME}/{version}/routes?")  # fmt: skip

    def route(
        self,
        request: Request,
        version: int,
        id: str = Query(max_length=ID_MOST),
        day: datetime.date | None = None,
    ) -> Response:
        """Show the timetables of a route on a day, both directions."""
        found = self._found(request, version)
        feed = self.operating().feed(found) if found else None
        lines = [at for at, one in enumerate(feed.lines) if one.route_id == id] if feed else []
        if found is None or feed is None or not lines:
            return self.frame.message(request, "no_page", 404)
        day, kind = self._day(found, feed, day)
        shown = [(direction, table) for direction in (0, 1) if kind
                 for table in tables(feed, lines[0], direction, kind.services)]  # fmt: skip
        return self._shown(request, "operating_route.html", found, line=feed.lines[lines[0]],
                           tables=shown[:TABLES_MOST], count=len(shown), day=day, kind=kind,
                           kinds=day_types(feed)[:DAY_TYPES_MOST])  # fmt: skip

    def blocks(
        self,
        request: Request,
        version: int,
        day: datetime.date | None = None,
        route: str = Query("", max_length=ID_MOST),
        page: int = Query(1, ge=1, le=10_000),
    ) -> Response:
        return self._blocks(request, version, day, route, page, "")

    def chain(
        self,
        request: Request,
        version: int,
        day: Annotated[datetime.date, Field()],
        name: Annotated[str, Field(max_length=NAME_MOST)],
        trips: Annotated[list[str], Field()] = NO_TRIPS,
        route: str = Field("", max_length=ID_MOST),
    ) -> Response:
        """Chain trips into a block; then lead to the blocks of that day."""
        user = user_of(request)
        try:
            Blocks(self.operating()).chain(user.scope, user.name, version, name.strip(), trips)
        except NotThere:
            return self.frame.message(request, "no_page", 404)
        except OperatingRefused as error:
            return self._blocks(request, version, day, route, 1, self.frame.refusal(request, error))
        return lead_to(f"{HOME}/{version}/blocks?{urlencode({'day': day, 'route': route})}")

    def dissolve(
        self,
        request: Request,
        version: int,
        day: Annotated[datetime.date, Field()],
        name: Annotated[str, Field(max_length=NAME_MOST)],
    ) -> Response:
        user = user_of(request)
        try:
            Blocks(self.operating()).dissolve(user.scope, user.name, version, name)
        except NotThere:
            return self.frame.message(request, "no_page", 404)
        except OperatingRefused as error:
            return self._blocks(request, version, day, "", 1, self.frame.refusal(request, error))
        return lead_to(f"{HOME}/{version}/blocks?{urlencode({'day': day})}")

    def download(self, request: Request, version: int) -> Response:
        """Send the version's zip with its blocks as block_id."""
        found = self._found(request, version)
        if found is None:
            return self.frame.message(request, "no_page", 404)
        blocks = Blocks(self.operating()).of(found)
        given = {trip.trip_id: name for name, trips in blocks.items() for trip in trips}
        out = io.BytesIO()
        write_with_blocks(self.operating().zips.path(found.digest), given, out)
        name = f"operator-{found.operator}-version-{found.number}-blocks.zip"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(out.getvalue(), media_type="application/zip", headers=headers)

    def _blocks(
        self, request: Request, version: int, day: datetime.date | None, route: str, page: int,
        refused: str,
    ) -> Response:  # fmt: skip
        """Show the blocks of a day, and the trips of that day that are in none."""
        found = self._found(request, version)
        if found is None:
            return self.frame.message(request, "no_page", 404)
        feed = self.operating().feed(found)
        day, kind = self._day(found, feed, day)
        services = kind.services if kind else frozenset()
        every = Blocks(self.operating()).of(found)
        today = {name: [_told(feed, trip) for trip in trips if trip.service in services]
                 for name, trips in every.items()}  # fmt: skip
        free = [trip for trip in free_trips(feed, every) if trip.service in services
                and route in ("", feed.lines[trip.line].route_id)]  # fmt: skip
        part, page, pages = _paged(free, page)
        words = urlencode({"day": day, "route": route})
        return self._shown(
            request, "operating_blocks.html", found, 409 if refused else 200, refused=refused,
            blocks={name: trips for name, trips in today.items() if trips}, lines=feed.lines,
            free=[_told(feed, trip) for trip in part], free_count=len(free), day=day, kind=kind,
            kinds=day_types(feed)[:DAY_TYPES_MOST], route=route, page=page, pages=pages,
            here=f"{HOME}/{version}/blocks?{words}&",
        )  # fmt: skip

    def _found(self, request: Request, number: int) -> Version | None:
        """Return a version of one's own, None for others and missing ones."""
        try:
            return self.operating().version(user_of(request).scope, number)
        except NotThere:
            return None

    def _day(
        self, version: Version, feed: Feed, day: datetime.date | None
    ) -> tuple[datetime.date, DayType | None]:
        """Return the day to show and its type; without one today, or what runs most often."""
        if day is not None:
            return day, day_type_of(feed, day)
        today = self.operating().today(version.timezone)
        kind = day_type_of(feed, today)
        if kind is not None:
            return today, kind
        kind = day_types(feed)[0]
        return kind.day, kind

    def _shown(
        self, request: Request, template: str, version: Version, status: int = 200, **values: Any
    ) -> Response:
        return self.frame.shown(request, template, status, version=version, **values)


def _told(feed: Feed, trip: Trip) -> dict[str, str]:
    """Return a trip as a page tells it."""
    return {
        "id": trip.trip_id,
        "route": feed.lines[trip.line].name,
        "leaves": clock(trip.start_minute),
        "from": feed.stops[trip.stops[0]].name,
        "arrives": clock(end_minute(trip)),
        "to": feed.stops[trip.stops[-1]].name,
    }


def _link(path: str, text: str, **words: Any) -> dict[str, str]:
    """Return a cell that leads to a page."""
    return {"to": f"{path}?{urlencode(words)}", "text": text}


def _paged(found: Sequence[T], page: int) -> tuple[Sequence[T], int, int]:
    """Return (the rows of a page, its number, how many pages there are)."""
    pages = max(1, -(-len(found) // PAGE))
    page = min(page, pages)
    return found[PAGE * (page - 1) : PAGE * page], page, pages
