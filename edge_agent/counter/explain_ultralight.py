"""An Ultralight: pages, locks, OTP, counter, AUTH of anybody's; every field of our tourist ticket.

Source: SPEC.md section 5 (rules ULC-1..ULC-6); MF0ICU2 data sheet rev 3.3 for locks and AUTH.
The slot that counts is told by the counter's parity; its MAC needs the ticket's key, which is not
here, so a slot is called valid by its number and never proved.
"""

from card_layouts.cards.tourist_sale import (
    AUTH0_CLOSED,
    LOCK_HIGH,
    LOCK_LOW,
    PAGE_LOCK_HIGH,
    SIGNATURE_BYTES,
)
from card_layouts.cards.tourist_ticket import COUNTER_MAX, TICKET_LAYOUT, VOID
from card_layouts.cards.ulc_layout import (
    PAGE_AUTH0,
    PAGE_AUTH1,
    PAGE_COUNTER,
    PAGE_HEADER,
    PAGE_OTP,
    PAGE_SIGNATURE,
    PAGE_SLOT_A,
    PAGE_SLOT_B,
    ULC_HEADER,
    ULC_SLOT,
)
from card_layouts.cards.ultralight_c import counter_of
from edge_agent.counter.card_contents import ULTRALIGHT_C_PAGES, UltralightCard
from edge_agent.counter.explain_fields import at_minute, cents, explain_layout, on_day, zones
from edge_agent.counter.explain_page import HOLDS, OPEN, WRONG, Row, Section, printable
from edge_agent.counter.explain_words import NOT_KNOWN

SLOT_MASK = 31
AUTH0_OPEN = 0x30


def explain_ultralight(card: UltralightCard) -> list[Section]:
    """Return the sections of an Ultralight; those of a ticket first if it is ours."""
    parts = [_card(card)]
    if is_ticket(card):
        parts = [_summary(card), _card(card), _header(card), *_slots(card), _signature(card)]
    if len(card.pages) in (ULTRALIGHT_C_PAGES, ULTRALIGHT_C_PAGES - 4):
        parts.append(_counter_and_auth(card))
    return [*parts, _locks(card), _pages(card)]


def is_ticket(card: UltralightCard) -> bool:
    """Return whether it looks like a tourist ticket of ours: layout 1 and AUTH0 from the OTP on.

    No proof: that is the signature's or the slot MAC's business.
    """
    header, auth0 = card.span(PAGE_HEADER, 3), card.page(PAGE_AUTH0)
    if header is None or len(card.pages) < ULTRALIGHT_C_PAGES - 4:
        return False
    closed = auth0 is None or auth0[0] == AUTH0_CLOSED
    return closed and int(ULC_HEADER.get(header, "layout")) == TICKET_LAYOUT


def _card(card: UltralightCard) -> Section:
    section = Section("Card", "SPEC.md section 5" if is_ticket(card) else "pages 0..3")
    uid = "" if card.uid is None else card.uid.hex()
    section.add("uid", uid, "7 bytes" if uid else NOT_KNOWN)
    section.add("model", "", f"{card.model or 'Ultralight family'}, {len(card.pages)} pages")
    known = sum(page is not None for page in card.pages)
    if known < len(card.pages):
        section.add("pages known", "", f"{known} of {len(card.pages)}")
    if is_ticket(card):
        section.add("kind", "", "tourist ticket of this scheme, by its layout number; not proved")
    for note in card.notes:
        section.remark(OPEN, note)
    return section


def _summary(card: UltralightCard) -> Section:
    section = Section("What this ticket says", "rules ULC-1..ULC-6", derived=True)
    header_bytes, otp, counter = card.span(PAGE_HEADER, 3), card.page(PAGE_OTP), _counter(card)
    assert header_bytes is not None, "a ticket has a header"
    header = ULC_HEADER.unpack(header_bytes)
    days = f"{header['days']} days from the first tap" if header["days"] else "an event"
    section.add("ticket", "", f"product {header['product']}, {days}, {zones(header['zones'])}")
    sold, last = on_day(header["sold"]), on_day(header["activate_by"])
    section.add("sold", "", f"{sold} for {cents(header['price'])}; first tap until {last}")
    if counter is None:
        section.add("state", "", "counter not read")
        return section
    start, tapped = _times(card, counter)
    if otp is not None and otp[0] & VOID:
        section.add("state", "", "VOID: taken back")
    elif counter == 0:
        section.add("state", "", "not sold")
    elif counter >= COUNTER_MAX:
        section.add("state", "", "used up: the counter can count no further")
    elif start:
        until = at_minute(start + header["days"] * 1440) if header["days"] else last
        section.add("state", "", f"in use since {at_minute(start)}; taps: {counter - 1}")
        section.add("last tap", "", at_minute(tapped))
        section.add("ends", "", f"{until}, where the tariff does not count service days")
    else:
        section.add("state", "", "sold, never tapped")
    section.remark(OPEN, "MAC and signature are not checked here: that needs keys")
    return section


def _times(card: UltralightCard, counter: int) -> tuple[int, int]:
    """Return the minutes of first and last tap, 0 for never, by the slot that counts."""
    data = card.span(PAGE_SLOT_B if counter & 1 else PAGE_SLOT_A, 3)
    if data is None:
        return 0, 0
    slot = ULC_SLOT.unpack(data)
    start = slot["start"] * 5
    return start, start + slot["last"]


def _header(card: UltralightCard) -> Section:
    section = Section("Ticket header (pages 4..6)", "SPEC.md section 5, table ULC_HEADER")
    header = card.span(PAGE_HEADER, 3)
    assert header is not None, "a ticket has a header"
    explain_layout(section, ULC_HEADER, header)
    otp = card.page(PAGE_OTP)
    if otp is not None:
        void = "VOID: taken back" if otp[0] & VOID else "not void"
        reissues = (int.from_bytes(otp[:2], "big") >> 7 & 0xFF).bit_count()
        section.rows.append(Row("otp", otp.hex(), f"{void}, {reissues} reissues", "page 3"))
    return section


def _slots(card: UltralightCard) -> list[Section]:
    counter = _counter(card)
    parts = []
    for name, page, parity in (("A", PAGE_SLOT_A, 0), ("B", PAGE_SLOT_B, 1)):
        data = card.span(page, 3)
        section = Section(f"Slot {name} (pages {page}..{page + 2})", "table ULC_SLOT", 2)
        if data is None:
            section.remark(OPEN, "not read")
        else:
            values = explain_layout(section, ULC_SLOT, data)
            if counter is not None:
                section.remark(*_slot_state(values["n"], any(data), counter, parity))
        parts.append(section)
    return parts


def _slot_state(n: int, written: bool, counter: int, parity: int) -> tuple[str, str]:
    """Return what ULC-1 says of a slot, MAC left aside."""
    if counter == 0:
        return OPEN, "counter 0: not sold, no slot counts [ULC-3]"
    if counter & 1 == parity:
        if n == counter & SLOT_MASK:
            return HOLDS, f"the valid slot: counter {counter} is mod 32 its n [ULC-1]"
        return WRONG, f"this slot should be valid: counter {counter}, but its n is {n} [ULC-1]"
    if not written:
        return HOLDS, "empty: the next tap writes it [ULC-1]"
    if n == counter + 1 & SLOT_MASK:
        return OPEN, f"prepared for counter {counter + 1}, not committed: does not count [ULC-1]"
    return HOLDS, "of an earlier tap, does not count; the next tap writes it [ULC-1]"


def _signature(card: UltralightCard) -> Section:
    section = Section("Signature (pages 7..22)", "ULC-4, ULC-6", 2)
    data = card.span(PAGE_SIGNATURE, SIGNATURE_BYTES // 4)
    if data is None:
        section.remark(OPEN, "not read")
    elif any(data):
        section.data = data
        section.remark(OPEN, "Ed25519 over UID and header; checking it needs the issuer's key")
    else:
        section.remark(HOLDS, "none: the ticket needs its key for reading too")
    return section


def _counter(card: UltralightCard) -> int | None:
    page = card.page(PAGE_COUNTER)
    return None if page is None else int(counter_of(page))


def _counter_and_auth(card: UltralightCard) -> Section:
    section = Section("Counter and key (pages 41..47)", "Ultralight C")
    counter = _counter(card)
    if counter is None:
        section.add("counter", "", NOT_KNOWN, "page 41")
    else:
        words = {0: "0: never counted", COUNTER_MAX: "65535: used up"}.get(counter, str(counter))
        if is_ticket(card):
            words = {0: "0: not sold", 1: "1: sold, never tapped"}.get(counter, words)
        section.add("counter", f"{counter:04x}", words, "page 41")
    auth0, auth1 = card.page(PAGE_AUTH0), card.page(PAGE_AUTH1)
    if auth0 is None:
        section.add("AUTH0", "", NOT_KNOWN, "page 42")
    else:
        first = auth0[0]
        words = "no page needs the key" if first >= AUTH0_OPEN else f"from page {first} on"
        section.add("AUTH0", f"{first:02x}", words, "page 42")
    if auth1 is None:
        section.add("AUTH1", "", NOT_KNOWN, "page 43")
    else:
        words = "anybody reads, the key writes" if auth1[0] & 1 else "the key reads and writes"
        section.add("AUTH1", f"{auth1[0]:02x}", words, "page 43")
    section.add("key", "", "3DES, 16 bytes; no card ever shows it", "pages 44-47")
    return section


def _locks(card: UltralightCard) -> Section:
    section = Section("Locks (page 2, page 40)", "MF0ICU2 figures 6 and 7")
    low, high = card.page(2), card.page(PAGE_LOCK_HIGH)
    has_high = len(card.pages) >= ULTRALIGHT_C_PAGES - 4 and "NTAG" not in card.model
    if low is not None:
        section.add("lock 0, 1", low[2:].hex(), _page_words(low_locked(low[2:])), "page 2")
        frozen = [name for bit, name in _FREEZE_LOW if low[2] >> bit & 1]
        section.add("frozen", f"{low[2] & 7:x}", ", ".join(frozen) or "nothing", "bits 0-2")
    if has_high and high is not None:
        section.add("lock 2, 3", high[:2].hex(), _page_words(high_locked(high[:2])), "page 40")
    elif has_high:
        section.add("lock 2, 3", "", NOT_KNOWN, "page 40")
    if is_ticket(card) and low is not None and high is not None:
        section.check(
            low[2:] == LOCK_LOW and high[:2] == LOCK_HIGH,
            "locked for good as a sold ticket must be [ULC-5]",
            f"wanted {LOCK_LOW.hex()} and {LOCK_HIGH.hex()}: the sale was not finished [ULC-5]",
        )
    return section


_FREEZE_LOW = ((0, "lock of the OTP"), (1, "locks of pages 4..9"), (2, "locks of pages 10..15"))
_HIGH_NAMES = ((4, "counter"), (5, "AUTH0"), (6, "AUTH1"), (7, "key"))


def low_locked(two: bytes) -> list[str]:
    """Return what lock bytes 0 and 1 make read-only: one bit a page, OTP first."""
    bits = int.from_bytes(two, "little")
    return ["OTP" if page == 3 else str(page) for page in range(3, 16) if bits >> page & 1]


def high_locked(two: bytes) -> list[str]:
    """Return what lock bytes 2 and 3 make read-only: four pages a bit, then the special pages."""
    groups = [(16 + 4 * i, 1 + i) for i in range(3)] + [(28 + 4 * i, 5 + i) for i in range(3)]
    found = [f"{page}..{page + 3}" for page, bit in groups if two[0] >> bit & 1]
    return found + [name for bit, name in _HIGH_NAMES if two[1] >> bit & 1]


def _page_words(locked: list[str]) -> str:
    if not locked:
        return "nothing is read-only"
    pages = [int(name) for name in locked if name.isdigit()]
    if len(pages) > 2 and pages[-1] - pages[0] == len(pages) - 1:
        others = [name for name in locked if not name.isdigit()]
        locked = [*others, f"pages {pages[0]}..{pages[-1]}"]
    return f"read-only: {', '.join(locked)}"


def _pages(card: UltralightCard) -> Section:
    """Return all pages; pages in a row that are 0 or not known share a line."""
    section = Section("Pages")
    at = 0
    while at < len(card.pages):
        four = card.pages[at]
        end = at + 1
        while four in (None, bytes(4)) and end < len(card.pages) and card.pages[end] == four:
            end += 1
        name = f"page {at}" if end == at + 1 else f"pages {at}-{end - 1}"
        if four is None:
            section.add(name, "", NOT_KNOWN)
        else:
            section.add(name, four.hex(" "), printable(four) if any(four) else "zero")
        at = end
    return section
