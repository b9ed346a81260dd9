"""W-139: does this person live where he says? The question is passed on and kept nowhere.

Not even as the hash of a request: an identity number is guessed from its hash in seconds. A
question changes nothing, so it needs no Idempotency-Key. Source: W-102, W-139.
"""

from typing import Annotated, Literal

from fastapi import Request
from pydantic import Field

from backend_sync.api.models import Model
from backend_sync.api.part import Part
from backend_sync.api.problems import ApiError
from backend_sync.api.routes import OWN, Route

PRINTABLE = r"^[^\x00-\x1f\x7f]{1,64}$"


class Question(Model):
    """Who, and where he says he lives."""

    identity: Annotated[str, Field(pattern=PRINTABLE)]
    municipality: Annotated[str, Field(pattern=PRINTABLE)]


class Answer(Model):
    """What the register said: one word."""

    answer: Literal["same", "other municipality", "not found", "no answer"]


class Population(Part):
    """A facade of the port `PopulationRegister`."""

    ROUTES = (
        Route("POST", "/municipality-checks", "customers.change", OWN, "W-139",
              "check_municipality", Answer, "Ask the population register about one person"),
    )  # fmt: skip

    def check_municipality(self, request: Request, body: Question) -> Answer:
        register = self.parts.population
        if register is None:
            raise ApiError(503, "no population register is set up here; `serve --population`")
        answer = register.check(body.identity, body.municipality)
        return Answer.model_validate({"answer": answer})
