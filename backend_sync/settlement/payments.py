"""Payment and collection files of a batch for the bank: SEPA pain.001 and pain.008.

An authority pays its operators and other authorities, and collects from payers who signed a
mandate. The same batch always gives the same bytes, message id and times included, so that a bank
refuses a file that it gets twice. Written and checked against its schema by sepaxml.
Source: dependencies.md section 5; W-23.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sepaxml import SepaDD, SepaTransfer
from sepaxml.validation import try_valid_xml

from backend_sync.settlement.close import Closed
from backend_sync.settlement.parties import Party
from backend_sync.settlement.statements import Statement, statements
from backend_sync.settlement.words import FIRST_DAY
from card_layouts.codec.timestamps import to_unix

TRANSFER, DEBIT = "pain.001.001.09", "pain.008.001.08"
COLLECT_DAYS = 5  # notice that a bank and the payer get


class Due(NamedTuple):
    """What is to be paid or collected between an authority and another party."""

    party: str
    cents: int
    why: str


class Payments(NamedTuple):
    """Files by name, and what is in none of them: (party, cents, why not)."""

    files: dict[str, bytes]
    left_out: list[tuple[str, int, str]]


def payments(closed: Closed, parties: Mapping[str, Party]) -> Payments:
    """Return the files of a batch, one to pay and one to collect for each authority."""
    found = Payments({}, [])
    for area in sorted({row[0] for row in closed.values["operators"]}):
        payer = parties.get(f"authority-{area}")
        pay, collect = _dues(closed, area)
        if payer is None:
            dues = [*pay, *collect]
            found.left_out.extend((d.party, d.cents, f"no authority.{area}") for d in dues)
            continue
        pay = _known(found, pay, parties)
        collect = _known(found, collect, parties, mandate=True)
        if pay:
            found.files[f"pay-authority-{area}.xml"] = _transfer(closed, area, payer, pay, parties)
        if collect:
            file = _debit(closed, area, payer, collect, parties)
            found.files[f"collect-authority-{area}.xml"] = file
    return found


def _dues(closed: Closed, area: int) -> tuple[list[Due], list[Due]]:
    """Return what an authority pays and what it collects."""
    pay, collect = [], []
    for statement in statements(closed):
        kind, _, rest = statement.party.partition("-")
        if kind == "authority" or int(rest.partition("-")[0]) != area:
            continue
        due = Due(statement.party, abs(statement.due), _why(statement))
        if kind == "operator" and statement.due > 0 and not rest.endswith("-0"):
            pay.append(due)
        elif kind == "payer" and statement.due < 0:
            collect.append(due)
    debts: dict[int, int] = {}
    for debtor, creditor, cents in [*closed.values["clearing"], *closed.values["loads"]]:
        for one, other, sign in ((debtor, creditor, 1), (creditor, debtor, -1)):
            if one == area:
                debts[other] = debts.get(other, 0) + sign * cents
    for other, cents in sorted(debts.items()):
        if cents > 0:
            pay.append(Due(f"authority-{other}", cents, f"batch {closed.number} clearing"))
    return pay, collect


def _why(statement: Statement) -> str:
    return f"batch {statement.batch}, service day {statement.day}, {statement.party}"


def _known(
    found: Payments, dues: Sequence[Due], parties: Mapping[str, Party], mandate: bool = False
) -> list[Due]:
    """Return those whose account is known; note the others."""
    known = []
    for due in dues:
        party = parties.get(due.party)
        if party is None:
            found.left_out.append((due.party, due.cents, "no account of it is known"))
        elif mandate and not party.mandate:
            found.left_out.append((due.party, due.cents, "signed no mandate: send an invoice"))
        else:
            known.append(due)
    return known


def _transfer(
    closed: Closed, area: int, payer: Party, dues: Sequence[Due], parties: Mapping[str, Party]
) -> bytes:
    sepa = SepaTransfer(_config(closed, payer), schema=TRANSFER, clean=True)
    for due in dues:
        payment = _payment(closed, due, parties[due.party])
        sepa.add_payment({**payment, "execution_date": _closing_date(closed)})
    return _settled(sepa.export(validate=False), closed, f"P{area}", TRANSFER)


def _debit(
    closed: Closed, area: int, creditor: Party, dues: Sequence[Due], parties: Mapping[str, Party]
) -> bytes:
    config = {**_config(closed, creditor), "creditor_id": creditor.creditor_id}
    sepa = SepaDD(config, schema=DEBIT, clean=True)
    for due in dues:
        party = parties[due.party]
        payment = _payment(closed, due, party)
        sepa.add_payment(
            {
                **payment,
                "type": "RCUR",
                "collection_date": _closing_date(closed) + timedelta(days=COLLECT_DAYS),
                "mandate_id": party.mandate,
                "mandate_date": party.mandate_date,
            }
        )
    return _settled(sepa.export(validate=False), closed, f"C{area}", DEBIT)


def _config(closed: Closed, party: Party) -> dict[str, object]:
    bank = {"BIC": party.bic} if party.bic else {}
    return {"name": party.name, "IBAN": party.iban, **bank, "batch": True,
            "currency": closed.values["currency"]}  # fmt: skip


def _payment(closed: Closed, due: Due, party: Party) -> dict[str, object]:
    bank = {"BIC": party.bic} if party.bic else {}
    return {
        "name": party.name,
        "IBAN": party.iban,
        **bank,
        "amount": due.cents,
        "description": due.why[:140],
        "endtoend_id": f"{closed.number}-{due.party}"[:35],
    }


def _closing_date(closed: Closed) -> date:
    """Return the day after the service day: when money moves at the earliest."""
    return FIRST_DAY + timedelta(days=closed.values["day"] + 1)


def _settled(xml: bytes, closed: Closed, name: str, schema: str) -> bytes:
    """Return the file with ids and time of the batch instead of random ones; checked again."""
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{schema}}}"
    ET.register_namespace("", space[1:-1])
    tree = ET.fromstring(xml)
    made = datetime.fromtimestamp(to_unix(closed.values["closed_at"]), UTC)
    message = f"S{closed.number}-{name}-{closed.values['root'].hex()[:12]}"
    for path, text in (("MsgId", message), ("CreDtTm", made.strftime("%Y-%m-%dT%H:%M:%S"))):
        for element in tree.iter(space + path):
            element.text = text
    for place, element in enumerate(tree.iter(space + "PmtInfId"), 1):
        element.text = f"{message}-{place}"
    done: bytes = ET.tostring(tree, encoding="utf-8", xml_declaration=True)
    try_valid_xml(done, schema)
    return done
