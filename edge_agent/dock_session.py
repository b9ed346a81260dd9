"""One dock: calls whoever stands in it, proves both sides, pulls entries, brings what is new.

One question is out at a time; a question without an answer is asked again, and after some tries
the dock starts over with a new handshake. The board's journal and the store make everything
resumable, so starting over loses nothing. Source: SPEC.md "Link"; decisions.md D12, D16, D18.
"""

from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.errors import LayoutError
from card_layouts.link import messages
from card_layouts.link.dock import DockEdge, DockRefused, SessionSpent, check_statement
from card_layouts.link.frames import FrameReader, encode_frame
from edge_agent.dock_parcels import DockParcels
from edge_agent.intake import Intake, IntakeRefused
from edge_agent.ports import BoardLink, Clock, Entropy, LinkDown
from edge_agent.store import Store

ANSWERS = {
    messages.PULL: (messages.SLOTS,),
    messages.ACK: (messages.ACKED,),
    messages.OFFER: (messages.WANT, messages.RESULT),
    messages.CHUNK: (messages.WANT, messages.RESULT),
    messages.REPORT: (messages.REPORT,),
}
PACE_MS = 1000  # between looks for new entries
CALL_MS = 1000  # a call makes the board begin anew: it needs time to prove itself first
ANSWER_MS = 1500
REFUSED_MS = 60_000  # a journal that does not fit will not fit a second later
TRIES = 4
SEQ_MAX = (1 << 30) - 1

ABSENT, CALLING, PROVING, OPEN, REFUSED = "absent", "calling", "proving", "open", "refused"


class DockSession:
    """The edge's side of one serial dock."""

    def __init__(
        self,
        name: str,
        edge: str,
        link: BoardLink,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        pace_ms: int = PACE_MS,
    ) -> None:
        self._pace_ms = pace_ms
        self.name = name
        self.state = CALLING
        self.problem = ""  # last refusal, for people
        self.statement: dict = {}
        self.pulled = 0
        self.refused_frames = 0
        self.installed: list[str] = []
        self.refused_packages: list[str] = []
        self.frames = FrameReader()
        self._link = link
        self._store = store
        self._clock = clock
        self._dock = DockEdge(edge, store.parcels.dock_key, entropy.random_bytes)
        self._intake: Intake | None = None
        self._parcels: DockParcels | None = None
        self._asked: tuple[int, bytes] | None = None
        self._asked_ms = 0
        self._call_at_ms = 0
        self._tries = 0
        self._poll_ms = 0
        self._acked_offered = b""

    @property
    def device(self) -> int | None:
        """Return the device in session, None while nobody is."""
        return self._dock.device if self.state == OPEN else None

    @property
    def is_drained(self) -> bool:
        """Say whether everything in the board's journal is stored here: it is safe to take."""
        intake = self._intake
        return (
            self.state == OPEN
            and intake is not None
            and not intake.holds
            and intake.next_seq > int(self.statement.get("head_seq", 0))
        )

    def tick(self, now_ms: int) -> bool:
        """Do a bounded piece of work; say whether anything moved. Raises: StoreRefused."""
        try:
            frames = self.frames.feed(self._link.read())
            for frame_type, body in frames:
                self._receive(frame_type, body, now_ms)
            return self._speak(now_ms) or bool(frames)
        except LinkDown as down:
            self.problem = str(down)
            self._start_over(ABSENT)
            return False

    def close(self) -> None:
        """Store what is held and tell the board that the session ends. Raises: StoreRefused."""
        self._start_over(CALLING)

    def abandon(self, problem: str) -> None:
        """End the session without storing: the store does not take entries, the journal does."""
        if self._intake is not None:
            self._intake.drop()
        self._start_over(CALLING)
        self.problem = problem

    # --- what the board says -----------------------------------------------------------

    def _receive(self, frame_type: int, body: bytes, now_ms: int) -> None:
        try:
            if frame_type == messages.HELLO:
                self._challenge(body, now_ms)
            elif frame_type == messages.PROOF:
                self._open(body, now_ms)
            elif self.state == OPEN:
                self._answer(frame_type, self._dock.session.open_seal(frame_type, body), now_ms)
        except IntakeRefused as refused:
            self._refuse(refused, now_ms)
        except (DockRefused, LayoutError) as refused:
            # Noise and strangers are counted; they do not end a session that is proven.
            self.refused_frames += 1
            self.problem = f"{type(refused).__name__}: {refused}"
            if self.state != OPEN:
                self.state = REFUSED

    def _challenge(self, body: bytes, now_ms: int) -> None:
        month = month_of(day_of(self._clock.utc_seconds()))
        challenge = self._dock.challenge(body, month)
        self._send(messages.CHALLENGE, challenge)
        if self.state != OPEN:
            self.state = PROVING
            self._call_at_ms = now_ms + CALL_MS

    def _open(self, body: bytes, now_ms: int) -> None:
        statement = self._dock.finish(body)
        self._flush()
        device, epoch = self._dock.device, self._dock.epoch
        self._intake = Intake(self._store, self._clock, device, epoch)
        self._intake.begin(statement["first_seq"], statement["acked_seq"])
        self._parcels = DockParcels(self._store.parcels, device)
        self._asked = None
        self._acked_offered = b""
        self._poll_ms = now_ms
        self.state = OPEN
        self.problem = ""
        self._remember(statement, body[: messages.STATEMENT.size])

    def _remember(self, statement: dict, packed: bytes) -> None:
        self.statement = statement
        self._store.parcels.remember_device(
            self._dock.device, self._dock.epoch, packed, self.name, self._clock.utc_seconds()
        )

    def _answer(self, frame_type: int, payload: bytes, now_ms: int) -> None:
        if frame_type == messages.BYE:
            self._start_over(CALLING)
            return
        if frame_type == messages.SLOTS and self._is_held(payload):
            return  # a pull was asked twice, and answered twice
        asked = self._asked[0] if self._asked else 0
        if frame_type in ANSWERS.get(asked, ()):
            self._asked = None
            self._tries = 0
        elif frame_type != messages.RESULT:
            return  # the answer to a question asked twice
        if frame_type == messages.SLOTS:
            self._take_slots(payload, now_ms)
        elif frame_type == messages.ACKED:
            self._take_acked(payload)
        elif frame_type == messages.REPORT:
            statement = check_statement(payload, self._dock.device, self._dock.epoch)
            self._remember(statement, payload)
            assert self._intake is not None
            if statement["head_seq"] >= self._intake.next_seq:
                self._poll_ms = now_ms  # what the switched package wrote
        elif frame_type in (messages.WANT, messages.RESULT) and self._parcels is not None:
            self._parcels.take(frame_type, payload, now_ms)
            self.installed = self._parcels.installed
            self.refused_packages = self._parcels.refused

    def _is_held(self, payload: bytes) -> bool:
        """Say whether this answer begins with entries that were taken already."""
        assert self._intake is not None
        first_seq, _, _, slots = messages.decode_slots(payload)
        return bool(slots) and first_seq < self._intake.next_seq

    def _take_slots(self, payload: bytes, now_ms: int) -> None:
        assert self._intake is not None
        first_seq, head_seq, h_before, slots = messages.decode_slots(payload)
        self.statement["head_seq"] = head_seq
        self._intake.take(first_seq, h_before, slots)
        self.pulled += len(slots)
        if slots and self._intake.next_seq <= head_seq:
            self._poll_ms = now_ms  # there is more
            return
        self._intake.flush()
        self._poll_ms = now_ms + self._pace_ms
        if self._intake.next_seq <= head_seq:
            self.problem = f"device {self.device} cannot read entry {self._intake.next_seq}"

    def _take_acked(self, payload: bytes) -> None:
        said = messages.unpack_exact(messages.ACKED_BODY, payload)
        self.statement["acked_seq"] = said["acked_seq"]
        if said["status"] not in (messages.ACK_TAKEN, messages.ACK_STALE):
            names = messages.ACK_NAMES
            name = names[said["status"]] if said["status"] < len(names) else str(said["status"])
            self.problem = f"device {self._dock.device} refuses its acknowledgement: {name}"
            self._store.evidence.count("acks_refused_by_device")

    # --- what the edge asks ------------------------------------------------------------

    def _speak(self, now_ms: int) -> bool:
        if self.state != OPEN:
            if now_ms >= self._call_at_ms:
                self._call_at_ms = now_ms + CALL_MS
                # The 00 before it ends whatever noise the line held.
                self._link.write(b"\x00" + encode_frame(messages.CALL, b""))
            return False
        if self._asked is not None:
            if now_ms - self._asked_ms < ANSWER_MS:
                return False
            self._tries += 1
            if self._tries >= TRIES:
                self._start_over(CALLING)
                return False
            return self._ask(self._asked, now_ms)
        question = self._question(now_ms)
        return question is not None and self._ask(question, now_ms)

    def _question(self, now_ms: int) -> tuple[int, bytes] | None:
        """Choose what to ask next: free the board's space, then save entries, then the rest."""
        assert self._intake is not None and self._parcels is not None
        statement = self._acknowledgement()
        if statement:
            self._acked_offered = statement
            return messages.ACK, statement
        # A board that says its last number is used has nothing more to give, now or ever.
        if now_ms >= self._poll_ms and self._intake.next_seq <= SEQ_MAX:
            pull = {"from_seq": self._intake.next_seq, "count": messages.PULL_SLOTS_MAX}
            return messages.PULL, messages.PULL_BODY.pack(pull)
        if self._parcels.has_news:
            self._parcels.has_news = False
            return messages.REPORT, b""
        return self._parcels.question(self.statement, now_ms)

    def _acknowledgement(self) -> bytes:
        mark = self._store.marks.of(self._dock.device, self._dock.epoch)
        if mark is None or mark.statement == self._acked_offered:
            return b""
        newer = mark.incarnation > self.statement["incarnation"]
        return mark.statement if newer or mark.acked_seq > self.statement["acked_seq"] else b""

    def _ask(self, question: tuple[int, bytes], now_ms: int) -> bool:
        try:
            self._send(question[0], self._dock.session.seal(*question))
        except SessionSpent:
            self._start_over(CALLING)
            return False
        self._asked = question
        self._asked_ms = now_ms
        return True

    def _send(self, frame_type: int, body: bytes) -> None:
        self._link.write(encode_frame(frame_type, body))

    # --- ends --------------------------------------------------------------------------

    def _refuse(self, refused: IntakeRefused, now_ms: int) -> None:
        self._store.evidence.count("refused_slots")
        self._start_over(REFUSED)
        self._call_at_ms = now_ms + REFUSED_MS
        self.problem = f"{type(refused).__name__}: {refused}"

    def _flush(self) -> None:
        if self._intake is not None:
            self._intake.flush()

    def _start_over(self, state: str) -> None:
        was_open, self.state = self.state == OPEN, state
        self._asked = None
        self._tries = 0
        intake, self._intake = self._intake, None
        self._parcels = None
        if was_open and state != ABSENT:
            try:
                self._send(messages.BYE, self._dock.session.seal(messages.BYE, b""))
            except (LinkDown, SessionSpent):
                pass  # the board's own time-out says the same
        if intake is not None:
            try:
                intake.flush()
            except IntakeRefused as refused:
                self.problem = f"{type(refused).__name__}: {refused}"
