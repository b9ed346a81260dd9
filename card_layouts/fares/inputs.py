"""What `rate` reads and writes: four flat lists of small integers, and the names of their places.

A device makes each list once (`new_card()` ...) and fills it for every tap, so that nothing is
allocated in the commit window; the ledger, the auditor and the tests fill the same lists. All
values are >= 0 and below 2^30 unless a comment says otherwise. Units: cents; minutes and seconds
since 2020-01-01 UTC; service days since 2020-01-01; zone sets are masks (`cards/zones.py`).

Source: decisions.md D31, D32; tariff-model.md sections 3.1, 3.2 and 8.
"""

# ---- CARD: S, T and the newest G of the card, as loaded by the caller -------------------------
C_ISSUER = 0  # authority that issued the card: its LIAB owns the purse, its numbers name products
C_KIND = 1  # CARD_PERSONAL ... of cards/card_layout.py
C_GROUP = 2  # rider group number, scheme-wide (0..15)
C_GROUP_UNTIL = 3  # last service day of that group, 0 = for ever; then the tariff's next group
C_CONCESSION = 4  # concession code, 0 = none
C_CONCESSION_UNTIL = 5  # last service day of the concession, 0 = for ever
C_BALANCE = 6  # cents this tap may take at most: the smallest of V, device cap and lease
C_PURSE_PRODUCT = 7  # number of the purse product, 0 = no purse
C_PURSE_ZONES = 8  # default zones of the purse (0 none, ZONES_ALL everywhere)
C_PURSE_COMPANIONS = 9  # default number of companions (of the holder's class)
C_SLOT0 = 10  # four slots follow: field f of slot i stands at C_SLOT0 + i * C_SLOT_SIZE + f
C_SLOT_SIZE = 11
SLOTS = 4
# Fields of a slot. S directory:
S_MECHANISM = 0  # M_EMPTY ... of cards/card_layout.py; 0 = the slot is empty
S_PRODUCT = 1
S_ZONES = 2
S_LAST = 3  # last valid day, or the last day to start when S_USAGE and not started; 0 = no limit
S_USAGE = 4  # 1: the T row decides (first use, travel days, trips a day, cap)
# T row of the slot; all 0 when it belongs to an earlier sale (t_k != d_k: the loader zeroes it):
S_START = 5  # service day of first use, 0 = not started
S_LENGTH = 6  # days valid from S_START, inclusive; or so many times P_MINUTES
S_DAY = 7  # last service day counted, 0 = none
S_LEFT = 8  # travel days or rides left
S_TODAY = 9  # trips counted on S_DAY
S_CENTS = 10  # cents left to the cap; of a right by the minute: its end (`clock.end_minute`)
C_CAP_DAY = 54  # service day of C_DAY_SUM
C_DAY_SUM = 55  # cents the purse paid on that day (day cap)
C_CAP_START = 56  # first service day of C_PERIOD_SUM
C_PERIOD_SUM = 57  # cents the purse paid since then (week or month cap)
C_J_AUTHORITY = 58  # book of the open journey, 0 = none
C_J_START_ZONE = 59
C_J_ZONES = 60  # mask paid for
C_J_START_MINUTE = 61  # absolute minutes since 2020
C_J_CHARGED = 62  # cents that those who go on have paid for the journey, without surcharges
C_J_TRANSFERS = 63
C_J_PAID_BY = 64  # PAID_*: 0 purse, 1..4 slot, 5 post-billed
C_J_COMPANIONS = 65  # companions covered
C_J_NIGHT = 66  # 1: the surcharge of this journey is already paid
C_J_TIME = 67  # second of the newest record
C_J_LINE = 68  # line of the newest record
CARD_SIZE = 69

# ---- TAP: where, when and with whom ------------------------------------------------------------
T_SECONDS = 0  # UTC seconds since 2020
T_CLOCK = 1  # CLOCK_* of codec/timestamps.py; CLOCK_UNSET charges nothing
T_TRIP = 2  # index of the trip in the package, -1 = none
T_CALL = 3  # position of this stop in the trip's stop list, -1 = unknown
T_STOP = 4  # index of the stop, used when there is no trip; -1 = none
T_PICKED = 5  # zones picked on the device, 0 = none
T_ADULTS = 6  # companions by age class; -1 = the card's default number, of the holder's class
T_YOUTHS = 7
T_CHILDREN = 8
T_FLAGS = 9  # FLAG_*
T_BOOK = 10  # authority whose book was chosen at the gate or by the driver, 0 = the stop decides
TAP_SIZE = 11

FLAG_GATE = 1  # a gate: pass-back is refused, not charged
FLAG_SAME_DEVICE = 2  # the newest record was written by this device or its gate group
FLAG_TRIP_RESET = 4  # the trip was reset: same device means nothing for pass-back
FLAG_LATE_TARIFF = 8  # price after the tariff's last day too
FLAG_TICKET = 16  # a paper ticket is sold: C_PURSE_PRODUCT is its number, which may be 0

# ---- DECISION: what it costs, why, and what changes on the card ---------------------------------
D_KIND = 0  # KIND_*
D_REASON = 1  # REFUSED_* (2..15), 0 when not refused
D_AMOUNT = 2  # cents taken from the purse, surcharge included
D_FULL = 3  # price without concession, surcharge included
D_REDUCTION = 4  # D_FULL - D_AMOUNT: what D_PAYER owes or what the pass is worth here
D_CONCESSION = 5  # concession code behind the reduction, 0 = none
D_PAYER = 6  # PAYER_* or a payer number of the tariff; 0 = nobody owes the reduction
D_RULE = 7  # 16 * product number + RULE_*; a refusal is its number 2..15
D_MODIFIERS = 8  # surcharge number 0..2 | fairness reading (FAIR_*) << 4
D_SURCHARGE = 9  # cents of surcharge inside D_AMOUNT
D_BOOK_AUTHORITY = 10  # whose tariff priced it
D_PRODUCT = 11  # product that pays, in the issuer's numbers
D_SLOT = 12  # 0 purse, 1..4 slot
D_GROUP = 13  # rider group the price was taken for
D_ZONES = 14  # mask paid for in the journey after this tap
D_ZONE = 15  # zone of this tap (1..15; the kindest one where a stop has several)
D_START_ZONE = 16
D_START_MINUTE = 17  # absolute
D_CHARGED = 18  # as C_J_CHARGED, after
D_TRANSFERS = 19
D_COMPANIONS = 20
D_NIGHT = 21
D_PAID_BY = 22
D_WHY0 = 23  # WHY_* of the purse; slots 1..4 follow
D_T_WRITE = 28  # 1: file T changes
D_T_SLOT = 29  # slot (1..4) whose T row changes, 0 = none
D_T_START = 30  # the row after
D_T_LENGTH = 31
D_T_DAY = 32
D_T_LEFT = 33
D_T_TODAY = 34
D_T_CENTS = 35
D_CAP_DAY = 36  # the counters after
D_DAY_SUM = 37
D_CAP_START = 38
D_PERIOD_SUM = 39
D_ACTIVATES = 40  # slot (1..4) to activate: read its P row, then call `activate`; 0 = none
D_VERSION = 41  # tariff version that decided
D_DAY = 42  # service day of the tap
D_OWN = 43  # the holder's own part of D_AMOUNT that counts towards a cap
D_DAY_BEFORE = 44  # the counters the decision started from: 0 when their span was over
D_PERIOD_BEFORE = 45
D_HEADS = 46  # companions charged or covered by this tap (INTENT names youths and children)
D_YOUTHS = 47
D_CHILDREN = 48
D_CLIP = 49  # 1: the sold threshold may cut D_OWN in `activate`
D_RIDER = 50  # the rider's group today, whatever D_GROUP the price was taken for: INTENT.group
D_UNIT = 51  # minutes of one unit of the span that begins, 0 = service days
DECISION_SIZE = 52

KIND_REFUSED = 0
KIND_CHARGE = 1
KIND_TRANSFER = 2
KIND_UPGRADE = 3
KIND_PASS = 4
KIND_ACTIVATION = 5
KIND_NAMES = ("refused", "charge", "transfer", "upgrade", "pass", "activation")

REFUSED_TARIFF = 2  # no version of the tariff is valid on this service day
REFUSED_CLOCK = 3  # the clock is not set
REFUSED_PLACE = 4  # no stop, no zone, nothing picked
REFUSED_SEMANTICS = 5  # the tariff is newer than this engine
REFUSED_AUTHORITY = 6  # this issuer's cards are not accepted here
REFUSED_NO_PRODUCT = 7  # nothing on the card is valid here and now
REFUSED_NO_PRICE = 8  # the tariff has no price for this rider and these zones
REFUSED_FUNDS = 9  # every offer costs more than the purse may pay
REFUSED_PASS_BACK = 10
REFUSED_COMPANIONS = 11  # more companions, or older ones, than the product admits
REFUSED_BOOK = 12  # the book chosen does not price this stop
REFUSED_NAMES = (
    "",
    "",
    "tariff",
    "clock",
    "place",
    "semantics",
    "authority",
    "no product",
    "no price",
    "funds",
    "pass-back",
    "companions",
    "book",
)

RULE_CHARGE = 0
RULE_TRANSFER = 1
RULE_UPGRADE = 2
RULE_ACTIVATION = 3
RULE_CAPPED = 4  # the charge was cut so that the cap is met exactly
RULE_CAP_FREE = 5
RULE_TRAVEL_DAY = 6  # a new travel day was counted
RULE_SCHOOL_TRIP = 7  # a trip of the day was counted
RULE_PASS = 8
RULE_EXTENSION = 9
RULE_ELSE = 10  # priced by the product named `else`, as an adult
RULE_EXTRA_HEADS = 11  # a transfer; only persons the journey does not cover yet were charged
RULE_RIDE = 12  # one ride of a pack was used
RULE_NAMES = (
    "charge",
    "transfer",
    "upgrade",
    "activation",
    "capped charge",
    "cap free",
    "travel day",
    "school trip",
    "pass",
    "extension",
    "else product",
    "extra heads",
    "ride",
)

WHY_EMPTY = 0
WHY_USED = 1
WHY_EARLY = 2
WHY_ENDED = 3
WHY_ZONE = 4
WHY_WINDOW = 5
WHY_DAYS = 6  # no travel day or ride left
WHY_TRIPS = 7  # no trip left today
WHY_GROUP = 8
WHY_CALENDAR = 9
WHY_OTHER = 10  # another offer was better
WHY_FOREIGN = 11
WHY_DAMAGED = 12  # the tariff knows no such product, or the fields contradict each other
WHY_FUNDS = 13
WHY_PRICE = 14  # no price for this group or these zones
WHY_NEEDS = 15  # an extension without a valid pass
WHY_NAMES = (
    "empty",
    "used",
    "early",
    "ended",
    "zone",
    "window",
    "days",
    "trips",
    "group",
    "calendar",
    "other better",
    "foreign",
    "damaged",
    "funds",
    "price",
    "needs a pass",
)

FAIR_NONE = 0
FAIR_EARLIER = 1  # the wall clock minus 5 minutes
FAIR_LATER = 2  # the wall clock plus 5 minutes
FAIR_LATE_VEHICLE = 3  # the scheduled minute of a vehicle up to 60 minutes late
FAIR_NAMES = ("none", "clock -5", "clock +5", "late vehicle")

PAYER_NOBODY = 0
PAYER_HOLDER = 1  # the card's holder is invoiced
PAYER_SPONSOR = 2  # numbers from here on are the tariff's payers: city, school ...

PAID_PURSE = 0
PAID_BILLED = 5


def new_card():
    """Return an empty CARD: no purse, no right, no journey."""
    return [0] * CARD_SIZE


def new_tap():
    """Return a TAP that names no trip, stop or zone."""
    tap = [0] * TAP_SIZE
    tap[T_TRIP] = tap[T_CALL] = tap[T_STOP] = tap[T_ADULTS] = -1
    return tap


def new_decision():
    """Return a DECISION to be filled by `rate`."""
    return [0] * DECISION_SIZE


def slot_at(index):
    """Return where slot `index`, 0..3, starts in CARD."""
    return C_SLOT0 + index * C_SLOT_SIZE
