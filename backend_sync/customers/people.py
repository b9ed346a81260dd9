"""What a customer's document may hold: closed lists of fields, checked before anything is sealed.

Natural and legal persons, billing data, consents, proofs of a concession, the municipality check,
card handles and invoiced sales. Every date is a month, "2026-11": a day is enough to find a card
among the ledger's (README, "What was measured"). No UID, no pseudonym, no trip stands here, and of
a sale only what its invoice needs. Pure. Source: W-101..W-103, W-147, W-148; trust.md section 5.
"""

import re
from collections.abc import Mapping
from typing import Any

NATURAL, LEGAL = "natural", "legal"
PERSONS = (NATURAL, LEGAL)
CONTACT = ("name", "email", "phone", "street", "postcode", "town", "language")
BILLING = ("billing_name", "billing_street", "billing_postcode", "billing_town", "billing_iban")
OF_LEGAL = ("business_id", "contact_person", "cost_centre")
FIELDS = {NATURAL: CONTACT + BILLING, LEGAL: CONTACT + BILLING + OF_LEGAL}
TEXT_LENGTH = 200
CONSENTS = ("newsletter", "trip_history", "survey")
PROOFS = ("student", "senior", "unemployed", "disabled", "veteran", "school", "staff")
SALES = ("season", "load", "fee")  # classes of an invoiced sale: never an amount
INVOICED_MONTHS, MUNICIPALITY_MONTHS = 6, 12  # kept after theirs
MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")

Document = dict[str, Any]


class CustomerRefused(Exception):
    """What was asked cannot be done; the message says what was found and what is wanted."""


def new_document(person: str, fields: Mapping[str, Any]) -> Document:
    """Return the document of a new customer. Raises: CustomerRefused; a name is needed."""
    if person not in PERSONS:
        raise CustomerRefused(f"person {person!r}: wanted one of {', '.join(PERSONS)}")
    document: Document = {
        "fields": {}, "consents": {}, "proofs": {}, "municipality": {}, "handles": [],
        "invoiced": {},
    }  # fmt: skip
    changed(person, document, fields)
    if not document["fields"].get("name"):
        raise CustomerRefused("name: missing; a customer has one")
    if person == LEGAL and not document["fields"].get("business_id"):
        raise CustomerRefused("business_id: missing; a legal person has one")
    return document


def changed(person: str, document: Document, fields: Mapping[str, Any]) -> None:
    """Put new values of fields into a document; "" takes a field away.

    Raises: CustomerRefused naming the field, and changes nothing then.
    """
    for name, value in fields.items():
        if name not in FIELDS[person]:
            raise CustomerRefused(
                f"{str(name)[:40]!r}: no field of a {person} person; wanted one of"
                f" {', '.join(FIELDS[person])}"
            )
        if not isinstance(value, str) or len(value) > TEXT_LENGTH or not value.isprintable():
            raise CustomerRefused(f"{name}: wanted up to {TEXT_LENGTH} printable characters")
    if "name" in fields and not fields["name"].strip():
        raise CustomerRefused("name: empty; a customer has one, `erase` forgets him")
    document["fields"].update(fields)
    document["fields"] = {name: value for name, value in document["fields"].items() if value}


def consented(document: Document, purpose: str, given: bool, month: str) -> None:
    """Note that a consent was given or withdrawn in `month`."""
    _one_of("consent", purpose, CONSENTS)
    document["consents"][purpose] = {"given": given, "month": _month(month)}


def proved(document: Document, proof: str, month: str, until: str) -> None:
    """Note the last month of a proof that a clerk saw; no copy of it, nor when he saw it."""
    _one_of("proof", proof, PROOFS)
    if _month(until) < month:
        raise CustomerRefused(f"proof {proof}: was valid until {until}, this is {month}")
    document["proofs"][proof] = until


def entitled(document: Document, proof: str, month: str) -> bool:
    """Say whether a proof is valid in `month`: what a sale at a concession asks (W-103)."""
    return bool(month <= document["proofs"].get(proof, ""))


def invoiced(document: Document, month: str, sale: str) -> None:
    """Note that a class of sale is on the invoice of a month; twice is once.

    Raises: CustomerRefused without billing data: who pays at the counter gets a numbered receipt
    and leaves nothing here.
    """
    _one_of("sale", sale, SALES)
    if "billing_name" not in document["fields"]:
        raise CustomerRefused("no billing_name: only what is invoiced is kept with a customer")
    classes = set(document["invoiced"].get(month, [])) | {sale}
    document["invoiced"][month] = sorted(classes)


def outdated(document: Document, month: str) -> bool:
    """Take away what nobody needs in `month` any more; say whether there was any (D24).

    Proofs after their last month; invoiced sales and the municipality's answer so many months after
    theirs: invoices can be disputed for 13 weeks, and a municipality is asked again each year.
    """
    was = (len(document["proofs"]), len(document["invoiced"]), len(document["municipality"]))
    proofs = {proof: until for proof, until in document["proofs"].items() if until >= month}
    sales = {of: classes for of, classes in document["invoiced"].items()
             if months_between(of, month) <= INVOICED_MONTHS}  # fmt: skip
    asked = document["municipality"].get("month", month)
    if months_between(asked, month) > MUNICIPALITY_MONTHS:
        document["municipality"] = {}
    document["proofs"], document["invoiced"] = proofs, sales
    return was != (len(proofs), len(sales), len(document["municipality"]))


def months_between(first: str, last: str) -> int:
    """Return how many months "2026-11" is after "2026-08": 3."""
    return 12 * (int(last[:4]) - int(first[:4])) + int(last[5:]) - int(first[5:])


def _one_of(what: str, found: str, wanted: tuple[str, ...]) -> None:
    if found not in wanted:
        raise CustomerRefused(f"{what} {found[:40]!r}: wanted one of {', '.join(wanted)}")


def _month(month: str) -> str:
    if not MONTH.fullmatch(month):
        raise CustomerRefused(f"month {month[:20]!r}: wanted YYYY-MM")
    return month
