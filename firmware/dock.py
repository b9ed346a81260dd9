"""The board's side of the dock: proves itself, gives entries, takes acknowledgements and packages.

The edge asks, the board answers; noise and strangers are counted and change nothing. A session
authenticates the link only: acknowledgements and packages carry seals of their own (D12).
Source: SPEC.md "Link"; decisions.md D12, D16, D17, D18; trust.md 6.7.
"""

from card_layouts.codec.timestamps import CLOCK_UNSET, day_of, month_of
from card_layouts.crypto.kdf import dock_key
from card_layouts.errors import LayoutError, SealError
from card_layouts.link import messages as m
from card_layouts.link.dock import DockBoard, DockRefused, SessionSpent
from card_layouts.link.frames import FrameReader, encode_frame
from card_layouts.packages import manifest
from card_layouts.packages.ack import check_ack
from firmware.journal_errors import AcknowledgementRefused

READ_BYTES = 256
READS_PER_TICK = 8
SLOTS_AT_ONCE = 4  # of the seven a frame may hold: a small heap has no long holes
MONTHS_OFF = 1  # the edge may be in the next month already, or still in the last
STATED = (
    ("v_root", manifest.ROOT),
    ("v_tariff", manifest.TARIFF),
    ("v_hotlist", manifest.HOTLIST),
    ("v_overlay", manifest.OVERLAY),
    ("v_actions", manifest.ACTIONS),
    ("v_lease", manifest.LEASE),
    ("v_firmware", manifest.FIRMWARE),
    ("v_snapshot", manifest.SNAPSHOT),
)
ACK_STATUS = {"foreign": m.ACK_FOREIGN, "early": m.ACK_EARLY, "different": m.ACK_DIFFERENT}


class Dock:
    """One board's link. Counters: `refused` frames of strangers, `frames.skipped()` noise."""

    def __init__(self, link, journal, updates, keys, clock, random_bytes):
        self._link = link
        self._journal = journal
        self._updates = updates
        self._keys = keys
        self._clock = clock
        self._board = DockBoard(journal.device, journal.epoch, self._key_of, random_bytes)
        self._buf = bytearray(READ_BYTES)
        self.frames = FrameReader()
        self.refused = 0
        self.installed = None  # (role, version, status) of the last RESULT, for the app
        self.ended = False  # the edge has said BYE, and nothing since

    @property
    def session(self):
        """Return the open session, or None."""
        return self._board.session

    def announce(self):
        """Say HELLO unasked: the dock's contact has just closed, an older session is over."""
        self._send(m.HELLO, self._board.hello())

    def _key_of(self, edge, month):
        """Return K_dock; a month far from ours is an old key somebody kept."""
        seconds, source = self._clock.now()
        ours = month_of(day_of(seconds))
        late = source != CLOCK_UNSET and month > ours + MONTHS_OFF
        if month < ours - MONTHS_OFF or late:
            raise DockRefused(f"CHALLENGE.month: {month}, wanted about {ours}")
        return dock_key(self._keys.dock, edge.encode(), month)

    def tick(self):
        """Answer what has arrived and go on checking a package; return True if anything was."""
        worked = False
        for _ in range(READS_PER_TICK):
            got = self._link.read(self._buf)
            if not got:
                break
            worked = True
            self.feed(self._buf[:got])
        return self._check_package() or worked

    def feed(self, data):
        """Answer the frames that these bytes complete."""
        for frame_type, body in self.frames.feed(data):
            self.ended = False
            self._take(frame_type, body)

    def _check_package(self):
        if not self._updates.busy:
            return False
        result = self._updates.tick()
        if result is not None:
            status, role, detail, version = result
            self.installed = (role, version, status)
            values = {"status": status, "role": role, "detail": detail, "version": version}
            self._answer(m.RESULT, m.RESULT_BODY.pack(values))
        return True

    # Frames ---------------------------------------------------------------------------

    def _take(self, frame_type, body):
        try:
            if frame_type == m.CALL:
                self._send(m.HELLO, self._board.hello())
            elif frame_type == m.CHALLENGE:
                self._send(m.PROOF, self._board.prove(body, self.statement()))
            elif self.session is None:
                self.refused += 1
            else:
                self._question(frame_type, self.session.open_seal(frame_type, body))
        except (DockRefused, LayoutError):
            self.refused += 1

    def _question(self, frame_type, payload):
        if frame_type == m.PULL:
            self._answer(m.SLOTS, self._slots(m.unpack_exact(m.PULL_BODY, payload)))
        elif frame_type == m.ACK:
            values = {"status": self._acknowledge(payload), "acked_seq": self._journal.acked_seq}
            self._answer(m.ACKED, m.ACKED_BODY.pack(values))
        elif frame_type == m.OFFER:
            self._want(self._updates.offer(payload))
        elif frame_type == m.CHUNK:
            offset, part = m.decode_chunk(payload)
            self._want(self._updates.chunk(offset, part))
        elif frame_type == m.REPORT:
            self._answer(m.REPORT, self._report())
        elif frame_type == m.BYE:
            self._board.session = None
            self.ended = True
        else:
            self.refused += 1

    def _want(self, answer):
        status, role, detail, offset = answer
        values = {"status": status, "role": role, "detail": detail, "offset": offset}
        self._answer(m.WANT, m.WANT_BODY.pack(values))

    def _answer(self, frame_type, payload):
        """Seal and send; a spent or ended session is silence, and the edge starts anew."""
        if self.session is None:
            return
        try:
            self._send(frame_type, self.session.seal(frame_type, payload))
        except SessionSpent:
            self._board.session = None

    def _send(self, frame_type, body):
        self._link.write(encode_frame(frame_type, body))

    # What the answers say -------------------------------------------------------------

    def statement(self):
        """Return STATEMENT's fields but layout, device and epoch (D17)."""
        journal = self._journal
        seconds, source = self._clock.now()
        flags = m.STATE_CLOCK_UNSET if source == CLOCK_UNSET else 0
        if not journal.admits_tap():
            flags |= m.STATE_JOURNAL_FULL
        if not self._updates.version(manifest.LEASE):
            flags |= m.STATE_NO_LEASE
        values = {
            "first_seq": journal.first_kept_seq,
            "head_seq": journal.head_seq,
            "acked_seq": journal.acked_seq,
            "incarnation": journal.incarnation,
            "flags": flags,
            "cash_cents": journal.counters.values["cash"],
            "time": seconds,
            "H": journal.H,
        }
        for name, role in STATED:
            values[name] = self._updates.version(role)
        return values

    def _report(self):
        values = self.statement()
        values["layout"] = m.STATEMENT_LAYOUT
        values["device"] = self._journal.device
        values["epoch"] = self._journal.epoch
        return m.STATEMENT.pack(values)

    def _slots(self, pull):
        """Return a SLOTS body: entries from from_seq on, or from the oldest kept."""
        journal = self._journal
        first = max(pull["from_seq"], journal.first_kept_seq)
        count = min(pull["count"], SLOTS_AT_ONCE, journal.head_seq + 1 - first)
        slots = b""
        slot = bytearray(m.SLOT_BYTES)
        h_before = journal.chain_at(first - 1) if first <= journal.head_seq + 1 else None
        for seq in range(first, first + max(0, count)):
            if not journal.read_slot(seq, slot):
                break
            slots += slot
        return m.encode_slots(first, journal.head_seq, h_before or bytes(32), slots)

    def _acknowledge(self, ack64):
        try:
            ack = check_ack(ack64, self._keys.ack)
            return m.ACK_TAKEN if self._journal.acknowledge(ack) else m.ACK_STALE
        except (LayoutError, SealError):
            return m.ACK_FORGED
        except AcknowledgementRefused as refused:
            return ACK_STATUS[refused.why]
