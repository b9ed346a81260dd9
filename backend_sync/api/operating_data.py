"""W-140 and the other half of W-137: operating data come in from planning systems, go to depots.

A file is kept as a version first, and put in force from a day by a second request: until then it
changes nothing. What a feed may hold and whose it is, is `backend_sync/operating`'s to say; here
nothing is unpacked. Source: W-20, W-119, W-127, W-137, W-140; T22.
"""

import datetime
import io
from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import Field

from backend_sync.api.documents import document, knows, tags
from backend_sync.api.models import DIGITS, NUMBER_MOST, Model
from backend_sync.api.models import Query as Closed
from backend_sync.api.part import Part, Parts, caller_of
from backend_sync.api.problems import ApiError
from backend_sync.api.routes import OWN, Route
from backend_sync.operating.archive import ZIP_BYTES
from backend_sync.operating.opening import Opened
from backend_sync.operating.records import Owner
from backend_sync.operating.records import Version as Kept

ZIP = "application/zip"
OPERATOR_MOST = 65_535
Number = Annotated[int, Path(ge=1, le=NUMBER_MOST, description="`id` of a version"), DIGITS]
Date = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class Version(Model):
    """One uploaded feed; `in_force_from`: the days from which it is, or was, in force."""

    id: int
    operator: int
    number: int
    sha256: str
    bytes: int
    first_day: str
    last_day: str
    stops: int
    routes: int
    trips: int
    in_force_from: list[str]


class Versions(Model):
    """All of one's own: by operator, the newest first."""

    items: list[Version]


class Whose(Closed):
    """Of which operator; left out, one's own."""

    operator: Annotated[int, Field(ge=1, le=OPERATOR_MOST), DIGITS] | None = None


class InForce(Model):
    """From which day on."""

    from_day: Date


class OperatingData(Part):
    """Versions of one's own; another operator's are as if they were not there."""

    ROUTES = (
        Route("GET", "/operating-data", "depot.exchange", OWN, "W-137", "operating_versions",
              Versions, "Every version of one's own operating data, and since when it is in force"),
        Route("GET", "/operating-data/{number}", "depot.exchange", OWN, "W-137", "operating_feed",
              None, "One version: stops, routes, timetables and blocks (GTFS)", media=(ZIP,)),
        Route("POST", "/operating-data", "operating.change", OWN, "W-140", "upload_feed", Version,
              "Keep a feed of a planning system as a version; it is not in force yet", status=201,
              once=True, takes=ZIP, body_most=ZIP_BYTES),
        Route("POST", "/operating-data/{number}/in-force", "operating.change", OWN, "W-140",
              "put_in_force", Version, "Let a version be in force from a day on", once=True),
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.operating = Opened(parts.place.folder, parts.clock)

    def operating_versions(self, request: Request) -> Response:
        items = [self._said(one) for one in self.operating().versions(caller_of(request).scope)]
        return document(request, Versions(items=items))

    def operating_feed(self, request: Request, number: Number) -> Response:
        scope = caller_of(request).scope
        found = self.operating().version(scope, number)
        if knows(request, found.digest):
            return Response(status_code=304, headers=tags(found.digest))
        name = f"operator-{found.operator}-version-{found.number}.zip"
        return FileResponse(self.operating().zip_of(scope, number), media_type=ZIP, filename=name,
                            headers=tags(found.digest))  # fmt: skip

    def upload_feed(self, request: Request, whose: Annotated[Whose, Query()]) -> Version:
        user = caller_of(request).user
        operator = whose.operator or user.scope.operator
        if not operator:
            raise ApiError(422, "query.operator: missing; your user is bound to no operator")
        owner = Owner(user.scope.authority, operator)
        stream = io.BytesIO(request.state.body)
        return self._said(self.operating().upload(user.scope, user.name, owner, stream))

    def put_in_force(self, request: Request, number: Number, body: InForce) -> Version:
        user = caller_of(request).user
        try:
            day = datetime.date.fromisoformat(body.from_day)
        except ValueError:
            raise ApiError(422, "body.from_day: there is no such day") from None
        return self._said(self.operating().put_in_force(user.scope, user.name, number, day))

    def _said(self, one: Kept) -> Version:
        plan = self.operating().plan(one.owner)
        return Version(
            id=one.id, operator=one.operator, number=one.number, sha256=one.digest, bytes=one.size,
            first_day=one.first_day.isoformat(), last_day=one.last_day.isoformat(),
            stops=one.stops, routes=one.routes, trips=one.trips,
            in_force_from=[row.from_day.isoformat() for row in plan if row.version == one.id],
        )  # fmt: skip
