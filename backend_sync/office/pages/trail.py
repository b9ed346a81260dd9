"""The audit trail: who changed what, when, before and after."""

from datetime import date

from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office import trail
from backend_sync.office.pages.frame import Frame, Subject, user_of
from backend_sync.registers.trail import broken_chain
from backend_sync.settlement.close import FIRST_DAY

NUMBER_MOST = 10**15


class Trail(Subject):
    ROUTES = (
        ("GET", "/trail", "trail.see", "show"),
        ("POST", "/trail/verify", "trail.see", "verify"),
    )
    MENU = (("trail.see", "/trail", "trail"),)

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.database = frame.parts.registers.database

    def show(
        self,
        request: Request,
        by: str = Query("", max_length=32),
        what: str = Query("", max_length=32),
        day: str = Query("", max_length=10),
        before: int = Query(0, ge=0, le=NUMBER_MOST),
    ) -> Response:
        return self._show(request, trail.Wanted(by, what, _day(day)), before, None)

    def verify(self, request: Request) -> Response:
        """Go through the whole chain and say whether it is whole; changes nothing."""
        return self._show(request, trail.Wanted(), 0, broken_chain(self.database))

    def _show(
        self, request: Request, wanted: trail.Wanted, before: int, broken: str | None
    ) -> Response:
        user = user_of(request)
        found, older = trail.changes(self.database, user, wanted, before)
        day = date.fromordinal(FIRST_DAY.toordinal() + wanted.day) if wanted.day else ""
        if broken and "row " in broken:  # whose row it is may not be his to know
            broken = broken.split(" (")[0]
        return self.frame.shown(
            request, "trail.html", found=found, older=older, wanted=wanted, day=day,
            kinds=trail.kinds(self.database), broken=broken,
            whole=all(change.holds for change in found),
        )  # fmt: skip


def _day(text: str) -> int | None:
    """Return a day since 2020; what is no date is no filter."""
    try:
        return (date.fromisoformat(text) - FIRST_DAY).days
    except ValueError:
        return None
