"""An order as a file for the bank: SEPA pain.001 to pay, pain.008 to collect.

Ids, times and places of payments are those of the order, never drawn, and a message is named by
what it pays: a bank refuses a file that it gets twice, also from books that were restored. Written
and checked against the official schema by sepaxml. Source: dependencies.md section 5; W-23.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from sepaxml import SepaDD, SepaTransfer

from backend_sync.settlement.dues import Due
from backend_sync.settlement.parties import Party
from card_layouts.codec.timestamps import to_unix

TRANSFER, DEBIT = "pain.001.001.09", "pain.008.001.08"
PAY_DAYS, COLLECT_DAYS = 1, 5  # from today; a payer gets notice
EURO = "EUR"


class Order(NamedTuple):
    """What an order is about; `made_at` in s since 2020, `batch` the newest that it settles."""

    number: int
    authority: int
    batch: int
    made_at: int
    today: date


def payment(order: Order, dues: Sequence[Due], parties: Mapping[str, Party]) -> bytes:
    """Return the pain.001 by which an authority pays these."""
    sepa = SepaTransfer(_config(order, parties), schema=TRANSFER, clean=True)
    for place, due in enumerate(dues, 1):
        row = _row(order, place, due, parties[due.party])
        sepa.add_payment({**row, "execution_date": order.today + timedelta(days=PAY_DAYS)})
    return _named(sepa.export(validate=False), order, dues, "P", TRANSFER)


def collection(order: Order, dues: Sequence[Due], parties: Mapping[str, Party]) -> bytes:
    """Return the pain.008 by which an authority collects from these; each signed a mandate."""
    own = {"creditor_id": parties[f"authority-{order.authority}"].creditor_id}
    sepa = SepaDD({**_config(order, parties), **own}, schema=DEBIT, clean=True)
    for place, due in enumerate(dues, 1):
        party = parties[due.party]
        sepa.add_payment(
            {
                **_row(order, place, due, party),
                "type": "RCUR",
                "collection_date": order.today + timedelta(days=COLLECT_DAYS),
                "mandate_id": party.mandate,
                "mandate_date": party.mandate_date,
            }
        )
    return _named(sepa.export(validate=False), order, dues, "C", DEBIT)


def _config(order: Order, parties: Mapping[str, Party]) -> dict[str, object]:
    party = parties[f"authority-{order.authority}"]
    bank = {"BIC": party.bic} if party.bic else {}
    return {"name": party.name, "IBAN": party.iban, **bank, "batch": True, "currency": EURO}


def _row(order: Order, place: int, due: Due, party: Party) -> dict[str, object]:
    bank = {"BIC": party.bic} if party.bic else {}
    return {
        "name": party.name,
        "IBAN": party.iban,
        **bank,
        "amount": abs(due.cents),
        "description": f"order {order.number} up to batch {order.batch} {due.party}"[:140],
        "endtoend_id": f"{order.number}-{place}",
    }


def _named(xml: bytes, order: Order, dues: Sequence[Due], kind: str, schema: str) -> bytes:
    """Return the file with ids and time of the order instead of random ones; checked again."""
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{schema}}}"
    ET.register_namespace("", space[1:-1])
    tree = ET.fromstring(xml)
    made = datetime.fromtimestamp(to_unix(order.made_at), UTC)
    digest = sha256(repr([(due.party, due.cents) for due in dues]).encode()).hexdigest()
    message = f"{kind}{order.authority}-{order.number}-{order.batch}-{digest[:10]}"
    for path, text in (("MsgId", message), ("CreDtTm", made.strftime("%Y-%m-%dT%H:%M:%S"))):
        for element in tree.iter(space + path):
            element.text = text
    for place, element in enumerate(tree.iter(space + "PmtInfId"), 1):
        element.text = f"{message}-{place}"
    done: bytes = ET.tostring(tree, encoding="utf-8", xml_declaration=True)
    _schema(schema).validate(done.decode())
    return done


@cache
def _schema(name: str) -> Any:
    """Return the official schema of a file; reading it takes far longer than using it."""
    import xmlschema  # changes ElementTree when it is loaded, so only who makes orders loads it

    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / f"{name}.xsd"))
