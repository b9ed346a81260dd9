"""Is a code good here and now, and is it genuine: the two questions, apart.

The first is cheap and is asked first; the second takes some 260 steps, in which a reader stays
alive. A certificate that was checked before is known by its hash. Answers are answers.py's; 0 is
good. Source: W-50, W-51, D9 (scope bounds copies), X-13 (five minutes in the passenger's favour).
"""

import hashlib

from card_layouts.answers import (
    CODE_EARLY,
    CODE_ENDED,
    CODE_FORGED,
    CODE_LINE,
    CODE_ZONE,
)
from card_layouts.crypto.ed25519 import PUBLIC_BYTES, verify_steps
from card_layouts.fares.clock import SKEW_MINUTES
from card_layouts.tickets.single import (
    CERTIFICATE_AT,
    CERTIFICATE_BYTES,
    SINGLE_BYTES,
    certificate_message,
    single_message,
)

KNOWN_MAX = 4  # certificates a device remembers: its own, and those of the lines it crosses


def refusal(ticket, minute, late_minutes, zones_here, line):
    """Return why a ticket's fields are not good here and now, or 0.

    Units: `minute` since 2020, `late_minutes` the vehicle is behind its timetable. `zones_here` is
    a set in the ticket's own authority, 0 = not known; `line` 0 = not known. Of several readings
    of the clock the kindest counts.
    """
    age = minute - ticket["from_minute"]
    if age < -SKEW_MINUTES:
        return CODE_EARLY
    if age - max(SKEW_MINUTES, late_minutes) > ticket["minutes"]:
        return CODE_ENDED
    if zones_here and not zones_here & ticket["zones"]:
        return CODE_ZONE
    if ticket["line_only"] and line and line != ticket["line"]:
        return CODE_LINE
    return 0


def genuine_steps(data, authority_public, known):
    """Check both signatures of a code's 200 bytes: a generator that ends quietly or with SealError.

    `known` is a list of hashes of certificates that were good; it is kept short.
    """
    end = CERTIFICATE_AT + CERTIFICATE_BYTES
    digest = hashlib.sha256(data[CERTIFICATE_AT:]).digest()
    if digest not in known:
        message = certificate_message(data[CERTIFICATE_AT:end])
        yield from verify_steps(authority_public, message, data[end:])
        if len(known) >= KNOWN_MAX:
            known.pop(0)
        known.append(digest)
    message = single_message(data[:SINGLE_BYTES])
    seller_public = data[end - PUBLIC_BYTES : end]
    yield from verify_steps(seller_public, message, data[SINGLE_BYTES:CERTIFICATE_AT])


def out_of_days(code):
    """Return CODE_FORGED when the ticket begins on a day its seller was not certified for.

    No honest seller makes one: the key outlived its certificate.
    """
    return 0 if code.in_time() else CODE_FORGED
