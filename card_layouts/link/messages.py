"""Dock messages: the body of every frame between a board and its edge.

The edge asks and the board answers, one question at a time, so a lost frame is only asked again:
CALL -> HELLO, CHALLENGE -> PROOF, PULL -> SLOTS, ACK -> ACKED, OFFER -> WANT, CHUNK -> WANT or
RESULT, REPORT -> REPORT.  A board may say HELLO or RESULT unasked.  Everything after PROOF is
carried by a `dock.Session`.  Runs on MicroPython and CPython.

Source: SPEC.md "Link"; decisions D12, D16, D17, D18.
"""

from card_layouts.codec.bits import Layout
from card_layouts.errors import LayoutError, RangeError

PROTOCOL = 1

HELLO = 1
CHALLENGE = 2
PROOF = 3
PULL = 4
SLOTS = 5
ACK = 6
ACKED = 7
OFFER = 8
WANT = 9
CHUNK = 10
RESULT = 11
TIME = 12
BYE = 13
CALL = 14
REPORT = 15
NAMES = (
    "",
    "HELLO",
    "CHALLENGE",
    "PROOF",
    "PULL",
    "SLOTS",
    "ACK",
    "ACKED",
    "OFFER",
    "WANT",
    "CHUNK",
    "RESULT",
    "TIME",
    "BYE",
    "CALL",
    "REPORT",
)

# ACKED.status
ACK_TAKEN = 0
ACK_FORGED = 1  # the MAC under K_ack is wrong
ACK_FOREIGN = 2  # another device or epoch
ACK_EARLY = 3  # beyond the journal's head
ACK_DIFFERENT = 4  # H is not this journal's
ACK_STALE = 5  # an older incarnation, or nothing new
ACK_NAMES = ("taken", "forged", "foreign", "early", "different", "stale")

# WANT.status
WANT_FROM = 0  # send the body from `offset`
WANT_HAVE = 1  # this version is already installed
WANT_REFUSED = 2  # see `detail`
WANT_BUSY = 3  # still checking the last one: offer it again later
WANT_NAMES = ("from", "have", "refused", "busy")

# RESULT.status
RESULT_SWITCHED = 0
RESULT_STORED = 1  # whole and checked; becomes valid later
RESULT_REFUSED = 2
RESULT_NAMES = ("switched", "stored", "refused")

# `detail` of a refusal, in WANT and RESULT
WHY_NONE = 0
WHY_SEAL = 1  # envelope not sealed for this device, or signature wrong
WHY_OLDER = 2  # version below the floor
WHY_EXPIRED = 3
WHY_TOO_LARGE = 4  # larger than the partition
WHY_BODY = 5  # SHA-256 of the body is not the manifest's
WHY_LAYOUT = 6  # unknown role, layout or semantics
WHY_NOT_OFFERED = 7  # a chunk without an offer
WHY_NAMES = ("", "seal", "older", "expired", "too large", "body", "layout", "not offered")

# STATEMENT.flags
STATE_CLOCK_UNSET = 1
STATE_JOURNAL_FULL = 2
STATE_NO_LEASE = 4
STATE_FAULT = 8

SLOT_BYTES = 128
PULL_SLOTS_MAX = 7
CHUNK_BYTES_MAX = 768

HELLO_BODY = Layout(
    "HELLO", 21, ("protocol", 8, "free", 4, "device", 20, "free", 2, "epoch", 6, "nonce", 128)
)
CHALLENGE_BODY = Layout("CHALLENGE", 58, ("edge", 192, "month", 16, "nonce", 128, "mac", 128))
STATEMENT = Layout(
    "STATEMENT",
    96,
    (
        "layout",
        4,
        "free",
        2,
        "epoch",
        6,
        "device",
        20,
        "free",
        2,
        "first_seq",
        30,
        "free",
        2,
        "head_seq",
        30,
        "free",
        2,
        "acked_seq",
        30,
        "incarnation",
        24,
        "flags",
        8,
        "free",
        2,
        "cash_cents",
        30,
        "free",
        2,
        "time",
        30,
        "free",
        2,
        "v_root",
        30,
        "free",
        2,
        "v_tariff",
        30,
        "free",
        2,
        "v_hotlist",
        30,
        "free",
        2,
        "v_overlay",
        30,
        "free",
        2,
        "v_actions",
        30,
        "free",
        2,
        "v_lease",
        30,
        "free",
        2,
        "v_firmware",
        30,
        "free",
        2,
        "v_snapshot",
        30,
        "H",
        256,
        "free",
        32,
    ),
)
PROOF_BODY = Layout("PROOF", 112, ("statement", 768, "mac", 128))
PULL_BODY = Layout("PULL", 5, ("free", 2, "from_seq", 30, "count", 8))
SLOTS_HEAD = Layout(
    "SLOTS", 40, ("free", 2, "first_seq", 30, "free", 2, "head_seq", 30, "H_before", 256)
)
ACKED_BODY = Layout("ACKED", 5, ("status", 8, "free", 2, "acked_seq", 30))
WANT_BODY = Layout("WANT", 6, ("status", 4, "role", 4, "detail", 8, "free", 2, "offset", 30))
CHUNK_HEAD = Layout("CHUNK", 4, ("free", 2, "offset", 30))
RESULT_BODY = Layout("RESULT", 6, ("status", 4, "role", 4, "detail", 8, "free", 2, "version", 30))
STATEMENT_LAYOUT = 1

LAYOUTS = (
    HELLO_BODY,
    CHALLENGE_BODY,
    STATEMENT,
    PROOF_BODY,
    PULL_BODY,
    SLOTS_HEAD,
    ACKED_BODY,
    WANT_BODY,
    CHUNK_HEAD,
    RESULT_BODY,
)


def encode_edge(edge: str) -> bytes:
    """Return an edge's id as the 24 bytes that frames carry, filled up with 00.

    Raises: RangeError if it is not 1..24 characters of a-z, 0-9 and '-' (decision D17).
    """
    if not is_edge_id(edge):
        raise RangeError("edge: %r is not 1..24 characters of a-z, 0-9 and '-'" % (edge,))
    raw = edge.encode()
    return raw + bytes(24 - len(raw))


def decode_edge(field: bytes) -> str:
    """Return the id in a 24-byte field; LayoutError if it is no edge id."""
    end = 24
    while end and field[end - 1] == 0:
        end -= 1
    for byte in field[:end]:
        if not (byte == 0x2D or 0x30 <= byte <= 0x39 or 0x61 <= byte <= 0x7A):
            raise LayoutError("CHALLENGE.edge: byte %02x, wanted a-z, 0-9 or '-'" % byte)
    if end == 0:
        raise LayoutError("CHALLENGE.edge: empty, wanted 1..24 characters")
    return field[:end].decode()


def is_edge_id(edge: str) -> bool:
    """Say whether a text may name an edge: 1..24 characters of a-z, 0-9 and '-'."""
    if not 1 <= len(edge) <= 24:
        return False
    for letter in edge:
        if not ("a" <= letter <= "z" or "0" <= letter <= "9" or letter == "-"):
            return False
    return True


def unpack_exact(layout, body: bytes) -> dict:
    """Unpack a body that must be just this layout; LayoutError if its length differs."""
    if len(body) != layout.size:
        raise LayoutError("%s: %d bytes, wanted %d" % (layout.name, len(body), layout.size))
    return layout.unpack(body)


def encode_slots(first_seq: int, head_seq: int, h_before: bytes, slots: bytes) -> bytes:
    """Return a SLOTS body: whole slots one after another, with the chain value before the first.

    Shape: `slots` is 0..7 x 128 bytes; none means the journal holds nothing from `first_seq` on.
    """
    if len(slots) % SLOT_BYTES or len(slots) > PULL_SLOTS_MAX * SLOT_BYTES:
        raise RangeError("SLOTS: %d bytes are not 0..7 slots of 128" % len(slots))
    head = {"first_seq": first_seq, "head_seq": head_seq, "H_before": h_before}
    return SLOTS_HEAD.pack(head) + slots


def decode_slots(body: bytes) -> tuple:
    """Return (first_seq, head_seq, H_before, [slot 128 B, ...]) of a SLOTS body."""
    size = len(body) - SLOTS_HEAD.size
    if size < 0 or size % SLOT_BYTES or size > PULL_SLOTS_MAX * SLOT_BYTES:
        raise LayoutError("SLOTS: %d bytes, wanted 40 and 0..7 slots of 128" % len(body))
    head = SLOTS_HEAD.unpack(body)
    slots = [body[at : at + SLOT_BYTES] for at in range(SLOTS_HEAD.size, len(body), SLOT_BYTES)]
    return head["first_seq"], head["head_seq"], head["H_before"], slots


def encode_chunk(offset: int, part: bytes) -> bytes:
    """Return a CHUNK body: at most 768 bytes of a package from `offset` on."""
    if len(part) > CHUNK_BYTES_MAX:
        raise RangeError("CHUNK: %d bytes, at most %d" % (len(part), CHUNK_BYTES_MAX))
    return CHUNK_HEAD.pack({"offset": offset}) + part


def decode_chunk(body: bytes) -> tuple:
    """Return (offset, bytes) of a CHUNK body."""
    size = len(body) - CHUNK_HEAD.size
    if not 1 <= size <= CHUNK_BYTES_MAX:
        raise LayoutError("CHUNK: %d bytes of package, wanted 1..%d" % (size, CHUNK_BYTES_MAX))
    return CHUNK_HEAD.get(body, "offset"), body[CHUNK_HEAD.size :]
