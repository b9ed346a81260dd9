"""Seeds and rules of what people bring to the back office: deliveries, parties' accounts, cash
evidence, recorded taps, and what an auditor reads of settled days.
"""

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

from backend_sync.registers import deliveries
from backend_sync.registers.refusals import Refused
from backend_sync.sales import evidence, till_evidence
from backend_sync.settlement.parties import PartiesError, is_iban, read_parties
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.linter import feed_of
from backend_sync.tariffs.rater import Rater
from backend_sync.tariffs.recorded import recorded_taps
from backend_sync.tariffs.taps import WordsError
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.errors import LayoutError
from card_layouts.fares import inputs
from card_layouts.records.entries import CASH_SALE
from card_layouts.records.slot import SLOT_BYTES, SLOT_HEADER
from card_layouts.settlement import batch as settled
from card_layouts.settlement.ciphertext import read_runs, write_run
from card_layouts.settlement.lines import NO_SLOT, RIDE, Line, decode_line, encode_line
from card_layouts.settlement.openings import decode_openings, encode_openings
from simulator.demo.system import TARIFFS
from simulator.fuzzing.config_targets import TOML_WORDS, Folder, file_work
from simulator.fuzzing.mutation import BYTES, in_fields
from simulator.fuzzing.register_targets import BATCH
from simulator.fuzzing.target import Operation, Work, must
from simulator.fuzzing.text import ALL_TEXT, TREE
from simulator.prng import Prng

PARTIES = b"""[authority.1]
name = "Koivula region"
iban = "FI21 1234 5600 0007 85"
bic = "NDEAFIHH"
creditor_id = "FI00ZZZ12345678"
[operator.1.10]
name = "Koivula Buses"
iban = "DE89370400440532013000"
[payer.1.town]
name = "Town of Koivula"
iban = "GB29NWBK60161331926819"
mandate = "M-2026-1"
mandate_date = 2026-01-07
"""
DEVICE, EPOCH, SHIFT, CLERK, FIRST_SEQ = 11, 0, 5, 33, 7
NOW_WORDS = "2026-03-04 08:15"


def parties_work() -> Work:
    """Names and accounts of those who are paid and collected from."""

    def check(case: bytes, found: Any) -> None:
        must(all(is_iban(party.iban) and party.name for party in found.values()), "no account")
        must(
            all(isinstance(part, str) for party in found.values() for part in party[:5]), "no text"
        )

    words = (*TOML_WORDS, b'iban = ""', b"mandate_date = 2026-02-30", b'name = ["a"]')
    return file_work("parties.toml", read_parties, (PartiesError,), [PARTIES], ALL_TEXT,
                     check=check, words=words)  # fmt: skip


def delivery_work() -> Work:
    """What comes with a delivery of cards; the first byte says which: batch, made cards, range."""
    folder = Folder("delivery")
    row = {"uid": bytes(7), "layout": 1, "state": STATE_VERIFIED, "authority": 244, "batch": 17}
    made = b"".join(bytes(ISSUE.pack({**row, "serial": 1000 + n})) for n in range(3))
    seeds = [b"\0" + BATCH, b"\1" + made, b"\2" + b"244 00001000 3..244 00001499 7"]

    def read(case: bytes) -> Any:
        folder.path.write_bytes(case[1:])
        kind = case[0] % 3 if case else 0
        if kind == 0:
            found = deliveries.read_batch(folder.path)
            return found, []
        if kind == 1:
            return deliveries.read_made(folder.path, None)
        return deliveries.Delivery(0, deliveries.read_span(case[1:].decode("utf-8", "replace"))), []

    def check(case: bytes, value: Any) -> None:
        (number, span), serials = value
        must(type(number) is int and 0 <= span.authority <= 255, "no such authority")
        must(0 <= span.first <= span.last < 10**8, "no such cards")
        must(sorted(set(serials)) == serials, "a card twice")

    field = _behind(in_fields(ISSUE))
    work = Work(read, (Refused,), seeds, (*map(_behind, (*ALL_TEXT, *BYTES)), field, field), check)
    work.close, work.memory_max = folder.folder.cleanup, 1 << 20
    return work


def evidence_work() -> Work:
    """What makes up a cash figure, as anybody may check it again without a ledger."""
    slots = [_sale_slot(FIRST_SEQ + n) for n in range(2)]
    chain = bytes(32)
    for slot in slots:
        chain = hashlib.sha256(chain + slot).digest()
    entries = [
        {"seq": FIRST_SEQ + n, "type": "CASH_SALE", "void_of": 0, "total": 250, "shift": SHIFT,
         "clerk": CLERK, "paid": 1}
        for n in range(2)
    ]  # fmt: skip
    whole = {
        "format": evidence.FORMAT, "device": DEVICE, "epoch": EPOCH, "shift": SHIFT,
        "clerk": CLERK, "state": "decided", "doubts": [], "counted": 500, "expected": 500,
        "difference": 0, "counts": [{"turn": 1, "cents": 500}], "first_seq": FIRST_SEQ,
        "last_seq": FIRST_SEQ + 1, "chain_before": bytes(32).hex(), "chain_after": chain.hex(),
        "slots": [slot.hex() for slot in slots], "entries": entries, "loaded": [],
    }  # fmt: skip
    must(not evidence.check(whole), "a seed that does not hold")
    undecided = {**whole, "state": "doubtful", "expected": None, "difference": None, "entries": []}
    till = {"format": till_evidence.FORMAT, "device": DEVICE, "shift": SHIFT,
            "clerk": CLERK, "state": "decided", "counted": 0, "expected": 0, "difference": 0,
            "mark_before": "", "slips": [], "counts": []}  # fmt: skip
    seeds = [json.dumps(tree).encode() for tree in (whole, undecided, till)]

    def check(case: bytes, wrong: Any) -> None:
        if not wrong and json.loads(case)["format"] == evidence.FORMAT:
            held = json.loads(case)
            must(held["state"] != "decided" or _leads(held), "slots that lead elsewhere hold")

    return file_work("evidence.json", lambda path: evidence.check(evidence.read_evidence(path)),
                     (evidence.EvidenceFault,), seeds, (*TREE, *TREE, *ALL_TEXT),
                     check=check)  # fmt: skip


def _sale_slot(seq: int) -> bytes:
    head = {"device": DEVICE, "epoch": EPOCH, "type": CASH_SALE, "seq": seq, "layout": 1}
    return bytes(SLOT_HEADER.pack(head)) + bytes(SLOT_BYTES - 12)


def _leads(held: dict[str, Any]) -> bool:
    chain = bytes.fromhex(held["chain_before"])
    for slot in held["slots"]:
        chain = hashlib.sha256(chain + bytes.fromhex(slot)).digest()
    return chain == bytes.fromhex(held["chain_after"])


def recorded_work() -> Work:
    """Recorded taps, a JSON object a line, that a tariff is asked for again."""
    authored = read_tariff(TARIFFS / "tariff.toml")
    feed = feed_of(authored, None)
    assert feed is not None, "the shipped tariff names its feed"
    rater = Rater(authored, feed)
    lists = {"card": list(inputs.new_card()), "tap": [0] * inputs.TAP_SIZE, "charged": 338}
    stop = rater.feed.stops[0].stop_id
    words = {"id": "card 7", "card": {}, "tap": {"at": NOW_WORDS, "stop": stop, "adults": 1}}
    seeds = [b"\n".join(json.dumps(row).encode() for row in rows)
             for rows in ((words,), (lists, words))]  # fmt: skip

    def check(case: bytes, taps: Any) -> None:
        for tap in taps:
            must(len(tap.card) == inputs.CARD_SIZE and len(tap.tap) == inputs.TAP_SIZE, "cut short")
            must(all(type(n) is int for n in (*tap.card, *tap.tap)), "no whole numbers")

    def tree(case: bytes, prng: Prng, work: Work) -> bytes:
        lines = case.split(b"\n")
        at = prng.below(len(lines))
        lines[at] = TREE[prng.below(len(TREE))](lines[at], prng, work)
        return b"\n".join(lines)

    return file_work("taps.jsonl", lambda path: list(recorded_taps(path, rater)), (WordsError,),
                     seeds, (tree, tree, tree, *ALL_TEXT), check=check)  # fmt: skip


def settled_work() -> Work:
    """What an auditor reads of settled days; the first byte says which file it is."""
    runs = io.BytesIO()
    write_run(runs, "depot", (DEVICE, EPOCH, 1, bytes(32), [bytes(128), b"\x54" + bytes(127)]))
    openings = encode_openings([(DEVICE, EPOCH, 7, bytes(16), b"\1" * 16)])
    empty: dict[str, Any] = {name: kind() for name, kind in settled.FIELDS}
    body = {**empty, "schema": settled.SCHEMA, "ranges": [[1, 2]] * settled.RANGES,
            "sums": [0, 0, 0, 0], "devices": [[DEVICE, EPOCH, 9, bytes(32), "3-7,9"]],
            "tariffs": [[1, 1, bytes(32)]], "tax": [[1, "a", 100, 110, 10]]}  # fmt: skip
    line = encode_line(Line(RIDE, 1, 1, 1, DEVICE, EPOCH, 7, NO_SLOT, bytes(96)))
    encoded = (runs.getvalue(), openings, settled.encode_body(body), line)
    seeds = [bytes([kind]) + data for kind, data in enumerate(encoded)]
    readers: tuple[Callable[[bytes], Any], ...] = (
        lambda data: list(read_runs(io.BytesIO(data))),
        decode_openings,
        settled.decode_body,
        decode_line,
    )

    def read(case: bytes) -> Any:
        return readers[case[0] % 4 if case else 0](case[1:])

    def check(case: bytes, value: Any) -> None:
        kind = case[0] % 4 if case else 0
        if kind == 1:
            must(encode_openings(value) == case[1:], "openings do not write again")
        elif kind == 2:
            must(settled.encode_body(value) == case[1:], "a batch does not write again")
        elif kind == 3:
            must(encode_line(value) == case[1:], "a line does not write again")

    return Work(read, (LayoutError,), seeds, tuple(map(_behind, BYTES)), check)


def _behind(operation: Operation) -> Operation:
    """Return an operation on what stands behind the first byte."""

    def changed(case: bytes, prng: Prng, work: Work) -> bytes:
        return case[:1] + operation(case[1:], prng, work)

    return changed
