"""Today's picture on a page; what counters sold is the authority's, no operator's."""

from fastapi import Request
from fastapi.responses import Response

from backend_sync.office import today
from backend_sync.office.pages.frame import Subject, user_of


class Today(Subject):
    ROUTES = (("GET", "/today", "usage.see", "show"),)
    MENU = (("usage.see", "/today", "today"),)

    def show(self, request: Request) -> Response:
        user, now = user_of(request), self.clock.utc_seconds()
        sees_sales = "sales.see" in user.rights and not user.scope.operator
        with self.place.books() as database:
            found = today.picture(database, user.scope, now)
            sold = []
            if sees_sales:
                since = now - today.DAY_S
                sold = today.slips_since(database, user.scope.authority, since)
        return self.frame.shown(
            request, "today.html", found=found, sold=sold, sees_sales=sees_sales
        )
