"""Seeds, repairs and rules of what lies on a board's flash, and of the short texts it is sent."""

from binascii import crc32
from typing import Any

from card_layouts.codec.bits import Layout
from card_layouts.crypto.kdf import block_key
from card_layouts.packages.hotlist_builder import build_base
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.packages.manifest import HOTLIST, MANIFEST, seal_envelope
from card_layouts.records.entries import CONFIG, INTENT, OUTCOME
from card_layouts.records.entries_device import CONFIG as CONFIG_FIELDS
from card_layouts.records.entries_tap import INTENT as INTENT_FIELDS
from card_layouts.records.entries_tap import OUTCOME as OUTCOME_FIELDS
from card_layouts.records.slot import BLOCK_HEADER, HEADER_PAGE, SLOT_BYTES, SLOT_HEADER
from firmware.journal import Journal
from firmware.journal_provision import provision
from firmware.package_slots import SLOT_HEAD, SlotWriter
from simulator.flash import BLOCK_BYTES, Flash
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.mutation import BYTES, in_fields, in_parts
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.shared.sealed import KEY, UIDS
from simulator.fuzzing.shared.storage import BLOCKS, DEVICE, EPOCH, SLOT_BLOCKS
from simulator.fuzzing.target import Work, must
from simulator.fuzzing.text import TEXT
from simulator.prng import Prng

TAKES_ENTRIES = (0, 5, 29, 31, 62, 80)  # entries of the rings in the corpus


def ring(entries: int, first_seq: int = 1, acknowledged: bool = True) -> bytes:
    """Return a ring as the firmware writes it, a part a block."""
    flash = Flash(BLOCKS * BLOCK_BYTES)
    provision(flash, 0, BLOCKS, DEVICE, EPOCH, block_key(KEY * 2), first_seq)
    journal = Journal(flash, 0, BLOCKS).mount()
    for number in range(entries):
        kind, payload = _entry(number, journal.head_seq)
        if acknowledged and number % 20 == 19:
            _acknowledge(journal)
        journal.append(kind, payload)
    return blocks_of(flash.snapshot())


def _entry(number: int, head_seq: int) -> tuple[int, bytes]:
    # In the place of an outcome now and then, so that a few intents stay open.
    if number % 10 == 4 or number % 30 == 9:
        return CONFIG, CONFIG_FIELDS.pack({"role": 5, "result": 1, "new": number, "time": number})
    if number % 2:
        return OUTCOME, OUTCOME_FIELDS.pack({"of": head_seq, "outcome": 1 + number % 3})
    return INTENT, INTENT_FIELDS.pack({"uid": bytes([4, number, 1, 2, 3, 4, 5])})


def _acknowledge(journal: Any) -> None:
    ack = {"device": DEVICE, "epoch": EPOCH, "seq": journal.head_seq, "H": journal.H}
    journal.acknowledge({**ack, "incarnation": 1, "time": 7})


def blocks_of(image: bytes) -> bytes:
    """Return the parts of an image: what is blank behind a block's content is left out."""
    rows = range(0, len(image), BLOCK_BYTES)
    return join_parts([image[at : at + BLOCK_BYTES].rstrip(b"\xff") for at in rows])


def journal_work() -> Work:
    """Any flash at all: the ring mounts, or is damaged, and keeps what it then takes."""
    seeds = [ring(n) for n in TAKES_ENTRIES] + [ring(70, first_seq=900)]
    in_page, in_slot = in_fields(BLOCK_HEADER), in_fields(SLOT_HEADER, at=HEADER_PAGE)

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        """Make pages and slots right by their CRC; seals stay wrong where they were changed."""
        return join_parts([_whole(part, prng.below(2)) for part in split_parts(case)])

    operations = (in_parts(*BYTES), in_parts(in_page), in_parts(in_page, in_slot), *BYTES)
    work = shared_work("journal", seeds, operations=operations, repair=repair)
    work.lines_max = 400_000
    return work


def _whole(part: bytes, keys: int) -> bytes:
    """Return a block whose page and slots have right CRCs; `keys`: those of the keys too."""
    out = bytearray(part)
    if len(out) >= 213:
        out[209:213] = crc32(out[:209]).to_bytes(4, "big")
    if keys and len(out) >= 233:
        out[229:233] = crc32(out[213:229]).to_bytes(4, "big")
    for at in range(HEADER_PAGE, len(out) - SLOT_BYTES + 1, SLOT_BYTES):
        if out[at] == 0x54:
            out[at + 124 : at + 128] = crc32(out[at : at + 124]).to_bytes(4, "big")
    return bytes(out)


def packages_work() -> Work:
    """Any flash at all where packages lie."""
    seeds = [_installed([1]), _installed([1, 2]), _installed([9, 5])]
    head = Layout("head and manifest", 76, (*SLOT_HEAD.fields, *MANIFEST.fields))

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        """Seal envelopes and heads again."""
        parts = split_parts(case)
        for at in range(0, len(parts), SLOT_BLOCKS):
            out = bytearray(parts[at].ljust(512, b"\xff"))
            end = min(12 + (out[4] << 8 | out[5]), 508)
            if end > 28:
                clear = bytes(out[12 : end - 16])
                out[12:end] = clear + _mac(clear)
            out[end : end + 4] = crc32(out[:end]).to_bytes(4, "big")
            parts[at] = bytes(out)
        return join_parts(parts)

    operations = (in_parts(*BYTES), in_parts(in_fields(head)), *BYTES)
    return shared_work("packages", seeds, operations=operations, repair=repair)


def _mac(clear: bytes) -> bytes:
    from simulator.fuzzing.sealed_targets import mac

    return mac(clear)


def _installed(versions: list[int]) -> bytes:
    flash = Flash(2 * SLOT_BLOCKS * BLOCK_BYTES)
    for at, version in enumerate(versions):
        body = build_base(version, [(UIDS[0], HOT_BLOCK, 2)])
        fields = {"layout": 1, "role": HOTLIST, "version": version, "size": len(body)}
        envelope = seal_envelope(MANIFEST.pack(fields), [(b"key1", bytes(64))], KEY)
        writer = SlotWriter(flash, at * SLOT_BLOCKS * BLOCK_BYTES, len(body))
        writer.write(body)
        writer.switch(envelope, version)
    return blocks_of(flash.snapshot())


def vehicle_work() -> Work:
    """Messages of the vehicle: every number fits an entry of the journal."""
    seeds = [b"place 17 3 0 12", b"place 1023 -1 -1 -1", b"zones 24576", b"party 2 1 0", b"docked"]
    words = (b"place", b"zones", b"party", b"-1", b"1048574", b"32767", b"1_0", b"+1", b"\x1c",
             b"\xc2\xb2", b"0" * 40, b"9" * 30, b"\x0b", b"\xc2\xa0", b"-0", b" ")  # fmt: skip

    def check(case: bytes, value: Any) -> None:
        if value is None:
            return
        values, profile = value
        said = case.split()
        must(len(said) == len(values) + 1, "another count of words")
        for text, number in zip(said[1:], values.values(), strict=True):
            must(int(text) == number and -1 <= number < 1 << 20, "another number")
        must(not {"picked", "adults", "youths", "children"} & set(profile), "a choice stays")

    return shared_work("vehicle", seeds, operations=(*BYTES, *TEXT), words=words, check=check)


def card_number_work() -> Work:
    """Printed numbers: the check digit is right."""
    seeds = [b"244 12345678 8", b"000000000000", b"255-99999999-0", b"244123456788"]

    def check(case: bytes, value: Any) -> None:
        authority, serial = value
        must(0 <= authority <= 255 and 0 <= serial < 10**8, "no number of ours")
        digits = "".join(chr(b) for b in case if chr(b) not in " -")
        total = 0
        for at, digit in enumerate(reversed(digits)):
            twice = int(digit) * (1 + at % 2)
            total += twice - 9 * (twice > 9)
        must(total % 10 == 0 and len(digits) == 12, "a wrong check digit was taken")

    def repair(case: bytes, prng: Prng, work: Work) -> bytes:
        digits = [b for b in case if 48 <= b < 58][:11]
        body = bytes(digits) + b"0" * (11 - len(digits))
        return body + bytes([48 + prng.below(10)])

    operations = (*BYTES, *TEXT)
    return shared_work("card-number", seeds, operations=operations, check=check, repair=repair)
