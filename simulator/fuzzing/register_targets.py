"""Seeds and rules of files of a service point: batches and registers of cards and of tickets, and
the keys of its stations.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from card_layouts.cards.issue import ISSUE, STATE_SPOILT, STATE_VERIFIED
from card_layouts.errors import LayoutError
from card_layouts.tickets.single import CERTIFICATE, CERTIFIED_BYTES
from edge_agent.counter.desk import CounterError
from edge_agent.counter.issue_batch import read_batch
from edge_agent.counter.issue_register import MAGIC, ROW_BYTES, IssueRegister
from edge_agent.counter.issue_station import read_station as read_issue_station
from edge_agent.counter.ticket_register import TicketRegister
from edge_agent.counter.ticket_station import read_signers, read_station
from simulator.fuzzing.code_targets import SELLER, TICKET, code
from simulator.fuzzing.config_targets import TOML_WORDS, Folder, file_work, provisioned
from simulator.fuzzing.line_targets import PUBLIC
from simulator.fuzzing.mutation import BYTES, in_fields, in_parts
from simulator.fuzzing.shared.lines import SIGNER_SEED
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.target import Work, must
from simulator.fuzzing.text import ALL_TEXT, TEXT, TREE
from simulator.prng import Prng

BATCH = b"""batch = 17
first = "244 00001000 3"
last = "244 00001499 7"
kind = "personal"
limit_cents = 30000
deposit_cents = 500
group = 0
purse_product = 1
purse_zones = [1, 2]
expires = "2031-12"
"""


def batch_work() -> Work:
    """The batch file of a delivery: every card of it can be made, or the file is refused."""

    def check(case: bytes, batch: Any) -> None:
        must(batch.count > 0 and 0 <= batch.authority <= 255, "a delivery of no cards")
        must(len(batch.head_of(batch.last_serial, 1 << 29)) == 44, "a card without a head")
        must(len(batch.digest()) == 32 and json.dumps(batch.shared()), "a batch nobody can name")

    words = (*TOML_WORDS, b"00001000", b'"2031-13"', b"purse_zones", b"99999")
    return file_work("batch.toml", read_batch, (CounterError,), [BATCH], ALL_TEXT, check=check,
                     words=words)  # fmt: skip


def station_work() -> Work:
    """Key files of stations that issue cards and of stations that sell single tickets.

    A case is two files: what provisioning printed, and the certificate with its signers.
    """
    folder = Folder("station.json")
    certificate = folder.path.parent / "certificate.json"
    station = {**provisioned("counter"), "ticket": {"seed": SIGNER_SEED.hex()}}
    seller = CERTIFICATE.pack({**SELLER, "device": station["device"], "public": PUBLIC})
    certified = bytes(seller).ljust(CERTIFIED_BYTES, b"\0").hex()
    given = {"certificate": certified, "signers": {"244": PUBLIC.hex()}}
    seeds = [join_parts([json.dumps(tree).encode() for tree in (station, given)])]

    def read(case: bytes) -> Any:
        parts = [*split_parts(case), b"", b""]
        folder.path.write_bytes(parts[0])
        certificate.write_bytes(parts[1])
        found: list[Any] = []
        refused = 0
        for reading in (
            lambda: read_issue_station(folder.path),
            lambda: read_station(folder.path, certificate),
            lambda: read_signers(certificate),
        ):
            try:
                found.append(reading())
            except CounterError as error:
                must(SIGNER_SEED.hex() not in str(error), "a key in an error")
                refused += 1
                found.append(None)
        if refused == len(found):
            raise CounterError("all three are refused")
        return found

    def check(case: bytes, found: Any) -> None:
        issuing, selling, signers = found
        if issuing is not None:
            must(all(len(key) == 16 for key in issuing.masters.values()), "a key of another size")
            must(0 <= issuing.device < 1 << 20 and 0 <= issuing.epoch < 64, "no such device")
            must(
                0 <= issuing.cluster <= 0xFFFF and 0 <= issuing.generation < 256, "no such cluster"
            )
        must(selling is None or len(selling.certified) == CERTIFIED_BYTES, "another certificate")
        must(signers is None or all(0 <= a <= 255 for a in signers), "no such authority")

    work = Work(read, (CounterError,), seeds, (in_parts(*TREE), in_parts(*TREE), *TREE), check)
    work.close, work.memory_max = folder.folder.cleanup, 1 << 20
    return work


def issue_register_work() -> Work:
    """The register of a batch: what it has of a card is its newest row, and no number is twice."""
    folder = Folder("batch.toml")
    folder.path.write_bytes(BATCH)
    batch = read_batch(folder.path)
    head = MAGIC + batch.digest()
    rows = [
        {"uid": bytes([4, n, 1, 2, 3, 4, 5]), "layout": 1, "state": state, "authority": 244,
         "serial": 1000 + n, "batch": 17, "device": 11, "limit": 30000}
        for n, state in enumerate((STATE_VERIFIED, STATE_SPOILT, 1, 3))
    ]  # fmt: skip
    whole = head + b"".join(bytes(ISSUE.pack(row)) for row in rows)
    read = _registered(folder, "batch.issues", lambda path: IssueRegister(path, batch))

    def check(case: bytes, register: Any) -> None:
        serial = register.next_serial()
        must(serial is None or batch.first_serial <= serial <= batch.last_serial, "no such number")
        must(serial not in {row["serial"] for row in register.rows()}, "a number is given twice")
        must(register.cut_bytes < ROW_BYTES, "a whole row is cut away")

    def field(case: bytes, prng: Prng, work: Work) -> bytes:
        """Put a field of one row to its edge."""
        count = max(1, len(case) // ROW_BYTES)
        return in_fields(ISSUE, at=ROW_BYTES * prng.below(count))(case, prng, work)

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        return head + case[len(head) :]

    seeds = [whole, head, head + whole[ROW_BYTES + 64 :], b""]
    work = Work(read, (CounterError, LayoutError), seeds, (field, field, *BYTES), check, repair)
    work.close, work.memory_max = folder.folder.cleanup, 1 << 20
    return work


def ticket_register_work() -> Work:
    """The register of sold single tickets: no serial is sold twice."""
    folder = Folder("unused")
    rows = [
        {"sale": f"s{n}", "code": code({**TICKET, "serial": n}, SELLER).decode(), "channel": "desk",
         "time": 200_000_000 + n}
        for n in (9, 10, 12)
    ]  # fmt: skip
    seed = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    device = TICKET["device"]
    read = _registered(folder, "sales.jsonl", lambda path: TicketRegister(path, device))

    def check(case: bytes, register: Any) -> None:
        must(register.next_serial >= 1 and len(register.rows) <= case.count(b"\n"), "other rows")

    def tree(case: bytes, prng: Prng, work: Work) -> bytes:
        """Change one line as JSON."""
        lines = case.split(b"\n")
        at = prng.below(len(lines))
        lines[at] = TREE[prng.below(len(TREE))](lines[at], prng, work)
        return b"\n".join(lines)

    work = Work(read, (CounterError,), [seed], (tree, tree, *TEXT, *BYTES), check)
    work.close, work.memory_max, work.lines_max = folder.folder.cleanup, 1 << 20, 100_000
    return work


def _registered(folder: Folder, name: str, open_it: Callable[[Path], Any]) -> Any:
    """Return a read that opens a case as a register, and closes it again."""
    path = folder.path.parent / name

    def read(case: bytes) -> Any:
        path.write_bytes(case)
        register = open_it(path)
        register.close()
        return register

    return read
