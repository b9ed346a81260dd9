"""What a bank says of an account: statements (camt.053) and notifications (camt.054), as lines.

Only what is booked; amounts become cents with a sign, + came in and - went out. Names and texts of
people are not kept: a line is its references, its day and its amount. Knows no books.
Source: ISO 20022 messages camt.053.001 and camt.054.001; W-23.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from backend_sync.settlement.words import FIRST_DAY
from backend_sync.settlement.xml_tree import Element, XmlFault, parse_xml

SIZE_MAX = 16 << 20  # bytes of a file
NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.05[34]\.001\.[0-9]{2}")
MESSAGES = {"BkToCstmrStmt": "Stmt", "BkToCstmrDbtCdtNtfctn": "Ntfctn"}
AMOUNT = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2})0{0,3})?")
CREDITOR_REFERENCE = re.compile(r"\bRF[0-9]{2}[0-9A-Z]{1,21}\b")
SIGNS = {"CRDT": 1, "DBIT": -1}
BOOKED, NOT_YET = "BOOK", ("PDNG", "INFO", "FUTR")
OPENING, CLOSING = ("OPBD", "PRCD"), "CLBD"
WORD_MAX = 140


class CamtFault(Exception):
    """The file is no statement that can be taken; the message says where and why."""


class BankLine(NamedTuple):
    """One booked movement. `key`: the same line in any file; `references`: the bank's words."""

    key: str
    cents: int
    day: int  # booked, days since 2020; 0 = not said
    references: tuple[str, ...]


class BankStatement(NamedTuple):
    """What one statement says of one account; `waiting` entries are not booked yet."""

    name: str
    iban: str
    lines: list[BankLine]
    waiting: int


def read_camt(path: Path, currency: str) -> tuple[str, list[BankStatement]]:
    """Return (SHA-256 of the file, its statements). Raises: CamtFault, OSError."""
    with path.open("rb") as file:
        data = file.read(SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise CamtFault(f"{path}: more than {SIZE_MAX >> 20} MiB; ask the bank for single days")
    try:
        root = parse_xml(data, str(path))
        found = [_statement(element, currency) for element in _statements(root)]
    except XmlFault as error:
        raise CamtFault(str(error)) from None
    return hashlib.sha256(data).hexdigest(), found


def _statements(root: Element) -> list[Element]:
    if root.name != "Document" or not NAMESPACE.fullmatch(root.namespace):
        raise root.wrong("wanted a <Document> of camt.053.001 or camt.054.001")
    for message, part in MESSAGES.items():
        if (found := root.child(message)) is not None:
            return found.every(part)
    raise root.wrong(f"wanted {' or '.join(MESSAGES)} inside")


def _statement(statement: Element, currency: str) -> BankStatement:
    iban = statement.need("Acct").need("Id").need("IBAN").word(34).replace(" ", "").upper()
    name = statement.need("Id").word(WORD_MAX)
    lines: list[BankLine] = []
    waiting = 0
    seen: Counter[tuple[object, ...]] = Counter()
    for number, entry in enumerate(statement.every("Ntry"), 1):
        if not _is_booked(entry):
            waiting += 1
            continue
        for place, (cents, element) in enumerate(_movements(entry, currency), 1):
            same = _same(element, entry) or (name, number, place)
            what = (iban, *same, cents, _day(entry))
            seen[what] += 1
            key = hashlib.sha256(repr((*what, seen[what])).encode()).hexdigest()
            lines.append(BankLine(key, cents, _day(entry), _references(element, entry)))
    _check_balances(statement, currency, sum(line.cents for line in lines))
    return BankStatement(name, iban, [line for line in lines if line.cents], waiting)


def _is_booked(entry: Element) -> bool:
    status = entry.need("Sts")
    word = (status.child("Cd") or status).word(WORD_MAX)
    if word not in (BOOKED, *NOT_YET):
        raise status.wrong(f"{word!r}, wanted {BOOKED} or {', '.join(NOT_YET)}")
    return word == BOOKED


def _movements(entry: Element, currency: str) -> Iterator[tuple[int, Element]]:
    """Yield (cents, where its references stand): the entry, or each payment it is the sum of."""
    whole = _cents(entry.need("Amt"), currency) * _sign(entry)
    details = [part for group in entry.every("NtryDtls") for part in group.every("TxDtls")]
    amounts = [part.child("Amt") or part.find("AmtDtls", "TxAmt", "Amt") for part in details]
    known = [amount for amount in amounts if amount is not None]
    if len(details) < 2 or len(known) < len(details):
        yield whole, details[0] if len(details) == 1 else entry
        return
    parts = [
        _cents(amount, currency) * (_sign(part) if part.child("CdtDbtInd") else _sign(entry))
        for part, amount in zip(details, known, strict=True)
    ]
    if sum(parts) != whole:
        raise entry.wrong(f"its payments are {sum(parts)} cents together, the entry is {whole}")
    yield from zip(parts, details, strict=True)


def _sign(element: Element) -> int:
    indicator = element.need("CdtDbtInd")
    if indicator.text.strip() not in SIGNS:
        raise indicator.wrong(f"{indicator.text.strip()[:10]!r}, wanted CRDT or DBIT")
    return SIGNS[indicator.text.strip()]


def _cents(amount: Element, currency: str) -> int:
    found = amount.attributes.get("Ccy", "none")
    if found != currency:
        raise amount.wrong(f"currency {found[:10]!r}, the books are in {currency}")
    match = AMOUNT.fullmatch(amount.text.strip())
    if match is None:
        raise amount.wrong(f"{amount.text.strip()[:30]!r}, wanted an amount such as 12.50")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _day(entry: Element) -> int:
    booked = entry.find("BookgDt", "Dt") or entry.find("BookgDt", "DtTm")
    if booked is None:
        return 0
    try:
        day = date.fromisoformat(booked.text.strip()[:10])
    except ValueError:
        raise booked.wrong(f"{booked.text.strip()[:30]!r}, wanted 2026-06-05") from None
    return (day - FIRST_DAY) // timedelta(days=1)


def _same(element: Element, entry: Element) -> tuple[str, ...]:
    """Return the bank's own name of a line, the same in statement and notification; () if none."""
    for where in (element.find("Refs", "AcctSvcrRef"), entry.child("AcctSvcrRef")):
        if where is not None and where.text.strip():
            return (where.word(WORD_MAX),)
    return ()


def _references(element: Element, entry: Element) -> tuple[str, ...]:
    found = []
    groups = [element.child("Refs")]
    if element is entry:
        groups = [entry.find("NtryDtls", "Btch")]
    for group in groups:
        for name in ("EndToEndId", "PmtInfId", "MsgId"):
            where = group.child(name) if group else None
            if where is not None:
                found.append(where.word(WORD_MAX))
    for info in element.every("RmtInf"):
        for structured in info.every("Strd"):
            where = structured.find("CdtrRefInf", "Ref")
            if where is not None:
                found.append(where.word(WORD_MAX).replace(" ", ""))
        for text in info.every("Ustrd"):
            found += CREDITOR_REFERENCE.findall(text.text.upper().replace("\n", " "))
    return tuple(dict.fromkeys(found))


def _check_balances(statement: Element, currency: str, moved: int) -> None:
    """Refuse a statement that does not add up: a line of it is missing, or was changed."""
    known: dict[str, int] = {}
    for balance in statement.every("Bal"):
        kind = balance.find("Tp", "CdOrPrtry", "Cd")
        if kind is not None and kind.text.strip() in (*OPENING, CLOSING):
            word = CLOSING if kind.text.strip() == CLOSING else OPENING[0]
            known.setdefault(word, _cents(balance.need("Amt"), currency) * _sign(balance))
    if len(known) == 2 and known[OPENING[0]] + moved != known[CLOSING]:
        raise statement.wrong(
            f"opens with {known[OPENING[0]]} cents, moves {moved} and closes with"
            f" {known[CLOSING]}: an entry is missing or was changed"
        )
