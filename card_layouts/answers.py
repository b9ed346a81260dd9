"""Every way a tap can end: the closed list a validator, a screen and a report share.

1..24 are the reasons of a refusal and have the numbers of REFUSAL.reason; above them nothing was
refused. A lamp is green, amber (do something and try again) or red. Texts are what the passenger
reads in English; other languages translate by NAME.

Source: trust.md 4.2 "Message"; SPEC.md REFUSAL.reason; house-style.md section 7.
"""

ACCEPTED = 32  # committed now: the fare, or a transfer
ACCEPTED_GRACE = 33  # committed by this device some seconds ago: nothing charged again
ACCEPTED_SETTLED = 34  # an unfinished tap turned out to be committed: nothing charged again
ALREADY_SHOWN = 35  # the same, and green was shown for it: nothing opens twice
LOADED = 36  # a load or another action is on the card
LOADED_BEFORE = 37  # the order was on the card already
TAP_AGAIN = 48  # nothing happened: the card was away before the commit
HOLD_AGAIN = 49  # nobody knows yet: the same card, here or anywhere, settles it
ACTION_ORDER = 50  # the card waits for another action first
LOAD_AGAIN = 51  # as HOLD_AGAIN, of a load that waited for the card: its fare was not begun
NOT_LOADED = 52  # another action took the order's number: it was not carried out and never will be
ASK_LEDGER = 53  # the order's number was used too long ago for the card to tell by what
# Of a code on paper or a phone; what it shares with a card has the reasons above.
CODE_UNREADABLE = 56  # not a whole code of ours: scan again
CODE_FORGED = 57
CODE_EARLY = 58
CODE_ENDED = 59
CODE_ZONE = 60
CODE_LINE = 61
CODE_AUTHORITY = 62
CODE_USED = 63  # accepted by this device before: on this trip, or within its time

GREEN, AMBER, RED = "green", "amber", "red"

# Rows of four: code, NAME, lamp, text.
# fmt: off
ANSWERS = (
    1, "REFUSED_FUNDS", RED, "Not enough money on the card. Top up, please.",
    2, "REFUSED_BLOCKED", RED, "This card is blocked. Ask at the counter.",
    3, "REFUSED_LISTED", RED, "This card is blocked. Ask at the counter.",
    4, "REFUSED_KILLED", RED, "This card is no longer valid.",
    5, "REFUSED_LEASE", RED, "Out of service. Use another validator.",
    6, "REFUSED_NEVER_SEEN", RED, "This card is not known here. Ask at the counter.",
    7, "REFUSED_TARIFF", RED, "Out of service. Use another validator.",
    8, "REFUSED_NO_PRODUCT", RED, "No valid product on the card.",
    9, "REFUSED_CARD_EXPIRED", RED, "The card has expired. Ask at the counter.",
    10, "REFUSED_AUTHORITY", RED, "This card is not valid in this area.",
    11, "REFUSED_UNKNOWN_LAYOUT", RED, "Go to the counter with this card.",
    12, "REFUSED_TWO_CARDS", AMBER, "Present one card.",
    13, "REFUSED_CARD_LOST", AMBER, "Not finished. Tap again.",
    14, "REFUSED_CARD_ERROR", AMBER, "Card not readable. Tap again.",
    15, "REFUSED_NOT_GENUINE", RED, "This is not a card of this scheme.",
    16, "REFUSED_JOURNAL_FULL", RED, "Out of service. Use another validator.",
    17, "REFUSED_CLOCK_UNSET", RED, "Out of service. Use another validator.",
    18, "REFUSED_PASS_BACK", RED, "This card was just used.",
    19, "REFUSED_NO_PRICE", RED, "No price for this journey. Ask the driver.",
    20, "REFUSED_OPEN_INTENTS", AMBER, "Wait a moment and tap again.",
    21, "REFUSED_COUNTER_END", RED, "This card is used up. Ask at the counter.",
    22, "REFUSED_NO_SHIFT", RED, "Out of service. Use another validator.",
    23, "REFUSED_TIME", RED, "Not valid at this time.",
    24, "REFUSED_LIMIT", RED, "The amount is above the limit.",
    25, "REFUSED_NO_PLACE", RED, "No place for another product on the card.",
    ACCEPTED, "ACCEPTED", GREEN, "Have a good journey.",
    ACCEPTED_GRACE, "ACCEPTED_GRACE", GREEN, "Already paid. Have a good journey.",
    ACCEPTED_SETTLED, "ACCEPTED_SETTLED", GREEN, "Already paid. Have a good journey.",
    ALREADY_SHOWN, "ALREADY_SHOWN", GREEN, "Already paid.",
    LOADED, "LOADED", GREEN, "Done. The card may be taken.",
    LOADED_BEFORE, "LOADED_BEFORE", GREEN, "Already on the card.",
    TAP_AGAIN, "TAP_AGAIN", AMBER, "Not finished. Tap again.",
    HOLD_AGAIN, "HOLD_AGAIN", AMBER,
    "Not finished - hold the same card again. You will not be charged twice.",
    ACTION_ORDER, "ACTION_ORDER", RED, "Another top-up must be loaded first.",
    LOAD_AGAIN, "LOAD_AGAIN", AMBER, "Top-up not finished - hold the card again.",
)
# Apart, for a board needs them only while it looks at a code; or never, at a counter.
STATION_ANSWERS = (
    NOT_LOADED, "NOT_LOADED", RED, "Not loaded: another top-up came first. Void this sale.",
    ASK_LEDGER, "ASK_LEDGER", RED, "Not known here. Ask the office before paying out.",
)
CODE_ANSWERS = (
    CODE_UNREADABLE, "CODE_UNREADABLE", AMBER, "Not a ticket, or not readable. Show it again.",
    CODE_FORGED, "CODE_FORGED", RED, "This ticket is not genuine.",
    CODE_EARLY, "CODE_EARLY", RED, "This ticket is not valid yet.",
    CODE_ENDED, "CODE_ENDED", RED, "The time of this ticket has ended.",
    CODE_ZONE, "CODE_ZONE", RED, "This ticket is not valid in this zone.",
    CODE_LINE, "CODE_LINE", RED, "This ticket is not valid on this line.",
    CODE_AUTHORITY, "CODE_AUTHORITY", RED, "This ticket is not valid in this area.",
    CODE_USED, "CODE_USED", RED, "This ticket was already used here.",
)
# fmt: on
ROW = 4

# REFUSAL.mode, INTENT.mode ...: degraded modes in force.
MODE_CLOCK_UNSET = 1
MODE_LEASE_ENDED = 2
MODE_TARIFF_EXPIRED = 4
MODE_HOTLIST_OLD = 8
MODE_JOURNAL_FULL = 16
MODE_PRINTER_OUT = 32
MODE_READER_DEAD = 64
MODE_GATE_RELEASED = 128


def _said(code, column):
    rows = ANSWERS
    if code >= NOT_LOADED:
        rows = CODE_ANSWERS if code >= CODE_UNREADABLE else STATION_ANSWERS
    for i in range(0, len(rows), ROW):
        if rows[i] == code:
            return rows[i + column]
    raise KeyError(code)


def name_of(code):
    """Return the NAME of an answer. Raises: KeyError for a code that is not on the list."""
    return _said(code, 1)


def lamp_of(code):
    """Return the lamp of an answer: green, amber or red."""
    return _said(code, 2)


def text_of(code):
    """Return what the passenger reads, in English."""
    return _said(code, 3)


def opens(code):
    """Return whether a gate opens on this answer: only on a commit that is known (I14)."""
    return code in (ACCEPTED, ACCEPTED_GRACE, ACCEPTED_SETTLED)


def unfinished(code):
    """Return whether the reader should look for the same card again at once (300 ms)."""
    return code in (HOLD_AGAIN, LOAD_AGAIN)
