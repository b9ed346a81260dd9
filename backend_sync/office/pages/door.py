"""The door: sign in, sign out, one's language, the way to one's first page, the sheet of style."""

import re

from fastapi import Form as Field
from fastapi import Request
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

YEAR_S = 365 * 86_400
OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)?")  # never //elsewhere


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

    def form(self, request: Request) -> Response:
        if request.state.visit is not None:
            return lead_to("/")
        return self.frame.shown(request, "sign_in.html", wrong=False, name="")

    def sign_in(
        self,
        request: Request,
        name: str = Field(max_length=64),
        secret: str = Field(max_length=200),
    ) -> Response:
        """Begin a session. All refusals read alike: nobody learns which names there are."""
        try:
            token = self.gate.sign_in(name, secret)
        except Refused:
            return self.frame.shown(request, "sign_in.html", 403, wrong=True, name=name)
        if request.state.visit is not None:
            self.gate.sessions.end(request.state.visit.token)
        answer = lead_to("/")
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
