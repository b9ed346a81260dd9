"""Seeds, repairs and rules of a single ticket's 2D code."""

from typing import Any

from card_layouts.codec import base45
from card_layouts.tickets.single import (
    CERTIFICATE,
    CERTIFICATE_AT,
    CERTIFICATE_BYTES,
    CODE_BYTES,
    MARK,
    SINGLE,
    SINGLE_BYTES,
    encode_code,
    pack_single,
)
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.mutation import BYTES, fixed, in_fields
from simulator.fuzzing.target import Work, must
from simulator.fuzzing.text import TEXT
from simulator.prng import Prng

SELLER = {"layout": 1, "kind": 1, "authority": 244, "device": 4711, "number": 3,
          "from_day": 2300, "until_day": 2320, "public": bytes(range(32))}  # fmt: skip
TICKET = {"authority": 244, "device": 4711, "serial": 9, "certificate": 3, "product": 1,
          "zones": 0x6000, "start_zone": 1, "line": 17, "from_minute": 2310 * 1440, "minutes": 90,
          "group0": 0, "count0": 2, "group1": 1, "count1": 1, "price": 750}  # fmt: skip


def base45_work() -> Work:
    """Base45: one text a byte string."""
    plain = [b"", b"\0", b"\xff\xff", b"AB", b"Hello!!", bytes(range(60))]
    seeds = [base45.encode(data).encode() for data in plain]

    def check(case: bytes, value: bytes) -> None:
        must(base45.encode(value).encode() == case, "not canonical: two texts of the same bytes")

    words = (b"GGW", b":::", b"FGW", b"U5", b"::")
    return shared_work("base45", seeds, operations=(*BYTES, *TEXT), words=words, check=check)


def code_work() -> Work:
    """A code: ticket and certificate name one seller, and every field is one that is sold."""
    plain = code(TICKET, SELLER)
    event = code({**TICKET, "zones": 0xFFFF, "line_only": 1, "count0": 63, "count1": 0,
                   "group1": 0, "minutes": 2047}, {**SELLER, "kind": 2})  # fmt: skip
    change = (
        fixed(in_fields(SINGLE), in_fields(CERTIFICATE, at=CERTIFICATE_AT), *BYTES,
              size=CODE_BYTES),
    )  # fmt: skip

    def inside(case: bytes, prng: Prng, work: Work) -> bytes:
        """Change the bytes that the text stands for; the text stays one."""
        try:
            data = base45.decode(case[len(MARK) :].decode())
        except ValueError:
            return case
        for _ in range(1 + prng.below(2)):
            data = change[0](data, prng, work)
        return (MARK + base45.encode(data)).encode()

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        """Let the certificate name the ticket's seller again."""
        try:
            data = bytearray(base45.decode(case[len(MARK) :].decode()))
        except ValueError:
            return case
        if len(data) != CODE_BYTES:
            return case
        ticket = SINGLE.unpack(data)
        for name, other in (("authority", "authority"), ("device", "device"),
                            ("number", "certificate")):  # fmt: skip
            CERTIFICATE.put(data, name, ticket[other], CERTIFICATE_AT)
        return (MARK + base45.encode(bytes(data))).encode()

    def check(case: bytes, value: Any) -> None:
        ticket, seller, lines, _days, _answers = value
        must(sum(count for _group, count in lines) == ticket["heads"], "heads are not its lines")
        must(seller["device"] == ticket["device"], "another seller's certificate")
        data = base45.decode(case[len(MARK) :].decode())
        fields = {name: field for name, field in ticket.items() if name != "heads"}
        must(SINGLE.unpack(SINGLE.pack(fields)) == fields, "the fields do not pack again")
        end = CERTIFICATE_AT + CERTIFICATE_BYTES
        must(CERTIFICATE.unpack(data[CERTIFICATE_AT:end]) == seller, "another certificate")
        must(len(data[:SINGLE_BYTES]) == SINGLE_BYTES, "a ticket of another size")

    operations = (inside, inside, inside, *BYTES, *TEXT)
    return shared_work("code", [plain, event], operations=operations, repair=repair, check=check)


def code(ticket: dict[str, int], seller: dict[str, Any]) -> bytes:
    certified = CERTIFICATE.pack(seller) + bytes(64)
    return str(encode_code(pack_single(ticket), bytes(64), certified)).encode()
