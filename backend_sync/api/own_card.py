"""W-142: a passenger's own taps, for who has the card in his hand.

A counter that has the card on its reader gives out a code; whoever types it into a shop's page
proves that he held the card there. The code is good once and for minutes, the proof for the
caller that got it. No number, printed or other, opens anything. Source: W-142; W-110; D1, D11.
"""

from datetime import UTC, datetime
from hashlib import sha256
from hmac import new
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import Response
from pydantic import Field

from backend_sync.api.card_codes import CODE, CODE_S, CardCodes, kept
from backend_sync.api.documents import document
from backend_sync.api.models import NUMBER_MOST, Model, Paging
from backend_sync.api.once import key_of
from backend_sync.api.paging import cursor, number_of
from backend_sync.api.part import Part, Parts, caller_of, own_card
from backend_sync.api.problems import ApiError
from backend_sync.api.rates import Rates
from backend_sync.api.routes import OWN, Route
from backend_sync.api.tables import proofs
from backend_sync.ledger.results import BITS, STATE_NAMES, state_of
from backend_sync.settlement.words import date_of
from backend_sync.storage.database import Database
from card_layouts.cards import card_layout as kinds
from card_layouts.codec.timestamps import to_unix

LIST = "card"
PROOF_S = 30 * 60
KINDS = {kinds.KIND_DEBIT: "ride", kinds.KIND_PASS: "ride", kinds.KIND_LOAD: "load",
         kinds.KIND_PRODUCT: "product", kinds.KIND_BLOCK: "block"}  # fmt: skip
# From the newest back along the thread of a card's commits: no history is searched.
THREAD = (
    "WITH RECURSIVE thread(id, older, place) AS (SELECT id, older, 1 FROM pendings WHERE id = ?"
    " UNION ALL SELECT p.id, p.older, t.place + 1 FROM thread t JOIN pendings p ON p.id = t.older"
    " WHERE t.place < ?)"
    " SELECT p.id, p.kind, p.cents, p.at, t.older, r.day, r.authority, r.operator, r.product,"
    " r.tariff, r.zones, r.full_cents, r.charged_cents, r.transfers FROM thread t"
    " JOIN pendings p ON p.id = t.id LEFT JOIN rides r ON r.id = p.id ORDER BY t.place"
)
Proof = Annotated[str, Header(alias="Card-Proof", pattern=r"^[0-9a-f]{64}$")]


class CodeWanted(Model):
    """The account number of the card that lies on the counter's reader."""

    card: Annotated[int, Field(ge=1, le=NUMBER_MOST)]


class Code(Model):
    """Shown once, to the passenger."""

    code: str
    seconds: int


class CodeGiven(Model):
    """What the passenger typed."""

    code: Annotated[str, Field(pattern=f"^{CODE}$")]


class CardProof(Model):
    """Goes into the header Card-Proof of the caller's requests."""

    proof: str
    seconds: int


class CardEvent(Model):
    """One thing that was written on the card, or was to be; cents above 0 were taken off it."""

    at: str
    kind: str
    state: str
    cents: int
    day: str | None
    authority: int | None
    operator: int | None
    product: int | None
    tariff: int | None
    zones: int | None
    full_cents: int | None
    charged_cents: int | None
    transfers: int | None


class CardEvents(Model):
    """The newest first."""

    items: list[CardEvent]
    next: str | None


class OwnCard(Part):
    """Codes, proofs and what they open."""

    ROUTES = (
        Route("POST", "/card-codes", "cards.serve", OWN, "W-142", "card_code", Code,
              "Give the holder of a card at the counter a code, good once", status=201),
        Route("POST", "/card-proofs", "own.see", OWN, "W-142", "card_proof", CardProof,
              "Take a code for a proof that its holder held the card", status=201, remade=True),
        Route("GET", "/card-events", "own.see", OWN, "W-142", "card_events", CardEvents,
              "What was done with the card of a proof"),
    )  # fmt: skip
    rates: Rates  # of wrong codes; set by the wiring

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.codes = CardCodes(parts.database, parts.clock, parts.random_bytes)

    def card_code(self, request: Request, body: CodeWanted) -> Code:
        user = caller_of(request).user
        with self.place.books() as books:
            card = own_card(books, user, "cards.serve", body.card)
        code = self.codes.give(card, user.name)
        return Code(code=code, seconds=CODE_S)

    def card_proof(self, request: Request, body: CodeGiven) -> CardProof:
        user, database = caller_of(request).user, self.parts.database
        now, guesser = self.clock.utc_seconds(), f"codes of {user.name}"
        self.rates.test("wrong", guesser)
        proof = _proof(body.code, user.name, key_of(request))
        with database.transaction():
            card, ends = self.codes.take(body.code), now + PROOF_S
            if card is not None:
                database.run("DELETE FROM card_proofs WHERE ends < ?", [(now,)])
                database.insert(proofs, [(kept(proof), card, user.name, ends)])
            else:  # the answer was lost, and is asked for again
                ends = self._ends(proof, user.name, now)
        if not ends:
            self.rates.count("wrong", guesser)
            raise ApiError(409, "this code is none, was used or has ended; a counter gives another")
        return CardProof(proof=proof, seconds=ends - now)

    def _ends(self, proof: str, name: str, now: int) -> int:
        """Return until when a proof holds, 0 when it is none of this user's."""
        sql = "SELECT ends FROM card_proofs WHERE hash = ? AND name = ? AND ends > ?"
        rows = self.parts.database.rows(sql, (kept(proof), name, now))
        return int(rows[0][0]) if rows else 0

    def card_events(
        self, request: Request, proof: Proof, page: Annotated[Paging, Query()]
    ) -> Response:
        card = self._card(caller_of(request).user.name, proof)
        with self.place.books() as database:
            start = _start(database, card, number_of(LIST, page.after))
            rows = database.rows(THREAD, (start, page.limit)) if start else []
            items = [_event(database, row) for row in rows]
        older = len(rows) == page.limit and rows[-1][4]
        more = cursor(LIST, rows[-1][0]) if older else None
        return document(request, CardEvents(items=items, next=more))

    def _card(self, name: str, proof: str) -> int:
        rows = self.parts.database.rows(
            "SELECT card FROM card_proofs WHERE hash = ? AND name = ? AND ends > ?",
            (kept(proof), name, self.clock.utc_seconds()),
        )
        if not rows:
            raise ApiError(403, "header.Card-Proof: none of yours, or it has ended; wanted one of"
                           " POST /card-proofs")  # fmt: skip
        return int(rows[0][0])


def _proof(code: str, name: str, key: str) -> str:
    """Return the proof that a code becomes for a user's request: the same for the same request."""
    return new(code.encode(), f"{name}\n{key}".encode(), sha256).hexdigest()


def _start(database: Database, card: int, after: int) -> int | None:
    """Return the commit that a page begins with. Raises: ApiError for another card's cursor."""
    if not after:
        return database.rows("SELECT newest FROM cards WHERE id = ?", (card,))[0][0]
    rows = database.rows("SELECT older FROM pendings WHERE id = ? AND card = ?", (after, card))
    if not rows:
        raise ApiError(404, "query.after: no cursor of this card's list")
    return rows[0][0]


def _event(database: Database, row: tuple[int, ...]) -> CardEvent:
    number, kind, cents, at, _, day, *ride = row
    rules = database.rows("SELECT rule FROM evidence WHERE pending = ?", (number,))
    state = STATE_NAMES[state_of(sum(BITS[rule[0]] for rule in rules))]
    names = list(CardEvent.model_fields)[5:]
    said = dict(zip(names, ride, strict=True))
    stamp = datetime.fromtimestamp(to_unix(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = -cents if kind == kinds.KIND_LOAD else cents
    return CardEvent(at=stamp, kind=KINDS.get(kind, "other"), state=state, cents=signed,
                     day=None if day is None else date_of(day), **said)  # fmt: skip
