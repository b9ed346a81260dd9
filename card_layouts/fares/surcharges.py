"""The night fee and its like: at most two a book, part of every offer (M9).

A surcharge is asked only if all readings of the clock are inside its window (X-13). Both may hold
at once; then they add up and the number is the first one's.
Source: tariff-model.md section 3.2, step 7; W-39, W-40.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.clock import first_bit, window
from card_layouts.fares.package import u16


def surcharge(t, book, kind, persons, boarding, paid):
    """Return the cents asked on top; sets `surcharge_number`, `surcharge_fair` and
    `surcharge_once`, 1 if it is not asked again in this journey.

    Shape: `kind` ON_PURSE, ON_TICKET or ON_PASS; `persons` of the offer, of which `boarding` begin
    a journey here (all of them in a new one); `paid` 1 if the journey's surcharge was paid before.
    """
    r = t.resident
    book_at = t.books_at + 32 * book
    no_surcharge(t)
    cents = 0
    for i in range(r[book_at + s.BOOK_SURCHARGES]):
        at = t.surcharges_at + 8 * (r[book_at + s.BOOK_SURCHARGE] + i)
        if not r[at + 3] & kind:
            continue
        flags = r[at + 4]
        heads = persons
        if boarding < persons:
            again = flags & s.SURCHARGE_ON_TRANSFER and not (flags & s.SURCHARGE_ONCE and paid)
            if not again:
                # The journey goes on without it; whoever boards only now has not paid it yet.
                heads = boarding if flags & s.SURCHARGE_PER_PERSON else 0
        if not flags & s.SURCHARGE_PER_PERSON and heads:
            heads = 1
        if not heads:
            continue
        bits = window(t, r[at + 2])
        if bits == t.valid_bits:
            cents += u16(r, at) * heads
            if not t.surcharge_number:
                t.surcharge_number = i + 1
            if flags & s.SURCHARGE_ONCE:
                t.surcharge_once = 1
        elif bits & 1:
            t.surcharge_fair = first_bit(t.valid_bits & ~bits)
    return cents


def kind_of(product):
    """Return ON_PURSE, ON_PASS or ON_TICKET: a pack is a number of tickets."""
    kind = product[s.P_KIND]
    if kind == s.PRODUCT_PURSE:
        return s.ON_PURSE
    return s.ON_PASS if kind == s.PRODUCT_PASS else s.ON_TICKET


def no_surcharge(t):
    """Say that none was asked."""
    t.surcharge_number = t.surcharge_fair = t.surcharge_once = 0
