"""Tariffs: versions and dates, and which devices hold the coming one."""

from fastapi import Request
from fastapi.responses import Response

from backend_sync.catalogue import every_tariff
from backend_sync.office import tariffs
from backend_sync.office.pages.frame import Subject, user_of
from card_layouts.codec.timestamps import day_of
from card_layouts.fares.clock import service_day


class Tariffs(Subject):
    ROUTES = (("GET", "/tariffs", "usage.see|tariffs.change", "show"),)
    MENU = (("usage.see|tariffs.change", "/tariffs", "tariffs"),)

    def show(self, request: Request) -> Response:
        scope, now = user_of(request).scope, self.clock.utc_seconds()
        every = every_tariff(self.place.tariffs)
        own = [tariff for (area, _), tariff in sorted(every.items()) if area == scope.authority]
        day = service_day(own[-1], now) if own else day_of(now)
        found = tariffs.versions(self.place.folder, self.place.tariffs, scope.authority, day)
        wanted = [row for row in found if row.state == tariffs.COMING]
        wanted = wanted or [row for row in found if row.state == tariffs.IN_FORCE]
        spread = None
        if wanted:
            with self.place.books() as database:
                spread = tariffs.spread(database, self.place.folder, scope, wanted[0].version)
        return self.frame.shown(
            request, "tariffs.html", found=found, spread=spread,
            wanted=wanted[0] if wanted else None, days=wanted[0].valid_from - day if wanted else 0,
        )  # fmt: skip
