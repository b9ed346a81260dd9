"""Operating data: a planner uploads a feed, sees what it changes, and puts it in force.

What a user may see and change is his scope's; versions of others are as if they were not there.
Source: W-20, W-22, W-118, W-122, W-127.
"""

import datetime
from pathlib import Path
from typing import IO, Any

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.operating.archive import ZIP_BYTES
from backend_sync.operating.differences import compare
from backend_sync.operating.records import Owner, Version
from backend_sync.operating.refusals import NotThere, OperatingRefused
from backend_sync.registers.show import when

RIGHT = "operating.change|tariffs.change"
HOME = "/operating"
FORM_BYTES = 64 * 1024  # what stands around the zip in a body
SHOWN_MOST = 100  # rows of one table of differences
PAGE = 50
ID_MOST = 1 << 53
DAY = r"\d{4}-\d{2}-\d{2}"


class OperatingPages(Subject):
    ROUTES = (
        ("GET", HOME, RIGHT, "overview"),
        ("POST", HOME, RIGHT, "upload"),
        ("GET", HOME + "/{version}", RIGHT, "version"),
        ("POST", HOME + "/{version}/force", RIGHT, "put_in_force"),
        ("GET", HOME + "/{version}/zip", RIGHT, "download"),
    )
    MENU = ((RIGHT, HOME, "feed_menu"),)
    BODIES = {HOME: ZIP_BYTES + FORM_BYTES}

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.operating = frame.operating

    def overview(
        self,
        request: Request,
        operator: int = Query(0, ge=0, le=65_535),
        page: int = Query(1, ge=1, le=10_000),
    ) -> Response:
        return self._overview(request, operator, page, "")

    async def upload(self, request: Request) -> Response:
        """Take a zip; the body is read here, after the gate has asked who sends it."""
        try:
            async with request.form(max_files=1, max_fields=4) as form:
                file, operator = form.get("zip"), form.get("operator", "")
                if isinstance(file, UploadFile) and isinstance(operator, str):
                    return await run_in_threadpool(self._upload, request, operator, file.file)
        except HTTPException:
            pass  # no form of ours
        return self.frame.message(request, "bad_form", 400)

    def version(
        self,
        request: Request,
        version: int,
        day: str = Query("", pattern=f"^({DAY})?$"),
    ) -> Response:
        return self._version(request, version, day, "")

    def put_in_force(
        self,
        request: Request,
        version: int,
        from_day: str = Field(pattern=f"^{DAY}$"),
        seen: int = Field(ge=0, le=ID_MOST),
    ) -> Response:
        """Put a version in force, also an older one again; then lead to what is in force."""
        user, operating = user_of(request), self.operating()
        try:
            day = datetime.date.fromisoformat(from_day)
            found = operating.put_in_force(user.scope, user.name, version, day, seen)
        except NotThere:
            return self.frame.message(request, "no_page", 404)
        except ValueError:
            return self.frame.message(request, "bad_form", 400)
        except OperatingRefused as error:
            return self._version(request, version, from_day, self.frame.refusal(request, error))
        return lead_to(f"{HOME}?operator={found.operator}")

    def download(self, request: Request, version: int) -> Response:
        try:
            found = self.operating().version(user_of(request).scope, version)
            path: Path = self.operating().zips.path(found.digest)
        except NotThere:
            return self.frame.message(request, "no_page", 404)
        name = f"operator-{found.operator}-version-{found.number}.zip"
        return FileResponse(path, media_type="application/zip", filename=name)

    def _upload(self, request: Request, operator: str, stream: IO[bytes]) -> Response:
        user, operating = user_of(request), self.operating()
        number = user.scope.operator or _operator(operator)
        try:
            owner = Owner(user.scope.authority, number)
            found = operating.upload(user.scope, user.name, owner, stream)
        except OperatingRefused as error:
            return self._overview(request, number, 1, self.frame.refusal(request, error))
        return lead_to(f"{HOME}/{found.id}")

    def _overview(self, request: Request, operator: int, page: int, refused: str) -> Response:
        """Show what is in force and all versions of one's own; `operator` 0: of all of them."""
        user, operating = user_of(request), self.operating()
        own = user.scope._replace(operator=user.scope.operator or operator)
        versions = operating.versions(own)
        states: dict[int, str] = {}
        periods = [row for owner in sorted({version.owner for version in versions})
                   for row in self._periods(owner, versions, states)]  # fmt: skip
        pages = max(1, -(-len(versions) // PAGE))
        page = min(page, pages)
        called = self.frame.called(user, self.frame.language(request))
        rows = [
            (called.operator(version.operator), _link(version), states.get(version.id, "feed_not"),
             f"{version.first_day} – {version.last_day}", version.stops, version.routes,
             version.trips, f"{version.made_by}, {when(version.made)}")
            for version in versions[PAGE * (page - 1) : PAGE * page]
        ]  # fmt: skip
        is_bound = bool(user.scope.operator)  # sees no column of operators
        return self.frame.shown(
            request, "operating.html", 409 if refused else 200, refused=refused,
            rows=[row[is_bound:] for row in rows],
            periods=[(called.operator(row[0]), *row[1:])[is_bound:] for row in periods],
            operator=own.operator, page=page, pages=pages, is_bound=is_bound,
            megabytes=ZIP_BYTES >> 20,
        )  # fmt: skip

    def _periods(
        self, owner: Owner, versions: list[Version], states: dict[int, str]
    ) -> list[tuple[Any, ...]]:
        """Return rows of what is in force today and later, by day; tell the versions' `states`."""
        operating, known = self.operating(), {version.id: version for version in versions}
        today = operating.today(next(v.timezone for v in versions if v.owner == owner))
        plan, rows = operating.plan(owner), []
        begun = [period for period in plan if period.from_day <= today]
        for period in begun[-1:] + plan[len(begun) :]:
            state = "feed_now" if period.from_day <= today else "feed_planned"
            version = known.get(period.version)
            if version:
                states.setdefault(version.id, state)
            rows.append((owner.operator, _link(version) if version else "–", period.from_day,
                         state, period.made_by, when(period.made)))  # fmt: skip
        return rows

    def _version(self, request: Request, number: int, day: str, refused: str) -> Response:
        """Show a version and what it changes on the day from which it would be in force."""
        user, operating = user_of(request), self.operating()
        try:
            found = operating.version(user.scope, number)
            chosen = datetime.date.fromisoformat(day) if day else None
        except (NotThere, ValueError):
            return self.frame.message(request, "no_page", 404)
        today = operating.today(found.timezone)
        chosen = max(chosen or found.first_day, today)
        there = operating.in_force(*found.owner, chosen)
        feed = operating.feed(found)
        changes = compare(operating.feed(there) if there else None, feed)
        return self.frame.shown(
            request, "operating_version.html", 409 if refused else 200, refused=refused,
            version=found, made=when(found.made), there=there, changes=changes, day=chosen,
            today=today, is_over=found.last_day < today, warnings=feed.warnings,
            most=SHOWN_MOST,
        )  # fmt: skip


def _operator(text: str) -> int:
    """Return the number of an operator that somebody wrote, 0 when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0


def _link(version: Version) -> dict[str, str]:
    """Return a cell that leads to a version."""
    return {"to": f"{HOME}/{version.id}", "text": str(version.number)}
