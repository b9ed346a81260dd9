"""W-137: depot systems: tariffs out, sales and boardings in, and whether all of them arrived.

What comes in are the devices' sealed slots, as edges send them: this door adds nothing to what a
seal proves, and takes only slots of devices that are the caller's own. Sent again, they are
acknowledged again. Source: W-116, W-117, W-131 to W-137; D16, D17; link/batches.py.
"""

from base64 import b64encode
from collections.abc import Iterable
from contextlib import closing
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import Response

from backend_sync.api.documents import document, kept
from backend_sync.api.models import DIGITS, Model, Paging
from backend_sync.api.paging import cursor, number_of
from backend_sync.api.part import Part, caller_of
from backend_sync.api.problems import ApiError, no_such
from backend_sync.api.routes import OWN, Route
from backend_sync.catalogue import read_tariff
from backend_sync.ledger import ranges
from backend_sync.ledger.chains import chain_of
from backend_sync.registers.rights import Scope
from backend_sync.settlement.export import read_packages
from backend_sync.settlement.words import date_of
from card_layouts.errors import LayoutError
from card_layouts.fares.clock import service_day
from card_layouts.link.batches import BATCH_BYTES_MAX, decode_batch

LIST = "devs"
CBOR, BYTES = "application/cbor", "application/octet-stream"
RIGHT = "depot.exchange"
DEVICES = (
    "SELECT device, epoch, first_seq, seq, chain, head_seq, held, poisoned, quarantined"
    " FROM devices WHERE (device, epoch) > (?, ?) ORDER BY device, epoch LIMIT ?"
)
EPOCHS = 64
Version = Annotated[int, Path(ge=0, le=65_535), DIGITS]


class Tariff(Model):
    """One published package; devices must hold it before its first day."""

    version: int
    valid_from: str
    valid_to: str
    in_force: bool
    bytes: int
    sha256: str


class Tariffs(Model):
    authority: int
    items: list[Tariff]


class Device(Model):
    """What is here of one device: every entry up to `held`, and none of `missing`."""

    device: int
    epoch: int
    held: int
    newest: int
    missing: str
    quarantined: int


class Devices(Model):
    items: list[Device]
    next: str | None


class Acknowledgement(Model):
    """The ledger holds every entry of this device up to `seq`, for good."""

    device: int
    epoch: int
    seq: int


class Taken(Model):
    """`signed`: the acknowledgements as devices want them, base64; "" without any."""

    entries: int
    acknowledgements: list[Acknowledgement]
    signed: str


class Depot(Part):
    """Exchanges with the depot system of one operator, or of a whole authority."""

    ROUTES = (
        Route("GET", "/tariffs", RIGHT, OWN, "W-137", "tariffs", Tariffs,
              "Every published tariff, with its days and hash"),
        Route("GET", "/tariffs/{version}", RIGHT, OWN, "W-137", "tariff", None,
              "One tariff package, byte for byte", media=(BYTES,)),
        Route("GET", "/devices", RIGHT, OWN, "W-137", "devices", Devices,
              "What is here of one's own devices, and what is missing"),
        Route("POST", "/batches", RIGHT, OWN, "W-137", "take_batch", Taken,
              "Deliver sealed entries: sales, boardings, everything a device wrote", once=True,
              takes=CBOR, body_most=BATCH_BYTES_MAX),
    )  # fmt: skip

    def tariffs(self, request: Request) -> Response:
        area, now = caller_of(request).scope.authority, self.clock.utc_seconds()
        items = [
            _tariff(version, body, now)
            for (authority, version), body in sorted(read_packages(self.place.tariffs).items())
            if authority == area
        ]
        return document(request, Tariffs(authority=area, items=items))

    def tariff(self, request: Request, version: Version) -> Response:
        area = caller_of(request).scope.authority
        body = read_packages(self.place.tariffs).get((area, version))
        if body is None:
            raise no_such("tariff")
        return kept(request, body, BYTES, f"authority-{area}-version-{version}.ttar")

    def devices(self, request: Request, page: Annotated[Paging, Query()]) -> Response:
        own = self._own(caller_of(request).scope)
        after = number_of(LIST, page.after)
        with self.place.books() as database:
            rows = database.rows(DEVICES, (*divmod(after, EPOCHS), page.limit))
        items = [_device(row) for row in rows if tuple(row[:2]) in own]
        behind = rows[-1][0] * EPOCHS + rows[-1][1] if len(rows) == page.limit else 0
        more = cursor(LIST, behind) if behind else None
        return document(request, Devices(items=items, next=more))

    def take_batch(self, request: Request) -> Taken:
        scope = caller_of(request).scope
        try:
            edge, runs = decode_batch(request.state.body)
        except LayoutError as error:
            raise ApiError(422, f"body: {error}; nothing of it was taken") from None
        with self.place.ledger(self.clock, scope.authority) as ledger:
            own = _owned(ledger.keyring.assemble("devices", {}), scope)
            foreign = [run[:2] for run in runs if tuple(run[:2]) not in own]
            if foreign:
                raise ApiError(404, f"body.runs: device {foreign[0][0]}, epoch {foreign[0][1]} is"
                               " none of yours; nothing of the batch was taken")  # fmt: skip
            found = ledger.post([(edge, runs)])
            signed = b"".join(ledger.keyring.sign("ack", found)) if found else b""
        return Taken(
            entries=sum(len(run[4]) for run in runs), signed=b64encode(signed).decode(),
            acknowledgements=[Acknowledgement(device=one["device"], epoch=one["epoch"],
                                              seq=one["seq"]) for one in found],
        )  # fmt: skip

    def _own(self, scope: Scope) -> set[tuple[int, int]]:
        with self.place.turn, closing(self.place.keyring()) as keyring:
            return _owned(keyring.assemble("devices", {}), scope)


def _tariff(version: int, body: bytes, now: int) -> Tariff:
    one = read_tariff(f"version {version}", body)
    return Tariff(version=version, valid_from=date_of(one.valid_from),
                  valid_to=date_of(one.valid_to), bytes=len(body), sha256=sha256(body).hexdigest(),
                  in_force=one.valid_from <= service_day(one, now) <= one.valid_to)  # fmt: skip


def _owned(rows: Iterable[dict[str, Any]], scope: Scope) -> set[tuple[int, int]]:
    """Return the (device, epoch) of a scope: what its authority or operator was provisioned."""
    return {
        (row["device"], row["epoch"]) for row in rows
        if row["authority"] == scope.authority and scope.operator in (0, row["operator"])
    }  # fmt: skip


def _device(row: tuple[Any, ...]) -> Device:
    one = chain_of(row)
    return Device(device=one.device, epoch=one.epoch, held=one.seq, newest=one.head_seq,
                  missing=ranges.text(one.missing), quarantined=one.quarantined)  # fmt: skip
