"""W-121: departures chained into vehicle blocks by interface, and the feed with them as `block_id`.

What one vehicle can drive, `operating/blocks.py` says. A chain belongs to its version; a feed that
comes in brings the blocks that its planning system made. Source: W-119 to W-121, W-145.
"""

import io
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response
from pydantic import Field

from backend_sync.api.documents import document, kept
from backend_sync.api.models import Model
from backend_sync.api.operating_data import ZIP, Number
from backend_sync.api.part import Part, Parts, caller_of
from backend_sync.api.problems import no_such
from backend_sync.api.routes import OWN, Route
from backend_sync.operating.block_export import write_with_blocks
from backend_sync.operating.blocks import NAME, TRIPS_MOST, Blocks, end_minute
from backend_sync.operating.opening import Opened
from backend_sync.operating.timetables import clock
from backend_sync.registers.rights import Scope
from backend_sync.tariffs.feed import Trip

NAMED = f"^{NAME.pattern}$"
Name = Annotated[str, Path(pattern=NAMED, description="of a block")]
TripId = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]


class Chain(Model):
    """Trips by `trip_id`, that one vehicle drives one after the other; those of the block stay."""

    name: Annotated[str, Field(pattern=NAMED)]
    trips: Annotated[list[TripId], Field(min_length=1, max_length=TRIPS_MOST)]


class Driven(Model):
    """A trip of a block; times of day, over 24:00 after midnight."""

    trip: str
    route: str
    departs: str
    arrives: str


class Block(Model):
    """By departure; without trips it was dissolved."""

    version: int
    name: str
    trips: list[Driven]


class VehicleBlocks(Part):
    """Blocks of versions of one's own; another operator's are as if they were not there."""

    ROUTES = (
        Route("GET", "/operating-data/{number}/with-blocks", "depot.exchange", OWN, "W-121",
              "feed_with_blocks", None, "One version with its blocks as block_id (GTFS)",
              media=(ZIP,)),
        Route("GET", "/operating-data/{number}/blocks/{name}", "depot.exchange", OWN, "W-121",
              "block", Block, "The trips of one block"),
        Route("POST", "/operating-data/{number}/blocks", "operating.change", OWN, "W-121",
              "chain_block", Block, "Chain trips into a block", once=True),
        Route("POST", "/operating-data/{number}/blocks/{name}/dissolve", "operating.change", OWN,
              "W-121", "dissolve_block", Block, "Let the trips of a block be in none", once=True),
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.operating = Opened(parts.place.folder, parts.clock)

    def feed_with_blocks(self, request: Request, number: Number) -> Response:
        operating = self.operating()
        found = operating.version(caller_of(request).scope, number)
        blocks = Blocks(operating).of(found)
        given = {trip.trip_id: name for name, trips in blocks.items() for trip in trips}
        out = io.BytesIO()
        write_with_blocks(operating.zips.path(found.digest), given, out)
        name = f"operator-{found.operator}-version-{found.number}-blocks.zip"
        return kept(request, out.getvalue(), ZIP, name)

    def block(self, request: Request, number: Number, name: Name) -> Response:
        operating, scope = self.operating(), caller_of(request).scope
        blocks = Blocks(operating).of(operating.version(scope, number))
        if name not in blocks:
            raise no_such("block")
        return document(request, self._said(scope, number, name, blocks[name]))

    def chain_block(self, request: Request, number: Number, body: Chain) -> Block:
        user = caller_of(request).user
        blocks = Blocks(self.operating())
        trips = blocks.chain(user.scope, user.name, number, body.name, body.trips)
        return self._said(user.scope, number, body.name, trips)

    def dissolve_block(self, request: Request, number: Number, name: Name) -> Block:
        user = caller_of(request).user
        Blocks(self.operating()).dissolve(user.scope, user.name, number, name)
        return self._said(user.scope, number, name, ())

    def _said(self, scope: Scope, number: int, name: str, trips: tuple[Trip, ...]) -> Block:
        operating = self.operating()
        lines = operating.feed(operating.version(scope, number)).lines
        return Block(version=number, name=name, trips=[
            Driven(trip=one.trip_id, route=lines[one.line].route_id,
                   departs=clock(one.start_minute), arrives=clock(end_minute(one)))
            for one in trips])  # fmt: skip
