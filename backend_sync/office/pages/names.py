"""Names: what operators, devices and authorities are called, each from a day on."""

from fastapi import Form as Field
from fastapi import Request
from fastapi.responses import Response

from backend_sync.office.pages.forms import NOTHING, Told, WrongField, read
from backend_sync.office.pages.frame import Subject, lead_to, user_of
from backend_sync.registers.name_commands import day_of
from backend_sync.registers.names import MOST, RIGHT, every_name, name_it
from backend_sync.registers.refusals import Refused


class NamePages(Subject):
    ROUTES = (
        ("GET", "/names", RIGHT, "show"),
        ("POST", "/names", RIGHT, "say"),
    )
    MENU = ((RIGHT, "/names", "names"),)

    def show(self, request: Request) -> Response:
        return self._show(request, NOTHING)

    def say(
        self,
        request: Request,
        kind: str = Field(max_length=16),
        number: str = Field(max_length=8),
        name: str = Field(max_length=100),
        from_day: str = Field("", max_length=10),
    ) -> Response:
        """Say what a number is called from a day on."""
        user = user_of(request)
        typed = {"kind": kind, "number": number, "name": name, "from_day": from_day}
        try:
            value = read("number", lambda: _number(number))
            day = read("from_day", lambda: day_of(from_day))
            trail = self.frame.parts.registers.trail
            read("name", lambda: name_it(trail, user, user.scope.authority, kind, value, name, day))
        except WrongField as error:
            said = self.frame.refusal(request, error.why)
            return self._show(request, Told("name", error.field, said, typed))
        return lead_to("/names")

    def _show(self, request: Request, told: Told) -> Response:
        database = self.frame.parts.registers.database
        return self.frame.shown(
            request, "names.html", 409 if told.said else 200, told=told, kinds=tuple(MOST),
            found=every_name(database, user_of(request).scope.authority),
        )  # fmt: skip


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise Refused("{text!r}: wanted a number", text=text[:8])
    return int(text)
