"""Devices of one's own: the list, and one device."""

from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office import devices
from backend_sync.office.pages.frame import Subject, user_of
from card_layouts.packages.manifest import ROLE_NAMES

NUMBER_MOST = (1 << 20) - 1


class Devices(Subject):
    ROUTES = (
        ("GET", "/devices", "usage.see", "every"),
        ("GET", "/devices/{number}", "usage.see", "one"),
    )
    MENU = (("usage.see", "/devices", "devices"),)

    def every(self, request: Request, after: int = Query(0, ge=0, le=NUMBER_MOST)) -> Response:
        scope = user_of(request).scope
        with self.place.books() as database:
            found, more = devices.devices(database, scope, after)
            alarms = devices.alarms(database, scope)
        return self.frame.shown(
            request, "devices.html", found=found, more=more, alarms=alarms,
            now=self.clock.utc_seconds(),
        )  # fmt: skip

    def one(self, request: Request, number: int) -> Response:
        scope = user_of(request).scope
        with self.place.books() as database:
            known = 0 < number <= NUMBER_MOST
            found = devices.device_of(database, scope, number) if known else None
            if found is None:
                return self.frame.message(request, "no_page", 404)
            alarms = devices.alarms(database, scope, number)
            epochs = devices.epochs_of(database, number)
            commits = devices.open_commits(database, number)
            forks = devices.contradicted(database, number, found.epoch)
        held = devices.held_by(self.place.folder, number)
        return self.frame.shown(
            request, "device.html", found=found, alarms=alarms, epochs=epochs, commits=commits,
            forks=forks, held=held, roles=ROLE_NAMES, now=self.clock.utc_seconds(),
        )  # fmt: skip
