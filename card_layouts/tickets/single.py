"""A single ticket on paper or on a phone: what its code says, and who may say so.

A code is the text `TO1:` and base45 of

    SINGLE 30 | signature 64 by the seller | CERTIFICATE 42 | signature 64 by the authority

so whoever knows the authority's public key checks it offline. The certificate names one device for
at most 30 days; a ticket begins on one of those days. Knows no fares, prints and keeps nothing.
Source: SPEC.md section 9; W-50 to W-53, W-99, D9.
"""

from card_layouts.codec import base45
from card_layouts.codec.bits import Layout, table
from card_layouts.codec.timestamps import day_of
from card_layouts.errors import LayoutError, RangeError

MARK = "TO1:"
SINGLE_LAYOUT = 1
CERTIFICATE_LAYOUT = 1
KIND_SINGLE = 1
SELLER_VEHICLE, SELLER_COUNTER = 1, 2
CERTIFICATE_DAYS = 30
LINES = 4  # rider groups of one ticket
HEADS_MAX = 63
SINGLE_DOMAIN = b"tornello single\0"
CERTIFICATE_DOMAIN = b"tornello certificate\0"

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
SINGLE = Layout("SINGLE", 30, table(
    "layout", 4,
    "kind", 4,
    "authority", 8,
    "device", 20,
    "serial", 30,
    "certificate", 16,
    "product", 10,
    "zones", 16,
    "start_zone", 4,
    "line_only", 1,
    "line", 10,
    "from_minute", 25,
    "minutes", 11,
    "night", 1,
    "group0", 4,
    "count0", 6,
    "group1", 4,
    "count1", 6,
    "group2", 4,
    "count2", 6,
    "group3", 4,
    "count3", 6,
    "price", 17,
    "tariff", 16,
    "free", 7,
))

CERTIFICATE = Layout("CERTIFICATE", 42, table(
    "layout", 4,
    "kind", 4,
    "authority", 8,
    "device", 20,
    "number", 16,
    "from_day", 14,
    "until_day", 14,
    "public", 256,
))
# fmt: on

# Plain numbers, so that a board need not load the tables for them; a test adds them up.
SINGLE_BYTES = 30
CERTIFICATE_BYTES = 42
CERTIFIED_BYTES = 106  # what a seller keeps: the certificate and its signature
CODE_BYTES = 200
CODE_CHARS = 304
CERTIFICATE_AT = 94


def pack_single(values):
    """Return the 30 bytes of a ticket. Raises: RangeError for what no ticket may say."""
    body = bytearray(SINGLE.pack(values))
    SINGLE.put(body, "layout", SINGLE_LAYOUT)
    SINGLE.put(body, "kind", KIND_SINGLE)
    try:
        read_single(body)
    except LayoutError as error:
        raise RangeError(str(error))
    return bytes(body)


def read_single(body):
    """Return the fields of a ticket, `heads` beside them. Raises: LayoutError, naming the field."""
    if len(body) != SINGLE_BYTES:
        raise LayoutError("SINGLE: %d bytes, %d wanted" % (len(body), SINGLE_BYTES))
    values = SINGLE.unpack(body)
    if values["layout"] != SINGLE_LAYOUT or values["kind"] != KIND_SINGLE:
        raise LayoutError("SINGLE.layout: %d of kind %d" % (values["layout"], values["kind"]))
    for name in ("authority", "device", "serial", "minutes"):
        if not values[name]:
            raise LayoutError("SINGLE.%s: 0" % name)
    zones = values["zones"]
    if not zones or zones & 0x8000 and zones != 0xFFFF:
        raise LayoutError("SINGLE.zones: %04x" % zones)
    values["heads"] = _heads(values)
    return values


def _heads(values):
    """Return how many persons ride. Raises: LayoutError unless the lines have one form only."""
    heads = 0
    ended = False
    before = -1
    for i in range(LINES):
        group, count = values["group%d" % i], values["count%d" % i]
        if not count:
            ended = True
        if ended and (group or count) or count and group <= before:
            raise LayoutError("SINGLE.group%d: %d x group %d here" % (i, count, group))
        before = group
        heads += count
    if not 1 <= heads <= HEADS_MAX:
        raise LayoutError("SINGLE: %d persons, 1..%d wanted" % (heads, HEADS_MAX))
    return heads


def lines_of(values):
    """Return [(group, count)] of a ticket's fields."""
    rows = [(values["group%d" % i], values["count%d" % i]) for i in range(LINES)]
    return [row for row in rows if row[1]]


def read_certificate(body):
    """Return the fields of a certificate. Raises: LayoutError."""
    if len(body) != CERTIFICATE_BYTES:
        raise LayoutError("CERTIFICATE: %d bytes, %d wanted" % (len(body), CERTIFICATE_BYTES))
    values = CERTIFICATE.unpack(body)
    if values["layout"] != CERTIFICATE_LAYOUT or values["kind"] not in (
        SELLER_VEHICLE,
        SELLER_COUNTER,
    ):
        raise LayoutError("CERTIFICATE.layout: %d of kind %d" % (values["layout"], values["kind"]))
    if not 0 <= values["until_day"] - values["from_day"] < CERTIFICATE_DAYS:
        raise LayoutError(
            "CERTIFICATE.until_day: %d from day %d" % (values["until_day"], values["from_day"])
        )
    return values


def single_message(body):
    """Return what the seller signs."""
    return SINGLE_DOMAIN + bytes(body)


def certificate_message(body):
    """Return what the authority signs."""
    return CERTIFICATE_DOMAIN + bytes(body)


def encode_code(body, signature, certified):
    """Return the text of a code. Shape: 30, 64 and 106 bytes."""
    data = bytes(body) + bytes(signature) + bytes(certified)
    assert len(data) == CODE_BYTES, len(data)
    return MARK + base45.encode(data)


class Code:
    """What a code says before any signature of it was checked. Raises: LayoutError.

    `data` are its 200 bytes, `body` the ticket's 30, `certificate` the seller's 42; `ticket` and
    `seller` are their fields. Certificate and ticket name the same seller.
    """

    def __init__(self, text):
        if len(text) != CODE_CHARS or text[: len(MARK)] != MARK:
            raise LayoutError("code: %d characters, %d from %s wanted"
                              % (len(text), CODE_CHARS, MARK))  # fmt: skip
        data = base45.decode(text[len(MARK) :])
        self.data = data
        self.body = data[:SINGLE_BYTES]
        self.certificate = data[CERTIFICATE_AT : CERTIFICATE_AT + CERTIFICATE_BYTES]
        self.ticket = ticket = read_single(self.body)
        self.seller = seller = read_certificate(self.certificate)
        for one, other in (("authority", "authority"), ("device", "device"),
                           ("certificate", "number")):  # fmt: skip
            if ticket[one] != seller[other]:
                raise LayoutError("code: ticket by %s %d, certificate for %d"
                                  % (one, ticket[one], seller[other]))  # fmt: skip

    def in_time(self):
        """Return whether the ticket begins on a day its seller was certified for."""
        day = day_of(self.ticket["from_minute"] * 60)
        return self.seller["from_day"] <= day <= self.seller["until_day"]
