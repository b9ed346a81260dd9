"""The door: sign in, sign out, one's language, the way to one's first page, the sheet of style."""

import re
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office.gate import PUBLIC, SIGNED_IN
from backend_sync.office.pages.frame import (
    HERE,
    LANGUAGE_COOKIE,
    Frame,
    Subject,
    lead_to,
    user_of,
    visit_of,
)
from backend_sync.office.words import LANGUAGES
from backend_sync.registers.refusals import Refused

BACK_MOST = 300
YEAR_S = 365 * 86_400
# Of what was typed: secrets, printed numbers, and what means nothing to a reader.
UNTOLD = ("key", "secret", "number", "cards", "what")
OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)?")  # never //elsewhere
OWN_PAGE = re.compile(OWN_PATH.pattern + r"(?:\?[A-Za-z0-9_.=&%+-]*)?")


class Door(Subject):
    ROUTES = (
        ("GET", "/office.css", PUBLIC, "css"),
        ("GET", "/sign-in", PUBLIC, "form"),
        ("POST", "/sign-in", PUBLIC, "sign_in"),
        ("POST", "/language", PUBLIC, "language"),
        ("POST", "/sign-out", SIGNED_IN, "sign_out"),
        ("GET", "/", SIGNED_IN, "home"),
    )

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.gate = frame.gate
        self.style = (HERE / "static" / "office.css").read_text(encoding="utf-8")

    def css(self) -> Response:
        return Response(self.style, media_type="text/css")

    def home(self, request: Request) -> Response:
        """Lead to the first page that this user may see."""
        menu = self.frame.menu_of(user_of(request))
        return lead_to(menu[0][1]) if menu else self.frame.message(request, "nothing_here")

    def form(self, request: Request, back: str = Query("", max_length=BACK_MOST)) -> Response:
        if request.state.visit is not None:
            return lead_to("/")
        return _door(self.frame, request, back)

    def sign_in(
        self,
        request: Request,
        name: str = Field(max_length=64),
        secret: str = Field(max_length=200),
        back: str = Field("", max_length=BACK_MOST),
    ) -> Response:
        """Begin a session, and lead to the page that was asked for. All refusals read alike:
        nobody learns which names there are."""
        try:
            token = self.gate.sign_in(name, secret)
        except Refused:
            return _door(self.frame, request, back, 403, wrong=True, name=name)
        if request.state.visit is not None:
            self.gate.sessions.end(request.state.visit.token)
        answer = lead_to(back if OWN_PAGE.fullmatch(back) else "/")
        answer.set_cookie(self.gate.cookie, token, path="/", httponly=True,
                          secure=self.gate.secure, samesite="strict")  # fmt: skip
        return answer

    def sign_out(self, request: Request) -> Response:
        self.gate.sessions.end(visit_of(request).token)
        answer = lead_to("/sign-in")
        answer.delete_cookie(self.gate.cookie, path="/", httponly=True,
                             secure=self.gate.secure, samesite="strict")  # fmt: skip
        return answer

    def language(
        self, language: str = Field(max_length=8), back: str = Field("/", max_length=200)
    ) -> Response:
        """Remember a language in this browser; one that is not there changes nothing."""
        answer = lead_to(back if OWN_PATH.fullmatch(back) else "/")
        if language in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, path="/", httponly=True,
                              secure=self.gate.secure, samesite="strict")  # fmt: skip
        return answer


def ask_to_sign_in(frame: Frame, request: Request) -> Response:
    """Lead to the door, and on from there; of a form that came too late show what it said."""
    if request.method == "GET":
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return lead_to("/sign-in" if asked == "/" else f"/sign-in?back={quote(asked, safe='/')}")
    if request.url.path == "/sign-out":
        return lead_to("/sign-in")
    body = (getattr(request.state, "form", None) or b"").decode("utf-8", "replace")
    plain = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    typed = parse_qsl(body) if plain else []
    lost = [(name, text) for name, text in typed if name not in UNTOLD]
    came_from = urlsplit(request.headers.get("referer", "")).path
    return _door(frame, request, came_from, 401, lost=lost)


def _door(frame: Frame, request: Request, back: str, status: int = 200, **values: Any) -> Response:
    """Show the form; `lost`: names and texts of a form that was not carried out, None: none was."""
    values = {"wrong": False, "name": "", "lost": None, **values}
    back = back if OWN_PAGE.fullmatch(back) else ""
    return frame.shown(request, "sign_in.html", status, back=back, **values)
