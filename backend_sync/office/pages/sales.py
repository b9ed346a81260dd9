"""Sales: what points sold, their slips, and counted shifts with their differences."""

from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office import sold
from backend_sync.office.pages.frame import Frame, Subject, user_of

NUMBER_MOST = 10**15
DAYS = (1, 7, 31)


class Sales(Subject):
    ROUTES = (
        ("GET", "/sales", "sales.see", "show"),
        ("GET", "/sales/shifts", "sales.see", "shifts"),
    )
    MENU = (("sales.see", "/sales", "sales"), ("sales.see", "/sales/shifts", "shifts"))

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.office = frame.parts.database

    def show(
        self,
        request: Request,
        days: int = Query(1, ge=1, le=31),
        before: int = Query(0, ge=0, le=NUMBER_MOST),
    ) -> Response:
        """Show an authority's sales; an operator's people see none: counters are no operator's."""
        scope, now = user_of(request).scope, self.clock.utc_seconds()
        found: list[sold.Sold] = []
        slips: list[tuple[int, ...]] = []
        older = 0
        tills = sold.TillDevices(self.office)
        if not scope.operator:
            with self.place.books() as database:
                found = sold.sold(database, tills, scope.authority, now, days)
                slips, older = sold.slips(database, scope.authority, before)
        return self.frame.shown(
            request, "sales.html", found=found, slips=slips, older=older, days=days, every=DAYS,
            total=sum(row.cents for row in found), tills=tills,
        )  # fmt: skip

    def shifts(self, request: Request, before: int = Query(0, ge=0, le=NUMBER_MOST)) -> Response:
        tills = sold.TillDevices(self.office)
        with self.place.books() as database:
            found, older = sold.shifts(database, tills, user_of(request).scope, before)
        return self.frame.shown(request, "shifts.html", found=found, older=older, tills=tills)
