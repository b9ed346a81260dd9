"""Customers of one authority: register, read, change, check, link cards, erase.

Each authority is controller of its own: a customer of another is as absent as one never registered
(W-147). A card is a random handle X here; which card that is, only the link service can say.
It must not know UIDs, pseudonyms or trips. Source: trust.md section 5; W-25, W-26, W-101..W-103.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol

from backend_sync.customers.people import (
    TEXT_LENGTH,
    CustomerRefused,
    Document,
    changed,
    consented,
    invoiced,
    new_document,
    outdated,
    proved,
)
from backend_sync.customers.population import NO_ANSWER, PopulationRegister
from backend_sync.customers.tables import customers, erasures
from backend_sync.ports import Clock
from backend_sync.storage.database import Database
from backend_sync.storage.subject_keys import KeyGone, SubjectKeys

NUMBER_BITS = 62
AUTHORITY_MAX = 255
HANDLE_BYTES = 16
CODE_BYTES = 16
DAY_SECONDS = 86_400
FIRST_DAY = date(2020, 1, 1)


class LinkService(Protocol):
    """What the register asks of the link service: to keep and to forget, never to tell."""

    def link(self, handle: bytes, card: bytes) -> None:
        """Keep which card (UID, 7 B) a handle means. Raises: LinkRefused."""

    def unlink(self, handle: bytes) -> bool:
        """Forget it for ever; False when there was nothing."""


class Customer(NamedTuple):
    """One customer as his controller sees him."""

    number: int
    person: str
    document: Document


class Customers:
    """The customers of authority `controller`, in one database with the keys of its subjects."""

    def __init__(
        self, database: Database, keys: SubjectKeys, clock: Clock, controller: int
    ) -> None:
        self.database = database
        self.keys = keys
        self.clock = clock
        if not 0 <= controller <= AUTHORITY_MAX:
            raise CustomerRefused(f"authority {controller}: wanted 0..{AUTHORITY_MAX}")
        self.controller = controller

    def register(self, people: Sequence[tuple[str, Mapping[str, Any]]]) -> list[int]:
        """Register people, (person, fields) each; return their numbers. All of them or none."""
        rows, numbers = [], []
        with self.keys.together():
            for person, fields in people:
                document = new_document(person, fields)
                number = int.from_bytes(self.keys.entropy(8), "big") >> (64 - NUMBER_BITS)
                self.keys.make(_subject(number))
                rows.append((number, self.controller, person, self._seal(number, document)))
                numbers.append(number)
        with self.database.transaction():
            self.database.insert(customers, rows)
        return numbers

    def show(self, number: int) -> Customer:
        """Return one customer. Raises: CustomerRefused when this authority has none such."""
        found = self.database.rows(
            "SELECT person, document FROM customers WHERE customer = ? AND controller = ?",
            (number if 0 <= number < 1 << NUMBER_BITS else -1, self.controller),
        )
        if found:
            try:
                return Customer(number, found[0][0], self._open(number, bytes(found[0][1])))
            except KeyGone:
                pass  # erased; a restored backup brought the sealed row back
        raise CustomerRefused(f"customer {number}: authority {self.controller} has none such")

    def everyone(self) -> Iterator[Customer]:
        """Return this authority's customers by number, which says nothing of their order."""
        sql = "SELECT customer FROM customers WHERE controller = ? ORDER BY customer"
        for (number,) in self.database.rows(sql, (self.controller,)):
            if self.keys.has(_subject(number)):
                yield self.show(number)

    def change(self, number: int, fields: Mapping[str, Any]) -> None:
        """Change fields of one customer; "" takes a field away."""
        customer = self.show(number)
        changed(customer.person, customer.document, fields)
        self._write(customer)

    def consent(self, number: int, purpose: str, given: bool) -> None:
        """Note a consent given or withdrawn this month."""
        customer = self.show(number)
        consented(customer.document, purpose, given, self.month())
        self._write(customer)

    def prove(self, number: int, proof: str, until: str) -> None:
        """Note that a clerk saw a proof, valid to the end of month `until`."""
        customer = self.show(number)
        proved(customer.document, proof, self.month(), until)
        self._write(customer)

    def invoice(self, number: int, sale: str) -> None:
        """Note a class of sale for the customer's invoice of this month."""
        customer = self.show(number)
        invoiced(customer.document, self.month(), sale)
        self._write(customer)

    def check_municipality(
        self, number: int, register: PopulationRegister, identity: str, municipality: str
    ) -> str:
        """Ask whether the customer lives in `municipality`; return the answer's word.

        Kept: municipality asked for, the word, the month. No answer changes nothing that is kept.
        """
        customer = self.show(number)
        if not municipality.isprintable() or not 0 < len(municipality) <= TEXT_LENGTH:
            raise CustomerRefused(f"municipality: wanted up to {TEXT_LENGTH} printable characters")
        answer = register.check(identity, municipality)
        if answer != NO_ANSWER:
            kept = {"asked": municipality, "answer": answer, "month": self.month()}
            customer.document["municipality"] = kept
            self._write(customer)
        return answer

    def link_card(self, number: int, links: LinkService, card: bytes) -> bytes:
        """Give the customer a handle for a card that lies on the desk; return the handle."""
        customer = self.show(number)
        handle = self.keys.entropy(HANDLE_BYTES)
        links.link(handle, card)
        customer.document["handles"].append(handle.hex())
        self._write(customer)
        return handle

    def unlink(self, number: int, links: LinkService, handle: bytes) -> None:
        """Forget which card a handle means, and the handle."""
        customer = self.show(number)
        if handle.hex() not in customer.document["handles"]:
            raise CustomerRefused(f"handle {handle.hex()}: customer {number} has none such")
        links.unlink(handle)
        customer.document["handles"].remove(handle.hex())
        self._write(customer)

    def erase(self, number: int, links: LinkService) -> str:
        """Forget a customer: links, key, row. Return the code that proves it to him, and to nobody.

        May be repeated after a crash at any step. Source: GDPR article 17; trust.md section 5.
        """
        if self._is_half_erased(number):
            handles = []  # they were unlinked before the key was dropped
        else:
            handles = self.show(number).document["handles"]
        for handle in handles:
            links.unlink(bytes.fromhex(handle))
        code: bytes = self.keys.entropy(CODE_BYTES)
        with self.database.transaction():
            self.database.run("DELETE FROM customers WHERE customer = ?", [(number,)])
            proof = hashlib.sha256(code).digest()
            self.database.insert(erasures, [(proof, self.controller, self.today())])
            # Before the commit: a row may outlive its key (`settle` takes it away), no key its row.
            self.keys.drop(_subject(number))
        return code.hex()

    def _is_half_erased(self, number: int) -> bool:
        """Say whether his row stands here without the key that was dropped: finish it."""
        rows = self.database.rows(
            "SELECT customer FROM customers WHERE customer = ? AND controller = ?",
            (number if 0 <= number < 1 << NUMBER_BITS else -1, self.controller),
        )
        return bool(rows) and bool(self.keys.without_key([_subject(number)]))

    def was_erased(self, code: str) -> int | None:
        """Return the day on which the holder of `code` was erased; None when nobody was."""
        proof = hashlib.sha256(bytes.fromhex(code)).digest()
        found = self.database.rows("SELECT erased_day FROM erasures WHERE proof = ?", (proof,))
        return int(found[0][0]) if found else None

    def retain(self) -> int:
        """Take away what nobody needs any more of this authority's customers; return of how many.

        May be repeated after a crash at any step.
        """
        count = 0
        for customer in list(self.everyone()):
            if outdated(customer.document, self.month()):
                self._write(customer)
                count += 1
        return count

    def settle(self, every: bool = False) -> int:
        """Take away rows of those erased since (a backup brought them back); return how many.

        `every`: also rows whose key is missing for another reason. Raises: SubjectKeysError.
        On PostgreSQL it also writes the table anew in the order of its drawn numbers, since the
        order in which a dump lists rows would be the order of registration.
        """
        with self.database.transaction():
            rows = self.database.rows("SELECT customer FROM customers")
            subjects = {_subject(number): number for (number,) in rows}
            gone = [(subjects[found],) for found in self.keys.without_key(subjects, every)]
            self.database.run("DELETE FROM customers WHERE customer = ?", gone)
            if not self.database.sqlite:
                self.database.connection.exec_driver_sql("CLUSTER customers USING pk_customers")
        return len(gone)

    def today(self) -> int:
        return self.clock.utc_seconds() // DAY_SECONDS

    def month(self) -> str:
        return (FIRST_DAY + timedelta(days=self.today())).strftime("%Y-%m")

    def _write(self, customer: Customer) -> None:
        sealed = self._seal(customer.number, customer.document)
        with self.database.transaction():
            self.database.run(
                "UPDATE customers SET document = ? WHERE customer = ?",
                [(sealed, customer.number)],
            )

    def _seal(self, number: int, document: Document) -> bytes:
        text = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
        return self.keys.seal(_subject(number), text, self._place())

    def _open(self, number: int, sealed: bytes) -> Document:
        document: Document = json.loads(
            self.keys.open_seal(_subject(number), sealed, self._place())
        )
        return document

    def _place(self) -> bytes:
        return b"customer of %d" % self.controller


def _subject(number: int) -> bytes:
    return number.to_bytes(8, "big")
